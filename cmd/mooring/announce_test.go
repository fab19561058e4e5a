package main

import (
	"net/netip"
	"strings"
	"testing"

	"mooring/cmd/mooring/element"
	"mooring/server/state"
)

func TestAnnounce(t *testing.T) {
	at := netip.MustParseAddrPort
	var out strings.Builder
	must(t, announce(&out, "1.2", element.Management{
		NETCONF: state.Listener{Bound: []netip.AddrPort{at("127.0.0.1:830"), at("[::1]:830")}},
		GNMI:    state.Listener{Bound: []netip.AddrPort{at("[::1]:9339")}, Error: "127.0.0.1:9339: address already in use\n127.0.0.2:9339: no such address"},
		Socket:  "/var/lib/mooring/mooring.sock",
		HostKey: "SHA256:YYxA", Certificate: "5A:22",
	}))
	want := `mooring 1.2 is running
  SSH host key  SHA256:YYxA
  certificate   5A:22
  NETCONF       127.0.0.1:830 [::1]:830
  gNMI          [::1]:9339 not yet 127.0.0.1:9339: address already in use, nor 127.0.0.2:9339: no such address
  local gNMI    unix:///var/lib/mooring/mooring.sock
`
	if got := out.String(); got != want {
		t.Errorf("announced\n%s\nwant\n%s", got, want)
	}
	out.Reset()
	must(t, announce(&out, "1.2", element.Management{}))
	if got := out.String(); !strings.Contains(got, "NETCONF       off\n") || strings.Contains(got, "metrics") {
		t.Errorf("announced\n%s", got)
	}
}
