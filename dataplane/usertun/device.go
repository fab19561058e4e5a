package usertun

import (
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// device is a TUN interface that packets pass on their way into and out of tunnels. An anchor has one for each VRF, where
// the destination says which tunnel a packet goes into; a gateway has one for each access interface, where the source says
// so. That keeps the two directions apart where one element is both.
type device struct {
	*tun
	side   dataplane.Side
	vrf    string
	alias  string
	host   *netlink.Host
	number int // order of making
	index  int // of the interface
	fast   *accelerator
	errors *icmpSender
	routes table
	drops  drops
	dead   atomic.Bool // somebody deleted the interface
}

const (
	devicePattern = dataplane.TUNPrefix + "%d"
	deviceMTU     = maxSize // what is too big for a tunnel is for us to say
	deviceQueue   = 1024    // packets that wait for us
)

// openDevice makes an interface in the namespace of host.
func openDevice(fast *accelerator, side dataplane.Side, vrf, alias string) (*device, error) {
	host := fast.host
	d := &device{side: side, vrf: vrf, alias: alias, host: host, fast: fast}
	err := host.Do(func() (err error) {
		if d.errors, err = openICMP(host.Device()); err != nil {
			return err
		}
		d.tun, err = openTun(devicePattern)
		return err
	})
	if err == nil {
		err = d.up()
	}
	if err != nil {
		d.close()
		return nil, err
	}
	if _, err := fmt.Sscanf(strings.TrimPrefix(d.name, dataplane.TUNPrefix), "%d", &d.number); err != nil {
		d.close()
		return nil, fmt.Errorf("device %s: %w", d.name, err)
	}
	fast.addDevice(d)
	return d, nil
}

func (d *device) up() error {
	is, err := d.host.Look(d.name)
	if err == nil {
		is, err = d.host.Place(is, d.host)
	}
	if err == nil {
		err = d.host.SetDevice(is, d.settings())
	}
	d.index = is.Index
	return err
}

func (d *device) settings() netlink.Settings {
	return netlink.Settings{Alias: d.alias, MTU: deviceMTU, Queue: deviceQueue}
}

func (d *device) close() {
	if d.tun != nil {
		d.tun.file.Close()
	}
	d.fast.removeDevice(d) // which is sooner done of an interface that is gone
	if d.errors != nil {
		d.errors.close()
	}
}

// insert, remove and empty change the routes. The first two return what the route that was there
// counted for, nil if nothing.
func (d *device) insert(prefix netip.Prefix, r *route) (left *usage) {
	old, replaced := d.routes.get(prefix)
	r.use(d, 1) // before packets can find the route
	d.routes.put(prefix, r)
	if replaced {
		old.use(d, -1)
		left = old.usage
	}
	d.fast.putRoute(d, prefix, r)
	return left
}

func (d *device) remove(prefix netip.Prefix) (left *usage) {
	if old, ok := d.routes.get(prefix); ok {
		d.fast.removeRoute(d, prefix)
		d.routes.remove(prefix)
		old.use(d, -1)
		left = old.usage
	}
	return left
}

func (d *device) empty() {
	for prefix, r := range d.routes.empty() {
		d.fast.removeRoute(d, prefix)
		r.use(d, -1)
	}
}

// write hands a packet, made of pieces, to the host.
func (d *device) write(pieces []unix.Iovec) {
	var failed error
	closed := d.conn.Control(func(fd uintptr) { failed = writev(fd, pieces) })
	if failed != nil || closed != nil {
		d.drops.send.Add(1)
	}
}
