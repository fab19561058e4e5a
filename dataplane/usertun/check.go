package usertun

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Check says which privilege is missing for tunnels in user space, and how to grant it; nil if none is.
func Check() error {
	return errors.Join(
		checkCapability(unix.CAP_NET_ADMIN, "CAP_NET_ADMIN", "to make interfaces and routes"),
		checkCapability(unix.CAP_NET_RAW, "CAP_NET_RAW", "to send and receive IP-in-IP, GRE and ICMP"),
		checkTun(),
	)
}

func checkCapability(bit int, name, purpose string) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData // two halves of 32 bits
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	if sets[bit/32].Effective&(1<<(bit%32)) != 0 {
		return nil
	}
	return fmt.Errorf("%s is missing, which is needed %s; run as root, or grant it: setcap cap_net_admin,cap_net_raw+ep "+
		"on the binary, AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW in the systemd unit, --cap-add for a container", name, purpose)
}

func checkTun() error {
	fd, err := unix.Open(tunPath, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return explainTun(err)
	}
	return unix.Close(fd)
}
