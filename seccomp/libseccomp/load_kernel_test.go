//go:build cgo

package libseccomp_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/seccomp/compact"
	"github.com/Emmanuel326/procjail/seccomp/policy"
)

const loaderName = "loader"

// The test binary is also the process that a filter is loaded into.
func TestMain(m *testing.M) {
	if os.Args[0] == loaderName {
		if err := loader(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// loader reads a program, loads it, and prints how long seccomp(2) took in ns.
func loader() error {
	runtime.LockOSThread()
	program, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	prog := unix.SockFprog{Len: uint16(len(program) / 8), Filter: (*unix.SockFilter)(unsafe.Pointer(&program[0]))}
	start := time.Now()
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	took := time.Since(start)
	if errno != 0 {
		return os.NewSyscallError("seccomp", errno)
	}
	fmt.Println(took.Nanoseconds())
	return nil
}

// load loads a program in a process of its own.
func load(tb testing.TB, program []bpf.RawInstruction) time.Duration {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Args = []string{loaderName}
	cmd.Stdin = strings.NewReader(string(compact.Encode(program)))
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("%v: %s", err, out)
	}
	ns, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return time.Duration(ns)
}

// allow is the shortest filter: what the system call itself costs.
var allow = []bpf.RawInstruction{{Op: 0x06, K: 0x7fff0000}}

// The kernel takes libseccomp's programs, stitched and whole, and ours.
func TestKernelLoads(t *testing.T) {
	load(t, allow)
	for _, name := range policy.BuiltinNames() {
		p := mustBuiltin(t, name)
		// Everything that the loader still has to do is allowed in all three.
		load(t, mustLinear(t, p, runtime.GOARCH))
		load(t, mustCompile(t, p, runtime.GOARCH))
	}
}

// BenchmarkLoad reports medians of seccomp(2), linear and compact in turn. Each
// load is in a process of its own. PROCJAIL_POLICY names one more policy file.
//
//	go test -c -o /tmp/load.test ./seccomp/libseccomp
//	su alice -c '/tmp/load.test -test.run - -test.bench Load -test.benchtime 200x'
func BenchmarkLoad(b *testing.B) {
	type variant struct {
		name    string
		program []bpf.RawInstruction
	}
	variants := []variant{{"allow", allow}}
	add := func(name string, p *policy.Policy) {
		variants = append(variants,
			variant{name + "/linear", mustLinear(b, p, runtime.GOARCH)},
			variant{name + "/compact", mustCompile(b, p, runtime.GOARCH)})
	}
	for _, name := range policy.BuiltinNames() {
		add(name, mustBuiltin(b, name))
	}
	if file := os.Getenv("PROCJAIL_POLICY"); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		p, err := policy.Decode(file, text, policy.Host{Arch: runtime.GOARCH, Kernel: "6.1"})
		if err != nil {
			b.Fatal(err)
		}
		add("file", p)
	}
	times := make([][]time.Duration, len(variants))
	for b.Loop() {
		for i, v := range variants {
			times[i] = append(times[i], load(b, v.program))
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, v := range variants {
		slices.Sort(times[i])
		b.ReportMetric(float64(times[i][len(times[i])/2].Nanoseconds())/1000, v.name+"-us")
		b.ReportMetric(float64(len(v.program)), v.name+"-insns")
	}
}
