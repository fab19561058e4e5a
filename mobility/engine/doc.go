// Package engine runs the machines of an element: any number of LMAs and MAGs, in one goroutine. It reads the clock, tells the
// machines what happened, and does what they ask for. All protocol is in packages lma and mag, all I/O behind interfaces.
//
//	                    transport.Batches()                        Events
//	socket readers ────────────────────────┐            ┌──────> queue ─> goroutine ─> notifications
//	                                       v            │ 6      (a full one drops, and counts)
//	commit   Prepare..Apply ──┐      ┌───────────┐      ├──────> Ask ─> goroutines ─> AAA servers
//	access   Attached ────────┤ inbox│  Run:     │ 5    │
//	dataplane Installed ──────┼─────>│  one loop ├──────┼──────> Transport.Send
//	aaa      Authorized ──────┤      │           │ 4    │
//	state    Do, Peers, .. ───┘      │           │      ├──────> Grants
//	                                 └───────────┘ 3    │ 2
//	           one timer for ───────────┘    ^          ├──────> Dataplane.Want
//	           the earliest deadline         │          │ 1
//	           Store.News, Dataplane.Room ───┘          └──────> Store ─> goroutine that waits for the disk
//
// A step of the loop is one inbox message: the time is read once, the machines concerned are called, and then their Effects
// are carried out, kind by kind in the order that mobility.Effects defines (1 to 6 above; then come screens). Answers to a batch of requests leave
// as a batch.
//
// The loop does not wait for the disk. What a step asks for is written at once and held back as a turn (store.go) until it is durable, while
// the next steps are taken; turns are carried out in their order, and those that the same sync makes durable together. Refreshes alone
// wait for nothing: what is written survives the process.
//
// Nothing that the loop calls may wait for the loop: not Grants, not Ask, not Dataplane.Want, not Transport.Send.
//
// Every input can be written down and played again: at debug level each goes into the log as a step of a text scenario, with
// its time and machine (text.go, package scenario).
//
// Stopping Run changes nothing: bindings stay, tunnels carry traffic, peers learn nothing, and another process may go on. Who
// wants to take leave of the peers commits a configuration without machines first.
package engine
