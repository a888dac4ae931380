package plan

import (
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

// Render writes what a start rests on and what it does, as --dry-run prints
// it: a line for each fact of the host, then one for each note, entry and
// entry of the undo list.
func (p *Plan) Render(w io.Writer, h *Host) error {
	var b strings.Builder
	for _, fact := range h.facts() {
		b.WriteString("host: " + fact + "\n")
	}
	for _, n := range p.Notes {
		b.WriteString("note: " + n.Text + "\n")
	}
	for i, e := range p.Entries {
		fmt.Fprintf(&b, "%3d  %-10s  %s%s\n", i+1, e.Stage, e, e.origin())
	}
	for _, e := range p.Undo {
		fmt.Fprintf(&b, "undo %-10s  %s%s\n", e.Stage, e, e.origin())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Line is entry i as --verbose prints it: "12/41 init: fchdir(fd9)".
func (p *Plan) Line(i int) string {
	e := p.Entries[i]
	return fmt.Sprintf("%d/%d %s: %s%s", i+1, len(p.Entries), e.Stage, e, e.origin())
}

// origin is the profile line or option, as a comment after a call.
func (e Entry) origin() string {
	if e.From == "" {
		return ""
	}
	return "  # " + e.From
}

func (h *Host) facts() []string {
	c := h.Caller
	list := []string{
		"linux " + h.Release + " " + h.Arch,
		fmt.Sprintf("caller %s, uid %d, gid %d, %d supplementary groups", c.Name(), c.UID, c.GID, h.Groups),
		"subordinate user ids: " + fmt.Sprint(c.SubUIDs.Ranges),
		"subordinate group ids: " + fmt.Sprint(c.SubGIDs.Ranges),
		"newuidmap: " + orNone(c.NewUIDMap.Path),
		"newgidmap: " + orNone(c.NewGIDMap.Path),
		fmt.Sprintf("landlock: ABI %d", h.Landlock),
		"cgroup: " + h.Cgroup.String(),
		"systemd: " + h.Cgroup.Manager.String(),
		"last capability: " + h.LastCap.String(),
		"covered in /proc: " + orNone(strings.Join(h.ProcCovered, " ")),
		"command: " + orNone(h.Program.Path),
	}
	if len(h.Affinity) > 0 {
		which := h.Affinity.String()
		if h.Affinity.all() {
			which = "all"
		}
		list = append(list, "processors: "+which+"; procjail is on "+itoa(int64(h.Processor)))
	}
	if ignored := h.ignored(); len(ignored) > 0 {
		list = append(list, "ignored when procjail was started: "+signals(ignored))
	}
	return list
}

func (h *Host) ignored() []unix.Signal {
	var list []unix.Signal
	for sig := unix.Signal(1); sig <= 64; sig++ {
		if h.Ignored&(1<<(sig-1)) != 0 {
			list = append(list, sig)
		}
	}
	return list
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
