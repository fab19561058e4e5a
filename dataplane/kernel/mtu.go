package kernel

import (
	"fmt"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// leastMTU is the smallest MTU of a tunnel interface, in octets: with less, it would have no IPv6 (RFC 8200 section 5), which may be inside of any.
const leastMTU = 1280

// sizeOf returns the MTU of the interface of a path, of which configured octets are wanted (0: what the way to the peer leaves), and whether its
// outer packets have to be fragmented for that. Over IPv6, the kernel does not fragment (docs/adr/0415).
func sizeOf(outer *netlink.Host, path dataplane.Path, configured int) (mtu int, fragments bool, err error) {
	six := path.Tunnel.Peer.Is6()
	mtu = configured
	if configured == 0 || six {
		link, err := outer.PathMTU(path.Tunnel.Local, path.Tunnel.Peer)
		fits := link - overhead(path)
		switch {
		case err != nil && configured == 0:
			return 0, false, err
		case err == nil && six && fits < leastMTU:
			return 0, false, tooNarrow(link, fits)
		case configured == 0:
			mtu = fits
		}
	}
	return max(mtu, leastMTU), mtu < leastMTU && !six, nil
}

func tooNarrow(link, fits int) error {
	return fmt.Errorf("the first link to the peer has an MTU of %d octets, which leaves %d in the tunnel, and IPv6 needs %d there; "+
		"the kernel does not fragment what it sends in IPv6: give the link an MTU of %d, or set /system/dataplane/backend to userspace, which does",
		link, fits, leastMTU, link-fits+leastMTU)
}

// segmentsOf is what the segments of TCP are to fit.
func segmentsOf(configured, mtu int) int {
	if configured > 0 {
		return configured
	}
	return mtu
}

// isResized reports whether an interface is not of the size that it was made with.
func isResized(configured int, f netlink.TunnelDevice) bool {
	return f.MTU < leastMTU || configured > 0 && (f.MTU != max(configured, leastMTU) || f.Fragments != (configured < leastMTU && f.Path.Tunnel.Peer.Is4()))
}

// overhead is how much larger a packet is outside of the tunnel than in it.
func overhead(p dataplane.Path) int {
	n := 20 // RFC 791 section 3.1
	if p.Tunnel.Peer.Is6() {
		n = 40 // RFC 8200 section 3
	}
	switch p.Tunnel.Encap {
	case dataplane.EncapUDP:
		n += 8 // RFC 768
	case dataplane.EncapGRE:
		n += 4 // RFC 2784 section 2.1
		if p.Tx.Set {
			n += 4 // RFC 2890 section 2
		}
	}
	return n
}
