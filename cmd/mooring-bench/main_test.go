package main

import (
	"bytes"
	"encoding/json"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"mooring/dataplane/netns"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{"plane", "config", "element", "telemetry", "lma"}, os.Args[1]) { // a process under test, started by the test
		main()
		return
	}
	netns.Main(m)
}

// One short round of everything: each variant forwards, and its line has what every benchmark's line has.
func TestForward(t *testing.T) {
	ballast := bytes.Repeat([]byte{1}, 256<<20) // the size of this process is none of a plane's
	cmd := command()
	out := new(bytes.Buffer)
	cmd.SetOut(out)
	cmd.SetArgs([]string{"forward", "--json", "--rounds", "1", "--time", "300ms", "--measures", "tcp"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	var names []string
	runtime.KeepAlive(ballast)
	for line := range strings.Lines(out.String()) {
		var r Result
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if r.N <= 0 || r.CPU <= 0 || r.Wall <= 0 || r.Ratio <= 0 || (r.Name == "forward-tcp-kernel") != (r.Ratio == 1) {
			t.Errorf("%+v", r)
		}
		if (r.Name == "forward-tcp-kernel") != (r.RSS == 0) || r.RSS > 200 {
			t.Errorf("%s: %v MiB", r.Name, r.RSS)
		}
		names = append(names, r.Name)
	}
	want := "forward-tcp-kernel forward-tcp-udp4 forward-tcp-ip4 forward-tcp-ip6 forward-tcp-gre4 forward-tcp-gre6 " +
		"forward-tcp-ip4-user-space forward-tcp-ip6-user-space forward-tcp-gre4-user-space forward-tcp-gre6-user-space"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("lines %s, want %s", got, want)
	}
}

func TestPackets(t *testing.T) {
	o := forwardOptions{rounds: 1, length: 20_000_000, variants: []string{"udp4"}, measures: []string{"pps"}}
	results, err := o.run(t.Output())
	if err != nil || len(results) != 2 || results[1].Name != "forward-pps-udp4" || results[1].N <= 0 {
		t.Fatalf("%+v, %v", results, err)
	}
}

func TestUnknownVariantIsRefused(t *testing.T) {
	o := forwardOptions{rounds: 1, variants: []string{"udp5"}}
	if _, err := o.run(t.Output()); err == nil || !strings.Contains(err.Error(), "udp5") {
		t.Fatal(err)
	}
}

func TestTable(t *testing.T) {
	out := new(bytes.Buffer)
	if err := printTable(out, []Result{{Name: "forward-tcp-udp4", N: 3_000_000_000, Wall: 2, CPU: 1.5, RSS: 10, Ratio: 0.25, Unit: "B"}}); err != nil {
		t.Fatal(err)
	}
	want := "              name       rate           n  cpu s  wall s  rss MiB  ratio\n" +
		"  forward-tcp-udp4  1.50 GB/s  3000000000   1.50    2.00     10.0  0.250\n"
	if out.String() != want {
		t.Errorf("table\n%q\nwant\n%q", out, want)
	}
}

func TestMedian(t *testing.T) {
	if r := median([]Result{{Ratio: 3}, {Ratio: 1}, {Ratio: 2}}, Result.ratio); r.Ratio != 2 {
		t.Errorf("median %v", r.Ratio)
	}
}

func TestUnknownBackendIsRefused(t *testing.T) {
	cmd := command()
	cmd.SetArgs([]string{"forward", "--backend", "ebpf"})
	if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), `no backend "ebpf"`) {
		t.Fatal(err)
	}
}
