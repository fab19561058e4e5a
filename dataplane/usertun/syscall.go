package usertun

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Batched I/O without allocation. The descriptors are non-blocking; who wants to wait does so in a RawConn.

// mmsghdr is struct mmsghdr of <sys/socket.h>: a message and how much of it was received.
type mmsghdr struct {
	unix.Msghdr
	n uint32
}

// recvmmsg returns how many messages it has filled.
func recvmmsg(fd uintptr, messages []mmsghdr) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&messages[0])), uintptr(len(messages)),
		unix.MSG_DONTWAIT, 0, 0)
	return result(n, errno)
}

// sendmmsg returns how many messages it has sent; an error is about the first one.
func sendmmsg(fd uintptr, messages []mmsghdr) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&messages[0])), uintptr(len(messages)),
		unix.MSG_DONTWAIT, 0, 0)
	return result(n, errno)
}

func writev(fd uintptr, pieces []unix.Iovec) error {
	_, _, errno := unix.Syscall(unix.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&pieces[0])), uintptr(len(pieces)))
	_, err := result(0, errno)
	return err
}

// rawRead is read without a word to the scheduler: the call is short.
func rawRead(fd uintptr, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	runtime.KeepAlive(b)
	return result(n, errno)
}

func result(n uintptr, errno unix.Errno) (int, error) {
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN: // boxed once, not each time
		return 0, errAgain
	case unix.EINVAL:
		return 0, errInvalid
	}
	return 0, errno
}

var errAgain, errInvalid error = unix.EAGAIN, unix.EINVAL

// piece makes an I/O vector of b, which must stay where it is.
func piece(b []byte) unix.Iovec {
	v := unix.Iovec{Base: unsafe.SliceData(b)}
	v.SetLen(len(b))
	return v
}

// pollable wraps a non-blocking descriptor, which it takes over, for waiting.
func pollable(fd int, name string) (*os.File, syscall.RawConn, error) {
	file := os.NewFile(uintptr(fd), name)
	conn, err := file.SyscallConn()
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, conn, nil
}
