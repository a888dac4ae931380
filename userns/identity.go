package userns

import "strconv"

// ID is the value of --id: which ids the payload runs under, outside.
type ID uint8

const (
	// Auto is SubID where that can be had, else Self. It does not turn to Self over an error in the user's own range.
	Auto ID = iota
	// SubID is a subordinate id of the caller's, or nothing.
	SubID
	// Self is the caller's own ids.
	Self
)

// String returns the word as --id takes it.
func (id ID) String() string {
	switch id {
	case Auto:
		return "auto"
	case SubID:
		return "subid"
	case Self:
		return "self"
	}
	return "ID(" + strconv.Itoa(int(id)) + ")"
}

// UnknownIDError says that a word is none of auto, subid and self.
type UnknownIDError struct{ Word string }

// Error names the word and the three that are accepted.
func (e *UnknownIDError) Error() string {
	return "unknown id " + strconv.Quote(e.Word) + ", want auto, subid or self"
}

// ParseID returns the ID that a word names; the error is an [*UnknownIDError].
func ParseID(s string) (ID, error) {
	for _, id := range [...]ID{Auto, SubID, Self} {
		if s == id.String() {
			return id, nil
		}
	}
	return 0, &UnknownIDError{Word: s}
}

// Request is what the profile and the command line ask for.
type Request struct {
	ID       ID
	UID, GID uint32 // of the payload, inside
}

// Source is the subordinate ids of one kind and where they come from.
type Source struct {
	Name     string // for messages: "/etc/subuid", or "getsubids (subid: sss)"
	Ranges   []Range
	Overlaps []Overlap
	Err      error // why there may be more than Ranges; a file that does not exist is no error
}

// Helper is what is known of newuidmap(1) or newgidmap(1). The zero value means that it was not found.
type Helper struct {
	Path     string // "" where it was not found
	Setuid   bool   // set-user-ID and owned by uid 0 of this user namespace
	FileCaps bool   // has CAP_SETUID, or CAP_SETGID for newgidmap, as an effective file capability
	NoSuid   bool   // on a mount with nosuid, where execve(2) gives neither
}

// Usable reports whether executing the program gives it the privilege that it is there for.
func (h Helper) Usable() bool { return h.Path != "" && (h.Setuid || h.FileCaps) && !h.NoSuid }

// Caller is what is known of the process that asks, all of it as seen in its own user namespace.
type Caller struct {
	UID, GID uint32 // effective
	Login    *Login // from passwd(5); nil where it has none

	SubUIDs, SubGIDs     Source
	NewUIDMap, NewGIDMap Helper

	// NoNewPrivs: PR_GET_NO_NEW_PRIVS is 1, as in a jail; no helper has any effect.
	NoNewPrivs bool
	// Root: CAP_SETUID, CAP_SETGID and CAP_SETFCAP are in the effective set, so the supervisor may write maps with
	// any ids of this namespace in them. CAP_SETFCAP is for maps of id 0, since Linux 5.12.
	Root bool

	// UIDMap and GIDMap are /proc/self/uid_map and gid_map. An empty one means that they were not read, and that every
	// id is taken to exist.
	UIDMap, GIDMap Map
}

// Name returns the login name, or "uid N" where there is none.
func (c Caller) Name() string {
	if c.Login != nil {
		return c.Login.Name
	}
	return "uid " + utoa(c.UID)
}

// Method says who writes uid_map and gid_map, and how.
type Method uint8

const (
	// WriteSelf: the init process writes its own maps, after "deny" to /proc/self/setgroups.
	WriteSelf Method = iota
	// NewIDMap: the supervisor runs newuidmap(1) and newgidmap(1) on the init process.
	NewIDMap
	// WriteParent: the supervisor, privileged in its own namespace, writes the maps of the init process.
	WriteParent
)

// String returns a word for the plan and the report.
func (m Method) String() string {
	switch m {
	case WriteSelf:
		return "write-self"
	case NewIDMap:
		return "newidmap"
	case WriteParent:
		return "write-parent"
	}
	return "Method(" + strconv.Itoa(int(m)) + ")"
}

// Identity is who a payload is and how that comes about.
type Identity struct {
	ID             ID // SubID or Self: what came of Auto
	Method         Method
	UIDMap, GIDMap Map

	PayloadUID, PayloadGID uint32 // inside
	OutsideUID, OutsideGID uint32 // the same two, in the caller's namespace
	BuildUID, BuildGID     uint32 // inside: what the init process is while it builds the jail

	// Setgroups: setgroups(2) works in the namespace, and the payload's supplementary groups must be dropped by it.
	// Otherwise they stay, since "deny" was written, and are all shown as the overflow gid.
	Setgroups bool

	// Note says why the ids are not from a range although Auto or root asked for one, or, where they are, which other
	// line of the user's is broken. Empty where there is nothing to say.
	Note   string
	Shared []Overlap // findings on the two outside ids: somebody else may hold them, too
}
