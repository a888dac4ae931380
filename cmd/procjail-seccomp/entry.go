//go:build cgo

package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/Emmanuel326/procjail/seccomp/entry"
	"github.com/Emmanuel326/procjail/seccomp/libseccomp"
	"github.com/Emmanuel326/procjail/seccomp/policy"
)

// cacheEntry is "procjail-seccomp entry --name FILE", which only procjail runs:
// it reads a request (entry.Key) and writes the entry that procjail caches.
func cacheEntry(args []string, in io.Reader, out io.Writer) error {
	flags := newFlags("entry")
	name := flags.String("name", "standard input", "")
	if err := flags.Parse(args); err != nil || flags.NArg() != 0 {
		return errUsage
	}
	request, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	key, err := entry.ParseRequest(request)
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	host := policy.Host{Arch: runtime.GOARCH, Kernel: key.Kernel}
	if key.Capabilities != "" {
		host.Capabilities = strings.Split(key.Capabilities, ",")
	}
	p, err := policy.Decode(*name, []byte(key.Policy), host)
	if err != nil {
		return err
	}
	program, err := libseccomp.Compile(p, runtime.GOARCH)
	if err != nil {
		return err
	}
	library, err := libraryIdentity()
	if err != nil {
		return err
	}
	_, err = out.Write(entry.Entry{
		Key:        key,
		Libseccomp: libseccomp.Version(),
		Library:    library,
		Flags:      p.Flags,
		Program:    program,
	}.Encode())
	return err
}

// libraryIdentity returns the entry.Identity of a shared libseccomp, or "".
func libraryIdentity() (string, error) {
	path, err := libseccomp.SharedLibrary()
	if err != nil || path == "" {
		return "", err
	}
	return entry.FileIdentity(path)
}
