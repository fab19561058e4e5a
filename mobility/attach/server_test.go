package attach

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
)

// A house has the sockets of all links, for tests in a synctest bubble. What the test changes and the loop looks at is behind mu;
// the other way, synctest.Wait is enough.
type house struct {
	*Server
	t        *testing.T
	mu       sync.Mutex
	sockets  map[string]*socket // the last one of each link
	opened   int
	fail     error
	reported []string
	report   func(mobility.Attachment)
}

type socket struct {
	mu      *sync.Mutex
	frames  chan []byte
	ended   chan error
	sent    []string // in hexadecimal digits
	watched []dataplane.MAC
	closed  bool
}

func (s *socket) Receive(b []byte) (int, error) {
	select {
	case frame := <-s.frames:
		return copy(b, frame), nil
	case err, open := <-s.ended:
		if !open {
			err = fs.ErrClosed
		}
		return 0, err
	}
}
func (s *socket) Send(frame []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, hex.EncodeToString(frame))
	return nil
}

func (s *socket) Watch(known []dataplane.MAC) error { s.watched = known; return nil }
func (s *socket) MTU() int                          { return 1500 }
func (s *socket) Close() error {
	if s.closed {
		return errors.New("closed twice")
	}
	s.closed = true
	close(s.ended)
	return nil
}

// run plays a test with a running server.
func run(t *testing.T, play func(h *house)) {
	synctest.Test(t, func(t *testing.T) {
		h := &house{t: t, sockets: map[string]*socket{}}
		h.report = func(a mobility.Attachment) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.reported = append(h.reported, strings.TrimSuffix(fmt.Sprintf("%s %s %s", a.Kind, a.Link, a.MAC), " 00:00:00:00:00:00"))
		}
		h.Server = New(Options{
			Attached: func(a mobility.Attachment) { h.report(a) },
			Open: func(link string) (Socket, error) {
				h.mu.Lock()
				defer h.mu.Unlock()
				if h.fail != nil {
					return nil, h.fail
				}
				h.opened++
				h.sockets[link] = &socket{mu: &h.mu, frames: make(chan []byte), ended: make(chan error, 1)}
				return h.sockets[link], nil
			},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- h.Run(ctx) }()
		play(h)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		for link, s := range h.sockets {
			if !s.closed {
				t.Errorf("the socket of %s is still open", link)
			}
		}
	})
}

// failing sets what opening a socket comes to.
func (h *house) failing(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fail = err
}

// commit configures links, each of the gateway before the slash: "mag1/eth1".
func (h *house) commit(links ...string) {
	h.t.Helper()
	commit, err := h.Prepare(h.t.Context(), nil, config(links...))
	if err != nil {
		h.t.Fatal(err)
	}
	commit.Apply()
	synctest.Wait()
}

func config(links ...string) *mobility.Config {
	c := &mobility.Config{MAGs: map[string]*mobility.MAG{}}
	for _, name := range links {
		gateway, link, _ := strings.Cut(name, "/")
		if c.MAGs[gateway] == nil {
			c.MAGs[gateway] = &mobility.MAG{Name: gateway, Domain: &mobility.Domain{
				LinkLocal: netip.MustParseAddr("fe80::200:5eff:fe00:5213"), LinkMAC: dataplane.MAC{0, 0, 0x5e, 0, 0x52, 0x13}}}
		}
		c.MAGs[gateway].Links = append(c.MAGs[gateway].Links, mobility.AccessLink{Name: link, DHCP: true, Advertise: mobility.Advertise{
			MinInterval: 200 * time.Second, MaxInterval: 600 * time.Second, RouterLifetime: 1800 * time.Second}})
	}
	return c
}

func (h *house) link(kind dataplane.EventKind, name string) {
	h.Link(dataplane.Event{Kind: kind, Link: name, MAC: dataplane.MAC{2, 0, 0, 0, 0, 1}})
	synctest.Wait()
}

// speak lets a node send a data frame.
func (h *house) speak(link string, node byte) {
	h.sockets[link].frames <- []byte{0, 0, 0x5e, 0, 0x52, 0x13, 2, 0, 0, 0, 0, node, 8, 0,
		0x45, 0, 0, 20, 0, 0, 0, 0, 64, 6, 0, 0, 10, 1, 0, 2, 192, 0, 2, 1}
	synctest.Wait()
}

func (h *house) grant(link string, node byte, prefixes ...string) {
	g := mobility.Grant{Link: link, MAC: dataplane.MAC{2, 0, 0, 0, 0, node}, Expires: time.Now().Add(time.Hour)}
	for _, p := range prefixes {
		g.Prefixes = append(g.Prefixes, netip.MustParsePrefix(p))
	}
	grants := []mobility.Grant{g}
	h.Grants(grants)
	clear(grants) // they are the caller's again
	synctest.Wait()
}

func (h *house) expect(want ...string) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Equal(h.reported, want) {
		h.t.Errorf("reported %q, want %q", h.reported, want)
	}
	h.reported = nil
}

// sent counts the frames that a link's socket has sent since the last call, whose digits contain what.
func (h *house) sent(link, what string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, frame := range h.sockets[link].sent {
		if strings.Contains(frame, what) {
			n++
		}
	}
	h.sockets[link].sent = nil
	return n
}

const (
	echoRequest   = "3aff" + "fe8000000000000002005efffe005213" + "ff020000000000000000000000000001" + "8000"
	advertisement = "3aff" + "fe8000000000000002005efffe005213" + "ff020000000000000000000000000001" + "8600"
)

func TestMAG04NodeIsNoticedAndServed(t *testing.T) {
	run(t, func(h *house) {
		h.commit("mag1/eth1")
		h.link(dataplane.LinkUp, "eth9") // not ours
		h.link(dataplane.LinkUp, "eth1")
		if h.opened != 1 || h.sent("eth1", echoRequest) != 1 {
			t.Errorf("%d sockets, and no question to the new link", h.opened)
		}
		time.Sleep(7 * time.Millisecond)
		synctest.Wait()
		if n := h.sent("eth1", echoRequest); n != 3 { // after 1, 3 and 7 ms
			t.Errorf("asked %d times", n)
		}
		h.speak("eth1", 0xaa)
		h.expect("attached eth1 02:00:00:00:00:aa")
		if want := []dataplane.MAC{{2, 0, 0, 0, 0, 0xaa}}; !slices.Equal(h.sockets["eth1"].watched, want) {
			t.Errorf("the data of %v is filtered, want of %v", h.sockets["eth1"].watched, want)
		}
		h.grant("eth1", 0xaa, "2001:db8:a::/64")
		h.grant("eth7", 0xaa, "2001:db8:a::/64") // not ours
		if n := h.sent("eth1", advertisement); n != 1 {
			t.Errorf("%d advertisements, want 1 at once", n)
		}
		time.Sleep(32 * time.Second)
		synctest.Wait()
		if n := h.sent("eth1", advertisement); n != 2 {
			t.Errorf("%d advertisements, want 2 more soon after", n)
		}
		h.link(dataplane.LinkDown, "eth1")
		h.expect("link-lost eth1")
		if !h.sockets["eth1"].closed {
			t.Error("the socket is still open")
		}
	})
}

func TestInterfaceIsThereBeforeConfiguration(t *testing.T) {
	run(t, func(h *house) {
		h.link(dataplane.LinkUp, "eth1")
		if h.opened != 0 {
			t.Error("a socket before there is a link")
		}
		h.commit("mag1/eth1")
		if h.opened != 1 {
			t.Error("no socket")
		}
		h.link(dataplane.LinkDown, "eth1")
		h.commit()
		h.commit("mag1/eth1")
		if h.opened != 1 {
			t.Error("a socket on an interface that is down")
		}
	})
}

func TestInterfaceIsReplaced(t *testing.T) {
	run(t, func(h *house) {
		h.commit("mag1/eth1")
		h.link(dataplane.LinkUp, "eth1")
		h.speak("eth1", 0xaa)
		first := h.sockets["eth1"]
		h.link(dataplane.LinkUp, "eth1")
		if !first.closed || h.opened != 2 {
			t.Error("the interface that had the name before is still watched")
		}
		if len(h.sockets["eth1"].watched) != 1 {
			t.Error("the filter is not that of the known nodes")
		}
		h.speak("eth1", 0xaa)
		h.expect("attached eth1 02:00:00:00:00:aa")
	})
}

func TestSocketIsTriedAgain(t *testing.T) {
	run(t, func(h *house) {
		h.commit("mag1/eth1")
		h.failing(errors.New("not now"))
		h.link(dataplane.LinkUp, "eth1")
		h.failing(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if h.opened != 1 || !h.Links()[0].Up {
			t.Fatalf("opened %d times, state %+v", h.opened, h.Links())
		}
		h.speak("eth1", 0xaa)
		h.sockets["eth1"].ended <- errors.New("somebody tripped over the cable")
		synctest.Wait()
		h.expect("attached eth1 02:00:00:00:00:aa", "link-lost eth1")
		time.Sleep(time.Second)
		synctest.Wait()
		if h.opened != 2 {
			t.Error("not opened again")
		}
		h.failing(errors.New("not now"))
		h.link(dataplane.LinkUp, "eth1")
		h.link(dataplane.LinkDown, "eth1")
		h.failing(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if h.opened != 2 || h.Links()[0].Up {
			t.Error("opened an interface that is down")
		}
	})
}

// A node is on one link at a time. The core learns of the new one first, so that a session moves.
func TestNodeMovesBetweenLinks(t *testing.T) {
	run(t, func(h *house) {
		h.commit("mag1/eth1", "mag1/eth2")
		h.link(dataplane.LinkUp, "eth1")
		h.link(dataplane.LinkUp, "eth2")
		h.speak("eth1", 0xaa)
		h.speak("eth2", 0xaa)
		h.speak("eth1", 0xaa)
		h.expect("attached eth1 02:00:00:00:00:aa", "attached eth2 02:00:00:00:00:aa", "detached eth1 02:00:00:00:00:aa",
			"attached eth1 02:00:00:00:00:aa", "detached eth2 02:00:00:00:00:aa")
	})
}

// The engine may wait for its inbox to be emptied while it makes grants: whatever it calls returns.
func TestNothingWaitsForTheCore(t *testing.T) {
	run(t, func(h *house) {
		h.commit("mag1/eth1")
		h.link(dataplane.LinkUp, "eth1")
		busy := make(chan struct{})
		report := h.report
		h.report = func(a mobility.Attachment) { <-busy; report(a) }
		h.speak("eth1", 0xaa)
		h.grant("eth1", 0xaa, "2001:db8:a::/64")
		h.link(dataplane.LinkUp, "eth1")
		h.commit("mag1/eth1", "mag1/eth2")
		h.expect()
		close(busy)
		synctest.Wait()
		h.expect("attached eth1 02:00:00:00:00:aa")
		if len(h.Links()) != 2 {
			t.Error("the commit is lost")
		}
	})
}

func TestCommit(t *testing.T) {
	run(t, func(h *house) {
		h.commit("mag1/eth1", "mag1/eth2")
		h.link(dataplane.LinkUp, "eth1")
		h.link(dataplane.LinkUp, "eth2")
		h.speak("eth1", 0xaa)
		h.grant("eth1", 0xaa, "2001:db8:a::/64")
		h.expect("attached eth1 02:00:00:00:00:aa")
		eth1, eth2 := h.sockets["eth1"], h.sockets["eth2"]

		aborted, err := h.Prepare(t.Context(), nil, config("mag1/eth3"))
		if err != nil {
			t.Fatal(err)
		}
		aborted.Abort()
		h.commit("mag1/eth1", "mag1/eth2")
		if h.opened != 2 || eth1.closed || eth2.closed {
			t.Error("the same configuration disturbs")
		}

		// A link that changes its owner is another one: the node is told of the end, and is new there.
		h.sent("eth1", "")
		h.commit("mag1/eth2", "mag2/eth1")
		farewell := 0
		for _, frame := range eth1.sent {
			if strings.Contains(frame, "030440c0"+"0000000000000000") {
				farewell++
			}
		}
		if farewell != 1 || !eth1.closed || eth2.closed || h.opened != 3 {
			t.Errorf("%d farewells, eth1 closed %t, eth2 closed %t, %d sockets", farewell, eth1.closed, eth2.closed, h.opened)
		}
		h.speak("eth1", 0xaa)
		h.expect("attached eth1 02:00:00:00:00:aa")

		h.commit()
		if len(h.Links()) != 0 || !eth2.closed {
			t.Errorf("links %v remain", h.Links())
		}
		h.expect()
	})
}

func TestPrepareRefuses(t *testing.T) {
	for _, test := range []struct {
		advertise mobility.Advertise
		want      string
	}{
		{mobility.Advertise{}, ""},
		{mobility.Advertise{MinInterval: 3 * time.Second, MaxInterval: 4 * time.Second, RouterLifetime: 4 * time.Second}, ""},
		{mobility.Advertise{MinInterval: 3 * time.Second, MaxInterval: 4 * time.Second}, ""},
		{mobility.Advertise{MinInterval: 1350 * time.Second, MaxInterval: 1800 * time.Second, RouterLifetime: 9000 * time.Second}, ""},
		{mobility.Advertise{MinInterval: 3 * time.Second, MaxInterval: 3 * time.Second}, "every 3s at most"},
		{mobility.Advertise{MinInterval: 3 * time.Second, MaxInterval: 1801 * time.Second}, "at most"},
		{mobility.Advertise{MinInterval: 2 * time.Second, MaxInterval: 4 * time.Second}, "every 2s at least"},
		{mobility.Advertise{MinInterval: 4 * time.Second, MaxInterval: 5 * time.Second}, "at least"},
		{mobility.Advertise{MinInterval: 3 * time.Second, MaxInterval: 4 * time.Second, RouterLifetime: 3 * time.Second}, "router lifetime 3s"},
		{mobility.Advertise{MinInterval: 3 * time.Second, MaxInterval: 4 * time.Second, RouterLifetime: 9001 * time.Second}, "router lifetime"},
	} {
		c := config("mag1/eth1", "mag1/eth2")
		c.MAGs["mag1"].Links[1].Advertise = test.advertise
		_, err := New(Options{Open: func(string) (Socket, error) { return nil, nil }}).Prepare(t.Context(), nil, c)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%+v is refused: %v", test.advertise, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "eth2")):
			t.Errorf("%+v: %v, want %q of eth2", test.advertise, err, test.want)
		}
	}
}
