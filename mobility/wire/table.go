package wire

import (
	"fmt"
	"math/bits"
)

// A table knows the options of one container: of a message (S is Options), or the sub-options of an option (S is ANI,
// QoS or LCMP). Both are the same type-length-value lists; only those of a message are aligned and padded.
type table[S any] struct {
	fields  []field[S] // in the order they are sent
	index   [256]uint8 // by number: position in fields plus one; 0 is a number without a field
	rest    func(*S) *[]RawOption
	aligned bool
	present func(*S) uint64 // a bit for each of fields that has something to send; nil to ask them all
}

// field is one option of a container and where its values live.
type field[S any] struct {
	number uint8
	align  alignment // none in sub-options
	format string    // how a value shows in a trace
	many   bool      // it may be repeated
	count  func(s *S) int
	decode func(s *S, data []byte) fault
	append func(b []byte, s *S, i int) []byte // data of value i; nil when the option cannot carry it
	value  func(s *S, i int) any
}

// content reads and writes the data of an option.
type content[T any] struct {
	decode func(v *T, data []byte) fault // *v is zero
	append func(b []byte, v *T) []byte   // nil when the option cannot carry *v
}

// fault is what a content finds wrong in the data of an option: nothing, its length, or one octet (badAt).
type fault int

const (
	sound     fault = 0
	badLength fault = -1
	foreign   fault = -2 // readable, but not as the value we have a field for: kept as a RawOption
)

func badAt(octet int) fault { return fault(octet + 1) }

// trouble is a fault with its place in the list; kind 0 is none.
type trouble struct {
	kind   ErrorKind
	at     int
	number uint8
}

// one is a field for an option that occurs once. Further ones are kept as RawOptions.
func one[S any, T any, N ~uint8](number N, format string, in func(*S) *Opt[T], c content[T]) field[S] {
	return field[S]{
		number: uint8(number),
		format: format,
		count: func(s *S) int {
			if in(s).Set {
				return 1
			}
			return 0
		},
		decode: func(s *S, data []byte) fault {
			v := in(s)
			if v.Set {
				return foreign
			}
			f := c.decode(&v.Value, data)
			if f != sound {
				*v = Opt[T]{}
				return f
			}
			v.Set = true
			return sound
		},
		append: func(b []byte, s *S, _ int) []byte { return c.append(b, &in(s).Value) },
		value:  func(s *S, _ int) any { return in(s).Value },
	}
}

// many is a field for an option that may be repeated.
func many[S any, T any, N ~uint8](number N, format string, in func(*S) *[]T, c content[T]) field[S] {
	return field[S]{
		number: uint8(number),
		format: format,
		many:   true,
		count:  func(s *S) int { return len(*in(s)) },
		decode: func(s *S, data []byte) fault {
			list := in(s)
			before := *list
			var zero T
			*list = append(before, zero)
			f := c.decode(&(*list)[len(before)], data)
			if f != sound {
				*list = before
			}
			return f
		},
		append: func(b []byte, s *S, i int) []byte { return c.append(b, &(*in(s))[i]) },
		value:  func(s *S, i int) any { return (*in(s))[i] },
	}
}

// remaining marks where in the order the RawOptions are sent.
func remaining[S any]() field[S] { return field[S]{} }

// indexed makes a table of its description.
func indexed[S any](t table[S]) *table[S] {
	for i, f := range t.fields {
		if f.decode != nil {
			t.index[f.number] = uint8(i) + 1
		}
		if t.aligned {
			t.fields[i].align = OptionType(f.number).alignment()
		}
	}
	if t.present == nil {
		t.present = t.ask
	}
	return &t
}

// decode reads the options from b[off:] into s. Values point into b.
func (t *table[S]) decode(s *S, b []byte, off int) trouble {
	for off < len(b) {
		number := b[off]
		if t.aligned && number == uint8(OptionPad1) {
			off++
			continue
		}
		if off+2 > len(b) {
			return trouble{KindOptionOverrun, off, number}
		}
		data, end := off+2, off+2+int(b[off+1])
		if end > len(b) {
			return trouble{KindOptionOverrun, off + 1, number}
		}
		if t.aligned && number == uint8(OptionPadN) {
			off = end
			continue
		}
		f := foreign
		if i := t.index[number]; i != 0 {
			f = t.fields[i-1].decode(s, b[data:end:end])
		}
		switch {
		case f == foreign:
			rest := t.rest(s)
			*rest = append(*rest, RawOption{OptionType(number), b[data:end:end]})
		case f == badLength:
			return trouble{KindOptionLength, off + 1, number}
		case f > 0:
			return trouble{KindOptionContent, data + int(f) - 1, number}
		}
		off = end
	}
	return trouble{}
}

// append writes the options of s in the order of the table. Alignment counts from b[start].
func (t *table[S]) append(b []byte, s *S, start int) ([]byte, error) {
	for present := t.present(s); present != 0; present &= present - 1 {
		f := &t.fields[bits.TrailingZeros64(present)]
		if f.append == nil {
			var err error
			if b, err = t.appendRest(b, *t.rest(s), start); err != nil {
				return nil, err
			}
			continue
		}
		n := 1
		if f.many {
			n = f.count(s)
		}
		for i := range n {
			b = open(b, f.number, f.align, start)
			data := len(b)
			if b = f.append(b, s, i); b == nil || len(b)-data > 255 {
				return nil, fmt.Errorf("option %d cannot carry "+f.format, f.number, f.value(s, i))
			}
			b[data-1] = byte(len(b) - data)
		}
	}
	return b, nil
}

func (t *table[S]) appendRest(b []byte, rest []RawOption, start int) ([]byte, error) {
	for _, o := range rest {
		if len(o.Data) > 255 || t.aligned && o.Type <= OptionPadN {
			return nil, fmt.Errorf("option %d cannot carry %d octets", uint8(o.Type), len(o.Data))
		}
		var align alignment
		if t.aligned {
			align = o.Type.alignment()
		}
		b = open(b, uint8(o.Type), align, start)
		b[len(b)-1] = byte(len(o.Data))
		b = append(b, o.Data...)
	}
	return b, nil
}

// open writes padding, type and an empty length.
func open(b []byte, number uint8, align alignment, start int) []byte {
	if n := align.padding(len(b) - start); n > 0 {
		b = appendPad(b, n)
	}
	return append(b, number, 0)
}

// ask is present for tables that have none: it asks the fields one by one.
func (t *table[S]) ask(s *S) (present uint64) {
	for i, f := range t.fields {
		present |= bit(i, f.append == nil && len(*t.rest(s)) > 0 || f.append != nil && f.count(s) > 0)
	}
	return present
}

// show appends each option behind a space.
func (t *table[S]) show(b []byte, s *S) []byte {
	for i := range t.fields {
		f := &t.fields[i]
		if f.append == nil {
			for _, o := range *t.rest(s) {
				b = fmt.Appendf(b, " opt%d %x", o.Type, o.Data)
			}
			continue
		}
		for i := range f.count(s) {
			b = append(b, ' ')
			b = fmt.Appendf(b, f.format, f.value(s, i))
		}
	}
	return b
}

// appendPad writes n octets of padding (RFC 6275 sections 6.2.2, 6.2.3), n at most 8.
func appendPad(b []byte, n int) []byte {
	switch n {
	case 0:
		return b
	case 1:
		return append(b, byte(OptionPad1))
	}
	b = append(b, byte(OptionPadN), byte(n-2))
	return append(b, "\x00\x00\x00\x00\x00\x00"[:n-2]...)
}
