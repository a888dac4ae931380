package program

import (
	"bytes"
	"debug/elf"
	"os"
	"strings"
	"testing"
)

// FuzzInterpreter holds it against debug/elf, where both can read a file.
func FuzzInterpreter(f *testing.F) {
	if text, err := os.ReadFile("/bin/true"); err == nil {
		f.Add(text[:min(len(text), 4096)])
	}
	f.Add(append([]byte("\x7fELF\x02\x01"), make([]byte, 58)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, kind, err := Interpreter(bytes.NewReader(data))
		if err != nil || len(data) > 55 && (data[54] != 56 || data[55] != 0) || kind != "dynamic loader" {
			return
		}
		if len(got) > HeadSize || strings.HasSuffix(got, "\x00") {
			t.Errorf("%q", got)
		}
		file, err := elf.NewFile(bytes.NewReader(data))
		if err != nil || file.Class != elf.ELFCLASS64 || file.ByteOrder.String() != "LittleEndian" {
			return
		}
		for _, p := range file.Progs {
			if p.Type == elf.PT_INTERP && p.Filesz > 0 && p.Filesz <= 4096 {
				want := make([]byte, p.Filesz)
				if _, err := p.ReadAt(want, 0); err == nil && strings.TrimRight(string(want), "\x00") != got {
					t.Errorf("Interpreter = %q, debug/elf says %q", got, want)
				}
				return
			}
		}
	})
}
