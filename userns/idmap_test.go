package userns

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMap(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Map
		err  string
	}{
		{"", nil, ""},
		{"         0          0 4294967295\n", Map{{0, 0, 4294967295}}, ""},
		{"0 1000 1\n1000 2147483648 65536\n", Map{{0, 1000, 1}, {1000, 1 << 31, 65536}}, ""},
		{"0 1000 1", Map{{0, 1000, 1}}, ""},
		{"0 1000\n", nil, `id map: line 1: no extent: "0 1000"`},
		{"0 1000 1\n0 x 1\n", nil, `id map: line 2: no extent: "0 x 1"`},
		{"0 4294967296 1\n", nil, `id map: line 1: no extent: "0 4294967296 1"`},
	} {
		got, err := ParseMap(strings.NewReader(tt.in))
		if diff := cmp.Diff(tt.want, got); diff != "" || text(err) != tt.err {
			t.Errorf("ParseMap(%q) = %v, %q, want %v, %q", tt.in, got, text(err), tt.want, tt.err)
		}
	}
}

// validateCases are also tried on the kernel, in idmap_kernel_test.go.
var validateCases = []struct {
	name string
	m    Map
	err  string
}{
	{"two extents", Map{{0, 1001, 1}, {1000, 100000, 1}}, ""},
	{"everything", Map{{0, 0, 4294967295}}, ""},
	{"last id", Map{{4294967294, 4294967294, 1}}, ""},
	{"past 2^31", Map{{1 << 31, 3 << 30, 65536}}, ""},
	{"empty", nil, "id map: has no extent"},
	{"no count", Map{{0, 1000, 0}}, `id map: extent 0 "0 1000 0": count is 0`},
	{"inside -1", Map{{4294967295, 0, 1}}, `id map: extent 0 "4294967295 0 1": inside ids pass 4294967294`},
	{"inside wraps", Map{{4294967290, 0, 10}}, `id map: extent 0 "4294967290 0 10": inside ids pass 4294967294`},
	{"outside -1", Map{{0, 4294967290, 6}}, `id map: extent 0 "0 4294967290 6": outside ids pass 4294967294`},
	{"inside overlap", Map{{0, 1000, 10}, {9, 2000, 1}}, `id map: extent 1 "9 2000 1": inside ids overlap those of "0 1000 10"`},
	{"outside overlap", Map{{0, 1000, 1}, {1, 1000, 1}}, `id map: extent 1 "1 1000 1": outside ids overlap those of "0 1000 1"`},
	{"340 extents", ladder(340, 1), ""},
	{"341 extents", ladder(341, 1), "id map: has more than 340 extents"},
	{"longer than a page", ladder(340, 100000), "id map: is 5440 bytes long, one write takes 4095"},
}

// ladder returns n extents of one id each, from first and with gaps.
func ladder(n int, first uint32) Map {
	var m Map
	for i := range uint32(n) {
		m = append(m, Extent{first + 2*i, first + 2*i, 1})
	}
	return m
}

func TestValidate(t *testing.T) {
	for _, tt := range validateCases {
		if got := text(tt.m.Validate()); got != tt.err {
			t.Errorf("%s: Validate() = %q, want %q", tt.name, got, tt.err)
		}
	}
}

func TestMapForms(t *testing.T) {
	m := Map{{0, 1001, 1}, {1000, 4294901760, 65535}}
	if got, want := m.String(), "0 1001 1\n1000 4294901760 65535"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
	if got, want := string(m.Bytes()), m.String()+"\n"; got != want {
		t.Errorf("Bytes() = %q, want %q", got, want)
	}
	if diff := cmp.Diff([]string{"0", "1001", "1", "1000", "4294901760", "65535"}, m.Args()); diff != "" {
		t.Errorf("Args(): %s", diff)
	}
}

func TestTranslate(t *testing.T) {
	m := Map{{0, 1001, 1}, {1000, 4294901760, 65535}}
	for _, tt := range []struct {
		inside, outside uint32
	}{{0, 1001}, {1000, 4294901760}, {66534, 4294967294}} {
		if got, ok := m.ToOutside(tt.inside); got != tt.outside || !ok {
			t.Errorf("ToOutside(%d) = %d, %t, want %d", tt.inside, got, ok, tt.outside)
		}
		if got, ok := m.ToInside(tt.outside); got != tt.inside || !ok {
			t.Errorf("ToInside(%d) = %d, %t, want %d", tt.outside, got, ok, tt.inside)
		}
	}
	for _, id := range []uint32{1, 999, 66535, NoID} {
		if got, ok := m.ToOutside(id); ok {
			t.Errorf("ToOutside(%d) = %d, want none", id, got)
		}
	}
}

func FuzzParseMap(f *testing.F) {
	f.Add("0 0 4294967295\n")
	f.Add("0 1000 1\n1000 2147483648 65536\n")
	f.Fuzz(func(t *testing.T, in string) {
		m, err := ParseMap(strings.NewReader(in))
		if err != nil {
			return
		}
		again, err := ParseMap(strings.NewReader(m.String()))
		if err != nil || !cmp.Equal(m, again) {
			t.Fatalf("ParseMap(%q) = %v, read back %v, %v", in, m, again, err)
		}
		if m.Validate() != nil {
			return
		}
		for _, e := range m {
			last := e.Inside + e.Count - 1
			out, ok := m.ToOutside(last)
			in, back := m.ToInside(out)
			if !ok || !back || in != last {
				t.Fatalf("%v: %d is %d outside, and that is %d inside", m, last, out, in)
			}
		}
	})
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
