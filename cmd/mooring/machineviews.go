package main

import (
	"cmp"

	"mooring/cmd/mooring/client"
)

// machinesView is of the LMAs and MAGs themselves.
var machinesView = view{
	name: "machines", short: "Show the LMAs and MAGs of the element",
	alias: []string{"lma", "lmas", "mag", "mags"},
	long: `Show machines shows each LMA and MAG of the element: whether it works, how many bindings it has, how many handovers there
were, and the restart counter that its heartbeats tell peers.`,
	rows: append(client.Parts("pmipv6/lma", "oper-status", "restart-counter", "statistics/summary"),
		client.Parts("pmipv6/mag", "oper-status", "restart-counter", "lma/bindings")...),
	columns: []column{
		machine, leaf("STATUS", "oper-status"), total("BINDINGS", []string{"statistics", "summary", "bce-count"}, []string{"lma", "bindings"}),
		leaf("HANDOVERS", "statistics", "summary", "handoff-count"), leaf("RESTART COUNTER", "restart-counter"),
	},
	more: []column{
		leaf("OF CUSTOMERS", "statistics", "summary", "multi-tenant-count"), leaf("OF NO CUSTOMER", "statistics", "summary", "single-tenant-count"),
	},
	filters: []filter{byStatus},
	example: "--status down",
}

// addressesView is of where LMAs listen.
var addressesView = view{
	name: "addresses", short: "Show the addresses of each LMA and of its customers",
	long: `Show addresses shows the addresses that MAGs reach each LMA at, those of its customers included: whether it listens there,
and why not.`,
	rows:    client.Whole("pmipv6/lma/address/status", "pmipv6/lma/mobile-local-loop/customer/transport/status"),
	columns: []column{machine, ofCustomer, keyOf("VRF", "transport", "vrf"), leaf("ADDRESS", "address"), leaf("STATUS", "oper-status"), leaf("REASON", "reason")},
	filters: []filter{byStatus, byCustomer},
	example: "--status down",
}

// anchorsView is of the LMAs of a MAG as such; peersView has the ways to them.
var anchorsView = view{
	name: "anchors", short: "Show the LMAs of each MAG",
	long: `Show anchors shows the LMAs that each MAG may register nodes with: whether one of the ways to it is up, and how many bindings
it has. The ways themselves are shown by show peers.`,
	rows:    client.Parts("pmipv6/mag/lma", "oper-status", "bindings"),
	columns: []column{machine, keyOf("LMA", "lma", "id"), keyOf("DOMAIN", "lma", "domain"), leaf("STATUS", "oper-status"), leaf("BINDINGS", "bindings")},
	filters: []filter{byKey("lma", "only the LMA with this `ID`; * stands for anything", "lma", "id"), byStatus},
	example: "--lma lma1",
}

// interfacesView is of where nodes attach.
var interfacesView = view{
	name: "interfaces", short: "Show the access interfaces of each MAG",
	long: `Show interfaces shows the interfaces where nodes attach to each MAG: whether they are there, and nodes are looked for.`,
	rows: client.Parts("pmipv6/mag/interface", "oper-status", "enabled", "access-technology"),
	columns: []column{
		machine, keyOf("INTERFACE", "interface", "name"), leaf("ENABLED", "enabled"), leaf("ACCESS", "access-technology"), leaf("STATUS", "oper-status"),
	},
	filters: []filter{byStatus},
	example: "--status down",
}

// customersView is of those who share an LMA.
var customersView = view{
	name: "customers", short: "Show the customers of each LMA",
	long: `Show customers shows the customers of each LMA with their VRF and addresses, how many bindings and mobile networks they have,
and the limit of mobile networks where a customer has one of its own (MOST). Their counters are shown by show statistics --customer.`,
	rows: client.Parts("pmipv6/lma/mobile-local-loop/customer", "vrf", "transport/vrf", "transport/status", "mnp", "statistics"),
	columns: []column{
		machine, ofCustomer, leaf("VRF", "vrf"), leaf("ADDRESS", "transport", "status", "address"), leaf("STATUS", "transport", "status", "oper-status"),
		leaf("BINDINGS", "statistics", "bce-count"), leaf("HANDOVERS", "statistics", "handoff-count"),
		leaf("NETWORKS", "mnp", "all", "in-use"), leaf("MOST", "mnp", "all", "customer-maximum"),
	},
	more: []column{
		leaf("IPV4 NETWORKS", "mnp", "ipv4", "in-use"), leaf("MOST IPV4", "mnp", "ipv4", "customer-maximum"),
		leaf("IPV6 NETWORKS", "mnp", "ipv6", "in-use"), leaf("MOST IPV6", "mnp", "ipv6", "customer-maximum"),
		leaf("PBU", "statistics", "pbu", "received"), leaf("PBA", "statistics", "pba", "sent"), leaf("QUEUED", "statistics", "accounting", "queued"),
	},
	filters: []filter{byCustomer},
	example: "--customer CUST1",
}

// statisticsView is of what was signalled.
var statisticsView = view{
	name: "statistics", short: "Show the counters of LMAs and MAGs, of peers and of customers",
	alias: []string{"counters"},
	long: `Show statistics shows what each LMA and MAG has counted since it started or clear statistics made it begin anew: packets,
registrations by their outcome, revocations, accounting records, and what was discarded, and why. With --peer or --customer it
shows what was counted of these alone. Counters that are 0 are shown with --wide, and with --json.`,
	rows: client.Whole("pmipv6/lma/statistics", "pmipv6/mag/statistics"),
	columns: []column{machine, {title: "OF", cell: func(r *client.Row) string {
		switch peer, customer := countedPeer(r), r.Key("customer", "name"); {
		case peer != "":
			return "peer " + peer
		case customer != "":
			return "customer " + customer
		}
		return none
	}}},
	more:  []column{leaf("SINCE", "discontinuity-time")},
	lines: &leafTable{what: "COUNTER", value: "COUNT", shows: isCount},
	filters: []filter{
		{flag: "peer", usage: "the counters of the peer with this `ID`, and not of all; * stands for anything", cell: countedPeer,
			rows: client.Whole("pmipv6/lma/peers/peer/statistics", "pmipv6/mag/lma/statistics")},
		{flag: "customer", usage: "the counters of the customer called `NAME`, and not of all; * stands for anything", cell: byCustomer.cell,
			rows: client.Whole("pmipv6/lma/mobile-local-loop/customer/statistics")},
	},
	example: "--peer mag1",
}

// countedPeer is the peer that a row of counters is of: a MAG of an LMA or an LMA of a MAG.
func countedPeer(r *client.Row) string { return cmp.Or(r.Key("peer", "id"), r.Key("lma", "id")) }

// settingsView is of what machines go by, set or not. What is a list of its own, such as networks, has views that show more of it.
var settingsView = view{
	name: "settings", short: "Show the settings that LMAs and MAGs go by, defaults included",
	alias: []string{"parameters", "configuration"},
	long: `Show settings shows the settings that each LMA and MAG goes by: what was set, and the defaults of what was not. Those of its
peers, networks and customers are not among them; mooring import --to ios-xr prints what was set of these.`,
	rows: append(client.Parts("pmipv6/lma", "domain", "enabled", "address/ipv4", "address/ipv6", "bce", "hnp", "bri", "heartbeat", "replay-protection", "gre-key", "dscp", "tunnel",
		"redistribute", "mobile-route", "dynamic-mag-learning", "accept-forced-udp-encapsulation", "acknowledge-after-install",
		"mobile-network-authorization", "default-profile", "aaa"),
		client.Parts("pmipv6/mag", "domain", "enabled", "role", "binding", "heartbeat", "gre-key", "dscp", "tunnel", "detach-detection",
			"force-udp-encapsulation")...),
	columns: []column{machine},
	lines:   &leafTable{what: "SETTING", value: "VALUE"},
	example: "--machine lma1",
}

// tracesView is of the nodes that somebody looked at.
var tracesView = view{
	name: "traces", short: "Show which nodes are or were traced",
	long: `Show traces shows the nodes that are traced, or were since the element started, and how much was recorded. The records are
shown by --json, and by mooring trace as they are made.`,
	rows: client.Whole("pmipv6/lma/trace", "pmipv6/mag/trace"),
	columns: []column{
		machine, leaf("NODE", "nai"), leaf("STARTED", "started"), leaf("ENDS", "ends"), count("RECORDS", "record", "sequence"), leaf("DROPPED", "dropped"),
	},
	filters: []filter{byLeaf("node", "only traces of nodes whose identifier is `NAI`; * stands for anything", []string{"nai"})},
	example: "--node '*@example.net'",
}
