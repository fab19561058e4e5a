// Package netlink programs one Linux network namespace: routes, policy rules, neighbours, addresses and interfaces. All of
// it is marked as ours (reserved.go), is made and removed idempotently, and can be listed and watched.
package netlink

import (
	"errors"
	"fmt"
	"time"

	netlib "github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// Host is a network namespace, or one VRF of it (Part). Its methods may be called concurrently, from any thread.
type Host struct {
	ns      *Namespace
	own     *Namespace // of the process, where ns is nil
	handle  *netlib.Handle
	raw     map[int]*nl.SocketHandle // for what the library cannot say
	batch   *socket                  // for many routes at once
	lists   *socket                  // for short lists
	long    *socket                  // for List: nobody else waits for it
	devices *socket                  // for one interface
	parts   *parts
	part    part
	marks   *markRules
}

// Open connects to a namespace, and makes it forward both families. The namespace must stay open as long as the Host.
func Open(ns *Namespace) (*Host, error) {
	at := netns.None()
	if ns != nil {
		at = netns.NsHandle(ns.FD())
	}
	handle, err := netlib.NewHandleAt(at, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	raw, err := nl.GetNetlinkSocketAt(at, netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		handle.Close()
		return nil, fmt.Errorf("netlink: %w", err)
	}
	h := &Host{ns: ns, handle: handle, raw: map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: raw}},
		parts: &parts{byTable: map[int]part{}, byIndex: map[int]part{}, standings: map[dataplane.Standing]bool{}, resorts: map[resort]bool{}},
		marks: &markRules{there: map[int]ruleSet{}, earlier: map[int][]netlib.Rule{}}}
	if ns == nil {
		if h.own, err = OpenNamespace(threadNamespace); err != nil {
			h.Close()
			return nil, err
		}
	}
	for _, s := range []**socket{&h.batch, &h.lists, &h.long, &h.devices} {
		if *s, err = openSocket(ns, unix.NETLINK_ROUTE); err != nil {
			h.Close()
			return nil, err
		}
	}
	if socket, err := nl.GetNetlinkSocketAt(at, netns.None(), unix.NETLINK_XFRM); err == nil {
		h.raw[unix.NETLINK_XFRM] = &nl.SocketHandle{Socket: socket}
	}
	if err := h.forward(); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// Close disconnects. What was made stays.
func (h *Host) Close() {
	if h.IsPart() {
		h.parts.remove(h.part)
		return
	}
	h.own.Close()
	h.handle.Close()
	h.batch.close()
	h.lists.close()
	h.long.close()
	h.devices.close()
	for _, socket := range h.raw {
		socket.Close()
	}
}

// Namespace returns the namespace; nil is that of the process. It stays whose it was.
func (h *Host) Namespace() *Namespace { return h.ns }

// Do runs f with the calling thread inside the namespace; see Namespace.Do.
func (h *Host) Do(f func() error) error { return h.ns.Do(f) }

// Dump lists something until a list is complete: the host breaks one off when what it lists changes meanwhile. It gives up after half a second.
func Dump[T any](list func() ([]T, error)) ([]T, error) {
	const tries = 30
	for try := 1; ; try++ {
		all, err := list()
		if !errors.Is(err, netlib.ErrDumpInterrupted) || try == tries {
			return all, err
		}
		time.Sleep(time.Duration(try) * time.Millisecond)
	}
}

// LinkIndex returns the index of an interface.
func (h *Host) LinkIndex(name string) (int, error) {
	link, err := h.link(name)
	if err != nil {
		return 0, err
	}
	return link.Attrs().Index, nil
}

func (h *Host) link(name string) (netlib.Link, error) {
	link, err := h.handle.LinkByName(name)
	if IsGone(err) {
		return nil, fmt.Errorf("interface %s: %w: %w", name, dataplane.ErrNoLink, err)
	}
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", name, err)
	}
	return link, nil
}

// RaiseLoopback brings up the one interface that a new namespace has.
func (h *Host) RaiseLoopback() error {
	link, err := h.link("lo")
	if err == nil {
		err = Explain(h.handle.LinkSetUp(link))
	}
	return err
}
