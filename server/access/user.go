package access

import "slices"

// User is who asks for something: the outcome of authentication, handed on to the datastore and to every access decision.
type User struct {
	Name   string
	Groups []string // that the transport or the process itself gives; NACM adds those of its configuration
	Origin Origin
	Remote string // address of the client, for logs and events; "" on the local socket
}

// Origin says how a user came in.
type Origin uint8

// The ways in. System is the element itself: its access is not checked (RFC 8341 section 3.4.1).
const (
	System Origin = iota
	Local         // the local socket, identified by the kernel
	SSH
	TLS
)

func (o Origin) String() string { return [...]string{"system", "local", "ssh", "tls"}[o] }

// AdminGroup is the group that may do everything until NACM is configured otherwise.
const AdminGroup = "admin"

// Element is the element itself as a user: at start, at the end of a confirmed commit.
var Element = User{Name: "system", Origin: System}

// IsAdmin reports whether the transport or the process itself put u in the group admin.
func (u User) IsAdmin() bool { return slices.Contains(u.Groups, AdminGroup) }
