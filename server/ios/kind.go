package ios

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// kind says how a value is written where that is not how YANG writes it.
type kind struct {
	what    string                               // the argument, to who should have written it
	words   int                                  // at most; 0: one
	fits    func(words []string) bool            // whether these may be (the first of) its words; nil: any may
	read    func(words []string) (string, error) // gives a value that the type of the leaf then checks; nil: the word
	write   func(value string) ([]string, bool)  // is the way back; false: not in this way; nil: the word, where it is one
	ignored bool                                 // there is no leaf
	rest    bool                                 // it takes all words that follow, too
	advice  func(value string) (warning string)  // about a value beyond what is published
}

// kinds by the names that syntaxes have for them. The one without name is a value as YANG writes it.
var kinds = map[string]*kind{
	"":          {},
	"hex":       {what: "hexadecimal number", read: readHex, write: writeHex},
	"hexkey":    {what: "hexadecimal digits"},
	"key":       {write: writeKey},
	"type7":     {what: "key of type 7", read: one(decodeType7), write: writeType7},
	"number":    {what: "number", ignored: true, fits: all(isNumber)},
	"terminal":  {what: "terminal", ignored: true, fits: all(func(w string) bool { return strings.EqualFold(w, "terminal") })},
	"device":    {what: "interface", words: 2, fits: fitsInterface, ignored: true},
	"any":       {what: "text", ignored: true, rest: true},
	"interface": {what: "interface", words: 2, fits: fitsInterface, read: readInterface},
	"sequence":  {what: "sequence number", fits: all(isNumber), write: writeNumber},
	"att":       namesOf(map[string]string{"3G": "3gpp-utran", "ETHERNET": "ethernet", "LTE": "3gpp-e-utran", "WLAN": "wlan"}),
	"rat": namesOf(map[string]string{"virtual": "virtual", "ppp": "ppp", "ethernet": "ethernet", "wlan": "wlan", "wimax": "wimax", "3gppgeran": "3gpp-geran",
		"3gpputran": "3gpp-utran", "3gppeutran": "3gpp-e-utran", "3gpp2ehrpd": "3gpp2-ehrpd", "3gpp2hrpd": "3gpp2-hrpd", "3gpp21rtt": "3gpp2-1xrtt", "3gpp2umb": "3gpp2-umb"}),
	"role":     namesOf(map[string]string{"3GPP": "3gpp", "LTE": "lte", "WIMAX": "wimax", "WLAN": "wlan"}),
	"bit":      namesOf(map[string]string{"0": "clear", "1": "set"}),
	"enum":     {read: one(func(w string) (string, error) { return strings.ToLower(w), nil })},
	"host":     {what: "address", read: one(func(w string) (string, error) { return w + "/32", nil }), write: writeHost},
	"net":      {what: "address and wildcard", words: 2, fits: all(isAddressOrPrefix), read: readNet, write: writeNet},
	"protocol": {what: "protocol", read: one(readProtocol), write: writeProtocol, fits: all(func(w string) bool { return !withPorts(strings.ToLower(w)) })},
	"port":     {what: "port", read: one(readPort)},
	"watch":    {what: "address, length", read: readLength, write: writeLength},
	"address4": {what: "IPv4 address", write: writePrefix(".")},
	"address6": {what: "IPv6 address", write: writePrefix(":")},
	"prefix4":  {what: "IPv4 prefix", read: readLength, write: writePrefix(".")},
	"prefix6":  {what: "IPv6 prefix", read: readLength, write: writePrefix(":")},
	// ranges that are published and narrower than ours
	"1..128000":  published(1, 128000),
	"100..65535": published(100, 65535),
	"10..3600":   published(10, 3600),
}

// unreadableError is about a word that means nothing, as opposed to a value that is too large or too small.
type unreadableError struct{ text string }

func (e *unreadableError) Error() string { return e.text }

// wordError is about one of several words of an argument, counted from 0.
type wordError struct {
	at   int
	text string
}

func (e *wordError) Error() string { return e.text }

func unreadable(format string, args ...any) error {
	return &unreadableError{fmt.Sprintf(format, args...)}
}

// one makes a reader of a single word.
func one(read func(string) (string, error)) func([]string) (string, error) {
	return func(words []string) (string, error) { return read(words[0]) }
}

func all(fits func(string) bool) func([]string) bool {
	return func(words []string) bool {
		for _, w := range words {
			if !fits(w) {
				return false
			}
		}
		return true
	}
}

// namesOf is a kind of enumeration with other names than YANG has.
func namesOf(names map[string]string) *kind {
	return &kind{
		read: one(func(w string) (string, error) {
			for theirs, ours := range names {
				if strings.EqualFold(theirs, w) {
					return ours, nil
				}
			}
			return "", fmt.Errorf("%q is none of %s", w, strings.Join(slices.Sorted(maps.Keys(names)), ", "))
		}),
		write: func(value string) ([]string, bool) {
			for theirs, ours := range names {
				if ours == value {
					return []string{theirs}, true
				}
			}
			return nil, false
		},
	}
}

func published(from, to uint64) *kind {
	return &kind{advice: func(value string) string {
		if n, err := strconv.ParseUint(value, 10, 64); err == nil && (n < from || n > to) {
			return fmt.Sprintf("W-MIX %s is beyond the published range %d..%d", value, from, to)
		}
		return ""
	}}
}

// value reads the words of an argument.
func (k *kind) value(words []string) (string, error) {
	if k.read != nil {
		return k.read(words)
	}
	return words[0], nil
}

// text writes a value; it says false where this kind cannot.
func (k *kind) text(value string) ([]string, bool) {
	if k.write != nil {
		return k.write(value)
	}
	return []string{value}, value != "" && !strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' })
}

func isNumber(w string) bool { return w != "" && strings.Trim(w, "0123456789") == "" }

func writeNumber(value string) ([]string, bool) { return []string{value}, isNumber(value) }

func readHex(words []string) (string, error) {
	digits := strings.TrimPrefix(strings.ToLower(words[0]), "0x")
	n, err := strconv.ParseUint(digits, 16, 32)
	if errors.Is(err, strconv.ErrRange) {
		return "", fmt.Errorf("%s has more than 32 bits", words[0])
	}
	if err != nil {
		return "", fmt.Errorf("%q is no hexadecimal number", words[0])
	}
	return strconv.FormatUint(n, 10), nil
}

func writeHex(value string) ([]string, bool) {
	n, err := strconv.ParseUint(value, 10, 32)
	return []string{strconv.FormatUint(n, 16)}, err == nil
}

// writeKey leaves to type 7 what could be read as something else.
func writeKey(value string) ([]string, bool) {
	return []string{value}, value != "" && !strings.Contains(value, " ") && !isNumber(value)
}

func writeType7(value string) ([]string, bool) {
	return []string{encodeType7(value)}, value != "" && !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
}

// interfaceType is the first of two words that name an interface, and interfaceNumber the second.
var (
	interfaceType   = regexp.MustCompile(`^[A-Za-z][A-Za-z-]*$`)
	interfaceNumber = regexp.MustCompile(`^[0-9][0-9/.:]*$`)
	leadingZeros    = regexp.MustCompile(`(^|[/.:])0+([0-9])`)
)

func fitsInterface(words []string) bool {
	return len(words) < 2 || interfaceType.MatchString(words[0]) && interfaceNumber.MatchString(words[1])
}

func readInterface(words []string) (string, error) {
	if len(words) == 1 {
		return words[0], nil
	}
	return words[0] + leadingZeros.ReplaceAllString(words[1], "$1$2"), nil
}

func isAddressOrPrefix(w string) bool {
	return w != "" && (w[0] >= '0' && w[0] <= '9' || strings.Contains(w, ":"))
}

func readNet(words []string) (string, error) {
	if len(words) == 1 {
		if !strings.Contains(words[0], "/") {
			return "", fmt.Errorf("%q wants a wildcard behind it: %s 0.0.0.0 for the address alone", words[0], words[0])
		}
		return words[0], nil
	}
	wildcard, err := netip.ParseAddr(words[1])
	if err != nil || !wildcard.Is4() {
		return "", &wordError{1, fmt.Sprintf("%q is no wildcard", words[1])}
	}
	length, ok := maskLength(wildcard.As4())
	if !ok {
		return "", &wordError{1, fmt.Sprintf("wildcard %s: its ones are not all at the end, which cannot be written as a prefix; split the entry", words[1])}
	}
	return words[0] + "/" + strconv.Itoa(length), nil
}

// maskLength is the length of the prefix that an inverse mask stands for.
func maskLength(wildcard [4]byte) (int, bool) {
	bits := uint32(wildcard[0])<<24 | uint32(wildcard[1])<<16 | uint32(wildcard[2])<<8 | uint32(wildcard[3])
	length := 32
	for bits&1 == 1 {
		bits, length = bits>>1, length-1
	}
	return length, bits == 0
}

func writeNet(value string) ([]string, bool) {
	p, err := netip.ParsePrefix(value)
	if err != nil || !p.Addr().Is4() {
		return nil, false
	}
	mask := uint32(1)<<(32-p.Bits()) - 1
	wildcard := netip.AddrFrom4([4]byte{byte(mask >> 24), byte(mask >> 16), byte(mask >> 8), byte(mask)})
	return []string{p.Addr().String(), wildcard.String()}, p.Bits() < 32
}

func writeHost(value string) ([]string, bool) {
	address, ok := strings.CutSuffix(value, "/32")
	return []string{address}, ok
}

func readLength(words []string) (string, error) {
	if len(words) == 2 {
		address, err := netip.ParseAddr(words[0])
		if length, wrong := strconv.ParseUint(words[1], 10, 8); err == nil && (wrong != nil || int(length) > address.BitLen()) {
			return "", &wordError{1, fmt.Sprintf("%s is no length of a prefix: 0 to %d", words[1], address.BitLen())}
		}
	}
	return strings.Join(words, "/"), nil
}

func writeLength(value string) ([]string, bool) {
	address, length, ok := strings.Cut(value, "/")
	return []string{address, length}, ok
}

// writePrefix writes the addresses and prefixes of one family, which have mark in them.
func writePrefix(mark string) func(string) ([]string, bool) {
	return func(value string) ([]string, bool) { return []string{value}, strings.Contains(value, mark) }
}

// protocols are the names of IP protocols in access lists (IANA, protocol numbers).
var protocols = map[string]int{"icmp": 1, "igmp": 2, "ipinip": 4, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ahp": 51, "eigrp": 88, "ospf": 89, "pim": 103}

func withPorts(protocol string) bool { return protocol == "tcp" || protocol == "udp" }

func readProtocol(w string) (string, error) {
	if n, ok := protocols[strings.ToLower(w)]; ok {
		return strconv.Itoa(n), nil
	}
	if isNumber(w) {
		return w, nil
	}
	return "", unreadable("unknown protocol %q: a number, ip, or one of %s", w, strings.Join(slices.Sorted(maps.Keys(protocols)), ", "))
}

func writeProtocol(value string) ([]string, bool) {
	for name, n := range protocols {
		if strconv.Itoa(n) == value && !withPorts(name) {
			return []string{name}, true
		}
	}
	return []string{value}, true
}

// ports are the names that access lists have for ports (IANA, service names).
var ports = map[string]int{"ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "bootps": 67, "bootpc": 68, "tftp": 69, "www": 80,
	"http": 80, "pop3": 110, "ntp": 123, "snmp": 161, "snmptrap": 162, "bgp": 179, "https": 443, "isakmp": 500, "syslog": 514}

func readPort(w string) (string, error) {
	if n, ok := ports[strings.ToLower(w)]; ok {
		return strconv.Itoa(n), nil
	}
	if isNumber(w) {
		return w, nil
	}
	return "", unreadable("unknown port %q: give its number", w)
}
