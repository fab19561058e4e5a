package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Version of the format that is written. Older ones are read, newer ones refused.
const Version = 4

// A file begins with a head, and goes on with frames. All numbers have the least octet first.
//
//	head:  8 "mooring" and a line feed, 2 version, 4 restart counter, 8 generation of the log before this one, 4 checksum of all that
//	frame: 4 mark, 4 length of the records, 8 number of the frame in its file, 4 checksum of length, number and records; records
const (
	headSize  = 8 + 2 + 4 + 8 + 4
	frameHead = 4 + 4 + 8 + 4
	maxFrame  = 1 << 20 // octets of records; what is more is no frame
	fullFrame = 64 << 10
)

var (
	headMark  = [8]byte{'m', 'o', 'o', 'r', 'i', 'n', 'g', '\n'}
	frameMark = [4]byte{0xb1, 'M', 'P', 0x0a}
	checksums = crc32.MakeTable(crc32.Castagnoli)
)

// head is what a file says about itself.
type head struct {
	version  uint16
	restarts uint32
	previous uint64 // generation of the log before; 0: there was none
}

func (h head) append(b []byte) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint16(append(b, headMark[:]...), h.version)
	b = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(b, h.restarts), h.previous)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], checksums))
}

// NewerError says that a newer version of the program has written the store.
type NewerError struct {
	File    string
	Version uint16
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s has format %d and this program reads up to %d: run the newer program, or move the folder away and let the nodes register anew",
		e.File, e.Version, Version)
}

var errHead = errors.New("the head of the file is damaged")

// readHead needs the name of the file for the error alone. A newer head may look different behind its version.
func readHead(name string, b []byte) (h head, err error) {
	if len(b) < headSize || !bytes.Equal(b[:8], headMark[:]) {
		return h, errHead
	}
	o := octets{rest: b[8:headSize]}
	h = head{o.uint16(), o.uint32(), o.uint64()}
	switch {
	case h.version > Version:
		return h, &NewerError{name, h.version}
	case o.uint32() != crc32.Checksum(b[:headSize-4], checksums):
		return h, errHead
	}
	return h, nil
}

// frames builds frames of records.
type frames struct {
	octets  []byte // whole frames, and then the one that is being built
	start   int    // of that one
	number  uint64 // of the last one begun in the file
	machine string // that the records being built belong to
	open    bool
}

// reset begins another file.
func (f *frames) reset() { *f = frames{octets: f.octets[:0]} }

// begin makes room for the head of a frame unless one is being built, and says which machine the next record is of.
func (f *frames) begin(machine string, last uint64) {
	if f.open && len(f.octets)-f.start > fullFrame {
		f.seal()
	}
	if !f.open {
		f.open, f.start, f.machine = true, len(f.octets), ""
		f.number++
		f.octets = append(f.octets, make([]byte, frameHead)...)
	}
	if f.machine != machine {
		f.machine = machine
		f.octets = binary.AppendUvarint(appendText(append(f.octets, byte(kindMachine)), []byte(machine)), last)
	}
}

// seal completes the frame that is being built.
func (f *frames) seal() {
	if !f.open {
		return
	}
	f.open = false
	b := f.octets[f.start:]
	copy(b, frameMark[:])
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-frameHead))
	binary.LittleEndian.PutUint64(b[8:], f.number)
	binary.LittleEndian.PutUint32(b[16:], checksum(b))
}

// take returns the frames built so far, which are valid until the next begin.
func (f *frames) take() []byte {
	f.seal()
	b := f.octets
	if cap(b) > maxFrame { // what a mass expiry took is not kept
		f.octets = nil
	} else {
		f.octets = b[:0]
	}
	return b
}

// checksum of a whole frame.
func checksum(frame []byte) uint32 {
	return crc32.Update(crc32.Checksum(frame[4:16], checksums), checksums, frame[frameHead:])
}

// reader takes frames from a file, and finds the next good one where one is bad.
type reader struct {
	file   io.ReaderAt
	size   int64
	offset int64 // of what is read next
	window []byte
	at     int64 // offset of the window
}

// errFrame says that no good frame is where one should be.
var errFrame = errors.New("no frame")

// next returns the number and the records of the frame at the offset, and goes on behind it. The records are valid until the next call.
// The error is io.EOF at the end and errFrame where there is none; anything else the file says.
func (r *reader) next() (number uint64, records []byte, err error) {
	if r.offset >= r.size {
		return 0, nil, io.EOF
	}
	h, err := r.peek(r.offset, frameHead)
	if err != nil {
		return 0, nil, err
	}
	if len(h) < frameHead || [4]byte(h) != frameMark {
		return 0, nil, errFrame
	}
	length := binary.LittleEndian.Uint32(h[4:])
	if length > 2*maxFrame {
		return 0, nil, errFrame
	}
	b, err := r.peek(r.offset, frameHead+int(length))
	switch {
	case err != nil:
		return 0, nil, err
	case len(b) < frameHead+int(length) || checksum(b) != binary.LittleEndian.Uint32(b[16:]):
		return 0, nil, errFrame
	}
	r.offset += int64(len(b))
	return binary.LittleEndian.Uint64(b[8:]), b[frameHead:], nil
}

// search goes to the next good frame after the offset and says whether there is one.
func (r *reader) search() (found bool, err error) {
	bad := r.offset
	for from := bad + 1; from < r.size; {
		b, err := r.peek(from, windowSize)
		if err != nil {
			return false, err
		}
		i := bytes.Index(b, frameMark[:])
		if i < 0 {
			from += int64(max(1, len(b)-len(frameMark)+1))
			continue
		}
		from += int64(i)
		r.offset = from
		if _, _, err := r.next(); err == nil {
			r.offset = from
			return true, nil
		} else if err != errFrame {
			return false, err
		}
		from++
	}
	r.offset = bad
	return false, nil
}

const windowSize = 1 << 20

// peek returns n octets from an offset, less at the end of the file.
func (r *reader) peek(offset int64, n int) ([]byte, error) {
	n = int(min(int64(n), r.size-offset))
	if offset < r.at || offset+int64(n) > r.at+int64(len(r.window)) {
		size := int(min(int64(max(n, windowSize)), r.size-offset))
		if cap(r.window) < size {
			r.window = make([]byte, max(size, windowSize))
		}
		r.window, r.at = r.window[:size], offset
		read, err := r.file.ReadAt(r.window, offset)
		if err != nil && !(err == io.EOF && read == size) {
			r.window = nil
			return nil, err
		}
	}
	return r.window[offset-r.at:][:n], nil
}
