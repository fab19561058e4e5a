package planetest

import (
	"errors"
	"testing"
	"time"

	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

var silentWrecks = []wreck{
	{"receiver of UDP closed", closeReceiver, []string{"tunnel udp"}},
}

// UserSpaceReceives are the wrecks of Comparisons that there is nothing for where tunnels are not the kernel's.
var UserSpaceReceives = []string{"receiver of UDP closed"}

// Comparisons finds that what a stranger changes without the host telling of it is whole again after a comparison, and that an event says so.
// without is as of Repairs.
func Comparisons(t *testing.T, open func(*netlink.Namespace) (Plane, error), without ...string) {
	h, repaired := repairedHost(t, open, time.Second)
	repair(t, h, repaired, silentWrecks, without)
}

// closeReceiver closes the kernel's socket for tunnels over UDP.
func closeReceiver(h *netns.Host) (string, error) {
	var ports []netlib.Fou
	err := h.Do(func() (err error) {
		ports, err = netlib.FouList(unix.AF_INET)
		return err
	})
	if errors.Is(err, unix.ENOENT) || err == nil && len(ports) == 0 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	stranger, err := netlink.Open(h.Namespace)
	if err != nil {
		return "", err
	}
	defer stranger.Close()
	return "the port at " + udp.Local.String(), stranger.IgnoreUDP(udp.Local)
}
