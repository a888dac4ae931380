package kerneltest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// Mapped is the file of a Hang that can be opened and mapped.
const Mapped = "mapped"

// Hang mounts a file system of its own (fuse(4)) at dir, which it makes if need be,
// and runs a command. Every name in it is a file that never answers an open(2), but
// for Mapped, which answers that and no read; and late is one that only the command
// itself finds, and no process of the command's. Who has no answer is in state D from
// SIGKILL on, until this process ends (fs/fuse/dev.c:request_wait_answer).
//
// Preconditions: CAP_SYS_ADMIN in a user namespace and a mount namespace of its own.
func Hang(dir string, argv []string) int {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, "/dev/fuse:", err)
		return 98
	}
	_ = os.Mkdir(dir, 0o755)
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d,allow_other", fd, os.Getuid(), os.Getgid())
	if err := unix.Mount("none", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		fmt.Fprintln(os.Stderr, "mount:", err)
		return 98
	}
	go serve(fd)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, err)
		return 98
	}
	return cmd.ProcessState.ExitCode()
}

// The requests that are answered, and those to which there is no answer, by
// include/uapi/linux/fuse.h.
const (
	fuseLookup      = 1
	fuseForget      = 2
	fuseGetattr     = 3
	fuseOpen        = 14
	fuseRead        = 15
	fuseInit        = 26
	fuseInterrupt   = 36
	fuseBatchForget = 42
)

// fuseIn is struct fuse_in_header.
type fuseIn struct {
	Len, Opcode    uint32
	Unique, Nodeid uint64
	UID, GID, PID  uint32
	_              uint32
}

// fuseAttr is struct fuse_attr.
type fuseAttr struct {
	Ino, Size, Blocks, Atime, Mtime, Ctime                                       uint64
	Atimensec, Mtimensec, Ctimensec, Mode, Nlink, UID, GID, Rdev, Blksize, Flags uint32
}

// The numbers of the root, of Mapped, and of whatever else is below it.
const fuseRoot, fuseFile, fuseMapped = 1, 2, 3

// serve answers what asks for a name or for its attributes.
func serve(fd int) {
	request := make([]byte, 1<<17)
	for {
		n, err := unix.Read(fd, request)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOENT) {
			continue
		}
		var in fuseIn
		if err != nil || n < binary.Size(in) {
			return
		}
		_ = binary.Read(bytes.NewReader(request), binary.NativeEndian, &in)
		attr := fuseAttr{Ino: in.Nodeid, Size: 4096, Nlink: 1, Mode: unix.S_IFREG | 0o644, UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
		if in.Nodeid == fuseRoot && in.Opcode == fuseGetattr {
			attr.Mode = unix.S_IFDIR | 0o755
		}
		name, _, _ := bytes.Cut(request[binary.Size(in):n], []byte{0})
		if in.Opcode == fuseLookup && string(name) == "late" && Parent(int(in.PID)) != os.Getpid() {
			continue
		}
		switch in.Opcode {
		case fuseInit: // struct fuse_init_out of version 7.31
			reply(fd, in, 0, struct {
				Major, Minor, Readahead, Flags uint32
				Background, Congestion         uint16
				MaxWrite, Granularity          uint32
				_                              [9]uint32
			}{Major: 7, Minor: 31, Background: 8, Congestion: 8, MaxWrite: 4096, Granularity: 1})
		case fuseLookup: // struct fuse_entry_out
			attr.Ino = fuseFile
			if string(name) == Mapped {
				attr.Ino = fuseMapped
			}
			reply(fd, in, 0, struct {
				Nodeid, Generation, EntryValid, AttrValid uint64
				Nsec                                      [2]uint32
				Attr                                      fuseAttr
			}{Nodeid: attr.Ino, AttrValid: 60, Attr: attr}) // the next one asks again
		case fuseGetattr: // struct fuse_attr_out
			reply(fd, in, 0, struct {
				Valid uint64
				_     [2]uint32
				Attr  fuseAttr
			}{Valid: 60, Attr: attr})
		case fuseOpen:
			if in.Nodeid == fuseMapped { // struct fuse_open_out
				reply(fd, in, 0, struct {
					Handle   uint64
					Flags, _ uint32
				}{})
			}
		case fuseRead, fuseForget, fuseBatchForget, fuseInterrupt:
		default:
			reply(fd, in, unix.ENOSYS, struct{}{})
		}
	}
}

// reply writes a struct fuse_out_header and what belongs to it.
func reply(fd int, in fuseIn, errno unix.Errno, body any) {
	var b bytes.Buffer
	for _, part := range []any{uint32(16 + binary.Size(body)), -int32(errno), in.Unique, body} {
		_ = binary.Write(&b, binary.NativeEndian, part)
	}
	_, _ = unix.Write(fd, b.Bytes())
}
