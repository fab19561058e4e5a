package netlink

import (
	"context"
	"golang.org/x/sys/unix"
	"testing"

	"github.com/google/nftables"
)

// Who removes our table of nftables, or one of its chains, is noticed; who removes another's is not.
func TestWatchFilter(t *testing.T) {
	space, err := NewNamespace()
	must(t, err)
	defer space.Close()
	h, err := Open(space)
	must(t, err)
	defer h.Close()
	conn, err := nftables.New(nftables.WithNetNSFd(space.FD()))
	must(t, err)
	add := func(name string) *nftables.Table {
		table := conn.AddTable(&nftables.Table{Name: name, Family: nftables.TableFamilyINet})
		conn.AddChain(&nftables.Chain{Table: table, Name: "c"})
		must(t, conn.Flush())
		return table
	}
	ours, theirs := add(FilterTable), add("theirs")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	changed := make(chan bool)
	socket, err := h.ns.subscribe(unix.NETLINK_NETFILTER, nfnlgrpNFTables)
	must(t, err)
	go watchFilter(ctx, socket, func() { changed <- true })
	conn.DelTable(theirs)
	must(t, conn.Flush())
	conn.DelChain(&nftables.Chain{Table: ours, Name: "c"})
	must(t, conn.Flush())
	<-changed
	select {
	case <-changed:
		t.Error("the removal of a foreign table is told of, too")
	default:
	}
	conn.DelTable(ours)
	must(t, conn.Flush())
	<-changed
}
