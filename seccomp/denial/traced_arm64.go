package denial

import "golang.org/x/sys/unix"

// Traced are the numbers of the calls that --trace-denials looks at: those that
// name a path or an address, and those that make a process.
var Traced = append([]int32{unix.SYS_FSTATAT, unix.SYS_RENAMEAT}, traced...)
