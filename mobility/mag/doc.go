// Package mag is the mobile access gateway as a machine: it is told which nodes come and go and what its anchors answer, and
// says what is to be done. It opens no socket and reads no clock.
//
// RFC 5213 section 6, RFC 5844 section 3.2, RFC 5845 section 3.2, RFC 4285.
//
//	mag.go      what happens to the machine
//	attach.go   nodes come and go
//	request.go  the Proxy Binding Update
//	reply.go    what an acknowledgement means
//	session.go  what is kept of a node beside its row in the table
package mag
