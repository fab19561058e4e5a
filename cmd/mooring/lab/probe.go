package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"mooring/dataplane/netns"
)

// probeInterval is the time between two probes of a flow.
const probeInterval = 5 * time.Millisecond

// probePort is the UDP port of the probes at both ends: discard.
const probePort = 9

// flow is probes in one direction.
type flow struct {
	name    string // "IPv4 to mn"
	host    string // where the probes arrive
	from    *net.UDPConn
	to      netip.AddrPort
	mu      sync.Mutex
	sent    []time.Time
	arrived []arrival
}

// probes are the flows between the node and its correspondent, both ways in both families, from begin to close.
type probes struct {
	flows   []*flow
	sockets []*net.UDPConn
	stopped chan struct{}
	ended   sync.WaitGroup
}

// startProbes begins to send. home are the node's addresses.
func startProbes(mn, cn *netns.Host, home []netip.Addr) (*probes, error) {
	p := &probes{stopped: make(chan struct{})}
	for _, own := range home {
		peer, family := netip.MustParseAddr(cn4), "IPv4"
		if own.Is6() {
			peer, family = netip.MustParseAddr(cn6), "IPv6"
		}
		near, err := p.listen(mn, own)
		if err != nil {
			return p, err
		}
		far, err := p.listen(cn, peer)
		if err != nil {
			return p, err
		}
		p.begin(&flow{name: family + " to " + mn.Name, host: mn.Name, from: far, to: netip.AddrPortFrom(own, probePort)}, near)
		p.begin(&flow{name: family + " to " + cn.Name, host: cn.Name, from: near, to: netip.AddrPortFrom(peer, probePort)}, far)
	}
	return p, nil
}

func (p *probes) listen(h *netns.Host, own netip.Addr) (*net.UDPConn, error) {
	var socket *net.UDPConn
	err := h.Do(func() (err error) {
		socket, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(own, probePort)))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("probes of %s: %w", h.Name, err)
	}
	p.sockets = append(p.sockets, socket)
	return socket, nil
}

func (p *probes) begin(f *flow, at *net.UDPConn) {
	p.flows = append(p.flows, f)
	p.ended.Go(func() { f.send(p.stopped) })
	p.ended.Go(func() { f.receive(at) })
}

// close ends all flows.
func (p *probes) close() {
	close(p.stopped)
	for _, s := range p.sockets {
		s.Close()
	}
	p.ended.Wait()
}

func (f *flow) send(stopped <-chan struct{}) {
	ticker := time.NewTicker(probeInterval)
	defer ticker.Stop()
	for number := uint64(0); ; number++ {
		f.mu.Lock()
		f.sent = append(f.sent, time.Now())
		f.mu.Unlock()
		// What cannot be sent is lost: while its link is moved, a host may have no route.
		_, _ = f.from.WriteToUDPAddrPort(binary.BigEndian.AppendUint64(nil, number), f.to)
		select {
		case <-stopped:
			return
		case <-ticker.C:
		}
	}
}

func (f *flow) receive(at *net.UDPConn) {
	b := make([]byte, 64)
	for {
		n, _, err := at.ReadFromUDPAddrPort(b)
		now := time.Now()
		if err != nil {
			return
		}
		if n == 8 {
			f.mu.Lock()
			if number := binary.BigEndian.Uint64(b); number < uint64(len(f.sent)) {
				f.arrived = append(f.arrived, arrival{int(number), now})
			}
			f.mu.Unlock()
		}
	}
}

// since measures what the flow had of a move; see measure.
func (f *flow) since(detached time.Time) (outage, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return measure(f.sent, f.arrived, detached)
}

// flowing reports whether a probe has arrived.
func (f *flow) flowing() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.arrived) > 0
}

// outcome is what a move did to all flows together.
func (p *probes) outcome(detached time.Time) (interruption float64, lost int) {
	for _, f := range p.flows {
		o, _ := f.since(detached)
		interruption, lost = max(interruption, milliseconds(o.Interruption)), lost+o.Lost
	}
	return interruption, lost
}

// interrupted names the flows that have not resumed since a move.
func (p *probes) interrupted(detached time.Time) (names []string) {
	for _, f := range p.flows {
		if _, resumed := f.since(detached); !resumed {
			names = append(names, f.name)
		}
	}
	return names
}
