package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2866"

	"mooring/mobility/aaa"
	"mooring/mobility/aaa/spool"
)

// memory is a Queue with one lane.
type memory struct {
	mu      sync.Mutex
	entries []spool.Entry
	full    bool // nothing can be taken out
}

func (m *memory) Next(_ string, after uint64, n int, list []spool.Entry) ([]spool.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.entries {
		if e.Number > after && n > 0 {
			list = append(list, e)
			n--
		}
	}
	return list, nil
}

func (m *memory) Remove(_ string, gone []spool.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full {
		return errors.New("no space left on device")
	}
	for _, g := range gone {
		m.entries = slices.DeleteFunc(m.entries, func(e spool.Entry) bool { return e.Number == g.Number })
	}
	return nil
}

func (m *memory) add(entries ...spool.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = append(m.entries, entries...)
}

func (m *memory) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.entries)
}

// fake is a RADIUS server at the other end of a pipe.
type fake struct {
	secret string

	mu    sync.Mutex
	up    bool
	forge bool   // answer with another secret first
	deaf  string // session whose records get no answer
	got   [][]byte
}

func (f *fake) serve(conn net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		octets := bytes.Clone(buffer[:n])
		f.mu.Lock()
		f.got = append(f.got, octets)
		up, forge := f.up, f.forge
		f.mu.Unlock()
		p, err := radius.Parse(octets, []byte(f.secret))
		if err != nil || !radius.IsAuthenticRequest(octets, []byte(f.secret)) || !up || f.deaf != "" && sessionOf(octets) == f.deaf {
			continue
		}
		if forge {
			conn.Write([]byte{5, octets[1], 0, 3})
			wrong := p.Response(radius.CodeAccountingResponse)
			wrong.Secret = []byte("guessed")
			b, _ := wrong.Encode()
			conn.Write(b)
		}
		b, _ := p.Response(radius.CodeAccountingResponse).Encode()
		conn.Write(b)
	}
}

func (f *fake) set(up bool) {
	f.mu.Lock()
	f.up = up
	f.mu.Unlock()
}

// packets returns what came since the last call.
func (f *fake) packets() [][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := f.got
	f.got = nil
	return got
}

// servers is a network of fakes, by name.
type servers map[string]*fake

func (s servers) dial(_ context.Context, t *aaa.Target) (net.Conn, error) {
	f := s[t.Name]
	if f == nil {
		return nil, errors.New("no way there")
	}
	here, there := net.Pipe()
	go f.serve(there)
	return here, nil
}

// lanes returns one lane with servers that are tried three times, two seconds each.
func lanes(names ...string) []aaa.Lane {
	l := aaa.Lane{Name: "default"}
	for i, name := range names {
		l.Targets = append(l.Targets, aaa.Target{Server: aaa.Server{
			Name: name, Addr: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(1813+i)), Secret: "cisco", Timeout: 2 * time.Second, Retransmit: 2,
		}})
	}
	return []aaa.Lane{l}
}

func startClient(t *testing.T, q Queue, net servers, changed func(string, bool)) *Client {
	t.Helper()
	c := New(Options{Queue: q, Dial: net.dial, Changed: changed})
	t.Cleanup(c.Close)
	return c
}

func sessionOf(octets []byte) string {
	p, err := radius.Parse(octets, nil)
	if err != nil {
		return err.Error()
	}
	return rfc2866.AcctSessionID_GetString(p)
}

func delayOf(octets []byte) int {
	p, err := radius.Parse(octets, nil)
	if err != nil {
		return -1
	}
	return int(rfc2866.AcctDelayTime_Get(p))
}

// AAA-01, AAA-02: records arrive, authenticated with the secret; each is taken out of the queue when it was answered.
func TestAAA02RecordsArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, f := &memory{}, &fake{secret: "cisco", up: true}
		for n := range uint64(2500) { // more than fits into the window
			e := entry(n+1, start, fmt.Sprint(n/2), "l")
			e.At = time.Now().Add(-time.Duration(n) * time.Millisecond)
			q.add(e)
		}
		c := startClient(t, q, servers{"one": f}, nil)
		c.Configure(lanes("one"), time.Minute)
		synctest.Wait()
		if n := q.len(); n != 0 {
			t.Fatalf("%d records are still there", n)
		}
		for _, octets := range f.packets() {
			if !radius.IsAuthenticRequest(octets, []byte("cisco")) {
				t.Fatal("a request is not authentic")
			}
		}
		s := c.Servers()[0]
		if s.Requests != 2500 || s.Responses != 2500 || s.Retransmissions+s.Timeouts+s.BadResponses != 0 || s.Down {
			t.Errorf("the server's counters are %+v", s)
		}
		if got := c.Statistics(aaa.Owner{Anchor: "l"}); got != (Statistics{Start: 2500}) {
			t.Errorf("the anchor's counters are %+v", got)
		}
		q.add(entry(3000, stop, "0", "l"))
		c.Wake()
		synctest.Wait()
		if got := f.packets(); len(got) != 1 || sessionOf(got[0]) != "0" {
			t.Errorf("%d packets came after a wake-up", len(got))
		}
	})
}

// What a server has, and cannot be taken out of the queue because the disk is full, is not sent again, and taken out later. Meanwhile, not more
// is read than memory is meant for.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, f := &memory{full: true}, &fake{secret: "cisco", up: true}
		const all = 3 * inWindow
		for n := range uint64(all) {
			q.add(entry(n+1, start, fmt.Sprint(n), "l"))
		}
		c := startClient(t, q, servers{"one": f}, nil)
		c.Configure(lanes("one"), time.Minute)
		time.Sleep(time.Minute)
		synctest.Wait()
		got := len(f.packets())
		if n := q.len(); n != all || got == 0 || got > inWindow {
			t.Errorf("%d of %d records are there, and %d were sent", n, all, got)
		}
		q.mu.Lock()
		q.full = false
		q.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got += len(f.packets()); q.len() != 0 || got != all {
			t.Errorf("in the end %d records are there, and %d of %d were sent", q.len(), got, all)
		}
	})
}

// AAA-04: a request that is not answered is repeated as it is; then the second server is asked, with a new request. The first one is passed
// over for the dead time, and used again when it is back.
func TestAAA04Failover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := &fake{secret: "cisco"}, &fake{secret: "cisco", up: true}
		q := &memory{}
		var changes []string
		var mu sync.Mutex
		c := startClient(t, q, servers{"one": one, "two": two}, func(name string, up bool) {
			mu.Lock()
			changes = append(changes, fmt.Sprint(name, " ", up))
			mu.Unlock()
		})
		c.Configure(lanes("one", "two"), time.Minute)
		first := entry(1, start, "a", "l")
		first.At = time.Now()
		q.add(first)
		c.Wake()
		time.Sleep(6*time.Second + 1)
		synctest.Wait()
		tries := one.packets()
		if len(tries) != 3 || !bytes.Equal(tries[0], tries[1]) || !bytes.Equal(tries[0], tries[2]) {
			t.Fatalf("the first server got %x", tries)
		}
		late := two.packets()
		if len(late) != 1 || delayOf(late[0]) != 6 || delayOf(tries[2]) != 0 {
			t.Fatalf("the second server got %x", late)
		}
		if q.len() != 0 {
			t.Error("the record is still there")
		}
		q.add(entry(2, stop, "a", "l"))
		c.Wake()
		synctest.Wait()
		if len(one.packets()) != 0 || len(two.packets()) != 1 {
			t.Error("a server that is down was asked")
		}
		one.set(true)
		time.Sleep(time.Minute)
		q.add(entry(3, start, "b", "l"))
		c.Wake()
		synctest.Wait()
		if len(one.packets()) != 1 || len(two.packets()) != 0 {
			t.Error("a server whose dead time is over was not asked")
		}
		if got := fmt.Sprint(changes); got != "[one false one true]" {
			t.Errorf("told was %s", got)
		}
		s := c.Servers()
		if s[0].Requests != 2 || s[0].Retransmissions != 2 || s[0].Timeouts != 1 || s[0].Responses != 1 || s[1].Requests != 2 {
			t.Errorf("the counters are %+v", s)
		}
		if got := c.Statistics(aaa.Owner{Anchor: "l"}); got != (Statistics{Start: 2, Stop: 1, Retransmitted: 2}) {
			t.Errorf("the anchor's counters are %+v", got)
		}
	})
}

// Expectation 10: when no server answers for hours, nothing is lost and nothing is sent in vain all the time; when one is back, all of it is
// sent, in order, with how late it is.
func TestEXP10ServersDeadForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := &fake{secret: "cisco"}
		q := &memory{}
		c := startClient(t, q, servers{"one": one}, nil)
		c.Configure(lanes("one", "nowhere"), time.Minute)
		for n := range uint64(300) {
			e := entry(2*n+1, start, fmt.Sprint(n), "l")
			f := entry(2*n+2, stop, fmt.Sprint(n), "l")
			e.At, f.At = time.Now(), time.Now()
			q.add(e, f)
		}
		c.Wake()
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if n := q.len(); n != 600 {
			t.Fatalf("%d records are left", n)
		}
		if n := len(one.packets()); n < 3*100 || n > 3*(travellers+180) {
			t.Errorf("%d packets were sent to a dead server", n)
		}
		one.set(true)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := q.len(); n != 0 {
			t.Fatalf("%d records are left", n)
		}
		begun := map[string]bool{}
		for _, octets := range one.packets() {
			p, err := radius.Parse(octets, nil)
			if err != nil {
				t.Fatal(err)
			}
			if id := sessionOf(octets); rfc2866.AcctStatusType_Get(p) == start {
				begun[id] = true
			} else if !begun[id] {
				t.Fatalf("the Stop of %s came before its Start", id)
			}
			if delay := delayOf(octets); delay < 3*3600-60 {
				t.Fatalf("a record of three hours ago says that it is %d s late", delay)
			}
		}
		if got := c.Statistics(aaa.Owner{Anchor: "l"}); got.Start != 300 || got.Stop != 300 || got.Failed == 0 {
			t.Errorf("the anchor's counters are %+v", got)
		}
	})
}

// Expectation 10: a record that a server never answers, as some do with what they cannot make use of, does not keep others from it, wherever it is
// in the queue: no Stop waits for ever.
func TestEXP10_ARecordThatIsNeverAnswered(t *testing.T) {
	for odd := range uint64(3) {
		synctest.Test(t, func(t *testing.T) {
			one := &fake{secret: "cisco", deaf: "odd"} // and it is down at first
			q := &memory{}
			for n := range uint64(3) {
				q.add(entry(n+1, stop, map[bool]string{true: "odd", false: fmt.Sprint("n", n)}[n == odd], "l"))
			}
			c := startClient(t, q, servers{"one": one}, nil)
			c.Configure(lanes("one"), time.Minute)
			time.Sleep(10 * time.Minute)
			one.set(true)
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if left := q.len(); left != 1 {
				t.Errorf("%d records are left, and one of them is odd, number %d", left, odd)
			}
		})
	}
}

// Answers that are not authentic, cut short or late count, and do nothing.
func TestBadResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{secret: "cisco", up: true, forge: true}
		q := &memory{}
		q.add(entry(1, start, "a", "l"))
		c := startClient(t, q, servers{"one": f}, nil)
		c.Configure(lanes("one"), time.Minute)
		synctest.Wait()
		if s := c.Servers()[0]; s.BadResponses != 2 || s.Responses != 1 || q.len() != 0 {
			t.Errorf("%+v, and %d records left", s, q.len())
		}
		wrong := lanes("one")
		wrong[0].Targets[0].Secret = "mistyped"
		q.add(entry(2, stop, "a", "l"))
		c.Configure(wrong, time.Minute)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if s := c.Servers()[0]; !s.Down || s.Timeouts != 1 || q.len() != 1 {
			t.Errorf("%+v, and %d records left", s, q.len())
		}
	})
}

// A change of the servers loses nothing: what was under way is sent to those that there are now.
func TestReconfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := &fake{secret: "cisco"}, &fake{secret: "cisco", up: true}
		q := &memory{}
		q.add(entry(1, start, "a", "l"))
		c := startClient(t, q, servers{"one": one, "two": two}, nil)
		c.Configure(lanes("one"), time.Minute)
		time.Sleep(time.Second)
		c.Configure(lanes("two"), time.Minute)
		synctest.Wait()
		if len(two.packets()) != 1 || q.len() != 0 {
			t.Error("the record did not go to the new server")
		}
		if s := c.Servers(); len(s) != 1 || s[0].Name != "two" {
			t.Errorf("the servers are %+v", s)
		}
		c.Configure(nil, 0)
		if s := c.Servers(); len(s) != 0 {
			t.Errorf("the servers are %+v", s)
		}
	})
}

// A group without servers waits for some, and does not spin.
func TestNoServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &memory{}
		q.add(entry(1, start, "a", "l"))
		c := startClient(t, q, nil, nil)
		c.Configure(lanes(), time.Minute)
		time.Sleep(time.Hour - 1)
		synctest.Wait()
		if got := c.Statistics(aaa.Owner{Anchor: "l"}).Failed; got != 1 {
			t.Errorf("it was tried %d times", got)
		}
	})
}

// AAA-04: requests come from an address of the configured interface.
func TestAAA04SourceInterface(t *testing.T) {
	sink, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	target := aaa.Target{Server: aaa.Server{Name: "s", Addr: sink.LocalAddr().(*net.UDPAddr).AddrPort()}, Interface: "lo"}
	conn, err := Dialer{}.Dial(t.Context(), &target)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if from := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr(); from != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("requests come from %v", from)
	}
	for _, wrong := range []aaa.Target{{Interface: "nonesuch"}, {VRF: "RED"}} {
		wrong.Server = target.Server
		if conn, err := new(Dialer).Dial(t.Context(), &wrong); err == nil {
			conn.Close()
			t.Errorf("%+v was reached", wrong)
		}
	}
}

// A server that is down is asked from a new socket when its time is over: the VRF that it is reached in may have been made anew.
func TestAAA04_NewSocketToAServerThatWasDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, q := &fake{secret: "cisco"}, &memory{}
		var dialled atomic.Int32
		network := servers{"one": one}
		c := New(Options{Queue: q, Dial: func(ctx context.Context, t *aaa.Target) (net.Conn, error) {
			dialled.Add(1)
			return network.dial(ctx, t)
		}})
		defer c.Close()
		c.Configure(lanes("one"), time.Minute)
		q.add(entry(1, start, "a", "l"))
		c.Wake()
		time.Sleep(10 * time.Second)
		if one.set(true); dialled.Load() != 1 {
			t.Errorf("dialled %d times at first", dialled.Load())
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if dialled.Load() != 2 || q.len() != 0 {
			t.Errorf("dialled %d times, and %d records are left", dialled.Load(), q.len())
		}
	})
}
