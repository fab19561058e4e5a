//go:build vm

package kernel

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	netlib "github.com/vishvananda/netlink"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
)

// A gateway that begins where an earlier version has left its marks, with a policy rule for each, replaces them, and traffic goes on.
func TestEarlierMarksAreReplaced(t *testing.T) {
	for _, name := range []string{"gre4", "gre6-key"} {
		t.Run(name, func(t *testing.T) {
			b := planetest.Bindings()[name]
			d := planetest.Bind(t, openIn, b)
			_, access := b.Objects(t, d.Node, netip.MustParsePrefix(planetest.NodeAddr4+"/32"), netip.MustParsePrefix("2001:db8:1::/64"))
			now := planetest.HostText(t, d.MAG)
			leaveEarlierMarks(t, d.MAG, d.Access.(*Plane))
			must(t, d.Access.Close())
			if planetest.HostText(t, d.MAG) == now {
				t.Fatal("nothing is as an earlier version has left it")
			}
			up, down := planetest.StartFlow(t, d.Node, d.CN, planetest.CNAddr4), planetest.StartFlow(t, d.CN, d.Node, planetest.NodeAddr4)
			p, err := openIn(d.MAG.Namespace)
			must(t, err)
			defer p.Close()
			for _, o := range access {
				must(t, p.Apply(t.Context(), []dataplane.Op{{Object: o}})...)
			}
			_, err = dataplane.Picture(t.Context(), p)
			must(t, err)
			for way, flow := range map[string]*planetest.Flow{"up": up, "down": down} {
				if sent, got := flow.StopAfter(t, 50); got < sent {
					t.Errorf("%s: %d packets arrived of %d", way, got, sent)
				}
			}
			if after := planetest.HostText(t, d.MAG); after != now {
				t.Errorf("host has\n%swant\n%s", after, now)
			}
		})
	}
}

// leaveEarlierMarks has a host be as an earlier version has left it.
func leaveEarlierMarks(t *testing.T, h *netns.Host, p *Plane) {
	t.Helper()
	f := p.places[""].filter
	var was, earlier []source
	for key, to := range p.sources {
		was = append(was, source{key, to.mark})
		earlier = append(earlier, source{key, netlink.EarlierMarkOf(p.tunnels[to.path.Tunnel].devices[to.path].index)})
	}
	must(t, f.queue(was, f.conn.SetDeleteElements), f.queue(earlier, f.conn.SetAddElements))
	for _, index := range p.steered() {
		mark := binaryutil.NativeEndian.PutUint32(netlink.EarlierMarkOf(index))
		must(t, f.conn.SetDeleteElements(f.paths, pathElement(index)))
		must(t, f.conn.SetAddElements(f.paths, []nftables.SetElement{{Key: append(mark, binaryutil.NativeEndian.PutUint32(uint32(index))...)}}))
		for _, family := range []int{netlib.FAMILY_V4, netlib.FAMILY_V6} {
			rule := netlib.NewRule()
			rule.Family, rule.Priority, rule.Protocol = family, netlink.RulePriority-1, netlink.Protocol
			rule.Mark, rule.Table = netlink.EarlierMarkOf(index), netlink.TableMark+index
			must(t, h.Net.RuleAdd(rule))
		}
	}
	for _, name := range []string{"input", "forward", "arrive", "prove"} {
		chain := &nftables.Chain{Name: name, Table: f.table}
		f.conn.FlushChain(chain)
		for _, exprs := range f.rules(name) {
			markAsEarlier(exprs)
			f.conn.AddRule(&nftables.Rule{Table: f.table, Chain: chain, Exprs: exprs, UserData: f.fingerprint(exprs)})
		}
	}
	must(t, f.flush(nil))
	for _, family := range []int{netlib.FAMILY_V4, netlib.FAMILY_V6} {
		rules, err := netlink.Dump(func() ([]netlib.Rule, error) { return h.Net.RuleList(family) })
		must(t, err)
		for _, rule := range rules {
			if rule.Protocol == netlink.Protocol && (rule.Priority > netlink.RulePriority || rule.Goto > 0) {
				must(t, h.Net.RuleDel(&rule))
			}
		}
	}
}

// markAsEarlier has a rule ask for the whole of a mark, and for the one that what is not proven had.
func markAsEarlier(rule []expr.Any) {
	now, earlier := binaryutil.NativeEndian.PutUint32(netlink.MarkUnproven), binaryutil.NativeEndian.PutUint32(netlink.EarlierMarkOf(0))
	for _, e := range rule {
		switch e := e.(type) {
		case *expr.Bitwise:
			if bytes.Equal(e.Mask, binaryutil.NativeEndian.PutUint32(netlink.MarkMask)) {
				e.Mask = bytes.Repeat([]byte{0xff}, 4)
			}
		case *expr.Cmp:
			if bytes.Equal(e.Data, now) {
				e.Data = earlier
			}
		case *expr.Immediate:
			if bytes.Equal(e.Data, now) {
				e.Data = earlier
			}
		}
	}
}
