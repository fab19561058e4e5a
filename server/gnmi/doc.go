// Package gnmi serves gNMI (the version is that of the protocol buffers it is built with): over TLS to whoever proves who they
// are, and over the local socket to whom the kernel knows.
//
// A request names nodes by paths; path.go resolves them against the schema to patterns, in which only keys can be open. What
// patterns select of configuration and state, and what the user may see of that, is walked by one delta for every RPC: it
// compares two versions of a node, of which the older may be nothing. Where it is sent to is a sink.
//
//	Get        delta from nothing -> found: a tree of what was found -> one value for each node that a path leads to
//	Subscribe  delta from nothing, then from what was sent last -> notifier: one Notification for each instance
//	Set        one private candidate, one commit
//
// State is not copied to be followed: a feed has a cursor in the tables of package state and, for each row, the row that was
// sent last. A subscriber who reads slowly is told the newest of everything, whatever happened in between.
//
//	server.go        the server, its sockets, its end
//	door.go          how many may be connected
//	credentials.go   who is at the other end of a connection
//	authenticate.go  who asks
//	limit.go         how much of it
//	path.go          paths to patterns, and back; expand.go wildcards
//	selection.go     what is selected below a node
//	models.go        Capabilities, use_models
//	read.go          configuration and state to a sink
//	delta.go         what differs between two versions of a node
//	found.go         the sink of Get
//	notify.go        the sink of Subscribe; encode.go what it writes, outbox.go
//	                 and wire.go how that is sent
//	flat.go          rows that hold nothing but leaves
//	value.go         values of leaves; json.go the JSON encoding that is not RFC 7951's
//	get.go
//	set.go           operations, and the commit; payload.go what they write; union.go union_replace
//	subscribe.go     the request of a Subscribe; subscriber.go who serves it, stream.go and feed.go how it goes on
//	metadata.go      what the messages have no place for
//	extension.go     extensions; arbitration.go who is the master
//	errors.go        what went wrong, in the codes of gRPC; panic.go what should not
package gnmi
