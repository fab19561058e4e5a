package state

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/heartbeat"
	"mooring/server/tree/schema"
)

// bindings are the binding lists of all LMAs, or of all MAGs. The rows are those of the binding tables: looking at one costs a look-up,
// following them a mark.
type bindings struct {
	def      *schema.Node
	above    []*schema.Node // from the top down to def
	nodes    bindingNodes
	gateways bool             // of MAGs
	machines func() []machine // that run
	plane    Dataplane        // nil: there is none
	access   [256]string
	handoff  [256]string
}

// machine is what an LMA and a MAG have in common.
type machine struct {
	name    string
	table   *binding.Table
	session func(dataplane.SessionID) dataplane.SessionID
	health  func(*mobility.Binding) heartbeat.Health
}

// bindingNodes are the leaves of a binding.
type bindingNodes struct {
	ID                *schema.Node `yang:"id"`
	MNID              *schema.Node `yang:"mn-id"`
	MNIDType          *schema.Node `yang:"mn-id-type"`
	IMSI              *schema.Node `yang:"imsi"`
	LinkLayerID       *schema.Node `yang:"link-layer-id"`
	AccessTechnology  *schema.Node `yang:"access-technology"`
	HandoffIndicator  *schema.Node `yang:"handoff-indicator"`
	Peer              *schema.Node `yang:"peer"`
	CareOfAddress     *schema.Node `yang:"care-of-address"`
	CareOfCount       *schema.Node `yang:"care-of-count"`
	LMAAddress        *schema.Node `yang:"lma-address"`
	Tunnel            *schema.Node `yang:"tunnel"`
	HoA               *schema.Node `yang:"hoa"`
	HoAPrefixLength   *schema.Node `yang:"hoa-prefix-length"`
	DefaultRouter     *schema.Node `yang:"default-router"`
	HNP               *schema.Node `yang:"hnp"`
	HNPCount          *schema.Node `yang:"hnp-count"`
	MAGLinkLocal      *schema.Node `yang:"mag-link-local"`
	Lifetime          *schema.Node `yang:"lifetime"`
	RemainingLifetime *schema.Node `yang:"remaining-lifetime"`
	Expires           *schema.Node `yang:"expires"`
	RefreshTime       *schema.Node `yang:"refresh-time"`
	RefreshRemaining  *schema.Node `yang:"refresh-remaining"`
	Created           *schema.Node `yang:"created"`
	LastRegistration  *schema.Node `yang:"last-registration"`
	Sequence          *schema.Node `yang:"sequence"`
	HandoffCount      *schema.Node `yang:"handoff-count"`
	Forwarding        *schema.Node `yang:"forwarding"`
	ForwardingError   *schema.Node `yang:"forwarding-error"`
	Service           *schema.Node `yang:"service"`
	State             *schema.Node `yang:"state"`
	Interface         *schema.Node `yang:"interface,optional"` // of a MAG, like the two below
	NextRefresh       *schema.Node `yang:"next-refresh,optional"`
	LastStatus        *schema.Node `yang:"last-status,optional"`
	Network           *schema.Node `yang:"network,optional"` // of an LMA, like those below
	Profile           *schema.Node `yang:"profile,optional"`
	ProfileSource     *schema.Node `yang:"profile-source,optional"`
	PathStatus        *schema.Node `yang:"path-status,optional"` // of both
	tenantNodes
	IgnoreHomeAddress *schema.Node `yang:"ignore-home-address,optional"`
	MobileNetwork     *schema.Node `yang:"mobile-network,optional"`
	MobileNetworks4   *schema.Node `yang:"mobile-network-ipv4-count,optional"`
	MobileNetworks6   *schema.Node `yang:"mobile-network-ipv6-count,optional"`
	APN               *schema.Node `yang:"apn,optional"` // of both, like those below
	UplinkGREKey      *schema.Node `yang:"uplink-gre-key"`
	DownlinkGREKey    *schema.Node `yang:"downlink-gre-key"`
}

func newBindings(r *resolver, def *schema.Node, gateways bool, machines func() []machine, plane Dataplane) *bindings {
	t := &bindings{def: def, above: def.Ancestors(), gateways: gateways, machines: machines, plane: plane}
	r.resolve(&t.nodes, def)
	if len(def.Children) > maxLeaves {
		r.errs = append(r.errs, fmt.Errorf("%s has %d children; more than %d do not fit a set of leaves", def, len(def.Children), maxLeaves))
	}
	t.access, t.handoff = enumNames(t.nodes.AccessTechnology.Type), enumNames(t.nodes.HandoffIndicator.Type)
	return t
}

func (t *bindings) node() *schema.Node    { return t.def }
func (t *bindings) line() []*schema.Node  { return t.above }
func (t *bindings) parts() []*schema.Node { return t.def.Children }
func (t *bindings) wake()                 {} // followers are woken by the binding tables, and by State.Wake

// bindingsOf are the rows of one machine.
type bindingsOf struct {
	*bindings
	machine
}

func (o *bindingsOf) of() table { return o.bindings }

func (o *bindingsOf) appendKeys(keys []string, value any) []string {
	return append(keys, o.name, BindingID(idOf(value)))
}

func (o *bindingsOf) key(value any) Key { return Key{o.name, idOf(value)} }

// idOf is the id of a row, or of one that is gone.
func idOf(value any) dataplane.SessionID {
	if id, ok := value.(dataplane.SessionID); ok {
		return id
	}
	return value.(*mobility.Binding).ID
}

// BindingID is how a binding is called in state.
func BindingID(id dataplane.SessionID) string { return strconv.FormatUint(uint64(id), 16) }

// parseBindingID is the inverse of BindingID.
func parseBindingID(text string) (dataplane.SessionID, bool) {
	id, err := strconv.ParseUint(text, 16, 64)
	return dataplane.SessionID(id), err == nil && BindingID(dataplane.SessionID(id)) == text
}

func (t *bindings) rows(_ context.Context, want Keys) Rows {
	return func(yield func(Row, error) bool) {
		for _, m := range t.machines() {
			if want.Wants(0, m.name) && !t.walk(m, want, yield) {
				return
			}
		}
	}
}

func (t *bindings) walk(m machine, want Keys, yield func(Row, error) bool) bool {
	of := &bindingsOf{t, m}
	if text, exact := want.Exact(1); exact {
		id, ok := parseBindingID(text)
		if !ok {
			return true
		}
		b := m.table.Get(id)
		return b == nil || yield(Row{of: of, value: b}, nil)
	}
	for b := range m.table.All() {
		if !yield(Row{of: of, value: b}, nil) {
			return false
		}
	}
	return true
}

// render writes the leaves in the order of the schema, which those rely on who compare two rows.
func (o *bindingsOf) render(s *Sink, value any) {
	b := value.(*mobility.Binding)
	n, terms := &o.nodes, b.Under()
	if s.wants(n.MNID) {
		s.Text(n.MNID, b.Node.String())
	}
	if b.Node != "" {
		s.Uint(n.MNIDType, uint64(b.Node[0]))
	}
	if s.wants(n.IMSI) {
		s.Text(n.IMSI, b.Node.IMSI())
	}
	s.Octets(n.LinkLayerID, string(b.LinkID))
	named(s, n.AccessTechnology, &o.access, uint8(b.Access))
	if b.Updated != 0 { // else nothing was accepted yet
		named(s, n.HandoffIndicator, &o.handoff, uint8(b.Handoff))
	}
	if s.wants(n.Peer) || s.wants(n.CareOfAddress) || s.wants(n.CareOfCount) || s.wants(n.LMAAddress) || s.wants(n.Tunnel) {
		o.renderEnds(s, o.ends(s, b.Ends))
	}
	if b.Home.IsValid() {
		s.Addr(n.HoA, b.Home.Addr())
		s.Uint(n.HoAPrefixLength, uint64(b.Home.Prefix().Bits()))
	}
	s.Addr(n.DefaultRouter, b.Router.Addr())
	for _, p := range b.Prefixes {
		s.Prefix(n.HNP, p)
	}
	s.Uint(n.HNPCount, uint64(len(b.Prefixes)))
	if b.LinkLocal != 0 {
		s.Addr(n.MAGLinkLocal, b.LinkLocal.Addr())
	}
	o.renderTimes(s, b)
	if b.Updated != 0 {
		s.Uint(n.Sequence, uint64(b.Sequence))
	}
	s.Uint(n.HandoffCount, uint64(b.Handovers))
	o.renderForwarding(s, b)
	s.Text(n.Service, services[b.Service()])
	s.Text(n.State, b.State.String())
	s.Text(n.Interface, terms.Link)
	if next, ok := nextRefresh(b); ok {
		s.Time(n.NextRefresh, next)
	}
	if b.Updated != 0 || b.Status != 0 { // else nothing was answered yet
		s.Uint(n.LastStatus, uint64(b.Status))
	}
	tenant := b.Tenant()
	s.Text(n.Network, tenant.Network)
	s.Text(n.Profile, textOf(b.Profile))
	s.Text(n.ProfileSource, profileSources[b.Source])
	if s.wants(n.PathStatus) {
		s.Text(n.PathStatus, pathStatuses[o.healthOf(b)])
	}
	s.Text(n.Customer, tenant.Customer)
	s.Text(n.VRF, tenant.VRF)
	if tenant.Customer != "" {
		s.Bool(n.IgnoreHomeAddress, terms.IgnoresHome)
	}
	o.renderNetworks(s, b.Networks)
	s.Text(n.APN, terms.APN)
	o.renderKeys(s, b)
}

// renderEnds writes that there is one care-of address where there is any: a session has one path.
func (o *bindingsOf) renderEnds(s *Sink, ends endsText) {
	n, careOfs := &o.nodes, uint64(0)
	if ends.careOf != "" {
		careOfs = 1
	}
	s.Text(n.Peer, ends.peer)
	s.Text(n.CareOfAddress, ends.careOf)
	s.Uint(n.CareOfCount, careOfs)
	s.Text(n.LMAAddress, ends.lma)
	s.Text(n.Tunnel, ends.tunnel)
}

// renderNetworks writes mobile networks, and how many there are of each IP version.
func (o *bindingsOf) renderNetworks(s *Sink, networks []netip.Prefix) {
	var ipv4 int
	for _, p := range networks {
		if p.Addr().Is4() {
			ipv4++
		}
		s.Prefix(o.nodes.MobileNetwork, p)
	}
	s.Uint(o.nodes.MobileNetworks4, uint64(ipv4))
	s.Uint(o.nodes.MobileNetworks6, uint64(len(networks)-ipv4))
}

// pathStatuses are what heartbeats tell of the way to a care-of address; nothing where none are sent or none was answered yet.
var pathStatuses = [...]string{heartbeat.Up: "up", heartbeat.Down: "down"}

func (m *machine) healthOf(b *mobility.Binding) heartbeat.Health {
	if m.health == nil {
		return heartbeat.Unknown
	}
	return m.health(b)
}

// endsText is what a binding says of its two ends. All bindings of one MAG and one LMA say the same, so a Sink remembers it.
type endsText struct{ peer, careOf, lma, tunnel string }

// maxEnds bounds what a Sink remembers: more MAGs than most domains have.
const maxEnds = 4096

func (o *bindingsOf) ends(s *Sink, h unique.Handle[mobility.Ends]) endsText {
	known := &s.ends[0]
	if o.gateways {
		known = &s.ends[1]
	}
	text, ok := (*known)[h]
	if ok {
		return text
	}
	ends := h.Value()
	text = endsText{peer: ends.Peer, careOf: addrText(ends.CareOf), lma: addrText(ends.Local)}
	if text.peer == "" {
		text.peer = addrText(ends.Remote.Addr())
	}
	if o.gateways {
		text.lma = addrText(ends.Remote.Addr())
	}
	if ends.Tunnel.Encap != 0 {
		text.tunnel = TunnelID(ends.Tunnel)
	}
	if *known == nil || len(*known) >= maxEnds {
		*known = map[unique.Handle[mobility.Ends]]endsText{}
	}
	(*known)[h] = text
	return text
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

var profileSources = [...]string{mobility.ProfileExact: "exact", mobility.ProfileRealm: "realm", mobility.ProfileDefault: "default", mobility.ProfileAAA: "aaa"}

func (o *bindingsOf) renderTimes(s *Sink, b *mobility.Binding) {
	n := &o.nodes
	if b.Expires != 0 {
		s.Seconds(n.Lifetime, b.Lifetime)
		s.Seconds(n.RemainingLifetime, b.Expires.Time().Sub(s.now))
		s.Instant(n.Expires, b.Expires)
	}
	if b.Refresh > 0 {
		s.Uint(n.RefreshTime, uint64(b.Refresh))
	}
	if next, ok := nextRefresh(b); ok && s.wants(n.RefreshRemaining) {
		s.Seconds(n.RefreshRemaining, next.Sub(s.now))
	}
	s.Instant(n.Created, b.Created)
	s.Instant(n.LastRegistration, b.Updated)
}

// nextRefresh returns when a binding is extended next, as far as its MAG does what it is told.
func nextRefresh(b *mobility.Binding) (at time.Time, ok bool) {
	if b.Refresh == 0 || b.State != mobility.StateActive {
		return at, false
	}
	return b.Expires.Time().Add(time.Duration(b.Refresh)*time.Second - b.Lifetime), true // the lifetime counts from the same request
}

var services = [...]string{mobility.ServiceIPv4: "ipv4", mobility.ServiceIPv6: "ipv6", mobility.ServiceDual: "dual"}

// renderKeys writes the GRE keys: what an LMA receives goes up, and so does what a MAG sends.
func (o *bindingsOf) renderKeys(s *Sink, b *mobility.Binding) {
	up, down := b.Rx, b.Tx
	if o.gateways {
		up, down = down, up
	}
	if up.Set {
		s.Uint(o.nodes.UplinkGREKey, uint64(up.Value))
	}
	if down.Set {
		s.Uint(o.nodes.DownlinkGREKey, uint64(down.Value))
	}
}

// renderForwarding says nothing of a binding that the dataplane has not been told of, or not any more.
func (o *bindingsOf) renderForwarding(s *Sink, b *mobility.Binding) {
	if b.State == mobility.StateInit || b.State == mobility.StateDisconnecting {
		return
	}
	n := &o.nodes
	switch b.Install {
	case mobility.InstallPending:
		s.Text(n.Forwarding, "pending")
	case mobility.Installed:
		s.Text(n.Forwarding, "installed")
	case mobility.InstallFailed:
		s.Text(n.Forwarding, "failed")
		if o.plane == nil {
			return
		}
		if status, ok := o.plane.Session(o.session(b.ID)); ok && status.Err != nil {
			s.Text(n.ForwardingError, status.Err.Error())
		}
	}
}

// named writes a number of the wire by its name where it has one.
func named(s *Sink, def *schema.Node, names *[256]string, value uint8) {
	if name := names[value]; name != "" {
		s.Text(def, name)
		return
	}
	s.Uint(def, uint64(value))
}

func textOf(h unique.Handle[string]) string {
	if h == (unique.Handle[string]{}) {
		return ""
	}
	return h.Value()
}

// bindingCursor is a place in the changes of several binding tables, which come and go with their machines.
type bindingCursor struct {
	of    *bindings
	want  Keys
	ready chan struct{}
	marks []followed
	turn  int // of the mark that is asked first
	told  bool
	buf   []binding.Change
}

type followed struct {
	*bindingsOf
	mark *binding.Mark
}

func (t *bindings) follow(want Keys, ready chan struct{}) cursor {
	return &bindingCursor{of: t, want: want, ready: ready}
}

// next looks at the tables of machines that are gone first: one of the same name may have taken over, and its rows have the same keys.
func (c *bindingCursor) next(buf []Row) []Row {
	running := c.of.machines()
	before := len(buf)
	for i := 0; i < len(c.marks); {
		f := c.marks[i]
		if slices.ContainsFunc(running, func(m machine) bool { return m.table == f.table }) {
			i++
			continue
		}
		if buf = c.drain(f, buf); len(buf) > before {
			return buf
		}
		if f.table.Len() > 0 {
			i++ // it is being emptied
			continue
		}
		f.mark.Close()
		c.marks = slices.Delete(c.marks, i, i+1)
	}
	for _, m := range running {
		known := slices.ContainsFunc(c.marks, func(f followed) bool { return f.table == m.table })
		if !known && c.want.Wants(0, m.name) {
			c.marks = append(c.marks, followed{&bindingsOf{c.of, m}, m.table.FollowOn(c.ready)})
		}
	}
	c.told = true
	for range c.marks {
		c.turn = (c.turn + 1) % len(c.marks)
		if buf = c.drain(c.marks[c.turn], buf); len(buf) > before {
			return buf
		}
	}
	return buf
}

func (c *bindingCursor) complete() bool {
	return c.told && !slices.ContainsFunc(c.marks, func(f followed) bool { return !f.mark.Complete() })
}

// drain appends the changes of one table, those of one shard after the other until there is one that is wanted.
func (c *bindingCursor) drain(f followed, buf []Row) []Row {
	id, exact := c.want.Exact(1)
	for {
		c.buf = f.mark.Next(c.buf[:0])
		if len(c.buf) == 0 {
			return buf
		}
		before := len(buf)
		for _, change := range c.buf {
			switch {
			case exact && BindingID(change.ID) != id:
			case change.Binding == nil:
				buf = append(buf, Row{of: f.bindingsOf, value: change.ID, gone: true})
			default:
				buf = append(buf, Row{of: f.bindingsOf, value: change.Binding, puts: change.Puts})
			}
		}
		clear(c.buf) // a slow reader shall not keep rows alive
		if len(buf) > before {
			return buf
		}
	}
}

func (c *bindingCursor) close() {
	for _, f := range c.marks {
		f.mark.Close()
	}
}
