package netlink

import (
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Tally is an element of a set of FilterTable that counts the packets that it was found for.
type Tally struct {
	Set             string
	Key             []byte
	Packets, Octets uint64
}

// Tallies reads and changes counting elements, many at once: that is the library's only for whole sets, and without counters that begin
// at anything but 0. It is for one goroutine at a time.
type Tallies struct{ socket *socket }

// OpenTallies connects to a namespace. Close the result.
func OpenTallies(ns *Namespace) (*Tallies, error) {
	s, err := openSocket(ns, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, err
	}
	return &Tallies{s}, nil
}

// Port is that of the socket (Host.OwnFilter).
func (t *Tallies) Port() uint32 { return t.socket.port }

// Close disconnects.
func (t *Tallies) Close() { t.socket.close() }

// Read puts into each element of the list what the host has counted, and returns which of them the host has.
func (t *Tallies) Read(list []Tally) (there []bool, err error) {
	t.socket.mu.Lock()
	defer t.socket.mu.Unlock()
	there = make([]bool, len(list))
	for start := 0; start < len(list); start += batchSize {
		end := min(start+batchSize, len(list))
		if err := t.read(list[start:end], there[start:end]); err != nil {
			return nil, fmt.Errorf("read counters of nftables: %w", err)
		}
	}
	return there, nil
}

func (t *Tallies) read(list []Tally, there []bool) error {
	s := t.socket
	s.out = s.out[:0]
	first, last := s.sequence+1, 0
	for i := range list {
		last = len(s.out)
		t.appendElements(unix.NFT_MSG_GETSETELEM, 0, list[i:i+1], false)
	}
	acknowledge(s.out[last:])
	if err := s.send(); err != nil {
		return err
	}
	var refused error
	for done := false; !done; {
		err := s.receive(func(h unix.NlMsghdr, body []byte) {
			i := h.Seq - first
			if i >= uint32(len(list)) {
				return // of a list that was given up
			}
			if h.Type != unix.NLMSG_ERROR {
				eachTally(body, func(found Tally) {
					list[i].Packets, list[i].Octets, there[i] = found.Packets, found.Octets, true
				})
				return
			}
			done = h.Seq == s.sequence
			if code := codeOf(body); code != nil && code != unix.ENOENT {
				refused = code
			}
		})
		if err != nil {
			return err
		}
	}
	return refused
}

// Change removes elements, and then makes others, which begin with what they are said to have counted, in one transaction. It wraps
// unix.EEXIST where there is one already.
func (t *Tallies) Change(remove, add []Tally) error {
	if len(remove)+len(add) == 0 {
		return nil
	}
	s := t.socket
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = s.out[:0]
	first := s.sequence + 1
	t.appendBatch(unix.NFNL_MSG_BATCH_BEGIN)
	last := 0
	each := func(kind, flags uint16, list []Tally) {
		for len(list) > 0 {
			n := 1
			for n < len(list) && n < elementsAtOnce && list[n].Set == list[0].Set {
				n++
			}
			last = len(s.out)
			t.appendElements(kind, flags, list[:n], kind == unix.NFT_MSG_NEWSETELEM)
			list = list[n:]
		}
	}
	each(unix.NFT_MSG_DELSETELEM, 0, remove)
	each(unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE|unix.NLM_F_EXCL, add)
	acknowledge(s.out[last:])
	awaited := s.sequence
	t.appendBatch(unix.NFNL_MSG_BATCH_END)
	if err := s.send(); err != nil {
		return fmt.Errorf("change counters of nftables: %w", err)
	}
	var refused error
	for done := false; !done; {
		err := s.receive(func(h unix.NlMsghdr, body []byte) {
			if h.Type != unix.NLMSG_ERROR || h.Seq-first > s.sequence-first {
				return
			}
			if code := codeOf(body); code != nil {
				refused = code
			}
			done = h.Seq == awaited || refused != nil && (h.Seq == first || h.Seq == s.sequence)
		})
		if err != nil {
			return fmt.Errorf("change counters of nftables: %w", err)
		}
	}
	if refused != nil {
		return fmt.Errorf("change counters of nftables: %w", Explain(refused))
	}
	return nil
}

// Remove removes those elements of a list that are there.
func (t *Tallies) Remove(list []Tally) error {
	there, err := t.Read(list)
	if err != nil {
		return err
	}
	var found []Tally
	for i, e := range list {
		if there[i] {
			found = append(found, e)
		}
	}
	for len(found) > 0 {
		n := min(len(found), elementsAtOnce)
		if err := t.Change(found[:n], nil); err != nil {
			return err
		}
		found = found[n:]
	}
	return nil
}

// elementsAtOnce keeps a list of elements below the 64 KiB that an attribute can have.
const elementsAtOnce = 512

// appendBatch appends the message that a transaction begins or ends with.
func (t *Tallies) appendBatch(kind uint16) {
	start := t.socket.begin(kind, 0)
	t.socket.out = append(t.socket.out, unix.AF_UNSPEC, 0, 0, unix.NFNL_SUBSYS_NFTABLES)
	t.socket.end(start)
}

// Attributes of linux/netfilter/nf_tables.h.
const (
	listTable, listSet, listElements        = 1, 2, 3 // NFTA_SET_ELEM_LIST_*
	listElem                                = 1       // NFTA_LIST_ELEM
	elemKey, elemExpr                       = 1, 7    // NFTA_SET_ELEM_*
	dataValue                               = 1       // NFTA_DATA_VALUE
	exprName, exprData                      = 1, 2    // NFTA_EXPR_*
	counterBytes, counterPackets            = 1, 2    // NFTA_COUNTER_*
	nested                           uint16 = unix.NLA_F_NESTED
)

// appendElements appends a message about elements of one set.
func (t *Tallies) appendElements(kind, flags uint16, list []Tally, counters bool) {
	start := t.socket.begin(unix.NFNL_SUBSYS_NFTABLES<<8|kind, flags)
	b := appendSet(append(t.socket.out, unix.NFPROTO_INET, 0, 0, 0), list[0].Set)
	b = appendNested(b, listElements, func(b []byte) []byte {
		for _, e := range list {
			b = appendNested(b, listElem, func(b []byte) []byte { return appendTally(b, e, counters) })
		}
		return b
	})
	t.socket.out = b
	t.socket.end(start)
}

func appendSet(b []byte, set string) []byte {
	b = appendAttribute(b, listTable, append([]byte(FilterTable), 0))
	return appendAttribute(b, listSet, append([]byte(set), 0))
}

func appendTally(b []byte, e Tally, counters bool) []byte {
	b = appendNested(b, elemKey, func(b []byte) []byte { return appendAttribute(b, dataValue, e.Key) })
	if !counters {
		return b
	}
	return appendNested(b, elemExpr, func(b []byte) []byte {
		b = appendAttribute(b, exprName, []byte("counter\x00"))
		return appendNested(b, exprData, func(b []byte) []byte {
			b = appendAttribute(b, counterBytes, binary.BigEndian.AppendUint64(nil, e.Octets))
			return appendAttribute(b, counterPackets, binary.BigEndian.AppendUint64(nil, e.Packets))
		})
	})
}

func appendAttribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, -len(value)&3)...)
}

func appendNested(b []byte, kind uint16, inside func([]byte) []byte) []byte {
	start := len(b)
	b = binary.NativeEndian.AppendUint16(b, 0)
	b = inside(binary.NativeEndian.AppendUint16(b, kind|nested))
	binary.NativeEndian.PutUint16(b[start:], uint16(len(b)-start))
	return b
}

// eachTally reads the elements of an answer.
func eachTally(body []byte, found func(Tally)) {
	const header = 4 // struct nfgenmsg
	if len(body) < header {
		return
	}
	inside(body[header:], listElements, func(elements []byte) {
		inside(elements, listElem, func(element []byte) {
			var e Tally
			inside(element, elemKey, func(key []byte) { inside(key, dataValue, func(v []byte) { e.Key = append(e.Key, v...) }) })
			inside(element, elemExpr, func(expression []byte) {
				inside(expression, exprData, func(counter []byte) {
					inside(counter, counterBytes, func(v []byte) { e.Octets = number(v) })
					inside(counter, counterPackets, func(v []byte) { e.Packets = number(v) })
				})
			})
			found(e)
		})
	})
}

// inside hands on the values of the attributes of a kind.
func inside(b []byte, kind uint16, value func([]byte)) {
	attributes, err := nl.ParseRouteAttr(b)
	if err != nil {
		return
	}
	for _, a := range attributes {
		if a.Attr.Type&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER) == kind {
			value(a.Value)
		}
	}
}

func number(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}
