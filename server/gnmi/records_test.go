package gnmi

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"mooring/server/access"
)

// countedConn counts what is written by itself.
type countedConn struct {
	net.Conn
	writes atomic.Int64
}

func (c *countedConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// recorded is a connection over TLS to a client, who has it from the other side.
func recorded(t *testing.T) (server net.Conn, raw *countedConn, client *tls.Conn) {
	dir, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	keys, err := access.LoadKeys(dir, "localhost", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	raw, client = &countedConn{Conn: ours}, tls.Client(theirs, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	shaken := make(chan error, 1)
	go func() { shaken <- client.Handshake() }()
	server, _, err = newHandshaker(func() *tls.Certificate { return &keys.Certificate }, &access.Users{}).ServerHandshake(raw)
	if err := errors.Join(err, <-shaken); err != nil {
		t.Fatal(err)
	}
	return server, raw, client
}

// A batch is four records and more, which reach the host together, and the client as they were written.
func TestRecordsOfAWriteAreSentTogether(t *testing.T) {
	server, raw, client := recorded(t)
	raw.writes.Store(0)
	const writes = 5
	sent := bytes.Repeat([]byte("0123456789abcdef"), batchRoom/16)
	done := make(chan error, 1)
	go func() {
		for range writes {
			if n, err := server.Write(sent); n != len(sent) || err != nil {
				done <- errors.Join(err, io.ErrShortWrite)
				return
			}
		}
		done <- nil
	}()
	got := make([]byte, writes*len(sent))
	if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, bytes.Repeat(sent, writes)) {
		t.Errorf("something else arrived: %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := raw.writes.Load(); n != writes {
		t.Errorf("the host was given %d pieces, want %d", n, writes)
	}
}

// Whoever writes to a connection that is gone is told.
func TestRecordsThatCannotBeSent(t *testing.T) {
	server, raw, _ := recorded(t)
	raw.Conn.Close()
	if n, err := server.Write([]byte("lost")); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%d octets are sent, %v", n, err)
	}
}

// A client who does not read keeps nobody from closing the connection.
func TestRecordsOfAClientWhoDoesNotRead(t *testing.T) {
	server, raw, _ := recorded(t)
	raw.writes.Store(0)
	written := make(chan error, 1)
	go func() {
		_, err := server.Write([]byte("unread"))
		written <- err
	}()
	for raw.writes.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	raw.SetWriteDeadline(time.Now().Add(time.Hour)) // what would end the wait is Close, and no deadline
	server.Close()
	if err := <-written; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the write ends with %v", err)
	}
}

// Whoever begins to write when the connection is being closed does not wait for the client, nor does the goodbye wait for him.
func TestRecordsAfterTheEnd(t *testing.T) {
	server, raw, client := recorded(t)
	go io.Copy(io.Discard, client)
	server.Close()
	raw.writes.Store(0)
	if n, err := server.Write([]byte("late")); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("%d octets are sent, %v", n, err)
	}
	records := server.(recordConn).records
	records.hold()
	records.Write([]byte("late"))
	if err := records.release(); !errors.Is(err, net.ErrClosed) || raw.writes.Load() != 0 {
		t.Errorf("after the end %d pieces are sent, %v", raw.writes.Load(), err)
	}
}
