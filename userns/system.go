package userns

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/Emmanuel326/procjail/internal/sys"
)

// System reads what this package needs to know of a host. The zero value reads the running one.
type System struct {
	root string
}

// New returns the running system.
func New() System { return NewFromRoot("/") }

// NewFromRoot returns the system whose files are below root: a captured tree in a test. The programs are those below root,
// too.
func NewFromRoot(root string) System { return System{root: root} }

// Paths of what is read and run, below the root.
const (
	passwdFile    = "/etc/passwd"
	nsswitchFile  = "/etc/nsswitch.conf"
	subuidFile    = "/etc/subuid"
	subgidFile    = "/etc/subgid"
	getsubidsPath = "/usr/bin/getsubids"
	helperDir     = "/usr/bin/"
)

// getsubidsTimeout bounds one run of getsubids(1): a directory server that does not answer must not hold a start for ever.
const getsubidsTimeout = 5 * time.Second

// Caller returns what the files say of a process with these effective ids. Root and NoNewPrivs are left to the one who
// asks, for they are of the process and not of the system.
//
// No error is returned: each that matters is in the Err of a [Source], where [Choose] finds it if it comes to that.
func (s System) Caller(uid, gid uint32) Caller {
	c := Caller{UID: uid, GID: gid}
	c.Login, c.SubUIDs, c.SubGIDs = s.Lookup(uid)
	c.NewUIDMap, c.NewGIDMap = s.Helpers()
	c.UIDMap, c.GIDMap = s.idMap("/proc/self/uid_map"), s.idMap("/proc/self/gid_map")
	return c
}

// Self is Caller for a request of [Self], which needs no subordinate ids and does not wait for who serves them, and no
// Login.
func (s System) Self(uid, gid uint32) Caller {
	c := Caller{UID: uid, GID: gid}
	if uid == 0 { // whether that is the host's root
		c.UIDMap, c.GIDMap = s.idMap("/proc/self/uid_map"), s.idMap("/proc/self/gid_map")
	}
	return c
}

// Login returns the user's line of passwd(5); nil where there is none.
func (s System) Login(uid uint32) *Login {
	text, err := sys.ReadFile(s.path(passwdFile))
	if err != nil {
		return nil
	}
	l, err := parsePasswd(text, uid)
	if err != nil {
		return nil
	}
	return &l
}

// Lookup returns the user's line of passwd(5), nil where there is none, and its subordinate user and group ids: from
// /etc/subuid and /etc/subgid, or from getsubids(1) where nsswitch.conf(5) names another source. Shadow goes back to the
// files where it cannot load that source; Lookup makes an error of it, for the files may then be out of date.
func (s System) Lookup(uid uint32) (login *Login, uids, gids Source) {
	name := ""
	if login = s.Login(uid); login != nil {
		name = login.Name
	}
	// As with shadow, a file that cannot be read names no module.
	module := ""
	if text, err := s.read(nsswitchFile); err == nil {
		module, _ = ParseNSS(bytes.NewReader(text)) // a bytes.Reader has no read error
	}
	if module == "" {
		return login, s.fromFile(subuidFile, name, uid), s.fromFile(subgidFile, name, uid)
	}
	// Getsubids hands the word to the module as it is. Shadow 4.13 does not look up the name that belongs to a number,
	// so the name goes first and the number is for those who have none in passwd(5).
	owner := name
	if owner == "" {
		owner = utoa(uid)
	}
	label := "getsubids (subid: " + module + ")"
	return login, s.fromGetsubids(label, owner), s.fromGetsubids(label, "-g", owner)
}

// read does without os.File, which would start the runtime's poller.
func (s System) read(name string) ([]byte, error) {
	text, err := sys.ReadFile(s.path(name))
	return []byte(text), err
}

func (s System) path(name string) string {
	if s.root == "" {
		return name
	}
	return filepath.Join(s.root, name)
}

func (s System) fromFile(file, user string, uid uint32) Source {
	src := Source{Name: file}
	text, err := s.read(file)
	if errors.Is(err, fs.ErrNotExist) {
		return src
	}
	if err != nil {
		src.Err = err
		return src
	}
	entries, err := parseEntries(bytes.NewReader(text))
	if err != nil {
		src.Err = err
		return src
	}
	src.Ranges, src.Overlaps, src.Err = ownRanges(entries, file, user, uid)
	return src
}

// fromGetsubids runs getsubids(1). It exits with 1 and "Error fetching ranges" for a user who has none, and that is no
// error here; that the same is said when a server is down cannot be told apart, and [Identity.Note] names the source.
func (s System) fromGetsubids(label string, args ...string) Source {
	src := Source{Name: label}
	ctx, cancel := context.WithTimeout(context.Background(), getsubidsTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.path(getsubidsPath), args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second // for a descendant that keeps the pipe open
	out, err := cmd.Output()
	if ctx.Err() != nil {
		src.Err = &os.PathError{Op: "run", Path: getsubidsPath, Err: ctx.Err()}
		return src
	}
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			said := strings.TrimSpace(string(exit.Stderr))
			if exit.ExitCode() == 1 && strings.Contains(said, "Error fetching ranges") {
				return src
			}
			if said != "" {
				err = errors.New(exit.String() + ": " + said)
			}
		}
		var path *os.PathError
		if !errors.As(err, &path) {
			err = &os.PathError{Op: "run", Path: getsubidsPath, Err: err}
		}
		src.Err = err
		return src
	}
	src.Ranges, src.Err = ParseGetSubIDs(bytes.NewReader(out))
	return src
}

// Helpers calls stat(2), statfs(2) and getxattr(2) on newuidmap and newgidmap in /usr/bin and returns what they are.
func (s System) Helpers() (uid, gid Helper) {
	return s.helper(newUIDMap, capSetuid), s.helper(newGIDMap, capSetgid)
}

func (s System) helper(name string, capability uint) Helper {
	path := s.path(helperDir + name)
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return Helper{}
	}
	h := Helper{Path: path}
	// Owned by uid 0 as seen from here: where host root is not mapped, stat shows 65534 and execve ignores the bit.
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		h.Setuid = info.Mode()&fs.ModeSetuid != 0 && st.Uid == 0
	}
	xattr := make([]byte, vfsCapSize)
	if value, err := sys.Getxattr(path, "security.capability", xattr); err == nil {
		h.FileCaps = grants(value, capability)
	}
	if flags, err := sys.MountFlags(path); err == nil {
		h.NoSuid = flags&stNosuid != 0
	}
	return h
}

func (s System) idMap(name string) Map {
	text, err := s.read(name)
	if err != nil {
		return nil
	}
	m, err := ParseMap(bytes.NewReader(text))
	if err != nil {
		return nil
	}
	return m
}
