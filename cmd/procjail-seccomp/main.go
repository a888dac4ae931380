//go:build cgo

// Command procjail-seccomp compiles seccomp policies. It is the part of procjail
// that links libseccomp; procjail runs it once for a policy it has not seen.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/Emmanuel326/procjail/seccomp/libseccomp"
)

const usage = `Usage:
  procjail-seccomp compile [--arch ARCH,...] [--raw] [-o FILE] POLICY
  procjail-seccomp disasm FILE
  procjail-seccomp generate DIR
  procjail-seccomp version

POLICY is a built-in name (strict, default, build), a file in procjail's TOML or
in the JSON of OCI runtimes, or - for standard input.

compile writes the filter as an array of struct sock_filter, to standard output
unless -o names a file. It is what procjail installs: for one ABI, merged into
ranges, proven equal to what libseccomp makes.
    --arch ARCH,...   amd64 or arm64; with --raw also 386, x32, arm, and several
                      at once (default: this machine's)
    --raw             libseccomp's own program, to measure against
    -o FILE           write there
disasm    prints a filter, one instruction a line.
generate  writes the built-in filters, NAME.ARCH.bpf, into DIR.
version   prints the version of libseccomp.

Exit status: 0, 1 for a policy that is wrong, 2 for wrong usage or a failure.
`

// errUsage is wrong usage; main prints how it goes.
var errUsage = errors.New("wrong usage; procjail-seccomp --help says how it goes")

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, message(err))
		os.Exit(exitStatus(err))
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	switch args[0] {
	case "compile":
		return compile(args[1:], in, out)
	case "entry":
		return cacheEntry(args[1:], in, out)
	case "generate":
		return generate(args[1:])
	case "disasm":
		return disasm(args[1:], out)
	case "version":
		_, err := fmt.Fprintf(out, "libseccomp %s, %s/%s\n", libseccomp.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	case "help", "-h", "--help":
		_, err := io.WriteString(out, usage)
		return err
	}
	return errUsage
}
