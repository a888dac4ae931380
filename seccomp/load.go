package seccomp

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/Emmanuel326/procjail/seccomp/entry"
)

// maxPolicy bounds a policy file; docker's default profile has 15 kB.
const maxPolicy = 1 << 20

// Options are the inputs of Load that are not the policy itself. The zero value
// is right for a payload without capabilities.
type Options struct {
	// Companion is a further absolute path of procjail-seccomp, tried after the
	// two that go with the running binary. It is never looked up in PATH.
	Companion string
	// Capabilities that the payload keeps, as CAP_SYS_PTRACE: they decide which
	// entries of an OCI profile apply (includes.caps, excludes.caps).
	Capabilities []string
}

// Load returns the filter of a built-in policy or of a policy file.
//
// A built-in name wins over a file: write ./strict for a file of that name. A
// file is read once; its filter is taken from the cache (see cache.go for when
// that is trusted) and otherwise compiled by procjail-seccomp and cached. That
// the cache cannot be read or written is never an error.
//
// The error is a *LoadError around ErrUnknownPolicy, ErrNoCompanion, a
// *PolicyError, a *CompanionError, or what a system call returned.
func Load(nameOrFile string, opt Options) (Filter, error) {
	if f, ok := Builtin(nameOrFile); ok {
		return f, nil
	}
	f, err := loadFile(nameOrFile, opt)
	if err != nil {
		return Filter{}, &LoadError{Policy: nameOrFile, Err: err}
	}
	return f, nil
}

func loadFile(path string, opt Options) (Filter, error) {
	text, err := readPolicy(path)
	if err != nil {
		return Filter{}, err
	}
	exe, err := os.Executable()
	if err != nil {
		return Filter{}, err
	}
	bin, err := findCompanion(exe, opt.Companion)
	if err != nil {
		return Filter{}, err
	}
	key := entry.Key{
		Compiler:     bin.identity(),
		Kernel:       kernelVersion(),
		Capabilities: joinSorted(opt.Capabilities),
		Policy:       string(text),
	}
	dir := openCache()
	defer dir.close()
	e, ok := dir.lookup(key)
	if !ok {
		raw, err := bin.compile(path, key)
		if err != nil {
			return Filter{}, err
		}
		if e, err = entry.Decode(raw, key); err != nil {
			return Filter{}, &CompanionError{Path: bin.path, Err: err}
		}
		dir.store(key, raw)
	}
	return Filter{Name: path, Source: path, Program: e.Program, Flags: e.Flags}, nil
}

// readPolicy reads a regular file, or a pipe as /dev/fd/N of a shell's <(...).
func readPolicy(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, syscall.ENOENT) && !strings.Contains(path, "/") {
		return nil, ErrUnknownPolicy
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readLimited(f, maxPolicy)
}

func quote(s string) string { return strconv.Quote(s) }
