package ios

import (
	"slices"
	"strconv"
)

var lmaRows = []row{
	{ids: "LMA-02", syntax: "address ipv4 {address/ipv4+}"},
	{ids: "LMA-02", syntax: "address ipv6 {address/ipv6+}"},
	{ids: "LMA-03", syntax: "hnp maximum {hnp/maximum}"},
	{ids: "LMA-04", syntax: "bce maximum {bce/maximum:1..128000}"},
	{ids: "LMA-05", syntax: "bce lifetime {bce/lifetime}"},
	{ids: "LMA-06", syntax: "bce delete-wait-time {bce/delete-wait-time:100..65535}", only: XR},
	{ids: "LMA-06", syntax: "bce delete-wait-time {bce/delete-wait-time}", only: IOS},
	{ids: "EXT-02", syntax: "bce create-wait-time {bce/create-wait-time}"},
	{ids: "EXT-01", syntax: "bce refresh-time {bce/refresh-time}"},
	{ids: "LMA-07", syntax: "replay-protection timestamp window {replay-protection/window}", clears: "replay-protection/mode"},
	{ids: "EXT-14", syntax: "replay-protection timestamp window ignore", set: "replay-protection/mode=ignore"},
	{ids: "LMA-09", syntax: "default profile {default-profile}"},
	{ids: "LMA-13", syntax: "dynamic mag learning", set: "dynamic-mag-learning=true"},
	{ids: "LMA-15", syntax: "aaa accounting interim {interim-interval}", at: "aaa/accounting", set: "enabled=true"},
	{ids: "LMA-14", syntax: "aaa accounting", at: "aaa/accounting", set: "enabled=true"},
	{ids: "MP-03", syntax: "multipath", set: "multipath=true"},
	{ids: "MMAP-06", syntax: "mobile-map {mobile-map}"},
	{ids: "INC-18", syntax: "mobile-map {mobile-map} {sequence:number}", readOnly: true,
		warn: "W-MIX the sequence number is ignored: an LMA uses a map as a whole"},
	{ids: "MMAP-11", syntax: "interface {interface+:interface}"},
	{ids: "TUN-01", syntax: "tunnel mtu {tunnel/mtu}"},
	{ids: "TUN-02", syntax: "tunnel acl {tunnel/acl}"},
	{ids: "EXT-03", syntax: "enforce heartbeat-to-mag", set: "enforce-heartbeat-to-mag=true"},
	{ids: "EXT-05", syntax: "generate grekey", set: "gre-key/generate=true", unset: "gre-key/generate=false"},
	{ids: "EXT-05", syntax: "ignore grekey", set: "gre-key/ignore=true"},
	{ids: "EXT-06", syntax: "redistribute home-address host-prefix", set: "redistribute=host-prefix"},
	{ids: "EXT-06", syntax: "redistribute home-address disable", set: "redistribute=disabled"},
	{ids: "EXT-07", syntax: "mobile-route admin-distance {mobile-route/admin-distance}"},
	{ids: "EXT-11", syntax: "pgw subscriber continuity", set: "pgw-subscriber-continuity=true"},
	{ids: "EXT-12", syntax: "mobile-network unauthorized", set: "mobile-network-authorization=unauthorized"},
	{ids: "EXT-12", syntax: "mobile-network aaa-authorized", set: "mobile-network-authorization=aaa"},
	{ids: "EXT-15", syntax: "ani", set: "ani=true"},
	{ids: "EXT-16", syntax: "rat {type:rat} priority {priority}", at: "rat"},
	{ids: "PEER-01", syntax: "mag {id} {domain}", at: "mag", enters: "lma-mag"},
	{ids: "LMA-19 NETP-01", syntax: "network {name}", at: "network", enters: "lma-network"},
	{ids: "HYB-01", syntax: "mobility-service hybrid-access", at: "hybrid-access", enters: "lma-hybrid-access"},
	{ids: "MLL-01", syntax: "mobility-service mobile-local-loop", at: "mobile-local-loop", enters: "mobile-local-loop"},
}

var lmaPeerRows = []row{
	{ids: "PEER-02", syntax: "ipv4 address {ipv4-address}"},
	{ids: "PEER-02", syntax: "ipv6 address {ipv6-address}"},
	{ids: "PEER-04", syntax: "encap {encap:enum}"},
	{ids: "PEER-05", syntax: "tunnel interface {tunnel-interface:interface}"},
}

// networkRows are pools as IOS writes them.
var networkRows = []row{
	{ids: "NETP-05", syntax: "pool ipv4 {name} pfxlen {prefix-length}", at: "named-pool/ipv4"},
	{ids: "NETP-05", syntax: "pool ipv6 {name} pfxlen {prefix-length}", at: "named-pool/ipv6"},
}

const fromTo = "an IPv6 pool is a v6pool, and network-prefix is not shorter than pool-prefix"

// poolsOf are the pools of a network, whose container pool is at a prefix.
func poolsOf(at string) []row {
	return []row{
		{ids: "LMA-20 MLL-12", syntax: "pool mobile-node ipv4 start-address {start-address} pool-prefix {pool-prefix}", at: at + "mobile-node/ipv4"},
		{ids: "LMA-21 MLL-12", syntax: "pool mobile-node ipv6 start-address {start-address} pool-prefix {pool-prefix}", at: at + "mobile-node/ipv6"},
		{ids: "LMA-22 MLL-12", syntax: "pool mobile-network ipv4 start-address {start-address} pool-prefix {pool-prefix} network-prefix {network-prefix}",
			at: at + "mobile-network/ipv4", only: XR},
		{ids: "LMA-23 MLL-12", syntax: "pool mobile-network ipv6 start-address {start-address} pool-prefix {pool-prefix} network-prefix {network-prefix}",
			at: at + "mobile-network/ipv6", only: XR},
		{ids: "NETP-02 NETP-06", syntax: "mobile-network (pool|v4pool) {start-address} pool-prefix {pool-prefix} network-prefix {network-prefix}",
			at: at + "mobile-network/ipv4", only: IOS, mind: fromTo},
		{ids: "NETP-03", syntax: "mobile-network v6pool {start-address} pool-prefix {pool-prefix} network-prefix {network-prefix}",
			at: at + "mobile-network/ipv6", only: IOS, mind: fromTo},
	}
}

// heartbeatRows are those where links have labels, too.
var heartbeatRows = joined(heartbeatRowsOf(""), heartbeatRowsOf("label"))

// heartbeatRowsOf has the times that belong together, of all links or of those with a label. IOS did not have the timeout at first.
func heartbeatRowsOf(label string) (rows []row) {
	at, option := "heartbeat", ""
	if label != "" {
		at, option = "heartbeat-label", " label {label}"
	}
	for _, nat := range []string{"", " natreboot"} {
		r := row{ids: "LMA-17 HB-01 HB-02 HB-03 MLL-06", at: at, only: XR, clears: "nat-reboot",
			syntax: "heartbeat interval {interval:10..3600} retries {retries} timeout {timeout}" + option + nat}
		if nat != "" {
			r.set = "nat-reboot=true"
		}
		rows = append(rows, r)
		r.only, r.syntax = IOS, "heartbeat interval {interval} retries {retries} timeout {timeout}"+option+nat
		rows = append(rows, r)
		r.readOnly, r.derive, r.syntax = true, heartbeatTimeout, "heartbeat interval {interval} retries {retries}"+option+nat
		rows = append(rows, r)
	}
	slices.Reverse(rows) // the longer syntax first
	return rows
}

// heartbeatTimeout is how long a response is waited for where nobody says so: as long as the interval, and at most ten seconds.
func heartbeatTimeout(values map[string]string) {
	const most = 10
	if n, err := strconv.Atoi(values["interval"]); err == nil {
		values["timeout"] = strconv.Itoa(min(n, most))
	}
}

var revocationRows = []row{
	{ids: "LMA-10 EXT-39", syntax: "bri delay min {bri/delay-min}"},
	{ids: "LMA-10 EXT-39", syntax: "bri delay max {bri/delay-max}"},
	{ids: "LMA-11 EXT-39", syntax: "bri retries {bri/retries}"},
}

var dscpRows = []row{
	{ids: "DSCP-01 DSCP-06 EXT-13", syntax: "dscp control-plane {dscp/control-plane} force", set: "dscp/force=true"},
	{ids: "DSCP-01 EXT-13", syntax: "dscp control-plane {dscp/control-plane}", clears: "dscp/force"},
}

var loopRows = []row{
	{ids: "EXT-10", syntax: "ignore home-address", set: "ignore-home-address=true"},
	{ids: "MLL-02", syntax: "customer {name} vrf {vrf}", at: "customer", names: "vrf", enters: "customer"},
}

// limitRows are the limits of mobile networks.
var limitRows = joined(limitsOf("ipv4", "ipv4"), limitsOf("ipv6", "ipv6"), limitsOf("afi-all", "all"))

func limitsOf(keyword, container string) []row {
	return []row{
		{ids: "EXT-08", syntax: "mnp " + keyword + " logical-mn maximum {mnp/" + container + "/logical-mn-maximum}"},
		{ids: "EXT-08", syntax: "mnp " + keyword + " customer maximum {mnp/" + container + "/customer-maximum}"},
	}
}

var customerRows = []row{
	{ids: "MLL-07", syntax: "bce lifetime {bce/lifetime}"},
	{ids: "MLL-08", syntax: "network unauthorized", set: "network/unauthorized=true"},
	{ids: "MLL-09", syntax: "network authorized {name}", at: "network/authorized", enters: "customer-network"},
	{ids: "EXT-04", syntax: "gre-key symmetric {gre-key/value}"},
	{ids: "EXT-07 EXT-38", syntax: "mobile-route admin-distance {mobile-route/admin-distance}"},
	{ids: "EXT-09", syntax: "bandwidth aggregate {bandwidth/aggregate}"},
	{ids: "MMAP-07 EXT-38", syntax: "mobile-map {mobile-map}"},
	{ids: "EXT-38", syntax: "interface {interface+:interface}"},
	{ids: "MLL-14", syntax: "transport", at: "transport", set: "vrf=default", enters: "transport"},
	{ids: "MLL-13", syntax: "transport vrf {vrf}", at: "transport", enters: "transport"},
}

var transportRows = []row{
	{ids: "MLL-13 MLL-17", syntax: "address ipv4 {ipv4-address}"},
	{ids: "MLL-13 MLL-17", syntax: "address ipv6 {ipv6-address}"},
}
