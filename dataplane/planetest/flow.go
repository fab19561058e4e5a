package planetest

import (
	"cmp"
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mooring/dataplane/netns"
)

// Flow is a stream of small datagrams from one host to another, which are numbered from 1 on. One that the host refuses to send is lost, too.
type Flow struct {
	source, sink *net.UDPConn
	every        time.Duration
	stop         chan struct{}
	sending      sync.WaitGroup
	receiving    sync.WaitGroup
	sent, latest atomic.Uint64 // numbers
	arrived      map[uint64]bool
}

// StartFlow sends a datagram each millisecond or so, to an address of the other host, until the flow is stopped. It returns when the
// first has arrived.
func StartFlow(t *testing.T, from, to *netns.Host, addr string) *Flow {
	t.Helper()
	return StartFlowOf(t, time.Millisecond, from, to, addr)
}

// StartFlowOf is StartFlow with another interval.
func StartFlowOf(t *testing.T, every time.Duration, from, to *netns.Host, addr string) *Flow {
	t.Helper()
	f := &Flow{sink: listen(t, to, addr), every: every, stop: make(chan struct{}), arrived: map[uint64]bool{}}
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
			n, err := f.sink.Read(b)
			if err != nil {
				return
			}
			if n != 8 {
				continue
			}
			number := binary.BigEndian.Uint64(b)
			f.arrived[number] = true
			f.latest.Store(max(f.latest.Load(), number))
			if len(f.arrived) == 1 {
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
	for ticker := time.NewTicker(f.every); ; {
		select {
		case <-f.stop:
			ticker.Stop()
			return
		case <-ticker.C:
		}
		f.source.Write(binary.BigEndian.AppendUint64(nil, f.sent.Add(1)))
	}
}

// Sent is the number of the datagram that was sent last, Latest the highest of those that have arrived.
func (f *Flow) Sent() uint64   { return f.sent.Load() }
func (f *Flow) Latest() uint64 { return f.latest.Load() }

// StopAfter is Stop once so many datagrams have been sent, however slow the machine is.
func (f *Flow) StopAfter(t *testing.T, least uint64) (sent, got int) {
	t.Helper()
	for f.Sent() < least {
		time.Sleep(f.every)
	}
	return f.Stop(t)
}

// Stop ends the flow, and returns how many datagrams were sent and how many of them have arrived half a second later.
func (f *Flow) Stop(t *testing.T) (sent, got int) {
	t.Helper()
	close(f.stop)
	f.sending.Wait()
	must(t, f.sink.SetReadDeadline(time.Now().Add(500*time.Millisecond)))
	f.receiving.Wait()
	return int(f.sent.Load()), len(f.arrived)
}

// Lost returns, of a flow that was stopped, the numbers of what has not arrived.
func (f *Flow) Lost() (numbers []uint64) {
	for n := uint64(1); n <= f.sent.Load(); n++ {
		if !f.arrived[n] {
			numbers = append(numbers, n)
		}
	}
	return numbers
}
