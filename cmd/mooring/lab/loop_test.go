package lab

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The published example carries traffic for both customers, by an unprivileged user: imported as it is printed (MLL-24), with CUST1's prefixes accepted
// as received (MLL-08) and CUST2's from its pools (MLL-09), over two operators (MLL-23), without leaks (MLL-19), told to a FreeRADIUS
// that has the secret of the type 7 key (AAA-01, AAA-02, MLL-21), with answers to unmarked requests marked (DSCP-04). A customer leaves alone (MLL-04).
// The command itself fails where any of it is not so; here is what it tells.
func TestMLL24_TheExampleCarriesTraffic(t *testing.T) {
	t.Parallel()
	captures := filepath.Join(t.TempDir(), "captures")
	p := start(t, append(unprivileged, mooring, "lab", "mll", "--json", "--pcap", captures)...)
	p.ends(0)
	for _, want := range []struct{ event, host, text string }{
		{"import", "lma", "lines taken: 38, warnings: 1, refused: 0"},
		{"import", "lma", "there is no network CUST1 (W-REF)"},
		{"accepted", "cpe1", "10.10.10.1/32, 2002:10:10:1::/64, 192.168.1.0/24, 2001:db8:1:1::/64"},
		{"accepted", "cpe2", "10.10.10.1/32, 2002:10:10:1::/64, 20.20.20.0/28, 2002:20:0:1::/64"},
		{"refused", "cpe2", "status 177"},
		{"refused", "cpe3", "status 178"},
		{"addresses", "mn", "10.10.10.2"},
		{"reaches", "cn1", "pc1 at 10.10.10.1"},
		{"reaches", "cn2", "pc2 at 10.10.10.1"},
		{"accounting", "aaa", "Start of node cpe1@CUST1, customer=CUST1 vrf-id=VRF1"},
		{"accounting", "aaa", "Start of tunnel 2002:16::2 to 2002:16::11, customer=CUST2 vrf-id=VRF2"},
		{"accounting", "aaa", "Stop of node cpe3@CUST1"},
		{"bri", "lma", "trigger 1"},
		{"summary", "", "CUST1 is gone"},
	} {
		if !slices.ContainsFunc(p.events, func(e Event) bool {
			return e.Event == want.event && e.Host == want.host && strings.Contains(e.Text, want.text)
		}) {
			t.Errorf("nothing is told of %s at %s: %s: %s", want.event, want.host, want.text, p.story())
		}
	}
	// tshark sees the marks, too: every message of the anchor has one (mip6.mhtype 6 is an acknowledgement).
	marks := tshark(t, filepath.Join(captures, "cpe2.pcap"), "udp.port == 5436 && ip.src == 16.16.16.2", "ip.dsfield.dscp", "mip6.mhtype")
	if len(marks) < 2 || slices.ContainsFunc(marks, func(line string) bool { return line != "45\t6" }) {
		t.Errorf("tshark sees the marks and messages %q", marks)
	}
}

// A lab that is kept has both customers, and what it prints to go on with works. An interrupt takes it down.
func TestLoopIsKept(t *testing.T) {
	t.Parallel()
	p := start(t, mooring, "lab", "mll", "--json", "--keep")
	p.until("keep", "")
	all := family(p.Process.Pid)
	namespaces := namespacesOf(t, all[1])
	text := p.events[len(p.events)-1].Text
	printed := map[string]string{}
	for _, line := range commandLine.FindAllStringSubmatch(text, -1) {
		printed[line[1]] = line[2]
	}
	for _, try := range []struct{ command, shows string }{
		{"first", "3 received"}, {"second", "3 received"}, {"node", "3 received"}, {"state", "cpe3@CUST1"}, {"text", "customer CUST2 vrf VRF2"},
		{"records", "Tunnel-Server-Endpoint"}, {"removal", "committed"}, {"state", "cpe2@CUST2"},
	} {
		out, err := exec.Command("sh", "-c", beginLine.FindString(text)+"\n"+printed[try.command]).CombinedOutput()
		if err != nil || !strings.Contains(string(out), try.shows) {
			t.Errorf("%s: %s: %v: %s", try.command, printed[try.command], err, out)
		}
	}
	p.interrupt()
	p.ends(0)
	gone(t, all, namespaces)
}

func TestLoopIsInterrupted(t *testing.T) {
	t.Parallel()
	p := start(t, mooring, "lab", "mll", "--json")
	p.until("refused", "cpe2")
	all := family(p.Process.Pid)
	namespaces := namespacesOf(t, all[1])
	p.interrupt()
	p.ends(1)
	p.says("^mooring: interrupted before the end\n$")
	gone(t, all, namespaces)
}
