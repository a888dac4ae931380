package plan

func resultBeforeUse(list []Entry) *OrderError {
	u := &uses{have: make([]bool, len(list)+8)}
	for i, e := range list {
		e.Step.Write(u)
		if u.missing != 0 {
			return broken(list, i, u.missing.String()+" is not known yet")
		}
		u.know(e.Out)
		switch c := e.Step.(type) {
		case Clone3:
			u.know(c.Pidfd)
		case Socketpair:
			u.know(c.A)
			u.know(c.B)
		}
	}
	return nil
}

// uses is a Writer that looks for descriptors that no earlier entry made.
type uses struct {
	silent
	have    []bool
	missing FD
}

func (u *uses) know(fd FD) {
	if n, ok := fd.Result(); ok {
		for n >= len(u.have) {
			u.have = append(u.have, false)
		}
		u.have[n] = true
	}
}

func (u *uses) FD(fd FD) {
	if n, ok := fd.Result(); ok && (n >= len(u.have) || !u.have[n]) {
		u.missing = fd
	}
}

func (u *uses) Rights(fd FD) { u.FD(fd) }

func (u *uses) Ref(_ []byte, _ int, fd FD, _ func() string) { u.FD(fd) }

func (u *uses) Refs(_ []byte, _ []int, fds []FD, _ func() string) {
	for _, fd := range fds {
		u.FD(fd)
	}
}

// silent is a Writer that looks at nothing.
type silent struct{}

func (silent) Call(string, uintptr)               {}
func (silent) Int(int64)                          {}
func (silent) FD(FD)                              {}
func (silent) Mode(uint32)                        {}
func (silent) Flags(uint64, []Name)               {}
func (silent) Symbol(uint64, string)              {}
func (silent) String(string)                      {}
func (silent) Strings([]string)                   {}
func (silent) Bytes([]byte)                       {}
func (silent) Buffer(int)                         {}
func (silent) Struct([]byte, func() string)       {}
func (silent) Ref([]byte, int, FD, func() string) {}

func (silent) Refs([]byte, []int, []FD, func() string) {}
func (silent) Program([]byte)                          {}
func (silent) Rights(FD)                               {}
func (silent) Null()                                   {}
