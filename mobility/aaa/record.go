package aaa

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
)

// Record is an accounting record: what a server is to be told, except for how late it is told.
type Record struct {
	At         time.Time // of what it tells
	Attributes []byte    // as in a packet
}

// each yields the attributes of a record; their values belong to it.
func (r *Record) each(yield func(radius.Type, radius.Attribute) bool) {
	for rest := r.Attributes; len(rest) > 0; rest = rest[rest[1]:] {
		if !yield(radius.Type(rest[0]), radius.Attribute(rest[headOctets:rest[1]])) {
			return
		}
	}
}

// value is that of the first attribute of a type, nil where there is none.
func (r *Record) value(t radius.Type) radius.Attribute {
	for each, value := range r.each {
		if each == t {
			return value
		}
	}
	return nil
}

// Status is the Acct-Status-Type.
func (r *Record) Status() rfc2866.AcctStatusType {
	n, _ := radius.Integer(r.value(rfc2866.AcctStatusType_Type))
	return rfc2866.AcctStatusType(n)
}

// Session is the Acct-Session-Id.
func (r *Record) Session() string { return string(r.value(rfc2866.AcctSessionID_Type)) }

// Anchor is the LMA whose record it is: its NAS-Identifier.
func (r *Record) Anchor() string { return string(r.value(rfc2865.NASIdentifier_Type)) }

// Customer is the customer of the anchor whose record it is; empty: nobody's.
func (r *Record) Customer() string {
	for t, value := range r.each {
		if t != rfc2865.VendorSpecific_Type {
			continue
		}
		if name, customer := AVPair(value); name == CustomerPair {
			return customer
		}
	}
	return ""
}

// Owner is whose records are counted together: those of an anchor, or of one of its customers.
type Owner struct{ Anchor, Customer string }

// Owners yields whom a record counts for: its anchor, and the customer, if any.
func (r *Record) Owners(yield func(Owner) bool) {
	o := Owner{Anchor: r.Anchor()}
	if !yield(o) {
		return
	}
	if o.Customer = r.Customer(); o.Customer != "" {
		yield(o)
	}
}

// AppendBinary appends the record as it is kept on disk: the time in nanoseconds since 1970-01-01 UTC, and then the attributes as in a packet.
func (r *Record) AppendBinary(b []byte) ([]byte, error) {
	return append(binary.BigEndian.AppendUint64(b, uint64(r.At.UnixNano())), r.Attributes...), nil
}

// timeOctets is what the time of a record takes on disk.
const timeOctets = 8

// UnmarshalBinary is the inverse of AppendBinary. It keeps no reference to b.
func (r *Record) UnmarshalBinary(b []byte) error {
	if len(b) < timeOctets {
		return errors.New("an accounting record is cut short")
	}
	for rest := b[timeOctets:]; len(rest) > 0; rest = rest[rest[1]:] {
		if len(rest) < headOctets || rest[1] < headOctets || int(rest[1]) > len(rest) {
			return errors.New("an accounting record cannot be read: an attribute is cut short")
		}
	}
	r.At, r.Attributes = time.Unix(0, int64(binary.BigEndian.Uint64(b))), bytes.Clone(b[timeOctets:])
	return nil
}

// Room says how full a queue of records is.
type Room uint8

// The states of a queue.
const (
	Ample    Room = iota
	Scarce        // half full: interim records are left out
	Critical      // three quarters full: Starts are left out too; their Stops will tell all that they would have
	Full          // only Stops, and what announces an anchor, still go in, beyond the limit
	// Unwritable is a queue whose disk takes nothing at the moment. What comes is kept in memory, and sessions stay open on disk.
	Unwritable
)

func (r Room) String() string {
	return [...]string{"ample", "scarce", "critical", "full", "unwritable"}[r]
}

// RoomOf returns the state of a queue that holds so many of the records that it may.
func RoomOf(queued, limit int) Room {
	switch {
	case queued >= limit:
		return Full
	case queued >= limit/4*3:
		return Critical
	case queued >= limit/2:
		return Scarce
	}
	return Ample
}

// Admits reports whether a record may still be queued. Stops always are: what is known of a session is in its Stop, which takes the place
// of the session on disk.
func (r Room) Admits(status rfc2866.AcctStatusType) bool {
	switch status {
	case rfc2866.AcctStatusType_Value_InterimUpdate:
		return r < Scarce
	case rfc2866.AcctStatusType_Value_Start:
		return r < Critical
	}
	return true
}
