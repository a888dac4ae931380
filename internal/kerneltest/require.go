package kerneltest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/cgroupdelegate"
)

// Feature is something of the host's that a test needs. Its text is the word
// for it in PROCJAIL_REQUIRE.
type Feature string

// The features that Require can probe.
const (
	UserNamespaces Feature = "userns"    // an ordinary account may clone(CLONE_NEWUSER)
	SubordinateIDs Feature = "subid"     // subuid(5) and subgid(5) name the caller
	NewIDMap       Feature = "newuidmap" // newuidmap(1) and newgidmap(1)
	Landlock       Feature = "landlock"  // landlock(7), Linux 5.13
	Cgroup         Feature = "cgroup"    // a cgroup v2 of its own in which the caller may mkdir(2)
	Systemd        Feature = "systemd"   // the caller's own systemd, and a socket of it that answers connect(2)
	Controllers    Feature = "limits"    // that systemd has the controllers cpu, memory and pids
	Strace         Feature = "strace"    // strace(1), and a ptrace(2) that it may use
	Compiler       Feature = "cc"        // a C compiler
	FUSE           Feature = "fuse"      // a /dev/fuse that anybody may open
)

// probes tell, each by trying, that a feature is there (nil) or what was found.
var probes = map[Feature]func() error{
	UserNamespaces: probeUserNamespaces,
	SubordinateIDs: probeSubordinateIDs,
	NewIDMap:       func() error { return lookPath("newuidmap", "newgidmap") },
	Landlock:       probeLandlock,
	Cgroup:         probeCgroup,
	Systemd:        probeSystemd,
	Controllers:    func() error { return HasControllers("cpu", "memory", "pids") },
	Strace:         func() error { return exec.Command("strace", "-f", "-o", "/dev/null", "true").Run() },
	Compiler:       func() error { return lookPath("cc") },
	FUSE:           probeFUSE,
}

// found remembers what each probe said, since a host does not change in a run.
var found sync.Map

// Require skips the test where the host lacks a feature, and says what was
// probed and found. The test fails instead where PROCJAIL_REQUIRE, a list with
// commas, has the feature or "all": CI knows what its machines have.
func Require(t testing.TB, features ...Feature) {
	t.Helper()
	for _, feature := range features {
		probe, ok := probes[feature]
		if !ok {
			t.Fatalf("internal error: no probe for feature %q", feature)
		}
		once, _ := found.LoadOrStore(feature, sync.OnceValue(probe))
		if err := once.(func() error)(); err != nil {
			missing(t, feature, fmt.Sprintf("probed %s, found: %v", feature, err))
		}
	}
}

// Unprivileged skips, or in CI fails, a test that runs as root: what it asserts
// would hold for other reasons. `make test` as root runs it as procjail-test.
func Unprivileged(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		missing(t, "unprivileged", "probed geteuid(2), found: root")
	}
}

// Begin prepares a test of jails: an ordinary account, what it needs of the host,
// and that it leaves nothing (Clean).
func Begin(t testing.TB, features ...Feature) {
	t.Helper()
	Unprivileged(t)
	Require(t, UserNamespaces)
	Require(t, features...)
	Clean(t)
}

// BeginRoot is Begin for a test of jails that root calls. Root's other processes
// come and go on a host, so that of what a jail could leave it looks for processes.
func BeginRoot(t testing.TB) {
	t.Helper()
	Privileged(t)
	Require(t, UserNamespaces)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(os.NewSyscallError("prctl", err))
	}
	t.Cleanup(func() { NobodyLeft(t) })
}

// Identities are the two ways in which a payload can be somebody: --id.
var Identities = []string{"subid", "self"}

// RequireID is Require for what one of Identities needs.
func RequireID(t testing.TB, id string) {
	t.Helper()
	if id == "subid" {
		Require(t, SubordinateIDs, NewIDMap)
	}
}

// EachID begins a test, and runs it, with each of Identities.
func EachID(t *testing.T, f func(t *testing.T, id string)) {
	for _, id := range Identities {
		t.Run(id, func(t *testing.T) {
			RequireID(t, id)
			Begin(t)
			f(t, id)
		})
	}
}

// Privileged skips a test of what root alone may do, unless PROCJAIL_REQUIRE has
// "root": test/run runs the tests whose names begin with TestRoot a second time, as
// root.
func Privileged(t testing.TB) {
	t.Helper()
	if uid := os.Geteuid(); uid != 0 {
		text := fmt.Sprintf("probed geteuid(2), found: %d; test/run runs it as root", uid)
		if required("root") {
			t.Fatal(text)
		}
		t.Skip(text)
	}
}

func missing(t testing.TB, feature Feature, text string) {
	t.Helper()
	if required(string(feature)) || required("all") {
		t.Fatalf("%s (PROCJAIL_REQUIRE has it)", text)
	}
	t.Skip(text)
}

func required(word string) bool {
	return slices.Contains(strings.Split(os.Getenv("PROCJAIL_REQUIRE"), ","), word)
}

func lookPath(names ...string) error {
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			return err
		}
	}
	return nil
}

// probeUserNamespaces starts true(1) in a user namespace. The errno comes from
// clone(2), or from the write of the id map where a security module refuses it.
func probeUserNamespaces() error {
	cmd := exec.Command("true")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 1, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 1, HostID: os.Getgid(), Size: 1}},
	}
	return cmd.Run()
}

func probeSubordinateIDs() error {
	caller, err := user.Current()
	if err != nil {
		return err
	}
	for _, name := range []string{"/etc/subuid", "/etc/subgid"} {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		names := func(line string) bool {
			owner, _, _ := strings.Cut(line, ":")
			return owner == caller.Username || owner == caller.Uid
		}
		if !slices.ContainsFunc(strings.Split(string(text), "\n"), names) {
			return fmt.Errorf("%s does not name %s", name, caller.Username)
		}
	}
	return nil
}

func probeLandlock() error {
	_, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return os.NewSyscallError("landlock_create_ruleset", errno)
	}
	return nil
}

func probeFUSE() error {
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

func probeCgroup() error {
	dir, err := cgroupOf(os.Getpid())
	if err != nil {
		return err
	}
	dir, err = os.MkdirTemp(dir, "procjail-probe")
	if err != nil {
		return err
	}
	return os.Remove(dir)
}

func probeSystemd() error {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		dir = fmt.Sprintf("/run/user/%d", os.Getuid())
	}
	socket, err := net.Dial("unix", filepath.Join(dir, "systemd/private"))
	if err != nil {
		return err
	}
	return socket.Close()
}

// HasControllers asks for controllers of cgroup v2 that the caller's systemd can
// give to a scope, by its own cgroup.
func HasControllers(names ...string) error {
	file := "/sys/fs/cgroup" + cgroupdelegate.UserManager(os.Getuid()) + "/cgroup.controllers"
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.Contains(strings.Fields(string(text)), name) {
			return fmt.Errorf("%s has %q, not %s", file, text, name)
		}
	}
	return nil
}
