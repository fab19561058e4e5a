package usertun

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// pathInterval is how long a narrower path may go unnoticed. Meanwhile the host fragments what has become too big.
const pathInterval = time.Second

// prober asks the host for the MTU of paths. The host knows it from ICMP messages about what our other sockets sent (RFC
// 1191, RFC 8201), but tells it for connected sockets only; connecting sends nothing.
type prober struct {
	fd int
	v6 bool
}

// openProber opens the socket in the namespace of the calling thread, and in the VRF of device.
func openProber(local netip.Addr, device string) (*prober, error) {
	family := unix.AF_INET
	if local.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open socket for path MTUs: %w", err)
	}
	p := &prober{fd, local.Is6()}
	if err := errors.Join(deafen(fd), bind(fd, device), call(unix.SYS_BIND, fd, netip.AddrPortFrom(local, 0))); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("local address %s: %w; it must be an address of this host", local, err)
	}
	return p, nil
}

// mtu returns the MTU of the path to the peer.
func (p *prober) mtu(peer netip.Addr) (int, error) {
	if err := call(unix.SYS_CONNECT, p.fd, netip.AddrPortFrom(peer, PortData)); err != nil {
		return 0, fmt.Errorf("no way to the peer %s: %w", peer, err)
	}
	if p.v6 {
		return unix.GetsockoptInt(p.fd, unix.IPPROTO_IPV6, unix.IPV6_MTU)
	}
	return unix.GetsockoptInt(p.fd, unix.IPPROTO_IP, unix.IP_MTU)
}

func (p *prober) close() { unix.Close(p.fd) }

// lookAgain has the paths of all tunnels looked up soon.
func (c *Carrier) lookAgain() {
	select {
	case c.narrowed <- struct{}{}:
	default:
	}
}

// watchPaths keeps the path MTUs of tunnels in use up to date until the plane is closed.
func (c *Carrier) watchPaths() {
	ticker := time.NewTicker(pathInterval)
	defer ticker.Stop()
	for {
		select {
		case <-c.closing:
			return
		case <-c.narrowed:
		case <-ticker.C:
		}
		c.mu.Lock()
		for _, a := range c.fast {
			a.checkIPsec()
		}
		for _, t := range c.tunnels {
			if sent := t.counters().TxPackets; sent != t.sent || t.segmentLimit.Load() == 0 || t.endpoint.fast.waits(t) {
				t.sent = sent
				t.lookUpPath()
			}
		}
		c.mu.Unlock()
		c.attachUnderlays()
	}
}

// lookUpPath refreshes the MTU of the path. While there is none, the last one known stays in force.
func (t *tunnel) lookUpPath() error {
	mtu, err := t.endpoint.prober.mtu(t.id.Peer)
	if err == nil {
		t.setPath(mtu)
		t.endpoint.fast.putTunnel(t)
	}
	return err
}
