package denial

import "golang.org/x/sys/unix"

// also are those that this architecture has besides.
var also = []int32{unix.SYS_FSTATAT, unix.SYS_RENAMEAT}
