package state

import "time"

// clock writes times of type yang:date-and-time (RFC 6991 section 3). It remembers the minute that it wrote last, since rows that are written
// one after the other were most often changed one after the other.
type clock struct {
	minute int64 // since 1970; text is of that
	text   []byte
}

const minuteLayout = "2006-01-02T15:04:"

// appendTime appends t in UTC and to the millisecond, as time.RFC3339Nano does: without zeros at the end of a fraction.
func (c *clock) appendTime(to []byte, t time.Time) []byte {
	minute, second := t.Unix()/60, t.Unix()%60
	if second < 0 { // before 1970
		minute, second = minute-1, second+60
	}
	if minute != c.minute || c.text == nil {
		c.minute, c.text = minute, t.UTC().AppendFormat(c.text[:0], minuteLayout)
	}
	to = append(to, c.text...)
	to = appendDigits(to, int(second), 10)
	if ms := t.Nanosecond() / int(time.Millisecond); ms > 0 {
		to = appendDigits(append(to, '.'), ms, 100)
		for to[len(to)-1] == '0' {
			to = to[:len(to)-1]
		}
	}
	return append(to, 'Z')
}

// appendDigits appends n from the digit worth unit on.
func appendDigits(to []byte, n, unit int) []byte {
	for ; unit > 0; unit /= 10 {
		to = append(to, '0'+byte(n/unit%10))
	}
	return to
}

// DateAndTime is t as a yang:date-and-time, as state has it.
func DateAndTime(t time.Time) string { return string(new(clock).appendTime(nil, t)) }
