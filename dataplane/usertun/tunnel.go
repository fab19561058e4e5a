package usertun

import (
	"cmp"
	"net/netip"
	"slices"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/fastpath"
)

// tunnel is one end of a tunnel. Packets use it without a lock; only the methods of Carrier and the path watcher change it.
type tunnel struct {
	id       dataplane.TunnelID
	number   uint32 // never used twice
	endpoint *endpoint

	sockaddr     atomic.Pointer[sockaddr]  // of the peer
	configured   atomic.Int32              // MTU, 0 for none
	path         atomic.Int32              // MTU of the path to the peer
	segmentLimit atomic.Int32              // the largest UDP payload that may be a segment; 0 after the path was found narrower
	sinks        atomic.Pointer[[]*device] // where packets that leave the tunnel may go
	plain        *route                    // without keys, and counted for no session, as most are
	uses         map[*device]int           // Apply: routes of the devices into this tunnel
	keys         map[keyUse]int            // Apply: of them, those that demand this key
	sent         uint64                    // watchPaths: packets, when the path was last looked up
	fast         fastpath.Tunnel           // Apply, watchPaths: what the kernel was told
	altered      bool                      // Apply, Dump: a device of it had lost settings, and it is not put again yet

	rx, tx traffic
	drops  drops
}

// route leads into a tunnel. Routes never change.
type route struct {
	tunnel *tunnel
	tx, rx dataplane.Key
	head   int    // length of the header in front of the inner packet
	usage  *usage // of the session that the traffic is counted for; nil: of none
}

// keyUse says that packets with this key go out by the device.
type keyUse struct {
	device *device
	rx     dataplane.Key
}

// nowhere stands for prefixes that are led to others than this carrier, or are discarded: nothing comes from there, or goes there. Without
// it they would be part of a wider prefix that is led here.
var nowhere = &route{}

func newTunnel(id dataplane.TunnelID, e *endpoint) *tunnel {
	t := &tunnel{id: id, endpoint: e, uses: map[*device]int{}, keys: map[keyUse]int{}}
	t.plain = &route{tunnel: t, head: headerLen(id.Encap, dataplane.Key{})}
	t.sinks.Store(new([]*device))
	port := uint16(0) // raw sockets want none
	if id.Encap == dataplane.EncapUDP {
		port = cmp.Or(id.Port, PortData) // a port that is to be learnt is the usual one until then
	}
	t.sockaddr.Store(newSockaddr(netip.AddrPortFrom(id.Peer, port)))
	return t
}

// route leads into the tunnel with these keys; u may be nil.
func (t *tunnel) route(tx, rx dataplane.Key, u *usage) *route {
	if !tx.Set && !rx.Set && u == nil {
		return t.plain
	}
	return &route{tunnel: t, tx: tx, rx: rx, head: headerLen(t.id.Encap, tx), usage: u}
}

// mtu returns the size of the largest inner packet that the route takes.
func (r *route) mtu() int {
	if n := r.tunnel.configured.Load(); n != 0 {
		return int(n)
	}
	return int(r.tunnel.path.Load()) - outerLen(r.tunnel.id) - r.head
}

func (r *route) path() dataplane.Path { return dataplane.Path{Tunnel: r.tunnel.id, Tx: r.tx, Rx: r.rx} }

// mtu returns the same for a path with this key.
func (t *tunnel) mtu(key dataplane.Key) int {
	return (&route{tunnel: t, head: headerLen(t.id.Encap, key)}).mtu()
}

// counters adds up what went either way. Carrier.mu is held.
func (t *tunnel) counters() dataplane.Counters {
	c := t.endpoint.fast.traffic(t)
	c.RxPackets += t.rx.packets.Load()
	c.RxOctets += t.rx.octets.Load()
	c.TxPackets += t.tx.packets.Load()
	c.TxOctets += t.tx.octets.Load()
	c.Drops = t.drops.load()
	return c
}

// segmentable reports whether packets of this UDP payload may be segments of one message.
func (t *tunnel) segmentable(size int) bool { return size <= int(t.segmentLimit.Load()) }

// pathChanged has the MTU of the path looked up again. Until then nothing is sent in segments.
func (t *tunnel) pathChanged() {
	t.segmentLimit.Store(0)
	t.endpoint.carrier.lookAgain()
}

// fits reports whether a packet of this size should go through the path as it was when last looked up.
func (t *tunnel) fits(size int) bool { return size+outerLen(t.id) <= int(t.path.Load()) }

func (t *tunnel) setPath(mtu int) {
	t.path.Store(int32(mtu))
	t.segmentLimit.Store(int32(mtu - outerLen(t.id)))
}

// use counts a route of the device.
func (r *route) use(d *device, n int) {
	if r != nowhere {
		r.tunnel.use(d, n)
		key := keyUse{d, r.rx}
		if r.tunnel.keys[key] += n; r.tunnel.keys[key] == 0 {
			delete(r.tunnel.keys, key)
		}
	}
	if r.usage != nil {
		r.usage.routes += n
	}
}

// use counts a route of the device into the tunnel.
func (t *tunnel) use(d *device, n int) {
	if t.uses[d] += n; t.uses[d] == 0 {
		delete(t.uses, d)
	}
	sinks := make([]*device, 0, len(t.uses))
	for d := range t.uses {
		sinks = append(sinks, d)
	}
	slices.SortFunc(sinks, func(a, b *device) int { return a.number - b.number })
	t.sinks.Store(&sinks)
}

func (t *tunnel) inUse() bool { return len(t.uses) > 0 }

// learn notes that the peer's packets come from another port, as they do behind a NAT (only of a tunnel without a port).
func (t *tunnel) learn(from netip.AddrPort) {
	if t.id.Port == 0 && t.id.Encap == dataplane.EncapUDP && t.sockaddr.Load().port() != from.Port() {
		t.sockaddr.Store(newSockaddr(from))
	}
}

// sockaddr is an address as the host wants it.
type sockaddr struct {
	raw    unix.RawSockaddrInet6 // or RawSockaddrInet4, which is shorter
	length uint32
}

func newSockaddr(a netip.AddrPort) *sockaddr {
	s := &sockaddr{}
	if a.Addr().Is4() {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.raw))
		v4.Family, v4.Addr = unix.AF_INET, a.Addr().As4()
		s.length = unix.SizeofSockaddrInet4
	} else {
		s.raw.Family, s.raw.Addr = unix.AF_INET6, a.Addr().As16()
		s.length = unix.SizeofSockaddrInet6
	}
	s.setPort(a.Port())
	return s
}

// The port stands at the same place in both families, in network byte order.
func (s *sockaddr) portBytes() *[2]byte { return (*[2]byte)(unsafe.Pointer(&s.raw.Port)) }
func (s *sockaddr) setPort(p uint16)    { be.PutUint16(s.portBytes()[:], p) }
func (s *sockaddr) port() uint16        { return be.Uint16(s.portBytes()[:]) }

func (s *sockaddr) addrPort() netip.AddrPort {
	if s.raw.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.raw))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), s.port())
	}
	return netip.AddrPortFrom(netip.AddrFrom16(s.raw.Addr), s.port())
}

// traffic counts packets and octets.
type traffic struct{ packets, octets atomic.Uint64 }

func (t *traffic) add(packets, octets int) {
	t.packets.Add(uint64(packets))
	t.octets.Add(uint64(octets))
}

// drops counts dropped packets; see dataplane.Drops.
type drops struct{ noSession, spoofed, filtered, tooBig, congested, malformed, send atomic.Uint64 }

func (d *drops) load() dataplane.Drops {
	return dataplane.Drops{
		NoSession: d.noSession.Load(), Spoofed: d.spoofed.Load(), Filtered: d.filtered.Load(), TooBig: d.tooBig.Load(),
		Congested: d.congested.Load(), Malformed: d.malformed.Load(), Send: d.send.Load(),
	}
}
