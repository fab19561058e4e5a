package netlink

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// VRF is a vrf interface: what is enslaved to it is routed by its table alone.
type VRF struct {
	Name, Alias string
	Table       int
	Index       int
	Up          bool
}

// ErrNoVRFs says that the kernel has no vrf interfaces.
var ErrNoVRFs = errors.New("the kernel has no module for it: modprobe vrf")

// AddVRF makes a vrf interface, and brings it up; when it fails, there is none. It wraps ErrNoVRFs where there can be none, and unix.EEXIST where the name is taken.
func (h *Host) AddVRF(name, alias string, table int) error {
	device := &netlib.Vrf{LinkAttrs: netlib.NewLinkAttrs(), Table: uint32(table)}
	device.Name = name
	err := h.handle.LinkAdd(device)
	switch {
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("make vrf interface %s: %w", name, ErrNoVRFs)
	case err != nil:
		return fmt.Errorf("make vrf interface %s: %w", name, Explain(err))
	}
	if err := h.handle.LinkSetAlias(device, alias); err != nil {
		return errors.Join(fmt.Errorf("vrf interface %s: %w", name, Explain(err)), h.handle.LinkDel(device))
	}
	if err := h.RaiseVRF(name); err != nil {
		return errors.Join(err, h.handle.LinkDel(device))
	}
	return nil
}

// RaiseVRF brings a vrf interface up.
func (h *Host) RaiseVRF(name string) error {
	link, err := h.link(name)
	if err == nil {
		err = Explain(h.handle.LinkSetUp(link))
	}
	if err != nil {
		return fmt.Errorf("vrf interface %s: %w", name, err)
	}
	return nil
}

// DeleteVRF removes a vrf interface. What is in it is in the default VRF then.
func (h *Host) DeleteVRF(name string) error {
	link, err := h.handle.LinkByName(name)
	if err == nil {
		err = h.handle.LinkDel(link)
	}
	if err != nil && !IsGone(err) {
		return fmt.Errorf("delete vrf interface %s: %w", name, Explain(err))
	}
	return nil
}

// VRFs lists the vrf interfaces, whoever made them.
func (h *Host) VRFs() ([]VRF, error) {
	messages, err := Dump(func() ([][]byte, error) { return h.describe(0, "vrf") })
	if errors.Is(err, unix.EOPNOTSUPP) { // the host knows none
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var all []VRF
	for _, m := range messages {
		link, err := netlib.LinkDeserialize(nil, m)
		if err != nil {
			return nil, fmt.Errorf("list interfaces: %w", err)
		}
		if v, ok := link.(*netlib.Vrf); ok {
			a := v.Attrs()
			all = append(all, VRF{a.Name, a.Alias, int(v.Table), a.Index, a.RawFlags&unix.IFF_UP != 0})
		}
	}
	return all, nil
}

// FreeTable returns a routing table of our range for VRFs that nobody uses.
func (h *Host) FreeTable() (int, error) {
	used, err := h.tablesInUse()
	if err != nil {
		return 0, err
	}
	for table := TableVRF + 1; table <= vrfLast; table++ {
		if used[table] == "" {
			return table, nil
		}
	}
	return 0, errors.New("all routing tables of our range are in use")
}

// CheckTable says who uses a routing table that a new VRF is to have; nil if nobody does.
func (h *Host) CheckTable(table int) error {
	if table < 0 || slices.Contains([]int{unix.RT_TABLE_MAIN, unix.RT_TABLE_LOCAL, unix.RT_TABLE_DEFAULT}, table) {
		return fmt.Errorf("table %d is the host's own", table)
	}
	if table > TableAccess && table <= tableLast || isMark(table) {
		return fmt.Errorf("table %d is one that access links and tunnels get; choose another, or none", table)
	}
	all, err := h.VRFs()
	if err != nil {
		return err
	}
	for _, v := range all {
		if v.Table == table {
			return fmt.Errorf("table %d is that of the vrf interface %s; choose another, or none", table, v.Name)
		}
	}
	used, err := h.tablesInUse()
	if err == nil && used[table] != "" {
		err = fmt.Errorf("table %d has %s of others; choose another, or none", table, used[table])
	}
	return err
}

// tablesInUse are those of vrf interfaces, and those that others have routes in or policy rules for, with what it is that they have.
func (h *Host) tablesInUse() (map[int]string, error) {
	used := map[int]string{}
	all, err := h.VRFs()
	if err != nil {
		return nil, err
	}
	for _, v := range all {
		used[v.Table] = "a vrf interface"
	}
	for _, family := range families {
		rules, err := h.allRules(family)
		if err != nil {
			return nil, err
		}
		for _, r := range rules {
			if r.Protocol != Protocol {
				used[r.Table] = "policy rules"
			}
		}
	}
	routes, err := Dump(func() ([]netlib.Route, error) {
		return h.handle.RouteListFiltered(netlib.FAMILY_ALL, &netlib.Route{Table: unix.RT_TABLE_UNSPEC}, netlib.RT_FILTER_TABLE)
	})
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	for _, r := range routes {
		if r.Protocol != Protocol {
			used[r.Table] = "routes"
		}
	}
	return used, nil
}

// part is what makes a Host a VRF of its namespace. That of the default VRF is zero.
type part struct {
	name string // of the VRF
	VRF
}

// parts are the VRFs of a namespace that there are Hosts of.
type parts struct {
	mu      sync.Mutex
	byTable map[int]part
	byIndex map[int]part

	standings map[dataplane.Standing]bool // that routes of ours have, or had
	resorts   map[resort]bool             // that are ours

	filterPorts []uint32 // of the sockets by which we change FilterTable
}

// Part returns the Host that is a VRF of h's namespace. It is valid as long as h; Close it when it is not used any more.
func (h *Host) Part(vrf string, device VRF) *Host {
	p := part{vrf, device}
	h.parts.mu.Lock()
	defer h.parts.mu.Unlock()
	h.parts.byTable[device.Table], h.parts.byIndex[device.Index] = p, p
	return &Host{ns: h.ns, handle: h.handle, raw: h.raw, batch: h.batch, lists: h.lists, long: h.long, devices: h.devices, parts: h.parts, part: p, marks: h.marks}
}

// Device is the vrf interface that sockets of the VRF are bound to. It is empty of a VRF that is a namespace, and of the default one.
func (h *Host) Device() string { return h.part.Name }

// DeviceIndex is that of the Device; 0: there is none.
func (h *Host) DeviceIndex() int { return h.part.Index }

// IsPart reports whether other VRFs are in the same namespace.
func (h *Host) IsPart() bool { return h.part.Index != 0 }

func (ps *parts) remove(p part) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.byTable[p.Table].Index == p.Index {
		delete(ps.byTable, p.Table)
	}
	delete(ps.byIndex, p.Index)
}

// tables are those of the VRFs.
func (ps *parts) tables() []int {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return slices.Collect(maps.Keys(ps.byTable))
}

// ofTable and ofIndex return the name of the VRF with this table, or of this interface.
func (ps *parts) ofTable(table int) (string, bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p, ok := ps.byTable[table]
	return p.name, ok
}

func (ps *parts) ofIndex(index int) (string, bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p, ok := ps.byIndex[index]
	return p.name, ok
}

// Is reports whether the Host is the VRF of this very interface.
func (h *Host) Is(device VRF) bool {
	return h.part.Index == device.Index && h.part.Table == device.Table
}

// Same reports whether both are the same VRF of one namespace.
func (h *Host) Same(other *Host) bool { return h.ns == other.ns && h.Is(other.part.VRF) }

// table is that of the VRF's routes.
func (h *Host) table() int {
	if h.IsPart() {
		return h.part.Table
	}
	return unix.RT_TABLE_MAIN
}

// has reports whether an interface is in this VRF.
func (h *Host) has(a *netlib.LinkAttrs) bool {
	if h.IsPart() {
		return a.MasterIndex == h.part.Index
	}
	_, other := h.parts.ofIndex(a.MasterIndex)
	return !other
}

// Has reports whether there is an interface of this name in the VRF.
func (h *Host) Has(name string) (bool, error) {
	link, err := h.handle.LinkByName(name)
	if IsGone(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("interface %s: %w", name, Explain(err))
	}
	return h.has(link.Attrs()), nil
}

// enslave puts an interface of the namespace into the VRF.
func (h *Host) enslave(link netlib.Link) error {
	if link.Attrs().MasterIndex == h.part.Index {
		return nil
	}
	if err := h.handle.LinkSetMasterByIndex(link, h.part.Index); err != nil {
		return fmt.Errorf("interface %s: enslave to vrf interface %s: %w", link.Attrs().Name, h.part.Name, Explain(err))
	}
	return nil
}

// Place puts a device of ours, which is in the namespace of from, into the VRF, and returns what it is there.
func (h *Host) Place(d Device, from *Host) (Device, error) {
	if from.ns != h.ns {
		if err := from.handle.LinkSetNsFd(d.link(), h.fd()); err != nil {
			return d, fmt.Errorf("interface %s: move to another network namespace: %w", d.Name, Explain(err))
		}
		var err error
		if d, err = h.Look(d.Name); err != nil {
			return d, err
		}
	}
	if h.part.Index == d.Master {
		return d, nil
	}
	if h.IsPart() {
		return d, h.enslave(d.link())
	}
	if err := h.handle.LinkSetNoMaster(d.link()); err != nil {
		return d, fmt.Errorf("interface %s: take out of its VRF: %w", d.Name, Explain(err))
	}
	return d, nil
}

func (h *Host) noMember(name string) error {
	return fmt.Errorf("interface %s is not in VRF %s: %w", name, h.part.name, dataplane.ErrNoLink)
}
