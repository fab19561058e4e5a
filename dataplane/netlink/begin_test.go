package netlink

import (
	"slices"
	"testing"

	netlib "github.com/vishvananda/netlink"

	"mooring/dataplane"
)

// What happened to links before they are looked at is history: a link that is up comes up once.
func TestWatchBeginsWithoutHistory(t *testing.T) {
	ns, err := NewNamespace()
	must(t, err)
	defer ns.Close()
	h, err := Open(ns)
	must(t, err)
	defer h.Close()
	pair := &netlib.Veth{LinkAttrs: netlib.LinkAttrs{Name: "access1"}, PeerName: "node"}
	must(t, h.handle.LinkAdd(pair))
	peer, err := h.handle.LinkByName("node")
	must(t, err, h.handle.LinkSetUp(pair), h.handle.LinkSetUp(peer))

	socket, err := h.subscribe()
	must(t, err)
	defer socket.Close()
	gone := &netlib.Veth{LinkAttrs: netlib.LinkAttrs{Name: "gone1"}, PeerName: "gone2"}
	must(t, h.handle.LinkSetDown(pair), h.handle.LinkSetUp(pair), h.handle.LinkAdd(gone), h.handle.LinkDel(gone))
	var got []dataplane.Event
	w := watcher{parts: &parts{}, names: map[int]string{}, devices: map[int]Device{}, up: map[string]bool{}, yield: func(e dataplane.Event, err error) bool {
		e.MAC = dataplane.MAC{}
		got = append(got, e)
		return err == nil
	}}
	must(t, w.begin(socket))
	want := []dataplane.Event{{Kind: dataplane.LinkDown, Link: "lo"}, {Kind: dataplane.LinkUp, Link: "node"}, {Kind: dataplane.LinkUp, Link: "access1"}}
	if !slices.Equal(got, want) {
		t.Errorf("events %+v, want %+v", got, want)
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
