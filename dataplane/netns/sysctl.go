package netns

import (
	"fmt"
	"os"
	"strings"
)

// Sysctl writes a setting of the host's network, named as under /proc/sys/net: "ipv4/ip_forward".
func (h *Host) Sysctl(name, value string) error {
	return h.Do(func() error {
		if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		return nil
	})
}

// ReadSysctl reads such a setting.
func (h *Host) ReadSysctl(name string) (value string, err error) {
	err = h.Do(func() error {
		b, err := os.ReadFile("/proc/sys/net/" + name)
		value = strings.TrimSpace(string(b))
		return err
	})
	return value, err
}

// Forward makes the host a router of both families.
func (h *Host) Forward() error {
	if err := h.Sysctl("ipv4/ip_forward", "1"); err != nil {
		return err
	}
	return h.Sysctl("ipv6/conf/all/forwarding", "1")
}
