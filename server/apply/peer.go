package apply

import (
	"net/netip"

	"mooring/gen"
	"mooring/mobility"
	"mooring/server/tree"
)

// lmaPeer translates a MAG that an LMA knows.
func (j *job) lmaPeer(home *domain, at place) (*mobility.Peer, []*tree.Error) {
	x, err := j.lmaPeerView.of(at.node)
	j.check(at, err)
	p, warnings := j.peer(home, at, x, x.AuthOption, j.addrs(at, x.GetIpv6Address(), x.GetIpv4Address()))
	p.RevokeAll, p.Marking, p.Device = x.GetAcceptGlobalRevocation(), peerMarking(x.Dscp), x.GetTunnelInterface()
	if c := x.Compatibility; c != nil {
		p.Forgiven = tolerance(c) | when(c.GetBinaryMnId(), mobility.BinaryIdentifiers)
	}
	return p, warnings
}

// magPeer translates an LMA that a MAG knows. Without addresses of its own it has those that its domain gives.
func (j *job) magPeer(home *domain, at place) (*mobility.Peer, []*tree.Error) {
	x, err := j.magPeerView.of(at.node)
	j.check(at, err)
	addresses := append(j.addrs(at, x.Ipv6Address...), j.addrs(at, x.Ipv4Address...)...)
	if len(addresses) == 0 {
		addresses = j.new.domains[x.GetDomain()].addressesOf(x.GetId())
	}
	p, warnings := j.peer(home, at, x, x.AuthOption, addresses)
	if h := heartbeat(x.Heartbeat); h.Interval > 0 {
		p.Heartbeat = &h
	}
	p.Marking = peerMarking(x.Dscp)
	if c := x.Compatibility; c != nil {
		p.Forgiven = tolerance(c) | when(c.GetProxyFlagOptional(), mobility.ProxyFlagMissing) |
			when(c.GetRepeatedOptionsOptional(), mobility.OptionsNotRepeated)
	}
	return p, append(warnings, lateAnswers(at, p.Heartbeat)...)
}

// tolerance is what peers of both kinds may be forgiven.
func tolerance(c interface {
	GetPrefixLength_128() bool
	GetSequenceOnly() bool
	GetUnauthenticated() bool
}) mobility.Tolerance {
	return when(c.GetPrefixLength_128(), mobility.WholePrefixLength) | when(c.GetSequenceOnly(), mobility.SequenceOnly) |
		when(c.GetUnauthenticated(), mobility.Unauthenticated)
}

func when(set bool, t mobility.Tolerance) mobility.Tolerance {
	if set {
		return t
	}
	return 0
}

// peerStruct is what the structs of the two lists have in common.
type peerStruct interface {
	GetId() string
	GetDomain() string
	GetEncap() gen.E_MooringPmipv6Types_Encapsulation
	GetAuthScope() gen.E_MooringPmipv6_Pmipv6_Lma_Mag_AuthScope
	GetAuthHomeAddress() gen.E_MooringPmipv6_Pmipv6_Lma_Mag_AuthHomeAddress
}

// peer translates an entry in a list of an LMA or MAG of domain home.
func (j *job) peer(home *domain, at place, x peerStruct, key authOption, addresses []netip.Addr) (*mobility.Peer, []*tree.Error) {
	var found problems
	n := &mobility.Peer{Name: x.GetId(), Domain: x.GetDomain(), Addresses: addresses}
	foreign := n.Domain != home.native.Name
	if foreign {
		n.Name += "%" + n.Domain
	}
	n.Encap, n.Transport = encapsulation(x.GetEncap())
	if option := at.child("auth-option"); option.node != nil {
		n.Key = found.key(option, key)
	}
	n.BindingOnly = x.GetAuthScope() == gen.MooringPmipv6_Pmipv6_Lma_Mag_AuthScope_registration
	if x.GetAuthHomeAddress() == gen.MooringPmipv6_Pmipv6_Lma_Mag_AuthHomeAddress_first_prefix {
		n.Hash = mobility.HashFirstPrefix
	}
	switch {
	case j.new.domains[n.Domain] == nil:
		found.warn(at.child("domain"), BadReference, "there is no domain %s; the peer is called %s", n.Domain, n.Name)
	case foreign:
		found.warn(at.child("domain"), Mismatch, "domain %s is not that of the list; the peer is called %s", n.Domain, n.Name)
	}
	if !n.Usable(&home.settings.domain) {
		found.warn(at.child("encap"), Mismatch, "the peer has no address of the IP version that the encapsulation is for; it cannot be used")
	}
	j.errs = append(j.errs, found.errs...)
	return n, found.warnings
}
