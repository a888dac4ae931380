// Package systemd asks a service manager for a scope: a delegated cgroup around processes that run already. It speaks
// D-Bus to the manager's own socket, or to a bus daemon where there is none.
//
// [Dial] connects, [Manager.StartScope] asks, and [Job.Wait] returns once the manager has moved the processes. Nothing
// has to be undone: the scope ends with its last process and leaves no failed unit behind.
//
// Whatever the peer does, each call ends when its context does, with one line that says which call it was. A Manager has
// no goroutine and one descriptor. That is why only the codec of godbus is used and not its Conn, which starts a
// goroutine for the connection and one for each call, sets no limit of time in Auth, waits on after a message that it
// cannot decode, and panics on a NameLost signal with no name.
//
// It does not choose which manager to ask, does not look at /sys/fs/cgroup, and starts no process.
//
// References: org.freedesktop.systemd1(5), systemd.scope(5), https://systemd.io/CGROUP_DELEGATION/, systemd's
// src/core/dbus-manager.c and src/core/dbus-job.c, and the D-Bus specification,
// https://dbus.freedesktop.org/doc/dbus-specification.html.
package systemd
