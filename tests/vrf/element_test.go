package vrf

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	netlib "github.com/vishvananda/netlink"

	"mooring/cmd/mooring/client"
	"mooring/cmd/mooring/element"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/dataplane/planetest"
	"mooring/tests/said"
)

// asElement has this test binary be an element, in the state folder that it names.
const asElement = "MOORING_TEST_ELEMENT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asElement); dir != "" {
		beElement(dir)
		return
	}
	netns.Main(m)
}

func beElement(dir string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	e, err := element.Start(ctx, element.Options{StateDir: dir, Startup: filepath.Join(dir, "..", "startup.json"), StartupReplace: true, Log: log})
	if err == nil {
		os.Stdout.Write([]byte("started\n"))
		e.Wait(ctx)
		err = e.Close()
	}
	if err != nil {
		log.Error("end", "error", err)
		os.Exit(1)
	}
}

// process is a whole element that is configured by YANG alone.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	out io.Reader
	dir string
	log said.Text
}

// startElement starts an element, and returns when it obeys its configuration.
func startElement(t *testing.T, h *netns.Host, folder, startup string) *process {
	t.Helper()
	p, err := launch(t, h.Start, folder, startup)
	must(t, err)
	p.await()
	return p
}

// launch has start start an element.
func launch(t *testing.T, start func(*exec.Cmd) error, folder, startup string) (p *process, err error) {
	p = &process{t: t, dir: filepath.Join(folder, "state"), cmd: exec.Command("/proc/self/exe")}
	if startup != "" {
		err = os.WriteFile(filepath.Join(folder, "startup.json"), []byte(startup), 0o600)
	}
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), asElement+"="+p.dir), &p.log
	if err == nil {
		p.out, err = p.cmd.StdoutPipe()
	}
	if err == nil {
		err = start(p.cmd)
	}
	return p, err
}

// await waits until the element obeys its configuration.
func (p *process) await() {
	p.t.Helper()
	p.t.Cleanup(func() {
		p.end(syscall.SIGTERM)
		if p.t.Failed() {
			p.t.Log(p.log.String())
		}
	})
	if _, err := p.out.Read(make([]byte, 8)); err != nil {
		p.cmd.Wait()
		p.t.Fatalf("the element did not start: %v", p.cmd.ProcessState)
	}
}

func (p *process) end(signal syscall.Signal) {
	if p.cmd.ProcessState == nil {
		p.cmd.Process.Signal(signal)
		p.cmd.Wait()
	}
}

// vrf is what the element says of a VRF.
type vrf struct {
	Kind         string `json:"kind"`
	OperStatus   string `json:"oper-status"`
	StatusReason string `json:"status-reason"`
	NextRetry    string `json:"next-retry"`
}

func (p *process) vrf(name string) (v vrf) {
	p.t.Helper()
	c, err := (&client.Target{StateDir: p.dir}).Dial()
	must(p.t, err)
	defer c.Close()
	rows, err := c.Get(p.t.Context(), nil, client.Whole("network-instances/network-instance")...)
	must(p.t, err)
	for _, r := range rows.All() {
		if r.Key("network-instance", "name") == name {
			v = vrf{r.Text("vrf", "kind"), r.Text("vrf", "oper-status"), r.Text("vrf", "status-reason"), r.Text("vrf", "next-retry")}
		}
	}
	return v
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not so: ", what)
		}
	}
}

// anchorYANG is an anchor of customers with the same addresses, whose interfaces and table are configured too. It is told CUST1, CUST2, or both, and by
// which VRF each is reached.
func anchorYANG(t *testing.T, reached map[string]string) string {
	t.Helper()
	instance := func(name string, vrf map[string]any) map[string]any {
		return map[string]any{"name": name, "mooring-network-instance:vrf": vrf}
	}
	customer := func(name, vrf, network, transport, address string) map[string]any {
		return map[string]any{"name": name, "vrf": vrf, "transport": []any{map[string]any{"vrf": transport, "ipv4-address": address}},
			"network": map[string]any{"authorized": []any{map[string]any{"name": network, "pool": map[string]any{"mobile-node": map[string]any{
				"ipv4": map[string]any{"start-address": "10.10.10.2", "pool-prefix": 24, "default-router": "10.10.10.1"},
				"ipv6": map[string]any{"start-address": "2001:db8:1::", "pool-prefix": 48}}}}}}}
	}
	instances, list := []any{}, []any{}
	for name, vrf := range reached {
		switch name {
		case "CUST1":
			instances = append(instances, instance("VRF1", map[string]any{"interface": []string{"c1"}}))
			list = append(list, customer("CUST1", "VRF1", "net1", vrf, "15.15.15.2"))
		case "CUST2":
			instances = append(instances, instance("VRF2", map[string]any{"table": 77, "interface": []string{"c2"}}))
			list = append(list, customer("CUST2", "VRF2", "net2", vrf, "16.16.16.2"))
		}
		if vrf != "default" {
			instances = append(instances, instance(vrf, map[string]any{"interface": []string{strings.ToLower(vrf)}}))
		}
	}
	text, err := json.Marshal(map[string]any{
		"ietf-network-instance:network-instances": map[string]any{"network-instance": instances},
		"mooring-pmipv6:pmipv6": map[string]any{
			"domain": []any{map[string]any{"name": "d1", "encap": "gre-ipv4", "nai": []any{map[string]any{"id": "@example.com", "service": "dual"}}}},
			"lma":    []any{map[string]any{"name": "lma1", "domain": "d1", "dynamic-mag-learning": true, "mobile-local-loop": map[string]any{"customer": list}}}},
		"mooring-system:system": map[string]any{"netconf": map[string]any{"ssh": map[string]any{"enabled": false}}, "gnmi": map[string]any{"enabled": false}},
	})
	must(t, err)
	return string(text)
}

// Of a configuration in YANG, with the interfaces of VRFs, comes traffic in them: customers with the same addresses, each reached in its own
// VRF, and none reaches the other's hosts. The kernel carries it where it can. (MLL-02, MLL-13, MLL-19)
func TestMLL19_FromYANGToPackets(t *testing.T) {
	lma, cn1, cn2 := host(t, "lma"), host(t, "cn1"), host(t, "cn2")
	for link, cn := range map[string]*netns.Host{"c1": cn1, "c2": cn2} {
		must(t, netns.Connect(lma, link, cn, "eth0"),
			lma.Address(link, "203.0.113.1/24"), cn.Address("eth0", planetest.CNAddr4+"/24"), cn.Route("0.0.0.0/0", "203.0.113.1"),
			lma.Address(link, "2001:db8:c::1/64"), cn.Address("eth0", planetest.CNAddr6+"/64"), cn.Route("::/0", "2001:db8:c::1"))
	}
	site1 := newSite(t, "mag1", lma, "op1", "15.15.15.11", "15.15.15.2", usual)
	site2 := newSite(t, "mag2", lma, "op2", "16.16.16.12", "16.16.16.2", usual)
	taken := takeNames(t, lma, "VRF1", "OP1")
	anchor := startElement(t, lma, t.TempDir(), anchorYANG(t, map[string]string{"CUST1": "OP1", "CUST2": "OP2"}))
	taken.free(t, anchor)
	for i, s := range []*site{site1, site2} {
		s.attach(t)
		s.granted(t)
		cn := []*netns.Host{cn1, cn2}[i]
		planetest.Transfer(t, s.node, cn, planetest.CNAddr4)
		planetest.Transfer(t, s.node, cn, planetest.CNAddr6)
		planetest.Transfer(t, cn, s.node, s.home)
	}
	if site1.home != "10.10.10.2" || site2.home != site1.home {
		t.Errorf("home addresses %s %s", site1.home, site2.home)
	}
	must(t, cn2.Address("eth0", "203.0.113.3/24")) // that the first customer has not
	planetest.Unreachable(t, site1.node, cn2, "203.0.113.3")
	planetest.Transfer(t, site2.node, cn2, "203.0.113.3")
	kind := "namespace"
	if taken.devices {
		kind = "vrf-interface"
	}
	for _, name := range []string{"VRF1", "VRF2", "OP1", "OP2"} {
		if v := anchor.vrf(name); v != (vrf{Kind: kind, OperStatus: "up"}) {
			t.Errorf("%s is %+v, want a %s that is up", name, v, kind)
		}
	}
	anchor.end(syscall.SIGTERM)
	for _, name := range []string{"c1", "c2", "op1", "op2"} {
		link, err := lma.Net.LinkByName(name)
		if err != nil || link.Attrs().MasterIndex != 0 {
			t.Errorf("after the element %s is not in the default VRF: %v", name, err)
		}
	}
}

// names are interfaces that have the names of VRFs, where the kernel has vrf interfaces.
type names struct {
	host    *netns.Host
	taken   []string
	devices bool
}

func takeNames(t *testing.T, h *netns.Host, list ...string) names {
	t.Helper()
	spare := host(t, "spare")
	n := names{host: h}
	open, err := netlink.Open(spare.Namespace)
	must(t, err)
	defer open.Close()
	if open.AddVRF("probe", "probe", 7) != nil {
		return n
	}
	n.devices, n.taken = true, list
	for _, name := range list {
		must(t, h.Net.LinkAdd(&netlib.Dummy{LinkAttrs: netlib.LinkAttrs{Name: name}}))
	}
	return n
}

// free finds that the element has started all the same, and says what is in the way and when it tries again; and takes that away.
func (n names) free(t *testing.T, e *process) {
	t.Helper()
	for _, name := range n.taken {
		eventually(t, "the state of VRF "+name+" says what is in the way", func() bool {
			v := e.vrf(name)
			return v.OperStatus == "down" && v.NextRetry != "" && strings.Contains(v.StatusReason, "vrf "+name+": interface "+name+" is there already, and is no vrf interface")
		})
	}
	for _, name := range n.taken {
		must(t, n.host.Delete(name))
	}
	for _, name := range n.taken {
		eventually(t, "VRF "+name+" is there", func() bool { return e.vrf(name).OperStatus == "up" })
	}
}
