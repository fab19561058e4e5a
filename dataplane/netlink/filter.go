package netlink

import (
	"context"
	"errors"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// FilterTable is our table of nftables, in the family inet.
const FilterTable = "mooring"

// nfnlgrpNFTables is the multicast group of changes of nftables (NFNLGRP_NFTABLES of linux/netfilter/nfnetlink.h).
const nfnlgrpNFTables = 7

// WatchFilter calls changed when FilterTable, or what its rules are made of, was removed, until ctx ends; we may have done it ourselves.
// Elements of its sets come and go with bindings, and are not told of. A kernel without nftables has nothing to tell.
func (h *Host) WatchFilter(ctx context.Context, changed func()) {
	for overrun := false; ; overrun = true {
		socket, err := h.ns.subscribe(unix.NETLINK_NETFILTER, nfnlgrpNFTables)
		if err != nil {
			return
		}
		if overrun {
			changed() // perhaps
		}
		if !watchFilter(ctx, socket, changed) {
			return
		}
	}
}

// watchFilter reports whether the socket has overrun; then it is of no use any more (watcher.follow).
func watchFilter(ctx context.Context, socket *nl.NetlinkSocket, changed func()) (overrun bool) {
	defer context.AfterFunc(ctx, socket.Close)()
	defer socket.Close()
	for {
		messages, _, err := socket.Receive()
		if ctx.Err() != nil || err != nil {
			return ctx.Err() == nil && errors.Is(err, unix.ENOBUFS)
		}
		for _, m := range messages {
			if removesFromFilter(m.Header.Type, m.Data) {
				changed()
			}
		}
	}
}

// removesFromFilter reads a message of nftables: a header (struct nfgenmsg), then attributes, of which the first of all of these kinds is the
// name of the table.
func removesFromFilter(kind uint16, b []byte) bool {
	const nftTable, header = 1, 4
	if kind>>8 != unix.NFNL_SUBSYS_NFTABLES || len(b) < header {
		return false
	}
	switch kind & 0xff {
	case unix.NFT_MSG_DELTABLE, unix.NFT_MSG_DELCHAIN, unix.NFT_MSG_DELRULE, unix.NFT_MSG_DELSET, unix.NFT_MSG_DELOBJ:
	default:
		return false
	}
	attributes, err := nl.ParseRouteAttr(b[header:])
	if err != nil {
		return false
	}
	for _, a := range attributes {
		if a.Attr.Type == nftTable {
			return strings.TrimRight(string(a.Value), "\x00") == FilterTable
		}
	}
	return false
}
