// Package badhost makes what a host may lack or refuse, for tests of what a start then
// says: in a user and a mount namespace of the caller's own, where an ordinary user may
// mount, or on a thread that gives something up.
package badhost

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// LongPath has more than the 255 bytes that a file system's option may have.
var LongPath = "/mnt" + strings.Repeat("/a-directory-of-many", 15)

// Tmpfs mounts a file system in memory.
func Tmpfs(at string, flags uintptr, data string) error {
	return os.NewSyscallError("mount "+at, unix.Mount("tmpfs", at, "tmpfs", flags, data))
}

// Bind shows a file or a tree in another's place.
func Bind(from, to string) error {
	return os.NewSyscallError("bind "+to, unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""))
}

// ReadOnly makes a tree read-only, all mounts in it.
func ReadOnly(dir string) error {
	if dir != "/" {
		if err := Bind(dir, dir); err != nil {
			return err
		}
	}
	return os.NewSyscallError("mount_setattr", unix.MountSetattr(unix.AT_FDCWD, dir, unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}))
}

// NoNewPrivs is for this thread, as what follows.
func NoNewPrivs() error {
	return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
}

// Filter has one call answered with an action of seccomp(2).
func Filter(call int, action uint32) error {
	if err := NoNewPrivs(); err != nil {
		return err
	}
	list := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // seccomp_data.nr
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(call)},
		{Code: unix.BPF_RET | unix.BPF_K, K: action},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(list)), Filter: &list[0]}
	return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0))
}

// Landlock restricts by one right: of files (word 0 of landlock(7)'s structure) or of
// the network (word 1).
func Landlock(word int, right uint64) error {
	if err := NoNewPrivs(); err != nil {
		return err
	}
	var attr [2]uint64
	attr[word] = right
	fd, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if e != 0 {
		return os.NewSyscallError("landlock_create_ruleset", e)
	}
	defer unix.Close(int(fd))
	if _, _, e := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); e != 0 {
		return os.NewSyscallError("landlock_restrict_self", e)
	}
	return nil
}

// FullOfMounts makes as many mounts as there may be (fs.mount-max, which is for each
// mount namespace by itself): a recursive bind of a tree into itself
// doubles it, and what is then missing is made of smaller ones.
func FullOfMounts() error {
	const top = "/mnt"
	if err := Tmpfs(top, 0, ""); err != nil {
		return err
	}
	made := 0
	grow := func(from string) error {
		to := fmt.Sprintf("%s/%d", top, made)
		if err := os.Mkdir(to, 0o755); err != nil {
			return err
		}
		err := unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, "")
		if err == nil {
			made++
			return nil
		}
		return errors.Join(err, os.Remove(to))
	}
	sizes := 0 // top/N holds 2^N of them
	for ; sizes < 22; sizes++ {
		if err := grow(top); errors.Is(err, unix.ENOSPC) {
			break
		} else if err != nil {
			return err
		}
	}
	for size := sizes - 1; size >= 0; size-- {
		for {
			err := grow(fmt.Sprintf("%s/%d", top, size))
			if errors.Is(err, unix.ENOSPC) {
				break
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// ManyMounts doubles a tree of mounts until a copy of it is more than fs.mount-max
// allows.
func ManyMounts() error {
	text, err := os.ReadFile("/proc/sys/fs/mount-max")
	if err != nil {
		return err
	}
	most, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	if err := errors.Join(Tmpfs("/mnt", 0, ""), os.Mkdir("/mnt/a", 0o755), Tmpfs("/mnt/a", 0, "")); err != nil {
		return err
	}
	for n, i := 1, 0; n < most/2+1000; n, i = 2*n, i+1 {
		at := "/mnt/a/" + strconv.Itoa(i)
		if err := errors.Join(os.Mkdir(at, 0o755), Bind("/mnt/a", at)); err != nil {
			return err
		}
	}
	return nil
}

// OverOverlay puts an overlay onto a directory.
func OverOverlay(dir string) error {
	if err := Tmpfs("/mnt", 0, ""); err != nil {
		return err
	}
	for _, name := range []string{"lower", "upper", "work"} {
		if err := os.Mkdir("/mnt/"+name, 0o755); err != nil {
			return err
		}
	}
	return os.NewSyscallError("mount overlay", unix.Mount("overlay", dir, "overlay", 0, "lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work,userxattr"))
}

// ManyKeys fills the account's quota of keys, in a session keyring that ends with
// procjail. Keys of those who have ended are freed meanwhile: it is full once it has
// stayed so.
func ManyKeys() error {
	ring, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
	if err != nil {
		return os.NewSyscallError("keyctl", err)
	}
	for i, stayed := 0, 0; stayed < 10; i++ {
		switch _, err := unix.AddKey("user", "procjail-test-"+strconv.Itoa(i), []byte("x"), ring); {
		case errors.Is(err, unix.EDQUOT):
			stayed++
			time.Sleep(50 * time.Millisecond)
		case err != nil:
			return os.NewSyscallError("add_key", err)
		default:
			stayed = 0
		}
	}
	return nil
}

// ExecveFD calls execveat(2) with AT_EMPTY_PATH.
func ExecveFD(fd int, argv, env []string) error {
	empty, err := unix.BytePtrFromString("")
	if err != nil {
		return err
	}
	a, err := syscall.SlicePtrFromStrings(argv)
	if err != nil {
		return err
	}
	e, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(empty)), uintptr(unsafe.Pointer(&a[0])), uintptr(unsafe.Pointer(&e[0])), unix.AT_EMPTY_PATH, 0)
	return os.NewSyscallError("execveat", errno)
}
