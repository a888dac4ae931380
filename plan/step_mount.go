package plan

import "golang.org/x/sys/unix"

// Fsopen is fsopen(2): the first step of a new file system.
type Fsopen struct{ Type string }

func (s Fsopen) Write(w Writer) {
	w.Call("fsopen", unix.SYS_FSOPEN)
	w.String(s.Type)
	w.Symbol(unix.FSOPEN_CLOEXEC, "FSOPEN_CLOEXEC")
}

// FsconfigString is fsconfig(2) FSCONFIG_SET_STRING: one mount option.
type FsconfigString struct {
	FD         FD
	Key, Value string
}

func (s FsconfigString) Write(w Writer) {
	w.Call("fsconfig", unix.SYS_FSCONFIG)
	w.FD(s.FD)
	w.Symbol(unix.FSCONFIG_SET_STRING, "FSCONFIG_SET_STRING")
	w.String(s.Key)
	w.String(s.Value)
	w.Symbol(0, "0")
}

// FsconfigFlag is fsconfig(2) FSCONFIG_SET_FLAG: one mount option with no value.
type FsconfigFlag struct {
	FD  FD
	Key string
}

func (s FsconfigFlag) Write(w Writer) {
	w.Call("fsconfig", unix.SYS_FSCONFIG)
	w.FD(s.FD)
	w.Symbol(unix.FSCONFIG_SET_FLAG, "FSCONFIG_SET_FLAG")
	w.String(s.Key)
	w.Null()
	w.Symbol(0, "0")
}

// FsconfigCreate is fsconfig(2) FSCONFIG_CMD_CREATE: the superblock is made.
type FsconfigCreate struct{ FD FD }

func (s FsconfigCreate) Write(w Writer) {
	w.Call("fsconfig", unix.SYS_FSCONFIG)
	w.FD(s.FD)
	w.Symbol(unix.FSCONFIG_CMD_CREATE, "FSCONFIG_CMD_CREATE")
	w.Null()
	w.Null()
	w.Symbol(0, "0")
}

// Fsmount is fsmount(2): a mount that stands nowhere yet.
type Fsmount struct {
	FD    FD
	Attrs uint64
}

var attrFlags = []Name{
	{unix.MOUNT_ATTR_RDONLY, "MOUNT_ATTR_RDONLY"},
	{unix.MOUNT_ATTR_NOSUID, "MOUNT_ATTR_NOSUID"},
	{unix.MOUNT_ATTR_NODEV, "MOUNT_ATTR_NODEV"},
	{unix.MOUNT_ATTR_NOEXEC, "MOUNT_ATTR_NOEXEC"},
}

func (s Fsmount) Write(w Writer) {
	w.Call("fsmount", unix.SYS_FSMOUNT)
	w.FD(s.FD)
	w.Symbol(unix.FSMOUNT_CLOEXEC, "FSMOUNT_CLOEXEC")
	w.Flags(s.Attrs, attrFlags)
}

// OpenTree is open_tree(2) with OPEN_TREE_CLONE: a copy of the mounts at Path,
// which stands nowhere yet.
//
// A copy is recursive unless Path is a single file: inside a user namespace
// the mounts below a directory are locked to it, and a copy without them is
// EINVAL (mount_namespaces(7), fs/namespace.c:has_locked_children).
type OpenTree struct {
	Dir       FD
	Path      string
	Recursive bool
}

var openTreeFlags = []Name{
	{unix.OPEN_TREE_CLONE, "OPEN_TREE_CLONE"},
	{unix.OPEN_TREE_CLOEXEC, "OPEN_TREE_CLOEXEC"},
	{unix.AT_RECURSIVE, "AT_RECURSIVE"},
	{unix.AT_EMPTY_PATH, "AT_EMPTY_PATH"},
}

func (s OpenTree) Write(w Writer) {
	w.Call("open_tree", unix.SYS_OPEN_TREE)
	w.FD(s.Dir)
	w.String(s.Path)
	f := uint64(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	if s.Recursive {
		f |= unix.AT_RECURSIVE
	}
	if s.Path == "" {
		f |= unix.AT_EMPTY_PATH
	}
	w.Flags(f, openTreeFlags)
}

// MountSetattr is mount_setattr(2) on the mount FD, or on the mount at Path.
// Since Linux 5.12.
type MountSetattr struct {
	FD        FD
	Path      string
	Recursive bool
	Set       uint64
	Private   bool // the propagation becomes MS_PRIVATE
}

func (s MountSetattr) Write(w Writer) {
	w.Call("mount_setattr", unix.SYS_MOUNT_SETATTR)
	w.FD(s.FD)
	w.String(s.Path)
	var f uint64
	if s.Path == "" {
		f |= unix.AT_EMPTY_PATH
	}
	if s.Recursive {
		f |= unix.AT_RECURSIVE
	}
	w.Flags(f, openTreeFlags)
	attr := newStruct(unix.MOUNT_ATTR_SIZE_VER0)
	attr.u64(0, s.Set)
	propagation := "0"
	if s.Private {
		attr.u64(16, unix.MS_PRIVATE)
		propagation = "MS_PRIVATE"
	}
	w.Struct(attr, func() string {
		return "{attr_set=" + flags(s.Set, attrFlags) + ", attr_clr=0, propagation=" + propagation + ", userns_fd=0}"
	})
	w.Int(unix.MOUNT_ATTR_SIZE_VER0)
}

// MoveMount is move_mount(2) of the mount From to the place ToPath below To,
// or to To itself where ToPath is empty.
type MoveMount struct {
	From   FD
	To     FD
	ToPath string
}

var moveFlags = []Name{
	{unix.MOVE_MOUNT_F_EMPTY_PATH, "MOVE_MOUNT_F_EMPTY_PATH"},
	{unix.MOVE_MOUNT_T_EMPTY_PATH, "MOVE_MOUNT_T_EMPTY_PATH"},
}

func (s MoveMount) Write(w Writer) {
	w.Call("move_mount", unix.SYS_MOVE_MOUNT)
	w.FD(s.From)
	w.String("")
	w.FD(s.To)
	w.String(s.ToPath)
	f := uint64(unix.MOVE_MOUNT_F_EMPTY_PATH)
	if s.ToPath == "" {
		f |= unix.MOVE_MOUNT_T_EMPTY_PATH
	}
	w.Flags(f, moveFlags)
}

// PivotRoot is pivot_root(2).
type PivotRoot struct{ New, Old string }

func (s PivotRoot) Write(w Writer) {
	w.Call("pivot_root", unix.SYS_PIVOT_ROOT)
	w.String(s.New)
	w.String(s.Old)
}

// Detach is umount2(2) with MNT_DETACH.
type Detach struct{ Path string }

func (s Detach) Write(w Writer) {
	w.Call("umount2", unix.SYS_UMOUNT2)
	w.String(s.Path)
	w.Symbol(unix.MNT_DETACH, "MNT_DETACH")
}

func (Fsopen) sealed()         {}
func (FsconfigString) sealed() {}
func (FsconfigFlag) sealed()   {}
func (FsconfigCreate) sealed() {}
func (Fsmount) sealed()        {}
func (OpenTree) sealed()       {}
func (MountSetattr) sealed()   {}
func (MoveMount) sealed()      {}
func (PivotRoot) sealed()      {}
func (Detach) sealed()         {}
