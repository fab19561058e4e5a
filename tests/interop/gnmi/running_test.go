package gnmi

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"mooring/dataplane/netns"
	"mooring/server/access"
)

// running is an anchor that was started as its operator does, with a node that a gateway has registered.
type running struct {
	door
	host     *netns.Host
	stateDir string
	known    tls.Certificate // of the operator
}

const domainOfNode = `"domain": [{"name": "lab.example", "auth-option": {"spi": 4096, "key": "secret"}, "lma": [{"id": "lma1", "ipv6-address": "2001:db8:a::1"}],
	"nai": [{"id": "mn1@lab.example", "network": "home", "service": "dual", "lma": "lma1"}]}]`

// Of the users, the operator may do everything and the others may read.
const anchorOfNode = `{"mooring-system:system": {"host-name": "lma1", "metrics": {"enabled": true}, "user": [
		{"name": "operator", "password": "%[1]s"}, {"name": "reader", "password": "%[1]s"}, {"name": "leaver", "password": "%[1]s"}],
		"client-certificate": [{"fingerprint": "%[2]s", "user": "operator"}]},
	"ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "admin", "user-name": ["operator"]}, {"name": "readers", "user-name": ["reader", "leaver"]}]},
		"rule-list": [{"name": "admin", "group": ["admin"], "rule": [{"name": "all", "action": "permit"}]}, {"name": "readers", "group": ["readers"], "rule": [{"name": "read", "access-operations": "read", "action": "permit"}]}]},
	"mooring-pmipv6:pmipv6": {` + domainOfNode + `, "lma": [{"name": "lma1", "domain": "lab.example", "address": {"ipv6": ["2001:db8:a::1"]},
		"mag": [{"id": "mag1", "domain": "lab.example", "ipv6-address": "2001:db8:a::11"}],
		"network": [{"name": "home", "pool": {"mobile-node": {"ipv4": {"start-address": "198.18.0.2", "pool-prefix": 16},
			"ipv6": {"start-address": "2001:db8:100::", "pool-prefix": 40}}}}]}]}}`

const gatewayOfNode = `{"mooring-pmipv6:pmipv6": {` + domainOfNode + `, "mag": [{"name": "mag1", "domain": "lab.example", "address": {"ipv6": "2001:db8:a::11"},
	"lma": [{"id": "lma1", "domain": "lab.example"}],
	"interface": [{"name": "access0", "node": [{"link-layer-address": "02:00:5e:10:00:01", "nai": "mn1@lab.example"}]}]}]}}`

// runElement starts both, lets the node come, and returns when it is registered.
func runElement(t *testing.T) *running {
	t.Helper()
	program := filepath.Join(t.TempDir(), "mooring")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "mooring/cmd/mooring").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	host := func(name string) *netns.Host {
		h, err := netns.NewHost(name)
		check(t, err)
		t.Cleanup(func() { h.Close() })
		check(t, h.Sysctl("ipv6/conf/default/accept_dad", "0"))
		return h
	}
	lma, mag, node := host("lma"), host("mag"), host("node")
	check(t, netns.Connect(lma, "eth0", mag, "eth0"))
	check(t, lma.Address("eth0", "2001:db8:a::1/64"))
	check(t, mag.Address("eth0", "2001:db8:a::11/64"))
	check(t, netns.Connect(node, "eth0", mag, "access0"))
	check(t, node.Down("eth0"))
	link, err := node.Net.LinkByName("eth0")
	check(t, err)
	check(t, node.Net.LinkSetHardwareAddr(link, net.HardwareAddr{0x02, 0x00, 0x5e, 0x10, 0x00, 0x01}))

	r := &running{host: lma, stateDir: t.TempDir()}
	hash, err := access.HashPassword(password)
	check(t, err)
	folder := &element{dir: r.stateDir}
	print := folder.newClientCertificate(t)
	r.known, err = tls.LoadX509KeyPair(filepath.Join(r.stateDir, "client.crt"), filepath.Join(r.stateDir, "client.key"))
	check(t, err)
	start(t, lma, program, r.stateDir, fmt.Sprintf(anchorOfNode, hash, print))
	start(t, mag, program, t.TempDir(), gatewayOfNode)
	r.enter(t)
	check(t, node.Up("eth0"))
	r.operator(t).subscribe(streaming, nil, bindings).sync().until(bindings+"/binding[id=1]/forwarding", "installed")
	return r
}

// operator is a client with a certificate: after each commit, the element has to hash a password anew.
func (r *running) operator(t *testing.T) *conformer {
	t.Helper()
	return r.conform(t, "", "", r.known)
}

// start starts an element, and waits until it says where it listens.
func start(t *testing.T, h *netns.Host, program, stateDir, configuration string) {
	t.Helper()
	startup := filepath.Join(t.TempDir(), "startup.json")
	check(t, os.WriteFile(startup, []byte(configuration), 0o600))
	cmd := exec.Command(program, "run", "--state-dir", stateDir, "--startup", startup)
	log := &lines{more: make(chan struct{}, 1)}
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, h.Start(cmd))
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("log of the element on %s:\n%s", h.Name, log)
		}
	})
	said := bufio.NewScanner(out)
	for said.Scan() {
		if strings.Contains(said.Text(), "local gNMI") {
			go io.Copy(io.Discard, out)
			return
		}
	}
	t.Fatalf("the element on %s does not start: %s", h.Name, log)
}

// dialAt makes connections that begin in the namespace of a host.
func dialAt(h *netns.Host, address string) (conn net.Conn, err error) {
	err = h.Do(func() error {
		conn, err = net.DialTimeout("tcp", address, time.Minute)
		return err
	})
	return conn, err
}

// enter finds the door of the anchor, with the certificate that it has made.
func (r *running) enter(t *testing.T) {
	t.Helper()
	r.door = door{address: "passthrough:///127.0.0.1:9339", certificate: filepath.Join(r.stateDir, "keys/certificate.pem")}
	text, err := os.ReadFile(r.certificate)
	check(t, err)
	block, _ := pem.Decode(text)
	shown, err := x509.ParseCertificate(block.Bytes)
	check(t, err)
	r.name = shown.DNSNames[0]
	r.options = []grpc.DialOption{grpc.WithContextDialer(func(_ context.Context, address string) (net.Conn, error) { return dialAt(r.host, address) })}
}
