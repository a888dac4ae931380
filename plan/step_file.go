package plan

import "golang.org/x/sys/unix"

// Openat is openat(2).
type Openat struct {
	Dir   FD
	Path  string
	Flags uint64
	Mode  uint32 // with O_CREAT
}

var openFlags = []Name{
	{0, "O_RDONLY"},
	{unix.O_WRONLY, "O_WRONLY"},
	{unix.O_RDWR, "O_RDWR"},
	{unix.O_NOCTTY, "O_NOCTTY"},
	{unix.O_CREAT, "O_CREAT"},
	{unix.O_EXCL, "O_EXCL"},
	{unix.O_DIRECTORY, "O_DIRECTORY"},
	{unix.O_NOFOLLOW, "O_NOFOLLOW"},
	{unix.O_CLOEXEC, "O_CLOEXEC"},
	{unix.O_PATH, "O_PATH"},
}

func (s Openat) Write(w Writer) {
	w.Call("openat", unix.SYS_OPENAT)
	w.FD(s.Dir)
	w.String(s.Path)
	w.Flags(s.Flags, openFlags)
	if s.Flags&unix.O_CREAT != 0 {
		w.Mode(s.Mode)
	}
}

// OpenInRoot is openat2(2) of a place in a mounted tree, with no symbolic link
// on the way: where one of the host's leads inside is not for a plan to know,
// nor for whoever may write the tree to choose.
type OpenInRoot struct {
	Dir  FD
	Path string
}

func (s OpenInRoot) Write(w Writer) {
	w.Call("openat2", unix.SYS_OPENAT2)
	w.FD(s.Dir)
	w.String(s.Path)
	how := newStruct(unix.SizeofOpenHow)
	how.u64(0, unix.O_PATH|unix.O_CLOEXEC)
	how.u64(16, unix.RESOLVE_NO_SYMLINKS|unix.RESOLVE_IN_ROOT)
	w.Struct(how, func() string {
		return "{flags=O_RDONLY|O_CLOEXEC|O_PATH, resolve=RESOLVE_NO_SYMLINKS|RESOLVE_IN_ROOT}"
	})
	w.Int(unix.SizeofOpenHow)
}

// Write is write(2) of constant data.
type Write struct {
	FD   FD
	Data []byte
}

func (s Write) Write(w Writer) {
	w.Call("write", unix.SYS_WRITE)
	w.FD(s.FD)
	w.Bytes(s.Data)
	w.Int(int64(len(s.Data)))
}

// Read is read(2); what it reads is not looked at.
type Read struct {
	FD FD
	N  int
}

func (s Read) Write(w Writer) {
	w.Call("read", unix.SYS_READ)
	w.FD(s.FD)
	w.Buffer(s.N)
	w.Int(int64(s.N))
}

// Sendfile is sendfile(2) from the offset that In stands at.
type Sendfile struct {
	Out, In FD
	Count   int64
}

func (s Sendfile) Write(w Writer) {
	w.Call("sendfile", unix.SYS_SENDFILE)
	w.FD(s.Out)
	w.FD(s.In)
	w.Null()
	w.Int(s.Count)
}

// Close is close(2).
type Close struct{ FD FD }

func (s Close) Write(w Writer) {
	w.Call("close", unix.SYS_CLOSE)
	w.FD(s.FD)
}

// CloseRange is close_range(2) from First up, with CLOSE_RANGE_CLOEXEC: the
// descriptors stay open until the next execve.
type CloseRange struct{ First int }

func (s CloseRange) Write(w Writer) {
	w.Call("close_range", unix.SYS_CLOSE_RANGE)
	w.Int(int64(s.First))
	w.Symbol(0xffffffff, "4294967295")
	w.Symbol(unix.CLOSE_RANGE_CLOEXEC, "CLOSE_RANGE_CLOEXEC")
}

// Dup3 is dup3(2) without O_CLOEXEC: New survives execve.
type Dup3 struct {
	Old FD
	New FD
}

func (s Dup3) Write(w Writer) {
	w.Call("dup3", unix.SYS_DUP3)
	w.FD(s.Old)
	w.FD(s.New)
	w.Symbol(0, "0")
}

// Mknodat is mknodat(2) of an empty regular file.
type Mknodat struct {
	Dir  FD
	Path string
	Mode uint32
}

func (s Mknodat) Write(w Writer) {
	w.Call("mknodat", unix.SYS_MKNODAT)
	w.FD(s.Dir)
	w.String(s.Path)
	w.Mode(unix.S_IFREG | s.Mode)
	w.Symbol(0, "0")
}

// Mkdirat is mkdirat(2).
type Mkdirat struct {
	Dir  FD
	Path string
	Mode uint32
}

func (s Mkdirat) Write(w Writer) {
	w.Call("mkdirat", unix.SYS_MKDIRAT)
	w.FD(s.Dir)
	w.String(s.Path)
	w.Mode(s.Mode)
}

// Symlinkat is symlinkat(2).
type Symlinkat struct {
	Target string
	Dir    FD
	Path   string
}

func (s Symlinkat) Write(w Writer) {
	w.Call("symlinkat", unix.SYS_SYMLINKAT)
	w.String(s.Target)
	w.FD(s.Dir)
	w.String(s.Path)
}

// Unlinkat is unlinkat(2) of a file.
type Unlinkat struct {
	Dir  FD
	Path string
}

func (s Unlinkat) Write(w Writer) {
	w.Call("unlinkat", unix.SYS_UNLINKAT)
	w.FD(s.Dir)
	w.String(s.Path)
	w.Symbol(0, "0")
}

// Rmdir is unlinkat(2) with AT_REMOVEDIR.
type Rmdir struct {
	Dir  FD
	Path string
}

func (s Rmdir) Write(w Writer) {
	w.Call("unlinkat", unix.SYS_UNLINKAT)
	w.FD(s.Dir)
	w.String(s.Path)
	w.Symbol(unix.AT_REMOVEDIR, "AT_REMOVEDIR")
}

// Fchdir is fchdir(2).
type Fchdir struct{ FD FD }

func (s Fchdir) Write(w Writer) {
	w.Call("fchdir", unix.SYS_FCHDIR)
	w.FD(s.FD)
}

// Chdir is chdir(2).
type Chdir struct{ Path string }

func (s Chdir) Write(w Writer) {
	w.Call("chdir", unix.SYS_CHDIR)
	w.String(s.Path)
}

// Fchmod is fchmod(2).
type Fchmod struct {
	FD   FD
	Mode uint32
}

func (s Fchmod) Write(w Writer) {
	w.Call("fchmod", unix.SYS_FCHMOD)
	w.FD(s.FD)
	w.Mode(s.Mode)
}

// Umask is umask(2).
type Umask struct{ Mask uint32 }

func (s Umask) Write(w Writer) {
	w.Call("umask", unix.SYS_UMASK)
	w.Mode(s.Mask)
}

func (Openat) sealed()     {}
func (OpenInRoot) sealed() {}
func (Write) sealed()      {}
func (Read) sealed()       {}
func (Sendfile) sealed()   {}
func (Close) sealed()      {}
func (CloseRange) sealed() {}
func (Dup3) sealed()       {}
func (Mknodat) sealed()    {}
func (Mkdirat) sealed()    {}
func (Symlinkat) sealed()  {}
func (Unlinkat) sealed()   {}
func (Rmdir) sealed()      {}
func (Fchdir) sealed()     {}
func (Fchmod) sealed()     {}
func (Chdir) sealed()      {}
func (Umask) sealed()      {}
