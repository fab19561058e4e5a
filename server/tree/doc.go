// Package tree is the data tree: configuration and state as RFC 7950 describes them, driven by a compiled schema.
//
// A tree is immutable. An edit returns a new root that shares everything off the edited path with the old one, so that
// running, candidates, snapshots and history are pointers, and a reader needs no lock. An edit knows what it changes (Perform); Changes join
// in a row and lead back. What differs between any two versions is found by comparing what they do not share (Diff).
//
// Values are canonical text (RFC 7950 section 9, RFC 6991): identities as "module:name", instance-identifiers with module
// names, binary as base64. The schema knows the type when a number or a union member is wanted.
//
// Defaults are not stored: the tree holds what was written ("explicit" of RFC 6243). Effective adds those in use.
package tree
