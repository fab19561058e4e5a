package netlink

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"os"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// watchBuffer is how many octets of notifications the host keeps for us before it loses some, and says so.
const watchBuffer = 4 << 20

// Watch yields what happens in the namespace until ctx ends, after a LinkUp or LinkDown for every interface there is. Keys of
// lost objects name routes (in VRF vrf, or that of a part), VRFs, members, neighbours and access links, and, as an AlteredKey, interfaces. An error
// ends it.
func (h *Host) Watch(ctx context.Context, vrf string) iter.Seq2[dataplane.Event, error] {
	return func(yield func(dataplane.Event, error) bool) {
		w := watcher{vrf: vrf, parts: h.parts, marks: h.marks, names: map[int]string{}, devices: map[int]Device{}, up: map[string]bool{}, yield: yield}
		for overrun := false; !w.done; overrun = true {
			err := w.follow(ctx, h, overrun)
			switch {
			case ctx.Err() != nil || err == nil:
				return
			case !errors.Is(err, unix.ENOBUFS):
				yield(dataplane.Event{}, err)
				return
			}
		}
	}
}

// follow listens with a socket of its own until that has overrun (ENOBUFS): from then on, the host tells it nothing until all is read that it
// had room for, and does not say so again. What has been missed is found out after the next one has begun to hear.
func (w *watcher) follow(ctx context.Context, h *Host, overrun bool) error {
	socket, err := h.subscribe()
	if errors.Is(err, os.ErrClosed) { // the namespace goes, and the watch with it
		return nil
	}
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, socket.Close)()
	defer socket.Close()
	if err := w.begin(socket); err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	if overrun {
		w.send(dataplane.Event{Kind: dataplane.Overrun})
	}
	for !w.done {
		messages, _, err := socket.Receive()
		if err != nil {
			return fmt.Errorf("netlink notifications: %w", err)
		}
		for _, m := range messages {
			w.message(m.Header.Type, m.Data)
		}
	}
	return nil
}

// begin reports every interface there is, and those that have gone since the last begin. It asks by the socket that the notifications come by, so that what was notified before the
// answer is told from what comes after it: the former is history, and would look like links that come and go.
func (w *watcher) begin(socket *nl.NetlinkSocket) error {
	links, later := map[int]Device{}, []syscall.NetlinkMessage{}
	for complete := false; !complete; {
		clear(links)
		var err error
		if complete, err = list(socket, func(m syscall.NetlinkMessage) {
			d, ok := parseDevice(m.Data)
			switch {
			case m.Header.Type == unix.RTM_NEWLINK && ok:
				links[d.Index] = d
			case m.Header.Type == unix.RTM_DELLINK && ok:
				delete(links, d.Index)
			default:
				later = append(later, m)
			}
		}); err != nil {
			return err
		}
	}
	for _, index := range slices.Sorted(maps.Keys(w.names)) {
		if _, there := links[index]; !there {
			w.link(Device{Index: index, Name: w.names[index]}, true)
		}
	}
	for _, index := range slices.Sorted(maps.Keys(links)) {
		w.link(links[index], false)
	}
	for _, m := range later {
		w.message(m.Header.Type, m.Data)
	}
	return nil
}

// list asks for all interfaces, and hands on what comes by the socket until the answer ends. It is not complete when interfaces changed
// meanwhile.
func list(socket *nl.NetlinkSocket, message func(syscall.NetlinkMessage)) (complete bool, err error) {
	request := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	request.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	if err := unix.Sendto(socket.GetFd(), request.Serialize(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return false, err
	}
	for complete = true; ; {
		messages, _, err := socket.Receive()
		if errors.Is(err, unix.ENOBUFS) { // notifications were lost, the answer is not
			complete = false
			continue
		}
		if err != nil {
			return false, err
		}
		for _, m := range messages {
			switch answer := m.Header.Seq == request.Seq; {
			case answer && m.Header.Type == unix.NLMSG_DONE:
				return complete, nil
			case answer && m.Header.Type == unix.NLMSG_ERROR:
				return false, syscall.Errno(-int32(nl.NativeEndian().Uint32(m.Data)))
			default:
				complete = complete && m.Header.Flags&unix.NLM_F_DUMP_INTR == 0
				message(m)
			}
		}
	}
}

func (h *Host) subscribe() (*nl.NetlinkSocket, error) {
	socket, err := h.ns.subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_NEIGH,
		unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE, unix.RTNLGRP_IPV6_IFADDR,
		unix.RTNLGRP_IPV4_NETCONF, unix.RTNLGRP_IPV6_NETCONF)
	if err != nil {
		return nil, fmt.Errorf("subscribe to netlink notifications: %w", err)
	}
	if err := h.ignore(socket.GetFd()); err != nil {
		socket.Close()
		return nil, fmt.Errorf("subscribe to netlink notifications: %w", err)
	}
	Drop(socket.GetFd()) // what has come by it before it was told what to ignore: what there is, is listed
	if unix.SetsockoptInt(socket.GetFd(), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, watchBuffer) != nil {
		_ = unix.SetsockoptInt(socket.GetFd(), unix.SOL_SOCKET, unix.SO_RCVBUF, watchBuffer)
	}
	return socket, nil
}

// watcher turns notifications into events.
type watcher struct {
	vrf     string
	parts   *parts
	marks   *markRules
	names   map[int]string // of interfaces, by index
	devices map[int]Device // as they were last told of, by index
	up      map[string]bool
	yield   func(dataplane.Event, error) bool
	done    bool
}

func (w *watcher) send(e dataplane.Event) bool {
	w.done = w.done || !w.yield(e, nil)
	return !w.done
}

func (w *watcher) lost(key any) { w.send(dataplane.Event{Kind: dataplane.ObjectLost, Key: key}) }

func (w *watcher) message(kind uint16, b []byte) {
	switch kind {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		if d, ok := parseDevice(b); ok {
			w.link(d, kind == unix.RTM_DELLINK)
		}
	case unix.RTM_DELROUTE:
		w.deletedRoute(b)
	case unix.RTM_NEWROUTE:
		w.replacedRoute(b)
	case unix.RTM_DELRULE:
		w.rule(b)
	case unix.RTM_DELADDR:
		if a, ok := parseAddress(b); ok && a.maker == Protocol {
			w.lost(dataplane.LinkKey(w.names[a.index]))
		}
	case newNetconf:
		w.netconf(b)
	case unix.RTM_DELNEIGH, unix.RTM_NEWNEIGH:
		if n, index, ours := parseNeighbour(b); ours {
			w.lost(dataplane.NeighbourKey{Link: w.names[index], Addr: n.Addr})
		}
	}
}

// AlteredKey names an interface that somebody may have changed, us included.
type AlteredKey string

// netconf reports settings that keep packets from passing: of all interfaces, or of one.
func (w *watcher) netconf(b []byte) {
	_, n, ok := parseNetconf(b)
	switch {
	case !ok || !n.stops():
	case n.index == ofAll:
		w.send(dataplane.Event{Kind: dataplane.Overrun})
	case w.names[int(n.index)] != "":
		w.lost(AlteredKey(w.names[int(n.index)]))
	}
}

// link reports an interface whose state has changed.
func (w *watcher) link(a Device, gone bool) bool {
	if old := w.names[a.Index]; old != "" && old != a.Name { // renamed
		delete(w.up, old)
		w.send(dataplane.Event{Kind: dataplane.LinkDown, Link: old})
	}
	w.names[a.Index] = a.Name
	w.master(a, gone)
	w.remember(a, gone)
	up := !gone && a.isReady()
	if was, known := w.up[a.Name]; known && was == up && !gone {
		return !w.done
	}
	w.up[a.Name] = up
	e := dataplane.Event{Kind: dataplane.LinkDown, Link: a.Name}
	if up {
		e.Kind = dataplane.LinkUp
		e.MAC = a.MAC
	}
	if gone {
		delete(w.names, a.Index)
		delete(w.up, a.Name)
	}
	return w.send(e)
}

// master reports an interface that has left a VRF, and a VRF that is down or gone.
func (w *watcher) master(a Device, gone bool) {
	if old := w.devices[a.Index].Master; old != a.Master {
		if _, ours := w.parts.ofIndex(old); ours && !gone {
			w.lost(dataplane.MemberKey(a.Name))
		}
	}
	if vrf, ours := w.parts.ofIndex(a.Index); ours && (gone || !a.isReady()) {
		w.lost(dataplane.VRFKey(vrf))
	}
}

// remember reports an interface that is not as it was, but for its state.
func (w *watcher) remember(a Device, gone bool) {
	if gone {
		delete(w.devices, a.Index)
		return
	}
	a.flags = 0
	if old, known := w.devices[a.Index]; known && old != a {
		w.lost(AlteredKey(a.Name))
	}
	w.devices[a.Index] = a
}

// deletedRoute reports a route of ours, and the last resorts of a VRF, whoever had made them.
func (w *watcher) deletedRoute(b []byte) {
	r, ok := parseRoute(b)
	vrf, inPart := w.parts.ofTable(r.table)
	switch {
	case !ok:
	case inPart && r.metric == lastResort:
		w.lost(dataplane.VRFKey(vrf))
	case r.maker == Protocol:
		w.route(r.table, r.prefix)
	}
}

// replacedRoute reports one that is where a route of ours was. In tables that are ours alone, we do that by sockets that are not known here; last resorts
// of a VRF are whoever's, as long as they discard.
func (w *watcher) replacedRoute(b []byte) {
	r, ok := parseRoute(b)
	vrf, inPart := w.parts.ofTable(r.table)
	alone := isAccess(r.table) || isMark(r.table)
	switch {
	case !ok:
	case r.metric == lastResort:
		if inPart && !r.discards() {
			w.lost(dataplane.VRFKey(vrf))
		}
	case alone && r.maker == Protocol, !alone && r.metric == metricLast:
	default:
		w.route(r.table, r.prefix)
	}
}

// route reports a route of ours: one of a VRF, or the way out of an access link's table, or out of that of a mark.
func (w *watcher) route(table int, prefix netip.Prefix) {
	vrf, inPart := w.parts.ofTable(table)
	switch {
	case inPart:
		w.lost(dataplane.RouteKey{VRF: vrf, Prefix: prefix})
	case table == unix.RT_TABLE_MAIN:
		w.lost(dataplane.RouteKey{VRF: w.vrf, Prefix: prefix})
	case isAccess(table):
		if name := w.names[table-TableAccess]; name != "" {
			w.lost(dataplane.LinkKey(name))
		}
	case isMark(table) && w.names[table-TableMark] != "":
		w.unsteered()
	}
}

// rule reports a policy rule that somebody has removed.
func (w *watcher) rule(b []byte) {
	family, found, ours := parseRule(b)
	if !ours {
		return
	}
	if found.link != "" {
		w.lost(dataplane.LinkKey(found.link))
	} else if r, ok := parseTreeRule(found.priority, found.mark); ok && w.marks.has(family, r) {
		w.unsteered()
	}
}

// unsteered reports that marked packets do not get to their device any more, although it is there. No object stands for that.
func (w *watcher) unsteered() { w.send(dataplane.Event{Kind: dataplane.Overrun}) }

// rule is a policy rule of a notification, by the interface or the mark that it is for.
type rule struct {
	link     string
	priority int
	mark     uint32
}

// parseRule reads the body of an RTM_NEWRULE or RTM_DELRULE message.
func parseRule(b []byte) (family int, r rule, ours bool) {
	if len(b) < unix.SizeofRtMsg {
		return 0, r, false
	}
	attributes, err := nl.ParseRouteAttr(b[unix.SizeofRtMsg:]) // struct fib_rule_hdr is as long as struct rtmsg
	if err != nil {
		return 0, r, false
	}
	for _, a := range attributes {
		switch a.Attr.Type {
		case nl.FRA_PRIORITY:
			r.priority = int(nl.NativeEndian().Uint32(a.Value))
		case nl.FRA_FWMARK:
			r.mark = nl.NativeEndian().Uint32(a.Value)
		case nl.FRA_IIFNAME:
			r.link = unix.ByteSliceToString(a.Value)
		case nl.FRA_PROTOCOL:
			ours = len(a.Value) > 0 && a.Value[0] == Protocol
		}
	}
	return int(b[0]), r, ours
}
