//go:build !vm

package backend

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	netlib "github.com/vishvananda/netlink"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

// An address that the host refuses when the interface comes into the VRF is tried again, and the interface is the VRF's meanwhile.
func TestCarriedAddressIsTriedAgain(t *testing.T) {
	h := carriedHost(t)
	notes := filepath.Join(t.TempDir(), "carried")
	p, err := Open(Options{Namespace: h.Namespace, NoVRFDevices: true, Notes: netlink.Notes{Folder: notes}})
	must(t, err)
	defer p.Close()
	must(t, errors.Join(p.Apply(t.Context(), []dataplane.Op{red})...))
	disableIPv6 := func(of, value string) {
		t.Helper()
		must(t, p.InVRF("red", func(string) error {
			return os.WriteFile("/proc/sys/net/ipv6/conf/"+of+"/disable_ipv6", []byte(value), 0)
		}))
	}
	disableIPv6("default", "1")
	if err := errors.Join(p.Apply(t.Context(), []dataplane.Op{inRed})...); err == nil || !strings.Contains(err.Error(), "2001:db8:c::1/64") {
		t.Fatalf("an address that is refused: %v", err)
	}
	picture, err := dataplane.Picture(t.Context(), p)
	if must(t, err); !strings.Contains(picture, "member c1 vrf red") {
		t.Errorf("meanwhile there is\n%s", picture)
	}
	disableIPv6(carriedLink, "0")
	must(t, errors.Join(p.Apply(t.Context(), []dataplane.Op{inRed})...))
	if got := described(p); got != inVRF {
		t.Errorf("after another try there is %q", got)
	}
	if left, err := os.ReadDir(notes); err != nil || len(left) > 0 {
		t.Errorf("notes left: %v, %v", left, err)
	}
}

// What was noted of another interface of the name, in another network, or before the machine was started, is given to nobody.
func TestNotesOfOthersAreDropped(t *testing.T) {
	notes := filepath.Join(t.TempDir(), "carried")
	refused := func(h *netns.Host) {
		t.Helper()
		p, err := Open(Options{Namespace: h.Namespace, NoVRFDevices: true, Notes: netlink.Notes{Folder: notes}})
		must(t, err, errors.Join(p.Apply(t.Context(), []dataplane.Op{red})...))
		defer p.Close()
		must(t, p.InVRF("red", func(string) error {
			return os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0)
		}))
		if err := errors.Join(p.Apply(t.Context(), []dataplane.Op{inRed})...); err == nil {
			t.Fatal("nothing is refused")
		}
	}
	const mac = "02:00:5e:00:00:07"
	for name, c := range map[string]struct {
		sameNetwork bool
		mac         string
	}{"another interface": {true, "02:00:5e:00:00:08"}, "another network": {false, mac}} {
		t.Run(name, func(t *testing.T) {
			h := carriedHost(t)
			hasMAC(t, h, mac)
			refused(h) // and the interface goes with its VRF, which is a namespace without a name
			if left, err := os.ReadDir(notes); err != nil || len(left) != 1 {
				t.Fatalf("notes: %v, %v", left, err)
			}
			if !c.sameNetwork {
				h = newHost(t)
			}
			must(t, h.Net.LinkAdd(&netlib.Veth{LinkAttrs: netlib.LinkAttrs{Name: carriedLink}, PeerName: "peer"}))
			hasMAC(t, h, c.mac)
			p, err := Open(Options{Namespace: h.Namespace, NoVRFDevices: true, Notes: netlink.Notes{Folder: notes}})
			must(t, err)
			defer p.Close()
			if got := described(p); got != "default: down" {
				t.Errorf("there is %q", got)
			}
			if left, err := os.ReadDir(notes); err != nil || len(left) > 0 {
				t.Errorf("notes left: %v, %v", left, err)
			}
		})
	}
}

func hasMAC(t *testing.T, h *netns.Host, mac string) {
	t.Helper()
	addr, err := net.ParseMAC(mac)
	must(t, err)
	link, err := h.Net.LinkByName(carriedLink)
	must(t, err, h.Net.LinkSetHardwareAddr(link, addr))
}
