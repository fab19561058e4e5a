package dataplane

import "strings"

// How the interfaces are called that tunnels in the kernel and in user space make for themselves: the prefix and twelve digits of base 32 of the
// former (RFC 4648 section 7, in lower case), the prefix and a decimal number of the latter.
const (
	TunnelPrefix = "mt-"
	TUNPrefix    = "mooring"
)

// TunnelDigits is how many digits follow TunnelPrefix: the name is as long as one can be.
const TunnelDigits = 12

// IsTunnelName reports whether an interface of this name is that of a tunnel in the kernel.
func IsTunnelName(device string) bool {
	digits, ok := strings.CutPrefix(device, TunnelPrefix)
	return ok && len(digits) == TunnelDigits && strings.Trim(digits, "0123456789abcdefghijklmnopqrstuv") == ""
}

// IsTUNName reports whether an interface of this name is one of tunnels in user space.
func IsTUNName(device string) bool {
	number, ok := strings.CutPrefix(device, TUNPrefix)
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}
