package netlink

import (
	"context"
	"errors"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// FilterTable is our table of nftables, in the family inet.
const FilterTable = "mooring"

// nfnlgrpNFTables is the multicast group of changes of nftables (NFNLGRP_NFTABLES of linux/netfilter/nfnetlink.h).
const nfnlgrpNFTables = 7

// OwnFilter says by which sockets FilterTable is changed that WatchFilter is not to tell of, from its next call on.
func (h *Host) OwnFilter(ports ...uint32) {
	h.parts.mu.Lock()
	defer h.parts.mu.Unlock()
	h.parts.filterPorts = ports
}

// WatchFilter calls changed when somebody else has changed FilterTable or anything in it, until ctx ends. A kernel without nftables has nothing to tell.
func (h *Host) WatchFilter(ctx context.Context, changed func()) {
	for overrun := false; ; overrun = true {
		socket, err := h.subscribeFilter()
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

func (h *Host) subscribeFilter() (*nl.NetlinkSocket, error) {
	socket, err := h.ns.subscribe(unix.NETLINK_NETFILTER, nfnlgrpNFTables)
	if err != nil {
		return nil, err
	}
	h.parts.mu.Lock()
	ports := h.parts.filterPorts
	h.parts.mu.Unlock()
	if err := ignoreOwn(socket.GetFd(), ports); err != nil {
		socket.Close()
		return nil, err
	}
	return socket, nil
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
		if slices.ContainsFunc(messages, func(m syscall.NetlinkMessage) bool { return concernsFilter(m.Header.Type, m.Data) }) {
			changed()
		}
	}
}

// concernsFilter reads a message of nftables: a header (struct nfgenmsg), then attributes, of which the first of all kinds that are about
// something in a table is the name of that.
func concernsFilter(kind uint16, b []byte) (ours bool) {
	const nftTable, header = 1, 4
	if kind>>8 != unix.NFNL_SUBSYS_NFTABLES || len(b) < header || b[0] != unix.NFPROTO_INET {
		return false
	}
	eachAttribute(b[header:], func(kind uint16, value []byte) {
		ours = ours || kind == nftTable && unix.ByteSliceToString(value) == FilterTable
	})
	return ours
}
