package main

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"mooring/cmd/mooring/client"
)

// view is one kind of state as a table.
type view struct {
	name, short, long string
	paths             []string // of the rows, see client.Get
	columns           []column
	more              []column // shown as well with --wide
	filters           []filter
	example           string // of a filter
}

// filter is a flag that lets only some rows be shown.
type filter struct {
	flag, usage string
	cell        func(*client.Row) string // values separated by commas, one of which has to match
	values      []string                 // that shells suggest
}

// matches reports whether one of the values of a row is like pattern, in which * and ? stand for any characters and any one.
func (f filter) matches(pattern string, r *client.Row) bool {
	for value := range strings.SplitSeq(f.cell(r), ",") {
		if ok, err := path.Match(pattern, value); ok && err == nil {
			return true
		}
	}
	return false
}

// byMachine is a filter that all views have: by the name of the LMA or MAG.
var byMachine = filter{flag: "machine", usage: "only rows of the LMA or MAG called `NAME`", cell: func(r *client.Row) string {
	return cmp.Or(r.Key("lma", "name"), r.Key("mag", "name"))
}}

// byStatus is a filter by oper-status.
var byStatus = filter{flag: "status", usage: "only rows with this `STATUS`, such as up", values: []string{"up", "down", "unknown", "encap-mismatch"},
	cell: func(r *client.Row) string { return r.Text("oper-status") }}

// byLeaf is a filter by some leaves.
func byLeaf(flag, usage string, paths ...[]string) filter {
	return filter{flag: flag, usage: usage, cell: func(r *client.Row) string {
		var values []string
		for _, leaf := range paths {
			values = append(values, r.Text(leaf...))
		}
		return strings.Join(values, ",")
	}}
}

type column struct {
	title string
	cell  func(*client.Row) string
}

// none stands where a row has nothing to say.
const none = "-"

// leaf is a column that shows a leaf.
func leaf(title string, path ...string) column {
	return column{title, func(r *client.Row) string { return cmp.Or(r.Text(path...), none) }}
}

// machine is the column that tells which LMA or MAG of the element a row is about.
var machine = column{"MACHINE", func(r *client.Row) string {
	if name := r.Key("lma", "name"); name != "" {
		return "lma " + name
	}
	return "mag " + r.Key("mag", "name")
}}

var views = []view{
	{
		name: "bindings", short: "Show the mobile nodes that are registered",
		long: `Show bindings shows the binding cache of each LMA and the binding update list of each MAG: who is registered, with
which addresses, and where.`,
		paths: []string{"pmipv6/lma/bindings/binding", "pmipv6/mag/bindings/binding"},
		columns: []column{
			machine, leaf("NODE", "mn-id"), leaf("IPV4", "hoa"), leaf("IPV6", "hnp"), leaf("PEER", "peer"), leaf("CARE-OF", "care-of-address"),
			leaf("STATE", "state"), span(leaf("REMAINING", "remaining-lifetime"), time.Second), leaf("FORWARDING", "forwarding"),
		},
		more: []column{
			leaf("ID", "id"), leaf("LINK-LAYER", "link-layer-id"), leaf("ACCESS", "access-technology"), leaf("NETWORK", "network"), leaf("PROFILE", "profile"),
			leaf("TUNNEL", "tunnel"), leaf("HANDOFFS", "handoff-count"), leaf("CREATED", "created"), leaf("REGISTERED", "last-registration"),
			leaf("ERROR", "forwarding-error"),
		},
		filters: []filter{
			byLeaf("node", "only mobile nodes whose identifier is `NAI`; * stands for anything", []string{"mn-id"}),
			byLeaf("peer", "only mobile nodes at this `PEER`, by its id or care-of address", []string{"peer"}, []string{"care-of-address"}),
			byLeaf("state", "only bindings in this `STATE`, such as active", []string{"state"}),
		},
		example: "--node '*@example.net' --peer mag1",
	},
	{
		name: "peers", short: "Show the MAGs of each LMA and the LMAs of each MAG",
		long: `Show peers shows the MAGs that each LMA knows, configured or learned, and the ways from each MAG to its LMAs: whether
they answer, and how many bindings they have.`,
		paths: []string{"pmipv6/lma/peers/peer", "pmipv6/mag/paths/path"},
		columns: []column{
			machine, either("PEER", []string{"id"}, []string{"lma"}), either("ADDRESS", []string{"path", "address"}, []string{"remote-address"}),
			leaf("ORIGIN", "origin"), leaf("STATUS", "oper-status"), leaf("BINDINGS", "bindings"),
		},
		more: []column{
			either("CHANGED", []string{"path", "last-change"}, []string{"last-change"}), either("TUNNEL", []string{"path", "tunnel"}, []string{"tunnel"}),
			leaf("PBU", "statistics", "pbu", "received"), leaf("PBA", "statistics", "pba", "sent"),
			either("MISSED", []string{"path", "heartbeat", "missed"}, []string{"heartbeat", "missed"}),
			span(either("RTT", []string{"path", "heartbeat", "rtt"}, []string{"heartbeat", "rtt"}), time.Microsecond),
		},
		filters: []filter{
			byLeaf("peer", "only the peer with this `ID` or address; * stands for anything", []string{"id"}, []string{"lma"}, []string{"path", "address"}, []string{"remote-address"}),
			byStatus,
		},
		example: "--peer mag1",
	},
	{
		name: "tunnels", short: "Show the tunnels and their traffic",
		long: `Show tunnels shows the tunnels between LMAs and MAGs, with the user packets and octets that they have carried, received
and sent, and how many were dropped for any reason.`,
		paths: []string{"pmipv6/lma/tunnels/tunnel", "pmipv6/mag/tunnels/tunnel"},
		columns: []column{
			machine, leaf("ENCAP", "encap"), leaf("LOCAL", "local-address"), leaf("REMOTE", "remote-address"), leaf("INTERFACE", "interface"), leaf("CARRIED BY", "carried-by"),
			leaf("MTU", "mtu"), leaf("STATUS", "oper-status"), leaf("BINDINGS", "bindings"),
			leaf("RX PACKETS", "statistics", "in-packets"), leaf("RX OCTETS", "statistics", "in-octets"),
			leaf("TX PACKETS", "statistics", "out-packets"), leaf("TX OCTETS", "statistics", "out-octets"),
			{"DROPS", drops},
		},
		more: []column{leaf("ID", "id"), leaf("CHANGED", "last-change"), leaf("REASON", "status-reason")},
		filters: []filter{
			byLeaf("peer", "only tunnels to this `ADDRESS`; * stands for anything", []string{"remote-address"}),
			byStatus,
		},
		example: "--status down",
	},
	{
		name: "pools", short: "Show how full the pools of addresses and prefixes are",
		long: `Show pools shows the pools of each network of each LMA and of its customers, and the ranges of local pools, which networks share: how many addresses or prefixes there
are, are in use now and were at most, and when a node last got none.`,
		paths: slices.Concat(poolsBelow("pmipv6/lma/network"), poolsBelow("pmipv6/lma/mobile-local-loop/customer/network/authorized"),
			[]string{"pmipv6/local-pool/range"}),
		columns: []column{
			{"MACHINE", func(r *client.Row) string {
				if r.Key("local-pool", "name") != "" {
					return "shared"
				}
				return machine.cell(r)
			}},
			{"CUSTOMER", func(r *client.Row) string { return cmp.Or(r.Key("customer", "name"), none) }},
			{"NETWORK", func(r *client.Row) string { return cmp.Or(networkOf(r), r.Key("local-pool", "name")) }},
			{"OF", func(r *client.Row) string {
				if strings.Contains(r.Of, "/mobile-network/") {
					return "networks"
				}
				return "nodes"
			}},
			leaf("FIRST", "start-address"), {"LENGTH", func(r *client.Row) string {
				if end := r.Text("end-address"); end != "" {
					return "to " + end
				}
				return r.Text("pool-prefix")
			}}, leaf("TOTAL", "usage", "total"), leaf("USED", "usage", "used"),
			leaf("FREE", "usage", "free"), leaf("MOST", "usage", "high-water"), leaf("LAST EXHAUSTED", "usage", "last-exhausted"),
		},
		filters: []filter{{flag: "network", usage: "only pools of the network called `NAME`; * stands for anything",
			cell: networkOf}},
		example: "--network home",
	},
	objectsView,
}

// objectsView is of what the element has made of the host. It is of no LMA or MAG.
var objectsView = view{
	name: "objects", short: "Show what the host has refused, and what else the element wants of it",
	long: `Show objects shows what became of each VRF, interface in a VRF, access link and tunnel that the element wants of the host, and of
routes and neighbours what the host has refused: why, and when it is tried again.`,
	paths:   []string{"system/dataplane/objects/object"},
	columns: []column{leaf("OBJECT", "name"), leaf("STATUS", "status"), leaf("REASON", "reason"), leaf("ATTEMPTS", "attempts"), leaf("NEXT RETRY", "next-retry")},
	more:    []column{leaf("UNWANTED", "unwanted"), leaf("CHANGED", "last-change")},
	filters: []filter{
		byLeaf("object", "only objects whose description is like `TEXT`; * stands for anything but /", []string{"name"}),
		{flag: "status", usage: "only objects with this `STATUS`", values: []string{"pending", "installed", "failed"},
			cell: func(r *client.Row) string { return r.Text("status") }},
	},
	example: "--status failed",
}

// poolsBelow are the pools of a network, for nodes and for mobile networks.
func poolsBelow(network string) (paths []string) {
	for _, of := range []string{"mobile-node", "mobile-network"} {
		paths = append(paths, network+"/pool/"+of+"/ipv4", network+"/pool/"+of+"/ipv6")
	}
	return paths
}

// networkOf is the network of a pool: an LMA's or a customer's.
func networkOf(r *client.Row) string {
	return cmp.Or(r.Key("network", "name"), r.Key("authorized", "name"))
}

// either is a column that shows one leaf of LMAs and another of MAGs.
func either(title string, lma, mag []string) column {
	return column{title, func(r *client.Row) string { return cmp.Or(r.Text(lma...), r.Text(mag...), none) }}
}

// span is a column whose leaf counts units of time.
func span(c column, unit time.Duration) column {
	return column{c.title, func(r *client.Row) string {
		n, err := strconv.ParseInt(c.cell(r), 10, 64)
		if err != nil {
			return none
		}
		return (time.Duration(n) * unit).String()
	}}
}

// drops adds up the drops of a tunnel.
func drops(r *client.Row) string {
	total := uint64(0)
	for _, text := range r.Children("statistics", "drops") {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return none
		}
		total += n
	}
	return strconv.FormatUint(total, 10)
}
