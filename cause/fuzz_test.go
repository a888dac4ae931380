package cause

import (
	"bytes"
	"debug/elf"
	"os"
	"strings"
	"testing"
)

// FuzzELFInterpreter holds it against debug/elf, where both can read a file.
func FuzzELFInterpreter(f *testing.F) {
	if text, err := os.ReadFile("/bin/true"); err == nil {
		f.Add(text[:min(len(text), 4096)])
	}
	f.Add(append([]byte("\x7fELF\x02\x01"), make([]byte, 58)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := elfInterpreter(bytes.NewReader(data), data[:min(len(data), 4096)])
		if err != nil {
			return
		}
		if len(got) > 4096 || strings.HasSuffix(got, "\x00") {
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
					t.Errorf("elfInterpreter = %q, debug/elf says %q", got, want)
				}
				return
			}
		}
	})
}
