package wire

import (
	"encoding/hex"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// name looks v up in a table of names; what has none is shown as a number.
func name(names []string, v uint8) string {
	if int(v) < len(names) && names[v] != "" {
		return names[v]
	}
	return strconv.Itoa(int(v))
}

// flagText names bits by the letters of their figure, from the bit top to the right: "A|P". Bits without a letter follow
// in hexadecimal; no bit at all is "-".
func flagText(bits, top uint16, letters string) string {
	var set []string
	for i := range letters {
		if mask := top >> i; bits&mask != 0 {
			set = append(set, letters[i:i+1])
			bits &^= mask
		}
	}
	if bits != 0 {
		set = append(set, "0x"+strconv.FormatUint(uint64(bits), 16))
	}
	if len(set) == 0 {
		return "-"
	}
	return strings.Join(set, "|")
}

// text shows an identifier as it is where it can stand in a line of a log, and in hexadecimal where it cannot.
func text(b []byte) string {
	switch {
	case len(b) == 0:
		return `""`
	case !isPrintable(b):
		return "0x" + hex.EncodeToString(b)
	}
	return string(b)
}

// isPrintable says whether octets are text without space.
func isPrintable(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 || !unicode.IsGraphic(r) || unicode.IsSpace(r) {
			return false
		}
		b = b[n:]
	}
	return true
}
