// Package transport carries Mobility Headers: protocol 135 over IPv6, UDP port 5436 over IPv4 (RFC 6275 section 6.1, RFC 5844
// section 4). [Sockets] is the network of the host, [Memory] one for tests.
//
// Each local address has a socket and a goroutine that reads it:
//
//	socket ── read up to 64 ── checksum ── decode ──> Batches() ──> whoever calls the machines ── Release ─┐
//	  ^                           │                                                                         │
//	  │                           └─ Binding Error, Parameter Problem (RFC 6275 section 9.2)                │
//	  └────────────────────────────────────── the batch is filled again <──────────────────────────────────┘
//
// A batch has one owner at a time: the reader until it sends it to Batches, then whoever received it until Release. Everything
// in it, the octets and the decoded messages too, is overwritten after that. A socket has two batches. While both are
// elsewhere nothing is read: who is slow finds out by what waits in the socket, and nothing that was read is ever thrown away.
// What the host drops because the socket's memory is full is counted in [Counters]. Of a flood, a filter at the socket keeps away what a
// [mobility.Screen] says.
//
// Messages that cannot be read arrive like others, with Inbound.Err: it is for the machines to count them.
//
// Each message is marked with the code point of its Datagram, and arrives with that of its packet.
//
// The same address may be in several VRFs. Each message carries the VRF that it has arrived in, and leaves in that of its source.
//
// An address that the host does not have yet, or has no more, is not an error: the socket is bound all the same, works as soon as the
// address is there, and [Sockets.Status] says what is wrong meanwhile.
package transport
