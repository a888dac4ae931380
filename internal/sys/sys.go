// Package sys has one thin function for each system call that procjail makes
// itself, outside of a plan's table. It is the only importer of the calls of
// x/sys/unix. Each returns the errno wrapped once, as *os.SyscallError or
// *os.PathError, and retries EINTR where the call can be retried.
package sys

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MmapShared calls mmap(2) for n bytes of zeros that a child shares.
func MmapShared(n int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	return b, os.NewSyscallError("mmap", err)
}

// Munmap calls munmap(2) on what MmapShared returned.
func Munmap(b []byte) { _ = unix.Munmap(b) }

// Sigaction calls rt_sigaction(2): the machine code at handler is called for
// sig on the alternate signal stack, with every signal blocked. restorer is
// what it returns to, 0 where the kernel has its own.
func Sigaction(sig unix.Signal, handler, restorer uintptr) error {
	const (
		saSiginfo  = 0x4
		saRestorer = 0x04000000
		saOnstack  = 0x08000000
		saRestart  = 0x10000000
	)
	// struct kernel_sigaction of asm-generic and of x86.
	act := struct {
		handler, flags, restorer uintptr
		mask                     uint64
	}{handler, saSiginfo | saOnstack | saRestart, restorer, ^uint64(0)}
	if restorer != 0 {
		act.flags |= saRestorer
	} else {
		act.restorer = uintptr(act.mask) // without SA_RESTORER the mask is third
	}
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&act)), 0, 8, 0, 0)
	if e != 0 {
		return os.NewSyscallError("rt_sigaction", e)
	}
	return nil
}

// PidfdSendSignal calls pidfd_send_signal(2).
func PidfdSendSignal(pidfd int, sig unix.Signal) error {
	return os.NewSyscallError("pidfd_send_signal", unix.PidfdSendSignal(pidfd, sig, nil, 0))
}

// Close calls close(2). That it fails is of no use to anybody: Linux has
// closed the descriptor in any case.
func Close(fd int) { _ = unix.Close(fd) }

// ReadEventfd calls read(2) on an eventfd; 0 is one that was never written.
func ReadEventfd(fd int) (uint64, error) {
	var n uint64
	b := unsafe.Slice((*byte)(unsafe.Pointer(&n)), 8)
	for {
		_, err := unix.Read(fd, b)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return 0, nil
		}
		return 0, os.NewSyscallError("read", err)
	}
}

// Arguments returns the pages that hold the command line of this process, of
// which os.Args are no copy (runtime.goargs). They may hold more.
func Arguments() (addr, size uint64) {
	if len(os.Args) == 0 {
		return 0, 0
	}
	page := uint64(os.Getpagesize())
	last := os.Args[len(os.Args)-1]
	from := uint64(uintptr(unsafe.Pointer(unsafe.StringData(os.Args[0])))) &^ (page - 1)
	to := uint64(uintptr(unsafe.Pointer(unsafe.StringData(last)))) + uint64(len(last)) + 1
	if from == 0 || to < from {
		return 0, 0
	}
	return from, (to - from + page - 1) &^ (page - 1)
}
