package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mooring/dataplane/netns"
)

// flow is traffic between the node and the anchor's host: a datagram every few milliseconds, which is sent back.
type flow struct {
	t       *testing.T
	sent    atomic.Int64
	arrived atomic.Int64
	mu      sync.Mutex
	last    time.Time     // of the last one that came back
	longest time.Duration // between two of them
}

const flowInterval = 5 * time.Millisecond

// newFlow starts traffic that ends with the test.
func newFlow(d *domain, anchor string) *flow {
	f := &flow{t: d.t}
	at := netip.AddrPortFrom(netip.MustParseAddr(anchor), 7007)
	echo := listenOn(d.t, d.lma, net.UDPAddrFromAddrPort(at))
	go func() {
		b := make([]byte, 64)
		for {
			n, from, err := echo.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			echo.WriteToUDPAddrPort(b[:n], from) // there may be no way back at this moment
		}
	}()
	node := listenOn(d.t, d.mn, &net.UDPAddr{IP: net.IPv6unspecified})
	go func() {
		b := make([]byte, 64)
		for {
			if _, err := node.Read(b); err != nil {
				return
			}
			f.back()
		}
	}()
	stop := make(chan struct{})
	d.t.Cleanup(func() { close(stop) })
	go func() {
		tick := time.NewTicker(flowInterval)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				node.WriteToUDPAddrPort(binary.BigEndian.AppendUint64(nil, uint64(f.sent.Add(1))), at) // the host may have no way at this moment
			}
		}
	}()
	return f
}

func listenOn(t *testing.T, h *netns.Host, at *net.UDPAddr) (conn *net.UDPConn) {
	t.Helper()
	must(t, h.Do(func() (err error) {
		conn, err = net.ListenUDP("udp6", at)
		return err
	}))
	t.Cleanup(func() { conn.Close() })
	return conn
}

func (f *flow) back() {
	f.arrived.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if !f.last.IsZero() {
		f.longest = max(f.longest, now.Sub(f.last))
	}
	f.last = now
}

// goesOn waits until traffic comes back again, and says what was lost since the last call.
func (f *flow) goesOn(what string) {
	f.t.Helper()
	since := f.arrived.Load()
	eventually(f.t, func() string {
		if f.arrived.Load() < since+50 {
			return what + ": the node's traffic does not come back"
		}
		return ""
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.t.Logf("%s: no packet for %v; %d of %d were lost", what, f.longest.Round(time.Millisecond), f.sent.Swap(0)-f.arrived.Swap(0), since)
	f.longest = 0
}

// An anchor that is killed under traffic and started again has the binding, of which its gateway has noticed nothing: nothing was signalled, and the node's
// flow goes on.
func TestKilledAnchorGoesOn(t *testing.T) {
	d := newDomain(t)
	traffic := newFlow(d, "2001:db8:0:1::2")
	traffic.goesOn("before")
	before := d.anchor.values("bindings")[0]
	d.anchor.end(syscall.SIGKILL)
	d.anchor = run(t, d.lma, d.lmaDir)
	d.registered(1)
	after := d.anchor.values("bindings")[0]
	for _, leaf := range []string{"id", "created", "expires", "last-update", "sequence", "timestamp", "hoa", "hnp", "lifetime"} {
		if fmt.Sprint(before[leaf]) != fmt.Sprint(after[leaf]) {
			t.Errorf("%s was %v and is %v", leaf, before[leaf], after[leaf])
		}
	}
	traffic.goesOn("anchor killed")
}

// A gateway that is killed under traffic and started again serves the node as before as soon as it shows itself, and its anchor keeps the binding.
func TestKilledGatewayGoesOn(t *testing.T) {
	d := newDomain(t)
	traffic := newFlow(d, "2001:db8:0:1::2")
	traffic.goesOn("before")
	before, kept := d.gateway.values("bindings")[0], d.anchor.values("bindings")[0]
	d.gateway.end(syscall.SIGKILL)
	d.gateway = run(t, d.mag, d.magDir)
	d.registered(1)
	after, now := d.gateway.values("bindings")[0], d.anchor.values("bindings")[0]
	for _, leaf := range []string{"id", "created", "hoa", "hnp"} {
		if fmt.Sprint(before[leaf], kept[leaf]) != fmt.Sprint(after[leaf], now[leaf]) {
			t.Errorf("%s was %v and is %v; at the anchor it was %v and is %v", leaf, before[leaf], after[leaf], kept[leaf], now[leaf])
		}
	}
	traffic.goesOn("gateway killed")
}

// A store that a newer program has written is refused with the file and a way out.
func TestNewerStoreIsRefused(t *testing.T) {
	h, dir := newHost(t, "lma"), t.TempDir()
	must(t, os.Mkdir(dir+"/bindings", 0o700), os.WriteFile(dir+"/bindings/log.00000001", []byte("mooring\n\x63\x00 and who knows what else"), 0o600))
	o := complete(t, h, privileged, "run", "--state-dir", dir)
	if want := "bindings: restore bindings: log.00000001 has format 99 and this program reads up to 4"; o.code == 0 || !strings.Contains(o.stderr, want) {
		t.Errorf("exit code %d: %s", o.code, o.stderr)
	}
}
