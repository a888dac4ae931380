//go:build cgo

package libseccomp

import (
	"fmt"
	"io"
	"os"

	scmp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/Emmanuel326/procjail/seccomp/compact"
	"github.com/Emmanuel326/procjail/seccomp/policy"
)

// apiLevel has every action that a policy can name; 5 would be notify. Set, and
// not probed, it makes the result independent of the kernel that compiles.
const apiLevel = 3

// build makes one libseccomp filter, for one ABI, and returns its program.
func build(p *policy.Policy, a abi, def policy.Action, rules []rule) ([]bpf.RawInstruction, error) {
	f, err := newFilter(p, def, []abi{a})
	if err != nil {
		return nil, err
	}
	defer f.Release()
	for _, r := range rules {
		// libseccomp wants a native number, and turns it into the ABI's.
		number := scmp.ScmpSyscall(r.number)
		if !a.native() {
			if number, err = scmp.GetSyscallFromName(r.name.Text); err != nil {
				return nil, &policy.Error{File: p.File, Pos: r.name.Pos, Err: err}
			}
		}
		if err := addRule(f, number, r, def); err != nil {
			return nil, &policy.Error{File: p.File, Pos: r.name.Pos, Err: fmt.Errorf("%q: libseccomp: %w", r.name.Text, err)}
		}
	}
	return export(f)
}

func newFilter(p *policy.Policy, def policy.Action, list []abi) (*scmp.ScmpFilter, error) {
	if err := scmp.SetAPI(apiLevel); err != nil {
		return nil, fmt.Errorf("libseccomp %s: %w", Version(), err)
	}
	action, err := toAction(def)
	if err != nil {
		return nil, err
	}
	f, err := scmp.NewFilter(action)
	if err != nil {
		return nil, fmt.Errorf("seccomp_init: %w", err)
	}
	if action, err = toAction(p.Foreign); err == nil {
		err = f.SetBadArchAction(action)
	}
	native := false
	for _, a := range list {
		native = native || a.native()
		if err == nil && !a.native() {
			err = f.AddArch(a.arch)
		}
	}
	if err == nil && !native {
		err = f.RemoveArch(scmp.ArchNative)
	}
	if err != nil {
		f.Release()
		return nil, err
	}
	return f, nil
}

func addRule(f *scmp.ScmpFilter, number scmp.ScmpSyscall, r rule, def policy.Action) error {
	if r.action == def {
		return nil // libseccomp answers EACCES: the rule says nothing new
	}
	action, err := toAction(r.action)
	if err != nil {
		return err
	}
	if len(r.args) == 0 {
		return f.AddRule(number, action)
	}
	var conditions []scmp.ScmpCondition
	for _, a := range r.args {
		values := []uint64{a.Value}
		if a.Op == policy.MaskedEqual {
			values = []uint64{a.Mask, a.Value}
		}
		c, err := scmp.MakeCondition(a.Index, compareOps[a.Op], values...)
		if err != nil {
			return err
		}
		conditions = append(conditions, c)
	}
	return f.AddRuleConditional(number, action, conditions)
}

var compareOps = map[policy.Op]scmp.ScmpCompareOp{
	policy.Equal:        scmp.CompareEqual,
	policy.NotEqual:     scmp.CompareNotEqual,
	policy.Less:         scmp.CompareLess,
	policy.LessEqual:    scmp.CompareLessOrEqual,
	policy.Greater:      scmp.CompareGreater,
	policy.GreaterEqual: scmp.CompareGreaterEqual,
	policy.MaskedEqual:  scmp.CompareMaskedEqual,
}

func toAction(a policy.Action) (scmp.ScmpAction, error) {
	switch a.Kind {
	case policy.Allow:
		return scmp.ActAllow, nil
	case policy.Log:
		return scmp.ActLog, nil
	case policy.Trap:
		return scmp.ActTrap, nil
	case policy.KillThread:
		return scmp.ActKillThread, nil
	case policy.KillProcess:
		return scmp.ActKillProcess, nil
	case policy.Errno:
		return scmp.ActErrno.SetReturnCode(int16(a.Data)), nil
	case policy.Trace:
		return scmp.ActTrace.SetReturnCode(int16(a.Data)), nil
	}
	return 0, fmt.Errorf("internal error: action %v", a)
}

// export writes the program to a memfd, for libseccomp writes to descriptors
// only (seccomp_export_bpf_mem came with 2.6), and reads it back.
func export(f *scmp.ScmpFilter) ([]bpf.RawInstruction, error) {
	fd, err := unix.MemfdCreate("procjail-seccomp", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	file := os.NewFile(uintptr(fd), "memfd:procjail-seccomp")
	defer file.Close()
	if err := f.ExportBPF(file); err != nil {
		return nil, fmt.Errorf("seccomp_export_bpf: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	return compact.Decode(raw)
}
