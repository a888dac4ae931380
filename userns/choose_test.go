package userns

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// alice has everything that Auto asks for.
func alice() Caller {
	return Caller{
		UID: 1001, GID: 1002,
		Login:     &Login{Name: "alice", UID: 1001, GID: 1002},
		SubUIDs:   Source{Name: "/etc/subuid", Ranges: []Range{{100000, 65536}}},
		SubGIDs:   Source{Name: "/etc/subgid", Ranges: []Range{{200000, 65536}}},
		NewUIDMap: Helper{Path: "/usr/bin/newuidmap", Setuid: true},
		NewGIDMap: Helper{Path: "/usr/bin/newgidmap", FileCaps: true},
		UIDMap:    Map{{0, 0, NoID}},
		GIDMap:    Map{{0, 0, NoID}},
	}
}

func root() Caller {
	return Caller{
		Root: true, Login: &Login{Name: "root"},
		SubUIDs: Source{Name: "/etc/subuid"}, SubGIDs: Source{Name: "/etc/subgid"},
		UIDMap: Map{{0, 0, NoID}}, GIDMap: Map{{0, 0, NoID}},
	}
}

func TestChoose(t *testing.T) {
	const (
		ranged = "subid newidmap uid 0 1001 1,1000 100000 1 gid 0 1002 1,1000 200000 1 build 0:0 setgroups"
		self   = "self write-self uid 1000 1001 1 gid 1000 1002 1 build 1000:1000"
	)
	for _, tt := range []struct {
		name   string
		req    Request
		caller Caller
		want   string
		note   string
	}{
		{"auto", Request{Auto, 1000, 1000}, alice(), ranged, ""},
		{"subid", Request{SubID, 1000, 1000}, alice(), ranged, ""},
		{"self", Request{Self, 1000, 1000}, alice(), self, ""},
		{"self as 0", Request{Self, 0, 0}, alice(), "self write-self uid 0 1001 1 gid 0 1002 1 build 0:0", ""},
		{
			"auto, no uids",
			Request{Auto, 1000, 1000},
			with(alice(), func(c *Caller) { c.SubUIDs.Ranges = nil }),
			self, "no subordinate user ids for alice in /etc/subuid",
		},
		{
			"auto, no gids",
			Request{Auto, 1000, 1000},
			with(alice(), func(c *Caller) { c.SubGIDs.Ranges = nil }),
			self, "no subordinate group ids for alice in /etc/subgid",
		},
		{
			"auto, as 0",
			Request{Auto, 0, 0},
			with(alice(), func(c *Caller) { c.SubUIDs.Ranges = nil }),
			"self write-self uid 0 1001 1 gid 0 1002 1 build 0:0", "no subordinate user ids for alice in /etc/subuid",
		},
		{
			"auto, no helper",
			Request{Auto, 1000, 1000},
			with(alice(), func(c *Caller) { c.NewGIDMap = Helper{} }),
			self, "newgidmap not found",
		},
		{
			"auto, no helper and no server",
			Request{Auto, 1000, 1000},
			with(alice(), func(c *Caller) { c.NewUIDMap, c.SubUIDs.Err = Helper{}, fs.ErrNotExist }),
			self, "newuidmap not found",
		},
		{
			"auto, in a jail",
			Request{Auto, 1000, 1000},
			with(alice(), func(c *Caller) { c.NoNewPrivs = true }),
			self, "newuidmap has no effect: no_new_privs is set",
		},
		{
			"auto, in a jail's namespace",
			Request{Auto, 1000, 1000},
			with(alice(), func(c *Caller) { c.UIDMap, c.GIDMap = Map{{1001, 1001, 1}}, Map{{1002, 1002, 1}} }),
			self, "subordinate user ids of alice in /etc/subuid do not exist in this user namespace",
		},
		{
			"a range that is there in part",
			Request{SubID, 1000, 1000},
			with(alice(), func(c *Caller) { c.UIDMap = Map{{0, 500000, 10}, {120000, 600000, 10}, {110000, 700000, 10}} }),
			"subid newidmap uid 0 1001 1,1000 110000 1 gid 0 1002 1,1000 200000 1 build 0:0 setgroups", "",
		},
		{
			"a range from root on",
			Request{SubID, 1000, 1000},
			with(alice(), func(c *Caller) {
				c.SubUIDs.Ranges, c.UID, c.SubGIDs.Ranges = []Range{{0, 65536}}, 1, []Range{{65534, 9}}
			}),
			"subid newidmap uid 0 1 1,1000 2 1 gid 0 1002 1,1000 65536 1 build 0:0 setgroups", "",
		},
		{
			"ids past 2^31",
			Request{SubID, 1 << 31, NoID - 1},
			with(alice(), func(c *Caller) {
				c.UID, c.GID, c.Login = 3000000000, 3000000001, nil
				c.SubUIDs.Ranges, c.SubGIDs.Ranges = []Range{{4000000000, 1}}, []Range{{NoID - 1, 1}}
			}),
			"subid newidmap uid 0 3000000000 1,2147483648 4000000000 1 gid 0 3000000001 1,4294967294 4294967294 1 build 0:0 setgroups", "",
		},
		{
			"nothing is known of the namespace",
			Request{SubID, 1000, 1000},
			with(alice(), func(c *Caller) { c.UIDMap, c.GIDMap = nil, nil }), ranged, "",
		},
		{
			"another line is broken",
			Request{Auto, 1000, 1000},
			with(alice(), func(c *Caller) { c.SubUIDs.Err = &LineError{"/etc/subuid", 2, "alice:", "count is 0"} }),
			ranged, `/etc/subuid:2: "alice:": count is 0`,
		},

		{
			"root",
			Request{Auto, 1000, 1000},
			root(),
			"subid write-parent uid 0 0 1,1000 1878982656 1 gid 0 0 1,1000 1878982656 1 build 0:0 setgroups",
			"no subordinate user ids for root in /etc/subuid",
		},
		{"root with a range", Request{SubID, 1000, 1000}, with(root(), func(c *Caller) {
			c.SubUIDs.Ranges, c.SubGIDs.Ranges = []Range{{700000, 2}}, []Range{{800000, 2}}
		}), "subid write-parent uid 0 0 1,1000 700000 1 gid 0 0 1,1000 800000 1 build 0:0 setgroups", ""},
		{
			"root of a container",
			Request{Auto, 1000, 1000},
			with(root(), func(c *Caller) {
				c.UIDMap, c.GIDMap = Map{{0, 100000, 65536}}, Map{{0, 1000, 1}, {1, 100000, 999}}
			}), "subid write-parent uid 0 0 1,1000 65533 1 gid 0 0 1,1000 999 1 build 0:0 setgroups",
			"no subordinate user ids for root in /etc/subuid",
		},
		{"root of unshare -r", Request{Auto, 1000, 1000}, with(root(), func(c *Caller) {
			c.UIDMap, c.GIDMap = Map{{0, 1001, 1}}, Map{{0, 1001, 1}}
		}), "self write-self uid 1000 0 1 gid 1000 0 1 build 1000:1000", "no subordinate user ids for root in /etc/subuid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Choose(tt.req, tt.caller)
			if err != nil {
				t.Fatal(err)
			}
			if s := show(got); s != tt.want || got.Note != tt.note {
				t.Errorf("got  %s\nwant %s\nnote %q, want %q", s, tt.want, got.Note, tt.note)
			}
			check(t, tt.req, tt.caller, got)
		})
	}
}

func TestChooseRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		req    Request
		caller Caller
		reason error
		want   string
	}{
		{"uid -1", Request{Self, NoID, 0}, alice(), ErrInvalidID, "payload's user id: 4294967295 is no id"},
		{"gid -1", Request{Self, 0, NoID}, alice(), ErrInvalidID, "payload's group id: 4294967295 is no id"},
		{"uid 0 with a range", Request{Auto, 0, 1000}, alice(), ErrPayloadRoot, "with subordinate user ids the payload's user id cannot be 0 inside"},
		{"gid 0 with a range", Request{SubID, 1000, 0}, alice(), ErrPayloadRoot, "with subordinate group ids the payload's group id cannot be 0 inside"},
		{
			"no range",
			Request{SubID, 1000, 1000},
			with(alice(), func(c *Caller) { c.SubGIDs.Ranges, c.Login = nil, nil }),
			ErrNoRange, "no subordinate group ids for uid 1001 in /etc/subgid",
		},
		{
			"not in this namespace",
			Request{SubID, 1000, 1000},
			with(alice(), func(c *Caller) { c.GIDMap = Map{{1002, 5, 1}} }),
			ErrRangeUnmapped, "subordinate group ids of alice in /etc/subgid do not exist in this user namespace",
		},
		{
			"broken",
			Request{Auto, 1000, 1000},
			with(alice(), func(c *Caller) { c.SubUIDs = Source{Name: "/etc/subuid", Err: fs.ErrPermission} }),
			ErrSource, "subordinate user ids of alice: permission denied",
		},
		{"no newuidmap", Request{SubID, 1000, 1000}, with(alice(), func(c *Caller) { c.NewUIDMap = Helper{} }), ErrNoHelper, "newuidmap not found"},
		{
			"not setuid",
			Request{SubID, 1000, 1000},
			with(alice(), func(c *Caller) { c.NewGIDMap.FileCaps = false }),
			ErrHelperUnprivileged, "/usr/bin/newgidmap is not set-user-ID root and has no file capability",
		},
		{
			"nosuid",
			Request{SubID, 1000, 1000},
			with(alice(), func(c *Caller) { c.NewUIDMap.NoSuid = true }),
			ErrHelperUnprivileged, "/usr/bin/newuidmap is on a mount with nosuid",
		},
		{
			"no_new_privs",
			Request{SubID, 1000, 1000},
			with(alice(), func(c *Caller) { c.NoNewPrivs = true }),
			ErrNoNewPrivs, "newuidmap has no effect: no_new_privs is set",
		},
		{
			"newgrp",
			Request{SubID, 1000, 1000},
			with(alice(), func(c *Caller) { c.GID = 27 }),
			ErrNotPrimaryGroup, "gid 27 is not the primary group of alice, which newgidmap asks for",
		},
		{"root itself", Request{Self, 1000, 1000}, root(), ErrSelfRoot, "the payload would be uid 0 of the host: root's own ids are not for a payload"},
		{
			"root, map unread",
			Request{Self, 1000, 1000},
			with(root(), func(c *Caller) { c.UIDMap = nil }),
			ErrSelfRoot, "the payload would be uid 0 of the host: root's own ids are not for a payload",
		},
		{
			"root under another number",
			Request{Self, 1000, 1000},
			with(alice(), func(c *Caller) { c.UIDMap = Map{{1001, 0, 1}} }),
			ErrSelfRoot, "the payload would be uid 0 of the host: root's own ids are not for a payload",
		},
		{
			"root with one id",
			Request{Auto, 1000, 1000},
			with(root(), func(c *Caller) { c.UIDMap = Map{{0, 0, 1}} }),
			ErrNoRange, "no subordinate user ids for root in /etc/subuid",
		},
		{"root with no privilege", Request{Auto, 1000, 1000}, with(root(), func(c *Caller) { c.Root = false }), ErrNoHelper, "newuidmap not found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Choose(tt.req, tt.caller)
			var ie *IdentityError
			if !errors.As(err, &ie) || !errors.Is(err, tt.reason) || err.Error() != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestChooseShared(t *testing.T) {
	c := alice()
	touches := Overlap{File: "/etc/subuid", Range: Range{100000, 65536}, OtherOwner: "bob", Other: Range{100000, 1}}
	misses := Overlap{File: "/etc/subuid", Range: Range{100000, 65536}, OtherOwner: "bob", Other: Range{100001, 1}}
	c.SubUIDs.Overlaps = []Overlap{touches, misses}
	id, err := Choose(Request{Auto, 1000, 1000}, c)
	if diff := cmp.Diff([]Overlap{touches}, id.Shared); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestParseID(t *testing.T) {
	for _, id := range []ID{Auto, SubID, Self} {
		if got, err := ParseID(id.String()); got != id || err != nil {
			t.Errorf("ParseID(%q) = %v, %v", id.String(), got, err)
		}
	}
	if _, err := ParseID("root"); text(err) != `unknown id "root", want auto, subid or self` {
		t.Errorf("ParseID(root) = %v", err)
	}
}

func FuzzChoose(f *testing.F) {
	f.Add(uint8(0), uint32(1000), uint32(1000), uint32(1001), uint32(1001), uint32(100000), uint32(65536), uint32(0), uint32(NoID), false)
	f.Add(uint8(0), uint32(1000), uint32(1000), uint32(0), uint32(0), uint32(0), uint32(0), uint32(0), uint32(65536), true)
	f.Fuzz(func(t *testing.T, id uint8, uid, gid, cuid, cgid, first, count, nsFirst, nsCount uint32, privileged bool) {
		c := alice()
		c.UID, c.GID, c.Login, c.Root = cuid, cgid, nil, privileged
		c.SubUIDs.Ranges = []Range{{first, count}}
		c.SubGIDs.Ranges = c.SubUIDs.Ranges
		c.UIDMap = Map{{nsFirst, 7, nsCount}}
		if count == 0 || wraps(first, count) || cuid == NoID || cgid == NoID || c.UIDMap.Validate() != nil {
			return
		}
		req := Request{ID(id % 3), uid, gid}
		got, err := Choose(req, c)
		if err != nil {
			var ie *IdentityError
			if !errors.As(err, &ie) || err.Error() == "" {
				t.Fatalf("error %v", err)
			}
			return
		}
		check(t, req, c, got)
	})
}

// check holds what is true of every identity.
func check(t *testing.T, req Request, c Caller, id Identity) {
	t.Helper()
	if err := errors.Join(id.UIDMap.Validate(), id.GIDMap.Validate()); err != nil {
		t.Fatal(err)
	}
	if out, ok := id.UIDMap.ToOutside(id.PayloadUID); !ok || out != id.OutsideUID || id.PayloadUID != req.UID {
		t.Fatalf("payload %d is %d outside, want %d", id.PayloadUID, out, id.OutsideUID)
	}
	if out, ok := id.GIDMap.ToOutside(id.PayloadGID); !ok || out != id.OutsideGID || id.PayloadGID != req.GID {
		t.Fatalf("payload group %d is %d outside, want %d", id.PayloadGID, out, id.OutsideGID)
	}
	if out, ok := id.UIDMap.ToOutside(id.BuildUID); !ok || out != c.UID {
		t.Fatalf("build uid %d is %d outside, want the caller, %d", id.BuildUID, out, c.UID)
	}
	if id.ID == SubID && (id.OutsideUID == c.UID || id.OutsideUID == 0 || id.OutsideGID == 0) {
		t.Fatalf("outside %d:%d for caller %d", id.OutsideUID, id.OutsideGID, c.UID)
	}
	if len(c.UIDMap) > 0 && id.ID == SubID {
		if _, ok := c.UIDMap.ToOutside(id.OutsideUID); !ok {
			t.Fatalf("outside %d is not mapped in %v", id.OutsideUID, c.UIDMap)
		}
	}
	if (id.ID == Self) != (id.Method == WriteSelf) || (id.ID == Self) == id.Setgroups || id.ID == Auto {
		t.Fatalf("%v by %v, setgroups %t", id.ID, id.Method, id.Setgroups)
	}
}

func with(c Caller, change func(*Caller)) Caller {
	change(&c)
	return c
}

func show(id Identity) string {
	s := id.ID.String() + " " + id.Method.String()
	for _, m := range []struct {
		kind string
		m    Map
	}{{" uid", id.UIDMap}, {" gid", id.GIDMap}} {
		for i, e := range m.m {
			if i == 0 {
				s += m.kind + " " + e.String()
			} else {
				s += "," + e.String()
			}
		}
	}
	s += " build " + utoa(id.BuildUID) + ":" + utoa(id.BuildGID)
	if id.Setgroups {
		s += " setgroups"
	}
	return s
}
