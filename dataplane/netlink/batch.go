package netlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// RouteOp makes or replaces a route in the table of the VRF, or deletes the one for its prefix.
type RouteOp struct {
	Delete bool
	Prefix netip.Prefix
	Index  int // of the interface that it leads to; 0: packets are discarded
	dataplane.Standing
	Strays  bool // there may be routes of ours for the prefix with another Standing: they go
	interim bool
}

// batchSize is how many messages go to the host at once. Should all fail, the answers still fit into a socket's usual buffer.
const batchSize = 64

// ApplyRoutes does what SetRoute and DeleteRoute do, in order and many at once, and returns one error (or nil) for each. A failed one does
// not keep the rest from being tried.
func (h *Host) ApplyRoutes(ops []RouteOp) []error {
	h.batch.mu.Lock()
	defer h.batch.mu.Unlock()
	if !slices.ContainsFunc(ops, func(op RouteOp) bool { return op.Strays || !h.parts.met(op.Standing) }) {
		return h.applyRoutes(ops)
	}
	errs := make([]error, len(ops))
	list, of := h.parts.expand(ops)
	for i, err := range h.applyRoutes(list) {
		errs[of[i]] = errors.Join(errs[of[i]], err)
	}
	return errs
}

func (h *Host) applyRoutes(ops []RouteOp) []error {
	errs := make([]error, len(ops))
	for start := 0; start < len(ops); start += batchSize {
		end := min(start+batchSize, len(ops))
		h.applyBatch(ops[start:end], errs[start:end])
	}
	return errs
}

// applyBatch sends up to batchSize messages, and asks for the acknowledgement of the last one alone. The host does them in order, and
// answers every one that fails.
func (h *Host) applyBatch(ops []RouteOp, errs []error) {
	b := h.batch
	b.out = b.out[:0]
	first, last := b.sequence+1, 0
	for _, op := range ops {
		last = len(b.out)
		b.appendRoute(op, h.table())
	}
	acknowledge(b.out[last:])
	if err := b.send(); err != nil {
		h.batchFailed(ops, errs, err)
		return
	}
	for done := false; !done; {
		err := b.receive(func(m unix.NlMsghdr, body []byte) {
			i := m.Seq - first
			if m.Type != unix.NLMSG_ERROR || i >= uint32(len(ops)) {
				return // of a batch that was given up
			}
			done = m.Seq == b.sequence
			if code := codeOf(body); code != nil {
				errs[i] = refused(ops[i], code)
			}
		})
		if err != nil {
			h.batchFailed(ops, errs, err)
			return
		}
	}
}

// batchFailed gives up a batch: who knows what became of it. Whoever wants it tries again.
func (h *Host) batchFailed(ops []RouteOp, errs []error, err error) {
	for i := range ops {
		if errs[i] == nil {
			errs[i] = fmt.Errorf("route %s: netlink: %w", ops[i].Prefix, err)
		}
	}
}

func refused(op RouteOp, code error) error {
	switch {
	case op.Delete && (code == unix.ESRCH || code == unix.ENODEV):
		return nil
	case op.Delete:
		return fmt.Errorf("delete route %s: %w", op.Prefix, Explain(code))
	}
	return fmt.Errorf("set route %s: %w", op.Prefix, Explain(code))
}

// appendRoute appends a message as wire and the library would build it (rtnetlink(7)), but without a wish for an acknowledgement.
func (s *socket) appendRoute(op RouteOp, table int) {
	kind, flags := uint16(unix.RTM_NEWROUTE), uint16(unix.NLM_F_CREATE|unix.NLM_F_REPLACE)
	family, scope, routeType := byte(unix.AF_INET), byte(unix.RT_SCOPE_LINK), byte(unix.RTN_UNICAST)
	if op.Prefix.Addr().Is6() {
		family, scope = unix.AF_INET6, unix.RT_SCOPE_UNIVERSE
	}
	switch {
	case op.Delete:
		kind, flags, scope, routeType = unix.RTM_DELROUTE, 0, unix.RT_SCOPE_NOWHERE, unix.RTN_UNSPEC
	case op.Index == 0:
		scope, routeType = unix.RT_SCOPE_UNIVERSE, unix.RTN_BLACKHOLE
	}
	start := s.begin(kind, flags)
	s.out = append(s.out, family, byte(op.Prefix.Bits()), 0, 0, unix.RT_TABLE_UNSPEC, Protocol, scope, routeType, 0, 0, 0, 0)
	s.out = appendDestination(s.out, op.Prefix)
	s.out = appendUint32(s.out, unix.RTA_TABLE, uint32(table))
	s.out = appendUint32(s.out, unix.RTA_PRIORITY, op.metric())
	if !op.Delete && op.Index != 0 {
		s.out = appendUint32(s.out, unix.RTA_OIF, uint32(op.Index))
	}
	s.end(start)
}

// acknowledge has the host answer a message also when all goes well.
func acknowledge(message []byte) {
	flags := message[6:8]
	binary.NativeEndian.PutUint16(flags, binary.NativeEndian.Uint16(flags)|unix.NLM_F_ACK)
}

// appendHeader appends the header of a message, whose length is to be put in (netlink(7)).
func appendHeader(b []byte, kind, flags uint16, sequence uint32) []byte {
	native := binary.NativeEndian
	b = native.AppendUint32(b, 0)
	b = native.AppendUint16(b, kind)
	b = native.AppendUint16(b, flags)
	b = native.AppendUint32(b, sequence)
	return native.AppendUint32(b, 0) // port: the host fills it in
}

func appendDestination(b []byte, p netip.Prefix) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+p.Addr().BitLen()/8))
	b = binary.NativeEndian.AppendUint16(b, unix.RTA_DST)
	if p.Addr().Is4() {
		addr := p.Addr().As4()
		return append(b, addr[:]...)
	}
	addr := p.Addr().As16()
	return append(b, addr[:]...)
}

func appendUint32(b []byte, kind uint16, v uint32) []byte {
	b = binary.NativeEndian.AppendUint16(b, unix.SizeofRtAttr+4)
	b = binary.NativeEndian.AppendUint16(b, kind)
	return binary.NativeEndian.AppendUint32(b, v)
}
