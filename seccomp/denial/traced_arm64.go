package denial

import "golang.org/x/sys/unix"

// Traced are the numbers of the calls that --trace-denials looks at: those that
// name a path or an address, that make a process or end one, that take memory, and some that
// fail for one reason only.
var Traced = append([]int32{unix.SYS_FSTATAT, unix.SYS_RENAMEAT}, traced...)
