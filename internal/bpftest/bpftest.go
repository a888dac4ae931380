// Package bpftest runs seccomp filters in the machine of golang.org/x/net/bpf, an
// interpreter that shares no code with what makes them. It is for tests only.
//
//	if got := bpftest.New(t, program).Run(bpftest.Call(arch, nr, arg)); got != want {
package bpftest

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
)

// Data is struct seccomp_data by words, as a little-endian kernel sees it.
type Data [16]uint32

// Call is the data of a system call.
func Call(arch, nr uint32, args ...uint64) Data {
	d := Data{nr, arch}
	for i, a := range args {
		d[4+2*i], d[5+2*i] = uint32(a), uint32(a>>32)
	}
	return d
}

// Machine is one that has a program.
type Machine struct {
	t  testing.TB
	vm *bpf.VM
}

// New loads a program.
func New(t testing.TB, p []bpf.RawInstruction) Machine {
	t.Helper()
	list, ok := bpf.Disassemble(p)
	if !ok {
		t.Fatalf("x/net/bpf: not all is known: %v", list)
	}
	vm, err := bpf.NewVM(list)
	if err != nil {
		t.Fatalf("x/net/bpf: %v", err)
	}
	return Machine{t, vm}
}

// Run returns the action. The machine loads big-endian, as from a network packet:
// each word is laid out so that it comes out as the kernel would have it.
func (m Machine) Run(d Data) uint32 {
	m.t.Helper()
	var packet [64]byte
	for i, w := range d {
		binary.BigEndian.PutUint32(packet[4*i:], w)
	}
	n, err := m.vm.Run(packet[:])
	if err != nil {
		m.t.Fatalf("x/net/bpf: %v", err)
	}
	return uint32(n)
}
