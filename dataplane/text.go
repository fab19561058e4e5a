package dataplane

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Picture renders what a host holds for us as sorted text, one object a line. It is for tests and for people.
func Picture(ctx context.Context, p Plane) (string, error) {
	var lines []string
	for object, err := range p.Dump(ctx) {
		if err != nil {
			return "", err
		}
		lines = append(lines, fmt.Sprintln(object))
	}
	slices.Sort(lines)
	return strings.Join(lines, ""), nil
}

func (id TunnelID) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s > %s", id.Encap, id.Local, id.Peer)
	switch {
	case id.Encap != EncapUDP:
	case id.Port == 0:
		b.WriteString(" any port")
	default:
		fmt.Fprintf(&b, " port %d", id.Port)
	}
	return b.String() + inVRF(id.VRF)
}

func (p Path) String() string {
	s := p.Tunnel.String()
	if p.Tx.Set {
		s += fmt.Sprintf(" tx key %d", p.Tx.Value)
	}
	if p.Rx.Set {
		s += fmt.Sprintf(" rx key %d", p.Rx.Value)
	}
	return s
}

func (m MAC) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

func (p VRFPrefix) String() string { return p.Prefix.String() + inVRF(p.VRF) }

func (t Target) String() string {
	switch {
	case t.Blackhole:
		return "blackhole"
	case t.Link != "":
		return "link " + t.Link
	}
	return t.Path.String()
}

func (t Tunnel) String() string {
	if t.MTU == 0 {
		return "tunnel " + t.ID.String()
	}
	return fmt.Sprintf("tunnel %s mtu %d", t.ID, t.MTU)
}

func (r Route) String() string { return fmt.Sprintf("route %s: %s%s", r.VRFPrefix, r.Via, r.Standing) }

func (s Standing) String() string {
	text := ""
	if s.Told {
		text = " told"
	}
	if s.Distance != 0 {
		text += fmt.Sprintf(" distance %d", s.Distance)
	}
	return text
}

func (s SourceRoute) String() string {
	return fmt.Sprintf("source route %s from %s: %s", s.Link, s.Source, s.Path)
}

func (n Neighbour) String() string { return fmt.Sprintf("neighbour %s %s: %s", n.Link, n.Addr, n.MAC) }

func (l Link) String() string {
	s := "link " + l.Name + inVRF(l.VRF)
	if l.MAC != (MAC{}) {
		s += " " + l.MAC.String()
	}
	if l.LinkLocal.IsValid() {
		s += " " + l.LinkLocal.String()
	}
	return s
}

func (v VRF) String() string {
	if v.Table == 0 {
		return "vrf " + v.Name
	}
	return fmt.Sprintf("vrf %s table %d", v.Name, v.Table)
}

func (m Member) String() string { return "member " + m.Link + inVRF(m.VRF) }

func inVRF(name string) string {
	if name == "" {
		return ""
	}
	return " vrf " + name
}
