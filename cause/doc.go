// Package cause says why the kernel refused a step of a plan. It is a table:
// each entry is one cause, with the steps and errnos that it is for, a probe
// that looks whether it holds here and now, what to do, and where it is written.
//
// The rule is that nothing is claimed that a probe has not confirmed. [Find]
// asks the entries in the order of the table, and the first that is confirmed
// is the cause. If none is, the cause is unknown, and the finding lists what was
// looked at: the names of the entries that were asked, with what each has seen.
// The list is made from the table, so that it cannot say what was not done.
//
//	found := system.Find(cause.Failure{Step: step, Errno: errno}, host, plan)
//
// Some probes do more than look. The kernel's own answer to a call is known for
// arguments that it refuses at once, so a harmless such call tells whether it is
// the kernel that answers or a seccomp filter before it (ask.go); and a process
// in new namespaces tells which namespace is one too many, and what a security
// module makes of such a process (launch.Try). Nothing is changed.
//
// [Write] prints the table as docs/failures.md has it, and `procjail explain` parts
// of it.
package cause
