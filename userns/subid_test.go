package userns

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSubIDs(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   string
		want []Range
		err  string
	}{
		{"by name", "alice:100000:65536\n", []Range{{100000, 65536}}, ""},
		{"by number", "1001:100000:65536\n", []Range{{100000, 65536}}, ""},
		{"no newline", "alice:100000:65536", []Range{{100000, 65536}}, ""},
		{"several", "alice:100000:65536\nbob:165536:65536\nalice:300000:1\n", []Range{{100000, 65536}, {300000, 1}}, ""},
		{"none", "bob:165536:65536\n", nil, ""},
		{"empty file", "", nil, ""},
		{"comments and blanks", "# alice:1:1\n\n   \nalice:100000:65536\n", []Range{{100000, 65536}}, ""},
		{"past 2^31", "alice:2147483648:65536\n", []Range{{1 << 31, 65536}}, ""},
		{"to the last id", "alice:4294901759:65536\n", []Range{{4294901759, 65536}}, ""},
		{"as strtoll reads", "alice:0x186a0:0200000:more\n", []Range{{100000, 65536}}, ""},
		{"another's broken line", "bob:x:y\nbob\n:::\nalice:100000:65536\n", []Range{{100000, 65536}}, ""},
		{"another name's prefix", "alice2:1:1\nalic:2:2\n", nil, ""},

		{"-1 in it", "alice:4294901760:65536\n", nil, `/etc/subuid:1: "alice:4294901760:65536": range passes id 4294967294`},
		{"wraps", "alice:4294967295:18446744073709551615\n", nil, `/etc/subuid:1: "alice:4294967295:18446744073709551615": count is out of range`},
		{"first past 2^32", "alice:4294967296:1\n", nil, `/etc/subuid:1: "alice:4294967296:1": range passes id 4294967294`},
		{"negative", "alice:-1:65536\n", nil, `/etc/subuid:1: "alice:-1:65536": first id is no number`},
		{"no count", "bob:1:1\nalice:100000\n", nil, `/etc/subuid:2: "alice:100000": want three fields, owner:first:count`},
		{"count 0", "alice:100000:0\n", nil, `/etc/subuid:1: "alice:100000:0": count is 0`},
		{"carriage return", "alice:100000:65536\r\n", nil, `/etc/subuid:1: "alice:100000:65536\r": count is no number`},
		{"Go's own numbers", "alice:100_000:65536\n", nil, `/etc/subuid:1: "alice:100_000:65536": first id is no number`},
		{"good beside broken", "1001:1:x\nalice:100000:65536\n", []Range{{100000, 65536}}, `/etc/subuid:1: "1001:1:x": count is no number`},
		{"too long", "alice:1:1:" + strings.Repeat("x", 1024), nil, `/etc/subuid:1: "alice:1:1:` + strings.Repeat("x", 1024) + `": line too long`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseSubIDs(strings.NewReader(tt.in), "/etc/subuid", "alice", 1001)
			if diff := cmp.Diff(tt.want, got); diff != "" || text(err) != tt.err {
				t.Errorf("ParseSubIDs(%q) = %v, %q, want %v, %q", tt.in, got, text(err), tt.want, tt.err)
			}
		})
	}
}

func TestParseSubIDsOfNobody(t *testing.T) {
	got, err := ParseSubIDs(strings.NewReader(":1:1\n4294967294:5:6\n"), "f", "", 4294967294)
	if diff := cmp.Diff([]Range{{5, 6}}, got); diff != "" || err != nil {
		t.Errorf("no login name: %v, %v, want the numeric line alone", got, err)
	}
}

func TestParseOverlaps(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   string
		want []string
	}{
		{"none", "alice:100000:65536\nbob:165536:65536\n", nil},
		{"with another", "bob:165535:65536\nalice:100000:65536\n", []string{"f:2: ids 100000-165535 overlap 165535-231070 of bob in line 1"}},
		{"own", "alice:100000:10\n1001:100009:10\n", []string{"f:1: ids 100000-100009 overlap 100009-100018 of 1001 in line 2"}},
		{"own twice", "alice:100000:65536\n1001:100000:65536\n", nil},
		{"of others", "bob:1:10\ncarol:1:10\nalice:100000:10\n", nil},
		{"broken", "bob:100000:0\nalice:100000:10\nalice:x:1\n", nil},
	} {
		found, err := ParseOverlaps(strings.NewReader(tt.in), "f", "alice", 1001)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range found {
			got = append(got, o.String())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

func FuzzParseSubIDs(f *testing.F) {
	f.Add("alice:100000:65536\nbob:0x1:010\n", "alice", uint32(1001))
	f.Add("# x\n\n1001:4294967294:1\n1001::\n", "", uint32(1001))
	f.Fuzz(func(t *testing.T, in, user string, uid uint32) {
		ranges, err := ParseSubIDs(strings.NewReader(in), "f", user, uid)
		for _, r := range ranges {
			if r.Count == 0 || wraps(r.First, r.Count) || !r.Contains(r.First) || !r.Contains(r.Last()) {
				t.Fatalf("ParseSubIDs(%q) has %v", in, r)
			}
		}
		// A broken line of somebody else's changes nothing.
		if user == "bob" || strings.HasSuffix(in, "\n") == (in == "") {
			return
		}
		again, err2 := ParseSubIDs(strings.NewReader(in+"bob:x:y\n"), "f", user, uid)
		if !cmp.Equal(ranges, again) || text(err) != text(err2) {
			t.Fatalf("%v, %v became %v, %v", ranges, err, again, err2)
		}
	})
}
