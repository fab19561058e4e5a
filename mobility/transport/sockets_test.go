package transport

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mooring/mobility"
)

// An address that the host does not have yet is listened at all the same; the status says so, and traffic flows once it is there.
func TestAddressComesAndGoes(t *testing.T) {
	w := cable(t)
	a, b := sockets(t, w.a), sockets(t, w.b)
	const late4, late6 = "192.0.2.77", "2001:db8::77"
	listenAt(t, a, a4, a6)
	listenAt(t, b, late4, late6)
	for _, late := range []string{late4, late6} {
		if err := statusOf(t, b, late).Err; err == nil || !strings.Contains(err.Error(), "does not have the address") {
			t.Errorf("%s before it is there: %v", late, err)
		}
	}
	b.Send([]mobility.Datagram{heartbeat(t, late4, a4, 1)})
	if got := statusOf(t, b, late4).Counters; got.Unsent != 1 {
		t.Errorf("sent from an address that is not there: %+v", got)
	}
	must(t, w.b.Address("eth0", late4+"/24"), w.b.Address("eth0", late6+"/64"))
	a.Send([]mobility.Datagram{heartbeat(t, a4, late4, 1)})
	next(t, b, 1)
	a.Send([]mobility.Datagram{heartbeat(t, a6, late6, 2)})
	next(t, b, 1)
	b.Send([]mobility.Datagram{heartbeat(t, late6, a6, 3), heartbeat(t, late4, a4, 4)})
	next(t, a, 2)
	for _, late := range []string{late4, late6} {
		if err := statusOf(t, b, late).Err; err != nil {
			t.Errorf("%s when it is there: %v", late, err)
		}
	}
}

// A commit that is refused says why, and leaves what there is in peace.
func TestRefusal(t *testing.T) {
	w := cable(t)
	a, b, other := sockets(t, w.a), sockets(t, w.b), sockets(t, w.b)
	listenAt(t, a, a4)
	listenAt(t, b, b4)
	listenAt(t, other, b6)
	_, err := other.Prepare(addresses(b4, "ff02::1", "0.0.0.0"))
	if err == nil {
		t.Fatal("two sockets have one port")
	}
	for _, want := range []string{"at " + b4, "UDP port 5436", "ss -ulnp", "ff02::1", "0.0.0.0"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
	if got := other.Status(); len(got) != 1 || got[0].Addr.String() != b6 {
		t.Errorf("after the refusal: %+v", got)
	}
	a.Send([]mobility.Datagram{heartbeat(t, a4, b4, 1)})
	next(t, b, 1)
	if _, err := NewSockets(Options{}).Prepare([]Address{{"blue", addresses(b4)[0].Addr}}); err == nil || !strings.Contains(err.Error(), "blue") {
		t.Errorf("an unknown VRF: %v", err)
	}
}

// Between Open and Retire both the old and the new address can be sent from.
func TestChangeOfAddress(t *testing.T) {
	w := cable(t)
	a, b := sockets(t, w.a), sockets(t, w.b)
	listenAt(t, a, a4)
	listenAt(t, b, b4, b6)
	c, err := a.Prepare(addresses(a6))
	must(t, err)
	a.Send([]mobility.Datagram{heartbeat(t, a4, b4, 1)})
	next(t, b, 1)
	c.Open()
	a.Send([]mobility.Datagram{heartbeat(t, a4, b4, 2), heartbeat(t, a6, b6, 3)})
	next(t, b, 2)
	c.Retire()
	a.Send([]mobility.Datagram{heartbeat(t, a4, b4, 4), heartbeat(t, a6, b6, 5)})
	if got := next(t, b, 1)[0]; !strings.Contains(got, "seq 5") {
		t.Error(got)
	}
	quiet(t, b)
	if a.Strays() != 1 {
		t.Errorf("%d strays, want 1", a.Strays())
	}
}

// Who is slow stops the reading, and loses nothing of it.
func TestBackPressure(t *testing.T) {
	w := cable(t)
	a, b := sockets(t, w.a), sockets(t, w.b)
	listenAt(t, a, a4)
	listenAt(t, b, b4)
	acquaint(t, a, b, a4, b4)
	const n = 1000
	var all []mobility.Datagram
	for i := range uint32(n) {
		all = append(all, heartbeat(t, a4, b4, i))
	}
	a.Send(all)
	deadline := time.Now().Add(30 * time.Second)
	for len(b.Batches()) < batchesPerSocket && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
	if got := statusOf(t, b, b4).Received; got <= 1 || got > 1+batchesPerSocket*batchSize {
		t.Errorf("%d messages were read although nobody took them, at most %d fit", got, batchesPerSocket*batchSize)
	}
	got := next(t, b, n)
	if !strings.HasSuffix(got[0], "seq 0") || !strings.HasSuffix(got[n-1], "seq 999") {
		t.Errorf("from %s to %s", got[0], got[n-1])
	}
	if got := statusOf(t, b, b4); got.Received != 1+n || got.Overrun != 0 {
		t.Errorf("%+v", got)
	}
}

// What does not fit into the socket is lost by the host, and counted.
func TestOverrun(t *testing.T) {
	w := cable(t)
	a, b := sockets(t, w.a), sockets(t, w.b)
	listenAt(t, a, a6)
	listenAt(t, b, b6)
	acquaint(t, a, b, a6, b6)
	b.mu.Lock()
	conn := b.open[addresses(b6)[0]].raw
	b.mu.Unlock()
	must(t, conn.Control(func(fd uintptr) { must(t, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)) }))
	const n = 1000
	for i := range uint32(n) {
		a.Send([]mobility.Datagram{heartbeat(t, a6, b6, i)})
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		select {
		case batch := <-b.Batches():
			batch.Release()
		case <-time.After(100 * time.Millisecond):
			deadline = time.Time{}
		}
	}
	got := statusOf(t, b, b6)
	if sent := statusOf(t, a, a6).Sent; got.Overrun == 0 || got.Received+got.Overrun != sent {
		t.Errorf("%d sent, %+v", sent, got)
	}
}

// One message that the host refuses to send does not keep back those behind it.
func TestUnsent(t *testing.T) {
	w := cable(t)
	a, b := sockets(t, w.a), sockets(t, w.b)
	listenAt(t, a, a4, a6)
	listenAt(t, b, b4)
	var lost, sent mobility.Counter
	counted := func(d mobility.Datagram, by *mobility.Counter) mobility.Datagram {
		d.Unsent = by
		return d
	}
	a.Send([]mobility.Datagram{counted(heartbeat(t, a4, "203.0.113.1", 1), &lost), counted(heartbeat(t, a4, b4, 2), &sent),
		heartbeat(t, a4, "203.0.113.1", 3), counted(heartbeat(t, a4, b4, 4), &sent)})
	if got := next(t, b, 2); !strings.HasSuffix(got[0], "seq 2") || !strings.HasSuffix(got[1], "seq 4") {
		t.Error(got)
	}
	if got := statusOf(t, a, a4).Counters; got.Sent != 2 || got.Unsent != 2 {
		t.Errorf("%+v", got)
	}
	mixed := heartbeat(t, a4, b4, 5)
	mixed.To = endpoint(b6)
	a.Send([]mobility.Datagram{counted(mixed, &lost)})
	if got := statusOf(t, a, a4).Counters; got.Unsent != 3 {
		t.Errorf("from IPv4 to IPv6: %+v", got)
	}
	a.Send([]mobility.Datagram{counted(heartbeat(t, b4, a4, 6), &lost)}) // from an address that is not ours
	if lost.Load() != 3 || sent.Load() != 0 {
		t.Errorf("%d of three were counted that could not be sent, and %d of two that could", lost.Load(), sent.Load())
	}
	quiet(t, b)
}

// Whatever is prepared, applied and aborted, nothing is left over.
func TestNothingLeaks(t *testing.T) {
	w := cable(t)
	a := sockets(t, w.a)
	cycle := func() {
		c, err := a.Prepare(addresses(a4, a6))
		must(t, err)
		c.Abort()
		listenAt(t, a, a4)
		listenAt(t, a, a6, a4)
		if _, err := a.Prepare(addresses(a4, a6, "2001:db8::5", "ff02::1")); err == nil {
			t.Fatal("it listens at a multicast address")
		}
		listenAt(t, a)
	}
	cycle()
	settled := func(goroutines, files int) bool {
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if runtime.NumGoroutine() <= goroutines && openFiles(t) <= files {
				return true
			}
		}
		return false
	}
	a.readers.Wait()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for range 50 {
		cycle()
	}
	a.readers.Wait()
	if !settled(goroutines, files) {
		t.Errorf("%d goroutines and %d files, before %d and %d", runtime.NumGoroutine(), openFiles(t), goroutines, files)
	}
	listenAt(t, a, a4)
	c, err := a.Prepare(addresses(a6))
	must(t, err, a.Close())
	c.Open() // too late
	if !settled(goroutines, files) {
		t.Errorf("after Close: %d goroutines and %d files, before %d and %d", runtime.NumGoroutine(), openFiles(t), goroutines, files)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(list)
}

// Without the privilege, the error says which it is and how to get it.
func TestMissingPrivilege(t *testing.T) {
	h := host(t, "a")
	refused := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		none := make([]unix.CapUserData, 2)
		refused <- h.Do(func() error {
			if err := unix.Capset(&header, &none[0]); err != nil {
				return nil
			}
			_, err := NewSockets(Options{}).Prepare(addresses("::1"))
			return err
		})
	}()
	err := <-refused
	if err == nil || !strings.Contains(err.Error(), "CAP_NET_RAW") || !strings.Contains(err.Error(), "setcap") {
		t.Error(err)
	}
}
