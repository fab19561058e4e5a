package main

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mooring/examples"
)

// Everything that is wrong with a configuration is said, with where, and nothing of it is kept.
func TestRunRefusesBadConfigurations(t *testing.T) {
	h := newHost(t, "h")
	const pmipv6 = "/mooring-pmipv6:pmipv6"
	for name, c := range map[string]struct {
		content string
		texts   []string
	}{
		"of-the-wrong-form.json": {`{"mooring-pmipv6:pmipv6": {
			"domain": [{"name": "d", "encap": "carrier-pigeon"}],
			"lma": [{"name": "l", "domain": "d", "bce": {"lifetime": 3}, "colour": "red"}]}, "mooring-system:system": {"gnmi": {"port": 65536}}}`,
			[]string{"% Invalid input: " + pmipv6 + "/domain[name='d']/encap", "carrier-pigeon", pmipv6 + "/lma[name='l']/bce/lifetime", pmipv6 + "/lma[name='l']: no node \"colour\"", "/mooring-system:system/gnmi/port"}},
		"that-breaks-constraints.json": {`{"mooring-pmipv6:pmipv6": {
			"domain": [{"name": "d"}],
			"lma": [{"name": "l"}],
			"mag": [{"name": "m", "domain": "elsewhere"}, {"name": "n", "domain": "d", "lma": [{"id": "x", "domain": "d"}]}]}}`,
			[]string{"% Incomplete command: " + pmipv6 + "/lma[name='l']/domain", "% " + pmipv6 + "/mag[name='m']/domain: \"elsewhere\" is not configured", pmipv6 + "/mag[name='n']/lma[id='x'][domain='d']"}},
		"that-makes-no-sense.json": {`{"mooring-pmipv6:pmipv6": {
			"domain": [{"name": "d"}],
			"lma": [{"name": "l1", "domain": "d", "address": {"ipv4": ["192.0.2.1"]}}, {"name": "l2", "domain": "d", "address": {"ipv4": ["192.0.2.1"]}}]},
			"mooring-system:system": {"gnmi": {"port": 830}}}`,
			[]string{pmipv6 + "/lma[name='l2']/address/ipv4[.='192.0.2.1']", "/mooring-system:system/gnmi/port"}},
		"of-three-stages.json": {`{"mooring-pmipv6:pmipv6": {
			"domain": [{"name": "d", "encap": "carrier-pigeon", "colour": "red"}],
			"lma": [{"name": "l1", "domain": "d", "address": {"ipv4": ["192.0.2.1"]}, "mag": [{"id": "x", "domain": "d"}]},
				{"name": "l2", "domain": "elsewhere", "address": {"ipv4": ["192.0.2.1"]}}]}}`,
			[]string{pmipv6 + "/domain[name='d']: no node \"colour\"", pmipv6 + "/domain[name='d']/encap: ", pmipv6 + "/lma[name='l1']/mag[id='x'][domain='d']: ",
				pmipv6 + "/lma[name='l2']/domain: ", pmipv6 + "/lma[name='l2']/address/ipv4[.='192.0.2.1']: "}},
		"broken.json": {`{"mooring-pmipv6:pmipv6": `, []string{"malformed JSON"}},
		"wrong.xml": {`<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6">
			<colour/><domain><name>d</name><encap>none</encap></domain></pmipv6></config>`, []string{pmipv6 + ": no node colour", pmipv6 + "/domain[name='d']/encap"}},
		"bare.xml": {`<pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6"/>`, []string{"config or data"}},
		"empty":    {" \n", []string{"the file is empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := write(t, name, c.content)
			o := complete(t, h, privileged, "run", "--state-dir", dir, "--startup", file)
			o.expect(t, 2, append(c.texts, file)...)
			if left := held(t, h); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
			if kept, err := filepath.Glob(dir + "/config/*.json"); err != nil || len(kept) > 0 {
				t.Errorf("kept %q, %v", kept, err)
			}
		})
	}
}

// A startup file that cannot be read is told of before anything is done to the host, on which an earlier element's traffic may go on.
func TestRunReadsStartupFirst(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		flags []string
		text  string
	}{
		"missing":              {[]string{"--startup", "/nonexistent.json"}, "cannot read the configuration: open /nonexistent.json: no such file or directory"},
		"missing, of a router": {[]string{"--startup", "/nonexistent.cfg", "--startup-from", "ios-xr"}, "cannot read the configuration: open /nonexistent.cfg: no such file or directory"},
		"malformed":            {[]string{"--startup", write(t, "broken.json", "{")}, "malformed JSON"},
		"missing replacement":  {[]string{"--state-dir", dir, "--startup", "/nonexistent.json", "--startup-replace"}, "no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "missing replacement" {
				run(t, newHost(t, "before"), dir, "--startup", write(t, "one.json", fmt.Sprintf(oneDomain, 1))).end(syscall.SIGTERM)
			}
			h := newHost(t, "h")
			if err := h.Sysctl("ipv4/ip_forward", "0"); err != nil {
				t.Fatal(err)
			}
			o := complete(t, h, privileged, append([]string{"run", "--state-dir", t.TempDir()}, c.flags...)...)
			o.expect(t, 2, c.text)
			if forwards, err := h.ReadSysctl("ipv4/ip_forward"); err != nil || forwards != "0" {
				t.Errorf("the host has been made to forward: %s, %v", forwards, err)
			}
		})
	}
}

// Who names an address wants to know that it is taken. What is configured is tried again.
func TestRunRefusesTakenAddress(t *testing.T) {
	h := newHost(t, "h")
	o := complete(t, h, privileged, "run", "--state-dir", t.TempDir(), "--netconf", "127.0.0.1:1830", "--gnmi", "127.0.0.1:1830")
	o.expect(t, 1, "cannot listen at 127.0.0.1:1830: bind: address already in use")
	if left := held(t, h); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A configuration that was good once, for another version or before somebody edited it, is said to be bad, and left alone.
func TestRunRefusesBadConfigurationOnDisk(t *testing.T) {
	h, dir := newHost(t, "h"), t.TempDir()
	run(t, h, dir, "--startup", write(t, "one.json", fmt.Sprintf(oneDomain, 1))).end(syscall.SIGTERM)
	file := filepath.Join(dir, "config/running.json")
	good, err := os.ReadFile(file)
	must(t, err)
	bad := strings.Replace(string(good), "start-address", "first-address", 1)
	must(t, os.WriteFile(file, []byte(bad), 0o600))
	o := complete(t, h, privileged, "run", "--state-dir", dir)
	o.expect(t, 2, filepath.Join(dir, "config"), "/lma[name='l1']/network[name='home']/pool/mobile-node/ipv4", `no node "first-address"`, "move the folder away")
	if now, err := os.ReadFile(file); err != nil || string(now) != bad {
		t.Errorf("the file was changed: %v", err)
	}
	for cut, says := range map[string]string{"": "mooring:commit", string(good[:len(good)/2]): "EOF"} {
		must(t, os.WriteFile(file, []byte(cut), 0o600))
		o := complete(t, h, privileged, "run", "--state-dir", dir)
		o.expect(t, 2, filepath.Join(dir, "config"), "/: ", says, "correct running.json, or move the folder away")
	}
}

func TestRunSaysWhichPrivilegeIsMissing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	o := complete(t, newHost(t, "h"), unprivileged, "run", "--state-dir", dir)
	o.expect(t, 3, "CAP_NET_ADMIN is missing", "CAP_NET_RAW is missing", "setcap cap_net_admin,cap_net_raw+ep")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the state folder was made all the same: %v", err)
	}
}

func TestStateFolderHasOneProcess(t *testing.T) {
	h, dir := newHost(t, "h"), t.TempDir()
	first := run(t, h, dir)
	o := complete(t, h, privileged, "run", "--state-dir", dir)
	o.expect(t, 4, fmt.Sprintf("process %d", first.cmd.Process.Pid), dir)
	if got := first.show("pools"); got != "no pools\n" {
		t.Errorf("the first process says %q", got)
	}
	if code := first.end(syscall.SIGINT); code != 0 {
		t.Errorf("exit code %d", code)
	}
	run(t, h, dir)
}

const (
	oneDomain = `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "lma": [{"name": "l%d", "domain": "d", "network": [
		{"name": "home", "pool": {"mobile-node": {"ipv4": {"start-address": "198.18.0.2", "pool-prefix": 16}}}}]}]}}`
	oneDomainXML = ` <data xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6"><domain><name>d</name></domain>
		<lma><name>l3</name><domain>d</domain><network><name>home</name><pool><mobile-node><ipv4><start-address>198.18.0.2</start-address>
		<pool-prefix>16</pool-prefix></ipv4></mobile-node></pool></network></lma></pmipv6></data>`
)

// The startup file counts when there is no configuration yet, or when it is to replace the one there is.
func TestStartupFile(t *testing.T) {
	h, dir := newHost(t, "h"), t.TempDir()
	for _, c := range []struct {
		what, lma string
		args      []string
	}{
		{"the first start", "lma l1", []string{"--startup", write(t, "one.json", fmt.Sprintf(oneDomain, 1))}},
		{"a start without", "lma l1", nil},
		{"another file", "lma l1", []string{"--startup", write(t, "two.json", fmt.Sprintf(oneDomain, 2))}},
		{"a broken file that is not needed", "lma l1", []string{"--startup", write(t, "broken.json", "{")}},
		{"replacement by XML", "lma l3", []string{"--startup", write(t, "three.xml", oneDomainXML), "--startup-replace"}},
	} {
		p := run(t, h, dir, c.args...)
		if pools := p.show("pools"); !strings.Contains(pools, c.lma+" ") {
			t.Errorf("%s: %s has no pool:\n%s", c.what, c.lma, pools)
		}
		if code := p.end(syscall.SIGTERM); code != 0 {
			t.Errorf("%s: exit code %d", c.what, code)
		}
	}
}

// The published example is a startup file, and what an element that began with it prints says the same.
func TestMLL24_TheExampleIsAStartupFile(t *testing.T) {
	h, dir := newHost(t, "h"), t.TempDir()
	text, err := fs.ReadFile(examples.FS, "lab/mll/lma.cfg")
	must(t, err)
	example := write(t, "lma.cfg", string(text))
	p := run(t, h, dir, "--startup", example, "--startup-from", "ios-xr")
	for _, start := range []string{"nodes     10.10.10.1", "nodes     2002:10:10:1::1", "networks  20.20.20.1", "networks  2002:20:0:1::1"} {
		if pools := p.show("pools"); !strings.Contains(pools, "lma LMA  CUST2     CUST2    "+start) {
			t.Errorf("no pool %s in\n%s", start, pools)
		}
	}
	printed := complete(t, h, privileged, "import", "--to", "ios-xr", "--state-dir", dir)
	printed.expect(t, 0)
	var said []string
	for _, file := range []string{example, write(t, "printed.cfg", printed.out)} {
		o := complete(t, h, privileged, "import", "--from", "ios-xr", file)
		o.expect(t, 0)
		said = append(said, o.out)
	}
	if said[0] != said[1] || !strings.Contains(said[0], "CUSTSP") {
		t.Errorf("the example says\n%s\nand what is printed\n%s", said[0], said[1])
	}
}

// Every example runs as it is, on a host that has none of its addresses or interfaces yet.
func TestExamplesRun(t *testing.T) {
	files, err := fs.Glob(examples.FS, "*/*.json")
	must(t, err)
	more, err := fs.Glob(examples.FS, "*/*/*.json")
	must(t, err)
	if files = append(files, more...); len(files) < 8 {
		t.Fatalf("found only %q", files)
	}
	for _, name := range files {
		file := filepath.Join("../../examples", name)
		h := newHost(t, "h")
		p := run(t, h, t.TempDir(), "--startup", file)
		if listening := p.said("NETCONF"); listening == "off" {
			t.Errorf("%s: NETCONF is off", file)
		}
		if code := p.end(syscall.SIGTERM); code != 0 {
			t.Errorf("%s: exit code %d", file, code)
		}
		if left := held(t, h); len(left) > 0 {
			t.Errorf("%s: left behind: %q", file, left)
		}
	}
}

// Servers listen on loopback, where the configuration says, or where the flags say; the chosen port is told, and so are the fingerprints of
// the keys: at every start, because the first may have failed after it made them.
func TestListenAddresses(t *testing.T) {
	h, dir := newHost(t, "h"), t.TempDir()
	p := run(t, h, dir)
	if n, g := p.said("NETCONF"), p.said("gNMI"); n != "127.0.0.1:830 [::1]:830" || g != "127.0.0.1:9339 [::1]:9339" {
		t.Errorf("without configuration: NETCONF %s, gNMI %s", n, g)
	}
	key, cert := p.said("SSH host key"), p.said("certificate")
	if !strings.HasPrefix(key, "SHA256:") || strings.Count(cert, ":") != 31 {
		t.Errorf("keys %s, %s", key, cert)
	}
	p.end(syscall.SIGTERM)
	configured := write(t, "c.json", `{"mooring-system:system": {"netconf": {"ssh": {"port": 8300, "address": ["127.0.0.1"]}}, "gnmi": {"enabled": false}}}`)
	p = run(t, h, dir, "--startup", configured, "--startup-replace")
	if n, g := p.said("NETCONF"), p.said("gNMI"); n != "127.0.0.1:8300" || g != "off" {
		t.Errorf("configured: NETCONF %s, gNMI %s", n, g)
	}
	if k, c := p.said("SSH host key"), p.said("certificate"); k != key || c != cert {
		t.Errorf("the second start says keys %s, %s; the first said %s, %s", k, c, key, cert)
	}
	p.set("8301", elem("system"), elem("netconf"), elem("ssh"), elem("port"))
	for at, listened := range map[string]bool{"127.0.0.1:8300": false, "127.0.0.1:8301": true} {
		err := h.Do(func() error {
			c, err := net.Dial("tcp", at)
			if err == nil {
				c.Close()
			}
			return err
		})
		if (err == nil) != listened {
			t.Errorf("after port 8301 was committed, %s: %v", at, err)
		}
	}
	p.end(syscall.SIGTERM)
	p = run(t, h, dir, "--netconf", "off", "--gnmi", "127.0.0.1:0,[::1]:0")
	n, g := p.said("NETCONF"), p.said("gNMI")
	if four, six, two := strings.Cut(g, " "); n != "off" || !two || !strings.HasPrefix(four, "127.0.0.1:") || !strings.HasPrefix(six, "[::1]:") || strings.HasSuffix(four, ":0") {
		t.Errorf("by flags: NETCONF %s, gNMI %s", n, g)
	}
}

// The socket is announced by a name that clients understand, whichever way the folder was named.
func TestSocketOfRelativeFolder(t *testing.T) {
	h, parent := newHost(t, "h"), t.TempDir()
	t.Chdir(parent)
	p := run(t, h, "element", "--netconf", "off", "--gnmi", "off")
	if at := p.said("local gNMI"); at != "unix://"+filepath.Join(parent, "element/mooring.sock") {
		t.Errorf("the socket is at %s", at)
	}
}

// Two elements in a network namespace would undo each other's work: the second is refused, until the first has ended, however it does.
func TestNamespaceHasOneElement(t *testing.T) {
	h := newHost(t, "h")
	first := run(t, h, t.TempDir())
	o := complete(t, h, privileged, "run", "--state-dir", t.TempDir(), "--netconf", "127.0.0.1:0", "--gnmi", "127.0.0.1:0")
	o.expect(t, 1, "has an element already", fmt.Sprintf("process %d", first.cmd.Process.Pid), "a namespace of its own")
	first.end(syscall.SIGKILL)
	run(t, h, t.TempDir())
}
