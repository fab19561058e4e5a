//go:build vm

package kernel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
	"mooring/dataplane/reconcile"
)

func TestPEER05_Forward(t *testing.T) { planetest.Adoptions(t, openIn) }

const theirs = planetest.AdoptedDevice

// given is a tunnel of newHost that is to be an interface of somebody else's.
var given = dataplane.TunnelID{Local: netip.MustParseAddr("192.0.2.1"), Peer: netip.MustParseAddr("192.0.2.2"), Encap: dataplane.EncapGRE}

var givenAdoption = dataplane.Adoption{Device: theirs, Encap: dataplane.EncapGRE, Ends: &dataplane.Ends{
	Local: []netip.Addr{given.Local, netip.MustParseAddr("2001:db8::1")}, Peer: []netip.Addr{given.Peer, netip.MustParseAddr("2001:db8::2")},
}}

// An interface that is not as it has to be is named, with the difference, and is not touched; as soon as it is, it is the tunnel.
func TestPEER05_Unfit(t *testing.T) {
	local, peer := net.IPv4(192, 0, 2, 1), net.IPv4(192, 0, 2, 2)
	for want, link := range map[string]netlib.Link{
		"there is no such interface":                        nil,
		"is of kind dummy, and has to be of gre":            &netlib.Dummy{},
		"is of kind gretap, and has to be of gre":           &netlib.Gretap{Local: local, Remote: peer},
		"is of kind ipip, and has to be of gre":             &netlib.Iptun{Local: local, Remote: peer},
		"is a tunnel of ip, and with this peer gre is used": &netlib.Sittun{Local: local, Remote: peer},
		"is a tunnel 192.0.2.1 > 192.0.2.3, and has to be 192.0.2.1 > 192.0.2.2 or 2001:db8::1 > 2001:db8::2": &netlib.Gretun{Local: local, Remote: net.IPv4(192, 0, 2, 3)},
		"is a tunnel 192.0.2.9 > 192.0.2.2, and has to be":                                                    &netlib.Gretun{Local: net.IPv4(192, 0, 2, 9), Remote: peer},
		"has a key, and has to be without":                                                                    &netlib.Gretun{Local: local, Remote: peer, IKey: 5, OKey: 5, IFlags: 0x2000, OFlags: 0x2000},
		"is in group 7, and has to be in 0":                                                                   &netlib.Gretun{LinkAttrs: netlib.LinkAttrs{Group: 7}, Local: local, Remote: peer},
		"is down: ip link set tunnel-ip97 up":                                                                 &netlib.Gretun{LinkAttrs: netlib.LinkAttrs{Alias: "down"}, Local: local, Remote: peer},
	} {
		t.Run(want, func(t *testing.T) {
			h, p := newHost(t)
			if link != nil {
				link.Attrs().Name, link.Attrs().TxQLen = theirs, -1
				must(t, h.Net.LinkAdd(link))
				if link.Attrs().Alias == "" {
					must(t, h.Up(theirs))
				}
			}
			before, _ := planetest.Describe(h, theirs)
			for _, o := range []dataplane.Object{givenAdoption, dataplane.Tunnel{ID: given}} {
				if err := apply(p, o); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), theirs) {
					t.Errorf("%s: %v", o, err)
				}
			}
			if err := p.Adoptable(givenAdoption); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("adoptable: %v", err)
			}
			if got, err := dataplane.Picture(t.Context(), p); got != "" || err != nil {
				t.Errorf("the host has\n%s%v", got, err)
			}
			if after, _ := planetest.Describe(h, theirs); after != before {
				t.Errorf("the interface is %s, and was %s", after, before)
			}
			if link != nil {
				must(t, h.Delete(theirs))
			}
			planetest.MakeTunnel(t, h, theirs, given)
			must(t, apply(p, givenAdoption, dataplane.Tunnel{ID: given}))
		})
	}
	t.Run("one that carries one IP version", func(t *testing.T) {
		h, p := newHost(t)
		id, a := given, givenAdoption
		id.Encap, a.Encap = dataplane.EncapIP, 0
		must(t, h.Net.LinkAdd(&netlib.Sittun{LinkAttrs: netlib.LinkAttrs{Name: theirs, TxQLen: -1}, Local: local, Remote: peer, Proto: unix.IPPROTO_IPV6}), h.Up(theirs))
		if err := apply(p, a); err == nil || !strings.Contains(err.Error(), "is for one IP version inside, and has to be of mode any") {
			t.Error(err)
		}
	})
	t.Run("one of our own", func(t *testing.T) {
		_, p := newHost(t)
		must(t, apply(p, dataplane.Tunnel{ID: given}))
		a := givenAdoption
		a.Device = nameOf(dataplane.Path{Tunnel: given})
		if err := p.Adoptable(a); err == nil || !strings.Contains(err.Error(), "is one that this element makes and removes itself") {
			t.Error(err)
		}
	})
	t.Run("one for another pair of addresses of the two", func(t *testing.T) {
		h, p := newHost(t)
		planetest.MakeTunnel(t, h, theirs, given)
		other := given
		other.Local, other.Peer = givenAdoption.Local[1], givenAdoption.Peer[1]
		must(t, apply(p, givenAdoption))
		if err := apply(p, dataplane.Tunnel{ID: other}); err == nil || !strings.Contains(err.Error(), "is to be interface tunnel-ip97, which is a tunnel gre 192.0.2.1 > 192.0.2.2") {
			t.Error(err)
		}
	})
	t.Run("and keys are not for it", func(t *testing.T) {
		h, p := newHost(t)
		planetest.MakeTunnel(t, h, theirs, given)
		keyed := dataplane.Path{Tunnel: given, Tx: dataplane.Key{Value: 1, Set: true}, Rx: dataplane.Key{Value: 2, Set: true}}
		must(t, apply(p, givenAdoption, dataplane.Tunnel{ID: given}))
		if err := apply(p, dataplane.Route{VRFPrefix: dataplane.VRFPrefix{Prefix: pathPrefix}, Via: dataplane.Target{Path: keyed}}); err == nil ||
			!strings.Contains(err.Error(), "used as it is, without keys") {
			t.Error(err)
		}
	})
}

// An adopted interface that its owner makes anew, before anybody looks, is still the owner's.
func TestPEER05_MadeAnew(t *testing.T) {
	h, p := newHost(t)
	planetest.MakeTunnel(t, h, theirs, given)
	must(t, apply(p, givenAdoption, dataplane.Tunnel{ID: given}), h.Delete(theirs))
	planetest.MakeTunnel(t, h, theirs, given)
	before, err := planetest.Describe(h, theirs)
	must(t, err)
	_, err = dataplane.Picture(t.Context(), p)
	must(t, err, apply(p, givenAdoption, dataplane.Tunnel{ID: given}))
	if after, err := planetest.Describe(h, theirs); after != before || err != nil {
		t.Errorf("the interface is %s, and was %s; %v", after, before, err)
	}
}

// hostWithPlan is a host with somebody's interface, and a reconciler that wants a route into it.
type hostWithPlan struct {
	*testing.T
	h *netns.Host
	p *Plane
	r *reconcile.Reconciler
}

func newPlan(t *testing.T, adoptions ...dataplane.Adoption) *hostWithPlan {
	h, p := newHost(t)
	w := &hostWithPlan{t, h, p, reconcile.New(p, reconcile.Options{})}
	w.r.Configure(dataplane.Config{Adoptions: adoptions})
	w.r.Want([]dataplane.Change{{ID: 1, Session: &dataplane.Session{ID: 1, Side: dataplane.Anchor, Path: dataplane.Path{Tunnel: given}, Prefixes: []netip.Prefix{pathPrefix}}}})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.r.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return w
}

// leads waits until the route leads to an interface; "" for none.
func (w *hostWithPlan) leads(to string) {
	w.Helper()
	var got []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if got = w.routes(); slices.Equal(got, []string{to}) || to == "" && got == nil {
			return
		}
	}
	w.Fatalf("the route leads to %q, want %q; %+v", got, to, w.r.Status().Failures)
}

func (w *hostWithPlan) routes() (to []string) {
	routes, err := w.h.Net.RouteListFiltered(netlib.FAMILY_V4, &netlib.Route{Dst: &net.IPNet{IP: pathPrefix.Addr().AsSlice(), Mask: net.CIDRMask(32, 32)}}, netlib.RT_FILTER_DST)
	must(w, err)
	for _, r := range routes {
		link, err := w.h.Net.LinkByIndex(r.LinkIndex)
		if _, gone := errors.AsType[netlib.LinkNotFoundError](err); gone {
			continue // and the route with it, since the list was made
		}
		must(w, err)
		to = append(to, link.Attrs().Name)
	}
	return to
}

// Whatever becomes of the interface or of the configuration, routes follow by themselves, status says why they do not, and only its owner
// makes or removes the interface.
func TestPEER05_Reconciled(t *testing.T) {
	w := newPlan(t)
	own := nameOf(dataplane.Path{Tunnel: given})
	w.leads(own)
	w.r.Configure(dataplane.Config{Adoptions: []dataplane.Adoption{givenAdoption}})
	w.leads("")
	w.fails(fmt.Sprint(givenAdoption), "interface tunnel-ip97: there is no such interface")
	planetest.MakeTunnel(t, w.h, theirs, given)
	w.leads(theirs)
	must(t, w.h.Down(theirs))
	w.leads("")
	w.fails(fmt.Sprint(givenAdoption), "is down")
	must(t, w.h.Up(theirs))
	w.leads(theirs)
	must(t, w.h.Delete(theirs))
	w.leads("")
	planetest.MakeTunnel(t, w.h, theirs, given)
	w.leads(theirs)
	before, err := planetest.Describe(w.h, theirs)
	must(t, err)
	w.r.Configure(dataplane.Config{})
	w.fails(fmt.Sprint(dataplane.Tunnel{ID: given}), "tunnel-ip97 has these addresses")
	after, err := planetest.Describe(w.h, theirs)
	if must(t, err); after != before {
		t.Errorf("the interface is %s, and was %s", after, before)
	}
	must(t, w.h.Delete(theirs))
	w.leads(own)
}

// fails waits until the host refuses an object for a reason.
func (w *hostWithPlan) fails(object, why string) {
	w.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for _, f := range w.r.Status().Failures {
			if fmt.Sprint(f.Object) == object && strings.Contains(f.Err.Error(), why) {
				return
			}
		}
	}
	w.Fatalf("%s does not fail with %s: %+v", object, why, w.r.Status().Failures)
}

// A process that ends leaves the interface and what leads into it; the next one finds it, loses nothing, counts on, and lets it go where
// it is not asked for any more.
func TestPEER05_Restart(t *testing.T) {
	b := planetest.Bindings()["gre4"]
	d := planetest.BindAdopted(t, openIn, b)
	clamp := dataplane.Policy{PolicyKey: dataplane.PolicyKey{Local: b.Adoption().Local[0], Side: dataplane.Anchor}, ClampMSS: true}
	tunnel := dataplane.Tunnel{ID: b.Adoption().Tunnels()[0], MTU: 1360}
	must(t, d.Anchor.Apply(t.Context(), []dataplane.Op{{Object: clamp}, {Object: tunnel}})...)
	before, err := dataplane.Picture(t.Context(), d.Anchor)
	must(t, err)
	was, err := planetest.Describe(d.LMA, theirs)
	must(t, err)
	up, down := planetest.StartFlow(t, d.Node, d.CN, planetest.CNAddr4), planetest.StartFlow(t, d.CN, d.Node, planetest.NodeAddr4)
	restart := func() *Plane {
		must(t, d.Anchor.Close())
		opened, err := openIn(d.LMA.Namespace)
		must(t, err)
		t.Cleanup(func() { opened.Close() })
		d.Anchor = opened
		return opened.(*Plane)
	}
	p := restart()
	must(t, p.Apply(t.Context(), []dataplane.Op{{Object: tunnel}})...) // sessions may come before the configuration
	if guarded := p.places[""].filter.adoptees; len(guarded) != 1 {
		t.Errorf("guarded are %v", guarded)
	}
	if found, err := dataplane.Picture(t.Context(), p); err != nil || !strings.Contains(found, "route 10.0.0.1/32: gre 198.51.100.1 > 192.0.2.11") {
		t.Errorf("found: %s%v", found, err)
	}
	must(t, p.Apply(t.Context(), []dataplane.Op{{Object: clamp}, {Object: b.Adoption()}, {Object: tunnel}})...)
	if after, err := dataplane.Picture(t.Context(), p); after != before || err != nil {
		t.Errorf("found\n%swas\n%s%v", after, before, err)
	}
	for way, flow := range map[string]*planetest.Flow{"up": up, "down": down} {
		if sent, got := flow.StopAfter(t, 50); got != sent {
			t.Errorf("%s: %d packets arrived of %d", way, got, sent)
		}
	}
	if usage, _ := p.Plane.TunnelUsage(tunnel.ID); usage.RxPackets < 50 || usage.TxPackets < 50 {
		t.Errorf("after a restart, it has carried %+v", usage)
	}
	p = restart() // and nobody asks for it
	if found, err := dataplane.Picture(t.Context(), p); err != nil || !strings.Contains(found, "adopt tunnel-ip97 as gre 198.51.100.1 > 192.0.2.11\n") {
		t.Errorf("found: %s%v", found, err)
	}
	anchor, _ := b.Objects(t, d.Node, netip.MustParsePrefix(planetest.NodeAddr4+"/32"), netip.MustParsePrefix("2001:db8:1::/64"))
	for _, o := range slices.Backward(append([]dataplane.Object{clamp}, anchor...)) {
		must(t, p.Apply(t.Context(), []dataplane.Op{{Delete: true, Object: o}})...)
	}
	if left, err := dataplane.Picture(t.Context(), p); left != "" || err != nil {
		t.Errorf("left is %s%v", left, err)
	}
	if now, err := planetest.Describe(d.LMA, theirs); now != was || err != nil {
		t.Errorf("the interface is %s, and was %s; %v", now, was, err)
	}
	if there, err := p.places[""].filter.exists(); there || err != nil {
		t.Errorf("the table is left: %t, %v", there, err)
	}
}
