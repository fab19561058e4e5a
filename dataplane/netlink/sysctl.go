package netlink

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
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

// forward makes the namespace a router.
func (h *Host) forward() error {
	return errors.Join(h.setSysctl("ipv4/ip_forward", "1"), h.setSysctl("ipv6/conf/all/forwarding", "1"))
}

// trustSources turns the reverse path filter of an interface off, as far as that is possible.
func (h *Host) trustSources(device string) error {
	mode, err := h.sourceFilter()
	if err != nil {
		return err
	}
	return h.setSysctl("ipv4/conf/"+device+"/rp_filter", strconv.Itoa(int(mode)))
}

// sourceFilter is the rp_filter that lets an interface take packets of any source.
func (h *Host) sourceFilter() (mode uint32, err error) {
	all, err := h.netconfOfAll(unix.AF_INET)
	return all[unix.AF_INET].anySource(), err
}
