// Package cgroupdelegate decides where the cgroup of a jail comes from, what is
// written to its files, and what they say afterwards. It is about cgroup v2
// only (Documentation/admin-guide/cgroup-v2.rst in the kernel).
//
// A limit needs a cgroup that its owner may make children in: a delegated one.
// An ordinary account gets it from systemd, as a scope of its own (package
// systemd below this one), or already stands in one: in a service with
// Delegate=yes, in a container, in a jail.
//
//	place, err := cgroupdelegate.Choose(cgroupdelegate.Auto, facts)
//	settings, err := limits.Settings(machine)
//
// The package makes no system call and talks to nobody: facts come from package
// host, and a plan's steps write the settings.
package cgroupdelegate
