package netlink

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/nftables"
	mdnetlink "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Who changes our table of nftables, or anything in it, is noticed; who changes another's is not, nor do we notice ourselves.
func TestWatchFilter(t *testing.T) {
	space, err := NewNamespace()
	must(t, err)
	defer space.Close()
	h, err := Open(space)
	must(t, err)
	defer h.Close()
	connect := func() *nftables.Conn {
		t.Helper()
		conn, err := nftables.New(nftables.AsLasting(), nftables.WithNetNSFd(space.FD()), nftables.WithSockOptions(func(c *mdnetlink.Conn) error {
			raw, err := c.SyscallConn()
			must(t, err)
			port, err := Port(raw)
			h.OwnFilter(port, port+1) // the last one who connects is us
			return err
		}))
		must(t, err)
		t.Cleanup(func() { conn.CloseLasting() })
		return conn
	}
	stranger, we := connect(), connect()
	add := func(name string) (*nftables.Table, *nftables.Set) {
		table := we.AddTable(&nftables.Table{Name: name, Family: nftables.TableFamilyINet})
		we.AddChain(&nftables.Chain{Table: table, Name: "c"})
		set := &nftables.Set{Table: table, Name: "s", KeyType: nftables.TypeMark}
		must(t, we.AddSet(set, []nftables.SetElement{{Key: []byte{0, 0, 0, 1}}}), we.Flush())
		return table, set
	}
	ours, set := add(FilterTable)
	theirs, theirSet := add("theirs")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	changed := make(chan bool)
	socket, err := h.subscribeFilter()
	must(t, err)
	go watchFilter(ctx, socket, func() { changed <- true })
	element := []nftables.SetElement{{Key: []byte{0, 0, 0, 1}}}
	for what, do := range map[string]func(*nftables.Conn, *nftables.Table, *nftables.Set) error{
		"an element goes": func(c *nftables.Conn, _ *nftables.Table, s *nftables.Set) error {
			return c.SetDeleteElements(s, element)
		},
		"an element comes": func(c *nftables.Conn, _ *nftables.Table, s *nftables.Set) error {
			return c.SetAddElements(s, []nftables.SetElement{{Key: []byte{0, 0, 0, 2}}})
		},
		"a chain comes": func(c *nftables.Conn, table *nftables.Table, _ *nftables.Set) error {
			c.AddChain(&nftables.Chain{Table: table, Name: "d"})
			return nil
		},
		"a rule comes": func(c *nftables.Conn, table *nftables.Table, _ *nftables.Set) error {
			c.AddRule(&nftables.Rule{Table: table, Chain: &nftables.Chain{Table: table, Name: "c"}})
			return nil
		},
	} {
		t.Run(what, func(t *testing.T) {
			must(t, do(stranger, theirs, theirSet), stranger.Flush(), do(stranger, ours, set), stranger.Flush())
			<-changed
			must(t, we.SetAddElements(set, []nftables.SetElement{{Key: []byte{0, 0, 0, 3}}}), we.Flush())
		})
	}
	select {
	case <-changed:
		t.Error("what we do, or what is done to a foreign table, is told of, too")
	case <-time.After(50 * time.Millisecond):
	}
	stranger.DelTable(ours)
	must(t, stranger.Flush())
	<-changed
}

// What keeps it from listening is told once, and when that is over, so is what may have been missed, and all that comes.
func TestWatchFilterTriesAgain(t *testing.T) {
	space, err := NewNamespace()
	must(t, err)
	defer space.Close()
	h, err := Open(space)
	must(t, err)
	defer h.Close()
	h.OwnFilter(make([]uint32, 5000)...) // more than the host takes
	ctx, stop := context.WithCancel(t.Context())
	changed, failed, ended := make(chan bool, 100), make(chan error, 100), make(chan bool)
	go func() {
		h.WatchFilter(ctx, func() { changed <- true }, func(err error) { failed <- err })
		close(ended)
	}()
	if err := <-failed; !errors.Is(err, unix.EINVAL) {
		t.Error(err)
	}
	h.OwnFilter()
	<-changed // perhaps
	conn, err := nftables.New(nftables.WithNetNSFd(space.FD()))
	must(t, err)
	conn.AddTable(&nftables.Table{Name: FilterTable, Family: nftables.TableFamilyINet})
	must(t, conn.Flush())
	<-changed
	stop()
	<-ended
	if len(failed) > 0 {
		t.Errorf("told again: %v", <-failed)
	}
}
