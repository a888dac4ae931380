package plan

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/units"
	"github.com/Emmanuel326/procjail/userns"
)

// notes says what this host does not give.
func (c *compiler) notes() {
	c.limitsKept()
	c.noteCgroup()
	if c.spec.Landlock && c.host.Landlock < 2 {
		c.note(FeatureLandlock, "no Landlock: ABI "+itoa(int64(c.host.Landlock))+" is offered here, 2 is the first of use; the other walls stand")
	}
	switch {
	case c.id.Note == "" || c.spec.ID != userns.Auto:
	case c.id.ID == userns.Self:
		c.note(FeatureSubID, "the payload runs under your own id: "+c.id.Note)
	default: // root needs no range, and a broken line may stand beside a good one
		c.note("", "the payload is host uid "+itoa(int64(c.id.OutsideUID))+": "+c.id.Note)
	}
	for _, s := range c.id.Shared {
		c.note("", s.String())
	}
	c.noteSecrets()
}

func (c *compiler) note(f Feature, text string) {
	c.plan.Notes = append(c.plan.Notes, Note{f, text})
}

func sizeText(n uint64) string { return units.Text(n) }

// identityRefusal adds the remedy to why no identity can be had.
func identityRefusal(err error) *Refusal {
	r := refuse("--id", err.Error(), "")
	var e *userns.IdentityError
	if !errors.As(err, &e) {
		return r
	}
	r.What = "--id " + e.Req.ID.String()
	byNumber := itoa(int64(e.UID))
	switch {
	case errors.Is(err, userns.ErrNoRange) && e.User == "uid "+byNumber: // which usermod(8) does not know either
		r.as(SubIDNameless).Remedy = "as root: echo " + byNumber + ":100000:65536 >>/etc/subuid && echo " + byNumber + ":100000:65536 >>/etc/subgid, or --id self"
	case errors.Is(err, userns.ErrNoRange):
		r.as(SubIDNone).Remedy = "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 " + e.User + " as root, or --id self"
	case errors.Is(err, userns.ErrRangeUnmapped):
		r.as(SubIDUnmapped).Remedy = "give " + e.User + " a range of ids that /proc/self/uid_map maps, or start procjail outside of the container, or --id self"
	case errors.Is(err, userns.ErrNoHelper):
		r.as(NewidmapMissing).Remedy = "apt-get install uidmap as root, or --id self"
	case errors.Is(err, userns.ErrHelperUnprivileged) && e.Helper.NoSuid:
		r.as(NewidmapNosuid).Remedy = "mount -o remount,suid that file system as root, or --id self"
	case errors.Is(err, userns.ErrHelperUnprivileged):
		r.as(NewidmapUnprivileged).Remedy = "chmod u+s " + e.Helper.Path + " as root, or --id self"
	case errors.Is(err, userns.ErrSelfRoot):
		r.Remedy = "--id subid or auto; a payload is never the host's root"
	case errors.Is(err, userns.ErrPayloadRoot):
		r.Remedy = "another --user, or --id self"
	case errors.Is(err, unix.EMFILE):
		r.Remedy = "ulimit -n 1024, or more (RLIMIT_NOFILE)"
	case errors.Is(err, userns.ErrSource):
		r.as(SubIDUnreadable).Remedy = "make it readable, or --id self"
		var line *userns.LineError
		if errors.As(err, &line) {
			r.Remedy = "mend that line, or --id self"
		}
	case errors.Is(err, userns.ErrNoNewPrivs):
		r.as(NoNewPrivs).Remedy = "--id self"
	case errors.Is(err, userns.ErrNotPrimaryGroup):
		r.as(NotPrimaryGroup).Remedy = "--id self"
	}
	return r
}
