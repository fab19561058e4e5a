package plane

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// vrf is one of the host (docs/adr/0237): a vrf interface, or a network namespace where the kernel has no such interfaces. Both may have
// been there before: such a one is used, and stays when it is not wanted any more.
type vrf struct {
	dataplane.VRF // as it is wanted; of one that an earlier process has left, as it was made
	host          *netlink.Host
	device        string             // the interface; empty: a namespace
	space         *netlink.Namespace // the namespace
	file          string             // its name, where we gave it one
	ours          bool
	reserved      bool            // nobody wants it yet, and it is not to be removed
	present       context.Context // ends when the VRF goes
	leave         context.CancelFunc
}

func (v *vrf) close() error {
	v.leave()
	v.host.Close()
	return v.space.Close()
}

// InVRF runs f with the calling thread in the network of a VRF. What is bound there has to be bound to device, where that is not empty.
func (p *Plane) InVRF(vrf string, f func(device string) error) error {
	p.mu.Lock()
	host, err := p.host(vrf)
	p.mu.Unlock()
	if err != nil {
		return err
	}
	return host.Do(func() error { return f(host.Device()) })
}

func (p *Plane) renewed(vrf string) {
	if p.Renewed != nil {
		p.Renewed(vrf)
	}
}

// ReserveVRFs makes the VRFs that are not there yet, for sockets, before somebody wants them (Apply). Those that the host refuses are left
// to Apply, which says why. release removes those that nobody has come to want.
func (p *Plane) ReserveVRFs(wanted []dataplane.VRF) (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var fresh []string
	for _, o := range wanted {
		if p.vrfs[o.Name] != nil || p.addVRF(o) != nil {
			continue
		}
		p.vrfs[o.Name].reserved = true
		fresh = append(fresh, o.Name)
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.releaseVRFs(fresh)
	}
}

func (p *Plane) releaseVRFs(names []string) {
	for _, name := range names {
		if v := p.vrfs[name]; v == nil || !v.reserved {
			continue
		}
		if err := p.removeVRF(name); err != nil {
			p.Log.Warn("cannot remove a VRF that nobody wants", "vrf", name, "error", err)
		}
	}
}

func (p *Plane) putVRF(o dataplane.VRF) error {
	v := p.vrfs[o.Name]
	if v == nil {
		err := p.addVRF(o)
		if err == nil {
			p.renewed(o.Name)
		}
		return err
	}
	v.reserved = false
	if v.device == "" {
		v.VRF = o
		return nil
	}
	return p.keepVRF(v, o)
}

// addVRF uses what is there of the name, or makes it.
func (p *Plane) addVRF(o dataplane.VRF) (err error) {
	if o.Name == "" {
		return errors.New("a VRF needs a name")
	}
	v := &vrf{VRF: o}
	v.present, v.leave = context.WithCancel(p.closing)
	err = p.openDevice(v)
	if errors.Is(err, netlink.ErrNoVRFs) {
		err = p.openNamespace(v)
	}
	if err != nil {
		v.leave()
		return err
	}
	return p.attach(v)
}

// attach tells everybody of a VRF that has come.
func (p *Plane) attach(v *vrf) error {
	if err := p.each(func(c Carrier) error { return c.Attach(v.Name, v.host) }); err != nil {
		return errors.Join(err, v.close())
	}
	p.vrfs[v.Name], p.hosts[v.Name] = v, v.host
	p.watchers.followAll(v)
	p.Log.Info("VRF is there", "vrf", v.Name, "is", v.kind())
	return nil
}

// VRFIsDevice reports whether a VRF is a vrf interface, and whether it is there.
func (p *Plane) VRFIsDevice(vrf string) (device, there bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.vrfs[vrf]
	return v != nil && v.device != "", v != nil
}

func (v *vrf) kind() string {
	made := "that was there"
	if v.ours {
		made = "of ours"
	}
	if v.device != "" {
		return fmt.Sprintf("vrf interface %s %s", v.device, made)
	}
	return "network namespace " + made
}

// removeVRF lets go of a VRF, and removes it where we made it. Everything that is in it has to be gone before.
func (p *Plane) removeVRF(name string) error {
	v := p.vrfs[name]
	if v == nil {
		return nil
	}
	for link, m := range p.members {
		if m.VRF == name {
			return fmt.Errorf("interface %s is still in it", link)
		}
	}
	for link, l := range p.links {
		if l.VRF == name {
			return fmt.Errorf("access link %s is still in it", link)
		}
	}
	if err := p.each(func(c Carrier) error { return c.Detach(name) }); err != nil {
		return err
	}
	err := v.host.Unisolate()
	if err == nil && v.ours { // what is in it would lose what it has, or be lost itself, also what only an earlier process knew of
		err = netlink.CarryAll(v.host, p.hosts[""], p.owned, &p.Notes)
	}
	if err == nil && v.ours && v.device != "" {
		err = p.hosts[""].DeleteVRF(v.device)
	}
	if err != nil { // as it was, until it is tried again
		return errors.Join(err, p.each(func(c Carrier) error { return c.Attach(name, v.host) }))
	}
	delete(p.vrfs, name)
	delete(p.hosts, name)
	return errors.Join(v.close(), v.unname())
}

// collectVRFs lists the VRFs of ours and those in use, and the interfaces in them.
func (p *Plane) collectVRFs(seen *view) (all []held, err error) {
	devices, err := p.devices()
	if err != nil {
		return nil, err
	}
	for _, v := range p.vrfs {
		if v.reserved {
			continue
		}
		o := v.VRF
		if !v.intact(devices[v.device], seen) {
			o = unlike(o).(dataplane.VRF)
		}
		all = append(all, held{o, nil})
	}
	for _, m := range p.members {
		if host := p.hosts[m.VRF]; host != nil {
			has, err := host.Has(m.Link)
			if err != nil {
				return nil, err
			}
			if has {
				all = append(all, held{m, nil})
			}
		}
	}
	return all, nil
}

// putMember carries an interface from the VRF that it was put into before, or else from the default one.
func (p *Plane) putMember(o dataplane.Member) error {
	to, err := p.host(o.VRF)
	if err != nil {
		return err
	}
	has, err := to.Has(o.Link)
	if err != nil {
		return err
	}
	if !has {
		from := p.hosts[p.members[o.Link].VRF]
		if there, _ := from.Has(o.Link); !there {
			from = p.hosts[""]
		}
		err = netlink.Carry(o.Link, from, to, &p.Notes)
	} else {
		err = to.GiveBack(o.Link, &p.Notes)
	}
	if has, err2 := to.Has(o.Link); has && err2 == nil { // if not with all that it had yet
		p.members[o.Link] = o
	}
	return err
}

// giveBack gives interfaces what they lost when an earlier process ended while it carried them. Those that are where nobody looks yet get it when they are
// wanted there.
func (p *Plane) giveBack() error {
	if err := p.Notes.At(p.hosts[""]); err != nil {
		return err
	}
	names, err := p.Notes.Interfaces()
	for _, name := range names {
		for _, host := range p.hosts {
			if has, err := host.Has(name); err != nil || !has {
				continue
			}
			if err := host.GiveBack(name, &p.Notes); err != nil {
				p.Log.Warn("an interface that was on its way to another VRF lacks something that it had", "interface", name, "error", err)
			}
		}
	}
	return err
}

func (p *Plane) removeMember(link string) error {
	m, known := p.members[link]
	from := p.hosts[m.VRF]
	if !known || from == nil || m.VRF == "" {
		delete(p.members, link)
		return nil
	}
	has, err := from.Has(link)
	if err == nil && has {
		err = netlink.Carry(link, from, p.hosts[""], &p.Notes)
	}
	if err == nil {
		delete(p.members, link)
	}
	return err
}

// aliasPrefix is how the description of our vrf interfaces begins; what follows is the VRF's name.
const aliasPrefix = "mooring: vrf "

// findVRFs takes over what an earlier process has left.
func (p *Plane) findVRFs() error {
	devices, err := p.hosts[""].VRFs()
	if err != nil {
		return err
	}
	for _, d := range devices {
		name, ours := strings.CutPrefix(d.Alias, aliasPrefix)
		if !ours || p.vrfs[name] != nil || deviceName(name) != d.Name {
			continue
		}
		v := &vrf{VRF: dataplane.VRF{Name: name, Table: d.Table}, device: d.Name, ours: true, host: p.hosts[""].Part(name, d)}
		v.present, v.leave = context.WithCancel(p.closing)
		if err := p.attach(v); err != nil {
			return err
		}
	}
	return p.findNamespaces()
}
