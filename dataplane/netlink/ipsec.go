package netlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// IPsecPolicies returns the number of IPsec policies in the namespace, which say what must be encrypted.
func (h *Host) IPsecPolicies() (n int, err error) {
	if h.raw[unix.NETLINK_XFRM] == nil {
		return 0, nil // the kernel has no IPsec
	}
	request := nl.NewNetlinkRequest(nl.XFRM_MSG_GETSPDINFO, 0)
	request.Sockets = h.raw
	request.AddRawData(binary.NativeEndian.AppendUint32(nil, math.MaxUint32)) // flags: all there is
	messages, err := request.Execute(unix.NETLINK_XFRM, nl.XFRM_MSG_NEWSPDINFO)
	if err != nil {
		return 0, fmt.Errorf("count IPsec policies: %w", err)
	}
	const xfrmaSPDInfo = 1 // linux/xfrm.h: struct xfrmu_spdinfo
	for _, m := range messages {
		attributes, err := nl.ParseRouteAttr(m[min(4, len(m)):])
		if err != nil {
			return 0, fmt.Errorf("count IPsec policies: %w", err)
		}
		for _, a := range attributes {
			if a.Attr.Type == xfrmaSPDInfo && len(a.Value) >= 12 {
				for b := a.Value[:12]; len(b) > 0; b = b[4:] { // in, out, forwarded
					n += int(binary.NativeEndian.Uint32(b))
				}
				return n, nil
			}
		}
	}
	return 0, errors.New("count IPsec policies: the kernel does not say")
}
