package state

import (
	"slices"
	"time"

	"mooring/mobility"
	"mooring/server/tree/schema"
)

// Leaf is a value of a leaf, or one of those of a leaf-list.
type Leaf struct {
	Node *schema.Node
	Text []byte
}

// Leaves is Render for rows that hold leaves and leaf-lists and nothing else: it returns their values in the order of the schema, without
// making anything that is not used again. They are valid until the next call. ok is false for rows of small tables, and for one that is gone.
func (r *Renderer) Leaves(row Row, now time.Time) (leaves []Leaf, ok bool) {
	if _, small := row.value.(*kept); small || row.gone {
		return nil, false
	}
	r.sink.reset(now)
	r.keys = r.sink.leaves(row, r.keys[:0])
	row.of.render(&r.sink, row.value)
	return r.sink.list, true
}

// Unlike is Leaves without what is surely the same in another version of the row at the same time, which costs much less than to write it.
func (r *Renderer) Unlike(row, other Row, now time.Time) (leaves []Leaf, ok bool) {
	of, large := row.of.(*bindingsOf)
	a, _ := row.value.(*mobility.Binding)
	b, _ := other.value.(*mobility.Binding)
	if !large || a == nil || b == nil {
		return r.Leaves(row, now)
	}
	defer func(unwanted leafSet) { r.sink.unwanted = unwanted }(r.sink.unwanted)
	r.sink.unwanted |= ^of.unlike(a, b)
	return r.Leaves(row, now)
}

// Only restricts what is rendered of the rows of large tables to some leaves; a tree has the keys besides. Those of small tables come whole.
func (r *Renderer) Only(leaves ...*schema.Node) {
	var wanted leafSet
	wanted.add(leaves...)
	r.sink.unwanted = ^wanted
}

// leafSet is a set of leaves right in the rows of one large table, by their positions.
type leafSet uint64

// maxLeaves is how many positions there are in a leafSet.
const maxLeaves = 64

// add adds leaves; those that are nil belong to features that the element lacks.
func (s *leafSet) add(leaves ...*schema.Node) {
	for _, def := range leaves {
		if def != nil {
			*s |= 1 << uint(def.Position)
		}
	}
}

func (s leafSet) has(def *schema.Node) bool { return s>>uint(def.Position)&1 != 0 }

// unlike are the leaves that can differ between two versions of a binding at the same time. All that render reads of a binding is compared
// here, but for what never changes: its ID.
func (o *bindingsOf) unlike(a, b *mobility.Binding) (set leafSet) {
	n := &o.nodes
	differ := func(same bool, leaves ...*schema.Node) {
		if !same {
			set.add(leaves...)
		}
	}
	if a.Holding != b.Holding {
		differ(a.Node == b.Node, n.MNID, n.MNIDType, n.IMSI)
		differ(a.LinkID == b.LinkID, n.LinkLayerID)
		differ(a.Service() == b.Service(), n.Service)
		differ(a.Home == b.Home, n.HoA, n.HoAPrefixLength)
		differ(a.Router == b.Router, n.DefaultRouter)
		differ(slices.Equal(a.Prefixes, b.Prefixes), n.HNP, n.HNPCount)
		differ(slices.Equal(a.Networks, b.Networks), n.MobileNetwork, n.MobileNetworks4, n.MobileNetworks6)
		differ(a.LinkLocal == b.LinkLocal, n.MAGLinkLocal)
		differ(a.Created == b.Created, n.Created)
		differ(a.Terms == b.Terms, n.Interface, n.APN, n.IgnoreHomeAddress)
		differ(a.Tenancy == b.Tenancy, n.Network, n.Customer, n.VRF, n.IgnoreHomeAddress, n.PathStatus)
	}
	differ(a.Access == b.Access, n.AccessTechnology)
	differ(a.Handoff == b.Handoff, n.HandoffIndicator)
	differ(a.Ends == b.Ends, n.Peer, n.CareOfAddress, n.CareOfCount, n.LMAAddress, n.Tunnel, n.PathStatus)
	differ(a.Tx == b.Tx && a.Rx == b.Rx, n.UplinkGREKey, n.DownlinkGREKey)
	differ(a.Lifetime == b.Lifetime, n.Lifetime, n.NextRefresh, n.RefreshRemaining)
	differ(a.Expires == b.Expires, n.Lifetime, n.RemainingLifetime, n.Expires, n.NextRefresh, n.RefreshRemaining)
	differ(a.Refresh == b.Refresh, n.RefreshTime, n.NextRefresh, n.RefreshRemaining)
	differ(a.Updated == b.Updated, n.LastRegistration)
	differ((a.Updated == 0) == (b.Updated == 0), n.HandoffIndicator, n.Sequence, n.LastStatus)
	differ(a.Sequence == b.Sequence, n.Sequence)
	differ(a.Handovers == b.Handovers, n.HandoffCount)
	differ(a.Install == b.Install, n.Forwarding, n.ForwardingError)
	differ(a.State == b.State, n.State, n.NextRefresh, n.RefreshRemaining, n.Forwarding, n.ForwardingError)
	differ(a.Status == b.Status, n.LastStatus)
	differ(a.Profile == b.Profile, n.Profile)
	differ(a.Source == b.Source, n.ProfileSource)
	return set
}
