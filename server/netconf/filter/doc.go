// Package filter reads what a client asks for: it compiles subtree filters (RFC 6241 section 6) and XPath expressions
// (section 8.9) to selections, and walks configuration and state along them.
//
// A selection is a tree over the schema that says which children are wanted, and which leaves of an instance have to have
// which values for that. Where these values are all keys of a list, an entry is looked up and not searched for. Most XPath
// expressions are location paths and become selections too; the others are evaluated first, and the nodes they give become one.
//
// Nothing is gathered: nodes are written in the order of the schema as they are met, and state is rendered row by row.
//
//	filter.go     selections
//	subtree.go    from XML
//	xpath.go      from XPath
//	read.go       the walk
//	list.go       its way through lists
//	event.go      which events pass
//	writer.go     elements that are written when it is known that something is in them
package filter
