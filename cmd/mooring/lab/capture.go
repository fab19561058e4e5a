package lab

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"mooring/dataplane/netns"
	"mooring/mobility/wire"
)

const (
	snapLength     = 65535
	mobilityHeader = 135  // protocol (RFC 6275 section 6.1)
	signallingPort = 5436 // UDP (RFC 5844 section 6)
	etherHeader    = 14
)

// sighting is a message of the signalling that was seen on its way.
type sighting struct {
	at       time.Time
	from, to netip.Addr
	mark     uint8 // differentiated services code point
	message  wire.Message
}

// tap reads what passes an interface.
type tap struct {
	conn  *packet.Conn
	file  *os.File // nil: it is not kept
	out   *bufio.Writer
	pcap  *pcapgo.Writer
	seen  func(sighting) // nil: signalling is not looked at
	err   error
	ended sync.WaitGroup
}

// startTap begins to capture on an interface of a host: into a file unless its name is empty, and every message of the signalling
// into seen unless that is nil.
func startTap(h *netns.Host, device, file string, seen func(sighting)) (*tap, error) {
	t := &tap{seen: seen}
	err := h.Do(func() error {
		i, err := net.InterfaceByName(device)
		if err != nil {
			return err
		}
		config := &packet.Config{}
		if file == "" {
			if config.Filter, err = bpf.Assemble(onlySignalling); err != nil {
				return err
			}
		}
		t.conn, err = packet.Listen(i, packet.Raw, unix.ETH_P_ALL, config)
		return err
	})
	if err == nil && file != "" {
		err = t.keep(file)
	}
	if err != nil {
		return nil, fmt.Errorf("capture on %s of %s: %w", device, h.Name, err)
	}
	t.ended.Go(t.run)
	return t, nil
}

// keep writes what is captured to a file of the format that tcpdump made.
func (t *tap) keep(file string) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if t.file, err = os.Create(file); err != nil {
		return err
	}
	t.out = bufio.NewWriter(t.file)
	t.pcap = pcapgo.NewWriterNanos(t.out)
	return t.pcap.WriteFileHeader(snapLength, layers.LinkTypeEthernet)
}

func (t *tap) run() {
	b := make([]byte, snapLength)
	for t.err == nil {
		n, _, err := t.conn.ReadFrom(b)
		now := time.Now()
		switch {
		case errors.Is(err, unix.ENETDOWN): // it may come up again
			time.Sleep(time.Millisecond)
			continue
		case err != nil: // closed
			return
		}
		if t.pcap != nil {
			t.err = t.pcap.WritePacket(gopacket.CaptureInfo{Timestamp: now, CaptureLength: n, Length: n}, b[:n])
		}
		if s, ok := decode(b[:n]); ok && t.seen != nil {
			s.at = now
			t.seen(s)
		}
	}
}

// close ends the capture, and completes its file.
func (t *tap) close() error {
	t.conn.Close()
	t.ended.Wait()
	if t.file == nil {
		return t.err
	}
	return errors.Join(t.err, t.out.Flush(), t.file.Close())
}

// decode reads a message of the signalling from a frame, if it holds one.
func decode(b []byte) (sighting, bool) {
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	var s sighting
	var header []byte
	switch ip := p.NetworkLayer().(type) {
	case *layers.IPv6:
		if ip.NextHeader != mobilityHeader {
			return s, false
		}
		s.from, _ = netip.AddrFromSlice(ip.SrcIP)
		s.to, _ = netip.AddrFromSlice(ip.DstIP)
		s.mark = ip.TrafficClass >> 2
		header = ip.Payload
	case *layers.IPv4:
		udp, ok := p.TransportLayer().(*layers.UDP)
		if !ok || udp.DstPort != signallingPort && udp.SrcPort != signallingPort {
			return s, false
		}
		s.from, _ = netip.AddrFromSlice(ip.SrcIP.To4())
		s.to, _ = netip.AddrFromSlice(ip.DstIP.To4())
		s.mark = ip.TOS >> 2
		header = udp.Payload
	default:
		return s, false
	}
	var err error
	s.message, err = wire.Parse(header)
	return s, err == nil
}

// onlySignalling lets pass what decode can read.
var onlySignalling = []bpf.Instruction{
	bpf.LoadAbsolute{Off: 12, Size: 2}, // EtherType
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IPV6, SkipFalse: 2},
	bpf.LoadAbsolute{Off: etherHeader + 6, Size: 1}, // next header
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: mobilityHeader, SkipTrue: 8, SkipFalse: 9},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IP, SkipFalse: 8},
	bpf.LoadAbsolute{Off: etherHeader + 9, Size: 1}, // protocol
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_UDP, SkipFalse: 6},
	bpf.LoadMemShift{Off: etherHeader},          // length of the header
	bpf.LoadIndirect{Off: etherHeader, Size: 2}, // source port
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: signallingPort, SkipTrue: 2},
	bpf.LoadIndirect{Off: etherHeader + 2, Size: 2}, // destination port
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: signallingPort, SkipFalse: 1},
	bpf.RetConstant{Val: snapLength},
	bpf.RetConstant{},
}
