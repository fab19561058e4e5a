package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"mooring/dataplane/netns"
)

const (
	namePort    = 4000
	askPatience = time.Second
)

// introduce lets a host tell its name to whoever connects. The caller closes what it returns.
func introduce(h *netns.Host) (io.Closer, error) {
	var listener net.Listener
	err := h.Do(func() (err error) {
		listener, err = net.ListenTCP("tcp", &net.TCPAddr{Port: namePort})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name, err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			conn.SetDeadline(time.Now().Add(askPatience))
			io.WriteString(conn, h.Name) // whoever hears it judges
			conn.Close()
		}
	}()
	return listener, nil
}

// ask returns the name of the host that has an address where h is; there is none where nobody answers.
func ask(ctx context.Context, h *netns.Host, addr netip.Addr) (name string) {
	var conn net.Conn
	dialer := net.Dialer{Timeout: askPatience}
	err := h.Do(func() (err error) {
		conn, err = dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(addr, namePort).String())
		return err
	})
	if err != nil {
		return ""
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(askPatience))
	text, _ := io.ReadAll(conn) // what did not come is missing
	return string(text)
}
