package netlink

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// Changed lists the settings of the network that forwarding depends on and that are not what they have to be, and those of the devices that are
// ours among these.
func (h *Host) Changed(devices []Device, ours func(name string) bool) ([]dataplane.Setting, error) {
	all, err := h.netconfOfAll(unix.AF_INET, unix.AF_INET6)
	if err != nil {
		return nil, err
	}
	var list []dataplane.Setting
	if four := all[unix.AF_INET]; four.forwarding == off {
		list = append(list, setting("ipv4/ip_forward", off, on))
	}
	if six := all[unix.AF_INET6]; six.forwarding == off {
		list = append(list, setting("ipv6/conf/all/forwarding", off, on))
	}
	for _, d := range devices {
		if ours(d.Name) {
			list = append(list, d.changed(all)...)
		}
	}
	return list, nil
}

// Restore sets a setting right. One of an interface that is gone is.
func (h *Host) Restore(s dataplane.Setting) error {
	if err := h.setSysctl(s.Name, s.Want); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Forwards reports whether nobody has changed the settings of an interface that forwarding depends on. It does of one that is gone.
func (h *Host) Forwards(name string) bool {
	d, err := h.Look(name)
	if err != nil {
		return errors.Is(err, dataplane.ErrNoLink)
	}
	all, err := h.netconfOfAll(unix.AF_INET, unix.AF_INET6)
	return err == nil && len(d.changed(all)) == 0
}

// changed lists the settings of a device that are not what they have to be. Where those of all are not, forwarding of devices follows them.
func (d Device) changed(all map[byte]netconf) (list []dataplane.Setting) {
	four, six := all[unix.AF_INET], all[unix.AF_INET6]
	if d.four.known && d.four.forwarding == off && four.forwarding != off {
		list = append(list, setting("ipv4/conf/"+d.Name+"/forwarding", off, on))
	}
	if d.six.known && d.six.forwarding == off && six.forwarding != off {
		list = append(list, setting("ipv6/conf/"+d.Name+"/forwarding", off, on))
	}
	if is := d.four.rpFilter; d.four.known && max(is, four.rpFilter) == strict {
		list = append(list, setting("ipv4/conf/"+d.Name+"/rp_filter", is, four.anySource()))
	}
	return list
}

func setting(name string, is, want uint32) dataplane.Setting {
	text := func(v uint32) string { return strconv.FormatUint(uint64(v), 10) }
	return dataplane.Setting{SettingKey: dataplane.SettingKey{Name: name}, Is: text(is), Want: text(want)}
}

// Values of settings (Documentation/networking/ip-sysctl.rst of Linux): of forwarding off and on, and of rp_filter off, strict and loose.
const (
	off, on       = 0, 1
	strict, loose = 1, 2
)

// netconf is what the host says of an interface, or of all of them, in one family. What it does not say is unsaid.
type netconf struct {
	index                uint32
	forwarding, rpFilter uint32
}

// Messages about netconf (linux/netconf.h, linux/rtnetlink.h).
const (
	newNetconf                                       = unix.RTM_GETNETCONF - 2 // RTM_NEWNETCONF
	netconfIndex, netconfForwarding, netconfRPFilter = 1, 2, 3
	ofAll                                            = 1<<32 - 1 // NETCONFA_IFINDEX_ALL is -1
	unsaid                                           = 1<<32 - 1
)

// parseNetconf reads the body of an RTM_NEWNETCONF message: struct netconfmsg, then attributes.
func parseNetconf(b []byte) (family byte, n netconf, ok bool) {
	const header = 4
	n = netconf{forwarding: unsaid, rpFilter: unsaid}
	if len(b) < header {
		return 0, n, false
	}
	ok = eachAttribute(b[header:], func(kind uint16, value []byte) {
		switch kind {
		case netconfIndex:
			n.index = word(value, 0)
		case netconfForwarding:
			n.forwarding = word(value, 0)
		case netconfRPFilter:
			n.rpFilter = word(value, 0)
		}
	})
	return b[0], n, ok
}

// stops reports whether what was said keeps packets from passing.
func (n netconf) stops() bool { return n.forwarding == off || n.rpFilter == strict }

// anySource is the rp_filter that lets an interface take packets of any source, where n is of all interfaces: the greater of both counts, and of the
// values only "loose" is greater than "strict".
func (n netconf) anySource() uint32 {
	if n.rpFilter == off {
		return off
	}
	return loose
}

// netconfOfAll asks for the settings of all interfaces, by family.
func (h *Host) netconfOfAll(families ...byte) (map[byte]netconf, error) {
	all := map[byte]netconf{}
	err := h.devices.exchange(func(s *socket) {
		for _, family := range families {
			start := s.begin(unix.RTM_GETNETCONF, 0)
			s.out = appendUint32(append(s.out, family, 0, 0, 0), netconfIndex, ofAll)
			s.end(start)
		}
	}, func(kind uint16, body []byte) {
		if family, n, ok := parseNetconf(body); ok && kind == newNetconf {
			all[family] = n
		}
	})
	if err != nil {
		return nil, fmt.Errorf("settings of all interfaces: %w", err)
	}
	return all, nil
}
