// Package userns knows who a payload is, inside its user namespace and outside it: the subordinate ids of the caller, the
// id maps that follow from them, and who has to write the maps.
//
// [Choose] is the heart of it and is pure: it gets what the user asked for and what is known of the caller, and returns an
// [Identity] or the reason why there is none. [System] reads the facts. The maps are written elsewhere, as steps of a
// plan.
//
// With a range of subordinate ids a jail has two ids of each kind:
//
//	inside 0        = the caller        the init process, while it builds the jail
//	inside payload  = a subordinate id  the payload: it owns none of the caller's files and processes
//
// Without one it has a single id, that of the payload, which is the caller under another number.
//
// References: user_namespaces(7), subuid(5), subgid(5), newuidmap(1), getsubids(1), nsswitch.conf(5), shadow's
// lib/subordinateio.c and lib/nss.c, and https://systemd.io/UIDS-GIDS/ for which ids are whose.
package userns
