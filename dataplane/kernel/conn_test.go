package kernel

import (
	"errors"
	"syscall"
	"testing"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// setRoom has the socket of a connection hold so many octets of answers, or the least that there is, and returns how many it held.
func setRoom(t *testing.T, c *conn, octets int) (was int) {
	t.Helper()
	raw, err := c.socket.SyscallConn()
	must(t, err)
	control(t, raw, func(fd int) error {
		held, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		was = held / 2 // the host makes twice as much of what it is told
		if forced := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, octets); forced != unix.EPERM {
			return errors.Join(err, forced)
		}
		return errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, octets)) // as much as users may have
	})
	return was
}

func control(t *testing.T, raw syscall.RawConn, do func(fd int) error) {
	t.Helper()
	var err error
	must(t, raw.Control(func(fd uintptr) { err = do(int(fd)) }))
	must(t, err)
}

// Where the host has no room for the answers to a transaction (ENOBUFS), that is said at once; the next transactions and questions get their own
// answers, also when there is room for one of them alone.
func TestTransactionWithoutRoom(t *testing.T) {
	f := filterOfNewHost(t)
	room := setRoom(t, f.conn, 0)
	for range 2 {
		if _, err := f.rebuild(nil, nil, nil, nil); !errors.Is(err, unix.ENOBUFS) || !f.conn.unsure {
			t.Fatalf("a transaction of many messages: %v, unsure: %t", err, f.conn.unsure)
		}
	}
	none := steering{}
	there, absent := nodeSources(2, 7)[0], nodeSources(2, 7)[1]
	absent.old, absent.now = absent.now, none
	f.conn.AddTable(f.table)
	must(t, f.flush(nil))
	if there, err := f.exists(); !there || err != nil {
		t.Errorf("the table is there: %t, %v", there, err)
	}
	setRoom(t, f.conn, room)
	_, err := f.rebuild(nil, nil, nil, nil)
	must(t, err)
	if f.conn.unsure {
		t.Error("nobody knows whether there is a table")
	}
	must(t, f.change([]sourceChange{there}))
	if err := f.change([]sourceChange{absent}); !isAbsent(err) {
		t.Errorf("the end of a source that never was: %v", err)
	}
	there.old, there.now = there.now, none
	must(t, f.change([]sourceChange{there}))
	if whole, err := f.intact(); !whole || err != nil {
		t.Errorf("the rules are whole: %t, %v", whole, err)
	}
}

// What is collected before a mistake is not sent with what comes after it.
func TestMistakesAreNotSent(t *testing.T) {
	f := filterOfNewHost(t)
	_, err := f.rebuild(nil, nil, nil, nil)
	must(t, err)
	mistake := errors.New("mistake")
	f.conn.AddChain(&nftables.Chain{Table: f.table, Name: "half"})
	if err := f.flush(mistake); !errors.Is(err, mistake) || isAbsent(err) {
		t.Errorf("a mistake: %v", err)
	}
	if whole, err := f.intact(); !whole || err != nil {
		t.Errorf("the rules are whole: %t, %v", whole, err)
	}
}
