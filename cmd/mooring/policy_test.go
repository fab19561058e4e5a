package main

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// list is a document with an access list that denies one port, or permits everything.
func list(port int) string {
	deny := fmt.Sprintf(`{"name": "10", "matches": {"ipv6": {"destination-ipv6-network": "2001:db8:77::1/128"}, "udp": {"destination-port": {"port": %d}}},
		"actions": {"forwarding": "ietf-access-control-list:drop"}},`, port)
	return `{"ietf-access-control-list:acls": {"acl": [{"name": "acl1", "type": "ietf-access-control-list:ipv6-acl-type", "aces": {"ace": [` + deny +
		`{"name": "20", "actions": {"forwarding": "ietf-access-control-list:accept"}}]}}]}}`
}

// matched returns how many packets a rule of the list has decided about.
func (p *process) matched(rule string) string {
	p.t.Helper()
	for line := range strings.Lines(p.show("access-lists", "--list", "acl1")) {
		if cells := strings.Fields(line); len(cells) == 4 && cells[1] == rule {
			return cells[2]
		}
	}
	return ""
}

// passes sends datagrams from the node to what listens at a host until one has arrived, at most for a time.
func passes(t *testing.T, d *domain, sink *net.UDPConn, within time.Duration) bool {
	t.Helper()
	for deadline := time.Now().Add(within); time.Now().Before(deadline); {
		must(t, d.mn.Do(func() error {
			c, err := net.Dial("udp6", sink.LocalAddr().String())
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = c.Write([]byte("hello"))
			return err
		}), sink.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
		if _, err := sink.Read(make([]byte, 10)); err == nil {
			return true
		}
	}
	return false
}

// TUN-02, ACL-01, ACL-02, ACL-03, ACL-05 on elements that run: a commit with a live binding puts a list on the tunnels, another changes it, a
// list in use stays, and what its rules decide about is counted.
func TestTUN02_ListOnLiveBindings(t *testing.T) {
	d := newDomain(t)
	must(t, d.lma.Address("lo", "2001:db8:77::1/128"))
	open := func() (c *net.UDPConn) {
		must(t, d.lma.Do(func() (err error) {
			c, err = net.ListenUDP("udp6", &net.UDPAddr{IP: net.ParseIP("2001:db8:77::1")})
			return err
		}))
		t.Cleanup(func() { c.Close() })
		return c
	}
	sink, other := open(), open()
	before := d.anchor.values("bindings")[0]
	if !passes(t, d, sink, patience) {
		t.Fatal("nothing of the node arrives without a list")
	}
	must(t, d.anchor.merge(list(sink.LocalAddr().(*net.UDPAddr).Port)))
	d.anchor.set(`"acl1"`, elem("pmipv6"), elem("lma", "name", "lma"), elem("tunnel"), elem("acl"))
	eventually(t, func() string { // the dataplane follows a commit
		if passes(t, d, sink, 100*time.Millisecond) {
			return "packets arrive that the list denies"
		}
		return ""
	})
	if !passes(t, d, other, patience) {
		t.Error("nothing arrives that the list permits")
	}
	for _, rule := range []string{"10", "20"} {
		if n := d.anchor.matched(rule); n == "" || n == "0" {
			t.Errorf("rule %s has decided about %q packets", rule, n)
		}
	}
	d.anchor.command("clear", "statistics").expect(t, 0, "")
	if n := d.anchor.matched("10"); n != "0" {
		t.Errorf("after statistics were cleared, rule 10 has decided about %q packets", n)
	}
	err := d.anchor.delete(elem("acls"), elem("acl", "name", "acl1"))
	if err == nil || !strings.Contains(err.Error(), "tunnel/acl") {
		t.Errorf("a list in use was deleted: %v", err)
	}
	must(t, d.anchor.merge(list(1)))
	if !passes(t, d, sink, patience) {
		t.Error("nothing arrives after the list has been changed")
	}
	if now := d.anchor.values("bindings")[0]; now["id"] != before["id"] || now["created"] != before["created"] || now["last-registration"] != before["last-registration"] {
		t.Errorf("the binding was %v and is %v", before, now)
	}
}
