//go:build vm

package restart

import (
	"strings"
	"testing"
	"time"

	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
)

// again kills the element and starts it, and lets it compare what it finds with what it wants.
func (r *running) again() {
	r.t.Helper()
	r.kill()
	time.Sleep(500 * time.Millisecond)
	r.start()
	time.Sleep(3 * time.Second)
}

// Elements are killed under traffic and started again, with the same configuration and with one that has changed elsewhere: of what goes on
// between the node and its anchor, not one packet is lost, for it is the kernel that carries it.
func TestKilledElementsLoseNothing(t *testing.T) {
	d := newDomain(t, "auto")
	for _, h := range []*netns.Host{d.lma, d.mag} {
		if !hasTunnel(t, h) {
			t.Fatalf("the kernel does not carry the tunnel of %s", h.Name)
		}
	}
	up, down := planetest.StartFlow(t, d.node, d.lma, anchorAddress), planetest.StartFlow(t, d.lma, d.node, d.home)
	d.anchor.again()
	d.gateway.again()
	d.anchor.change(`"network": [`, `"network": [{"name": "another", "pool": {"mobile-node": {"ipv6": {"start-address": "2001:db8:4000::", "pool-prefix": 40}}}},`)
	d.anchor.again()
	d.gateway.change(`"host-name": "mag1"`, `"host-name": "mag1-of-another-name"`)
	d.gateway.again()
	for way, flow := range map[string]*planetest.Flow{"up": up, "down": down} {
		sent, got := flow.StopAfter(t, 500)
		t.Logf("%s: %d packets arrived of %d", way, got, sent)
		if got != sent {
			t.Errorf("%s: %d packets arrived of %d", way, got, sent)
		}
	}
}

func hasTunnel(t *testing.T, h *netns.Host) bool {
	t.Helper()
	links, err := h.Net.LinkList()
	must(t, err)
	for _, l := range links {
		if strings.HasPrefix(l.Attrs().Name, "mt-") {
			return true
		}
	}
	return false
}
