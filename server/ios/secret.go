package ios

import (
	"encoding/hex"
	"fmt"
	"strconv"
)

// type7Key is what keys of type 7 are combined with, octet by octet, from the one on that the first two digits name. It has been public
// for decades: the type keeps a key from being read over a shoulder, and nothing more.
const type7Key = "dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87"

// maxSalt is the highest place in type7Key to begin at that routers write.
const maxSalt = 15

// decodeType7 undoes the obscuring of a key of type 7.
func decodeType7(text string) (string, error) {
	if len(text) < 4 || len(text)%2 != 0 {
		return "", unreadable("bad type 7 key: it has an even number of digits, and at least four")
	}
	salt, err := strconv.ParseUint(text[:2], 10, 8)
	if err != nil || salt > maxSalt {
		return "", unreadable("bad type 7 key: its first two digits are a number up to %d", maxSalt)
	}
	octets, err := hex.DecodeString(text[2:])
	if err != nil {
		return "", unreadable("bad type 7 key: it is not hexadecimal")
	}
	combine(octets, int(salt))
	for _, b := range octets {
		if b < ' ' || b > '~' {
			return "", unreadable("bad type 7 key: what comes out is no text")
		}
	}
	return string(octets), nil
}

// printedSalt is where keys that we write begin; any place would do.
const printedSalt = 9

// encodeType7 obscures a key, always in the same way, so that two texts of one configuration do not differ.
func encodeType7(secret string) string {
	octets := []byte(secret)
	combine(octets, printedSalt)
	return fmt.Sprintf("%02d%X", printedSalt, octets)
}

func combine(octets []byte, salt int) {
	for i := range octets {
		octets[i] ^= type7Key[(salt+i)%len(type7Key)]
	}
}
