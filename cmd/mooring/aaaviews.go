package main

import "mooring/cmd/mooring/client"

// accountingView is of records.
var accountingView = view{
	name: "accounting", short: "Show what RADIUS servers were told, and what waits for them",
	long: `Show accounting shows the accounting records of each LMA, and of each of its customers: how many servers have taken, and how
many wait for a server. The sessions are shown by show accounting-sessions, the servers by show radius-servers.`,
	rows: client.Whole("pmipv6/lma/statistics/accounting", "pmipv6/lma/mobile-local-loop/customer/statistics/accounting"),
	columns: []column{
		machine, ofCustomer, leaf("STARTS", "start-sent"), leaf("UPDATES", "update-sent"), leaf("STOPS", "stop-sent"), leaf("QUEUED", "queued"),
		leaf("FAILED", "failed"), leaf("RETRANSMITTED", "retransmitted"),
	},
	filters: []filter{byCustomer},
	example: "--customer CUST1",
}

// accountingSessionsView is of what records are made for.
var accountingSessionsView = view{
	name: "accounting-sessions", short: "Show the accounting sessions that are open",
	long: `Show accounting-sessions shows the nodes and tunnels that each LMA accounts for: since when, and when a server last took a
record.`,
	rows: client.Whole("pmipv6/lma/aaa/accounting/session"),
	columns: []column{
		machine, leaf("SESSION", "id"), leaf("TYPE", "type"), either("OF", []string{"binding"}, []string{"tunnel"}), leaf("STARTED", "started"),
		leaf("LAST RECORD", "last-record"),
	},
	more: []column{leaf("MULTI-SESSION", "multi-session-id")},
	filters: []filter{
		{flag: "type", usage: "only sessions of this `TYPE`", values: []string{"mobile-node", "tunnel"}, cell: func(r *client.Row) string { return r.Text("type") }},
	},
	example: "--type tunnel",
}

// radiusServersView is of who is told, and asked. Their secrets are not asked for.
var radiusServersView = view{
	name: "radius-servers", short: "Show the RADIUS servers, and whether they answer",
	alias: []string{"aaa"},
	long: `Show radius-servers shows the RADIUS servers of the element: whether they take accounting records (ACCOUNTING) and answer
questions about nodes (AUTHORIZATION), and how many requests and answers there were of both.`,
	rows: client.Parts("system/aaa/radius/server", "address", "auth-port", "acct-port", "oper-status", "statistics", "authorization"),
	columns: []column{
		keyOf("SERVER", "server", "name"), leaf("ADDRESS", "address"), leaf("ACCOUNTING", "oper-status"), leaf("REQUESTS", "statistics", "requests"),
		leaf("RESPONSES", "statistics", "responses"), leaf("TIMEOUTS", "statistics", "timeouts"),
		leaf("AUTHORIZATION", "authorization", "oper-status"), leaf("QUESTIONS", "authorization", "requests"), leaf("ACCEPTS", "authorization", "accepts"),
		leaf("REJECTS", "authorization", "rejects"), leaf("UNANSWERED", "authorization", "timeouts"),
	},
	more: []column{
		leaf("ACCT-PORT", "acct-port"), leaf("REQUESTS REPEATED", "statistics", "retransmissions"), leaf("BAD RESPONSES", "statistics", "bad-responses"),
		leaf("AUTH-PORT", "auth-port"), leaf("QUESTIONS REPEATED", "authorization", "retransmissions"), leaf("BAD ANSWERS", "authorization", "bad-responses"),
	},
	filters: []filter{byKey("server", "only the server called `NAME`; * stands for anything", "server", "name"), byStatus},
	example: "--status down",
}

// entitlementView is of the licence.
var entitlementView = view{
	name: "entitlement", short: "Show how many bindings the operator is entitled to, and how many there are",
	alias: []string{"licence", "license"},
	long: `Show entitlement shows the entitlement of each LMA: how many bindings it covers, how many there are, and were at most at one
time. What goes beyond it is reported and not refused.`,
	rows: client.Whole("pmipv6/lma/entitlement"),
	columns: []column{
		machine, leaf("NAME", "name"), leaf("LIMIT", "limit"), leaf("BINDINGS", "bce-count"), leaf("IN COMPLIANCE", "in-compliance"), leaf("PEAK", "peak-bce-count"),
		leaf("PEAK SINCE", "peak-reset-time"),
	},
	more: []column{leaf("MODE", "mode")},
	filters: []filter{{flag: "in-compliance", usage: "only entitlements that are kept to: `true`, or not: false", values: []string{"true", "false"},
		cell: func(r *client.Row) string { return r.Text("in-compliance") }}},
	example: "--in-compliance false",
}
