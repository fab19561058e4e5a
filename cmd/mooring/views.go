package main

import (
	"cmp"
	"strconv"
	"time"

	"mooring/cmd/mooring/client"
)

// view is one kind of state as a table.
type view struct {
	name, short, long string
	paths             []string // of the rows, see client.Get
	columns           []column
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
			leaf("STATE", "state"), seconds("REMAINING", "remaining-lifetime"), leaf("FORWARDING", "forwarding"),
		},
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
	},
	{
		name: "tunnels", short: "Show the tunnels and their traffic",
		long: `Show tunnels shows the tunnels between LMAs and MAGs, with the user packets and octets that they have carried, received
and sent, and how many were dropped for any reason.`,
		paths: []string{"pmipv6/lma/tunnels/tunnel", "pmipv6/mag/tunnels/tunnel"},
		columns: []column{
			machine, leaf("ENCAP", "encap"), leaf("LOCAL", "local-address"), leaf("REMOTE", "remote-address"), leaf("INTERFACE", "interface"),
			leaf("MTU", "mtu"), leaf("STATUS", "oper-status"), leaf("BINDINGS", "bindings"),
			leaf("RX PACKETS", "statistics", "in-packets"), leaf("RX OCTETS", "statistics", "in-octets"),
			leaf("TX PACKETS", "statistics", "out-packets"), leaf("TX OCTETS", "statistics", "out-octets"),
			{"DROPS", drops},
		},
	},
	{
		name: "pools", short: "Show how full the pools of addresses and prefixes are",
		long: `Show pools shows the pools of each network of each LMA: how many addresses or prefixes there are, are in use now and were at
most, and when a node last got none.`,
		paths: []string{"pmipv6/lma/network/pool/mobile-node/ipv4", "pmipv6/lma/network/pool/mobile-node/ipv6"},
		columns: []column{
			machine, {"NETWORK", func(r *client.Row) string { return r.Key("network", "name") }},
			leaf("FIRST", "start-address"), leaf("LENGTH", "pool-prefix"), leaf("TOTAL", "usage", "total"), leaf("USED", "usage", "used"),
			leaf("FREE", "usage", "free"), leaf("MOST", "usage", "high-water"), leaf("LAST EXHAUSTED", "usage", "last-exhausted"),
		},
	},
}

// either is a column that shows one leaf of LMAs and another of MAGs.
func either(title string, lma, mag []string) column {
	return column{title, func(r *client.Row) string { return cmp.Or(r.Text(lma...), r.Text(mag...), none) }}
}

// seconds is a column that shows a leaf of that unit.
func seconds(title string, path ...string) column {
	return column{title, func(r *client.Row) string {
		n, err := strconv.ParseInt(r.Text(path...), 10, 64)
		if err != nil {
			return none
		}
		return (time.Duration(n) * time.Second).String()
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
