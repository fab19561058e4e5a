// Package netconf serves NETCONF (RFC 6241) over SSH (RFC 6242): configuration through the candidate datastore, state, and
// the schema itself (RFC 6022, RFC 8525).
//
//	server.go        the Server: options, limits, what it keeps of sessions
//	ssh.go           TCP connections, logins, channels
//	session.go       one session: hello, then requests one after the other
//	hello.go         capabilities and the exchange of them
//	request.go       a request read as it comes in: what the schema says of it, and its payload
//	reply.go         a reply written as it is found
//	rpcerror.go      errors in the terms of the protocol
//	operations.go    which operation does what; read.go, edit.go, commit.go, lock.go, schemas.go: what they do
//	monitoring.go    state of the server; library.go: state of its schema
//
// Goroutines: one for each listening socket, one for each TCP connection (with those of package ssh), and one for each
// session, which reads a request, carries it out and writes the reply before it reads the next. Whoever reads slowly
// therefore holds up nobody else: no lock is held while a reply is written.
//
// Messages are never held as a whole. Data of a request becomes a tree while it is read; data of a reply is written while
// it is looked up.
package netconf
