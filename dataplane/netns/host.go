// Package netns makes hosts on this machine: network namespaces without names, joined by veth pairs. They are held by file
// descriptors alone, so that nothing is left when the process ends, however it ends.
package netns

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"syscall"

	netlib "github.com/vishvananda/netlink"
	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"mooring/dataplane/netlink"
)

// Host is a network namespace with its loopback up and a netlink handle into it.
type Host struct {
	*netlink.Namespace
	Name string         // for messages
	Net  *netlib.Handle // acts inside the namespace, whichever thread calls
}

// NewHost makes a host that is connected to nothing.
func NewHost(name string) (*Host, error) {
	ns, err := netlink.NewNamespace()
	if err != nil {
		return nil, err
	}
	h, err := HostOf(ns, name)
	if err != nil {
		return nil, err
	}
	if err := h.Up("lo"); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// HostOf makes a host of a namespace, which it closes when it is closed, or at once when it fails.
func HostOf(ns *netlink.Namespace, name string) (*Host, error) {
	handle, err := netlib.NewHandleAt(vnetns.NsHandle(ns.FD()), unix.NETLINK_ROUTE)
	if err != nil {
		ns.Close()
		return nil, fmt.Errorf("%s: netlink: %w", name, err)
	}
	return &Host{ns, name, handle}, nil
}

// Close lets go of the host. It is gone when the last of its sockets and processes is.
func (h *Host) Close() error {
	h.Net.Close()
	return h.Namespace.Close()
}

// Connect joins a and b with a veth pair of the given interface names and brings both ends up.
func Connect(a *Host, nameA string, b *Host, nameB string) error {
	pair := &netlib.Veth{LinkAttrs: netlib.NewLinkAttrs(), PeerName: nameB, PeerNamespace: netlib.NsFd(b.FD())}
	pair.Name, pair.MTU, pair.TxQLen = nameA, 1500, 1000
	if err := a.Net.LinkAdd(pair); err != nil {
		return fmt.Errorf("veth %s:%s to %s:%s: %w", a.Name, nameA, b.Name, nameB, err)
	}
	if err := a.Up(nameA); err != nil {
		return err
	}
	return b.Up(nameB)
}

// Move takes an interface from h to another host, as when a node's link is moved, and brings it up there.
func (h *Host) Move(device string, to *Host) error {
	if err := h.Detach(device, to); err != nil {
		return err
	}
	return to.Up(device)
}

// Detach is the first half of Move: when it returns, the interface is another host's, and down.
func (h *Host) Detach(device string, to *Host) error {
	return h.onLink(device, "move to "+to.Name, func(l netlib.Link) error { return h.Net.LinkSetNsFd(l, to.FD()) })
}

// Up brings an interface up.
func (h *Host) Up(device string) error { return h.onLink(device, "up", h.Net.LinkSetUp) }

// Down takes an interface down.
func (h *Host) Down(device string) error { return h.onLink(device, "down", h.Net.LinkSetDown) }

// Delete removes an interface.
func (h *Host) Delete(device string) error { return h.onLink(device, "delete", h.Net.LinkDel) }

// SetMTU sets the MTU of an interface.
func (h *Host) SetMTU(device string, mtu int) error {
	return h.onLink(device, "set mtu", func(l netlib.Link) error { return h.Net.LinkSetMTU(l, mtu) })
}

// Address adds an address such as "10.0.0.1/24" or "2001:db8::1/64" to an interface, usable at once.
func (h *Host) Address(device, prefix string) error {
	p, err := netip.ParsePrefix(prefix)
	if err != nil {
		return fmt.Errorf("%s: %w", h.Name, err)
	}
	addr := &netlib.Addr{IPNet: IPNet(p)}
	if p.Addr().Is6() {
		addr.Flags = unix.IFA_F_NODAD
	}
	return h.onLink(device, "address "+prefix, func(l netlib.Link) error { return h.Net.AddrAdd(l, addr) })
}

// Route leads packets for prefix ("0.0.0.0/0" and "::/0" for the default) to the router via.
func (h *Host) Route(prefix, via string) error {
	p, err := netip.ParsePrefix(prefix)
	if err != nil {
		return fmt.Errorf("%s: %w", h.Name, err)
	}
	gateway, err := netip.ParseAddr(via)
	if err != nil {
		return fmt.Errorf("%s: %w", h.Name, err)
	}
	if err := h.Net.RouteAdd(&netlib.Route{Dst: IPNet(p), Gw: gateway.AsSlice()}); err != nil {
		return fmt.Errorf("%s: route %s via %s: %w", h.Name, prefix, via, err)
	}
	return nil
}

// Start starts a process inside the host. It is killed when this process ends, and has nothing that belongs to the calling thread.
func (h *Host) Start(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		// A thread that lives as long, and does nothing else: others end with a goroutine that has made a namespace.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := h.StartAsThread(cmd); err != nil {
			started <- err
			return
		}
		pid := cmd.Process.Pid
		started <- nil
		for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR { // whoever has started it waits for it, too
		}
	}()
	return <-started
}

// StartAsThread starts a process inside the host with what belongs to the calling thread: its processors, privileges and mounts. It is
// killed when that thread ends (PR_SET_PDEATHSIG of prctl(2)).
func (h *Host) StartAsThread(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return h.Do(cmd.Start)
}

func (h *Host) onLink(device, what string, f func(netlib.Link) error) error {
	link, err := h.link(device)
	if err != nil {
		return err
	}
	if err := f(link); err != nil {
		return fmt.Errorf("%s: %s %s: %w", h.Name, device, what, err)
	}
	return nil
}

func (h *Host) link(device string) (netlib.Link, error) {
	link, err := h.Net.LinkByName(device)
	if err != nil {
		return nil, fmt.Errorf("%s: interface %s: %w", h.Name, device, err)
	}
	return link, nil
}

// IPNet returns a prefix in the words of the netlink library.
func IPNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
