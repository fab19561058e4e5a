package wire

// Handoff is the Handoff Indicator (RFC 5213 section 8.4; IANA "Handoff Indicator Option Type Values").
type Handoff uint8

// The handoff indicators.
const (
	HandoffReserved          Handoff = 0 // only in the acknowledgement of an update that had none
	HandoffNewInterface      Handoff = 1 // attachment over a new interface
	HandoffBetweenInterfaces Handoff = 2 // from another interface of the mobile node
	HandoffBetweenMAGs       Handoff = 3 // the same interface, from another gateway
	HandoffUnknown           Handoff = 4 // also when de-registering
	HandoffUnchanged         Handoff = 5 // re-registration
	HandoffSharedPrefixes    Handoff = 6 // attachment over a new interface that shares prefixes (RFC 7864)
)

var handoffNames = [...]string{
	HandoffReserved:          "reserved",
	HandoffNewInterface:      "new-interface",
	HandoffBetweenInterfaces: "between-interfaces",
	HandoffBetweenMAGs:       "between-mags",
	HandoffUnknown:           "unknown",
	HandoffUnchanged:         "unchanged",
	HandoffSharedPrefixes:    "shared-prefixes",
}

func (h Handoff) String() string { return name(handoffNames[:], uint8(h)) }

// AccessType is the Access Technology Type (RFC 5213 section 8.5; IANA "Access Technology Type Option Type Values").
type AccessType uint8

// The access technology types.
const (
	AccessReserved AccessType = 0 // only in the acknowledgement of an update that had none
	AccessVirtual  AccessType = 1
	AccessPPP      AccessType = 2
	Access8023     AccessType = 3
	Access80211    AccessType = 4
	Access80216e   AccessType = 5
	AccessGERAN    AccessType = 6
	AccessUTRAN    AccessType = 7
	AccessEUTRAN   AccessType = 8
	AccessEHRPD    AccessType = 9
	AccessHRPD     AccessType = 10
	Access1xRTT    AccessType = 11
	AccessUMB      AccessType = 12
	AccessNBIoT    AccessType = 13
)

var accessNames = [...]string{
	AccessReserved: "reserved",
	AccessVirtual:  "virtual",
	AccessPPP:      "ppp",
	Access8023:     "802.3",
	Access80211:    "802.11",
	Access80216e:   "802.16e",
	AccessGERAN:    "geran",
	AccessUTRAN:    "utran",
	AccessEUTRAN:   "e-utran",
	AccessEHRPD:    "ehrpd",
	AccessHRPD:     "hrpd",
	Access1xRTT:    "1xrtt",
	AccessUMB:      "umb",
	AccessNBIoT:    "nb-iot",
}

func (a AccessType) String() string { return name(accessNames[:], uint8(a)) }
