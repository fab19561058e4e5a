package main

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"mooring/cmd/mooring/client"
)

// views are all kinds of state. TestEachStateHasAView looks for state that none of them shows.
var views = []view{
	bindingsView, peersView, tunnelsView, poolsView, machinesView, addressesView, anchorsView, interfacesView, customersView, statisticsView, settingsView, tracesView,
	accountingView, accountingSessionsView, radiusServersView, entitlementView,
	elementView, managementView, managersView, commitsView, warningsView, objectsView, repairsView, vrfsView, accessListsView,
}

// bindingsView is of nodes.
var bindingsView = view{
	name: "bindings", short: "Show the mobile nodes that are registered",
	alias: []string{"nodes"},
	long: `Show bindings shows the binding cache of each LMA and the binding update list of each MAG: who is registered, with
which addresses, and where.`,
	rows: client.Whole("pmipv6/lma/bindings/binding", "pmipv6/mag/bindings/binding"),
	columns: []column{
		machine, leaf("NODE", "mn-id"), leaf("IPV4", "hoa"), leaf("IPV6", "hnp"), leaf("PEER", "peer"), leaf("CARE-OF", "care-of-address"),
		leaf("STATE", "state"), span(leaf("REMAINING", "remaining-lifetime"), time.Second), leaf("FORWARDING", "forwarding"),
	},
	more: []column{
		leaf("ID", "id"), leaf("IMSI", "imsi"), leaf("LINK-LAYER", "link-layer-id"), leaf("ACCESS", "access-technology"), leaf("SERVICE", "apn"), leaf("CUSTOMER", "customer"), leaf("NETWORK", "network"),
		leaf("MOBILE NETWORKS", "mobile-network"), leaf("PROFILE", "profile"),
		leaf("TUNNEL", "tunnel"), leaf("HANDOFFS", "handoff-count"), leaf("CREATED", "created"), leaf("REGISTERED", "last-registration"),
		leaf("ERROR", "forwarding-error"),
	},
	filters: []filter{
		byLeaf("node", "only mobile nodes whose identifier is `NAI`; * stands for anything", []string{"mn-id"}),
		byLeaf("peer", "only mobile nodes at this `PEER`, by its id or care-of address", []string{"peer"}, []string{"care-of-address"}),
		byLeaf("customer", "only mobile nodes of the customer called `NAME`; * stands for anything", []string{"customer"}),
		byLeaf("state", "only bindings in this `STATE`, such as active", []string{"state"}),
	},
	example: "--node '*@example.net' --peer mag1",
}

// peersView is of the other ends of signalling.
var peersView = view{
	name: "peers", short: "Show the MAGs of each LMA and the LMAs of each MAG",
	long: `Show peers shows the MAGs that each LMA knows, configured or learned, and the ways from each MAG to its LMAs: whether
they answer, and how many bindings they have.`,
	rows: client.Whole("pmipv6/lma/peers/peer", "pmipv6/mag/paths/path"),
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
}

// tunnelsView is of what carries packets of nodes.
var tunnelsView = view{
	name: "tunnels", short: "Show the tunnels and their traffic",
	long: `Show tunnels shows the tunnels between LMAs and MAGs, with the user packets and octets that they have carried, received
and sent, and how many were dropped for any reason.`,
	rows: client.Whole("pmipv6/lma/tunnels/tunnel", "pmipv6/mag/tunnels/tunnel"),
	columns: []column{
		machine, leaf("ENCAP", "encap"), leaf("LOCAL", "local-address"), leaf("REMOTE", "remote-address"), leaf("INTERFACE", "interface"), leaf("CARRIED BY", "carried-by"),
		leaf("MTU", "mtu"), leaf("STATUS", "oper-status"), leaf("BINDINGS", "bindings"),
		leaf("RX PACKETS", "statistics", "in-packets"), leaf("RX OCTETS", "statistics", "in-octets"),
		leaf("TX PACKETS", "statistics", "out-packets"), leaf("TX OCTETS", "statistics", "out-octets"),
		{title: "DROPS", cell: drops},
	},
	more: []column{leaf("ID", "id"), leaf("CHANGED", "last-change"), leaf("REASON", "status-reason")},
	filters: []filter{
		byLeaf("peer", "only tunnels to this `ADDRESS`; * stands for anything", []string{"remote-address"}),
		byStatus,
	},
	example: "--status down",
}

// poolsView is of what nodes are given.
var poolsView = view{
	name: "pools", short: "Show how full the pools of addresses and prefixes are",
	long: `Show pools shows the pools of each network of each LMA and of its customers, and the ranges of local pools, which networks
share: how many addresses or prefixes there are, are in use now and were at most, and when a node last got none.`,
	rows: client.Whole(slices.Concat(poolsBelow("pmipv6/lma/network"), poolsBelow("pmipv6/lma/mobile-local-loop/customer/network/authorized"),
		[]string{"pmipv6/local-pool/range"})...),
	columns: []column{
		{title: "MACHINE", cell: func(r *client.Row) string {
			if r.Key("local-pool", "name") != "" {
				return "shared"
			}
			return machine.cell(r)
		}},
		ofCustomer, {title: "NETWORK", cell: func(r *client.Row) string { return cmp.Or(networkOf(r), r.Key("local-pool", "name")) }},
		{title: "OF", cell: func(r *client.Row) string {
			if strings.Contains(r.Of, "/mobile-network/") {
				return "networks"
			}
			return "nodes"
		}},
		leaf("FIRST", "start-address"), {title: "LENGTH", cell: func(r *client.Row) string {
			if end := r.Text("end-address"); end != "" {
				return "to " + end
			}
			return r.Text("pool-prefix")
		}}, leaf("TOTAL", "usage", "total"), leaf("USED", "usage", "used"),
		leaf("FREE", "usage", "free"), leaf("MOST", "usage", "high-water"), leaf("LAST EXHAUSTED", "usage", "last-exhausted"),
	},
	filters: []filter{
		{flag: "network", usage: "only pools of the network called `NAME`; * stands for anything", cell: networkOf}, byCustomer,
	},
	example: "--network home",
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

// drops adds up the drops of a tunnel.
func drops(r *client.Row) string { return sum(r.Children("statistics", "drops")) }
