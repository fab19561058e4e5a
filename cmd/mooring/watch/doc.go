// Package watch shows what happens in a running element, as it happens: mooring watch. All it knows it is told over gNMI.
//
//	topics.go   what is asked for
//	model.go    what is known, from what is told
//	rate.go     counters to rates
//	event.go    what happened, from how rows were and are
//	render.go   the model as lines of a terminal
//	print.go    the model as lines of text or JSON, for everything that is no terminal
//	screen.go   the terminal
//	follow.go   the connection, again and again
//
// Everything above screen.go takes the time as an argument and does nothing but compute.
package watch
