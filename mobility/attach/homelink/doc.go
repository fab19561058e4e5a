// Package homelink is an access link of a mobile access gateway as a machine: it is told which frames arrive, what the mobility
// core grants and what the time is, and says which frames are to be sent and what the core has to know. It opens no socket and
// reads no clock.
//
// Wherever a node attaches, the link looks like its home: the same default router with the same addresses, its prefixes and its
// home address (RFC 5213 sections 6.3, 6.4, 6.8 and 6.9.3, RFC 6543, RFC 5844 section 3.4). Its neighbours see nothing of
// that: what is for one node goes to that node's own link-layer address (RFC 6085). The neighbour solicitations for a
// fixed link-local address of the gateway are answered by the host, which has it.
//
//	machine.go    what happens to the machine
//	notice.go     who is on the link: new nodes, silent nodes, limits
//	provoke.go    questions that make a node show itself
//	grant.go      what a node is given
//	advertise.go  router advertisements (RFC 4861 section 6.2)
//	neighbour.go  the link-local address of a session, where there is no fixed one
//	dhcp.go       the DHCPv4 server (RFC 2131)
//	arp.go        the IPv4 default router and the other addresses of the home subnet (RFC 826, RFC 1027)
package homelink
