// Package caps is what procjail knows about capabilities(7): their names and numbers, the five sets of a thread, the
// layout that capset(2) takes and the securebits(7) that keep a set from growing again.
//
// It computes and prints; it makes no system call of its own. PR_CAPBSET_DROP, PR_SET_SECUREBITS and capset(2) are steps
// of a plan, and the arguments of those steps come from here.
//
// Names and numbers 0 to 37 are gocapability's, taken when procjail is built (its init costs every start as much as all
// of a jail's capability calls), and a test holds them against it. That table ends with Linux 3.16, so [Perfmon], [BPF] (both 5.8) and
// [CheckpointRestore] (5.9) are added here, and a number that is newer than this package is spelled CAP_41 and so on:
// a kernel that knows more capabilities than we do still has all of them dropped.
//
// References: capabilities(7), capset(2), PR_CAPBSET_DROP(2const), PR_SET_SECUREBITS(2const), proc_pid_status(5),
// include/uapi/linux/capability.h and securebits.h.
package caps
