package caps

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Emmanuel326/procjail/internal/kerneltest"
)

func TestParseCap(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Cap
		err  string
	}{
		{"CAP_SYS_ADMIN", SysAdmin, ""},
		{"cap_sys_admin", SysAdmin, ""},
		{"SYS_ADMIN", SysAdmin, ""},
		{"Chown", 0, ""},
		{"audit_read", 37, ""},
		{"CAP_PERFMON", 38, ""},
		{"bpf", 39, ""},
		{"CAP_CHECKPOINT_RESTORE", 40, ""},
		{"cap_41", 41, ""},
		{"CAP_63", 63, ""},
		{"CAP_64", 0, `unknown capability "CAP_64", the nearest is CAP_BPF`},
		{"CAP_041", 0, `unknown capability "CAP_041", the nearest is CAP_BPF`},
		{"CAP_21", 0, `unknown capability "CAP_21", the nearest is CAP_SYS_ADMIN`},
		{"SYSADMIN", 0, `unknown capability "SYSADMIN", the nearest is CAP_SYS_ADMIN`},
		{"CAP_NET_RAV", 0, `unknown capability "CAP_NET_RAV", the nearest is CAP_NET_RAW`},
		{strings.Repeat("x", 100), 0, `unknown capability "` + strings.Repeat("x", 100) + `", the nearest is CAP_SYS_ADMIN`},
	} {
		got, err := ParseCap(tt.in)
		msg := ""
		if err != nil {
			msg = err.Error()
			var unknown *UnknownError
			if !errors.As(err, &unknown) {
				t.Errorf("ParseCap(%q): %T, want *UnknownError", tt.in, err)
			}
		}
		if got != tt.want || msg != tt.err {
			t.Errorf("ParseCap(%q) = %v, %q, want %v, %q", tt.in, got, msg, tt.want, tt.err)
		}
	}
}

// TestNamesAreTheKernels compares with <linux/capability.h>, where it is installed.
func TestNamesAreTheKernels(t *testing.T) {
	const header = "/usr/include/linux/capability.h"
	text, err := os.ReadFile(header)
	if err != nil {
		t.Skipf("no kernel headers: %v", err)
	}
	found := 0
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] != "#define" || !strings.HasPrefix(f[1], prefix) || f[1] == "CAP_LAST_CAP" || f[2][0] < '0' || f[2][0] > '9' {
			continue
		}
		found++
		if c, err := ParseCap(f[1]); err != nil || f[2] != strconv.Itoa(int(c)) || c.String() != f[1] {
			t.Errorf("%s is %s in %s; ParseCap gives %d, %v", f[1], f[2], header, c, err)
		}
	}
	if found != int(lastNamed)+1 {
		t.Errorf("%s has %d names, this package %d", header, found, lastNamed+1)
	}
}

func TestSet(t *testing.T) {
	for _, tt := range []struct {
		set  Set
		want string
	}{
		{0, "none"},
		{^Set(0), "ALL"},
		{Of(SysAdmin, NetAdmin, 41), "CAP_NET_ADMIN,CAP_SYS_ADMIN,CAP_41"},
		{Of(64, 200), "none"},
		{1 << 63, "CAP_63"},
	} {
		if got := tt.set.String(); got != tt.want {
			t.Errorf("String() = %q, want %q", got, tt.want)
		}
	}
	if got := All(40); got != 0x1ffffffffff {
		t.Errorf("All(40) = %#x", uint64(got))
	}
	if All(63) != ^Set(0) || All(99) != ^Set(0) || All(0) != 1 {
		t.Errorf("All(63), All(99), All(0) = %v, %v, %v", All(63), All(99), All(0))
	}
	got, err := ParseList([]string{"all", "bpf"})
	if err != nil || got != ^Set(0) {
		t.Errorf("ParseList(all, bpf) = %v, %v", got, err)
	}
	if _, err := ParseList([]string{"bpf", "bfp"}); err == nil {
		t.Error("ParseList(bpf, bfp): no error")
	}
	if got, err := ParseList(nil); got != 0 || err != nil {
		t.Errorf("ParseList(nil) = %v, %v", got, err)
	}
}

func TestDrop(t *testing.T) {
	if diff := cmp.Diff([]uint{0, 1, 2, 3}, DropAll(3)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]uint{0, 2, 3}, Drop(Of(1, 62), 3)); diff != "" {
		t.Error(diff)
	}
	if n := len(DropAll(Max)); n != 64 {
		t.Errorf("DropAll(63) has %d numbers", n)
	}
}

func TestCapset(t *testing.T) {
	d := NewData(Of(0, 40), Of(31, 32), Of(63))
	want := Data{
		{Effective: 1, Permitted: 1 << 31, Inheritable: 0},
		{Effective: 1 << 8, Permitted: 1, Inheritable: 1 << 31},
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Error(diff)
	}
	if e, p, i := d.Sets(); e != Of(0, 40) || p != Of(31, 32) || i != Of(63) {
		t.Errorf("Sets() = %v, %v, %v", e, p, i)
	}
	bytes := d.Bytes()
	if got, want := string(bytes[:]), "\x01\x00\x00\x00"+"\x00\x00\x00\x80"+"\x00\x00\x00\x00"+"\x00\x01\x00\x00"+"\x01\x00\x00\x00"+"\x00\x00\x00\x80"; got != want {
		t.Errorf("Data.Bytes() = %q, want %q", got, want)
	}
	head := NewHeader().Bytes()
	if got, want := string(head[:]), "\x22\x05\x08\x20\x00\x00\x00\x00"; got != want {
		t.Errorf("Header.Bytes() = %q, want %q", got, want)
	}
}

func TestSecurebits(t *testing.T) {
	if Locked != 0xef {
		t.Errorf("Locked = %#x, want 0xef", uint32(Locked))
	}
	for _, tt := range []struct {
		bits Securebits
		want string
	}{
		{0, "0"},
		{SecbitKeepCaps | SecbitNorootLocked, "SECBIT_NOROOT_LOCKED|SECBIT_KEEP_CAPS"},
		{SecbitExecRestrictFile | SecbitExecDenyInteractiveLocked, "SECBIT_EXEC_RESTRICT_FILE|SECBIT_EXEC_DENY_INTERACTIVE_LOCKED"},
		{1<<12 | 1<<31 | SecbitNoroot, "SECBIT_NOROOT|0x80001000"},
	} {
		if got := tt.bits.String(); got != tt.want {
			t.Errorf("%#x prints %q, want %q", uint32(tt.bits), got, tt.want)
		}
	}
	if SecbitExecRestrictFile != 1<<8 || SecbitExecDenyInteractiveLocked != 1<<11 {
		t.Error("the bits of Linux 6.14 are not 8 to 11")
	}
}

const status = "Name:\tcat\nUmask:\t0022\nSigCgt:\t0000000000000000\n" +
	"CapInh:\t0000000000000000\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000200000\nCapBnd:\t000001ffffffffff\n" +
	"CapAmb:\t0000000000000001\nNoNewPrivs:\t0\n"

func TestParseStatus(t *testing.T) {
	want := Status{Permitted: All(40), Effective: Of(SysAdmin), Bounding: All(40), Ambient: Of(0)}
	got, err := ParseStatus(strings.NewReader(status))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if got.Empty() || !(Status{}).Empty() {
		t.Error("Empty() is wrong")
	}
	want.Ambient = 0
	got, err = ParseStatus(strings.NewReader(strings.Replace(status, "CapAmb", "CapXyz", 1)))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("before 4.3: %v %s", err, diff)
	}
	if _, err := ParseStatus(strings.NewReader("Name:\tcat\n")); !errors.Is(err, ErrNoCaps) {
		t.Errorf("no Cap lines: %v, want ErrNoCaps", err)
	}
	if _, err := ParseStatus(strings.NewReader("CapInh:\txyz\n")); err == nil || err.Error() != `status: CapInh: no hexadecimal set: "\txyz"` {
		t.Errorf("no number: %v", err)
	}
}

func TestParseStatusOfThisProcess(t *testing.T) {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	st, err := ParseStatus(file)
	if err != nil || st.Effective&^st.Permitted != 0 {
		t.Errorf("%+v, %v: effective must be in permitted", st, err)
	}
}

func TestParseLastCap(t *testing.T) {
	for in, want := range map[string]Cap{"40\n": 40, "63": 63} {
		if got, err := ParseLastCap(strings.NewReader(in)); got != want || err != nil {
			t.Errorf("ParseLastCap(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "64\n", "-1\n", "40 \n"} {
		if got, err := ParseLastCap(strings.NewReader(in)); err == nil {
			t.Errorf("ParseLastCap(%q) = %d, want an error", in, got)
		}
	}
}

// TestRootImportWithNoProc starts this test binary in an empty root: gocapability reads /proc in its init and must bear that
// there is none, and the names here must not depend on what it read.
func TestRootImportWithNoProc(t *testing.T) {
	if os.Getenv("PROCJAIL_CAPS_NO_PROC") != "" {
		if _, err := os.Stat("/proc"); err == nil {
			t.Fatal("there is a /proc")
		}
		if got, err := ParseCap("CAP_CHECKPOINT_RESTORE"); got != 40 || err != nil || All(40).Caps()[37].String() != "CAP_AUDIT_READ" {
			t.Fatalf("%v, %v", got, err)
		}
		return
	}
	kerneltest.Privileged(t) // chroot(2)
	root := t.TempDir()
	binary, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(root+"/test", binary, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(root+"/tmp", 0o755); err != nil { // for go test -cover
		t.Fatal(err)
	}
	cmd := exec.Command("/test", "-test.run=^TestRootImportWithNoProc$")
	cmd.Env = []string{"PROCJAIL_CAPS_NO_PROC=1"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	if out, err := cmd.CombinedOutput(); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			t.Skipf("the test binary is not static (CGO_ENABLED=0 makes it so): %v", err)
		}
		t.Fatalf("%v: %s", err, out)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("CAP_SYS_ADMIN")
	f.Add("all")
	f.Add("cap_41")
	f.Fuzz(func(t *testing.T, in string) {
		s, err := Parse(in)
		if err != nil {
			var unknown *UnknownError
			if !errors.As(err, &unknown) {
				t.Fatalf("%T", err)
			}
			if _, err := Parse(unknown.Nearest); err != nil {
				t.Fatalf("Parse(%q) offers %q, which is none either", in, unknown.Nearest)
			}
			return
		}
		if again, err := Parse(s.String()); again != s || err != nil {
			t.Fatalf("Parse(%q) = %v, read back %v, %v", in, s, again, err)
		}
	})
}

func FuzzParseStatus(f *testing.F) {
	f.Add(status)
	f.Fuzz(func(t *testing.T, in string) {
		st, err := ParseStatus(strings.NewReader(in))
		if err != nil && !st.Empty() {
			t.Fatalf("ParseStatus(%q) = %v beside %v", in, st, err)
		}
	})
}

func FuzzCapset(f *testing.F) {
	f.Add(uint64(1), uint64(1<<40), uint64(1<<63))
	f.Fuzz(func(t *testing.T, e, p, i uint64) {
		if a, b, c := NewData(Set(e), Set(p), Set(i)).Sets(); uint64(a) != e || uint64(b) != p || uint64(c) != i {
			t.Fatalf("%x %x %x became %x %x %x", e, p, i, a, b, c)
		}
	})
}
