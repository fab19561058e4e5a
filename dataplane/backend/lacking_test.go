//go:build !vm

package backend

import (
	"errors"
	"strings"
	"testing"

	"mooring/dataplane/kernel"
	"mooring/dataplane/netns"
)

// On a host whose kernel lacks some kinds of tunnels, or all, the reason names them, and what to load.
func TestLackingHost(t *testing.T) {
	lack := func(k kernel.Kind) error { return errors.New("no module: modprobe for " + k.String()) }
	kinds := kernel.Kinds()
	for name, c := range map[string]struct {
		lacks map[kernel.Kind]error
		wish  Wish
		inUse Wish
		want  []string
	}{
		"nothing":            {nil, Auto, Kernel, []string{"has every kind", "UDP"}},
		"one kind":           {map[kernel.Kind]error{kinds[3]: lack(kinds[3])}, Auto, Kernel, []string{"has ip over IPv4, ip over IPv6, gre over IPv4;", "modprobe for gre over IPv6"}},
		"everything":         {map[kernel.Kind]error{kinds[0]: lack(kinds[0]), kinds[1]: lack(kinds[1]), kinds[2]: lack(kinds[2]), kinds[3]: lack(kinds[3])}, Auto, Userspace, []string{"lacks ip over IPv4", "modprobe for gre over IPv6"}},
		"one that is wanted": {map[kernel.Kind]error{kinds[3]: lack(kinds[3])}, Kernel, Kernel, []string{"is configured, but", "modprobe for gre over IPv6"}},
		"none that is used":  {map[kernel.Kind]error{kinds[3]: lack(kinds[3])}, Userspace, Userspace, []string{"is configured"}},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := netns.NewHost("host")
			must(t, err)
			t.Cleanup(func() { h.Close() })
			p, err := Open(Options{Namespace: h.Namespace, Probe: func() map[kernel.Kind]error { return c.lacks }})
			must(t, err)
			t.Cleanup(func() { p.Close() })
			if err := p.Check(c.wish); (err != nil) != (c.wish == Kernel && len(c.lacks) > 0) {
				t.Errorf("%s is refused with %v", c.wish, err)
			}
			must(t, p.Use(c.wish))
			inUse, reason := p.State()
			if inUse != c.inUse {
				t.Errorf("%s is in use, want %s", inUse, c.inUse)
			}
			for _, want := range c.want {
				if !strings.Contains(reason, want) {
					t.Errorf("reason %q lacks %q", reason, want)
				}
			}
		})
	}
}
