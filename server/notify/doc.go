// Package notify keeps the events of an element and hands them to whoever follows them: the event stream of NETCONF (RFC
// 5277), and any other protocol that has one. It knows no protocol and writes nothing: an event is a notification of the schema
// as a tree.
//
//	event.go   an Event, and how one is built
//	log.go     the Log: a bounded memory of events, and places in it
//	config.go  events of the datastore: commits, and commits that wait to be confirmed
//	state.go   what the log says of itself
//
// There is one log and no queue for anybody: a [Reader] is a place in the log. One that falls behind what the log still holds
// is told how many events it missed, and goes on with the oldest. So neither who adds an event nor any other reader ever waits
// for a slow one, which costs nothing.
package notify
