package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode"
)

// roundTrip checks what holds for all octets, and reports whether they are a message:
// no panic; what decodes is written back octet for octet; its canonical form decodes to the same; a Decoder that was
// used before sees what Parse sees.
func roundTrip(t *testing.T, d *Decoder, mh []byte) bool {
	before := bytes.Clone(mh)
	m, err := Parse(mh)
	reused, reusedErr := d.Decode(mh)
	if (err == nil) != (reusedErr == nil) || err != nil && *err.(*DecodeError) != *reusedErr.(*DecodeError) {
		t.Fatalf("Parse: %v\nDecode: %v", err, reusedErr)
	}
	if !bytes.Equal(mh, before) {
		t.Fatal("decoding changed the octets")
	}
	if err != nil {
		if e := err.(*DecodeError); e.Kind == 0 || e.Offset > max(len(mh), atLength) {
			t.Fatalf("%d octets: %#v", len(mh), e)
		}
		return false
	}
	length := (int(mh[1]) + 1) * 8
	for _, m := range []Message{m, reused} {
		got, err := m.AppendBinary(nil)
		if err != nil || !bytes.Equal(got, mh[:length]) {
			t.Fatalf("%v, %v\ngot  %x\nwant %x", m, err, got, mh[:length])
		}
	}
	if canonical(t, m) != canonical(t, reused) {
		t.Fatalf("Parse: %v\nDecode: %v", m, reused)
	}
	text := fmt.Sprint(m)
	if text != fmt.Sprint(reused) {
		t.Fatalf("Parse: %v\nDecode: %v", m, reused)
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		t.Fatalf("control characters in %q", text)
	}
	want := canonical(t, m)
	forget(m)
	form, err := m.AppendBinary(nil)
	if err != nil {
		if len(want) <= maxLength {
			t.Fatalf("%v: %v", m, err)
		}
		return true // aligned, it does not fit any more
	}
	again, err := Parse(form)
	if err != nil {
		t.Fatalf("%v: canonical %x: %v", m, form, err)
	}
	if got := canonical(t, again); got != want || fmt.Sprint(again) != text {
		t.Fatalf("%v\nbecame %v", m, again)
	}
	return true
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors(f, true) {
		f.Add([]byte(v.MH))
	}
	mh, err := everything().AppendBinary(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(mh)
	var d Decoder
	f.Fuzz(func(t *testing.T, mh []byte) {
		// Dirt for the decoder to forget.
		if _, err := d.Decode(clipType(everythingOctets, mh)); err != nil {
			t.Fatal(err)
		}
		roundTrip(t, &d, mh)
	})
}

// FuzzOptions spends no time on headers: the options stand in a message of each kind.
func FuzzOptions(f *testing.F) {
	for _, v := range vectors(f, true) {
		if t := Type(v.MH[atType]); t.known() && messageTypes[t].options != 0 && len(v.MH) > int(messageTypes[t].options) {
			f.Add(byte(t), []byte(v.MH[messageTypes[t].options:]))
		}
	}
	f.Add(byte(TypeBindingUpdate), everythingOctets[12:])
	f.Fuzz(func(t *testing.T, kind byte, options []byte) {
		kind %= byte(len(messageTypes))
		fixed := max(int(messageTypes[kind].options), atData)
		mh := make([]byte, fixed, fixed+len(options)+unit)
		mh[atProto], mh[atType] = noNextHeader, kind
		if Type(kind) == TypeBindingRevocation {
			mh[atData] = revocationAck
		}
		mh = append(mh, options...)
		mh = append(mh, make([]byte, -len(mh)&(unit-1))...) // Pad1
		if len(mh) > maxLength {
			return
		}
		mh[atLength] = byte(len(mh)/unit - 1)
		var d Decoder
		roundTrip(t, &d, mh)
	})
}

// FuzzVerify: nothing makes Verify or Sign panic, and what is signed verifies, and is still a message if it was one.
func FuzzVerify(f *testing.F) {
	for _, v := range vectors(f, true) {
		f.Add([]byte(v.MH))
	}
	a := NewAuthenticator(testSPI, testKey)
	f.Fuzz(func(t *testing.T, mh []byte) {
		a.Verify(mh, testCoA, noHome)
		_, before := Parse(mh)
		if a.Sign(mh, testCoA, noHome) != nil {
			return
		}
		if err := a.Verify(mh, testCoA, noHome); err != nil {
			t.Fatal(err)
		}
		if _, after := Parse(mh); (before == nil) != (after == nil) {
			t.Fatalf("%v before, %v after signing", before, after)
		}
	})
}

var everythingOctets = func() []byte {
	b, err := everything().AppendBinary(nil)
	if err != nil {
		panic(err)
	}
	return b
}()

// clipType gives a message full of options the type of mh, where both have their options at the same octet.
func clipType(full, mh []byte) []byte {
	out := bytes.Clone(full)
	if len(mh) > atType {
		if t := Type(mh[atType]); t.known() && messageTypes[t].options == 12 {
			out[atType] = mh[atType]
		}
	}
	return out
}
