// Package access knows who may do what: users and how they prove who they are, the keys that the element itself has, and
// NACM (RFC 8341), asked by NETCONF and gNMI through the same calls.
package access
