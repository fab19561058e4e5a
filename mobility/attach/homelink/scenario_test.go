package homelink

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/scenario"
)

// TestScenarios plays testdata/*.txt. A scenario is a file of steps: a line that starts with "> ", the indented lines that belong
// to it, and what the machine is expected to ask for, up to an empty line. Lines that start with "#" say what is going on.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := play(string(text))
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			scenario.Compare(t, file, string(text), got)
		})
	}
}

var start = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// player lets a scenario speak to a machine.
type player struct {
	*Machine
	now time.Time
	out strings.Builder
}

func play(text string) (string, error) {
	p := &player{now: start}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for at := 0; at < len(lines); {
		line := lines[at]
		fmt.Fprintln(&p.out, line)
		at++
		if !strings.HasPrefix(line, "> ") {
			continue
		}
		var body []string
		for ; at < len(lines) && strings.HasPrefix(lines[at], "  "); at++ {
			fmt.Fprintln(&p.out, lines[at])
			body = append(body, lines[at])
		}
		for at < len(lines) && lines[at] != "" && lines[at][0] != '>' && lines[at][0] != '#' { // what was expected so far
			at++
		}
		words := strings.Fields(line[2:])
		if err := p.do(words[0], words[1:], body); err != nil {
			return "", fmt.Errorf("%s: %w", line, err)
		}
	}
	return p.out.String(), nil
}

func (p *player) do(verb string, args, body []string) (err error) {
	var out Effects
	switch verb {
	case "config":
		mag, err := parseConfig(body)
		if err != nil {
			return err
		}
		if p.Machine == nil {
			p.Machine = New(mag, &mag.Links[0], rand.New(rand.NewPCG(1, 1)))
		} else {
			p.Reconfigure(p.now, mag, &mag.Links[0], &out)
		}
	case "up":
		p.Up(p.now, dataplane.MAC{2, 0, 0, 0, 0, 1}, 1500, &out)
	case "down":
		p.Down(&out)
	case "close":
		p.Close(p.now, &out)
	case "moved":
		p.Moved(mac(args[0]), &out)
	case "recv":
		b, err := build(args)
		if err != nil {
			return err
		}
		p.Receive(p.now, b, &out)
	case "strangers":
		n, err := strconv.Atoi(args[0])
		for i := range n {
			p.Receive(p.now, dataFrame(dataplane.MAC{6, 0, 0, 0, 0, byte(i)}), &out)
		}
		fmt.Fprintf(&p.out, "%d attachments\n", len(out.Attachments))
		return err
	case "grant":
		grant, err := p.parseGrant(args)
		if err != nil {
			return err
		}
		p.Grant(p.now, grant, &out)
	case "advance":
		d, err := time.ParseDuration(args[0])
		p.advance(p.now.Add(d))
		return err
	case "show":
		p.show(args[0])
	default:
		return fmt.Errorf("unknown verb")
	}
	p.print(&out)
	return err
}

// advance moves the clock from deadline to deadline.
func (p *player) advance(until time.Time) {
	for range 1000 {
		at, ok := p.Deadline()
		if !ok || at.After(until) {
			p.now = until
			return
		}
		p.now = at
		var out Effects
		p.Advance(p.now, &out)
		if len(out.Frames)+len(out.Attachments) > 0 {
			fmt.Fprintf(&p.out, "at +%s\n", at.Sub(start).Round(time.Millisecond))
		}
		p.print(&out)
	}
	fmt.Fprintln(&p.out, "the deadlines do not end")
}

func (p *player) print(out *Effects) {
	for _, a := range out.Attachments {
		fmt.Fprintf(&p.out, "%s %s", a.Kind, a.Link)
		if a.Kind != mobility.LinkLost {
			fmt.Fprintf(&p.out, " %s", a.MAC)
		}
		fmt.Fprintln(&p.out)
	}
	for _, b := range out.Frames {
		fmt.Fprintf(&p.out, "send %s\n", describe(b))
	}
	if out.Known {
		fmt.Fprintf(&p.out, "known %d\n", len(p.Known()))
	}
}

func (p *player) show(what string) {
	s := &p.stats
	switch what {
	case "drops":
		fmt.Fprintf(&p.out, "received %d malformed %d crowded %d dhcp misaddressed %d\n", s.Received.Load(), s.Malformed.Load(), s.Crowded.Load(), s.DHCPMisaddressed.Load())
	case "counters":
		fmt.Fprintf(&p.out, "provocations %d polls %d rs %d ra %d arp replies %d\n", s.Provocations.Load(), s.Polls.Load(), s.RouterSolicitations.Load(),
			s.RouterAdvertisements.Load(), s.ARPReplies.Load())
		fmt.Fprintf(&p.out, "dhcp received %d held %d offers %d acks %d naks %d\n", s.DHCPReceived.Load(), s.DHCPHeld.Load(), s.Offers.Load(), s.Acks.Load(), s.Naks.Load())
	}
}

// parseConfig reads the configuration; what is not said has the values below.
func parseConfig(body []string) (*mobility.MAG, error) {
	link := mobility.AccessLink{Name: "eth1", DHCP: true,
		Advertise: mobility.Advertise{MinInterval: 200 * time.Second, MaxInterval: 600 * time.Second, RouterLifetime: 1800 * time.Second}}
	domain := &mobility.Domain{LinkLocal: netip.MustParseAddr("fe80::200:5eff:fe00:5213"), LinkMAC: dataplane.MAC{0, 0, 0x5e, 0, 0x52, 0x13}} // RFC 6543
	mag := &mobility.MAG{Domain: domain}
	for _, line := range body {
		words := strings.Fields(line)
		var err error
		switch words[0] {
		case "link-local":
			domain.LinkLocal, err = netip.ParseAddr(words[1])
		case "own-mac":
			domain.LinkMAC = dataplane.MAC{}
		case "no-dhcp":
			link.DHCP = false
		case "node":
			at := mac(words[1])
			link.Nodes = link.Nodes.With(string(at[:]), mobility.NAI(words[2]), nil)
		case "lease":
			link.Lease, err = time.ParseDuration(words[1])
		case "advertise": // MIN MAX LIFETIME
			err = durations(words[1:], &link.Advertise.MinInterval, &link.Advertise.MaxInterval, &link.Advertise.RouterLifetime)
		case "poll": // INTERVAL TIMEOUT RETRIES
			mag.Poll.Retries, err = strconv.Atoi(words[3])
			if err == nil {
				err = durations(words[1:3], &mag.Poll.Interval, &mag.Poll.Timeout)
			}
		default:
			err = fmt.Errorf("unknown word")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
	}
	mag.Links = []mobility.AccessLink{link}
	return mag, nil
}

func durations(words []string, to ...*time.Duration) (err error) {
	for i := range words {
		if *to[i], err = time.ParseDuration(words[i]); err != nil {
			return err
		}
	}
	return nil
}

// parseGrant reads "MAC hnp=PREFIX home=ADDR/BITS router=ADDR from=ADDR mtu=N life=DURATION"; no word after the MAC takes everything back.
func (p *player) parseGrant(args []string) (g mobility.Grant, err error) {
	g.Link, g.MAC = "eth1", mac(args[0])
	for _, word := range args[1:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "hnp":
			g.Prefixes = append(g.Prefixes, netip.MustParsePrefix(value))
		case "home":
			g.Home, err = netip.ParsePrefix(value)
		case "router":
			g.Router, err = netip.ParseAddr(value)
		case "from":
			g.LinkLocal, err = netip.ParseAddr(value)
		case "mtu":
			g.MTU, err = strconv.Atoi(value)
		case "life":
			var d time.Duration
			d, err = time.ParseDuration(value)
			g.Expires = p.now.Add(d)
		default:
			err = fmt.Errorf("unknown word %s", word)
		}
		if err != nil {
			return g, err
		}
	}
	return g, nil
}

// mac reads an address; two digits stand for 02:00:00:00:00:XX.
func mac(s string) dataplane.MAC {
	if len(s) == 2 {
		s = "02:00:00:00:00:" + s
	}
	a, err := net.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return dataplane.MAC(a)
}
