package apply

import (
	"strconv"

	"mooring/dataplane"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// networkInstances are the network instances: VRFs that customers may live in or be reached through.
type networkInstances struct {
	node    *tree.Node
	at      place
	tables  map[string]int // by name; 0: any that is free
	members []dataplane.Member
}

const instanceVRF = "/ietf-network-instance:network-instances/network-instance/mooring-network-instance:vrf"

// translateInstances translates the network instances, and takes them over when none has changed.
func (j *job) translateInstances() {
	list := place{j.new.root.Child(j.networkInstances), schema.Path{{Node: j.networkInstances}}}.child("network-instance")
	if was := j.old.instances; was != nil && was.node.Same(list.node) {
		j.new.instances = was
		return
	}
	n := &networkInstances{node: list.node, at: list, tables: map[string]int{}}
	for name, at := range list.entries() {
		vrf := at.child("vrf")
		if vrf.node == nil {
			continue
		}
		x, err := j.instanceView.of(vrf.node)
		j.check(vrf, err)
		n.tables[name] = int(x.GetTable())
		for _, link := range x.Interface {
			n.members = append(n.members, dataplane.Member{Link: link, VRF: name})
		}
	}
	j.new.instances = n
}

// vrfs are those that customers live in or are reached through, those of RADIUS servers, and those that interfaces are put into.
func (j *job) vrfs() (list []dataplane.VRF) {
	names := map[string]bool{}
	for _, m := range j.new.Mobility.LMAs {
		for _, c := range m.Customers {
			names[c.VRF] = true
			for _, at := range c.Transports {
				names[at.VRF] = true
			}
		}
	}
	for _, lane := range j.new.Accounting.Lanes {
		for _, target := range lane.Targets {
			names[target.VRF] = true
		}
	}
	for _, target := range j.new.Accounting.Authorization.Targets {
		names[target.VRF] = true
	}
	for _, m := range j.new.instances.members {
		names[m.VRF] = true
	}
	delete(names, "")
	for _, name := range sortedKeys(names) {
		list = append(list, dataplane.VRF{Name: name, Table: j.new.instances.tables[name]})
	}
	return list
}

// claimMembers claims the interfaces and tables of VRFs, which no other VRF may have; access interfaces are in the default one.
func (j *job) claimMembers(claim, claimLink func(owner, what string, at place)) {
	for name, at := range j.new.instances.at.entries() {
		owner := "network instance " + name
		list := at.below("vrf", "interface")
		for e := range list.node.Entries() {
			claimLink(owner, e.Value(), list.entry(e))
		}
		if table := j.new.instances.tables[name]; table != 0 {
			claim(owner, "table "+strconv.Itoa(table), at.below("vrf", "table"))
		}
	}
}
