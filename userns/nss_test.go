package userns

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseNSS(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"passwd: files systemd\n", ""},
		{"subid: files\n", ""},
		{"subid:\tsss\n", "sss"},
		{"SubID: sss files", "sss"},
		{"subid: files sss\n", ""}, // one source alone, and it is the first word
		{"subid:\nsubid: sss\n", "sss"},
		{"subid: sss\nsubid: files\n", "sss"},
		{"# subid: sss\n subid: sss\n", ""},
		{"subids: sss\n", ""},
	} {
		if got, err := ParseNSS(strings.NewReader(tt.in)); got != tt.want || err != nil {
			t.Errorf("ParseNSS(%q) = %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestParseGetSubIDs(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []Range
		err  string
	}{
		{"", nil, ""},
		{"0: alice 100000 65536\n", []Range{{100000, 65536}}, ""},
		{"0: alice 2147483648 65536\n1: alice 300000 1\n", []Range{{1 << 31, 65536}, {300000, 1}}, ""},
		{"0: EXAMPLE\\domain user 100000 65536\n", []Range{{100000, 65536}}, ""},
		{"alice 100000 65536\n", nil, `getsubids:1: "alice 100000 65536": want index: owner first count`},
		{"0: alice 100000\n", nil, `getsubids:1: "0: alice 100000": want index: owner first count`},
		{"0: alice 1 1\n1: alice 100000 0\n", nil, `getsubids:2: "1: alice 100000 0": count is 0`},
	} {
		got, err := ParseGetSubIDs(strings.NewReader(tt.in))
		if diff := cmp.Diff(tt.want, got); diff != "" || text(err) != tt.err {
			t.Errorf("ParseGetSubIDs(%q) = %v, %q, want %v, %q", tt.in, got, text(err), tt.want, tt.err)
		}
	}
}

func TestParsePasswd(t *testing.T) {
	const in = "root:x:0:0:root:/root:/bin/sh\n+::::::\nbad:x:1001\n#old:x:1001:7::/:/\n" +
		"alice:x:1001:1002:Alice,,,:/home/alice:/bin/sh\nalias:x:1001:1:::\nbig:x:3000000000:3000000001::/:/bin/sh\n"
	for _, tt := range []struct {
		uid  uint32
		want Login
	}{
		{0, Login{"root", 0, 0, "/root"}},
		{1001, Login{"alice", 1001, 1002, "/home/alice"}},
		{3000000000, Login{"big", 3000000000, 3000000001, "/"}},
	} {
		if got, err := ParsePasswd(strings.NewReader(in), tt.uid); got != tt.want || err != nil {
			t.Errorf("ParsePasswd(%d) = %v, %v, want %v", tt.uid, got, err, tt.want)
		}
	}
	if got, err := ParsePasswd(strings.NewReader(in), 7); !errors.Is(err, ErrNoLogin) {
		t.Errorf("ParsePasswd(7) = %v, %v, want ErrNoLogin", got, err)
	}
}

func FuzzParseNSS(f *testing.F) {
	f.Add("passwd: files\nsubid: sss\n")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := ParseNSS(strings.NewReader(in))
		if err != nil || got == "files" || strings.ContainsAny(got, " \t\n") || !strings.Contains(in, got) {
			t.Fatalf("ParseNSS(%q) = %q, %v", in, got, err)
		}
	})
}

func FuzzParseGetSubIDs(f *testing.F) {
	f.Add("0: alice 100000 65536\n1: alice 1 1\n")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := ParseGetSubIDs(strings.NewReader(in))
		if err != nil && got != nil {
			t.Fatalf("ParseGetSubIDs(%q) = %v beside %v", in, got, err)
		}
		for _, r := range got {
			if r.Count == 0 || wraps(r.First, r.Count) {
				t.Fatalf("ParseGetSubIDs(%q) has %v", in, r)
			}
		}
	})
}

func FuzzParsePasswd(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/sh\nalice:x:1001:1001::/:/bin/sh\n", uint32(1001))
	f.Fuzz(func(t *testing.T, in string, uid uint32) {
		got, err := ParsePasswd(strings.NewReader(in), uid)
		if err == nil && (got.UID != uid || got.Name == "" || strings.ContainsAny(got.Name, ":\n")) {
			t.Fatalf("ParsePasswd(%q, %d) = %v", in, uid, got)
		}
	})
}
