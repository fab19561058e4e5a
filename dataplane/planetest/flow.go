package planetest

import (
	"cmp"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane/netns"
)

// Flow is a stream of small datagrams from one host to another, which are counted.
type Flow struct {
	source, sink *net.UDPConn
	stop         chan struct{}
	sending      sync.WaitGroup
	receiving    sync.WaitGroup
	sent, got    int
	err          error // of sending
}

// StartFlow sends a datagram each millisecond or so, to an address of the other host, until the flow is stopped. It returns when the
// first has arrived.
func StartFlow(t *testing.T, from, to *netns.Host, addr string) *Flow {
	t.Helper()
	f := &Flow{sink: listen(t, to, addr), stop: make(chan struct{})}
	must(t, from.Do(func() (err error) {
		f.source, err = net.DialUDP("udp", nil, f.sink.LocalAddr().(*net.UDPAddr))
		return
	}))
	t.Cleanup(func() { f.source.Close() })
	must(t, roomy(f.sink))
	first := make(chan struct{})
	f.sending.Go(f.send)
	f.receiving.Go(func() {
		b := make([]byte, 100)
		for {
			if _, err := f.sink.Read(b); err != nil {
				return
			}
			if f.got++; f.got == 1 {
				close(first)
			}
		}
	})
	select {
	case <-first:
	case <-time.After(5 * time.Second):
		t.Fatalf("nothing arrives at %s", f.sink.LocalAddr())
	}
	return f
}

// roomy gives a socket more room than any limit of the host: a busy machine may let its reader wait.
func roomy(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		if failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20); failed == unix.EPERM { // as much as users may have
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<20)
		}
	})
	return cmp.Or(err, failed)
}

func (f *Flow) send() {
	for ticker := time.NewTicker(time.Millisecond); ; {
		select {
		case <-f.stop:
			ticker.Stop()
			return
		case <-ticker.C:
		}
		if _, f.err = f.source.Write([]byte("hello")); f.err != nil {
			return
		}
		f.sent++
	}
}

// Stop ends the flow, and returns how many datagrams were sent and how many of them have arrived half a second later.
func (f *Flow) Stop(t *testing.T) (sent, got int) {
	t.Helper()
	close(f.stop)
	f.sending.Wait()
	must(t, f.err, f.sink.SetReadDeadline(time.Now().Add(500*time.Millisecond)))
	f.receiving.Wait()
	return f.sent, f.got
}
