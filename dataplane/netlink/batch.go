package netlink

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// RouteOp makes or replaces a route, or deletes the one for its prefix.
type RouteOp struct {
	Delete bool
	Route
}

// batchSize is how many messages go to the host at once. Their acknowledgements have to fit into a socket's usual buffer.
const batchSize = 64

// ApplyRoutes does what SetRoute and DeleteRoute do, in order and many at once, and returns one error (or nil) for each. A failed one does
// not keep the rest from being tried.
func (h *Host) ApplyRoutes(ops []RouteOp) []error {
	h.batch.mu.Lock()
	defer h.batch.mu.Unlock()
	errs := make([]error, len(ops))
	indexes := map[string]int{} // of devices
	for start := 0; start < len(ops); start += batchSize {
		end := min(start+batchSize, len(ops))
		h.applyBatch(ops[start:end], errs[start:end], indexes)
	}
	return errs
}

// applyBatch sends up to batchSize messages and reads what becomes of each.
func (h *Host) applyBatch(ops []RouteOp, errs []error, indexes map[string]int) {
	b := h.batch
	b.buffer = b.buffer[:0]
	first := b.sequence + 1
	waiting := 0
	for i, op := range ops {
		b.sequence++
		op.Table = cmp.Or(op.Table, h.table())
		index, err := h.indexOf(op, indexes)
		if err != nil {
			errs[i] = err
			continue
		}
		b.buffer = appendRoute(b.buffer, b.sequence, op, index)
		errs[i] = errUnanswered
		waiting++
	}
	if waiting == 0 {
		return
	}
	if err := unix.Sendto(b.socket.GetFd(), b.buffer, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		h.batchFailed(ops, errs, err)
		return
	}
	for waiting > 0 {
		messages, _, err := b.socket.Receive()
		if err != nil {
			h.batchFailed(ops, errs, err)
			return
		}
		for _, m := range messages {
			i := m.Header.Seq - first
			if m.Header.Type != unix.NLMSG_ERROR || i >= uint32(len(ops)) || errs[i] != errUnanswered {
				continue // of a batch that was given up
			}
			errs[i] = answer(ops[i], syscall.Errno(-int32(binary.NativeEndian.Uint32(m.Data))))
			waiting--
		}
	}
}

var errUnanswered = errors.New("the host gave no answer")

// batchFailed gives up a batch: what was not answered is tried again by whoever wants it.
func (h *Host) batchFailed(ops []RouteOp, errs []error, err error) {
	for i := range ops {
		if errs[i] == errUnanswered {
			errs[i] = fmt.Errorf("route %s: netlink: %w", ops[i].Prefix, err)
		}
	}
}

func (h *Host) indexOf(op RouteOp, known map[string]int) (int, error) {
	if op.Delete || op.Device == "" {
		return 0, nil
	}
	if index, ok := known[op.Device]; ok {
		return index, nil
	}
	index, err := h.LinkIndex(op.Device)
	if err == nil {
		known[op.Device] = index
	}
	return index, err
}

func answer(op RouteOp, code syscall.Errno) error {
	switch {
	case code == 0, op.Delete && (code == unix.ESRCH || code == unix.ENODEV):
		return nil
	case op.Delete:
		return fmt.Errorf("delete route %s: %w", op.Prefix, explain(code))
	}
	return fmt.Errorf("set route %s: %w", op.Prefix, explain(code))
}

// appendRoute appends a message as wire and the library would build it (rtnetlink(7)).
func appendRoute(b []byte, sequence uint32, op RouteOp, index int) []byte {
	kind, flags := uint16(unix.RTM_NEWROUTE), uint16(unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_REPLACE)
	family, scope, routeType := byte(unix.AF_INET), byte(unix.RT_SCOPE_LINK), byte(unix.RTN_UNICAST)
	if op.Prefix.Addr().Is6() {
		family, scope = unix.AF_INET6, unix.RT_SCOPE_UNIVERSE
	}
	switch {
	case op.Delete:
		kind, flags, scope, routeType = unix.RTM_DELROUTE, unix.NLM_F_REQUEST|unix.NLM_F_ACK, unix.RT_SCOPE_NOWHERE, unix.RTN_UNSPEC
	case op.Device == "":
		scope, routeType = unix.RT_SCOPE_UNIVERSE, unix.RTN_BLACKHOLE
	}
	start := len(b)
	native := binary.NativeEndian
	b = native.AppendUint32(b, 0) // length
	b = native.AppendUint16(b, kind)
	b = native.AppendUint16(b, flags)
	b = native.AppendUint32(b, sequence)
	b = native.AppendUint32(b, 0) // port: the host fills it in
	b = append(b, family, byte(op.Prefix.Bits()), 0, 0, unix.RT_TABLE_UNSPEC, Protocol, scope, routeType, 0, 0, 0, 0)
	b = appendDestination(b, op.Prefix)
	b = appendUint32(b, unix.RTA_TABLE, uint32(op.Table))
	b = appendUint32(b, unix.RTA_PRIORITY, Metric)
	if index != 0 {
		b = appendUint32(b, unix.RTA_OIF, uint32(index))
	}
	native.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

func appendDestination(b []byte, p netip.Prefix) []byte {
	addr := p.Addr().AsSlice()
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(addr)))
	b = binary.NativeEndian.AppendUint16(b, unix.RTA_DST)
	return append(b, addr...)
}

func appendUint32(b []byte, kind uint16, v uint32) []byte {
	b = binary.NativeEndian.AppendUint16(b, unix.SizeofRtAttr+4)
	b = binary.NativeEndian.AppendUint16(b, kind)
	return binary.NativeEndian.AppendUint32(b, v)
}
