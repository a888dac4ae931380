package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// jsonReader walks a JSON document and knows where it is: encoding/json's own
// decoding forgets lines, and lets keys of another case and repeated keys pass.
// Each method fails with an *Error that has the position. null stands for the
// zero value, as Go programs that write profiles mean it.
type jsonReader struct {
	file string
	text []byte
	dec  *json.Decoder
}

func newJSONReader(file string, text []byte) *jsonReader {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return &jsonReader{file: file, text: text, dec: dec}
}

// pos returns where the next token begins.
func (r *jsonReader) pos() Position {
	i := int(r.dec.InputOffset())
	for i < len(r.text) && bytes.IndexByte([]byte(" \t\r\n,:"), r.text[i]) >= 0 {
		i++
	}
	return r.posAt(i)
}

func (r *jsonReader) posAt(i int) Position {
	before := r.text[:min(i, len(r.text))]
	return Position{bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')}
}

func (r *jsonReader) errorAt(pos Position, format string, args ...any) error {
	return &Error{File: r.file, Pos: pos, Err: fmt.Errorf(format, args...)}
}

func (r *jsonReader) token() (json.Token, Position, error) {
	pos := r.pos()
	t, err := r.dec.Token()
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, pos, r.errorAt(r.posAt(int(syntax.Offset)-1), "%w", err)
	case err == io.EOF:
		return nil, pos, r.errorAt(pos, "ends too early")
	case err != nil:
		return nil, pos, r.errorAt(pos, "%w", err)
	}
	return t, pos, nil
}

// object calls field for each key, which must read the value.
func (r *jsonReader) object(field func(key string) error) error {
	t, pos, err := r.token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('{') {
		return r.errorAt(pos, "want an object")
	}
	seen := make(map[string]bool)
	for r.dec.More() {
		t, pos, err := r.token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		switch {
		case !ok:
			return r.errorAt(pos, "want a key")
		case seen[key]:
			return r.errorAt(pos, "key %q is here twice", key)
		}
		seen[key] = true
		if err := field(key); err != nil {
			var e *Error
			if errors.Is(err, errUnknownKey) && !errors.As(err, &e) {
				return r.errorAt(pos, "unknown key %q", key)
			}
			return err
		}
	}
	_, _, err = r.token()
	return err
}

// errUnknownKey is what a field function says of a key; object adds where.
var errUnknownKey = errors.New("unknown key")

// array calls element for each, which must read it.
func (r *jsonReader) array(element func() error) error {
	t, pos, err := r.token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('[') {
		return r.errorAt(pos, "want an array")
	}
	for r.dec.More() {
		if err := element(); err != nil {
			return err
		}
	}
	_, _, err = r.token()
	return err
}

func (r *jsonReader) string() (Name, error) {
	t, pos, err := r.token()
	if err != nil {
		return Name{}, err
	}
	s, ok := t.(string)
	if !ok && t != nil {
		return Name{}, r.errorAt(pos, "want a string")
	}
	return Name{Text: s, Pos: pos}, nil
}

func (r *jsonReader) strings() ([]Name, error) {
	var list []Name
	err := r.array(func() error {
		s, err := r.string()
		list = append(list, s)
		return err
	})
	return list, err
}

// number reads an unsigned integer; present is false for null.
func (r *jsonReader) number(limit uint64) (n uint64, present bool, err error) {
	t, pos, err := r.token()
	if err != nil || t == nil {
		return 0, false, err
	}
	if num, ok := t.(json.Number); ok {
		n, err = strconv.ParseUint(num.String(), 10, 64)
		if err == nil && n <= limit {
			return n, true, nil
		}
	}
	return 0, false, r.errorAt(pos, "want a whole number from 0 to %d", limit)
}

// end fails unless the document is over.
func (r *jsonReader) end() error {
	pos := r.pos()
	if _, err := r.dec.Token(); err != io.EOF {
		return r.errorAt(pos, "something follows the policy")
	}
	return nil
}
