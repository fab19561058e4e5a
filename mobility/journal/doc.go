// Package journal keeps bindings over restarts: a log of what changed, and from time to time a snapshot of all there is, which
// takes the place of the log so far.
//
//	snapshot.00000007   every binding, at some time after log.00000007 was begun
//	log.00000007        what changed since, frame after frame
//	log.00000008        the same, of the next run, or since the snapshot that is being written
//	peers.00000008      whom bindings are with, since log.00000008 was begun: when bindings are lost, there is somebody to tell (docs/adr/0375)
//
// A frame is what one turn of the owner's loop changed: a few records under one checksum. It is in the hands of the operating system when
// Write returns, which is enough to survive the process, and on the disk when Durable has reached its mark, which is enough to survive
// the host. Frames do not need each other: one that is damaged costs what is in it, and nothing that follows.
//
//	record.go   a binding as octets, and back
//	frame.go    records under a checksum, and how to find the next good one after a bad one
//	restore.go  what Open reads
//	journal.go  what the owner writes
//	peers.go    whom bindings are with
//	sync.go     the goroutine that waits for the disk
//	snapshot.go the goroutine that writes all there is
//	folder.go   the files, behind an interface that tests let fail
//
// Why a log and no database: docs/adr/0180.
package journal
