package cause

import (
	"errors"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
	"github.com/Emmanuel326/procjail/userns"
)

// identityEntries are why a caller's subordinate ids cannot be had. A plan is
// refused for each of them before it begins (plan.Refusal); newuidmap(1) finds
// them again where something has changed meanwhile.
func identityEntries() []Entry {
	on := []On{{[]plan.Step{plan.Newidmap{}}, []unix.Errno{0, unix.EACCES, unix.ENOENT}}}
	const or = ", or --id self"
	see := []string{"subuid(5)", "newuidmap(1)", "user_namespaces(7)"}
	is := func(reason userns.Reason, more func(*userns.IdentityError) bool) func(*look) values {
		return func(l *look) values {
			e := l.identity()
			if e == nil {
				return nil
			}
			if e.Reason != reason || more != nil && !more(e) {
				return l.saw("%s", e.Error())
			}
			return values{
				"kind": e.Kind.String(), "user": e.User, "uid": strconv.FormatUint(uint64(e.UID), 10), "gid": strconv.FormatUint(uint64(e.GID), 10),
				"source": e.Source, "program": e.Program(), "path": e.Helper.Path, "error": e.Error(),
			}
		}
	}
	bounding := func(l *look) values {
		s, ok := l.Step.(plan.Newidmap)
		text, known := l.sys.status("CapBnd")
		set, err := strconv.ParseUint(text, 16, 64)
		if !ok || !known || err != nil {
			return l.saw("not known")
		}
		name, n := "CAP_SETUID", unix.CAP_SETUID
		if filepath.Base(s.Program) == "newgidmap" {
			name, n = "CAP_SETGID", unix.CAP_SETGID
		}
		if set&(1<<n) != 0 {
			return l.saw("it has %s", name)
		}
		return values{"path": s.Program, "cap": name}
	}
	nameless := func(e *userns.IdentityError) bool { return e.User == "uid "+strconv.FormatUint(uint64(e.UID), 10) }
	named := func(e *userns.IdentityError) bool { return !nameless(e) }
	return []Entry{
		{
			ID: plan.SubIDNone, Looks: "subordinate ids of the caller", On: on,
			Cause:  "no subordinate {kind} ids for {user} in {source}",
			Remedy: "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user} as root" + or,
			See:    see, probe: is(userns.ErrNoRange, named),
		},
		{
			ID: plan.SubIDNameless, Looks: "the caller's line of passwd(5)", On: on,
			Cause: "no subordinate {kind} ids for {user} in {source}; the account is not in /etc/passwd (LDAP, SSSD, a container), " +
				"so that only a line with its number can name it",
			Remedy: "as root: echo {uid}:100000:65536 >>/etc/subuid && echo {uid}:100000:65536 >>/etc/subgid" + or,
			See:    append([]string{"nsswitch.conf(5): subid"}, see...), probe: is(userns.ErrNoRange, nameless),
		},
		{
			ID: plan.SubIDUnmapped, Looks: "the ids of this user namespace", On: on,
			Cause:  "subordinate {kind} ids of {user} in {source} do not exist in this user namespace",
			Remedy: "give {user} a range of ids that /proc/self/uid_map maps, or start procjail outside of the container" + or,
			See:    see, probe: is(userns.ErrRangeUnmapped, nil),
		},
		{
			ID: plan.SubIDUnreadable, Looks: "the lines of subuid(5) and subgid(5)", On: on,
			Cause:  "{error}",
			Remedy: "mend that line, or make the file readable" + or,
			See:    see, probe: is(userns.ErrSource, nil),
		},
		{
			ID: plan.NewidmapMissing, Looks: "newuidmap and newgidmap", On: on,
			Cause:  "{program} not found",
			Remedy: "apt-get install uidmap as root" + or,
			See:    see, probe: is(userns.ErrNoHelper, nil),
		},
		{
			ID: plan.NewidmapNosuid, Looks: "the mount that they are on", On: on,
			Cause:  "{path} is on a mount with nosuid, where its privilege is not given",
			Remedy: "mount -o remount,suid that file system as root" + or,
			See:    append([]string{"mount(8): nosuid"}, see...),
			probe:  is(userns.ErrHelperUnprivileged, func(e *userns.IdentityError) bool { return e.Helper.NoSuid }),
		},
		{
			ID: plan.NewidmapUnprivileged, Looks: "their set-user-ID bit and file capabilities", On: on,
			Cause:  "{path} is not set-user-ID root and has no file capability",
			Remedy: "chmod u+s {path} as root" + or,
			See:    append([]string{"capabilities(7): file capabilities"}, see...),
			probe:  is(userns.ErrHelperUnprivileged, func(e *userns.IdentityError) bool { return !e.Helper.NoSuid }),
		},
		{
			ID: plan.NoNewPrivs, Looks: "no_new_privs", On: on,
			Cause:  "{program} has no effect: this process runs under no_new_privs, and can gain no privilege by a program",
			Remedy: "start what is around procjail without it: docker run without --security-opt no-new-privileges, systemd NoNewPrivileges=no" + or,
			See:    append([]string{"PR_SET_NO_NEW_PRIVS(2const), prctl(2)"}, see...), probe: is(userns.ErrNoNewPrivs, nil),
		},
		{
			ID: "newidmap-bounding", Looks: "the bounding set", On: []On{{[]plan.Step{plan.Newidmap{}}, []unix.Errno{0, unix.EPERM}}},
			Cause: "{path} gains no {cap}, which is not in the bounding set of this process",
			Remedy: "start what is around procjail with it: docker run --cap-add SETUID --cap-add SETGID, systemd CapabilityBoundingSet=CAP_SETUID CAP_SETGID" +
				or,
			See:   append([]string{"capabilities(7): capability bounding set", "execve(2): EPERM", "kernel/user_namespace.c:new_idmap_permitted"}, see...),
			probe: bounding,
		},
		{
			ID: plan.NotPrimaryGroup, Looks: "the caller's group", On: on,
			Cause:  "gid {gid} is not the primary group of {user}, which {program} asks for",
			Remedy: "start procjail under the primary group, as before newgrp(1)" + or,
			See:    see, probe: is(userns.ErrNotPrimaryGroup, nil),
		},
	}
}

// identity is what is wrong with the caller's subordinate ids now; nil: nothing.
func (l *look) identity() *userns.IdentityError {
	if l.host == nil {
		l.saw("nobody asked")
		return nil
	}
	c := l.sys.caller(l.host.Caller.UID, l.host.Caller.GID)
	v, _ := l.sys.status("NoNewPrivs")
	c.NoNewPrivs = v == "1"
	_, err := userns.Choose(userns.Request{ID: userns.SubID, UID: 1000, GID: 1000}, c)
	var e *userns.IdentityError
	errors.As(err, &e)
	return e
}
