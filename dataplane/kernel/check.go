package kernel

import (
	"fmt"
	"net/netip"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// Kind is a kind of tunnel: what is in the outer header, and which family that is of.
type Kind struct {
	Encap dataplane.Encap
	V6    bool
}

// KindOf returns the kind of a tunnel.
func KindOf(id dataplane.TunnelID) Kind { return Kind{id.Encap, id.Peer.Is6()} }

// String returns the words of people: "gre over IPv6".
func (k Kind) String() string {
	if k.V6 {
		return k.Encap.String() + " over IPv6"
	}
	return k.Encap.String() + " over IPv4"
}

// Kinds are all kinds of tunnels, but those over UDP: they are these over a port that the process would have to give away.
func Kinds() (all []Kind) {
	for _, encap := range []dataplane.Encap{dataplane.EncapIP, dataplane.EncapGRE} {
		all = append(all, Kind{encap, false}, Kind{encap, true})
	}
	return all
}

// Probe finds out which kinds of tunnels this host lacks, and why: a kernel module, or a privilege. What the kernel has to load for that
// stays loaded.
func Probe() map[Kind]error {
	ns, err := netlink.NewNamespace()
	if err != nil { // then here, where nobody has these addresses
		ns = nil
	}
	return probe(ns)
}

// ProbeAside is Probe that leaves the namespace of the process alone. It fails where there can be no other.
func ProbeAside() (map[Kind]error, error) {
	ns, err := netlink.NewNamespace()
	if err != nil {
		return nil, err
	}
	return probe(ns), nil
}

// probe is Probe in a namespace, which it closes; nil is that of the process.
func probe(ns *netlink.Namespace) map[Kind]error {
	defer ns.Close()
	lacks := map[Kind]error{}
	all := func(err error) map[Kind]error {
		for _, k := range Kinds() {
			lacks[k] = err
		}
		return lacks
	}
	host, err := netlink.Open(ns)
	if err != nil {
		return all(err)
	}
	defer host.Close()
	if err := probeRules(ns); err != nil {
		return all(err)
	}
	for _, k := range Kinds() {
		if err := probeKind(host, k); err != nil {
			lacks[k] = err
		}
	}
	return lacks
}

// probeRules makes our rules in a namespace for that. Elsewhere it only finds out whether there may be rules.
func probeRules(ns *netlink.Namespace) error {
	f, err := openFilter(ns)
	if err != nil {
		return lackingRules(err)
	}
	defer f.close()
	if _, err = f.exists(); err != nil || ns == nil { // a kernel without nf_tables would leave a transaction without an answer
		return lackingRules(err)
	}
	_, err = f.rebuild(nil, nil, nil, nil)
	return err
}

// lackingRules says what a kernel needs that refuses all rules.
func lackingRules(err error) error {
	if err == nil || isUnsure(err) {
		return err
	}
	return fmt.Errorf("%w; the kernel needs the modules nf_tables, nft_fib_inet and nft_objref", err)
}

func probeKind(host *netlink.Host, k Kind) error {
	id := dataplane.TunnelID{Local: netip.MustParseAddr("192.0.2.1"), Peer: netip.MustParseAddr("192.0.2.2"), Encap: k.Encap}
	if k.V6 {
		id.Local, id.Peer = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	}
	path := dataplane.Path{Tunnel: id}
	if _, err := host.AddTunnel(nameOf(path), path, netlink.Settings{MTU: probeMTU, Queue: deviceQueue}); err != nil {
		return err
	}
	return host.DeleteTunnel(nameOf(path))
}

const probeMTU = 1280 // octets, which any kind has (RFC 8200 section 5)
