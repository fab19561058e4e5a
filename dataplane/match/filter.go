package match

import (
	"slices"
	"sync/atomic"

	"github.com/gaissmai/bart"

	"mooring/dataplane"
)

// Filter is a dataplane.Filter made ready for packets, with its counters. Its methods may be called concurrently.
type Filter struct {
	of      *dataplane.Filter
	blocked bart.Lite
	rules   [2][]rule // of IPv4 and of IPv6
	counts  []counter // by the number of the rule's name
	names   []string
}

type rule struct {
	dataplane.AccessRule
	count int // number of the counter
}

type counter struct{ packets, octets atomic.Uint64 }

// New makes a filter ready. Where old, which may be nil, has the same access list or an earlier version of it, rules go on counting where
// those of the same name had come to.
func New(f *dataplane.Filter, old *Filter) *Filter {
	n := &Filter{of: f}
	for _, p := range f.Blocked {
		n.blocked.Insert(p)
	}
	if f.List == nil {
		return n
	}
	for _, r := range f.List.Rules {
		number := slices.Index(n.names, r.Name)
		if number < 0 {
			number, n.names = len(n.names), append(n.names, r.Name)
		}
		i := place(r.Version)
		n.rules[i] = append(n.rules[i], rule{r, number})
	}
	n.counts = make([]counter, len(n.names))
	for key, had := range old.Matches() {
		if i := slices.Index(n.names, key.Rule); i >= 0 && key.List == f.List.Name {
			n.counts[i].packets.Store(had.Packets)
			n.counts[i].octets.Store(had.Octets)
		}
	}
	return n
}

func place(version uint8) int {
	if version == 4 {
		return 0
	}
	return 1
}

// Permits decides about a packet that has a whole IP header, and counts it as so many packets of so many octets in all.
func (f *Filter) Permits(b []byte, packets, octets int) bool {
	p := Parse(b)
	if f.blocked.Contains(p.destination) {
		return false
	}
	list := f.of.List
	if list == nil || p.version == 4 && !list.V4 || p.version == 6 && !list.V6 {
		return true
	}
	rules := f.rules[place(p.version)]
	for i := range rules {
		if r := &rules[i]; r.matches(&p) {
			f.counts[r.count].packets.Add(uint64(packets))
			f.counts[r.count].octets.Add(uint64(octets))
			return r.Permit
		}
	}
	return false
}

// Matches returns what the rules have decided about since the filter was made. A nil filter has no rules.
func (f *Filter) Matches() map[dataplane.MatchKey]dataplane.Matches {
	if f == nil || f.of.List == nil {
		return nil
	}
	all := map[dataplane.MatchKey]dataplane.Matches{}
	for i, name := range f.names {
		all[dataplane.MatchKey{List: f.of.List.Name, Rule: name}] = dataplane.Matches{
			Packets: f.counts[i].packets.Load(), Octets: f.counts[i].octets.Load(),
		}
	}
	return all
}

func (r *rule) matches(p *Packet) bool {
	switch {
	case r.Source.IsValid() && !r.Source.Contains(p.source):
	case r.Destination.IsValid() && !r.Destination.Contains(p.destination):
	case r.DSCP.Set && r.DSCP.Value != p.dscp:
	case r.Protocol.Set && (!p.hasProtocol || r.Protocol.Value != p.protocol):
	case !r.HasTransport():
		return true
	case p.later:
		return r.Permit
	default:
		return r.matchesPorts(p) && r.matchesICMP(p)
	}
	return false
}

func (r *rule) matchesPorts(p *Packet) bool {
	if !r.SourcePorts.Set && !r.DestinationPorts.Set {
		return true
	}
	source, destination, ok := p.ports()
	return ok && within(r.SourcePorts, source) && within(r.DestinationPorts, destination)
}

func within(p dataplane.Ports, port uint16) bool {
	return !p.Set || (p.From <= port && port <= p.To) != p.Except
}

func (r *rule) matchesICMP(p *Packet) bool {
	if !r.ICMPType.Set && !r.ICMPCode.Set {
		return true
	}
	kind, code, ok := p.icmp()
	return ok && (!r.ICMPType.Set || r.ICMPType.Value == kind) && (!r.ICMPCode.Set || r.ICMPCode.Value == code)
}
