package planetest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
	"mooring/dataplane/reconcile"
)

// onSetting has a setting of the host be another one.
func onSetting(name, value string) func(*netns.Host) (string, error) {
	return func(h *netns.Host) (string, error) { return name, h.Sysctl(name, value) }
}

// checkSources has a host take only packets from an interface whose sources it would look for there (RFC 3704 section 2.2).
func checkSources(h *netns.Host, device string) error {
	return h.Sysctl("ipv4/conf/"+device+"/rp_filter", "1")
}

// passingText is what the settings of the host let pass, of all its interfaces and of those that nodes' packets go through.
func passingText(h *netns.Host) string {
	read := func(name string) string {
		value, err := h.ReadSysctl(name)
		if err != nil { // it is gone, or without IPv6
			return "none"
		}
		return value
	}
	var names []string
	links, _ := netlink.Dump(h.Net.LinkList)
	for _, l := range links {
		if name := l.Attrs().Name; strings.HasPrefix(name, "mt-") || strings.HasPrefix(name, "mooring") || name == "access1" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	text := fmt.Sprintf("all forward %s %s\n", read("ipv4/ip_forward"), read("ipv6/conf/all/forwarding"))
	for _, name := range names {
		strict := max(read("ipv4/conf/all/rp_filter"), read("ipv4/conf/"+name+"/rp_filter")) == "1"
		text += fmt.Sprintf("%s forwards %s %s strict %t\n", name, read("ipv4/conf/"+name+"/forwarding"), read("ipv6/conf/"+name+"/forwarding"), strict)
	}
	return text
}

// VRFSettings finds that settings of a VRF, which may be a namespace of its own, are set right again, and that an event says so.
func VRFSettings(t *testing.T, open func(*netlink.Namespace) (Plane, error)) {
	_, p := connectedHost(t, open)
	repaired := &told{}
	r := reconcile.New(p, reconcile.Options{Compare: time.Hour, Repaired: repaired.note})
	wantAll(r)
	run(t, r)
	eventuallyInstalled(t, r)
	inVRF := p.(interface {
		InVRF(vrf string, f func(device string) error) error
	}).InVRF
	for _, file := range []string{"/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"} {
		must(t, inVRF("red", func(string) error { return os.WriteFile(file, []byte("0"), 0) }))
		eventually(t, file+" is as it was", func() bool {
			var is []byte
			must(t, inVRF("red", func(string) (err error) {
				is, err = os.ReadFile(file)
				return err
			}))
			return string(is) == "1\n"
		})
	}
	for _, begins := range []string{"setting net.ipv4.ip_forward: 0 instead of 1", "setting net.ipv6.conf.all.forwarding: 0 instead of 1"} {
		eventually(t, "an event names "+begins, func() bool { return repaired.tells([]string{begins}) })
	}
}
