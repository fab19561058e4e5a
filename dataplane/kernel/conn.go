package kernel

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/nftables"
	mdnetlink "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane/netlink"
)

// conn asks nf_tables by a socket that lasts. The library reads as many answers as a transaction has messages, or up to the first that the host
// had no room for (ENOBUFS). What is unread after an error it would take for answers to what comes next, and would wait for ever for
// others: so that is thrown away. The host has answered by the time that sending returns.
type conn struct {
	*nftables.Conn
	socket *mdnetlink.Conn
	port   uint32
	unsure bool // whether a transaction has taken place
}

// answerTime is how long the host may take for all answers; it never does, as far as we know.
const answerTime = 30 * time.Second

func openConn(ns *netlink.Namespace) (*conn, error) {
	c := &conn{}
	options := []nftables.ConnOption{nftables.AsLasting(), nftables.WithSockOptions(largeTransactions, c.learn)}
	if ns != nil {
		options = append(options, nftables.WithNetNSFd(ns.FD()))
	}
	var err error
	c.Conn, err = nftables.New(options...)
	return c, err
}

// largeTransactions makes room for transactions of many messages, which are one datagram, and for the acknowledgements of them all.
func largeTransactions(socket *mdnetlink.Conn) error {
	const room = 64 << 20 // octets, which are taken when they are needed
	return errors.Join(socket.SetWriteBuffer(room), socket.SetReadBuffer(room))
}

// learn finds out by which port the socket is known to the kernel.
func (c *conn) learn(socket *mdnetlink.Conn) error {
	c.socket = socket
	raw, err := socket.SyscallConn()
	if err == nil {
		c.port, err = netlink.Port(raw)
	}
	return err
}

// Flush sends what was collected as one transaction. Without all answers, nobody knows what became of it.
func (c *conn) Flush() error {
	_, err := ask(c, func() (struct{}, error) { return struct{}{}, c.Conn.Flush() })
	c.unsure = c.unsure || isUnsure(err)
	return err
}

func isUnsure(err error) bool {
	return errors.Is(err, unix.ENOBUFS) || errors.Is(err, os.ErrDeadlineExceeded)
}

func (c *conn) ListTablesOfFamily(family nftables.TableFamily) ([]*nftables.Table, error) {
	return ask(c, func() ([]*nftables.Table, error) { return c.Conn.ListTablesOfFamily(family) })
}

func (c *conn) ListChainsOfTableFamily(family nftables.TableFamily) ([]*nftables.Chain, error) {
	return ask(c, func() ([]*nftables.Chain, error) { return c.Conn.ListChainsOfTableFamily(family) })
}

func (c *conn) GetRules(table *nftables.Table, chain *nftables.Chain) ([]*nftables.Rule, error) {
	return ask(c, func() ([]*nftables.Rule, error) { return c.Conn.GetRules(table, chain) })
}

func (c *conn) GetSets(table *nftables.Table) ([]*nftables.Set, error) {
	return ask(c, func() ([]*nftables.Set, error) { return c.Conn.GetSets(table) })
}

func (c *conn) GetSetElements(set *nftables.Set) ([]nftables.SetElement, error) {
	return ask(c, func() ([]nftables.SetElement, error) { return c.Conn.GetSetElements(set) })
}

// ask leaves nothing unread.
func ask[T any](c *conn, question func() (T, error)) (T, error) {
	if err := c.socket.SetReadDeadline(time.Now().Add(answerTime)); err != nil {
		var none T
		return none, err
	}
	answer, err := question()
	if errors.Is(err, os.ErrDeadlineExceeded) { // once for each message
		err = fmt.Errorf("the kernel has not answered for %v: %w", answerTime, os.ErrDeadlineExceeded)
	}
	if err != nil {
		err = errors.Join(err, c.drop())
	}
	return answer, err
}

// drop throws away what is unread.
func (c *conn) drop() error {
	raw, err := c.socket.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { netlink.Drop(int(fd)) })
}
