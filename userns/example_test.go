package userns_test

import (
	"fmt"

	"github.com/Emmanuel326/procjail/userns"
)

func Example() {
	alice := userns.Caller{
		UID: 1001, GID: 1001,
		Login:     &userns.Login{Name: "alice", UID: 1001, GID: 1001},
		SubUIDs:   userns.Source{Name: "/etc/subuid", Ranges: []userns.Range{{First: 100000, Count: 65536}}},
		SubGIDs:   userns.Source{Name: "/etc/subgid", Ranges: []userns.Range{{First: 100000, Count: 65536}}},
		NewUIDMap: userns.Helper{Path: "/usr/bin/newuidmap", Setuid: true},
		NewGIDMap: userns.Helper{Path: "/usr/bin/newgidmap", Setuid: true},
	}
	id, err := userns.Choose(userns.Request{ID: userns.Auto, UID: 1000, GID: 1000}, alice)
	fmt.Println(id.ID, id.Method, err)
	fmt.Println(id.UIDMap)

	alice.SubUIDs.Ranges = nil
	id, err = userns.Choose(userns.Request{ID: userns.Auto, UID: 1000, GID: 1000}, alice)
	fmt.Println(id.ID, id.Method, err)
	fmt.Println(id.UIDMap)
	fmt.Println(id.Note)
	// Output:
	// subid newidmap <nil>
	// 0 1001 1
	// 1000 100000 1
	// self write-self <nil>
	// 1000 1001 1
	// no subordinate user ids for alice in /etc/subuid
}
