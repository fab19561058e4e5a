package usertun

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// descriptor is a non-blocking file descriptor that the runtime's poller does not know. It is closed when the last call in
// progress has ended.
type descriptor struct {
	file *os.File
	conn syscall.RawConn
}

// newDescriptor takes over fd.
func newDescriptor(fd int, name string) (descriptor, error) {
	if err := unix.SetNonblock(fd, false); err != nil { // or os.NewFile would hand it to the poller
		return descriptor{}, errors.Join(err, unix.Close(fd))
	}
	d := descriptor{file: os.NewFile(uintptr(fd), name)}
	conn, err := d.file.SyscallConn()
	if err = errors.Join(err, unix.SetNonblock(fd, true)); err != nil {
		return descriptor{}, errors.Join(err, d.file.Close())
	}
	d.conn = conn
	return d, nil
}

func (d descriptor) close() {
	if d.file != nil {
		_ = d.file.Close() // nothing is buffered
	}
}

// worker is a descriptor that one goroutine waits on by itself, which takes a thread. The runtime's poller would wake further
// threads with every packet, to look for work that is not there: a tenth of the processor time on a small machine.
type worker struct {
	descriptor
	stop   descriptor // an eventfd, readable from the moment of closing
	closed atomic.Bool
}

// newWorker takes over fd.
func newWorker(fd int, name string) (*worker, error) {
	eventfd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	stop, err := newDescriptor(eventfd, name)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	d, err := newDescriptor(fd, name)
	if err != nil {
		stop.close()
		return nil, err
	}
	return &worker{descriptor: d, stop: stop}, nil
}

// each calls step again and again, and waits for something to read when step reports that it found nothing. It returns when
// step fails, or with os.ErrClosed.
func (w *worker) each(step func(fd uintptr) (idle bool, err error)) (err error) {
	outer := w.stop.conn.Control(func(stop uintptr) {
		inner := w.conn.Control(func(fd uintptr) { err = w.loop(fd, stop, step) })
		err = errors.Join(err, inner)
	})
	return errors.Join(err, outer)
}

func (w *worker) loop(fd, stop uintptr, step func(fd uintptr) (idle bool, err error)) error {
	ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(stop), Events: unix.POLLIN}}
	for !w.closed.Load() {
		idle, err := step(fd)
		if err != nil {
			return err
		}
		if !idle {
			continue
		}
		if _, err := unix.Poll(ready, -1); err != nil && err != unix.EINTR {
			return err
		}
	}
	return os.ErrClosed
}

// close ends each. The descriptor is closed when it has ended.
func (w *worker) close() {
	w.closed.Store(true)
	_ = w.stop.conn.Control(func(fd uintptr) {
		_, _ = unix.Write(int(fd), []byte{1, 0, 0, 0, 0, 0, 0, 0}) // cannot fail short of 2^64-1
	})
	w.stop.close()
	w.descriptor.close()
}
