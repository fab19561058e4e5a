package vrf

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// MLL-04: a customer who is taken out of the startup file while the anchor does not run, with his VRFs, is taken leave of when it starts: his MAG hears of it
// from the address that it speaks to, as long as the element knows a way there. The other customer's node does not notice.
func TestMLL04_RemovedWhileTheAnchorIsDown(t *testing.T) {
	for _, c := range []struct {
		name   string
		by     string // VRF that the customer's MAG is reached by
		forget bool   // the configuration that ran is moved away
		told   uint64
	}{
		{"another startup file", "OP1", false, 1},
		{"another startup file and no configuration", "default", true, 1},
		{"another startup file, no configuration and no way", "OP1", true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			lma, cn := host(t, "lma"), host(t, "cn2")
			must(t, netns.Connect(lma, "c1", host(t, "cn1"), "eth0"), netns.Connect(lma, "c2", cn, "eth0"),
				lma.Address("c2", "203.0.113.1/24"), cn.Address("eth0", planetest.CNAddr4+"/24"), cn.Route("0.0.0.0/0", "203.0.113.1"))
			site1 := newSite(t, "mag1", lma, "op1", "15.15.15.11", "15.15.15.2", usual)
			site2 := newSite(t, "mag2", lma, "op2", "16.16.16.12", "16.16.16.2", usual)
			folder := t.TempDir()
			anchor := startElement(t, lma, folder, anchorYANG(t, map[string]string{"CUST1": c.by, "CUST2": "default"}))
			for _, s := range []*site{site1, site2} {
				s.attach(t)
				s.granted(t)
			}
			before := site2.binding(t)
			anchor.end(syscall.SIGTERM)
			if c.forget {
				must(t, os.RemoveAll(filepath.Join(folder, "state", "config")))
			}
			anchor = startElement(t, lma, folder, anchorYANG(t, map[string]string{"CUST2": "default"}))
			eventually(t, "the binding of the customer has ended", func() bool {
				return strings.Contains(anchor.log.String(), "reason=unconfigured") // as accounting is told
			})
			heard := func() uint64 { return site1.engine.MAG("mag1").Statistics.BRIReceived.Load(wire.TriggerAdministrative) }
			eventually(t, "its MAG has heard of that", func() bool { return heard() == c.told })
			eventually(t, "the anchor forwards again", func() bool { return refuses(site2.node, planetest.CNAddr4) })
			planetest.Transfer(t, site2.node, cn, planetest.CNAddr4)
			planetest.Transfer(t, cn, site2.node, site2.home)
			if after := site2.binding(t); after != before || heard() != c.told || strings.Count(anchor.log.String(), "reason=unconfigured") != 1 {
				t.Errorf("the MAG heard of %d ends; the other one's binding was %v and is %v", heard(), before, after)
			}
		})
	}
}

// refuses says whether a host is reached, and answers that nobody listens.
func refuses(from *netns.Host, addr string) bool {
	err := from.Do(func() error {
		_, err := net.DialTimeout("tcp", net.JoinHostPort(addr, "9"), time.Second)
		return err
	})
	return errors.Is(err, unix.ECONNREFUSED)
}

// binding is what a gateway has registered for its node, and when for the first time.
func (s *site) binding(t *testing.T) (what [2]any) {
	t.Helper()
	for b := range s.engine.MAG(s.host.Name).Table.All() {
		what = [2]any{b.Created, b.State == mobility.StateActive}
	}
	return what
}
