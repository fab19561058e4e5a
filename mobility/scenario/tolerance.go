package scenario

import (
	"fmt"
	"strings"

	"mooring/mobility"
)

// ParseTolerance reads what a peer is forgiven: words separated by commas.
func ParseTolerance(text string) (t mobility.Tolerance, err error) {
	for word := range strings.SplitSeq(text, ",") {
		is := map[string]mobility.Tolerance{
			"unauthenticated": mobility.Unauthenticated, "length-128": mobility.WholePrefixLength, "sequence-only": mobility.SequenceOnly,
			"binary-id": mobility.BinaryIdentifiers, "no-proxy-flag": mobility.ProxyFlagMissing, "not-repeated": mobility.OptionsNotRepeated,
		}[word]
		if is == 0 {
			return 0, fmt.Errorf("tolerance %q", word)
		}
		t |= is
	}
	return t, nil
}
