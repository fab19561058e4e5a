// Package client sends accounting records to RADIUS servers until one of them has taken each.
//
//	spool ──Next──> lane: window ──> deliver, up to 64 at once ──> exchange ──> socket ──> server
//	      <─Remove─  one goroutine        one server after another     one for each server of a lane
//
// Records of one session travel one after the other, Accounting-On and -Off alone; everything else may overtake. A request that is not
// answered is repeated as it is, octet by octet, so that the server knows it again (RFC 2866 section 3, RFC 5080 section 2.2.1); what goes to
// another server, or is tried later, is a new request with a new identifier and Acct-Delay-Time (RFC 2866 section 5.2).
//
// A server that answered none of the repetitions is passed over for the dead time. Then one request finds out whether it is back: the one that was
// sent in vain least often, for a server may never answer some record, and the others are not to wait for it.
//
// Asker asks servers about nodes, in the same way but for the queue: route is what both have in common.
package client
