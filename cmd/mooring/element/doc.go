// Package element connects the parts of a network element and runs them: what "mooring run" starts.
//
//	state folder ──> datastore ── commit ──> pipeline: engine, forwarding, access links, servers
//	                                            │
//	sockets <──> engine <── Attached ── attach  │      signalling, and nodes that come and go
//	               │ Want                 ^     │
//	               v                 Links│     │
//	            reconcile ──> plane ──────┘     │      forwarding
//	                                            v
//	NETCONF, gNMI ──> datastore, state          listening sockets
//
// Who starts an Element may be killed at any time: what stays on the host is marked as Mooring's and is adopted or removed by
// the next start.
package element
