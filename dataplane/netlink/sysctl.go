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

// sourceFilter is the rp_filter that lets an interface take packets of any source: the greater of its setting and the one for all interfaces
// counts, and of the values only "loose" is greater than "strict".
func (h *Host) sourceFilter() (mode uint32, err error) {
	const newConf, index, rpFilter = unix.RTM_GETNETCONF - 2, 1, 3 // RTM_NEWNETCONF, NETCONFA_* of linux/netconf.h
	const all, off, loose = 1<<32 - 1, 0, 2                        // NETCONFA_IFINDEX_ALL is -1
	err = h.devices.exchange(func(s *socket) {
		start := s.begin(unix.RTM_GETNETCONF, 0)
		s.out = appendUint32(append(s.out, unix.AF_INET, 0, 0, 0), index, all)
		s.end(start)
	}, func(kind uint16, body []byte) {
		if kind == newConf && len(body) >= 4 {
			eachAttribute(body[4:], func(kind uint16, value []byte) {
				if kind == rpFilter && word(value, 0) != off {
					mode = loose
				}
			})
		}
	})
	if err != nil {
		return 0, fmt.Errorf("rp_filter of all interfaces: %w", err)
	}
	return mode, nil
}
