package plane

import (
	"maps"
	"slices"

	"mooring/dataplane/netlink"
)

// view is what a Dump has seen of the hosts. It belongs to that.
type view struct {
	hosts    map[string]*netlink.Host // by VRF, as they were when it began
	listings map[*netlink.Host]*netlink.Listing
	names    map[*netlink.Host]map[int]string // of interfaces
	failed   map[*netlink.Host]error          // to be listed; all by the host that is the namespace
}

func (p *Plane) newView() *view {
	return &view{
		hosts: maps.Clone(p.hosts), listings: map[*netlink.Host]*netlink.Listing{}, names: map[*netlink.Host]map[int]string{}, failed: map[*netlink.Host]error{},
	}
}

// namespace returns the host that another one is a part of. Only the default VRF has parts.
func (v *view) namespace(host *netlink.Host) *netlink.Host {
	if host.IsPart() {
		return v.hosts[""]
	}
	return host
}

// list lists the routes of each namespace. It needs no lock.
func (v *view) list() {
	for _, host := range v.hosts {
		if host.IsPart() {
			continue
		}
		if l, err := host.List(); err == nil {
			v.listings[host] = l
		} else {
			v.failed[host] = err
		}
	}
}

// portions yields the routes of each VRF, some at a time.
func (v *view) portions(yield func(vrf string, part []netlink.Listed) bool) {
	if v == nil {
		return
	}
	for vrf, host := range v.hosts {
		l := v.listings[v.namespace(host)]
		if l == nil {
			continue
		}
		for part := range slices.Chunk(l.Of(host), portion) {
			if !yield(vrf, part) {
				return
			}
		}
	}
}
