//go:build vm

package backend

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/netns"
)

// rules are the modules of nftables that are loaded, those that others need last.
var rules = []string{"nft_fib_inet", "nft_fib_ipv4", "nft_fib_ipv6", "nft_fib", "nft_objref", "nft_masq", "nft_chain_nat", "nf_tables"}

// Without nftables the kernel cannot carry tunnels: auto has user space carry them, and says why; kernel is refused, and where a configuration may
// not be refused, each tunnel says what to load. It is there as soon as the module is.
func TestMissingNftables(t *testing.T) {
	h, err := netns.NewHost("host")
	must(t, err)
	t.Cleanup(func() { h.Close() })
	must(t, h.Up("lo"), h.Address("lo", "192.0.2.1/32"), h.Address("lo", "192.0.2.2/32"))
	for _, m := range rules {
		unload(t, m)
	}
	again := func() {
		for i := range rules {
			load(t, rules[len(rules)-1-i])
		}
	}
	var log bytes.Buffer
	p, err := Open(Options{Namespace: h.Namespace, Log: slog.New(slog.NewTextHandler(&log, nil))})
	must(t, err)
	t.Cleanup(func() { p.Close() })
	must(t, p.Use(Auto))
	if inUse, reason := p.State(); inUse != Userspace || !strings.Contains(reason, "the kernel needs the modules nf_tables") {
		t.Errorf("auto is %s: %s", inUse, reason)
	}
	if err := p.Check(Kernel); err == nil || !strings.Contains(err.Error(), "nf_tables") {
		t.Errorf("kernel is refused with %v", err)
	}
	must(t, p.Use(Kernel))
	gre := dataplane.Tunnel{ID: dataplane.TunnelID{Local: netip.MustParseAddr("192.0.2.1"), Peer: netip.MustParseAddr("192.0.2.2"), Encap: dataplane.EncapGRE}, MTU: 1400}
	put := []dataplane.Op{{Object: gre}}
	if err := p.Apply(t.Context(), put)[0]; err == nil || !strings.Contains(err.Error(), "nf_tables") {
		t.Errorf("the tunnel is refused with %v", err)
	}
	if picture, err := dataplane.Picture(t.Context(), p); picture != "" || err != nil {
		t.Errorf("the host has %s%v", picture, err)
	}
	again()
	must(t, p.Apply(t.Context(), put)...)
	if picture, err := dataplane.Picture(t.Context(), p); !strings.Contains(picture, "tunnel gre") || err != nil {
		t.Errorf("the host has %s%v", picture, err)
	}
}

// Without fou, a tunnel of the kernel over UDP says what to load, and is there as soon as it is; others are there all the while.
func TestMissingFOU(t *testing.T) {
	h, err := netns.NewHost("host")
	must(t, err)
	t.Cleanup(func() { h.Close() })
	must(t, h.Up("lo"), h.Address("lo", "192.0.2.1/32"), h.Address("lo", "192.0.2.2/32"))
	unload(t, "fou6")
	unload(t, "fou")
	p, err := openIn(h.Namespace)
	must(t, err, p.Use(Kernel))
	t.Cleanup(func() { p.Close() })
	id := dataplane.TunnelID{Local: netip.MustParseAddr("192.0.2.1"), Peer: netip.MustParseAddr("192.0.2.2"), Encap: dataplane.EncapUDP, Port: 5437}
	put := []dataplane.Op{{Object: dataplane.Tunnel{ID: id, MTU: 1400}}}
	const want = "receive UDP at 192.0.2.1, port 5437: the kernel has no module for it: modprobe fou"
	if err := p.Apply(t.Context(), put)[0]; err == nil || err.Error() != want {
		t.Errorf("the tunnel is refused with %v, want %s", err, want)
	}
	must(t, p.Apply(t.Context(), []dataplane.Op{{Object: dataplane.Tunnel{ID: dataplane.TunnelID{Local: id.Local, Peer: id.Peer, Encap: dataplane.EncapGRE}, MTU: 1400}}})...)
	load(t, "fou")
	load(t, "fou6")
	must(t, p.Apply(t.Context(), put)...)
}
