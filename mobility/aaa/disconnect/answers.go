package disconnect

import (
	"net/netip"
	"time"
)

// answers remembers what was answered, for as long as a request may be repeated: a repetition gets the same answer and does nothing more
// (RFC 5176 sections 2.3 and 6.3).
type answers struct {
	given map[answerKey]given
	order []answerKey // the oldest first
}

// answerKey tells requests apart: the authenticator is a hash of everything else. The port does not count, whoever repeats may have another.
type answerKey struct {
	from          netip.Addr
	authenticator [16]byte
}

type given struct {
	at     time.Time
	octets []byte
}

// maxAnswers bounds what is remembered. Only servers that know the secret get so far.
const maxAnswers = 10_000

func newAnswers() *answers { return &answers{given: map[answerKey]given{}} }

func (a *answers) find(now time.Time, key answerKey) []byte {
	for len(a.order) > 0 && (len(a.order) > maxAnswers || now.Sub(a.given[a.order[0]].at) > 2*Window) { // as long as its time can be accepted
		delete(a.given, a.order[0])
		a.order = a.order[1:]
	}
	return a.given[key].octets
}

func (a *answers) keep(now time.Time, key answerKey, octets []byte) {
	a.given[key] = given{now, octets}
	a.order = append(a.order, key)
}
