package usertun

import (
	"encoding/binary"
	"math/bits"
)

// Internet checksums (RFC 1071). A sum is of 16-bit words in the byte order of this machine: the arithmetic does not mind,
// as long as results are stored in the same order. Only numbers that do not come from memory need word.

// sum adds b to acc. Of several pieces that are added up, all but the last must have an even length.
func sum(b []byte, acc uint64) uint64 {
	var c, carries uint64
	for len(b) >= 64 {
		acc, c = bits.Add64(acc, binary.NativeEndian.Uint64(b), 0)
		acc, c = bits.Add64(acc, binary.NativeEndian.Uint64(b[8:]), c)
		acc, c = bits.Add64(acc, binary.NativeEndian.Uint64(b[16:]), c)
		acc, c = bits.Add64(acc, binary.NativeEndian.Uint64(b[24:]), c)
		acc, c = bits.Add64(acc, binary.NativeEndian.Uint64(b[32:]), c)
		acc, c = bits.Add64(acc, binary.NativeEndian.Uint64(b[40:]), c)
		acc, c = bits.Add64(acc, binary.NativeEndian.Uint64(b[48:]), c)
		acc, c = bits.Add64(acc, binary.NativeEndian.Uint64(b[56:]), c)
		carries += c
		b = b[64:]
	}
	for len(b) >= 8 {
		acc, c = bits.Add64(acc, binary.NativeEndian.Uint64(b), 0)
		carries += c
		b = b[8:]
	}
	if len(b) > 0 {
		var last [8]byte
		copy(last[:], b)
		acc, c = bits.Add64(acc, binary.NativeEndian.Uint64(last[:]), 0)
		carries += c
	}
	acc, c = bits.Add64(acc, carries, 0)
	return acc + c
}

// word is a 16-bit number as sum would have found it in memory.
func word(n int) uint64 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], uint16(n))
	return uint64(binary.NativeEndian.Uint16(b[:]))
}

// plus adds two sums.
func plus(a, b uint64) uint64 {
	s, c := bits.Add64(a, b, 0)
	return s + c
}

// fold reduces a sum to 16 bits.
func fold(acc uint64) uint16 {
	acc = acc>>32 + acc&0xffffffff
	acc = acc>>16 + acc&0xffff
	acc = acc>>16 + acc&0xffff
	return uint16(acc>>16 + acc)
}

// putChecksum stores the checksum that makes the sum come out right.
func putChecksum(b []byte, acc uint64) { binary.NativeEndian.PutUint16(b, ^fold(acc)) }

// putPartial stores the sum itself, as the host expects it where it is to complete the checksum.
func putPartial(b []byte, acc uint64) { binary.NativeEndian.PutUint16(b, fold(acc)) }

// whole reports whether a sum that includes the checksum says that nothing was damaged.
func whole(acc uint64) bool { return fold(acc) == 0xffff }
