package apply

import (
	"fmt"
	"net/netip"
	"strconv"

	"mooring/dataplane"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// accessLists are the access lists, whoever refers to them.
type accessLists struct {
	node   *tree.Node
	lists  place
	native map[string]*dataplane.AccessList
}

// translateLists translates the access lists that have changed.
func (j *job) translateLists() {
	if j.acls == nil {
		j.new.accessLists = &accessLists{}
		return
	}
	list := place{j.new.root.Child(j.acls), schema.Path{{Node: j.acls}}}.child("acl")
	was := j.old.accessLists
	if was != nil && was.node.Same(list.node) {
		j.new.accessLists = was
		return
	}
	if was == nil {
		was = &accessLists{}
	}
	l := &accessLists{node: list.node, lists: list, native: map[string]*dataplane.AccessList{}}
	for name, at := range list.entries() {
		if old := was.node.Entry(name); old != nil && old.Same(at.node) {
			l.native[name] = was.native[name]
			continue
		}
		l.native[name] = j.accessList(name, at)
	}
	j.new.accessLists = l
}

const aclModule = "ietf-access-control-list:"

// accessList translates a list. One without a type is about both IP versions.
func (j *job) accessList(name string, at place) *dataplane.AccessList {
	kind, _ := at.node.Leaf("type")
	list := &dataplane.AccessList{Name: name, V4: kind != aclModule+"ipv6-acl-type", V6: kind != aclModule+"ipv4-acl-type"}
	for _, entry := range at.below("aces", "ace").entries() {
		r := dataplane.AccessRule{Name: entry.node.Keys()[0], Permit: j.permits(entry)}
		for _, r.Version = range []uint8{4, 6} {
			if r.Version == 4 && list.V4 || r.Version == 6 && list.V6 {
				j.accessRule(list, entry, r)
			}
		}
	}
	return list
}

// accessRule adds what a rule says about packets of the IP version of r, if it says anything.
func (j *job) accessRule(list *dataplane.AccessList, at place, r dataplane.AccessRule) {
	matches, own, other := at.child("matches"), "ipv4", "ipv6"
	if r.Version == 6 {
		own, other = other, own
	}
	if matches.child(other).node != nil {
		return
	}
	header := matches.child(own)
	r.Source, r.Destination = j.prefixAt(header.child("source-"+own+"-network")), j.prefixAt(header.child("destination-"+own+"-network"))
	r.DSCP, r.Protocol = j.octetAt(header.child("dscp")), j.octetAt(header.child("protocol"))
	for _, l4 := range []struct {
		name     string
		protocol uint8
	}{{"tcp", 6}, {"udp", 17}, {"icmp", icmp(r.Version)}} {
		h := matches.child(l4.name)
		if h.node == nil {
			continue
		}
		if r.Protocol.Set && r.Protocol.Value != l4.protocol {
			j.refuse(header.child("protocol"), mustViolation, "a packet of protocol %d is never one of %s, which is protocol %d", r.Protocol.Value, l4.name, l4.protocol)
		}
		r.Protocol = dataplane.Octet{Value: l4.protocol, Set: true}
		if l4.name == "icmp" {
			r.ICMPType, r.ICMPCode = j.octetAt(h.child("type")), j.octetAt(h.child("code"))
			continue
		}
		r.SourcePorts, r.DestinationPorts = j.portsAt(h.child("source-port")), j.portsAt(h.child("destination-port"))
	}
	list.Rules = append(list.Rules, r)
}

// icmp is the protocol number of ICMP in an IP version (RFC 792, RFC 4443).
func icmp(version uint8) uint8 {
	if version == 6 {
		return 58
	}
	return 1
}

// permits reads what a rule does. Packets are discarded without a word: nobody is told of a refusal.
func (j *job) permits(at place) bool {
	leaf := at.below("actions", "forwarding")
	if leaf.node == nil {
		return false // which is refused as missing
	}
	switch leaf.node.Value() {
	case aclModule + "accept":
		return true
	case aclModule + "reject":
		j.refuse(leaf, mustViolation, "what comes out of tunnels is discarded without an answer; use drop")
	}
	return false
}

func (j *job) octetAt(at place) (o dataplane.Octet) {
	if at.node != nil {
		n, err := strconv.ParseUint(at.node.Value(), 10, 8)
		j.check(at, err)
		o = dataplane.Octet{Value: uint8(n), Set: true}
	}
	return o
}

func (j *job) prefixAt(at place) (p netip.Prefix) {
	if at.node != nil {
		var err error
		p, err = netip.ParsePrefix(at.node.Value())
		j.check(at, err)
		p = p.Masked()
	}
	return p
}

// portsAt reads a port or a range of ports; no port there at all is all of them.
func (j *job) portsAt(at place) (p dataplane.Ports) {
	if at.node == nil {
		return p
	}
	port := func(name string) (n uint16, ok bool) {
		leaf := at.child(name)
		if leaf.node == nil {
			return 0, false
		}
		v, err := strconv.ParseUint(leaf.node.Value(), 10, 16)
		j.check(leaf, err)
		return uint16(v), true
	}
	if from, ok := port("lower-port"); ok {
		to, _ := port("upper-port")
		return dataplane.Ports{From: from, To: to, Set: true}
	}
	n, ok := port("port")
	if !ok {
		return p
	}
	operator, _ := at.node.EffectiveLeaf("operator")
	switch operator {
	case "lte":
		return dataplane.Ports{To: n, Set: true}
	case "gte":
		return dataplane.Ports{From: n, To: 65535, Set: true}
	case "neq":
		return dataplane.Ports{From: n, To: n, Set: true, Except: true}
	case "", "eq":
		return dataplane.Ports{From: n, To: n, Set: true}
	}
	j.check(at, fmt.Errorf("operator %q is not known here", operator))
	return p
}
