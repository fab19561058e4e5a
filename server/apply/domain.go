package apply

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"time"

	"mooring/dataplane"
	"mooring/gen"
	"mooring/mobility"
	"mooring/server/tree"
)

// domain is a domain of the configuration, its list of profiles apart from the rest, which is small.
type domain struct {
	at       place
	settings *settings
	known    []knownLMA // sorted by id
	store    *profiles
	native   *mobility.Domain
}

// settings are the leaves of a domain.
type settings struct {
	domain           mobility.Domain // without its Profiles
	ignoreTimestamps bool
	window           time.Duration
	warnings         []*tree.Error
}

// knownLMA is an entry of a domain's lma list.
type knownLMA struct {
	id        string
	addresses []netip.Addr
}

func (j *job) translateDomains() {
	for name, at := range j.list("domain").entries() {
		was := j.old.domains[name]
		if was == nil {
			j.domainsCame = true
		}
		if was != nil && was.at.node.Same(at.node) {
			j.new.domains[name] = was
			continue
		}
		j.new.domains[name] = j.domain(was, at)
	}
	for name := range j.old.domains {
		if j.new.domains[name] == nil {
			j.domainsCame, j.knownLMAsChanged = true, true
		}
	}
}

func (j *job) domain(was *domain, at place) *domain {
	if was == nil {
		was = &domain{store: &profiles{}}
	}
	d := &domain{at: at, settings: was.settings, known: was.known}
	if was.settings == nil || !sameOutsideLists(was.at.node, at.node) {
		d.settings = j.settings(at)
		j.warnings = append(j.warnings, fresh(d.settings.warnings, warningsOf(was.settings))...)
	}
	list := at.child("lma")
	if !childOf(was.at.node, list.path.Last().Node).Same(list.node) {
		j.knownLMAsChanged = true
		d.known = nil
		for id, e := range list.entries() {
			d.known = append(d.known, knownLMA{id, j.knownAddresses(e)})
		}
	}
	d.store = j.profiles(was.store, at)
	native := d.settings.domain
	native.Profiles = d.store
	d.native = &native
	return d
}

func warningsOf(s *settings) []*tree.Error {
	if s == nil {
		return nil
	}
	return s.warnings
}

func (j *job) settings(at place) *settings {
	x, err := j.settingsView.of(at.node)
	j.check(at, err)
	var found problems
	s := &settings{
		ignoreTimestamps: x.ReplayProtection.GetMode() == gen.MooringPmipv6Types_ReplayMode_ignore,
		window:           window(x.ReplayProtection.Window, x.ReplayProtection.WindowMilliseconds),
	}
	s.domain.Name, s.domain.AskForProfiles = x.GetName(), x.GetProfileFromAaa()
	s.domain.Encap, s.domain.Transport = encapsulation(x.GetEncap())
	s.domain.LinkLocal = found.addr(at.child("fixed-mag-link-local"), x.GetFixedMagLinkLocal())
	s.domain.LinkMAC = found.mac(at.child("fixed-mag-link-layer"), x.GetFixedMagLinkLayer())
	if x.AuthOption != nil {
		s.domain.Key = found.key(at.child("auth-option"), x.AuthOption)
	}
	j.errs = append(j.errs, found.errs...)
	s.warnings = found.warnings
	return s
}

// window is the tolerance for timestamps, which stands in one of two units.
func window(seconds *uint8, milliseconds *uint16) time.Duration {
	switch {
	case milliseconds != nil:
		return time.Duration(*milliseconds) * time.Millisecond
	case seconds != nil:
		return time.Duration(*seconds) * time.Second
	}
	return 0
}

// encapsulation takes an encapsulation apart; 0 is none.
func encapsulation(e gen.E_MooringPmipv6Types_Encapsulation) (dataplane.Encap, mobility.Transport) {
	switch e {
	case gen.MooringPmipv6Types_Encapsulation_ip_in_ip:
		return dataplane.EncapIP, mobility.AnyTransport
	case gen.MooringPmipv6Types_Encapsulation_gre_ipv4:
		return dataplane.EncapGRE, mobility.OverIPv4
	case gen.MooringPmipv6Types_Encapsulation_gre_ipv6:
		return dataplane.EncapGRE, mobility.OverIPv6
	case gen.MooringPmipv6Types_Encapsulation_udptunnel:
		return dataplane.EncapUDP, mobility.OverIPv4
	}
	return 0, mobility.AnyTransport
}

// groupBit of the first octet marks an Ethernet address of several stations (IEEE 802).
const groupBit = 1

// mac reads the text of an Ethernet address that a station can have.
func (p *problems) mac(at place, text string) (mac dataplane.MAC) {
	octets, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	p.check(at, err)
	copy(mac[:], octets)
	if mac[0]&groupBit != 0 {
		p.refuse(at, mustViolation, "%s is the address of a group; it has to be that of one interface", text)
	}
	return mac
}

func (j *job) knownAddresses(at place) []netip.Addr {
	x, err := j.knownLMAView.of(at.node)
	j.check(at, err)
	return j.addrs(at, x.GetIpv6Address(), x.GetIpv4Address())
}
