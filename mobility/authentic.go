package mobility

import "mooring/mobility/wire"

// Authentic says whether a received message is what the security association demands: sign.By signed it, or, where sign is the zero value,
// nobody did. What carries an authenticator that nobody can verify is not to be believed (RFC 4285 section 5.1.1). auth are the authentication
// options of the message.
func Authentic(sign Signature, in *Inbound, auth []wire.AuthOption) bool {
	if sign.By == nil {
		return len(auth) == 0
	}
	return sign.By.Verify(in.Octets, sign.CareOf, sign.Home) == nil
}
