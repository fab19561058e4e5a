package usertun

// fragments cuts an IPv4 packet (RFC 791 section 3.2).
type fragments struct {
	packet []byte
	header int
	step   int    // octets of payload in each fragment but the last
	later  []byte // header of all fragments but the first: options without the copied flag are gone
}

const (
	moreFragments = 0x2000
	dontFragment  = 0x4000
	offsetMask    = 0x1fff
)

// mayFragment reports whether the sender lets routers fragment the packet.
func mayFragment(b []byte) bool { return b[0]>>4 == 4 && be.Uint16(b[6:])&dontFragment == 0 }

// parse prepares for fragments of at most mtu octets. It reports false where the packet may not be cut.
func (f *fragments) parse(b []byte, mtu int) bool {
	if !mayFragment(b) {
		return false
	}
	f.packet, f.header = b, int(b[0]&15)*4
	f.step = (mtu - f.header) &^ 7
	if f.header < header4 || f.header >= len(b) || f.step <= 0 {
		return false
	}
	f.later = append(f.later[:0], b[:header4]...)
	f.later = append(f.later, copiedOptions(b[header4:f.header])...)
	f.later[0] = 4<<4 | uint8(len(f.later)/4)
	return true
}

// copiedOptions returns the options that every fragment carries, padded.
func copiedOptions(options []byte) (kept []byte) {
	for len(options) > 0 && options[0] != 0 { // end of list
		n := 1
		if options[0] != 1 { // no operation
			if len(options) < 2 || options[1] < 2 || int(options[1]) > len(options) {
				break
			}
			n = int(options[1])
		}
		if options[0]&0x80 != 0 {
			kept = append(kept, options[:n]...)
		}
		options = options[n:]
	}
	for len(kept)%4 != 0 {
		kept = append(kept, 0)
	}
	return kept
}

func (f *fragments) count() int { return (len(f.packet) - f.header + f.step - 1) / f.step }

func (f *fragments) size(i int) int {
	payload := min(f.step, len(f.packet)-f.header-i*f.step)
	if i == 0 {
		return f.header + payload
	}
	return len(f.later) + payload
}

// build appends the header of fragment i to b and returns it and the payload.
func (f *fragments) build(i int, b []byte) (header, payload []byte) {
	payload = f.packet[f.header+i*f.step:]
	last := len(payload) <= f.step
	payload = payload[:min(f.step, len(payload))]
	original := f.later
	if i == 0 {
		original = f.packet[:f.header]
	}
	b = append(b, original...)
	header = b[len(b)-len(original):]
	field := be.Uint16(f.packet[6:])
	more := field & moreFragments
	if !last {
		more = moreFragments
	}
	be.PutUint16(header[2:], uint16(len(header)+len(payload)))
	be.PutUint16(header[6:], more|(field&offsetMask+uint16(i*f.step/8)))
	header[10], header[11] = 0, 0
	putChecksum(header[10:], sum(header, 0))
	return header, payload
}
