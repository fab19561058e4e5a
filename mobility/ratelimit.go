package mobility

import "time"

// RateLimit keeps the number of answers to those who prove nothing within bounds: a bucket of tokens, which is full at first.
type RateLimit struct {
	PerSecond float64 // tokens that come back
	AtOnce    float64 // tokens of a full bucket, at least 1
	spent     float64
	at        time.Time
}

// Allow takes a token if there is one. A clock that goes back brings none, and takes none.
func (l *RateLimit) Allow(now time.Time) bool {
	l.spent = max(0, l.spent-max(0, now.Sub(l.at).Seconds())*l.PerSecond)
	l.at = now
	if l.spent > l.AtOnce-1 {
		return false
	}
	l.spent++
	return true
}
