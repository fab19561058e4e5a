package scenario

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// Render writes effects as text, in their order.
func Render(out *strings.Builder, e *mobility.Effects) {
	for _, change := range e.Sessions {
		fmt.Fprintf(out, "session %s\n", sessionText(change))
	}
	for _, grant := range e.Grants {
		fmt.Fprintf(out, "grant %s\n", grantText(grant))
	}
	for _, d := range e.Send {
		fmt.Fprintf(out, "send %s%s %s\n", endpointText(d.To.Addr), inVRF(d.To.VRF), messageText(d))
	}
	for _, q := range e.Ask {
		fmt.Fprintf(out, "ask %s\n", questionText(q))
	}
	for _, event := range e.Events {
		fmt.Fprintf(out, "event %s\n", eventText(event))
	}
	for _, s := range e.Screens {
		fmt.Fprintf(out, "screen %s%s %s\n", s.At.Addr, inVRF(s.At.VRF), screenText(s.Screen))
	}
}

func screenText(s *mobility.Screen) string {
	if s == nil {
		return "nobody"
	}
	var b strings.Builder
	for _, one := range s.Senders {
		fmt.Fprintf(&b, "%s %.3g, ", one.Prefix, one.Share)
	}
	fmt.Fprintf(&b, "others %.3g", s.Others)
	return b.String()
}

func questionText(q mobility.Question) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s link %x access %d at %s until %s", q.ID, q.Node, q.Link, q.Access, q.Address, since(q.Until))
	if len(q.Prefixes) > 0 {
		fmt.Fprintf(&b, " prefixes %v", q.Prefixes)
	}
	if q.Home.IsValid() {
		fmt.Fprintf(&b, " home %s", q.Home)
	}
	if q.APN != "" {
		fmt.Fprintf(&b, " service %s", q.APN)
	}
	if q.Customer != "" {
		fmt.Fprintf(&b, " customer %s%s", q.Customer, inVRF(q.VRF))
	}
	return b.String()
}

func sessionText(change dataplane.Change) string {
	s := change.Session
	if s == nil {
		return fmt.Sprintf("%d removed", change.ID)
	}
	var b strings.Builder
	side := "anchor"
	if s.Side == dataplane.Access {
		side = "access"
	}
	tunnel := s.Path.Tunnel
	fmt.Fprintf(&b, "%d %s %s %s - %s", s.ID, side, tunnel.Encap, tunnel.Local, tunnel.Peer)
	if tunnel.Port != 0 {
		fmt.Fprintf(&b, " port %d", tunnel.Port)
	}
	b.WriteString(inVRF(tunnel.VRF))
	for _, key := range []struct {
		name string
		key  dataplane.Key
	}{{"tx", s.Path.Tx}, {"rx", s.Path.Rx}} {
		if key.key.Set {
			fmt.Fprintf(&b, " %s 0x%08x", key.name, key.key.Value)
		}
	}
	fmt.Fprintf(&b, ":")
	for _, p := range s.Prefixes {
		fmt.Fprintf(&b, " %s", p)
	}
	b.WriteString(inVRF(s.VRF))
	if s.Link != "" {
		fmt.Fprintf(&b, " on %s %s", s.Link, net.HardwareAddr(s.LinkAddr[:]))
	}
	b.WriteString(s.Standing.String())
	if s.MTU != 0 {
		fmt.Fprintf(&b, " mtu %d", s.MTU)
	}
	if s.Blocked {
		fmt.Fprintf(&b, " blocked")
	}
	return b.String()
}

// inVRF names a VRF that is not the default one.
func inVRF(vrf string) string {
	if vrf == "" {
		return ""
	}
	return " in " + vrf
}

func grantText(g mobility.Grant) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s:", g.Link, net.HardwareAddr(g.MAC[:]))
	for _, p := range g.Prefixes {
		fmt.Fprintf(&b, " %s", p)
	}
	if g.Home.IsValid() {
		fmt.Fprintf(&b, " %s router %s", g.Home, g.Router)
	}
	if len(g.Prefixes) == 0 && !g.Home.IsValid() {
		return b.String() + " nothing"
	}
	if g.LinkLocal.IsValid() {
		fmt.Fprintf(&b, " from %s", g.LinkLocal)
	}
	if g.MTU != 0 {
		fmt.Fprintf(&b, " mtu %d", g.MTU)
	}
	fmt.Fprintf(&b, " until %s", since(g.Expires))
	return b.String()
}

// messageText shows a message as its receiver would: a wrong checksum shows.
func messageText(d mobility.Datagram) string {
	if err := wire.VerifyChecksum(d.From.Addr.Addr(), d.To.Addr.Addr(), d.Octets); err != nil {
		return err.Error()
	}
	msg, err := wire.Parse(d.Octets)
	if err != nil {
		return err.Error()
	}
	if d.CodePoint != 0 {
		return fmt.Sprint(msg, " dscp ", d.CodePoint)
	}
	return fmt.Sprint(msg)
}

func eventText(e mobility.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", e.Kind, e.Node)
	if e.Peer.IsValid() {
		fmt.Fprintf(&b, " at %s", endpointText(e.Peer))
	}
	if e.Kind == mobility.BindingHandover {
		fmt.Fprintf(&b, " before at %s", endpointText(e.Before.Value().Remote))
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, " status %d(%s)", e.Status, e.Status)
	}
	if e.Skew != 0 {
		fmt.Fprintf(&b, " clocks apart by %v", e.Skew.Round(time.Millisecond))
	}
	if e.Path != nil && e.Path.Tunnel.Encap != 0 {
		fmt.Fprintf(&b, " %q from %s", e.Path.Peer, e.Path.Local)
	} else if e.Path != nil {
		fmt.Fprintf(&b, " %q from %s bindings %d", e.Path.Peer, e.Path.Local, e.Path.Bindings)
	}
	if e.Failure != nil {
		fmt.Fprintf(&b, " spi %v count %d", e.Failure.SPI, e.Failure.Count)
	}
	if e.Pool != nil {
		fmt.Fprintf(&b, " of %s from %s used %d of %d", e.Pool.Network, e.Pool.Start, e.Pool.Used, e.Pool.Total)
	}
	if e.Usage != nil {
		fmt.Fprintf(&b, " bindings %d limit %d", e.Usage.Bindings, e.Usage.Limit)
	}
	if e.Reason != 0 {
		fmt.Fprintf(&b, " because %s", e.Reason)
	}
	if e.Trigger != 0 {
		fmt.Fprintf(&b, " with trigger %d", e.Trigger)
	}
	return strings.ReplaceAll(b.String(), "  ", " ")
}

func endpointText(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}
