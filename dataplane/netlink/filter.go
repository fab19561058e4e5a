package netlink

import (
	"context"
	"errors"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// FilterTable is our table of nftables, in the families inet and arp.
const FilterTable = "mooring"

// nfnlgrpNFTables is the multicast group of changes of nftables (NFNLGRP_NFTABLES of linux/netfilter/nfnetlink.h).
const nfnlgrpNFTables = 7

// OwnFilter says by which sockets FilterTable is changed that WatchFilter is not to tell of, from its next call on.
func (h *Host) OwnFilter(ports ...uint32) {
	h.parts.mu.Lock()
	defer h.parts.mu.Unlock()
	h.parts.filterPorts = ports
}

// WatchFilter calls changed when somebody else has changed FilterTable or anything in it, or may have while nobody listened, until ctx ends. What keeps it
// from listening it tells failed once, and tries again.
func (h *Host) WatchFilter(ctx context.Context, changed func(), failed func(error)) {
	told := false
	for missed := false; ; missed = true {
		socket, err := h.subscribeFilter()
		if err == nil {
			told = false
			if missed {
				changed()
			}
			err = watchFilter(ctx, socket, changed)
		}
		again := time.Second
		switch {
		case ctx.Err() != nil || errors.Is(err, os.ErrClosed): // the namespace goes, and the watch with it
			return
		case errors.Is(err, unix.ENOBUFS): // such a socket is of no use any more (watcher.follow)
			continue
		case errors.Is(err, unix.EPROTONOSUPPORT): // without nftables there is nothing to tell, and each time the kernel looks for a module
			again = time.Minute
		case !told:
			told = true
			failed(err)
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
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

// watchFilter listens until the socket fails, or ctx ends.
func watchFilter(ctx context.Context, socket *nl.NetlinkSocket, changed func()) error {
	defer context.AfterFunc(ctx, socket.Close)()
	defer socket.Close()
	for {
		messages, _, err := socket.Receive()
		if err != nil {
			return err
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
	if kind>>8 != unix.NFNL_SUBSYS_NFTABLES || len(b) < header || b[0] != unix.NFPROTO_INET && b[0] != unix.NFPROTO_ARP {
		return false
	}
	eachAttribute(b[header:], func(kind uint16, value []byte) {
		ours = ours || kind == nftTable && unix.ByteSliceToString(value) == FilterTable
	})
	return ours
}
