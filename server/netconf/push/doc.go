// Package push knows what one subscriber was told of a datastore, and finds what has changed since (RFC 8641): of the configuration,
// and of the rows of state. It reads no clock and sends nothing; package netconf does.
//
// Nothing is queued. What has changed is looked for when it may be told, by comparing what was told with what there is: a configuration by
// what two trees do not share, a row of state with the one told before. So whoever is told rarely, or reads slowly, is told less and
// misses nothing, and a change costs what has changed.
//
//	tracker.go   what was told, and what differs from it
//	churn.go     what has changed and is again as it was
//	patch.go     differences as edits of a YANG patch (RFC 8072)
package push
