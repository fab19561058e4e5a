package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"mooring/dataplane"
	"mooring/dataplane/backend"
	"mooring/dataplane/netns"
)

// topology is a path of four hosts: node ── mag ── lma ── cn. Without a tunnel the two in the middle are plain routers.
type topology struct {
	hosts  [4]*netns.Host
	planes []*plane
}

// The addresses along the path; all links have prefixes of 24 and 64.
const (
	node4, node6       = "10.0.0.2", "2001:db8:1::2"
	access4, access6   = "10.0.0.1", "2001:db8:1::1"
	mag4, mag6         = "192.0.2.1", "2001:db8:2::1"
	lma4, lma6         = "192.0.2.2", "2001:db8:2::2"
	gateway4, gateway6 = "203.0.113.1", "2001:db8:3::1"
	cn4, cn6           = "203.0.113.2", "2001:db8:3::2"
	anywhere4          = "0.0.0.0/0"
	anywhere6          = "::/0"
)

// accessLink is the interface of the MAG that the node is at.
const accessLink = "access"

// variant is a way of forwarding.
type variant struct {
	name  string
	encap dataplane.Encap // 0: plain forwarding
	v6    bool            // outside
	slow  bool            // without the fast path in the kernel, as on hosts that do not allow it
	bare  bool            // without the rules of nftables

	backend string // its name; empty: userspace
}

// variants begin with the baseline. UDP has no fast path, and is over IPv4 alone (RFC 5844 section 4).
var variants = []variant{
	{name: "kernel"},
	{name: "udp4", encap: dataplane.EncapUDP},
	{name: "ip4", encap: dataplane.EncapIP},
	{name: "ip6", encap: dataplane.EncapIP, v6: true},
	{name: "gre4", encap: dataplane.EncapGRE},
	{name: "gre6", encap: dataplane.EncapGRE, v6: true},
	{name: "ip4-bare", encap: dataplane.EncapIP, bare: true},
	{name: "ip6-bare", encap: dataplane.EncapIP, v6: true, bare: true},
	{name: "gre4-bare", encap: dataplane.EncapGRE, bare: true},
	{name: "gre6-bare", encap: dataplane.EncapGRE, v6: true, bare: true},
	{name: "ip4-user-space", encap: dataplane.EncapIP, slow: true},
	{name: "ip6-user-space", encap: dataplane.EncapIP, v6: true, slow: true},
	{name: "gre4-user-space", encap: dataplane.EncapGRE, slow: true},
	{name: "gre6-user-space", encap: dataplane.EncapGRE, v6: true, slow: true},
}

// variantNames lists what can be compared with the baseline.
func variantNames() string {
	var names []string
	for _, v := range variants[1:] {
		names = append(names, v.name)
	}
	return strings.Join(names, ", ")
}

// build makes the topology for a variant. The caller closes it, also after an error.
func build(v variant) (*topology, error) {
	t := &topology{}
	for i, name := range []string{"node", "mag", "lma", "cn"} {
		h, err := netns.NewHost(name)
		if err != nil {
			return t, err
		}
		t.hosts[i] = h
	}
	node, mag, lma, cn := t.hosts[0], t.hosts[1], t.hosts[2], t.hosts[3]
	err := firstError(
		func() error { return netns.Connect(node, "eth0", mag, accessLink) },
		func() error { return netns.Connect(mag, "eth0", lma, "eth0") },
		func() error { return netns.Connect(lma, "eth1", cn, "eth0") },
		func() error { return addresses(node, "eth0", node4, node6) },
		func() error { return addresses(mag, accessLink, access4, access6) },
		func() error { return addresses(mag, "eth0", mag4, mag6) },
		func() error { return addresses(lma, "eth0", lma4, lma6) },
		func() error { return addresses(lma, "eth1", gateway4, gateway6) },
		func() error { return addresses(cn, "eth0", cn4, cn6) },
		func() error { return routes(node, access4, access6) },
		func() error { return routes(cn, gateway4, gateway6) },
		mag.Forward, lma.Forward,
		func() error { return cn.Sysctl("ipv4/tcp_wmem", "4096 1048576 33554432") }, // as large as the receiver's
		func() error { return node.Sysctl("ipv4/tcp_rmem", "4096 1048576 33554432") },
	)
	if err != nil {
		return t, err
	}
	if v.encap == 0 {
		return t, firstError(
			func() error { return routes(mag, lma4, lma6) },
			func() error { return routes(lma, mag4, mag6) },
		)
	}
	return t, firstError(
		func() error { return t.start(mag, v, dataplane.Access) },
		func() error { return t.start(lma, v, dataplane.Anchor) },
	)
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func addresses(h *netns.Host, device, v4, v6 string) error {
	return errors.Join(h.Address(device, v4+"/24"), h.Address(device, v6+"/64"))
}

func routes(h *netns.Host, via4, via6 string) error {
	return errors.Join(h.Route(anywhere4, via4), h.Route(anywhere6, via6))
}

// close returns the largest resident size that a plane had, in MiB.
func (t *topology) close() (peak float64) {
	for _, p := range t.planes {
		peak = max(peak, resident(p.cmd.Process.Pid, "VmHWM:"))
		p.stop()
	}
	for _, h := range t.hosts {
		if h != nil {
			h.Close()
		}
	}
	return peak
}

// plane is a forwarding plane that runs as a process of its own, as it does in an element.
type plane struct {
	cmd   *exec.Cmd
	stdin *os.File
}

func (t *topology) start(h *netns.Host, v variant, side dataplane.Side) error {
	stdin, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	defer stdin.Close()
	cmd := exec.Command("/proc/self/exe", "plane", "--variant", v.name, fmt.Sprintf("--anchor=%t", side == dataplane.Anchor),
		"--backend", cmp.Or(v.backend, backend.Userspace.String()))
	cmd.Stdin, cmd.Stderr, cmd.Env = stdin, os.Stderr, os.Environ()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := h.Start(cmd); err != nil {
		return err
	}
	t.planes = append(t.planes, &plane{cmd, ours})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		return fmt.Errorf("plane of %s did not start: %q, %w", h.Name, line, err)
	}
	return nil
}

func (p *plane) stop() {
	p.stdin.Close()
	_ = p.cmd.Wait() // what it had to say is on standard error
}
