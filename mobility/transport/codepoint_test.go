package transport

import (
	"testing"

	"golang.org/x/sys/unix"

	"mooring/mobility"
)

// DSCP-07: over both IP versions the code point that a message is sent with is on the wire, each its own, and is found by who receives it. Marks of
// congestion are nobody's code point.
func TestDSCP07_CodePointsOnTheWire(t *testing.T) {
	w := cable(t)
	a, b, seen := sockets(t, w.a), sockets(t, w.b), captureAt(t, w.b)
	listenAt(t, a, a4, a6)
	listenAt(t, b, b4, b6)
	for _, c := range []struct {
		from, to          string
		version, protocol byte
	}{{a4, b4, 4, unix.IPPROTO_UDP}, {a6, b6, 6, protocol}} {
		acquaint(t, a, b, c.from, c.to)
		seen.next(c.version, c.protocol)
		codePoints := []uint8{45, 0, 63, 1, 10, 0}
		var together []mobility.Datagram
		for i, codePoint := range codePoints {
			d := heartbeat(t, c.from, c.to, uint32(i))
			d.CodePoint = codePoint
			together = append(together, d)
		}
		a.Send(together)
		for i, want := range codePoints {
			p := seen.next(c.version, c.protocol)
			octet := p[1]
			if c.version == 6 {
				octet = p[0]<<4 | p[1]>>4
			}
			if octet != want<<2 {
				t.Errorf("IPv%d, message %d: %#02x on the wire, want %#02x", c.version, i, octet, want<<2)
			}
		}
		for i := 0; i < len(codePoints); {
			batch := <-b.Batches()
			for _, in := range batch.In {
				if in.CodePoint != codePoints[i] || in.Err != nil {
					t.Errorf("IPv%d, message %d: received with code point %d, want %d (%v)", c.version, i, in.CodePoint, codePoints[i], in.Err)
				}
				i++
			}
			batch.Release()
		}
	}
}

// The memory of an outbox is used again, and what was marked in it before is not.
func TestMarksAreNotKept(t *testing.T) {
	o := outbox{udp: true}
	for _, codePoint := range []uint8{45, 0} {
		o.add(&mobility.Datagram{CodePoint: codePoint})
		if got := codePointIn(o.messages[0].OOB); got != codePoint {
			t.Errorf("marked with %d, want %d", got, codePoint)
		}
		o.reset()
	}
	d := &mobility.Datagram{CodePoint: 45}
	if n := testing.AllocsPerRun(1000, func() { o.add(d); o.reset() }); n > 0 {
		t.Errorf("a mark allocates %v times", n)
	}
}

// Whatever the host tells, it is a code point or none.
func FuzzCodePointIn(f *testing.F) {
	f.Add(appendMark(nil, 63, true))
	f.Add(appendMark(nil, 1, false))
	f.Add([]byte{1, 2, 3})
	f.Add(append(appendMark(nil, 0, true), 1, 2, 3))
	f.Add([]byte("\x14\x00\x00\x00\x00\x00\x00\x00\x29\x00\x00\x00\x43\x00\x00\x00\x04\xd9\x00\x00")) // a traffic class of 55,556
	f.Fuzz(func(t *testing.T, control []byte) {
		if got := codePointIn(control); got > 63 {
			t.Errorf("%x: code point %d", control, got)
		}
	})
}
