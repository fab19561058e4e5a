package netlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Listed is a route as the host describes it.
type Listed struct {
	prefix netip.Prefix
	table  int
	metric uint32
	index  int   // of the interface; 0 for none
	kind   uint8 // RTN_UNICAST …
	maker  uint8 // RTPROT_STATIC …
}

// discards reports whether what is looked up ends here.
func (r Listed) discards() bool {
	return r.kind == unix.RTN_BLACKHOLE || r.kind == unix.RTN_UNREACHABLE || r.kind == unix.RTN_PROHIBIT
}

// isLastResort reports whether the route is where Isolate has one of its own.
func (r Listed) isLastResort() bool { return r.metric == lastResort && r.prefix.Bits() == 0 }

// listed lists our routes of a family in a table.
func (h *Host) listed(family, table int) ([]Listed, error) {
	return h.lists.listRoutes(family, table, Protocol)
}

// listRoutes lists the routes of a family in a table, or with RT_TABLE_UNSPEC those in all, that one protocol made, or with RTPROT_UNSPEC all.
// There are many: only the host leaves others out at no cost.
func (s *socket) listRoutes(family, table int, maker uint8) ([]Listed, error) {
	request := func(b []byte) []byte {
		b = append(b, byte(family), 0, 0, 0, unix.RT_TABLE_UNSPEC, maker, 0, 0, 0, 0, 0, 0)
		if table != unix.RT_TABLE_UNSPEC {
			b = appendUint32(b, unix.RTA_TABLE, uint32(table))
		}
		return b
	}
	found, err := Dump(func() (all []Listed, err error) {
		err = s.list(unix.RTM_GETROUTE, request, func(b []byte) {
			r, ok := parseRoute(b)
			if ok && (maker == r.maker || maker == unix.RTPROT_UNSPEC) && (table == r.table || table == unix.RT_TABLE_UNSPEC) {
				all = append(all, r)
			}
		})
		return all, err
	})
	if errors.Is(err, unix.ENOENT) { // there is no such table
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	return found, nil
}

// parseRoute reads the body of a message about a route (rtnetlink(7)).
func parseRoute(b []byte) (r Listed, ok bool) {
	if len(b) < unix.SizeofRtMsg {
		return r, false
	}
	family, bits := b[0], int(b[1])
	r.table, r.maker, r.kind, r.prefix = int(b[4]), b[5], b[7], defaults[0]
	if family == unix.AF_INET6 {
		r.prefix = defaults[1]
	}
	native := binary.NativeEndian
	for b = b[unix.SizeofRtMsg:]; len(b) >= unix.SizeofRtAttr; {
		length, kind := int(native.Uint16(b)), native.Uint16(b[2:])
		if length < unix.SizeofRtAttr || length > len(b) {
			return r, false
		}
		value := b[unix.SizeofRtAttr:length]
		switch {
		case kind == unix.RTA_DST:
			addr, _ := netip.AddrFromSlice(value)
			r.prefix = netip.PrefixFrom(addr, bits)
		case len(value) < 4:
		case kind == unix.RTA_TABLE:
			r.table = int(native.Uint32(value))
		case kind == unix.RTA_PRIORITY:
			r.metric = native.Uint32(value)
		case kind == unix.RTA_OIF:
			r.index = int(native.Uint32(value))
		}
		b = b[min(len(b), (length+3)&^3):]
	}
	return r, true
}
