package transport

import (
	"errors"
	"fmt"
	"net/netip"

	"mooring/mobility"
)

// protocol is the Mobility Header as an IPv6 next header (RFC 6275 section 6.1.1).
const protocol = 135

// Address is a local address that messages are sent to.
type Address struct {
	VRF  string // empty: the default one
	Addr netip.Addr
}

// AddressOf returns the address of an endpoint.
func AddressOf(e mobility.Endpoint) Address { return Address{e.VRF, e.Addr.Addr()} }

// Endpoint returns where messages to the address arrive.
func (a Address) Endpoint() mobility.Endpoint {
	var port uint16
	if a.Addr.Is4() {
		port = mobility.ControlPort
	}
	return mobility.Endpoint{VRF: a.VRF, Addr: netip.AddrPortFrom(a.Addr, port)}
}

func (a Address) String() string {
	if a.VRF == "" {
		return a.Addr.String()
	}
	return a.Addr.String() + " in VRF " + a.VRF
}

// check says what keeps a from being a local address for signalling.
func (a Address) check() error {
	switch {
	case !a.Addr.IsValid():
		return errors.New("an address is missing")
	case a.Addr.IsUnspecified() || a.Addr.IsMulticast() || a.Addr.Is4In6():
		return fmt.Errorf("%v is no address to listen at: it has to be the unicast address of a host", a)
	}
	return nil
}

// Prepared is a change of the addresses that are listened at. Open and then Retire make it happen, or Abort gives it up; none
// of them can fail. Between Open and Retire both the old and the new addresses can be sent from, so that who leaves an
// address can say good-bye.
type Prepared interface {
	Open()                  // the new addresses are listened at
	Retire(keep ...Address) // those that are not wanted any more are not, but for these; it may be called again
	Abort()
}

// Counters are of one local address, since it was opened.
type Counters struct {
	Received   uint64 // messages, readable or not
	Unreadable uint64 // that the checksum or the codec speaks against
	Checksum   uint64 // of them, those with a wrong checksum
	Overrun    uint64 // that the host had no memory for, or over IPv4 a Screen has kept away; over IPv6 it does not count those
	Sent       uint64
	Unsent     uint64 // that the host refused to send
	Answered   uint64 // unreadable ones upon which a Binding Error or a Parameter Problem went back
}

// Status is what became of a local address.
type Status struct {
	Address
	Err error // why it does not work at present; nil: it does
	Counters
}
