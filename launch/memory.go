package launch

import (
	"bytes"
	"runtime"
	"time"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/seccomp/denial"
)

// apart runs f beside the caller, locked to a thread that is another than the one that
// cloned init. Init is to die with this process, and does so with that thread: where
// the payload holds a thread up in a call that no signal ends, a process that is killed
// does not end, but its other threads do (prctl(2): PR_SET_PDEATHSIG).
func apart(thread int, f func()) {
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if sys.Gettid() != thread {
			f()
			return
		}
		there := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			close(there)
			f()
		}()
		<-there
	}()
}

// memoryOf reads the memory of a thread's process for who may be held up, but would
// rather not: what is there needs nobody else's answer.
func (r *run) memoryOf(tid int) denial.Memory {
	return func(address uint64, n int) []byte {
		if there := sys.Present(tid, address, n); there > 0 {
			b := sys.ReadMemory(tid, address, there)
			if there == n || bytes.IndexByte(b, 0) >= 0 {
				return b
			}
		}
		return r.read(tid, address, n)
	}
}

// readTime is how long a read may take. A disk is quicker.
const readTime = 100 * time.Millisecond

// read reads up to n bytes of the memory of a payload's process: fewer where less can
// be read; nothing where that takes too long, nor as long as the last such read has not
// come back. Where a page is a file's, who reads it waits for the file system
// (process_vm_readv(2), mm/memory.c:handle_mm_fault), and no signal ends that wait: the
// server of a FUSE, which may be in the jail, answers when it likes.
func (r *run) read(pid int, address uint64, n int) []byte {
	select {
	case <-r.late:
		r.late = nil
	default:
		if r.late != nil {
			return nil
		}
	}
	done := make(chan []byte, 1)
	apart(r.thread, func() { done <- sys.ReadMemory(pid, address, n) })
	timer := time.NewTimer(readTime)
	defer timer.Stop()
	select {
	case b := <-done:
		return b
	case <-timer.C:
		r.late = done
		return nil
	}
}
