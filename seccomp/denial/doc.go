// Package denial knows what a seccomp filter refuses: it turns a filter into
// one that asks a listener instead of answering by itself (seccomp_unotify(2)),
// finds the answer that the filter would have given, names the call and its
// arguments, and keeps a list of bounded length.
//
// It makes no system call. Who has the listener (package launch) reads the
// notifications and the payload's memory, and hands both in.
//
//	watching, ok := denial.Watch(filter, arch, nil)  // what is loaded
//	answer := denial.Verdict(filter, call)           // what the supervisor says
//	log.Add(call, answer, memory)                    // what the user reads
//
// A call that the filter allows is never held up, unless it was asked for: the
// kernel keeps for each filter a bitmap of what it always allows
// (kernel/seccomp.c:seccomp_cache_prepare), and Watch changes nothing of that.
package denial
