package userns

// Kind tells user ids from group ids.
type Kind uint8

// The two kinds of ids.
const (
	UID Kind = iota
	GID
)

// String returns "user" or "group", as in "subordinate user ids".
func (k Kind) String() string {
	if k == GID {
		return "group"
	}
	return "user"
}

// Reason is the error value at the bottom of an [IdentityError], for errors.Is.
type Reason string

// Error returns a few words; the whole sentence is the IdentityError's.
func (r Reason) Error() string { return string(r) }

// The reasons. Each has a cause and a remedy of its own, in cmd/procjail.
const (
	// ErrInvalidID: the payload's id is 4294967295, which is no id.
	ErrInvalidID Reason = "4294967295 is no id"
	// ErrPayloadRoot: with a range, 0 inside is the caller. The remedy is another --user, or --id self.
	ErrPayloadRoot Reason = "with subordinate ids a payload cannot be 0 inside"
	// ErrSelfRoot: the payload would run as uid 0 of the host. The remedy is --id subid or auto.
	ErrSelfRoot Reason = "root's own ids are not for a payload"
	// ErrNoRange: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 NAME.
	ErrNoRange Reason = "no subordinate ids"
	// ErrRangeUnmapped: the user has a range, but not one id of it exists in the caller's user namespace and is fit for
	// a payload: a jail in a jail, a container. The remedy is to start it outside, or --id self.
	ErrRangeUnmapped Reason = "subordinate ids do not exist in this user namespace"
	// ErrSource: where the ranges come from cannot be read, or the user's own line in it is broken. Err has which.
	ErrSource Reason = "subordinate ids cannot be read"
	// ErrNoHelper: newuidmap or newgidmap is not there. The remedy is: apt install uidmap.
	ErrNoHelper Reason = "not found"
	// ErrHelperUnprivileged: it is there, but neither set-user-ID root nor has it the file capability, or the mount has
	// nosuid.
	ErrHelperUnprivileged Reason = "has no privilege"
	// ErrNoNewPrivs: the caller runs under no_new_privs, which disarms the helpers.
	ErrNoNewPrivs Reason = "no_new_privs is set"
	// ErrNotPrimaryGroup: the caller's gid is not that of passwd(5), as after newgrp(1), and the helpers refuse that.
	ErrNotPrimaryGroup Reason = "gid is not the primary group"
)

// IdentityError says why a request cannot be had. It is all of errors.Is(err, Reason) and, where there is one,
// errors.Is(err, Err).
type IdentityError struct {
	Reason Reason  // which of the reasons
	Req    Request // what was asked for
	Kind   Kind    // of the ids, or of the helper, that is at fault
	User   string  // the caller's login name, or "uid N"
	UID    uint32  // the caller
	GID    uint32
	Source string // for the reasons of ranges: Source.Name
	Helper Helper // for the reasons of helpers
	Err    error  // for ErrSource: what went wrong
}

// fail makes the error; what does not belong to the reason is left out of its text, not of it.
func (c Caller) fail(reason Reason, req Request, kind Kind) *IdentityError {
	e := &IdentityError{Reason: reason, Req: req, Kind: kind, User: c.Name(), UID: c.UID, GID: c.GID}
	source, helper := c.SubUIDs, c.NewUIDMap
	if kind == GID {
		source, helper = c.SubGIDs, c.NewGIDMap
	}
	e.Source, e.Helper = source.Name, helper
	if reason == ErrSource {
		e.Err = source.Err
	}
	return e
}

// Unwrap returns the reason and the error below it.
func (e *IdentityError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Err}
}

// Program returns the helper for the kind.
func (e *IdentityError) Program() string {
	if e.Kind == GID {
		return newGIDMap
	}
	return newUIDMap
}

const (
	newUIDMap = "newuidmap"
	newGIDMap = "newgidmap"
)

// Error returns one line, as a note or after a colon.
func (e *IdentityError) Error() string {
	ids := "subordinate " + e.Kind.String() + " ids"
	in := ""
	if e.Source != "" {
		in = " in " + e.Source
	}
	switch e.Reason {
	case ErrInvalidID:
		return "payload's " + e.Kind.String() + " id: " + e.Reason.Error()
	case ErrPayloadRoot:
		return "with " + ids + " the payload's " + e.Kind.String() + " id cannot be 0 inside"
	case ErrSelfRoot:
		return "the payload would be uid 0 of the host: " + e.Reason.Error()
	case ErrNoRange:
		return "no " + ids + " for " + e.User + in
	case ErrRangeUnmapped:
		return ids + " of " + e.User + in + " do not exist in this user namespace"
	case ErrSource:
		return ids + " of " + e.User + ": " + e.Err.Error()
	case ErrNoHelper:
		return e.Program() + " not found"
	case ErrHelperUnprivileged:
		if e.Helper.NoSuid {
			return e.Helper.Path + " is on a mount with nosuid"
		}
		return e.Helper.Path + " is not set-user-ID root and has no file capability"
	case ErrNoNewPrivs:
		return e.Program() + " has no effect: no_new_privs is set"
	case ErrNotPrimaryGroup:
		return "gid " + utoa(e.GID) + " is not the primary group of " + e.User + ", which " + e.Program() + " asks for"
	}
	return e.Reason.Error()
}
