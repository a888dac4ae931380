// Package compact turns a seccomp program into an equal one that the kernel
// loads and runs faster.
//
// libseccomp tests one syscall number after the other. Of 336 such instructions
// (docker's profile) the kernel took 600 us to check and translate; of the 154
// that Compact makes, 130 us; see MEASUREMENTS in the design notes. What comes
// out has this form, and no other:
//
//	ld arch; jeq NATIVE else ret FOREIGN
//	ld nr; a binary search over ranges of numbers that share a meaning
//	per range: ret ACTION, or a decision graph over the arguments
//
// How: for each range of numbers that no instruction of the input tells apart,
// the input is evaluated with arch and nr known and the arguments unknown. That
// leaves an action, or a graph of argument tests; equal ones become one node
// (graph.go). Ranges with the same node are merged, and the list of ranges is
// the meaning of the program for that ABI. Two programs with equal lists are
// equal: Compact asks Equal before it returns, so that a mistake in the emitter
// is an error and never a filter.
//
// Nothing is assumed about the shape of the input but this: it loads words of
// struct seccomp_data, masks them, jumps forward on constants, and returns
// constants; and it compares nr and arch whole. Anything else is an
// *UnsupportedError.
//
//	linear, _ := libseccomp.Linear(policy, "amd64")
//	program, err := compact.Compact(linear, compact.AuditArchX8664)
//
// References: Documentation/networking/filter.rst, kernel/seccomp.c:
// seccomp_check_filter, linux/audit.h.
package compact
