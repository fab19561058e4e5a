package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	netlib "github.com/vishvananda/netlink"

	"mooring/dataplane/netns"
)

// bare is what handovers are compared with: a node whose link is moved between two routers that are told everything by hand, at once,
// by whoever moves it. There is no mobility in it.
//
//	cn ┬── left ┄┄ mn
//	   └── right
type bare struct {
	cn, left, right, mn *netns.Host
	hosts               []*netns.Host
	probes              *probes
}

// The home networks of the bare node, and the addresses of node and router in them. The correspondent has its usual addresses.
const (
	bareNet4, bareHome4, bareRouter4 = "198.18.0.0/16", "198.18.0.2", "198.18.0.1"
	bareNet6, bareHome6, bareRouter6 = "2001:db8:100::/64", "2001:db8:100::2", "2001:db8:100::1"
)

// bareLinks are the links of the routers to the correspondent, whose interfaces are called like the routers.
var bareLinks = []struct{ router, own4, cn4, own6, cn6 string }{
	{"left", "192.0.2.2", "192.0.2.1", "2001:db8:0:11::2", "2001:db8:0:11::1"},    // 28, 64
	{"right", "192.0.2.18", "192.0.2.17", "2001:db8:0:12::2", "2001:db8:0:12::1"}, // 28, 64
}

// Bare moves the link of a node without mobility, and returns what that did to its traffic, which is measured as that of a lab. The
// process needs to be root of its user namespace.
func Bare(ctx context.Context, moves int) (made []Move, err error) {
	b := &bare{}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.build(); err != nil {
		return nil, err
	}
	from, to := b.left, b.right
	if err := errors.Join(b.mn.Detach(accessEnd, from), b.serve(from)); err != nil {
		return nil, err
	}
	home := []netip.Addr{netip.MustParseAddr(bareHome4), netip.MustParseAddr(bareHome6)}
	if b.probes, err = startProbes(b.mn, b.cn, home); err != nil {
		return nil, err
	}
	for number := 1; number <= moves; number++ {
		if err := pause(ctx, betweenProbes); err != nil {
			return made, err
		}
		m, err := b.move(ctx, from, to)
		if err != nil {
			return made, fmt.Errorf("bare move %d: %w", number, err)
		}
		m.Number = number
		made = append(made, m)
		from, to = to, from
	}
	return made, nil
}

func (b *bare) move(ctx context.Context, from, to *netns.Host) (Move, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, movePatience, fmt.Errorf("waited %v", movePatience))
	defer cancel()
	m := Move{From: from.Name, To: to.Name}
	if err := from.Detach(accessEnd, to); err != nil {
		return m, err
	}
	detached := time.Now()
	if err := b.serve(to); err != nil {
		return m, err
	}
	err := await(ctx, "traffic did not resume", func() []string { return b.probes.interrupted(detached) })
	if err != nil {
		return m, err
	}
	if err := pause(ctx, aftermath); err != nil {
		return m, err
	}
	m.Interruption, m.Lost = b.probes.outcome(detached)
	return m, nil
}

func (b *bare) build() error {
	for _, each := range []struct {
		name string
		host **netns.Host
	}{{"cn", &b.cn}, {"left", &b.left}, {"right", &b.right}, {"mn", &b.mn}} {
		h, err := netns.NewHost(each.name)
		if err != nil {
			return err
		}
		*each.host = h
		b.hosts = append(b.hosts, h)
		if err := errors.Join(atOnce(h), h.Forward()); err != nil {
			return err
		}
	}
	if err := errors.Join(b.cn.Address("lo", cn4+"/32"), b.cn.Address("lo", cn6+"/128"), prepareNode(b.mn)); err != nil {
		return err
	}
	for i, h := range []*netns.Host{b.left, b.right} {
		l := bareLinks[i]
		if err := netns.Connect(b.cn, l.router, h, uplink); err != nil {
			return err
		}
		err := errors.Join(
			h.Address(uplink, l.own4+"/28"), b.cn.Address(l.router, l.cn4+"/28"), h.Route("0.0.0.0/0", l.cn4),
			h.Address(uplink, l.own6+"/64"), b.cn.Address(l.router, l.cn6+"/64"), h.Route("::/0", l.cn6),
		)
		if err != nil {
			return err
		}
	}
	return errors.Join(
		b.mn.Address(nodeLink, bareHome4+"/16"), b.mn.Route("0.0.0.0/0", bareRouter4),
		b.mn.Address(nodeLink, bareHome6+"/64"), b.mn.Route("::/0", bareRouter6),
	)
}

// serve makes the host that has just got the node's link its router, and leads packets for the node to it. The router has the
// link-layer address that the link has kept, so that the node needs not learn another one.
func (b *bare) serve(router *netns.Host) error {
	err := errors.Join(router.Up(accessEnd), router.Address(accessEnd, bareRouter4+"/16"), router.Address(accessEnd, bareRouter6+"/64"))
	for _, l := range bareLinks {
		if l.router == router.Name {
			err = errors.Join(err, b.lead(bareNet4, l.own4), b.lead(bareNet6, l.own6))
		}
	}
	return err
}

// lead lets the correspondent reach a network by a router.
func (b *bare) lead(network, router string) error {
	_, destination, err := net.ParseCIDR(network)
	if err != nil {
		return err
	}
	if err := b.cn.Net.RouteReplace(&netlib.Route{Dst: destination, Gw: net.ParseIP(router)}); err != nil {
		return fmt.Errorf("cn: route %s via %s: %w", network, router, err)
	}
	return nil
}

func (b *bare) close() error {
	if b.probes != nil {
		b.probes.close()
	}
	var errs []error
	for _, h := range b.hosts {
		errs = append(errs, h.Close())
	}
	return errors.Join(errs...)
}
