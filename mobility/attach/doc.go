// Package attach is the access side of mobile access gateways: it notices the nodes on their access links, and offers them what
// their LMAs gave them.
//
//	socket readers ──────────┐ frames             ┌──────> Attached (the mobility engine)
//	                         v                    │
//	commit     Prepare..Apply ─┐ queue      ┌─────┴─────┐
//	dataplane  Link ───────────┼───────────>│ Run: one  ├──────> Socket.Send
//	engine     Grants ─────────┘            │   loop    ├──────> Socket.Watch
//	                                        └───────────┘
//
// All protocol is in package homelink, one machine a link, and its frames in package frame. What is handed over from outside never
// waits for the loop, so the loop may wait for the engine.
package attach
