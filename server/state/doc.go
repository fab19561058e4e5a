// Package state renders operational state: bindings, peers, tunnels, pools, counters, and what the element says about itself. It is
// what NETCONF get, gNMI and the command line show beside the configuration. Nothing is copied into a tree to be asked for: a
// table reads its source while somebody looks at it.
//
// A [Table] is mounted at a node of the schema and yields rows: entries of a list, or one container for each entry of the lists
// above it. [State.At] finds the tables that a path is about. Of what it finds, one can
//
//	look    View.Rows: with all keys given this is a look-up in an index, otherwise a walk
//	follow  State.Follow: first every row, then the newest state of each row that changed, and of those that went away that they did
//	render  Renderer.Render: one row as a tree, in memory that is used again
//
// A [Row] never changes: who keeps the row that was sent last can compare it with the one that comes next.
//
//	state.go     the tables of an element, and how they are found
//	row.go       rows, keys
//	follow.go    several tables followed as one
//	table.go     small tables: read as a whole, compared with what they were
//	sink.go      the leaves of a row
//	sources.go   where the state comes from
//
// The tables of the model are in bindings.go, peers.go, tunnels.go, pools.go, statistics.go, gateway.go, anchor.go and system.go.
package state
