// Package lma is the local mobility anchor as a machine: it is told what arrives, what the time is and how it is
// configured, and says what is to be done. It opens no socket and reads no clock.
//
// RFC 5213 sections 4 and 5, RFC 5844 section 3.1, RFC 5845 section 3.3, RFC 4285.
//
// A Proxy Binding Update takes this way through the files:
//
//	lma.go       Receive
//	admission.go authenticate, then the checks in the order of RFC 5213 section 5.3.1
//	ordering.go  timestamps and sequence numbers (section 5.5)
//	lookup.go    which binding cache entry is meant (section 5.4.1)
//	waiting.go   requests of which nobody knows yet (section 5.4.1.2)
//	inquiry.go   requests of nodes that AAA servers have to be asked about (RFC 6572 section 6.1)
//	session.go   registration, extension, de-registration
//	answer.go    the acknowledgement (section 5.3.6)
//
// The MAGs that send them are in peers.go.
package lma
