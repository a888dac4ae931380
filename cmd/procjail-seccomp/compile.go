//go:build cgo

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/seccomp/compact"
	"github.com/Emmanuel326/procjail/seccomp/libseccomp"
	"github.com/Emmanuel326/procjail/seccomp/policy"
)

// compile is the command of that name.
func compile(args []string, in io.Reader, out io.Writer) error {
	flags := newFlags("compile")
	arch := flags.String("arch", runtime.GOARCH, "")
	raw := flags.Bool("raw", false, "")
	output := flags.String("o", "", "")
	if err := flags.Parse(args); err != nil || flags.NArg() != 1 {
		return errUsage
	}
	arches := strings.Split(*arch, ",")
	if !*raw && (len(arches) != 1 || !slices.Contains(generated, arches[0])) {
		return fmt.Errorf("%w: without --raw, --arch is one of %s", errUsage, strings.Join(generated, ", "))
	}
	p, err := load(flags.Arg(0), arches[0], in)
	if err != nil {
		return err
	}
	var program []byte
	if *raw {
		program, err = libseccomp.Raw(p, arches)
	} else {
		program, err = libseccomp.Compile(p, arches[0])
	}
	if err != nil {
		return err
	}
	if *output != "" {
		return os.WriteFile(*output, program, 0o644)
	}
	_, err = out.Write(program)
	return err
}

// load reads a policy for a payload without capabilities on this kernel.
func load(name, arch string, in io.Reader) (*policy.Policy, error) {
	if slices.Contains(policy.BuiltinNames(), name) {
		return policy.Builtin(name)
	}
	var text []byte
	var err error
	if name == "-" {
		name = "standard input"
		text, err = io.ReadAll(in)
	} else {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, err
	}
	return policy.Decode(name, text, policy.Host{Arch: arch, Kernel: kernelVersion()})
}

// kernelVersion returns MAJOR.MINOR of uname(2).
func kernelVersion() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "0.0"
	}
	var major, minor int
	// Ignored: what is not a number is 0, older than any.
	_, _ = fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor)
	return fmt.Sprintf("%d.%d", major, minor)
}

// generated are the architectures that procjail runs on.
var generated = []string{"amd64", "arm64"}

// generate writes the files that package seccomp embeds.
func generate(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	for _, name := range policy.BuiltinNames() {
		p, err := policy.Builtin(name)
		if err != nil {
			return err
		}
		for _, arch := range generated {
			program, err := libseccomp.Compile(p, arch)
			if err != nil {
				return err
			}
			file := filepath.Join(args[0], name+"."+arch+".bpf")
			if err := os.WriteFile(file, program, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// disasm prints a filter.
func disasm(args []string, out io.Writer) error {
	if len(args) != 1 {
		return errUsage
	}
	raw, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	program, err := compact.Decode(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return compact.Disassemble(out, program)
}

func newFlags(name string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	return f
}

// message is what is printed of an error. A mistake in a policy says itself
// where it is; procjail passes that line on.
func message(err error) string {
	var mistake *policy.Error
	if errors.As(err, &mistake) {
		return mistake.Error()
	}
	return "procjail-seccomp: " + err.Error()
}

func exitStatus(err error) int {
	var mistake *policy.Error
	if errors.As(err, &mistake) {
		return 1
	}
	return 2
}
