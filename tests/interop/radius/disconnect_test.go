//go:build !vm

package radius

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"

	"mooring/dataplane/netns"
	"mooring/mobility/wire"
)

// RAD-10, LMA-12: radclient ends what it names, by the node or by the accounting session: its MAG hears of it with trigger 1, and FreeRADIUS that the
// session has ended. What names nobody is refused, and what has another secret is not answered; both end nothing.
func TestRAD10_RadclientEndsSessions(t *testing.T) {
	d := newDomain(t)
	s := newServer(t, d.lma, "127.0.0.1:1646", "127.0.0.1")
	s.start()
	d.run(d.lma, obeying)
	d.run(d.mag, gateway)
	heard := hear(t, d.mag)
	session := func() string {
		t.Helper()
		d.attach()
		ended := map[string]bool{}
		for _, r := range s.records() {
			if r.get("Acct-Status-Type") == "Stop" {
				ended[r.get("Acct-Session-Id")] = true
			}
		}
		return s.await("Start", func(r record) bool { return isNode(r) && !ended[r.get("Acct-Session-Id")] }).get("Acct-Session-Id")
	}

	byUser := `User-Name = "` + identity + `"`
	id := session()
	for _, c := range []struct{ what, request, secret, want string }{
		{"nobody", `User-Name = "mn2@lab.example"`, "cisco", "Disconnect-NAK Session-Context-Not-Found"},
		{"no session", `Acct-Session-Id = "0"`, "cisco", "Disconnect-NAK Session-Context-Not-Found"},
		{"a session of another node", byUser + `, Acct-Session-Id = "0"`, "cisco", "Disconnect-NAK Session-Context-Not-Found"},
		{"the node, with another secret", byUser, "another", "nothing"},
	} {
		if got := s.disconnect(c.request, c.secret); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	if d.bindings() == 0 || len(heard.list()) != 0 {
		t.Errorf("after that the LMA shows %s, and the MAG heard %v", d.show(), heard.list())
	}

	for _, by := range []string{"User-Name", "Acct-Session-Id"} {
		request := byUser
		if by == "Acct-Session-Id" {
			d.detach()
			id = session()
			request = `Acct-Session-Id = "` + id + `"`
		}
		before := len(heard.list())
		if got := s.disconnect(request, "cisco"); got != "Disconnect-ACK" {
			t.Errorf("by %s: %s", by, got)
		}
		stop := s.await("Stop", func(r record) bool { return r.get("Acct-Session-Id") == id })
		expect(t, "Stop after a request by "+by, stop, map[string]string{"User-Name": identity, "Acct-Terminate-Cause": "Admin-Reset"})
		eventually(t, "the MAG has heard of it", func() bool { return len(heard.list()) > before })
		for _, what := range heard.list()[before:] {
			if want := identity + " " + wire.TriggerAdministrative.String(); what != want {
				t.Errorf("by %s: the MAG heard of %s, want %s", by, what, want)
			}
		}
	}
}

// RAD-10: a request whose attribute has no octets is about nobody, not about everybody: the LMA refuses it, and its bindings stay.
func TestRAD10_NobodyIsNobody(t *testing.T) {
	d := newDomain(t)
	d.run(d.lma, obeying)
	d.run(d.mag, gateway)
	d.attach()
	for _, unnamed := range []radius.Type{rfc2865.UserName_Type, rfc2866.AcctSessionID_Type, rfc2866.AcctMultiSessionID_Type, rfc2865.CallingStationID_Type} {
		p := radius.New(radius.CodeDisconnectRequest, []byte("cisco"))
		p.Add(unnamed, nil)
		p.Add(rfc2869.EventTimestamp_Type, radius.NewInteger(uint32(time.Now().Unix())))
		var answer *radius.Packet
		must(t, d.lma.Do(func() (err error) {
			answer, err = radius.Exchange(t.Context(), p, "127.0.0.1:3799")
			return err
		}))
		if answer.Code != radius.CodeDisconnectNAK {
			t.Errorf("attribute %d without octets: %v", unnamed, answer.Code)
		}
	}
	if d.bindings() == 0 {
		t.Errorf("after that the LMA shows %s", d.show())
	}
}

// obeying is the configuration of an LMA that its first server may tell to end sessions.
var obeying = strings.Replace(anchored, `"dead-time": 1,`, `"dead-time": 1, "dynamic-authorization": {"enabled": true},`, 1)

// disconnect sends a Disconnect-Request with radclient (package freeradius-utils), from where the server is, and returns what was answered: the code,
// and the Error-Cause; "nothing" if there was no answer.
func (s *server) disconnect(attributes, secret string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "radclient", "-x", "-r", "3", "-t", "2", "-d", s.folder, s.addr.Addr().String()+":3799", "disconnect", secret)
	cmd.Stdin = strings.NewReader(fmt.Sprintf("%s, Event-Timestamp = %d\n", attributes, time.Now().Unix()))
	var out []byte
	must(s.t, s.host.Do(func() (err error) {
		out, err = cmd.CombinedOutput()
		if _, refused := err.(*exec.ExitError); refused {
			err = nil
		}
		return err
	}))
	_, answer, _ := strings.Cut(string(out), "Received ")
	code, rest, _ := strings.Cut(answer, " ")
	if _, cause, ok := strings.Cut(rest, "Error-Cause = "); ok {
		cause, _, _ = strings.Cut(cause, "\n")
		return code + " " + cause
	}
	if answer == "" && strings.Contains(string(out), "No reply from server") {
		return "nothing"
	}
	if answer == "" {
		s.t.Fatalf("radclient says %s", out)
	}
	return code
}

// revocations are the indications that a host has received.
type revocations struct {
	mu  sync.Mutex
	all []string
}

// hear listens to the revocation indications that come to a host.
func hear(t *testing.T, h *netns.Host) *revocations {
	t.Helper()
	var conn net.PacketConn
	must(t, h.Do(func() (err error) {
		conn, err = net.ListenPacket("ip6:135", "::") // Mobility Header (RFC 6275 section 6.1)
		return err
	}))
	var r revocations
	var reading sync.WaitGroup
	reading.Go(func() {
		buffer := make([]byte, 2048)
		for {
			n, _, err := conn.ReadFrom(buffer)
			if err != nil {
				return // closed
			}
			if m, err := wire.Parse(buffer[:n]); err == nil {
				r.take(m)
			}
		}
	})
	t.Cleanup(func() {
		conn.Close()
		reading.Wait()
	})
	return &r
}

func (r *revocations) take(m wire.Message) {
	if bri, ok := m.(*wire.Revocation); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.all = append(r.all, bri.MNID.Value.String()+" "+bri.Trigger.String())
	}
}

// list returns which nodes were named so far, each with the trigger.
func (r *revocations) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.all...)
}
