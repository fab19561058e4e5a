package usertun

import (
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netns"
)

// Traffic class and hop limit of a node's packets, in every encapsulation and both ways. What leaves a tunnel has the DSCP of the outer
// header (RFC 2983), so that it survives only when one end writes it there and the other reads it. A tunnel is one hop, and each of its
// ends forwards: two are taken off (RFC 2473 section 3.1), however long the way between them.
func TestClassAndHopsThroughEveryEncapsulation(t *testing.T) {
	for _, encap := range encaps {
		for _, v6 := range []bool{false, true} {
			e := tunnelOver(encap, v6)
			forEachWay(t, e.anchor.String(), encap, func(t *testing.T, w way) {
				d := newDomainBy(t, w)
				d.bind(t, e, dataplane.Key{}, dataplane.Key{}, 0)
				for _, to := range []struct{ node, cn string }{{nodeAddr4, cnAddr4}, {nodeAddr6, cnAddr6}} {
					d.expectMarks(t, d.node, to.node, d.cn, to.cn)
					d.expectMarks(t, d.cn, to.cn, d.node, to.node)
				}
			})
		}
	}
}

// expectMarks sends a datagram with traffic class 0xba and hop limit 10.
func (d *domain) expectMarks(t *testing.T, from *netns.Host, source string, to *netns.Host, sink string) {
	t.Helper()
	const class, hops = 0xba, 10
	sender, receiver := listen(t, from, source, 0), listen(t, to, sink, 0)
	level, setClass, setHops, getClass, getHops := unix.IPPROTO_IP, unix.IP_TOS, unix.IP_TTL, unix.IP_RECVTOS, unix.IP_RECVTTL
	if netip.MustParseAddr(sink).Is6() {
		level, setClass, setHops, getClass, getHops = unix.IPPROTO_IPV6, unix.IPV6_TCLASS, unix.IPV6_UNICAST_HOPS, unix.IPV6_RECVTCLASS, unix.IPV6_RECVHOPLIMIT
	}
	setOptions(t, sender, level, map[int]int{setClass: class, setHops: hops})
	setOptions(t, receiver, level, map[int]int{getClass: 1, getHops: 1})
	_, err := sender.WriteToUDPAddrPort([]byte("x"), receiver.LocalAddr().(*net.UDPAddr).AddrPort())
	must(t, err)
	oob := make([]byte, 200)
	must(t, receiver.SetReadDeadline(time.Now().Add(30*time.Second)))
	_, n, _, _, err := receiver.ReadMsgUDP(make([]byte, 10), oob)
	must(t, err)
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	must(t, err)
	marks := map[int32]uint8{}
	for _, m := range messages {
		marks[m.Header.Type] = m.Data[0] // the first octet of either an octet or a little-endian int
	}
	gotClass, gotHops := marks[unix.IP_TOS], marks[unix.IP_TTL]
	if level == unix.IPPROTO_IPV6 {
		gotClass, gotHops = marks[unix.IPV6_TCLASS], marks[unix.IPV6_HOPLIMIT]
	}
	if gotClass != class || gotHops != hops-2 {
		t.Errorf("%s to %s: class %#x and hop limit %d, want %#x and %d", source, sink, gotClass, gotHops, class, hops-2)
	}
}

func setOptions(t *testing.T, c syscall.Conn, level int, options map[int]int) {
	t.Helper()
	raw, err := c.SyscallConn()
	must(t, err, raw.Control(func(fd uintptr) {
		for name, value := range options {
			must(t, unix.SetsockoptInt(int(fd), level, name, value))
		}
	}))
}
