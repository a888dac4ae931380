package cause

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/plan"
)

// TestGuide holds docs/failures.md to the table.
func TestGuide(t *testing.T) {
	const page = "../docs/failures.md"
	var b bytes.Buffer
	if err := Write(&b); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), b.String()); diff != "" {
		t.Errorf("%s is not what the table says (go test ./cause -update): -page +table\n%s", page, diff)
	}
	for _, e := range Table() {
		if !strings.Contains(b.String(), "\n### "+e.ID+"\n") {
			t.Errorf("the guide does not have %s", e.ID)
		}
	}
}

// TestReadText reads errors as procjail prints them, the causes of the matrix
// among them.
func TestReadText(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []Said
	}{
		{"", nil},
		{"nothing of procjail's\n", nil},
		{
			"make: ...\nprocjail: error: step 12/41 (init, profile strict: mounts[2]): mount_setattr(AT_FDCWD, \"/a): EPERM\", 0): ENOSYS\n" +
				"procjail: cause: a seccomp filter around procjail answers ENOSYS to mount_setattr(2)\nprocjail: remedy: x\n",
			[]Said{{ID: "seccomp-outer", Call: "mount_setattr", Errno: unix.ENOSYS}},
		},
		{
			"procjail: error: step 9/9 (supervisor): execve(\"/usr/bin/newuidmap\", [\"/usr/bin/newuidmap\"]): exit status 1: not allowed\nprocjail: cause: unknown; looked at: x\n",
			[]Said{{ID: Unknown, Call: "newuidmap"}},
		},
		{
			"procjail: error: --id subid: no subordinate user ids for bob in /etc/subuid\nprocjail: remedy: x\n",
			[]Said{{ID: plan.SubIDNone}},
		},
		{
			"procjail: error: step 7/9 (supervisor): sendmsg(\"/run/user/1/systemd/private\", StartTransientUnit(\"x\", ...): /run: connect: ECONNREFUSED\n",
			[]Said{{Call: "StartTransientUnit", Errno: unix.ECONNREFUSED}},
		},
		{"procjail: error: no command\nprocjail: remedy: procjail --help\n", []Said{{}}},
	} {
		got := ReadText(tt.text)
		for i := range got {
			got[i].Text, got[i].Cause = "", ""
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("ReadText(%q): -want +got\n%s", tt.text, diff)
		}
	}
}

// TestCausesAreRecognised: what a probe has confirmed is found again by its text,
// so that a text without a report is enough for procjail explain.
func TestCausesAreRecognised(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range cells(t) {
		if seen[c.found.ID] {
			continue
		}
		seen[c.found.ID] = true
		name := callName(c.step)
		switch c.step.(type) {
		case plan.Newidmap:
			name = "newuidmap"
		case plan.StartScope:
			name = "StartTransientUnit"
		case plan.AwaitScope:
			name = "JobRemoved"
		}
		got := idOf(c.found.Cause, name, failures[c.failure].errno)
		if got != c.found.ID && c.found.ID != plan.SubIDUnreadable { // which is nothing but a value
			t.Errorf("%q is of %s, recognised as %s", c.found.Cause, c.found.ID, got)
		}
	}
	t.Logf("%d causes", len(seen))
}

// TestStepsOf: every call that an error text can name leads to its steps.
func TestStepsOf(t *testing.T) {
	for _, s := range Steps() {
		name := callName(s)
		switch s.(type) {
		case plan.Newidmap:
			name = "newuidmap"
		case plan.StartScope:
			name = "StartTransientUnit"
		case plan.AwaitScope:
			name = "JobRemoved"
		}
		for _, name := range []string{name, name + "(2)", typeName(s)} {
			found := false
			for _, of := range StepsOf(name) {
				found = found || typeName(of) == typeName(s)
			}
			if !found {
				t.Errorf("StepsOf(%q) does not have %s", name, typeName(s))
			}
		}
	}
	if list := StepsOf("nothing"); len(list) > 0 {
		t.Errorf("StepsOf(nothing) = %v", list)
	}
}
