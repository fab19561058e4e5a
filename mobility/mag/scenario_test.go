package mag

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/scenario"
	"mooring/mobility/wire"
)

func TestScenarios(t *testing.T) {
	scenario.Run(t, func() scenario.Player { return new(player) })
}

// player lets scenarios speak to a Machine.
type player struct {
	*Machine
	store  scenario.Store
	stamps map[string]wire.Timestamp // of the last request, by node
}

func (p *player) Deadline() (time.Time, bool) {
	if p.Machine == nil {
		return time.Time{}, false
	}
	return p.Machine.Deadline()
}

// Do lets the step happen, after which the paths and the table have to agree, and timestamps to have risen.
func (p *player) Do(step scenario.Step, out *mobility.Effects) (string, error) {
	said, err := p.do(step, out)
	p.store.Keep(out)
	return said, cmp.Or(err, p.checkPaths(), p.checkStamps(out))
}

// checkStamps finds that each request about a node has a later timestamp than the one before (RFC 5213 section 5.5).
func (p *player) checkStamps(out *mobility.Effects) error {
	for _, d := range out.Send {
		message, err := wire.Parse(d.Octets)
		if err != nil {
			return err
		}
		u, ok := message.(*wire.BindingUpdate)
		if !ok || !u.Timestamp.Set { // those of an LMA that knows none have none
			continue
		}
		node, stamp := string(u.MNID.Value.ID), u.Timestamp.Value
		if before, again := p.stamps[node]; again && stamp <= before {
			return fmt.Errorf("request %d about %s has timestamp %d after %d", u.Seq, node, stamp, before)
		}
		if p.stamps == nil {
			p.stamps = map[string]wire.Timestamp{}
		}
		p.stamps[node] = stamp
	}
	return nil
}

// checkPaths compares what each path counts with the rows of the table.
func (m *Machine) checkPaths() error {
	rows := map[*path]int{}
	for b := range m.table.All() {
		if b.State == mobility.StateActive || b.State == mobility.StateRefreshing {
			rows[m.sessions[b.ID].anchor.paths[b.Ends.Value().Local]]++
		}
	}
	for _, a := range m.anchors {
		for addr, p := range a.paths {
			if p.registered != rows[p] {
				return fmt.Errorf("the path from %v to %s counts %d sessions, the table has %d", addr, a.Name, p.registered, rows[p])
			}
		}
	}
	return nil
}

func (p *player) do(step scenario.Step, out *mobility.Effects) (string, error) {
	switch step.Verb {
	case "config":
		cfg, err := parseConfig(step.Body)
		if err != nil {
			return "", err
		}
		if p.Machine == nil {
			p.Machine = New(step.Now, cfg, binding.New(), 7)
		} else {
			p.Reconfigure(step.Now, cfg, out)
		}
		return "", nil
	case "attach", "detach", "linklost", "homewanted", "homereleased":
		a, err := parseAttachment(step)
		p.Attached(step.Now, a, out)
		return "", err
	case "recv":
		return p.recv(step, out)
	case "installed", "failed":
		result, err := scenario.ParseResult(step)
		p.Installed(step.Now, result, out)
		return "", err
	case "clear":
		id, err := strconv.ParseUint(step.Args[0], 10, 64)
		if !p.Clear(step.Now, dataplane.SessionID(id), out) {
			return "there is no such binding\n", err
		}
		return "", err
	case "close":
		p.Close(step.Now, out)
		return "", nil
	case "killed":
		return p.restart(step.Now, out), nil
	case "restarted":
		p.AnnounceRestart(out)
		return "", nil
	case "show":
		return p.show(step.Args[0])
	}
	return "", errors.New("unknown verb")
}

func parseAttachment(step scenario.Step) (mobility.Attachment, error) {
	a := mobility.Attachment{Link: step.Args[0]}
	a.Kind = map[string]mobility.AttachmentKind{"attach": mobility.NodeAttached, "detach": mobility.NodeDetached, "linklost": mobility.LinkLost,
		"homewanted": mobility.HomeWanted, "homereleased": mobility.HomeReleased}[step.Verb]
	if len(step.Args) > 1 {
		mac, err := net.ParseMAC(step.Args[1])
		if err != nil {
			return a, err
		}
		a.MAC = dataplane.MAC(mac)
	}
	return a, nil
}

func (p *player) recv(step scenario.Step, out *mobility.Effects) (string, error) {
	to := netip.AddrPortFrom(p.cfg.Addresses[0], 0)
	arrival, err := scenario.ParseArrival(step.Now, to, step.Args)
	if err != nil {
		return "", err
	}
	arrival.Sign.CareOf = arrival.To.Addr()
	in, err := arrival.Inbound()
	if err != nil {
		return "", err
	}
	dropped := scenario.Drops(&p.stats)
	p.Receive(step.Now, in, out)
	return dropped(), nil
}

func (p *player) show(what string) (string, error) {
	var lines []string
	switch what {
	case "bindings":
		for b := range p.table.All() {
			expires := "never"
			if b.Expires != 0 {
				expires = b.Expires.Time().Sub(scenario.Start).String()
			}
			line := fmt.Sprintf("binding %d %s %s %v %v on %s with %s expires %s install %d", b.ID, b.Node, b.State,
				b.Prefixes, b.Home, b.Under().Link, b.Ends.Value().Peer, expires, b.Install)
			if b.Status != 0 {
				line += fmt.Sprintf(" status %d", b.Status)
			}
			if service := b.Under().APN; service != "" {
				line += " service " + service
			}
			if b.LinkLocal != 0 {
				line += " link-local " + b.LinkLocal.Addr().String()
			}
			lines = append(lines, line)
		}
	case "statistics":
		lines = append(lines, "gateway "+scenario.Figures(&p.stats))
		for a := range p.Anchors {
			lines = append(lines, fmt.Sprintf("lma %s %s", a.Name, scenario.Figures(a.Statistics)))
		}
	case "paths":
		for a := range p.Anchors {
			for addr, changed := range a.Changed {
				lines = append(lines, fmt.Sprintf("path %s %s changed +%s", a.Name, addr, changed.Sub(scenario.Start))+scenario.Heartbeat(a.Heartbeats[addr]))
			}
		}
	case "counters":
		s := &p.stats
		lines = append(lines, fmt.Sprintf("pbu sent %d retransmitted %d: initial %d refresh %d deregistration %d", s.PBUSent.Load(), s.PBURetransmitted.Load(),
			s.Initial.Load(), s.Refresh.Load(), s.Deregistration.Load()))
		for status, n := range s.PBAReceived.All() {
			lines = append(lines, fmt.Sprintf("status %03d: %d", uint8(status), n))
		}
	default:
		return "", fmt.Errorf("there is no %q to show", what)
	}
	slices.Sort(lines)
	if len(lines) == 0 {
		lines = []string{"none"}
	}
	return strings.Join(lines, "\n") + "\n", nil
}

// parseConfig reads the gateway's configuration; what is not said has the value given here.
func parseConfig(body []string) (*mobility.MAG, error) {
	cfg := &mobility.MAG{
		Name:              "mag1",
		Domain:            &mobility.Domain{Name: "d1", Profiles: scenario.Profiles{}},
		Addresses:         []netip.Addr{netip.MustParseAddr("2001:db8:1::1")},
		MaxBindings:       10000,
		Lifetime:          time.Hour,
		Refresh:           300 * time.Second,
		InitialRetransmit: time.Second,
		MaxRetransmit:     32 * time.Second,
	}
	for _, line := range body {
		if err := setConfig(cfg, strings.Fields(line)); err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
	}
	return cfg, nil
}

func setConfig(cfg *mobility.MAG, words []string) (err error) {
	value := ""
	if len(words) > 1 {
		value = words[1]
	}
	switch words[0] {
	case "addresses":
		cfg.Addresses = nil
		for _, a := range words[1:] {
			cfg.Addresses = append(cfg.Addresses, netip.MustParseAddr(a))
		}
	case "nai":
		return cfg.Domain.Profiles.(scenario.Profiles).Add(words[1:])
	case "key":
		cfg.Domain.Key, err = scenario.ParseKey(value)
	case "encap":
		cfg.Domain.Encap = map[string]dataplane.Encap{"ip": dataplane.EncapIP, "gre": dataplane.EncapGRE, "udp": dataplane.EncapUDP}[value]
	case "gre-keys": // unmade|unused
		cfg.GREKeys.Unmade, cfg.GREKeys.Unused = value == "unmade", value == "unused"
	case "dscp":
		cfg.Marking, err = scenario.ParseMarking(value)
	case "anchor-dscp": // of the anchor before
		marking, parseErr := scenario.ParseMarking(value)
		cfg.Anchors[len(cfg.Anchors)-1].Marking, err = &marking, parseErr
	case "anchor": // NAME [gre-ipv4] [key=..] ADDRESS...
		peer := mobility.Peer{Name: value}
		for _, a := range words[2:] {
			if key, ok := strings.CutPrefix(a, "key="); ok {
				peer.Key, err = scenario.ParseKey(key)
				continue
			}
			if what, ok := strings.CutPrefix(a, "forgive="); ok {
				peer.Forgiven, err = scenario.ParseTolerance(what)
				continue
			}
			if a == "gre-ipv4" {
				peer.Encap, peer.Transport = dataplane.EncapGRE, mobility.OverIPv4
				continue
			}
			peer.Addresses = append(peer.Addresses, netip.MustParseAddr(a))
		}
		cfg.Anchors = append(cfg.Anchors, peer)
	case "revocation": // DELAY-MIN DELAY-MAX RETRIES
		cfg.Revocation, err = scenario.ParseRevocation(words[1:])
	case "heartbeat":
		cfg.Heartbeat, err = scenario.ParseHeartbeat(words[1:])
	case "anchor-heartbeat": // of the anchor before
		h, parseErr := scenario.ParseHeartbeat(words[1:])
		cfg.Anchors[len(cfg.Anchors)-1].Heartbeat, err = &h, parseErr
	case "link": // NAME [realm=R] [MAC=NAI]...
		link := mobility.AccessLink{Name: value, Access: wire.Access80211}
		for _, word := range words[2:] {
			key, is, _ := strings.Cut(word, "=")
			if key == "realm" {
				link.Realm = is
				continue
			}
			if key == "wired" {
				link.Access = wire.Access8023
				continue
			}
			mac, err := net.ParseMAC(key)
			if err != nil {
				return err
			}
			link.Nodes = link.Nodes.With(string(mac), mobility.NAI(is), nil)
		}
		cfg.Links = append(cfg.Links, link)
	case "maximum":
		_, err = fmt.Sscan(value, &cfg.MaxBindings)
	case "lifetime":
		cfg.Lifetime, err = time.ParseDuration(value)
	case "refresh":
		cfg.Refresh, err = time.ParseDuration(value)
	case "apn": // NAME [labels]
		cfg.APN, cfg.APNLabels = value, len(words) > 2
	case "force-udp":
		cfg.ForceUDP = true
	case "link-local":
		cfg.Domain.LinkLocal, err = netip.ParseAddr(value)
	case "mtu":
		cfg.TunnelMTU, err = strconv.Atoi(value)
	default:
		err = errors.New("unknown word")
	}
	return err
}
