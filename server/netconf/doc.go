// Package netconf serves NETCONF (RFC 6241) over SSH (RFC 6242) and TLS (RFC 7589): configuration through the candidate
// datastore, state, and the schema itself (RFC 6022, RFC 8525).
//
//	server.go        the Server: options, limits, what it keeps of sessions
//	transport.go     TCP connections: from the login to the sessions, whatever carries them
//	ssh.go           logins and channels of SSH
//	tls.go           the same with TLS
//	callhome.go      connections that the server makes (RFC 8071)
//	ahead.go         what comes is read while replies are written
//	session.go       one session: hello, then requests one after the other
//	hello.go         capabilities and the exchange of them
//	request.go       a request read as it comes in, by what the schema says of it
//	payload.go       what the schema says nothing of: configuration and filters
//	envelope.go      what a reply takes over from its request
//	reply.go         a reply written as it is found
//	rpcerror.go      errors in the terms of the protocol
//	operations.go    which operation is carried out by what
//	read.go          get, get-config
//	edit.go          edit-config, copy-config
//	commit.go        commit, cancel-commit, validate, discard-changes
//	nmda.go          get-data and edit-data (RFC 8526); origin.go: where configuration in use comes from
//	url.go           URLs as sources and targets; package urls reaches them
//	partial.go       partial-lock, partial-unlock (RFC 5717)
//	action.go        actions, and the rpcs of the model that is served
//	lock.go          lock, unlock, and the ends of sessions: close-session, kill-session
//	createsubscription.go, dynamic.go: subscriptions of RFC 5277, and of RFC 8639; subscriber.go: what the latter have in common
//	streamsubscription.go: events of the stream
//	pushsubscription.go: datastores (RFC 8641), by pushterms.go; pushperiodic.go, pushchange.go: when; pushupdate.go: what
//	subscriptions.go  state of subscriptions, and filters that have names; subscriptionerror.go: why there is none
//	notification.go  what is sent between replies
//	events.go        what the server tells by itself
//	schemas.go       get-schema
//	monitoring.go    state of the server; library.go: state of its schema
//
// Goroutines: one for each listening socket, one for each manager that is called, one for each TCP connection (with those of
// package ssh), two for each session and one for each subscription. A session reads a request, carries it out and writes the reply
// before it reads the next; its other goroutine takes what the client sends meanwhile. Whoever reads slowly therefore holds up nobody
// else: no lock but the session's own is held while a message is written.
//
// Messages are never held as a whole, but for what a client sends before it reads. Data of a request becomes a tree while it is
// read; data of a reply is written while it is looked up.
package netconf
