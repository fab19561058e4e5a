package netconf

import (
	"io"
	"sync"
)

// maxAhead bounds what a session has read of requests that it does not serve yet.
const maxAhead = 16 << 20

// ahead reads from a transport whether or not somebody is there to take it. A client may send requests before it reads the
// replies: were it not read from while a reply is written, either would wait for the other, since SSH keeps no more than 2 MiB
// each way.
type ahead struct {
	from  io.Reader
	begin sync.Once

	mu   sync.Mutex // guards what follows
	turn sync.Cond  // something has changed
	buf  []byte
	at   int // where the octets begin that nobody has taken
	err  error
}

func newAhead(from io.Reader) *ahead {
	a := &ahead{from: from}
	a.turn.L = &a.mu
	return a
}

// Read implements io.Reader. Reading ahead begins with the first call, and ends with the transport.
func (a *ahead) Read(p []byte) (int, error) {
	a.begin.Do(func() { go a.fill() })
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.at == len(a.buf) {
		if a.err != nil {
			return 0, a.err
		}
		a.turn.Wait()
	}
	n := copy(p, a.buf[a.at:])
	if a.at += n; a.at == len(a.buf) {
		a.at, a.buf = 0, a.buf[:0]
		if cap(a.buf) > 8*len(piece{}) {
			a.buf = nil // so much is seldom needed
		}
	}
	a.turn.Signal()
	return n, nil
}

// close ends it when nobody takes anything any more. What is still to come is for the transport to end.
func (a *ahead) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.buf, a.at, a.err = nil, 0, io.ErrClosedPipe
	a.turn.Broadcast()
}

// piece is what is read at once: an SSH packet.
type piece [32 << 10]byte

func (a *ahead) fill() {
	var p piece
	for more := true; more; {
		n, err := a.from.Read(p[:])
		more = a.keep(p[:n], err)
	}
}

func (a *ahead) keep(p []byte, err error) (more bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.err == nil && len(a.buf)-a.at > maxAhead-len(p) {
		a.turn.Wait()
	}
	if a.err != nil {
		return false
	}
	if len(a.buf)+len(p) > cap(a.buf) && a.at > len(a.buf)/2 {
		a.buf, a.at = append(a.buf[:0], a.buf[a.at:]...), 0
	}
	a.buf, a.err = append(a.buf, p...), err
	a.turn.Signal()
	return err == nil
}
