package wire

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// octets reads hexadecimal with spaces.
func octets(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return b
}

// bothWays checks that the octets decode to the message, and that the message, which was never decoded, encodes to the
// octets.
func bothWays(t *testing.T, mh []byte, m Message) {
	t.Helper()
	got, err := Parse(mh)
	if err != nil {
		t.Fatalf("%x: %v", mh, err)
	}
	forget(got)
	if !reflect.DeepEqual(got, m) {
		t.Errorf("decoded %v\nwant    %v", got, m)
	}
	if o := m.(frame).options(); o != nil {
		for i, f := range optionTable.fields {
			if has := o.present()>>i&1 == 1; f.append != nil && has != (f.count(o) > 0) {
				t.Errorf("option %d: present says %v", f.number, has)
			}
		}
	}
	if text := fmt.Sprint(m); strings.Contains(text, "%!") {
		t.Errorf("format error in %s", text)
	}
	b, err := m.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, mh) {
		t.Errorf("encoded %x\nwant    %x", b, mh)
	}
}

// forget makes a decoded message one that was never decoded.
func forget(m Message) { m.(frame).remember(nil) }

// carry puts one option into a Binding Update, where its document wants it: at multiple*n + rest from the start. It
// returns the message and where in it the option is.
func carry(option []byte, multiple, rest int) (mh []byte, at int) {
	mh = []byte{59, 0, byte(TypeBindingUpdate), 0, 0, 0, 0, 1, 0x82, 0, 0, 2}
	pad := func(n int) {
		switch {
		case n == 1:
			mh = append(mh, 0)
		case n > 1:
			mh = append(append(mh, 1, byte(n-2)), make([]byte, n-2)...)
		}
	}
	n := 0
	for (len(mh)+n)%multiple != rest {
		n++
	}
	pad(n)
	at = len(mh)
	mh = append(mh, option...)
	pad(-len(mh) & 7)
	mh[1] = byte(len(mh)/8 - 1)
	return mh, at
}

// optionCase is one option: its octets, its alignment and what it means.
type optionCase struct {
	name           string
	octets         string
	multiple, rest int // 0 for none
	want           Options
}

func (c optionCase) run(t *testing.T) {
	t.Run(c.name, func(t *testing.T) {
		mh, _ := carry(octets(t, c.octets), max(c.multiple, 1), c.rest)
		bothWays(t, mh, &BindingUpdate{Seq: 1, Flags: UpdateA | UpdateP, Lifetime: 2, Options: c.want})
	})
}

// faultCase is an option that is refused, at an octet counted from its type octet.
type faultCase struct {
	name   string
	octets string
	kind   ErrorKind
	at     int
}

func (c faultCase) run(t *testing.T) {
	t.Run(c.name, func(t *testing.T) {
		option := octets(t, c.octets)
		mh, at := carry(option, 1, 0)
		want := DecodeError{c.kind, at + c.at, TypeBindingUpdate, OptionType(option[0])}
		m, err := Parse(mh)
		if got, ok := err.(*DecodeError); !ok || *got != want {
			t.Errorf("%x gives %v, %v\nwant %v", option, m, err, &want)
		}
	})
}

// refusal is a message whose field holds what its option cannot carry.
func refusal(t *testing.T, name string, o Options) {
	t.Run(name, func(t *testing.T) {
		before := []byte("before")
		got, err := (&BindingUpdate{Options: o}).AppendBinary(before)
		if err == nil || string(got) != "before" {
			t.Errorf("encoded %x, %v; want an error and the slice as it was", got, err)
		}
	})
}
