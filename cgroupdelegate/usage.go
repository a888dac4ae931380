package cgroupdelegate

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Accounts are the files of a cgroup that say what it used and which limits it
// met, read when nothing runs in it any more. Not every kernel has all of them
// (memory.peak: Linux 5.19; pids.peak: 6.1; memory.swap.peak: 6.5), nor a
// cgroup without the controller.
var Accounts = []string{
	"memory.peak", "memory.swap.peak", "memory.events", "pids.peak", "pids.events", "cpu.stat", "io.stat",
}

// MemoryEvents is the file that tells when a limit on memory was met; ppoll(2)
// with POLLPRI waits for a change of it.
const MemoryEvents = "memory.events"

// Usage is what a cgroup used in its life.
type Usage struct {
	User, System time.Duration // processor time
	Throttled    time.Duration // that it was kept from running by cpu.max
	Periods      uint64        // of cpu.max in which something ran
	ThrottledIn  uint64        // periods in which its time was used up
	MemoryPeak   uint64        // bytes; 0: not known
	SwapPeak     uint64
	PidsPeak     uint64
	IORead       uint64 // bytes, of all disks
	IOWritten    uint64

	OOMKills   uint64 // processes that the kernel killed for memory
	OOMGroup   uint64 // times that it killed the whole cgroup (since Linux 5.17)
	PidsDenied uint64 // forks refused by pids.max
	MemoryMax  uint64 // times that memory.max was met
}

// ParseUsage reads the contents of Accounts, by name. What is absent or no
// number stays 0.
func ParseUsage(files map[string]string) Usage {
	cpu := flat(files["cpu.stat"])
	events, pids := flat(files["memory.events"]), flat(files["pids.events"])
	u := Usage{
		User:      microseconds(cpu["user_usec"]),
		System:    microseconds(cpu["system_usec"]),
		Throttled: microseconds(cpu["throttled_usec"]),
		Periods:   cpu["nr_periods"], ThrottledIn: cpu["nr_throttled"],
		MemoryPeak: number(files["memory.peak"]),
		SwapPeak:   number(files["memory.swap.peak"]),
		PidsPeak:   number(files["pids.peak"]),
		OOMKills:   events["oom_kill"],
		OOMGroup:   events["oom_group_kill"],
		PidsDenied: pids["max"],
		MemoryMax:  events["max"],
	}
	// io.stat: "8:0 rbytes=1 wbytes=2 rios=..." for each disk.
	for field := range strings.FieldsSeq(files["io.stat"]) {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "rbytes":
			u.IORead += number(value)
		case "wbytes":
			u.IOWritten += number(value)
		}
	}
	return u
}

// flat reads a flat keyed file: "KEY VALUE" on each line.
func flat(text string) map[string]uint64 {
	m := make(map[string]uint64)
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, " ")
		m[key] = number(value)
	}
	return m
}

func microseconds(n uint64) time.Duration {
	return time.Duration(min(n, math.MaxInt64/1000)) * time.Microsecond
}

func number(s string) uint64 {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Populated reports whether cgroup.events says that a process lives in the
// cgroup or below it.
func Populated(events string) bool { return flat(events)["populated"] != 0 }

// Shmem is, by the text of memory.stat, how many bytes of a cgroup's memory are files
// of a tmpfs, shared anonymous mappings and the like.
func Shmem(memoryStat string) uint64 { return flat(memoryStat)["shmem"] }
