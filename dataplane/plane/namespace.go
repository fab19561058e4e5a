package plane

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// foreignNames is where "ip netns" keeps the names of namespaces.
const foreignNames = "/run/netns"

// openNamespace finds or makes the namespace of a VRF: one that somebody has given the VRF's name, or one of ours.
func (p *Plane) openNamespace(v *vrf) (err error) {
	if v.space, err = p.foreign(v.Name); err != nil {
		return err
	}
	if v.ours = v.space == nil; v.ours {
		if v.space, v.file, err = p.ownNamespace(v.Name); err != nil {
			return err
		}
	}
	if v.host, err = netlink.Open(v.space); err == nil {
		err = v.host.RaiseLoopback()
	}
	if err != nil {
		return errors.Join(err, v.space.Close())
	}
	return nil
}

// foreign opens the namespace that has the VRF's name, if there is one; an empty name, or our own namespace, would lead nowhere.
func (p *Plane) foreign(name string) (*netlink.Namespace, error) {
	if deviceName(name) != name {
		return nil, nil
	}
	space, err := netlink.OpenNamespace(filepath.Join(foreignNames, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	theirs, err := space.Cookie()
	own, err2 := p.hosts[""].Namespace().Cookie()
	if err = errors.Join(err, err2); err == nil && theirs == own {
		err = errors.New("it is that of the default VRF")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("network namespace %s: %w", name, err), space.Close())
	}
	return space, nil
}

// ownNamespace opens the namespace of ours that an earlier process has left, or makes one.
func (p *Plane) ownNamespace(name string) (space *netlink.Namespace, file string, err error) {
	if p.Names != "" {
		file = filepath.Join(p.Names, deviceName(name))
		if space := reopen(file); space != nil {
			return space, file, nil
		}
	}
	if space, err = netlink.NewNamespace(); err != nil {
		return nil, "", err
	}
	if file == "" {
		return space, "", nil
	}
	if err := giveName(space, file); err != nil {
		p.Log.Warn("the network namespace of a VRF gets no name, and goes with the process", "vrf", name, "error", err)
		return space, "", nil
	}
	return space, file, nil
}

// reopen returns the namespace of a name; nil if it names none, as after the machine was started.
func reopen(file string) *netlink.Namespace {
	space, err := netlink.OpenNamespace(file)
	if err != nil {
		return nil
	}
	if _, err := space.Cookie(); err != nil {
		space.Close()
		return nil
	}
	return space
}

// giveName keeps a namespace alive by a file, as "ip netns" does.
func giveName(space *netlink.Namespace, file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", space.FD()), file, "", unix.MS_BIND, ""); err != nil {
		return errors.Join(fmt.Errorf("mount %s: %w", file, err), os.Remove(file))
	}
	return nil
}

// unname takes back what giveName did.
func (v *vrf) unname() error {
	if v.file == "" {
		return nil
	}
	if err := unix.Unmount(v.file, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("unmount %s: %w", v.file, err)
	}
	return os.Remove(v.file)
}

// findNamespaces takes over those that an earlier process has left. Of one whose name was too long for a file, nobody knows the name any
// more: it waits for somebody to want it.
func (p *Plane) findNamespaces() error {
	if p.Names == "" {
		return nil
	}
	files, err := os.ReadDir(p.Names)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, f := range files {
		name := f.Name()
		if deviceName(name) != name || p.vrfs[name] != nil {
			continue
		}
		file := filepath.Join(p.Names, name)
		v := &vrf{VRF: dataplane.VRF{Name: name}, space: reopen(file), file: file, ours: true}
		if v.space == nil {
			continue
		}
		if v.host, err = netlink.Open(v.space); err != nil {
			return errors.Join(err, v.space.Close())
		}
		v.present, v.leave = context.WithCancel(p.closing)
		if err := p.attach(v); err != nil {
			return err
		}
	}
	return err
}
