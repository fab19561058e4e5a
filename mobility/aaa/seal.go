package aaa

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"

	"layeh.com/radius/rfc2869"
)

// Seal says how a packet is protected by a Message-Authenticator.
type Seal uint8

// The states of protection.
const (
	Unsealed Seal = iota // it has none
	Broken
	Sealed
)

const authenticatorAt, attributesAt = 4, 20 // in a packet (RFC 2865 section 3)

// Check verifies the Message-Authenticator of a packet that radius.Parse accepts: HMAC-MD5 over the packet in which it is 0, and the authenticator is
// another one (RFC 3579 section 3.2): of an answer, that of its request; of a Disconnect-Request, 0 (RFC 5176 section 3.4).
func Check(packet, secret []byte, authenticator [16]byte) Seal {
	copied := bytes.Clone(packet)
	copy(copied[authenticatorAt:attributesAt], authenticator[:])
	value := messageAuthenticator(copied)
	switch {
	case value == nil:
		return Unsealed
	case len(value) != md5.Size:
		return Broken
	}
	given := bytes.Clone(value)
	clear(value)
	if hmac.Equal(seal(copied, secret), given) {
		return Sealed
	}
	return Broken
}

// messageAuthenticator returns the octets of the attribute within a packet, nil where it has none.
func messageAuthenticator(packet []byte) []byte {
	for at := attributesAt; at < len(packet); at += int(packet[at+1]) {
		if packet[at] == byte(rfc2869.MessageAuthenticator_Type) {
			return packet[at+2 : at+int(packet[at+1])]
		}
	}
	return nil
}

func seal(packet, secret []byte) []byte {
	mac := hmac.New(md5.New, secret)
	mac.Write(packet)
	return mac.Sum(nil)
}
