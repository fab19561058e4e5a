package mobility

import (
	"net/netip"
	"slices"
)

// Screen says which part of the messages of whom is taken in where more come than can be looked at, before anybody looks at them. It never changes once it
// is handed on.
type Screen struct {
	Senders []Sender // sorted by prefix; no prefix contains another
	Others  float64  // share of all other senders
}

// Sender is those who send from the addresses of a prefix.
type Sender struct {
	Prefix netip.Prefix // masked; of IPv4 or of IPv6
	Share  float64      // of their messages that is taken in, by chance: 1 is each, 0 none
}

// Share returns which part of the messages from an address is taken in. Without a Screen, that is 1.
func (s *Screen) Share(from netip.Addr) float64 {
	if s == nil {
		return 1
	}
	if i, known := s.Find(from); known {
		return s.Senders[i].Share
	}
	return s.Others
}

// Find returns the index of the sender that an address belongs to.
func (s *Screen) Find(from netip.Addr) (i int, known bool) {
	from = from.WithZone("")
	after, exact := slices.BinarySearchFunc(s.Senders, from, func(one Sender, a netip.Addr) int { return one.Prefix.Addr().Compare(a) })
	if exact {
		return after, true
	}
	return after - 1, after > 0 && s.Senders[after-1].Prefix.Contains(from)
}

// MostSenders is how many there may be in a Screen of each IP version: so many fit into a filter of the host, wherever they are.
const MostSenders = 200

// Prefixes returns the addresses as at most so many prefixes of each IP version, sorted: the addresses themselves, or where they are too many the longest prefixes
// of one length that are few enough. The order of the addresses is not kept.
func Prefixes(addresses []netip.Addr, most int) []netip.Prefix {
	for i, a := range addresses {
		addresses[i] = a.WithZone("")
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	addresses = slices.Compact(addresses)
	ipv6, _ := slices.BinarySearchFunc(addresses, netip.IPv6Unspecified(), netip.Addr.Compare) // those of IPv4 come before
	return append(coarsened(addresses[:ipv6], most), coarsened(addresses[ipv6:], most)...)
}

// coarsened returns the longest prefixes of one length that contain the addresses, which are sorted and of one IP version, and are no more than most.
func coarsened(addresses []netip.Addr, most int) (prefixes []netip.Prefix) {
	for _, a := range addresses {
		prefixes = append(prefixes, netip.PrefixFrom(a, a.BitLen()))
	}
	for len(prefixes) > most {
		for i, p := range prefixes {
			prefixes[i] = netip.PrefixFrom(p.Addr(), p.Bits()-1).Masked()
		}
		prefixes = slices.Compact(prefixes)
	}
	return prefixes
}
