package aaa

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
)

// Record is an accounting record: what a server is to be told, except for how late it is told.
type Record struct {
	At         time.Time // of what it tells
	Attributes radius.Attributes
}

// Status is the Acct-Status-Type.
func (r *Record) Status() rfc2866.AcctStatusType {
	n, _ := radius.Integer(r.Attributes.Get(rfc2866.AcctStatusType_Type))
	return rfc2866.AcctStatusType(n)
}

// Session is the Acct-Session-Id.
func (r *Record) Session() string { return string(r.Attributes.Get(rfc2866.AcctSessionID_Type)) }

// Anchor is the LMA whose record it is: its NAS-Identifier.
func (r *Record) Anchor() string { return string(r.Attributes.Get(rfc2865.NASIdentifier_Type)) }

// Customer is the customer of the anchor whose record it is; empty: nobody's.
func (r *Record) Customer() string {
	for _, a := range r.Attributes {
		if a.Type != rfc2865.VendorSpecific_Type {
			continue
		}
		if name, value := AVPair(a.Attribute); name == CustomerPair {
			return value
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
	b = binary.BigEndian.AppendUint64(b, uint64(r.At.UnixNano()))
	return appendAttributes(b, r.Attributes)
}

// UnmarshalBinary is the inverse of AppendBinary. It keeps no reference to b.
func (r *Record) UnmarshalBinary(b []byte) (err error) {
	if len(b) < 8 {
		return errors.New("an accounting record is cut short")
	}
	r.At = time.Unix(0, int64(binary.BigEndian.Uint64(b)))
	if r.Attributes, err = radius.ParseAttributes(b[8:]); err != nil {
		return fmt.Errorf("an accounting record cannot be read: %w", err)
	}
	return nil
}

// maxValue is the longest value of an attribute (RFC 2865 section 5).
const maxValue = 253

func appendAttributes(b []byte, list radius.Attributes) ([]byte, error) {
	for _, a := range list {
		if len(a.Attribute) > maxValue {
			return b, fmt.Errorf("attribute %d has %d octets, more than %d", a.Type, len(a.Attribute), maxValue)
		}
		b = append(append(b, byte(a.Type), byte(2+len(a.Attribute))), a.Attribute...)
	}
	return b, nil
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
