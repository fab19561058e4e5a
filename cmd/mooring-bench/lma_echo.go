package main

import (
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"mooring/mobility"
)

// echoRoom is room for any request, in octets.
const echoRoom = 2048

// serveEcho sends every message back that it reads, in the same batches, until the process is killed. It waits and reads as the anchor does, and allocates
// nothing.
func serveEcho() error {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(echoAddress), Port: mobility.ControlPort})
	if err != nil {
		return err
	}
	defer socket.Close()
	if _, err := setBuffers(socket); err != nil {
		return err
	}
	conn, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	all, from := messages(askBatch, echoRoom), make([]unix.RawSockaddrInet4, askBatch)
	for i := range all {
		all[i].Name = (*byte)(unsafe.Pointer(&from[i]))
	}
	for {
		if err := echo(conn, all); err != nil {
			return err
		}
	}
}

// echo reads a batch and sends it back.
func echo(conn syscall.RawConn, all []mmsghdr) error {
	for i := range all {
		all[i].Namelen = unix.SizeofSockaddrInet4
		all[i].Iov.SetLen(echoRoom)
	}
	n, err := move(conn.Read, unix.SYS_RECVMMSG, all)
	if err != nil {
		return err
	}
	for i := range all[:n] {
		all[i].Iov.SetLen(int(all[i].n))
	}
	for sent := 0; sent < n; {
		some, err := move(conn.Write, unix.SYS_SENDMMSG, all[sent:n])
		if err != nil {
			return err
		}
		sent += some
	}
	return nil
}

// move reads or writes messages, and waits where it has to.
func move(when func(func(fd uintptr) bool) error, how uintptr, all []mmsghdr) (int, error) {
	var n uintptr
	var errno unix.Errno
	if err := when(func(fd uintptr) bool {
		n, _, errno = unix.Syscall6(how, fd, uintptr(unsafe.Pointer(&all[0])), uintptr(len(all)), unix.MSG_DONTWAIT, 0, 0)
		return errno != unix.EAGAIN
	}); err != nil {
		return 0, err
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
