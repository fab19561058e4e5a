package attach

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"mooring/dataplane"
)

// packetSocket is a Socket on an interface of the host.
type packetSocket struct {
	conn *packet.Conn
	mtu  int
}

// openPacketSocket watches an interface in the network namespace of the calling thread.
func openPacketSocket(link string) (Socket, error) {
	device, err := net.InterfaceByName(link)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", link, err)
	}
	filter, err := assemble(nil)
	if err != nil {
		return nil, err
	}
	conn, err := packet.Listen(device, packet.Raw, unix.ETH_P_ALL, &packet.Config{Filter: filter})
	if err != nil {
		return nil, fmt.Errorf("packet socket on %s: %w", link, explain(err))
	}
	if err := allMulticast(conn, device.Index); err != nil {
		conn.Close()
		return nil, fmt.Errorf("packet socket on %s: %w", link, err)
	}
	return &packetSocket{conn, device.MTU}, nil
}

// allMulticast lets the interface hear what nodes say to groups that the host is no member of: listener reports, duplicate address
// detection.
func allMulticast(conn *packet.Conn, index int) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		all := &unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_ALLMULTI}
		failed = unix.SetsockoptPacketMreq(int(fd), unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, all)
	})
	return errors.Join(err, failed)
}

// Receive implements Socket. That the interface is down is no error: it is for the dataplane to say so, and it may come back.
func (s *packetSocket) Receive(b []byte) (int, error) {
	for {
		n, _, err := s.conn.ReadFrom(b)
		if !errors.Is(err, unix.ENETDOWN) {
			return n, err
		}
	}
}

// Send implements Socket. A link that takes no frames must not keep those of others waiting.
func (s *packetSocket) Send(frame []byte) error {
	const patience = 20 * time.Millisecond
	if err := s.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := s.conn.WriteTo(frame, &packet.Addr{HardwareAddr: frame[:6]})
	return err
}

// Watch implements Socket.
func (s *packetSocket) Watch(known []dataplane.MAC) error {
	filter, err := assemble(known)
	if err != nil {
		return err
	}
	return s.conn.SetBPF(filter)
}

// MTU implements Socket: that of the interface when it was opened.
func (s *packetSocket) MTU() int { return s.mtu }

// Close implements Socket.
func (s *packetSocket) Close() error { return s.conn.Close() }

func assemble(known []dataplane.MAC) ([]bpf.RawInstruction, error) {
	filter, err := bpf.Assemble(append(incoming(), interesting(known)...))
	if err != nil {
		return nil, fmt.Errorf("assemble packet filter: %w", err)
	}
	return filter, nil
}

// packetSocketsPermitted reports whether the process may open packet sockets at all.
func packetSocketsPermitted() error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("watch access links: packet socket: %w", explain(err))
	}
	return unix.Close(fd)
}

// explain adds what to do.
func explain(err error) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w: CAP_NET_RAW is missing: run as root, or grant it: setcap cap_net_admin,cap_net_raw+ep FILE", err)
	}
	return err
}
