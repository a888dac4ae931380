package launch

import (
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/seccomp/denial"
)

// Full is a limited tmpfs of the jail's that has no room.
type Full struct {
	Path   string
	Size   uint64 // bytes; 0 where it is inodes that are used up
	Inodes uint64
}

// lookTime is how long a jail lives before its file systems are kept in sight: who
// fills one takes longer, and for the others it would be work in vain.
const lookTime = time.Millisecond

// space is a file system of the jail's that is kept in sight.
type space struct {
	path string
	fd   int // O_PATH
}

// sight is what is kept in it.
type sight struct {
	there  chan struct{} // closed when spaces is
	spaces []space
}

// openSpaces has the tmpfs opened that the payload may write to, so that they can be
// asked when the jail has ended: an open one stays. It does not wait for that.
func (r *run) openSpaces() {
	r.lookAt = time.Time{}
	s, init := &sight{there: make(chan struct{})}, r.known(r.plan.Init)
	r.sight.Store(s)
	apart(r.thread, func() {
		s.spaces = spacesOf(init)
		close(s.there)
	})
	runtime.Gosched() // or it would begin when the runtime sees that this one waits: after the end of a jail of 15 ms
}

// spacesOf opens them by way of PID 1. Where that is the payload, the way may be any
// that it has made.
func spacesOf(init int) (list []space) {
	root := "/proc/" + strconv.Itoa(init)
	text, _ := sys.ReadFile(root + "/mountinfo")
	for line := range strings.Lines(text) {
		before, after, _ := strings.Cut(line, " - ")
		f := strings.Fields(before)
		if len(f) < 6 || !strings.HasPrefix(after, "tmpfs ") || !slices.Contains(strings.Split(f[5], ","), "rw") {
			continue
		}
		point := sys.UnescapeMount(f[4])
		if fd, err := sys.OpenInRoot(root+"/root", point, unix.O_PATH); err == nil {
			list = append(list, space{point, fd})
		}
	}
	return list
}

// inSight are the spaces, for which it waits for so long.
func (r *run) inSight(wait time.Duration) []space {
	s := r.sight.Load()
	if s == nil {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-s.there:
		return s.spaces
	case <-timer.C:
	}
	select {
	case <-s.there:
		return s.spaces
	default:
		return nil
	}
}

// full asks those spaces.
func full(spaces []space) (list []Full) {
	for _, s := range spaces {
		size, noRoom, inodes, noInodes := sys.Room(s.fd)
		switch {
		case noRoom:
			list = append(list, Full{Path: s.path, Size: size})
		case noInodes:
			list = append(list, Full{Path: s.path, Inodes: inodes})
		}
	}
	return list
}

// ends notes what is full when a process ends that says that it has failed: at the
// end of the run its files may be gone.
func (r *run) ends(exit denial.Call) {
	if uint8(exit.Args[0]) == 0 {
		return
	}
	for _, f := range full(r.inSight(0)) {
		if !slices.Contains(r.traced.full, f) {
			r.traced.full = append(r.traced.full, f)
		}
	}
}

// zombies counts the children of PID 1 that have ended and that it has not waited
// for.
func (r *run) zombies() (n int) {
	parent := strconv.Itoa(r.known(r.plan.Init))
	for _, pid := range sys.Names("/proc") {
		text, err := sys.ReadFile("/proc/" + pid + "/stat")
		i := strings.LastIndexByte(text, ')')
		if err != nil || i < 0 || pid == parent {
			continue
		}
		if f := strings.Fields(text[i+1:]); len(f) > 1 && f[0] == "Z" && f[1] == parent {
			n++
		}
	}
	return n
}
