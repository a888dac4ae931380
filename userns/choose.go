package userns

import "errors"

// ContainerID is the outside id of a payload whose caller is root and has no subordinate ids: 0x6fff0000. It is the first
// of the last 65536 ids in the range 524288 to 1879048191 that systemd sets apart for containers, where by its rules no
// user is. See https://systemd.io/UIDS-GIDS/.
const ContainerID = 0x6fff0000

// Choose returns the identity that answers the request. It is pure.
//
// With Self there is one extent, payload inside to caller outside, and the jail is built under that same id. With a range
// there are two, 0 to the caller and the payload to the first subordinate id that is mapped in the caller's namespace and
// is no special one. Whoever may write any map writes it; an ordinary user runs the helpers.
//
// The caller that is root outside never shares its id with a payload: Self is refused, and without a range of its own the
// payload gets [ContainerID], or the highest id that exists where that one does not.
//
// Every error is an [*IdentityError].
func Choose(req Request, c Caller) (Identity, error) {
	if req.UID == NoID {
		return Identity{}, c.fail(ErrInvalidID, req, UID)
	}
	if req.GID == NoID {
		return Identity{}, c.fail(ErrInvalidID, req, GID)
	}
	if req.ID == Self {
		return c.self(req)
	}
	id, err := c.subordinate(req)
	if err == nil || req.ID == SubID {
		return id, err
	}
	// Auto falls back where a range cannot be had. It does not where one was meant but is broken, or where the request
	// itself is at fault: a payload under the caller's id would be a silent loss of protection.
	if errors.Is(err, ErrSource) || errors.Is(err, ErrPayloadRoot) {
		return Identity{}, err
	}
	id, selfErr := c.self(req)
	if selfErr != nil {
		return Identity{}, err // that no range can be had is what the user can change
	}
	id.Note = err.Error()
	return id, nil
}

// self maps one id of each kind: the caller.
func (c Caller) self(req Request) (Identity, error) {
	if c.isHostRoot() {
		return Identity{}, c.fail(ErrSelfRoot, req, UID)
	}
	return Identity{
		ID:         Self,
		Method:     WriteSelf,
		UIDMap:     Map{{req.UID, c.UID, 1}},
		GIDMap:     Map{{req.GID, c.GID, 1}},
		PayloadUID: req.UID,
		PayloadGID: req.GID,
		OutsideUID: c.UID,
		OutsideGID: c.GID,
		BuildUID:   req.UID,
		BuildGID:   req.GID,
	}, nil
}

// isHostRoot reports whether the caller's uid is 0 outside its namespace, too. In a nested namespace that is seen one
// level up only, which errs on the safe side for all but a 0 that a namespace above has itself given away.
func (c Caller) isHostRoot() bool {
	if len(c.UIDMap) == 0 {
		return c.UID == 0
	}
	outside, ok := c.UIDMap.ToOutside(c.UID)
	return ok && outside == 0
}

// subordinate maps the caller to 0 and a subordinate id to the payload.
func (c Caller) subordinate(req Request) (Identity, error) {
	method := NewIDMap
	if c.Root {
		method = WriteParent
	} else if err := c.helpers(req); err != nil {
		return Identity{}, err
	}
	uid, uidNote, err := c.pick(req, UID)
	if err != nil {
		return Identity{}, err
	}
	gid, gidNote, err := c.pick(req, GID)
	if err != nil {
		return Identity{}, err
	}
	// 0 inside is the caller. A payload of that number would be the caller, or the map would overlap itself. This comes
	// last: where no range can be had, Auto still may give a payload that is 0 inside.
	if req.UID == 0 {
		return Identity{}, c.fail(ErrPayloadRoot, req, UID)
	}
	if req.GID == 0 {
		return Identity{}, c.fail(ErrPayloadRoot, req, GID)
	}
	note := uidNote
	if note == "" {
		note = gidNote
	}
	return Identity{
		ID:         SubID,
		Method:     method,
		UIDMap:     Map{{0, c.UID, 1}, {req.UID, uid, 1}},
		GIDMap:     Map{{0, c.GID, 1}, {req.GID, gid, 1}},
		PayloadUID: req.UID,
		PayloadGID: req.GID,
		OutsideUID: uid,
		OutsideGID: gid,
		Setgroups:  true, // newgidmap(1) leaves it allowed where the map has a range of subgid(5)
		Note:       note,
		Shared:     append(sharing(c.SubUIDs.Overlaps, uid), sharing(c.SubGIDs.Overlaps, gid)...),
	}, nil
}

// helpers returns nil when newuidmap and newgidmap will do their work for the caller.
func (c Caller) helpers(req Request) error {
	if c.NewUIDMap.Path == "" {
		return c.fail(ErrNoHelper, req, UID)
	}
	if c.NewGIDMap.Path == "" {
		return c.fail(ErrNoHelper, req, GID)
	}
	if !c.NewUIDMap.Usable() {
		return c.fail(ErrHelperUnprivileged, req, UID)
	}
	if !c.NewGIDMap.Usable() {
		return c.fail(ErrHelperUnprivileged, req, GID)
	}
	if c.NoNewPrivs {
		return c.fail(ErrNoNewPrivs, req, UID)
	}
	// Both programs compare getgid(2) with passwd(5) and else say "owned by a different user".
	if c.Login != nil && c.Login.GID != c.GID {
		return c.fail(ErrNotPrimaryGroup, req, GID)
	}
	return nil
}

// pick returns the outside id of the payload, and what is to be said about it: why it is not from a range, or what is wrong
// with another line of the user's.
func (c Caller) pick(req Request, kind Kind) (id uint32, note string, err error) {
	source, own, ns := c.SubUIDs, c.UID, c.UIDMap
	if kind == GID {
		source, own, ns = c.SubGIDs, c.GID, c.GIDMap
	}
	if id, ok := firstUsable(source.Ranges, ns, own); ok {
		if source.Err != nil { // another line of the user's own is broken
			note = source.Err.Error()
		}
		return id, note, nil
	}
	reason := ErrNoRange
	switch {
	case source.Err != nil:
		reason = ErrSource
	case len(source.Ranges) > 0:
		reason = ErrRangeUnmapped
	}
	failure := c.fail(reason, req, kind)
	if !c.Root {
		return 0, "", failure
	}
	// Root needs nobody's leave to map an id, so it makes do with a fixed one, if that exists in its namespace.
	if id, ok := firstUsable([]Range{{ContainerID, 1}}, ns, own); ok {
		return id, failure.Error(), nil
	}
	if id, ok := lastUsable(ns, own); ok {
		return id, failure.Error(), nil
	}
	return 0, "", failure
}

// firstUsable returns the first id of the ranges that exists in the namespace that ns maps, and is neither special nor
// the caller's own: two lines of a map with one outside id are EINVAL.
func firstUsable(ranges []Range, ns Map, own uint32) (uint32, bool) {
	if len(ns) == 0 {
		ns = Map{{0, 0, NoID}}
	}
	for _, r := range ranges {
		best, found := uint64(NoID), false
		for _, e := range ns {
			lo := max(uint64(r.First), uint64(e.Inside))
			hi := min(uint64(r.First)+uint64(r.Count), uint64(e.Inside)+uint64(e.Count))
			for lo < hi && !usable(uint32(lo), own) {
				lo++
			}
			if lo < hi && lo < best {
				best, found = lo, true
			}
		}
		if found {
			return uint32(best), true
		}
	}
	return 0, false
}

// lastUsable returns the highest id of the namespace that is usable. With the usual 65536 ids that is 65533, which
// systemd lists as unused.
func lastUsable(ns Map, own uint32) (uint32, bool) {
	best, found := uint32(0), false
	for _, e := range ns {
		for n := e.Count; n > 0; n-- {
			id := e.Inside + (n - 1)
			if usable(id, own) {
				if id > best {
					best, found = id, true
				}
				break
			}
		}
	}
	return best, found
}

// usable reports whether a payload may run under an outside id. Not root, not the overflow id that unmapped owners are
// shown as, not (uid_t)-1 in 16 and in 32 bits, and not the caller.
func usable(id, own uint32) bool {
	switch id {
	case 0, 65534, 65535, NoID, own:
		return false
	}
	return true
}

// sharing returns the findings that touch id.
func sharing(overlaps []Overlap, id uint32) []Overlap {
	var found []Overlap
	for _, o := range overlaps {
		if o.Range.Contains(id) && o.Other.Contains(id) {
			found = append(found, o)
		}
	}
	return found
}
