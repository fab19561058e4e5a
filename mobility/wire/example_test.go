package wire_test

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"mooring/mobility/wire"
)

// A gateway registers a mobile node; the anchor reads the message.
func Example() {
	mag, lma := netip.MustParseAddr("2001:db8:1::1"), netip.MustParseAddr("2001:db8:ffff::1")
	key := wire.NewAuthenticator(256, []byte("0123456789abcdef"))

	pbu := wire.BindingUpdate{
		Seq:      7,
		Flags:    wire.UpdateA | wire.UpdateP,
		Lifetime: wire.LifetimeOf(time.Hour),
		Options: wire.Options{
			MNID:       wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: []byte("mn1@example.com")}),
			HNPs:       []wire.HNP{{Prefix: netip.MustParsePrefix("::/0")}}, // asks for one
			Handoff:    wire.Some(wire.HandoffUnknown),
			AccessType: wire.Some(wire.Access80211),
		},
	}
	mh, err := key.AppendSigned(nil, &pbu, mag, netip.IPv6Unspecified())
	if err != nil {
		fmt.Println(err)
		return
	}
	wire.SetChecksum(mag, lma, mh)

	// At the anchor:
	if err := wire.VerifyChecksum(mag, lma, mh); err != nil {
		return // dropped
	}
	m, err := wire.Parse(mh)
	if bad, ok := errors.AsType[*wire.DecodeError](err); ok {
		fmt.Println(bad.Kind, bad.Offset)
		return
	}
	if update, ok := m.(*wire.BindingUpdate); ok {
		careOf := update.AltCareOf.Or(mag)
		fmt.Println(key.Verify(mh, careOf, netip.IPv6Unspecified()))
		fmt.Println(update)
	}
	// Output:
	// <nil>
	// PBU seq 7 lifetime 3600s A|P mn1@example.com hnp ::/0 HI=4(unknown) ATT=4(802.11) auth subtype=1,spi=256
}
