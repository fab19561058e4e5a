// Package ios reads and writes the configuration text of IOS and IOS XR, as far as it concerns Proxy Mobile IPv6: domains, anchors and
// gateways, AAA and RADIUS servers, VRFs and access lists.
//
// The grammar is data: for each mode a table of rows, which say how a command is written and which nodes of the YANG model it stands
// for. The same rows read a command, say what could have stood in the place of a word that is refused, and write the command again.
// Nothing here reads a file or talks to anybody.
//
//	pattern.go    how the syntax of a row is written: keywords, {leaves}, [options], (alternatives)
//	grammar.go    rows and modes, bound to a schema
//	rows_*.go     the tables, one for each part of the model
//	kind.go       how a value is written where it differs from YANG: interfaces, hexadecimal numbers, wildcards
//	secret.go     keys that are obscured (type 7)
//	line.go       comments, prompts, words and their columns
//	match.go      which row a line is
//	import.go     in which mode a line stands
//	execute.go    what a command does there; negate.go: with no in front
//	edit.go       the tree under construction
//	judge.go      errors that no single line has; warn.go: what will not work as it stands
//	report.go     what became of each line
//	print.go      the way back: a tree as text
//	model.go      lines of our own, for what routers have no command for
package ios
