package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane/netns"
	"mooring/mobility"
)

// flooder sends requests that are not authentic from one address after the other.
type flooder struct {
	senders []*net.UDPConn
	request request // the same again and again: it is looked at no further than its authenticator
	turn    int
}

// strangers are how many addresses a flood of senders comes from that are not known.
const strangers = 250

func newStrangers(h *netns.Host) (*flooder, error) {
	var addresses []string
	for i := range strangers {
		addresses = append(addresses, fmt.Sprintf("127.0.2.%d", i+1))
	}
	return newFlooder(h, addresses...)
}

func newFlooder(h *netns.Host, addresses ...string) (*flooder, error) {
	forger, err := newAskingMAG(h, addresses[0], "another key")
	if err != nil {
		return nil, err
	}
	f := &flooder{request: forger.prepare(1, 1)[0]}
	if err := forger.conn.Close(); err != nil {
		return nil, err
	}
	for _, address := range addresses {
		if err := f.sendFrom(h, address); err != nil {
			f.close()
			return nil, err
		}
	}
	return f, nil
}

// sendFrom adds a sender. What it writes at once, the host divides into requests: one that wrote each would be too slow to flood an anchor.
func (f *flooder) sendFrom(h *netns.Host, address string) error {
	var conn *net.UDPConn
	if err := h.Do(func() (err error) {
		conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(address), Port: mobility.ControlPort})
		return err
	}); err != nil {
		return err
	}
	f.senders = append(f.senders, conn)
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	failed := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT, len(f.request)) })
	return errors.Join(failed, err)
}

// send sends n requests to an address, as many at once as one sender can.
func (f *flooder) send(n int, to string) error {
	at := netip.AddrPortFrom(netip.MustParseAddr(to), mobility.ControlPort)
	for n > 0 {
		some := min(n, askBatch)
		if _, err := f.senders[f.turn].WriteToUDPAddrPort(bytes.Repeat(f.request, some), at); err != nil {
			return err
		}
		f.turn = (f.turn + 1) % len(f.senders)
		n -= some
	}
	return nil
}

func (f *flooder) close() {
	for _, conn := range f.senders {
		conn.Close()
	}
}

// floods returns what refreshes cost while others send what is not authentic: beside what they cost without, in processor time, or in time beside the same while
// the others send it elsewhere, whichever is worse. They have the processor of the gateway, which cannot ask as fast meanwhile.
func (r *lmaRun) floods(refresh Result) (rows []Result, err error) {
	nobody, err := newAskingMAG(r.host, nobodyAddress, lmaSecret) // who never reads
	if err != nil {
		return nil, err
	}
	defer nobody.conn.Close()
	for _, each := range []struct {
		name  string
		by    *flooder
		times int
	}{{"flood", r.strangers, 1}, {"flood-10", r.strangers, 10}, {"flood-spoofed", r.spoofer, 10}} {
		elsewhere, err := r.flood(each.name, each.by, each.times, nobodyAddress)
		if err != nil {
			return nil, err
		}
		row, err := r.flood(each.name, each.by, each.times, lmaAddress)
		if err != nil {
			return nil, err
		}
		row.Ratio = min(row.Rate()/elsewhere.Rate(), refresh.perItem()/row.perItem())
		rows = append(rows, row)
	}
	return rows, nil
}

// flood has bindings refreshed while so many times as many requests are sent to an address that are not authentic.
func (r *lmaRun) flood(name string, by *flooder, times int, to string) (all Result, err error) {
	r.gateway.beside = func(n int) error { return by.send(n*times, to) }
	r.gateway.others = times
	defer func() { r.gateway.beside, r.gateway.others = nil, 0 }()
	forged := 0
	if to == lmaAddress {
		forged = atOnce * times
	}
	for begun := time.Now(); all.N == 0 || time.Since(begun) < r.length; {
		if err := add(&all)(r.refreshed(name, r.gateway.prepare(atOnce, r.bindings), forged)); err != nil {
			return all, err
		}
	}
	return all, nil
}
