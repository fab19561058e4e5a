package xmlio

import (
	"bytes"
	"encoding/xml"
	"strings"
	"unicode/utf8"
)

// references finds the references to surrogates in a document, &#xD800; for one: they are no characters (XML 1.0 section 4.1), but the
// parser puts U+FFFD in their place, which hides them.
type references struct {
	state refState
	value rune
	found []int64 // where they end
}

type refState uint8

const (
	refNone refState = iota
	refBegun
	refNumber
	refDecimal
	refHex
)

// scan looks at a part of the document that begins at an offset.
func (f *references) scan(offset int64, part []byte) {
	for i := 0; i < len(part); i++ {
		if f.state == refNone {
			next := bytes.IndexByte(part[i:], '&')
			if next < 0 {
				return
			}
			i += next
		}
		if f.next(part[i]) {
			f.found = append(f.found, offset+int64(i)+1)
		}
	}
}

// next goes one octet on and reports whether a reference to a surrogate ends with it.
func (f *references) next(ch byte) bool {
	digit := rune(-1)
	switch {
	case ch >= '0' && ch <= '9':
		digit = rune(ch - '0')
	case f.state == refHex && ch|0x20 >= 'a' && ch|0x20 <= 'f':
		digit = rune(ch|0x20-'a') + 10
	}
	switch {
	case ch == '&':
		f.state = refBegun
	case f.state == refBegun && ch == '#':
		f.state, f.value = refNumber, 0
	case f.state == refNumber && ch == 'x':
		f.state = refHex
	case f.state == refNumber && digit >= 0:
		f.state, f.value = refDecimal, digit
	case f.state == refHex && digit >= 0:
		f.value = min(f.value*16+digit, utf8.MaxRune)
	case f.state == refDecimal && digit >= 0:
		f.value = min(f.value*10+digit, utf8.MaxRune)
	default:
		surrogate := f.state >= refDecimal && ch == ';' && f.value >= 0xD800 && f.value <= 0xDFFF
		f.state = refNone
		return surrogate
	}
	return false
}

// passed reports whether one ends before an offset, and forgets it.
func (f *references) passed(offset int64) (passed bool) {
	for len(f.found) > 0 && f.found[0] <= offset {
		f.found, passed = f.found[1:], true
	}
	return passed
}

// replaced reports whether a character of a token was replaced. In a comment nothing is referred to, in a CDATA section as little.
func replaced(t xml.Token) bool {
	switch t := t.(type) {
	case xml.CharData:
		return bytes.ContainsRune(t, utf8.RuneError)
	case xml.StartElement:
		for _, a := range t.Attr {
			if strings.ContainsRune(a.Value, utf8.RuneError) {
				return true
			}
		}
	}
	return false
}
