package netlink

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Claim is the right to program a namespace. It ends with Close, or with the process.
type Claim struct{ file *os.File }

// ErrClaimed says that another element programs the namespace: the two would take each other's routes and rules for leftovers.
var ErrClaimed = errors.New("the network namespace has an element already")

// claimName is a socket without a file, of which each network namespace has names of its own (unix(7)).
const claimName = "@mooring-dataplane"

// Claim returns the right to program the namespace, or an error that wraps ErrClaimed and says who has it.
func (n *Namespace) Claim() (c *Claim, err error) {
	err = n.Do(func() error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		at := &unix.SockaddrUnix{Name: claimName}
		err = unix.Bind(fd, at)
		if err == nil {
			err = unix.Listen(fd, 4096) // for who asks whose it is: each takes a place for good
		}
		if errors.Is(err, unix.EADDRINUSE) {
			err = claimedBy(fd, at)
		}
		if err != nil {
			unix.Close(fd)
			return err
		}
		c = &Claim{os.NewFile(uintptr(fd), claimName)}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claim the network namespace: %w", err)
	}
	return c, nil
}

// Close gives the right back. Of nil, it does nothing.
func (c *Claim) Close() error {
	if c == nil {
		return nil
	}
	return c.file.Close()
}

// claimedBy asks a socket of ours for the process at its other end.
func claimedBy(fd int, at *unix.SockaddrUnix) error {
	who := ""
	if unix.SetNonblock(fd, true) == nil && unix.Connect(fd, at) == nil { // after very many have asked, nobody is told
		if peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil && peer.Pid != 0 {
			who = fmt.Sprintf(" (process %d)", peer.Pid)
		}
	}
	return fmt.Errorf("%w%s: end it, or start this one in a namespace of its own", ErrClaimed, who)
}
