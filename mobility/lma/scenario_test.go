package lma

import (
	"errors"
	"fmt"
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
)

func TestScenarios(t *testing.T) {
	scenario.Run(t, func() scenario.Player { return new(player) })
}

// player lets scenarios speak to a Machine.
type player struct {
	*Machine
	addr  netip.Addr // that it is spoken to at, where nothing else is said
	store scenario.Store
}

func (p *player) Deadline() (time.Time, bool) {
	if p.Machine == nil {
		return time.Time{}, false
	}
	return p.Machine.Deadline()
}

// Advance keeps what has to survive.
func (p *player) Advance(now time.Time, out *mobility.Effects) {
	p.Machine.Advance(now, out)
	p.store.Keep(out)
}

func (p *player) Do(step scenario.Step, out *mobility.Effects) (string, error) {
	defer p.store.Keep(out)
	switch step.Verb {
	case "config":
		cfg, err := parseConfig(step.Body)
		if err != nil {
			return "", err
		}
		p.addr = cfg.Addresses[0]
		if p.Machine == nil {
			p.Machine = New(step.Now, cfg, binding.New(), 7)
		} else {
			p.Reconfigure(step.Now, cfg, out)
		}
	case "recv":
		arrival, err := scenario.ParseArrival(step.Now, netip.AddrPortFrom(p.addr, 0), step.Args)
		if err != nil {
			return "", err
		}
		in, err := arrival.Inbound()
		if err != nil {
			return "", err
		}
		dropped := scenario.Drops(&p.stats)
		p.Receive(step.Now, in, out)
		return dropped(), nil
	case "installed", "failed":
		result, err := scenario.ParseResult(step)
		p.Installed(step.Now, result, out)
		return "", err
	case "granted", "denied", "unanswered":
		id, answer, err := scenario.ParseAuthorization(append([]string{step.Verb}, step.Args...))
		if err == nil {
			p.Authorized(step.Now, id, answer, out)
		}
		return "", err
	case "clear":
		id, err := strconv.ParseUint(step.Args[0], 10, 64)
		if !p.Clear(step.Now, dataplane.SessionID(id), out) {
			return "there is no such binding\n", err
		}
		return "", err
	case "close":
		p.Close(step.Now, out)
	case "killed": // and it begins again
		last := p.lastID
		p.Machine = New(step.Now, p.cfg, binding.New(), 7)
		p.Restore(step.Now, p.store.Rows(), last, out)
		return fmt.Sprintf("restored %d\n", p.table.Len()), nil
	case "lower-marks":
		p.LowerMarks(step.Now)
	case "restarted":
		before, err := parsePaths(step.Body)
		p.AnnounceRestart(step.Now, before, out)
		return "", err
	case "show":
		return p.show(step.Args[0])
	default:
		return "", fmt.Errorf("unknown verb")
	}
	return "", nil
}

func (p *player) show(what string) (string, error) {
	var lines []string
	switch what {
	case "bindings":
		for b := range p.table.All() {
			ends := b.Ends.Value()
			line := fmt.Sprintf("binding %d %s %s %v %v via %s network %s profile %s/%d handovers %d expires %s install %d", b.ID, b.Node, b.State,
				b.Prefixes, b.Home, ends.Remote.Addr(), b.Tenant().Network, b.Profile.Value(), b.Source, b.Handovers, b.Expires.Time().Sub(scenario.Start), b.Install)
			if len(b.Networks) > 0 {
				line += fmt.Sprintf(" mobile networks %v", b.Networks)
			}
			if tenant := b.Tenant(); tenant.Customer != "" {
				line += " customer " + tenant.Customer + " in " + tenant.VRF
			}
			if service := b.Under().APN; service != "" {
				line += " service " + service
			}
			if b.LinkLocal != 0 {
				line += " link-local " + b.LinkLocal.Addr().String()
			}
			lines = append(lines, line)
		}
	case "peers":
		for peer := range p.Peers {
			line := fmt.Sprintf("peer %s %q bindings %d", peer.Address, peer.Name, peer.Bindings)
			if peer.Customer != "" {
				line += fmt.Sprintf(" customer %s in %q", peer.Customer, peer.VRF)
			}
			if !peer.Since.IsZero() {
				line += fmt.Sprintf(" since +%s last +%s", peer.Since.Sub(scenario.Start), peer.Last.Sub(scenario.Start))
			}
			line += fmt.Sprintf(" changed +%s", peer.Changed.Sub(scenario.Start))
			if peer.Remote.IsValid() && peer.Remote != netip.AddrPortFrom(peer.Address, 0) {
				line += " from " + peer.Remote.String()
			}
			line += scenario.Heartbeat(peer.Heartbeat)
			lines = append(lines, line)
		}
	case "statistics":
		lines = append(lines, "anchor "+scenario.Figures(&p.stats))
		for peer := range p.Peers {
			lines = append(lines, fmt.Sprintf("peer %s %q %s", peer.Address, peer.Name, scenario.Figures(peer.Statistics)))
		}
	case "customers":
		for c := range p.Customers {
			lines = append(lines, fmt.Sprintf("customer %s bindings %d %s", c.Name, c.Bindings, scenario.Figures(c.Statistics)))
		}
	case "entitlement":
		use := p.Entitlement()
		lines = append(lines, fmt.Sprintf("bindings %d exceeded %t peak %d since +%s", use.Bindings, use.Exceeded, use.Peak, use.Since.Sub(scenario.Start)))
	case "pools":
		for name, pools := range p.Networks {
			for _, u := range pools {
				line := fmt.Sprintf("pool %s %s/%d used %d of %d, high water %d, refused %d", name, u.Pool.Start, u.Pool.Bits, u.Used, u.Total, u.HighWater, u.Refused)
				if !u.Exhausted.IsZero() {
					line += fmt.Sprintf(" last +%s", u.Exhausted.Sub(scenario.Start))
				}
				lines = append(lines, line)
			}
		}
	case "counters":
		lines = append(lines, fmt.Sprintf("pbu %d: initial %d refresh %d handover %d deregistration %d", p.stats.PBUReceived.Load(), p.stats.Initial.Load(),
			p.stats.Refresh.Load(), p.stats.Handover.Load(), p.stats.Deregistration.Load()))
		for status, n := range p.stats.PBASent.All() {
			lines = append(lines, fmt.Sprintf("pba status %03d: %d", uint8(status), n))
		}
		for _, reason := range mobility.DropReasons() {
			if n := p.stats.Dropped[reason].Load(); n > 0 {
				lines = append(lines, fmt.Sprintf("zdropped %s: %d", reason, n))
			}
		}
	default:
		return "", fmt.Errorf("there is no %q to show", what)
	}
	slices.Sort(lines)
	if len(lines) == 0 {
		lines = []string{"none"}
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), "zdropped", "dropped") + "\n", nil
}

// parseConfig reads the anchor's configuration; what is not said has the value of baseConfig.
// parsePaths reads "path LOCAL REMOTE [VRF]" of each line, where REMOTE may have a port.
func parsePaths(body []string) (paths []mobility.Ends, err error) {
	for _, line := range body {
		words := append(strings.Fields(line), "", "", "")
		var ends mobility.Ends
		remote, port := words[2], ""
		if at, p, ok := strings.Cut(remote, ":"); ok && strings.Count(remote, ":") == 1 {
			remote, port = at, p
		}
		number, errPort := strconv.ParseUint("0"+port, 10, 16)
		addr, errRemote := netip.ParseAddr(remote)
		var errLocal error
		ends.Local, errLocal = netip.ParseAddr(words[1])
		if err := errors.Join(errPort, errRemote, errLocal); err != nil || words[0] != "path" {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
		ends.Remote, ends.CareOf, ends.Tunnel.VRF = netip.AddrPortFrom(addr, uint16(number)), addr, words[3]
		paths = append(paths, ends)
	}
	return paths, nil
}

func parseConfig(body []string) (*mobility.LMA, error) {
	cfg := baseConfig()
	for _, line := range body {
		if err := setConfig(cfg, strings.Fields(line)); err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
	}
	return cfg, nil
}

func baseConfig() *mobility.LMA {
	return &mobility.LMA{
		Name:            "lma1",
		Domain:          &mobility.Domain{Name: "d1", Profiles: scenario.Profiles{}},
		Addresses:       []netip.Addr{netip.MustParseAddr("2001:db8:ffff::1"), netip.MustParseAddr("198.51.100.1")},
		MaxPrefixes:     3,
		MaxBindings:     128000,
		Lifetime:        time.Hour,
		DeleteWait:      10 * time.Second,
		CreateWait:      1500 * time.Millisecond,
		TimestampWindow: 300 * time.Millisecond,
		LearnPeers:      true,
		Authorize:       mobility.Authorize{Patience: 30 * time.Second, Pending: 1000},
		Revocation:      mobility.Revocation{DelayMin: time.Second, DelayMax: 2 * time.Second, Retries: 1},
		Networks:        map[string]*mobility.Network{},
	}
}

func setConfig(cfg *mobility.LMA, words []string) (err error) {
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
	case "default-profile":
		cfg.DefaultProfile = value
	case "ask": // profiles|networks|refreshes [patience=..] [pending=..]
		return setAuthorize(cfg, words[1:])
	case "key":
		cfg.Domain.Key, err = scenario.ParseKey(value)
	case "encap":
		cfg.Domain.Encap, err = parseEncap(value)
	case "revocation": // DELAY-MIN DELAY-MAX RETRIES
		cfg.Revocation, err = scenario.ParseRevocation(words[1:])
	case "heartbeat":
		cfg.Heartbeat, err = scenario.ParseHeartbeat(words[1:])
	case "gre-keys": // unmade|unused
		cfg.GREKeys.Unmade, cfg.GREKeys.Unused = value == "unmade", value == "unused"
	case "dscp":
		cfg.Marking, err = scenario.ParseMarking(value)
	case "peer": // NAME ADDRESS... [key=..] [auth-scope=registration] [encap=..] [hash=first-prefix] [dscp=..]
		return addPeer(cfg, words[1:])
	case "learn":
		cfg.LearnPeers, err = strconv.ParseBool(value)
	case "limits": // [ipv4|ipv6|all]=NODE,CUSTOMER...
		return setLimits(&cfg.Limits, words[1:])
	case "pool": // NETWORK START/BITS [router] [mobile=LENGTH] [to=END] [subnet=LENGTH] [shared=NAME]
		return addPool(cfg.Networks, words[1:])
	case "customer": // NAME VRF [unauthorized] [key=..] [lifetime=..] [heartbeat=INTERVAL,RETRIES,TIMEOUT] [at=[VRF/]ADDRESS]...
		return addCustomer(cfg, words[1:])
	case "customer-pool": // CUSTOMER NETWORK START/BITS [router] [mobile=LENGTH] [to=END] [subnet=LENGTH] [shared=NAME]
		return addPool(cfg.Customers[value].Networks, words[2:])
	case "hnp-maximum":
		cfg.MaxPrefixes, err = strconv.Atoi(value)
	case "entitlement":
		_, err = fmt.Sscan(value, &cfg.Entitlement.Limit)
	case "bce-maximum":
		_, err = fmt.Sscan(value, &cfg.MaxBindings)
	case "lifetime":
		cfg.Lifetime, err = time.ParseDuration(value)
	case "refresh":
		cfg.Refresh, err = time.ParseDuration(value)
	case "delete-wait":
		cfg.DeleteWait, err = time.ParseDuration(value)
	case "create-wait":
		cfg.CreateWait, err = time.ParseDuration(value)
	case "window":
		cfg.TimestampWindow, err = time.ParseDuration(value)
	case "ignore-timestamps":
		cfg.IgnoreTimestamps = true
	case "accept-forced-udp":
		cfg.AcceptForcedUDP = true
	case "enforce-heartbeat":
		cfg.EnforceHeartbeat = true
	case "ignore-home":
		cfg.IgnoreHome = true
	case "await-install":
		cfg.AwaitInstall = true
	case "mtu":
		cfg.TunnelMTU, err = strconv.Atoi(value)
	case "redistribute":
		cfg.Redistribution, err = parseRedistribution(value)
	case "distance":
		cfg.RouteDistance, err = parseDistance(value)
	default:
		err = errors.New("unknown word")
	}
	return err
}

func setAuthorize(cfg *mobility.LMA, words []string) (err error) {
	for _, word := range words {
		switch key, value, _ := strings.Cut(word, "="); key {
		case "profiles":
			cfg.Domain.AskForProfiles = true
		case "networks":
			cfg.Authorize.Networks = true
		case "refreshes":
			cfg.Authorize.Refreshes = true
		case "patience":
			cfg.Authorize.Patience, err = time.ParseDuration(value)
		case "pending":
			cfg.Authorize.Pending, err = strconv.Atoi(value)
		default:
			err = errors.New("unknown word")
		}
	}
	return err
}

func addPeer(cfg *mobility.LMA, words []string) (err error) {
	peer := &mobility.Peer{Name: words[0]}
	for _, word := range words[1:] {
		key, value, is := strings.Cut(word, "=")
		if !is {
			peer.Addresses = append(peer.Addresses, netip.MustParseAddr(word))
			continue
		}
		switch key {
		case "key":
			peer.Key, err = scenario.ParseKey(value)
		case "auth-scope":
			peer.BindingOnly = value == "registration"
		case "encap":
			peer.Encap, err = parseEncap(value)
		case "over":
			peer.Transport = map[string]mobility.Transport{"ipv4": mobility.OverIPv4, "ipv6": mobility.OverIPv6}[value]
		case "device":
			peer.Device = value
		case "hash":
			peer.Hash = mobility.HashFirstPrefix
		case "dscp":
			peer.Marking = new(mobility.Marking)
			*peer.Marking, err = scenario.ParseMarking(value)
		case "forgive":
			peer.Forgiven, err = scenario.ParseTolerance(value)
		case "revoke-all":
			peer.RevokeAll = true
		default:
			err = errors.New("unknown word")
		}
	}
	cfg.Peers = cfg.Peers.With(peer.Name, peer, nil)
	return err
}

func parseRedistribution(word string) (mobility.Redistribution, error) {
	words := []string{mobility.RedistributePools: "pools", mobility.RedistributeHosts: "hosts", mobility.RedistributeNothing: "nothing"}
	i := slices.Index(words, word)
	if i < 0 {
		return 0, errors.New("unknown word")
	}
	return mobility.Redistribution(i), nil
}

func parseDistance(word string) (uint8, error) {
	n, err := strconv.ParseUint(word, 10, 8)
	return uint8(n), err
}

func addCustomer(cfg *mobility.LMA, words []string) (err error) {
	c := &mobility.Customer{Name: words[0], VRF: words[1], Networks: map[string]*mobility.Network{}}
	for _, word := range words[2:] {
		switch key, value, _ := strings.Cut(word, "="); key {
		case "unauthorized":
			c.Unauthorized = true
		case "key":
			c.Key, err = scenario.ParseKey(value)
		case "lifetime":
			c.Lifetime, err = time.ParseDuration(value)
		case "distance":
			c.RouteDistance, err = parseDistance(value)
		case "gre":
			_, err = fmt.Sscan(value, &c.GREKey)
		case "heartbeat":
			c.Heartbeat = new(mobility.Heartbeat)
			*c.Heartbeat, err = scenario.ParseHeartbeat(strings.Split(value, ","))
		case "at":
			vrf, addr, in := strings.Cut(value, "/")
			if !in {
				vrf, addr = "", vrf
			}
			c.Transports = append(c.Transports, mobility.VRFAddr{VRF: vrf, Addr: netip.MustParseAddr(addr)})
		default:
			return errors.New("unknown word")
		}
		if err != nil {
			return err
		}
	}
	if cfg.Customers == nil {
		cfg.Customers = map[string]*mobility.Customer{}
	}
	cfg.Customers[c.Name] = c
	return nil
}

func addPool(networks map[string]*mobility.Network, words []string) error {
	at, err := netip.ParsePrefix(words[1])
	if err != nil {
		return err
	}
	p := mobility.Pool{Start: at.Addr(), Bits: at.Bits(), Unit: 64}
	if at.Addr().Is4() {
		p.Unit = 32
	}
	for _, word := range words[2:] {
		switch name, value, _ := strings.Cut(word, "="); name {
		case "mobile":
			p.Mobile = true
			p.Unit, err = strconv.Atoi(value)
		case "subnet":
			p.Subnet, err = strconv.Atoi(value)
		case "to":
			p.End, err = netip.ParseAddr(value)
		case "shared":
			p.Shared = value
		default:
			p.Router, err = netip.ParseAddr(word)
		}
		if err != nil {
			return err
		}
	}
	if networks[words[0]] == nil {
		networks[words[0]] = &mobility.Network{Name: words[0]}
	}
	n := networks[words[0]]
	n.Pools = append(n.Pools, p)
	return nil
}

func setLimits(l *mobility.NetworkLimits, words []string) error {
	for _, word := range words {
		version, figures, _ := strings.Cut(word, "=")
		of := map[string]*mobility.NetworkLimit{"ipv4": &l.IPv4, "ipv6": &l.IPv6, "all": &l.All}[version]
		if of == nil {
			return errors.New("unknown word")
		}
		if _, err := fmt.Sscanf(figures, "%d,%d", &of.Node, &of.Customer); err != nil {
			return err
		}
	}
	return nil
}

func parseEncap(s string) (dataplane.Encap, error) {
	for _, e := range []dataplane.Encap{dataplane.EncapIP, dataplane.EncapGRE, dataplane.EncapUDP} {
		if e.String() == s {
			return e, nil
		}
	}
	return 0, fmt.Errorf("encap %q", s)
}
