package netlink

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// setSysctl writes a setting, named as under /proc/sys/net, unless it has the value already: in a container they are often
// right and read-only.
func (h *Host) setSysctl(name, value string) error {
	path := "/proc/sys/net/" + name
	return h.Do(func() error {
		if old, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(old)) == value {
			return nil
		}
		err := os.WriteFile(path, []byte(value), 0)
		switch {
		case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
			return fmt.Errorf("%w; set it before: sysctl -w net.%s=%s", err, strings.ReplaceAll(name, "/", "."), value)
		case err != nil:
			return err
		}
		return nil
	})
}

func (h *Host) sysctl(name string) (value string, err error) {
	err = h.Do(func() error {
		b, err := os.ReadFile("/proc/sys/net/" + name)
		value = strings.TrimSpace(string(b))
		return err
	})
	return value, err
}

// forward makes the namespace a router.
func (h *Host) forward() error {
	return errors.Join(h.setSysctl("ipv4/ip_forward", "1"), h.setSysctl("ipv6/conf/all/forwarding", "1"))
}

// trustSources turns the reverse path filter of an interface off, as far as that is possible: the greater of its setting
// and the one for all interfaces counts, and of the values only "loose" is greater than "strict".
func (h *Host) trustSources(device string) error {
	all, err := h.sysctl("ipv4/conf/all/rp_filter")
	if err != nil {
		return err
	}
	mode := "0"
	if all != "0" {
		mode = "2"
	}
	return h.setSysctl("ipv4/conf/"+device+"/rp_filter", mode)
}
