package backend

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netns"
)

// What carries tunnels is said in the log and in state, with the reason: of this host as it is, whether its kernel has tunnels or not.
func TestChoiceIsTold(t *testing.T) {
	h, err := netns.NewHost("host")
	must(t, err)
	t.Cleanup(func() { h.Close() })
	err = h.Net.LinkAdd(&netlib.Gretun{LinkAttrs: netlib.LinkAttrs{Name: "try"}, Local: net.IPv4(192, 0, 2, 1), Remote: net.IPv4(192, 0, 2, 2)})
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		t.Fatal(err)
	}
	hasTunnels := err == nil
	if hasTunnels {
		must(t, h.Delete("try"))
	}
	var log bytes.Buffer
	p, err := Open(Options{Namespace: h.Namespace, Log: slog.New(slog.NewTextHandler(&log, nil))})
	must(t, err)
	t.Cleanup(func() { p.Close() })
	const best = "the best of this host: the kernel "
	auto, autoReason, kernelReason := Userspace, best+"lacks ip over IPv4", "it is configured, but the kernel of this host cannot carry tunnels"
	if hasTunnels {
		auto, autoReason, kernelReason = Kernel, best+"has every kind of tunnel", "it is configured"
	}
	for _, c := range []struct {
		wish, inUse Wish
		reason      string
	}{{Auto, auto, autoReason}, {Userspace, Userspace, "it is configured; "}, {Kernel, Kernel, kernelReason}, {Auto, auto, autoReason}} {
		log.Reset()
		must(t, p.Use(c.wish))
		inUse, reason := p.State()
		if inUse != c.inUse || !strings.HasPrefix(reason, c.reason) {
			t.Errorf("asked for %s: state says %s, %q; want %s, %q", c.wish, inUse, reason, c.inUse, c.reason)
		}
		var want bytes.Buffer
		level := slog.LevelInfo
		if strings.Contains(c.reason, ", but ") {
			level = slog.LevelWarn
		}
		slog.New(slog.NewTextHandler(&want, nil)).Log(t.Context(), level, "dataplane backend", "asked-for", c.wish, "in-use", inUse, "reason", reason)
		_, line, _ := strings.Cut(want.String(), "level=")
		if strings.Count(log.String(), line) != 1 {
			t.Errorf("asked for %s: the log has\n%swant\n%s", c.wish, log.String(), line)
		}
		log.Reset()
		if must(t, p.Use(c.wish)); strings.Contains(log.String(), "dataplane backend") {
			t.Errorf("asked for %s again, the log says so again: %s", c.wish, log.String())
		}
	}
}

// Another backend moves the tunnels that another carrier is to have, and no backend its own.
func TestMoves(t *testing.T) {
	h, err := netns.NewHost("host")
	must(t, err)
	t.Cleanup(func() { h.Close() })
	p, err := Open(Options{Namespace: h.Namespace})
	must(t, err)
	t.Cleanup(func() { p.Close() })
	id := dataplane.TunnelID{Local: netip.MustParseAddr("192.0.2.1"), Peer: netip.MustParseAddr("192.0.2.2"), Encap: dataplane.EncapGRE}
	must(t, p.Use(Userspace))
	if p.Moves(Userspace)(id) || !p.Moves(Kernel)(id) {
		t.Errorf("from userspace: to itself %v, to kernel %v", p.Moves(Userspace)(id), p.Moves(Kernel)(id))
	}
	auto := p.Moves(Auto)(id)
	must(t, p.Use(Auto))
	if inUse, _ := p.State(); auto != (inUse == Kernel) {
		t.Errorf("to auto, which is %s: %v", inUse, auto)
	}
}
