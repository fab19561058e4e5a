// Package frame reads and writes the Ethernet frames that a mobile access gateway exchanges with the nodes on an access link:
// neighbour discovery (RFC 4861), multicast listener discovery (RFC 3810), ARP (RFC 826) and DHCPv4 (RFC 2131).
//
// What one node must see and another must not goes to the first node's own Ethernet address, be the IPv6 destination a
// multicast address or not (RFC 6085).
package frame
