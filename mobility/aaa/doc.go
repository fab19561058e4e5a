// Package aaa says what the accounting of an anchor is: which sessions there are, which records their lives give, and what a record
// holds; and what is said to servers that are asked about nodes, and made of their answers (access.go). It reads no clock and does no I/O.
//
//	events of bindings, the binding table, counters of the dataplane
//	        │
//	        v
//	     Ledger ──> Changes ──> spool     what has to be on disk, in one step
//	                              │
//	                              v
//	                            client ──> RADIUS servers
//
// Two kinds of sessions are accounted: nodes, with Start and Stop, and tunnels, with Start, Interim-Update and Stop. Around this core stand
// three packages: spool keeps open sessions and unsent records on disk, client sends records and knows which servers live, accountant
// connects the three with a running element. Package disconnect answers the servers that end sessions.
//
// RFC 2866, RFC 2867, RFC 2868, RFC 2869, RFC 3162, RFC 6572.
package aaa
