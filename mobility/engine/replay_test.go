package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/lma"
	"mooring/mobility/mag"
	"mooring/mobility/scenario"
	"mooring/mobility/transport"
)

// What a recorded run lets its machines see makes machines elsewhere do the same.
func TestRecordedRunReplays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var record bytes.Buffer
		recorded := func(config *mobility.Config, net *transport.Memory) *station {
			host := net.Host()
			s := start(t, host, func(o *Options) {
				o.Log = slog.New(slog.NewJSONHandler(&record, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			t.Cleanup(func() { host.Close() })
			s.commit(config)
			return s
		}
		memory := transport.NewMemory(transport.Conditions{Loss: 0.1, Duplicate: 0.1, Delay: oneWay, Jitter: 100 * time.Millisecond}, 3)
		anchor, gateway := anchorConfig("lma1", lma6), gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)
		both := justLMA(anchor)
		both.MAGs = justMAG(gateway).MAGs
		s := recorded(both, memory)
		for i := range byte(5) {
			s.attach("access0", dataplane.MAC{2, 0, 0, 0, 1, i})
			pass(300 * time.Millisecond)
			s.install()
		}
		pass(20 * time.Minute)
		first := func(b *mobility.Binding) bool { return b.LinkID == mobility.LinkID([]byte{2, 0, 0, 0, 1, 0}) }
		for _, clear := range []func(context.Context, func(*mobility.Binding) bool) (int, error){s.MAG("mag1").Clear, s.LMA("lma1").Clear} {
			if n, err := clear(t.Context(), first); n != 1 || err != nil {
				t.Errorf("%d bindings were cleared, %v", n, err)
			}
			pass(time.Minute)
		}
		s.detach("access0", dataplane.MAC{2, 0, 0, 0, 1, 2})
		pass(time.Minute)
		s.stop()

		again := map[string]*player{
			"lma lma1": {m: lma.New(time.Now(), anchor, binding.New(), 0)},
			"mag mag1": {m: mag.New(time.Now(), gateway, binding.New(), 0)},
		}
		steps := map[string]int{}
		for line := range strings.Lines(record.String()) {
			var r struct{ At, Machine, Step string }
			must(t, json.Unmarshal([]byte(line), &r))
			verb, _, _ := strings.Cut(r.Step, " ")
			steps[verb]++
			if p := again[r.Machine]; p != nil {
				must(t, p.play(r.At, r.Step))
			}
		}
		for _, verb := range []string{"config", "recv", "attach", "detach", "installed", "advance", "clear"} {
			if steps[verb] == 0 {
				t.Errorf("nothing of the kind %q was recorded: %v", verb, steps)
			}
		}
		for name, want := range map[string]*mobility.Statistics{"lma lma1": s.LMA("lma1").Statistics, "mag mag1": s.MAG("mag1").Statistics} {
			if got := again[name].m.Statistics(); figures(got) != figures(want) || got.Refresh.Load() == 0 {
				t.Errorf("%s: replayed %s, was %s", name, figures(got), figures(want))
			}
		}
	})
}

func figures(s *mobility.Statistics) string {
	return fmt.Sprint("pbu received ", s.PBUReceived.Load(), " sent ", s.PBUSent.Load(), " again ", s.PBURetransmitted.Load(),
		", initial ", s.Initial.Load(), ", refresh ", s.Refresh.Load(), ", end ", s.Deregistration.Load(), ", accepted ", s.PBASent.Load(0), " ", s.PBAReceived.Load(0))
}

// player lets recorded steps happen to a machine.
type player struct {
	m   machine
	out mobility.Effects
}

func (p *player) play(at, step string) error {
	now, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return err
	}
	step, _, _ = strings.Cut(step, " # ")
	words := strings.Fields(step)
	switch words[0] {
	case "recv":
		a, err := scenario.ParseArrival(now, netip.AddrPort{}, words[1:])
		if err != nil {
			return err
		}
		in, err := a.Inbound()
		if err != nil {
			return err
		}
		p.m.Receive(now, in, &p.out)
	case "advance":
		p.m.Advance(now, &p.out)
	case "clear":
		id, err := strconv.Atoi(words[1])
		if err != nil {
			return err
		}
		p.m.(clearer).Clear(now, dataplane.SessionID(id), &p.out)
	case "installed":
		id, err := strconv.Atoi(words[1])
		if err != nil {
			return err
		}
		p.m.Installed(now, dataplane.Result{ID: dataplane.SessionID(id)}, &p.out)
	case "attach", "detach":
		kind := mobility.NodeAttached
		if words[0] == "detach" {
			kind = mobility.NodeDetached
		}
		mac, err := net.ParseMAC(words[2])
		if err != nil {
			return err
		}
		p.m.(*mag.Machine).Attached(now, mobility.Attachment{Kind: kind, Link: words[1], MAC: dataplane.MAC(mac)}, &p.out)
	default:
		return fmt.Errorf("step %q", step)
	}
	p.out.Reset()
	return nil
}
