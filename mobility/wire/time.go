package wire

import (
	"math"
	"strconv"
	"time"
)

// Lifetime counts units of 4 seconds (RFC 6275 section 6.1.7).
type Lifetime uint16

const lifetimeUnit = 4 * time.Second

// MaxLifetime is 262140 seconds, a little over three days.
const MaxLifetime Lifetime = math.MaxUint16

// LifetimeOf rounds d down to whole units; it is 0 for less than one and MaxLifetime for more than that.
func LifetimeOf(d time.Duration) Lifetime {
	return Lifetime(min(max(d/lifetimeUnit, 0), time.Duration(MaxLifetime)))
}

// Duration is the lifetime as a time.Duration.
func (l Lifetime) Duration() time.Duration { return time.Duration(l) * lifetimeUnit }

// String shows seconds.
func (l Lifetime) String() string { return strconv.Itoa(int(l)*4) + "s" }

// Timestamp is the time of a Timestamp option (RFC 5213 section 8.8): 48 bits of seconds since 1970 UTC and 16 bits of
// fraction. Later timestamps are greater numbers.
type Timestamp uint64

// TimestampOf rounds t down to 1/65536 s. Times before 1970 give 0.
func TimestampOf(t time.Time) Timestamp {
	if t.Unix() < 0 {
		return 0
	}
	return Timestamp(t.Unix())<<16 | Timestamp(t.Nanosecond())<<16/1e9
}

// Time is the first whole nanosecond of the timestamp, in UTC, so that TimestampOf gives the timestamp again.
func (t Timestamp) Time() time.Time {
	ns := (uint64(t&0xffff)*1e9 + 0xffff) >> 16
	return time.Unix(int64(t>>16), int64(ns)).UTC()
}

func (t Timestamp) String() string { return showTime(t.Time()) }

// NTPTimestamp is the time of a Message ID option (RFC 4285 section 6): 32 bits of seconds since 1900 UTC and 32 bits of
// fraction. As in RFC 4330 section 3, a clear top bit is of the era that begins in 2036.
type NTPTimestamp uint64

const (
	ntpEpoch  = -2208988800 // 1900-01-01 in Unix time
	ntpEra    = 1 << 32
	ntpTopBit = 1 << 63
)

// NTPTimestampOf rounds t down to 2^-32 s. It is unambiguous from 1968 to 2104.
func NTPTimestampOf(t time.Time) NTPTimestamp {
	return NTPTimestamp(uint32(t.Unix()-ntpEpoch))<<32 | NTPTimestamp(t.Nanosecond())<<32/1e9
}

// Time is the time to the nanosecond, rounded down, in UTC.
func (t NTPTimestamp) Time() time.Time {
	sec := int64(t>>32) + ntpEpoch
	if t&ntpTopBit == 0 {
		sec += ntpEra
	}
	ns := (uint64(t&(ntpEra-1)) * 1e9) >> 32
	return time.Unix(sec, int64(ns)).UTC()
}

func (t NTPTimestamp) String() string { return showTime(t.Time()) }

func showTime(t time.Time) string { return t.Format("2006-01-02T15:04:05.000Z07:00") }
