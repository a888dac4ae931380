package seccomp

import (
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/Emmanuel326/procjail/internal/sys"
	"github.com/Emmanuel326/procjail/seccomp/entry"
)

// The cache is $XDG_CACHE_HOME/procjail/seccomp, or ~/.cache/procjail/seccomp
// where that variable is not an absolute path (XDG base directory
// specification). It holds one entry.Entry a file.
//
// What is in it becomes a filter, so nobody else may have written it. From the
// cache root down each directory is opened from its parent's descriptor, never
// through a symbolic link (the root itself may be one: that is the user's own
// choice), and fstat(2) of what was opened must say: mine, and no write bit for
// group or others. A POSIX ACL that lets others write shows in the group bits.
// A file must besides be a regular one with a single link. Anything else is as
// if there were no cache.
//
// An entry is current when its whole key is the one asked for: the policy's
// text, this architecture, and the identity of the procjail-seccomp that is
// installed now. That file contains the compactor and, as it is shipped, all of
// libseccomp: another version of either is another file, and the launcher
// learns so with one stat(2) and no process. Where libseccomp is a shared
// library, the entry names it and its identity, and a second stat(2) is made.
//
// A jail never sees the directory: the home that a payload gets is a tmpfs.

const (
	// maxEntry bounds what is read of a cache file.
	maxEntry = maxPolicy + 1<<16
	// maxEntries is how many policies are kept: then the cache starts afresh.
	maxEntries = 64

	dirFlags = syscall.O_RDONLY | syscall.O_DIRECTORY
)

// cache is the open directory, or -1 when there is none that can be trusted.
type cache struct{ fd int }

// openCache opens the directory, making what is missing of it with mode 0700.
func openCache() cache {
	root := cacheRoot()
	if root == "" {
		return cache{-1}
	}
	// The specification: "an attempt should be made to create it with 0700".
	fd, err := sys.Openat(sys.AtFDCWD, root, dirFlags, 0)
	if errors.Is(err, syscall.ENOENT) && sys.Mkdirat(sys.AtFDCWD, root, 0o700) == nil {
		fd, err = sys.Openat(sys.AtFDCWD, root, dirFlags, 0)
	}
	if err != nil {
		return cache{-1}
	}
	for _, name := range [...]string{"procjail", "seccomp"} {
		if _, ok := trusted(fd, syscall.S_IFDIR); !ok {
			sys.Close(fd)
			return cache{-1}
		}
		sub, err := sys.Openat(fd, name, dirFlags|syscall.O_NOFOLLOW, 0)
		if errors.Is(err, syscall.ENOENT) && sys.Mkdirat(fd, name, 0o700) == nil {
			sub, err = sys.Openat(fd, name, dirFlags|syscall.O_NOFOLLOW, 0)
		}
		sys.Close(fd)
		if err != nil {
			return cache{-1}
		}
		fd = sub
	}
	c := cache{fd}
	if _, ok := trusted(fd, syscall.S_IFDIR); !ok {
		c.close()
		return cache{-1}
	}
	return c
}

func cacheRoot() string {
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" && dir[0] == '/' {
		return dir
	}
	if home := os.Getenv("HOME"); home != "" && home[0] == '/' {
		return home + "/.cache"
	}
	return ""
}

// trusted calls fstat(2) and says whether fd is of that type, the caller's own,
// and writable to nobody else.
func trusted(fd int, format uint32) (sys.Stat, bool) {
	st, err := sys.StatFD(fd)
	return st, err == nil &&
		st.Mode&syscall.S_IFMT == format &&
		st.UID == uint32(os.Geteuid()) &&
		st.Mode&0o022 == 0
}

func (c cache) close() {
	if c.fd >= 0 {
		sys.Close(c.fd)
	}
}

// lookup returns the entry of key if there is one that can be trusted.
func (c cache) lookup(key entry.Key) (entry.Entry, bool) {
	if c.fd < 0 {
		return entry.Entry{}, false
	}
	// O_NONBLOCK: a FIFO in the file's place must not hold us up.
	fd, err := sys.Openat(c.fd, key.FileName(),
		syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return entry.Entry{}, false
	}
	st, ok := trusted(fd, syscall.S_IFREG)
	if !ok || st.Nlink != 1 || st.Size > maxEntry {
		sys.Close(fd)
		return entry.Entry{}, false
	}
	f := os.NewFile(uintptr(fd), key.FileName())
	defer f.Close()
	raw := make([]byte, st.Size)
	if _, err := io.ReadFull(f, raw); err != nil {
		return entry.Entry{}, false
	}
	e, err := entry.Decode(raw, key)
	if err != nil || !unchanged(e.Library) {
		return entry.Entry{}, false
	}
	return e, true
}

// unchanged says whether the file of which entry.Identity was taken is still
// that; no file at all is always the same.
func unchanged(identity string) bool {
	if identity == "" {
		return true
	}
	now, err := entry.FileIdentity(entry.IdentityPath(identity))
	return err == nil && now == identity
}

// store keeps an entry for later starts. It is written under another name and
// renamed, so that a reader finds all of it or nothing; it is not synced, the
// checksum finds what a crash tore. Whatever goes wrong, there is no entry and
// no error: the filter is in hand.
//
// The temporary name is the same for every writer of a key. One that was killed
// leaves it behind for the next, who removes it and leaves the caching to the
// one after; two at the same time end with one entry or none.
func (c cache) store(key entry.Key, raw []byte) {
	if c.fd < 0 {
		return
	}
	c.prune()
	name, tmp := key.FileName(), key.FileName()+".tmp"
	fd, err := sys.Openat(c.fd, tmp,
		syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err == nil {
		f := os.NewFile(uintptr(fd), tmp)
		_, err = f.Write(raw)
		if errClose := f.Close(); err == nil {
			err = errClose
		}
		if err == nil {
			err = sys.Renameat(c.fd, tmp, name)
		}
	}
	if err != nil {
		// Ignored: there is nothing to remove, or nobody may.
		_ = sys.Unlinkat(c.fd, tmp)
	}
}

// prune empties a full cache: entries of policies since edited and of companions
// since replaced are never asked for again, and nothing marks them.
func (c cache) prune() {
	fd, err := sys.Openat(c.fd, ".", dirFlags, 0)
	if err != nil {
		return
	}
	dir := os.NewFile(uintptr(fd), "cache")
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil || len(names) < maxEntries {
		return
	}
	for _, name := range names {
		// Ignored: a directory is not ours, and the rest is tried again.
		_ = sys.Unlinkat(c.fd, name)
	}
}
