package netns

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"mooring/dataplane/netlink"
)

func TestMain(m *testing.M) { Main(m) }

func host(t *testing.T, name string) *Host {
	t.Helper()
	h, err := NewHost(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Two hosts over a router of both families exchange datagrams, and the caller's own namespace sees none of it.
func TestHostsAreConnectedByRouter(t *testing.T) {
	a, r, b := host(t, "a"), host(t, "r"), host(t, "b")
	must(t, Connect(a, "eth0", r, "left"), Connect(b, "eth0", r, "right"), r.Forward(),
		a.Address("eth0", "10.0.1.2/24"), r.Address("left", "10.0.1.1/24"), a.Route("0.0.0.0/0", "10.0.1.1"),
		b.Address("eth0", "10.0.2.2/24"), r.Address("right", "10.0.2.1/24"), b.Route("0.0.0.0/0", "10.0.2.1"),
		a.Address("eth0", "fd00:1::2/64"), r.Address("left", "fd00:1::1/64"), a.Route("::/0", "fd00:1::1"),
		b.Address("eth0", "fd00:2::2/64"), r.Address("right", "fd00:2::1/64"), b.Route("::/0", "fd00:2::1"))
	for _, to := range []string{"10.0.2.2", "fd00:2::2"} {
		var sink, source *net.UDPConn
		address := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(to), 7000))
		must(t, b.Do(func() (err error) { sink, err = net.ListenUDP("udp", address); return }),
			a.Do(func() (err error) { source, err = net.DialUDP("udp", nil, address); return }))
		defer sink.Close()
		defer source.Close()
		// A link may take the kernel a second to notice, and what is sent before is lost.
		go func() {
			for {
				if _, err := source.Write([]byte("hello")); errors.Is(err, net.ErrClosed) {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}()
		sink.SetReadDeadline(time.Now().Add(30 * time.Second))
		buf := make([]byte, 16)
		n, err := sink.Read(buf)
		if err != nil || string(buf[:n]) != "hello" {
			t.Fatalf("over %s: %q, %v", to, buf[:n], err)
		}
	}
	if out, _ := os.ReadFile("/proc/thread-self/net/dev"); strings.Contains(string(out), "left:") {
		t.Fatal("the caller's namespace has the router's interface")
	}
}

func TestLinkMoves(t *testing.T) {
	a, b, node := host(t, "a"), host(t, "b"), host(t, "node")
	must(t, Connect(node, "eth0", a, "access"), a.Move("access", b), b.Address("access", "10.0.0.1/24"))
	if err := a.Up("access"); err == nil {
		t.Fatal("the interface is still where it came from")
	}
}

// A process that is started in a host sees that host's interfaces.
func TestProcessRunsInHost(t *testing.T) {
	a, b := host(t, "a"), host(t, "b")
	must(t, Connect(a, "inside0", b, "other0"))
	cmd := exec.Command("cat", "/proc/self/net/dev")
	out := new(strings.Builder)
	cmd.Stdout = out
	must(t, a.Start(cmd), cmd.Wait())
	if !strings.Contains(out.String(), "inside0:") {
		t.Fatalf("no inside0 in:\n%s", out)
	}
}

// The kernel gives the inode number of a namespace that is gone to the next one, and its cookie to none.
func TestCookiesAreNotUsedAgain(t *testing.T) {
	seen := map[uint64]bool{}
	for range 20 {
		h, err := NewHost("passing")
		must(t, err)
		cookie, err := h.Cookie()
		must(t, err, h.Close())
		if seen[cookie] {
			t.Fatalf("cookie %d was given twice", cookie)
		}
		seen[cookie] = true
	}
}

func TestOpenNamespace(t *testing.T) {
	a := host(t, "a")
	opened, err := netlink.OpenNamespace(fmt.Sprintf("/proc/self/fd/%d", a.FD()))
	must(t, err)
	defer opened.Close()
	want, err := a.Cookie()
	must(t, err)
	if got, err := opened.Cookie(); err != nil || got != want {
		t.Errorf("cookie %d, want %d: %v", got, want, err)
	}
}

// A process outlives the threads that end with goroutines that have made namespaces.
func TestStartedProcessLives(t *testing.T) {
	h := host(t, "h")
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err, h.Start(cmd))
	for i := range 50 {
		other, err := NewHost(fmt.Sprint(i))
		must(t, err, other.Close())
	}
	said := make([]byte, 6)
	_, err = fmt.Fprint(in, "alive\n")
	must(t, err)
	if n, err := io.ReadFull(out, said); string(said[:n]) != "alive\n" {
		t.Errorf("it says %q (%v)", said[:n], err)
	}
	must(t, in.Close(), cmd.Wait())
}
