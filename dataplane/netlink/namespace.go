package netlink

import (
	"fmt"
	"os"
	"runtime"
	"sync"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Namespace is a network namespace, kept alive by an open file. A nil Namespace is the one that the process runs in.
type Namespace struct {
	file   *os.File
	mu     sync.RWMutex // held to read by who opens a socket in it
	closed bool
}

// threadNamespace is the namespace of the calling thread, which need not be that of the process.
const threadNamespace = "/proc/thread-self/ns/net"

// NewNamespace makes an empty network namespace without a name. It vanishes with its last user: the file, a socket, a
// process.
func NewNamespace() (*Namespace, error) {
	type result struct {
		file *os.File
		err  error
	}
	made := make(chan result)
	go onThreadOfItsOwn(func() {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			made <- result{err: fmt.Errorf("make a network namespace (needs CAP_SYS_ADMIN, or a user namespace): %w", err)}
			return
		}
		file, err := os.Open(threadNamespace)
		made <- result{file, err}
	})
	r := <-made
	if r.err != nil {
		return nil, r.err
	}
	return &Namespace{file: r.file}, nil
}

// onThreadOfItsOwn runs f on a thread that ends with the calling goroutine, and with it the thread's hold on its namespace. That is never the main thread: it would
// not end, and whoever asks for the namespace of a process is given that of its main thread (proc_pid_ns(5)).
func onThreadOfItsOwn(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		onThreadOfItsOwn(f)
	}()
	<-done
	runtime.UnlockOSThread()
}

// OpenNamespace opens the namespace that a file stands for, such as /proc/1/ns/net or a descriptor below /proc.
func OpenNamespace(name string) (*Namespace, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return &Namespace{file: file}, nil
}

// Cookie returns the number of the namespace. It is given to no other as long as the host runs, unlike the inode number that
// its file shows (SO_NETNS_COOKIE of socket(7), Linux 5.14).
func (n *Namespace) Cookie() (cookie uint64, err error) {
	err = n.Do(func() error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		cookie, err = unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
		return err
	})
	return cookie, err
}

// FD returns the descriptor that holds the namespace, or -1 of a nil Namespace. It stays the namespace's own.
func (n *Namespace) FD() int {
	if n == nil {
		return -1
	}
	return int(n.file.Fd())
}

// Close lets go of the namespace.
func (n *Namespace) Close() error {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	return n.file.Close()
}

// subscribe opens a socket for notifications in the namespace, or returns os.ErrClosed once that is let go of.
func (n *Namespace) subscribe(protocol int, groups ...uint) (*nl.NetlinkSocket, error) {
	if n == nil {
		return nl.SubscribeAt(netns.None(), netns.None(), protocol, groups...)
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.closed {
		return nil, os.ErrClosed
	}
	return nl.SubscribeAt(netns.NsHandle(n.FD()), netns.None(), protocol, groups...)
}

// Do runs f with the calling goroutine's thread inside the namespace. Sockets and devices that f opens belong to it for
// good; goroutines that f starts do not.
func (n *Namespace) Do(f func() error) error {
	if n == nil {
		return f()
	}
	runtime.LockOSThread()
	before, err := os.Open(threadNamespace)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("remember the network namespace: %w", err)
	}
	defer before.Close()
	if err := unix.Setns(n.FD(), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter network namespace (needs CAP_SYS_ADMIN): %w", err)
	}
	defer func() {
		// A thread that cannot be brought back must not run other goroutines: left locked, it ends with this one.
		if unix.Setns(int(before.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
	}()
	return f()
}
