package apply

import (
	"maps"

	"mooring/gen"
	"mooring/mobility"
	"mooring/server/tree"
)

// customerViews are those of the customers of an LMA; they are empty where the element has no Mobile Local Loop.
type customerViews struct {
	customerView   view[gen.MooringPmipv6_Pmipv6_Lma_MobileLocalLoop_Customer]
	transportView  view[gen.MooringPmipv6_Pmipv6_Lma_MobileLocalLoop_Customer_Transport]
	authorizedView view[gen.MooringPmipv6_Pmipv6_Lma_MobileLocalLoop_Customer_Network_Authorized]
}

const customerList = "/mooring-pmipv6:pmipv6/lma/mobile-local-loop/customer"

func (v *customerViews) bind(b *binder) {
	if b.schema.Find(customerList) == nil {
		return
	}
	bind(b, &v.customerView, customerList)
	bind(b, &v.transportView, customerList+"/transport")
	bind(b, &v.authorizedView, customerList+"/network/authorized")
}

// customers is the list of the customers of an LMA.
func (a *anchor) customers() place { return a.at.below("mobile-local-loop", "customer") }

// customers translates the customers of an LMA, and takes over those that have not changed.
func (j *job) customers(was, a *anchor) {
	if j.customerView.fields == nil {
		return
	}
	list := a.customers()
	var old *tree.Node
	if was.at.node != nil {
		old = was.customers().node
	}
	if old.Same(list.node) {
		a.native.Customers, a.ofCustomers = was.native.Customers, was.ofCustomers
		return
	}
	j.networksChanged = true
	a.native.Customers, a.ofCustomers = map[string]*mobility.Customer{}, map[string][]*tree.Error{}
	for name, at := range list.entries() {
		if before := entryOf(old, name); before != nil && before.Same(at.node) {
			a.native.Customers[name], a.ofCustomers[name] = was.native.Customers[name], was.ofCustomers[name]
			continue
		}
		said := j.warnings
		j.warnings = nil
		a.native.Customers[name] = j.customer(at)
		a.ofCustomers[name] = j.warnings
		j.warnings = append(said, fresh(a.ofCustomers[name], was.ofCustomers[name])...)
	}
	if maps.Equal(a.native.Customers, was.native.Customers) {
		a.native.Customers = was.native.Customers
	}
}

// entryOf is Entry of a list that may be absent.
func entryOf(list *tree.Node, key string) *tree.Node {
	if list == nil {
		return nil
	}
	return list.Entry(key)
}

func (j *job) customer(at place) *mobility.Customer {
	x, err := j.customerView.of(at.node)
	j.check(at, err)
	c := &mobility.Customer{
		Name: x.GetName(), VRF: vrf(x.GetVrf()), Lifetime: seconds(x.Bce.GetLifetime()),
		RouteDistance: x.MobileRoute.GetAdminDistance(),
		Unauthorized:  x.Network.GetUnauthorized(), Networks: map[string]*mobility.Network{},
	}
	if x.AuthOption != nil {
		c.Key = j.key(at.child("auth-option"), x.AuthOption)
	}
	if h := heartbeat(x.Heartbeat); h.Interval > 0 {
		c.Heartbeat = &h
		j.warnings = append(j.warnings, lateAnswers(at, c.Heartbeat)...)
	}
	if x.GreKey != nil {
		c.GREKey = x.GreKey.GetValue()
	}
	if x.Mnp != nil {
		c.Limits = networkLimits(x.Mnp.Ipv4, x.Mnp.Ipv6, x.Mnp.All)
	}
	for _, t := range at.child("transport").entries() {
		c.Transports = append(c.Transports, j.transport(t)...)
	}
	for name, network := range at.below("network", "authorized").entries() {
		c.Networks[name] = j.authorized(network)
	}
	return c
}

// globalVRF is what the configuration calls the default VRF.
const globalVRF = "default"

// vrf is the name that the core has for a VRF.
func vrf(name string) string {
	if name == globalVRF {
		return ""
	}
	return name
}

func (j *job) transport(at place) (list []mobility.VRFAddr) {
	x, err := j.transportView.of(at.node)
	j.check(at, err)
	for _, addr := range j.addrs(at, x.GetIpv6Address(), x.GetIpv4Address()) {
		list = append(list, mobility.VRFAddr{VRF: vrf(x.GetVrf()), Addr: addr})
	}
	return list
}

func (j *job) authorized(at place) *mobility.Network {
	x, err := j.authorizedView.of(at.node)
	j.check(at, err)
	n := &mobility.Network{Name: x.GetName()}
	nodes := x.Pool.MobileNode
	if nodes.Ipv4 != nil {
		n.Pools = append(n.Pools, j.homePool(at, nodes.Ipv4))
	}
	if nodes.Ipv6 != nil {
		n.Pools = append(n.Pools, j.prefixPool(at, nodes.Ipv6))
	}
	n.Pools = append(n.Pools, j.networkPools(at)...)
	j.checkNetwork(at, n)
	return n
}

// claimTransports claims the transport addresses of the customers of an LMA: no other customer may have them in any VRF (feature MLL-16).
func (j *job) claimTransports(lma string, claim func(name, what string, at place)) {
	a := j.new.lmas[lma]
	if j.customerView.fields == nil {
		return
	}
	for customer, at := range a.customers().entries() {
		for name, t := range at.child("transport").entries() {
			for _, leaf := range []place{t.child("ipv6-address"), t.child("ipv4-address")} {
				if leaf.node == nil {
					continue
				}
				text := leaf.node.Value()
				claim("customer "+customer+" of LMA "+lma, "transport address "+text, leaf)
				if vrf(name) == "" {
					claim("LMA "+lma, "address "+text, leaf)
				}
			}
		}
	}
}
