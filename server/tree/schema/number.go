package schema

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Number is any value of the integer types, or of decimal64 without its point.
type Number struct {
	Negative  bool // never with Magnitude 0
	Magnitude uint64
}

// Range is an interval with both ends in it.
type Range struct{ Min, Max Number }

// Compare orders a and b.
func (a Number) Compare(b Number) int {
	switch {
	case a.Negative && b.Negative:
		return cmp.Compare(b.Magnitude, a.Magnitude)
	case a.Negative:
		return -1
	case b.Negative:
		return 1
	}
	return cmp.Compare(a.Magnitude, b.Magnitude)
}

func (a Number) String() string {
	s := strconv.FormatUint(a.Magnitude, 10)
	if a.Negative {
		return "-" + s
	}
	return s
}

// decimal writes a with a point digits places from the right, in canonical form (RFC 7950 section 9.3.2).
func (a Number) decimal(digits int) string {
	s := strconv.FormatUint(a.Magnitude, 10)
	if len(s) <= digits {
		s = strings.Repeat("0", digits-len(s)+1) + s
	}
	whole, fraction := s[:len(s)-digits], strings.TrimRight(s[len(s)-digits:], "0")
	if fraction == "" {
		fraction = "0"
	}
	if a.Negative {
		whole = "-" + whole
	}
	return whole + "." + fraction
}

func number(i int64) Number {
	if i < 0 {
		return Number{true, uint64(-(i + 1)) + 1}
	}
	return Number{false, uint64(i)}
}

// parseNumber reads an optional sign and decimal digits; base 0 also allows the hexadecimal and octal forms that a YANG
// module may use in defaults (RFC 7950 section 9.2.1).
func parseNumber(text string, base int) (Number, error) {
	digits := strings.TrimPrefix(text, "+")
	negative := false
	if digits == text {
		digits, negative = strings.CutPrefix(text, "-")
	}
	if digits == "" || digits[0] < '0' || digits[0] > '9' || strings.Contains(digits, "_") {
		return Number{}, fmt.Errorf("%q is no integer", text)
	}
	v, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return Number{}, fmt.Errorf("%q is no integer of at most 64 bits", text)
	}
	return Number{negative && v != 0, v}, nil
}

// parseDecimal reads a decimal64 with at most digits places and scales it to an integer.
func parseDecimal(text string, digits int) (Number, error) {
	whole, fraction, point := strings.Cut(text, ".")
	if strings.TrimLeft(whole, "+-") == "" || point && fraction == "" || strings.Trim(fraction, "0123456789") != "" {
		return Number{}, fmt.Errorf("%q is no decimal number", text)
	}
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > digits {
		return Number{}, fmt.Errorf("%q has more than %d fraction digits", text, digits)
	}
	n, err := parseNumber(whole+fraction+strings.Repeat("0", digits-len(fraction)), 10)
	if err != nil {
		return Number{}, fmt.Errorf("%q is no decimal number of 64 bits with %d fraction digits", text, digits)
	}
	return n, nil
}

func wholeRange(b Base) []Range {
	switch {
	case b >= Int8 && b <= Int64:
		bits := 8 << (b - Int8)
		return []Range{{number(math.MinInt64 >> (64 - bits)), number(math.MaxInt64 >> (64 - bits))}}
	case b >= Uint8 && b <= Uint64:
		bits := 8 << (b - Uint8)
		return []Range{{Number{}, Number{false, math.MaxUint64 >> (64 - bits)}}}
	case b == Decimal64:
		return []Range{{number(math.MinInt64), number(math.MaxInt64)}}
	}
	return nil
}

// parseRanges reads the argument of a range or length statement; min and max are those of base (RFC 7950 section 9.2.4).
func parseRanges(text string, base []Range, digits int) ([]Range, error) {
	if len(base) == 0 {
		base = wholeRange(Uint64)
	}
	bound := func(s string) (Number, error) {
		switch s = strings.TrimSpace(s); s {
		case "min":
			return base[0].Min, nil
		case "max":
			return base[len(base)-1].Max, nil
		}
		return parseDecimal(s, digits)
	}
	var list []Range
	for part := range strings.SplitSeq(text, "|") {
		low, high, ok := strings.Cut(part, "..")
		if !ok {
			high = low
		}
		lo, err := bound(low)
		if err != nil {
			return nil, err
		}
		hi, err := bound(high)
		if err != nil {
			return nil, err
		}
		if lo.Compare(hi) > 0 || len(list) > 0 && lo.Compare(list[len(list)-1].Max) <= 0 {
			return nil, fmt.Errorf("%q is not in ascending order", text)
		}
		list = append(list, Range{lo, hi})
	}
	for _, r := range list {
		if !within(r.Min, base) || !within(r.Max, base) {
			return nil, fmt.Errorf("%q is wider than the type that it restricts", text)
		}
	}
	return list, nil
}

func within(n Number, ranges []Range) bool {
	for _, r := range ranges {
		if n.Compare(r.Min) >= 0 && n.Compare(r.Max) <= 0 {
			return true
		}
	}
	return len(ranges) == 0
}

// describe writes ranges for an error message: "1..100 or 200".
func describe(ranges []Range, digits int) string {
	format := func(n Number) string {
		if digits > 0 {
			return n.decimal(digits)
		}
		return n.String()
	}
	parts := make([]string, len(ranges))
	for i, r := range ranges {
		parts[i] = format(r.Min)
		if r.Min != r.Max {
			parts[i] += ".." + format(r.Max)
		}
	}
	return strings.Join(parts, " or ")
}
