package netlink_test

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"mooring/dataplane/netlink"
)

// FRR passes over routes with numbers of its own daemons, and removes them when it starts; others flush by number.
func TestProtocolIsNobodyElses(t *testing.T) {
	const firstOfFRR, lastOfFRR = 186, 198                                      // zebra/rt_netlink.h
	named := []int{unix.RTPROT_BABEL, unix.RTPROT_OPENR, unix.RTPROT_EIGRP, 84} // 84: OVN, since Linux 6.15
	for number := range unix.RTPROT_KEEPALIVED + 1 {
		named = append(named, number)
	}
	if slices.Contains(named, netlink.Protocol) || netlink.Protocol >= firstOfFRR && netlink.Protocol <= lastOfFRR {
		t.Errorf("protocol %d is somebody else's", netlink.Protocol)
	}
}
