package plan

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Spell returns a step in strace(1) syntax, the only spelling that procjail
// has for it.
func Spell(s Step) string {
	var t text
	s.Write(&t)
	t.b.WriteByte(')')
	return t.b.String()
}

// String is the step and what is expected of it: its result where a later
// step needs it, and the errnos under which it is passed over.
func (e Entry) String() string {
	s := Spell(e.Step)
	if e.Out != 0 {
		s += " = " + e.Out.String()
	}
	switch {
	case e.Skip[0] != 0 && e.Skip[1] != 0:
		s += " (or " + e.Skip[0].String() + ", " + e.Skip[1].String() + ")"
	case e.Skip[0] != 0:
		s += " (or " + e.Skip[0].String() + ")"
	}
	return s
}

// text is the Writer that spells.
type text struct {
	b     strings.Builder
	later bool // an argument was written already
}

func (t *text) Call(name string, _ uintptr) {
	t.b.WriteString(name)
	t.b.WriteByte('(')
}

func (t *text) arg(s string) {
	if t.later {
		t.b.WriteString(", ")
	}
	t.later = true
	t.b.WriteString(s)
}

func (t *text) Int(n int64) { t.arg(itoa(n)) }
func (t *text) FD(fd FD)    { t.arg(fd.String()) }
func (t *text) Mode(m uint32) {
	s := "0" + strconv.FormatUint(uint64(m&0o7777), 8)
	if m&unix.S_IFMT == unix.S_IFREG {
		s = "S_IFREG|" + s
	}
	t.arg(s)
}
func (t *text) Flags(v uint64, names []Name)     { t.arg(flags(v, names)) }
func (t *text) Symbol(_ uint64, name string)     { t.arg(name) }
func (t *text) String(s string)                  { t.arg(quote(s)) }
func (t *text) Bytes(b []byte)                   { t.arg(cut(string(b), dataMax)) }
func (t *text) Buffer(n int)                     { t.arg("[" + itoa(int64(n)) + " bytes]") }
func (t *text) Struct(_ []byte, s func() string) { t.arg(s()) }
func (t *text) Null()                            { t.arg("NULL") }

func (t *text) Ref(_ []byte, _ int, _ FD, s func() string)      { t.arg(s()) }
func (t *text) Refs(_ []byte, _ []int, _ []FD, s func() string) { t.arg(s()) }

func (t *text) Rights(fd FD) {
	t.arg("{msg_iov=[{\"\\x00\", 1}], msg_control=[{cmsg_type=SCM_RIGHTS, cmsg_data=[" + fd.String() + "]}]}")
}

func (t *text) Program(filter []byte) {
	t.arg("{len=" + itoa(int64(len(filter)/8)) + ", filter=...}")
}

func (t *text) Strings(list []string) {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(s))
	}
	t.arg("[" + b.String() + "]")
}

// Where long text and data are cut, as strace -s does.
const (
	quoteMax = 256
	dataMax  = 48
)

func quote(s string) string { return cut(s, quoteMax) }

func cut(s string, n int) string {
	if len(s) > n {
		return strconv.QuoteToASCII(s[:n]) + "..."
	}
	return strconv.QuoteToASCII(s)
}

// flags joins the names of the bits that are set; bits without a name are
// written in hexadecimal, and none at all as 0. A first name without a bit
// stands where neither the second nor the third is set: O_RDONLY.
func flags(v uint64, names []Name) string {
	var b strings.Builder
	if len(names) > 2 && names[0].Bits == 0 && v&(names[1].Bits|names[2].Bits) == 0 {
		b.WriteString(names[0].Name)
	}
	for _, n := range names {
		if n.Bits != 0 && v&n.Bits == n.Bits {
			if b.Len() > 0 {
				b.WriteByte('|')
			}
			b.WriteString(n.Name)
			v &^= n.Bits
		}
	}
	if v != 0 || b.Len() == 0 {
		if b.Len() > 0 {
			b.WriteByte('|')
		}
		if v == 0 {
			return "0"
		}
		b.WriteString("0x" + strconv.FormatUint(v, 16))
	}
	return b.String()
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
