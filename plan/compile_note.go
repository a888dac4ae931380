package plan

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/profiles"
	"github.com/Emmanuel326/procjail/userns"
)

// notes says which resource limits of the profile nothing enforces here.
func (c *compiler) notes() {
	l := c.spec.Limits
	var missing []string
	if c.spec.Cgroup == CgroupAuto {
		if l.Memory != profiles.Unlimited {
			missing = append(missing, "memory "+sizeText(l.Memory))
		}
		if l.Swap != profiles.Unlimited {
			missing = append(missing, "swap "+sizeText(l.Swap))
		}
		if l.CPUs != 0 {
			missing = append(missing, "cpus "+strconv.FormatFloat(l.CPUs, 'g', -1, 64))
		}
	}
	if len(missing) > 0 {
		c.plan.Notes = append(c.plan.Notes, "no cgroup: "+strings.Join(missing, ", ")+" not in force; pids by RLIMIT_NPROC")
	}
	if c.spec.Landlock && c.host.Landlock < 2 {
		c.plan.Notes = append(c.plan.Notes, "no Landlock: ABI "+itoa(int64(c.host.Landlock))+" of this kernel, 2 is the first of use; the other walls stand")
	}
	if c.id.Note != "" && c.spec.ID == userns.Auto {
		c.plan.Notes = append(c.plan.Notes, "the payload runs under your own id: "+c.id.Note)
	}
	for _, s := range c.id.Shared {
		c.plan.Notes = append(c.plan.Notes, s.String())
	}
	c.noteSecrets()
}

func sizeText(n uint64) string {
	for _, u := range []struct {
		shift uint
		name  string
	}{{30, "G"}, {20, "M"}, {10, "K"}} {
		if n != 0 && n%(1<<u.shift) == 0 {
			return strconv.FormatUint(n>>u.shift, 10) + u.name
		}
	}
	return strconv.FormatUint(n, 10)
}

// identityRefusal adds the remedy to why no identity can be had.
func identityRefusal(err error) *Refusal {
	r := refuse("--id", err.Error(), "")
	var e *userns.IdentityError
	if !errors.As(err, &e) {
		return r
	}
	r.What = "--id " + e.Req.ID.String()
	switch {
	case errors.Is(err, userns.ErrNoRange), errors.Is(err, userns.ErrRangeUnmapped):
		r.Remedy = "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 " + e.User + " as root, or --id self"
	case errors.Is(err, userns.ErrNoHelper):
		r.Remedy = "apt-get install uidmap as root, or --id self"
	case errors.Is(err, userns.ErrHelperUnprivileged):
		r.Remedy = "chmod u+s " + e.Helper.Path + " as root, or --id self"
	case errors.Is(err, userns.ErrSelfRoot):
		r.Remedy = "--id subid or auto; a payload is never the host's root"
	case errors.Is(err, userns.ErrPayloadRoot):
		r.Remedy = "another --user, or --id self"
	case errors.Is(err, unix.EMFILE):
		r.Remedy = "ulimit -n 1024, or more"
	case errors.Is(err, userns.ErrSource):
		r.Remedy = "make it readable, or --id self"
		var line *userns.LineError
		if errors.As(err, &line) {
			r.Remedy = "mend that line, or --id self"
		}
	case errors.Is(err, userns.ErrNoNewPrivs), errors.Is(err, userns.ErrNotPrimaryGroup):
		r.Remedy = "--id self"
	}
	return r
}
