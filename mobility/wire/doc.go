// Package wire is the codec of Proxy Mobile IPv6 signalling: the Mobility Header, its messages and their options.
//
// It implements the formats of RFC 6275 section 6 (Mobility Header, PBU, PBA, Binding Error, Binding Refresh Request),
// RFC 5213 section 8 (proxy flag and options), RFC 5844 section 3.3 (IPv4), RFC 5845 section 6 (GRE key), RFC 5846
// section 5 (revocation), RFC 5847 section 3 (heartbeat), RFC 7077 section 4 (update notification), and the options of
// RFC 3963, 4283 with 8371, 4285, 5094, 5149, 5555 section 4.3, 6463, 6602, 6757 with 7563, 6909, 7148, 7222, 7389,
// 7864, 8127 and 8278. Messages of other protocols that share the Mobility Header are kept whole as [Opaque].
//
// # Messages
//
// A message is a flat struct: its fixed fields, then [Options] embedded. Every option may be in every message; which
// ones belong where, and which are missing, is for the mobility machines to judge. Only octets that cannot be read are
// an error, always a [*DecodeError].
//
// [Parse] gives a message memory of its own. A [Decoder] uses its memory again for each message, and what it returns
// points into the octets it was given: it does not allocate for the messages of an ordinary session.
//
// AppendBinary writes options in one canonical order, aligned and padded as their documents ask. A decoded message
// that was not changed is written exactly as it came in: order, padding, unknown options, reserved bits and checksum.
//
// # Around the message
//
// Checksum and authenticator depend on addresses, which a message does not know. The sequence of a sender is
// AppendBinary, [Authenticator.Sign], [SetChecksum]; that of a receiver is [VerifyChecksum], Parse or Decode,
// [Authenticator.Verify].
package wire
