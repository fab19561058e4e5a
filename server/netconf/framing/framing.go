// Package framing marks where NETCONF messages begin and end in a stream of octets (RFC 6242 section 4). A session begins
// with the end-of-message sequence of version 1.0 and is upgraded in place to the chunks of version 1.1 when both peers
// know them.
//
// Messages are streams in both directions: neither side ever holds a whole one.
package framing

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

const (
	endOfMessage = "]]>]]>"      // RFC 6242 section 4.3
	endOfChunks  = "\n##\n"      // section 4.2
	maxChunk     = 4294967295    // section 4.2
	maxDigits    = 10            // of maxChunk
	bufferSize   = 32 << 10      // what is read or written at once: an SSH packet
	headerSpace  = maxDigits + 3 // "\n#" and "\n" around the size
)

// Error is a violation of the framing. The session must end: where the next message begins cannot be known (RFC 6242
// section 4.2).
type Error struct{ Message string }

func (e *Error) Error() string { return "framing: " + e.Message }

// Reader reads messages. It is for one goroutine.
//
// Next moves to a message, which is then read like a file until io.EOF.
type Reader struct {
	in      *bufio.Reader
	chunked bool
	reading reading
	left    int64 // octets left of the chunk
	err     error // what ended the stream of messages
}

// reading is how the current message is framed.
type reading uint8

const (
	nothing reading = iota // between messages
	untilMark
	inChunks
)

// NewReader returns a Reader of version 1.0.
func NewReader(r io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(r, bufferSize)} }

// Upgrade makes the messages that come next those of version 1.1. What is left of the current one is passed over.
func (r *Reader) Upgrade() error {
	err := r.discard()
	r.chunked = true
	return err
}

// Hello moves to the first message. It is one of version 1.0; but a client that has read our hello before it sends its
// own may take version 1.1 for agreed already (ncclient does), so that both are understood.
func (r *Reader) Hello() error {
	start, _ := r.in.Peek(3)
	if len(start) == 3 && start[0] == '\n' && start[1] == '#' && isDigit(start[2]) {
		return r.begin(inChunks)
	}
	return r.begin(untilMark)
}

// Next passes over what is left of the current message and moves to the next. The error is io.EOF when the peer has ended
// the stream after a message.
func (r *Reader) Next() error {
	if err := r.discard(); err != nil {
		return err
	}
	if r.chunked {
		return r.begin(inChunks)
	}
	return r.begin(untilMark)
}

func (r *Reader) begin(how reading) error {
	if r.err != nil {
		return r.err
	}
	if how == untilMark {
		r.err = r.skipSpace()
	} else if _, err := r.in.Peek(1); err != nil {
		r.err = err
	} else if r.err = r.header(); r.err == nil && r.left == 0 {
		r.err = &Error{"a message has no chunk"}
	}
	if r.err == nil {
		r.reading = how
	}
	return r.err
}

// skipSpace passes over white space before a message, so that some at the end of the stream is no broken message.
func (r *Reader) skipSpace() error {
	for {
		b, err := r.in.ReadByte()
		if err != nil {
			return err
		}
		if b != ' ' && b != '\t' && b != '\r' && b != '\n' {
			return r.in.UnreadByte()
		}
	}
}

// discard passes over what is left of the current message.
func (r *Reader) discard() error {
	if r.reading == nothing {
		return r.err
	}
	_, err := io.Copy(io.Discard, readerOnly{r})
	return err
}

// readerOnly keeps io.Copy from looking for more than Read.
type readerOnly struct{ io.Reader }

// Read reads from the current message. The error is io.EOF at its end, *Error where the framing is broken,
// io.ErrUnexpectedEOF where the stream ends inside the message.
func (r *Reader) Read(p []byte) (n int, err error) {
	switch {
	case r.err != nil:
		return 0, r.err
	case r.reading == nothing:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	case r.reading == untilMark:
		n, err = r.readUntilMark(p)
	default:
		n, err = r.readChunk(p)
	}
	switch {
	case err == io.EOF:
		r.reading = nothing
	case err != nil:
		r.err = err
	}
	return n, err
}

// broken is the error for a stream that ended or failed inside a message.
func broken(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (r *Reader) readUntilMark(p []byte) (int, error) {
	for want := 1; ; {
		if _, err := r.in.Peek(want); err != nil {
			return 0, broken(err)
		}
		text, _ := r.in.Peek(min(r.in.Buffered(), len(p)+len(endOfMessage)-1))
		switch at := bytes.Index(text, []byte(endOfMessage)); {
		case at == 0:
			r.in.Discard(len(endOfMessage))
			return 0, io.EOF
		case at > 0:
			text = text[:at]
		default:
			text = text[:len(text)-markBegun(text)]
		}
		if len(text) > 0 {
			n := copy(p, text)
			r.in.Discard(n)
			return n, nil
		}
		want = r.in.Buffered() + 1 // nothing but the beginning of a mark: read on
	}
}

// markBegun gives how many octets at the end of text may be the beginning of the mark.
func markBegun(text []byte) int {
	for n := min(len(text), len(endOfMessage)-1); n > 0; n-- {
		if string(text[len(text)-n:]) == endOfMessage[:n] {
			return n
		}
	}
	return 0
}

func (r *Reader) readChunk(p []byte) (int, error) {
	if r.left == 0 {
		if err := r.header(); err != nil {
			return 0, err
		}
		if r.left == 0 {
			return 0, io.EOF
		}
	}
	n, err := r.in.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if n > 0 {
		return n, nil
	}
	return 0, broken(err)
}

// header reads the header of a chunk into r.left, or the end of the chunks, which leaves 0 there.
func (r *Reader) header() error {
	for _, want := range []byte("\n#") {
		b, err := r.in.ReadByte()
		if err != nil {
			return broken(err)
		}
		if b != want {
			return &Error{fmt.Sprintf("a chunk begins with %q, not with a line feed and #", b)}
		}
	}
	digits := make([]byte, 0, maxDigits)
	for {
		b, err := r.in.ReadByte()
		switch {
		case err != nil:
			return broken(err)
		case b == '\n' && len(digits) > 0:
			return r.size(string(digits))
		case b == '#' && len(digits) == 0:
			return r.endOfChunks()
		case !isDigit(b) || b == '0' && len(digits) == 0:
			return &Error{fmt.Sprintf("the size of a chunk has %q at digit %d", b, len(digits)+1)}
		case len(digits) == maxDigits:
			return &Error{"the size of a chunk is larger than 4294967295"}
		}
		digits = append(digits, b)
	}
}

func (r *Reader) size(digits string) error {
	size, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || size > maxChunk {
		return &Error{"the size of a chunk is larger than 4294967295"}
	}
	r.left = size
	return nil
}

func (r *Reader) endOfChunks() error {
	b, err := r.in.ReadByte()
	if err != nil {
		return broken(err)
	}
	if b != '\n' {
		return &Error{fmt.Sprintf("the chunks end with %q, not with a line feed", b)}
	}
	r.left = 0
	return nil
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// Writer writes messages, each as it comes and ended by End. It is for one goroutine.
type Writer struct {
	out     io.Writer
	chunked bool
	buf     []byte // headerSpace, then what has gathered
	header  [headerSpace]byte
	sent    bool // part of the message has left
	err     error
}

// NewWriter returns a Writer of version 1.0.
func NewWriter(w io.Writer) *Writer {
	return &Writer{out: w, buf: make([]byte, headerSpace, bufferSize)}
}

// Upgrade makes the messages that come next those of version 1.1.
func (w *Writer) Upgrade() { w.chunked = true }

var errNotSent = errors.New("framing: the message has been sent in part")

// Withdraw takes back what was written of a message. It fails when some of it has left already.
func (w *Writer) Withdraw() error {
	if w.sent {
		return errNotSent
	}
	w.buf = w.buf[:headerSpace]
	return nil
}

// Write writes a part of a message. In version 1.0 it must not hold the end-of-message sequence, which XML that escapes
// every > does not.
func (w *Writer) Write(p []byte) (n int, err error) {
	for len(p) > 0 && w.err == nil {
		room := cap(w.buf) - len(w.buf) - len(endOfMessage)
		part := min(len(p), room)
		w.buf = append(w.buf, p[:part]...)
		p, n = p[part:], n+part
		if part == room {
			w.send("")
			w.sent = true
		}
	}
	return n, w.err
}

// End ends a message.
func (w *Writer) End() error {
	mark := endOfMessage
	if w.chunked {
		mark = endOfChunks
	}
	w.send(mark)
	w.sent = false
	return w.err
}

// send hands on what has gathered, as one chunk in version 1.1, and then mark, in one piece.
func (w *Writer) send(mark string) {
	if w.err != nil {
		return
	}
	start := headerSpace
	if size := len(w.buf) - headerSpace; w.chunked && size > 0 {
		header := append(strconv.AppendInt(append(w.header[:0], "\n#"...), int64(size), 10), '\n')
		start -= len(header)
		copy(w.buf[start:], header)
	}
	w.buf = append(w.buf, mark...)
	_, w.err = w.out.Write(w.buf[start:])
	w.buf = w.buf[:headerSpace]
}
