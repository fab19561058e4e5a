package wire

import "net/netip"

// Options are the mobility options of a message. What may occur once is an Opt, what may be repeated is a slice in the
// order of the message. The number behind each is its option type.
type Options struct {
	MNID               Opt[MNID]               // 8: whose session this is
	ServiceSelection   Opt[ServiceSelection]   // 20: the service asked for, such as an APN
	HNPs               []HNP                   // 22: home network prefixes
	Handoff            Opt[Handoff]            // 23: handoff indicator
	AccessType         Opt[AccessType]         // 24: access technology type
	LinkLayerID        Opt[LinkLayerID]        // 25: the mobile node's link-layer identifier
	LinkLocal          Opt[netip.Addr]         // 26: IPv6 link-local address of the gateway on the node's link; :: asks for one
	RefreshAdvice      Opt[Lifetime]           // 2: when to refresh
	AltCareOf          Opt[netip.Addr]         // 3: IPv6 care-of address in place of the source address
	MobileNetworks     []netip.Prefix          // 6: IPv6 mobile network prefixes (RFC 3963)
	RestartCounter     Opt[uint32]             // 28: restarts that lost sessions
	GREKey             Opt[GREKey]             // 33
	NATDetection       Opt[NATDetection]       // 31
	IPv4HoARequests    []IPv4HoARequest        // 36: more than one is refused with StatusMultipleIPv4HoA
	IPv4HoAReply       Opt[IPv4HoAReply]       // 37
	DefaultRouter      Opt[netip.Addr]         // 38: IPv4 address
	DHCPMode           Opt[DHCPMode]           // 39
	RedirectCapability Opt[RedirectCapability] // 46
	Redirect           Opt[netip.Addr]         // 47: the other anchor, IPv4 or IPv6
	Load               Opt[LoadInformation]    // 48
	AltIPv4CareOf      Opt[netip.Addr]         // 49: IPv4 care-of address in place of the source address
	Groups             []MNGroup               // 50
	ANI                Opt[ANI]                // 52: access network identifier
	OffloadSelector    Opt[OffloadSelector]    // 53
	DMNPs              []DMNP                  // 55: delegated mobile network prefixes
	QoS                []QoS                   // 58: one for each service request
	UserPlane          []netip.Addr            // 59: IPv4 or IPv6 address of the anchor's user plane; the zero Addr is an empty field
	MultipathBinding   Opt[MultipathBinding]   // 63
	MAGID              Opt[MAGID]              // 64
	LCMP               Opt[LCMP]               // 62: parameters that the anchor sets on the gateway
	Vendor             []VendorOption          // 19
	Timestamp          Opt[Timestamp]          // 27
	MessageID          Opt[NTPTimestamp]       // 10: replay protection of RFC 4285
	Extra              []RawOption             // options without a field here, and repeated ones of those that occur once
	Auth               []AuthOption            // 9: see Authenticator

	received []byte // the message these options came in
}

// Opt is an option that may be missing.
type Opt[T any] struct {
	Value T // the zero value when not Set
	Set   bool
}

// Some is an option that is there.
func Some[T any](v T) Opt[T] { return Opt[T]{Value: v, Set: true} }

// Or is the value of the option, or other where it is missing.
func (o Opt[T]) Or(other T) T {
	if o.Set {
		return o.Value
	}
	return other
}

// RawOption is an option as it stands in the message. In ANI, QoS and LCMP it is a sub-option, and Type its number there.
type RawOption struct {
	Type OptionType
	Data []byte // at most 255 octets
}

// optionTable gives the order that options are sent in. RFC 4283 and 4285 want the identifier before, and RFC 5094 and
// 4285 want vendor options before the authentication, which ends the message; RFC 5149 wants the service behind the
// identifier. The rest of the order is ours.
var optionTable = indexed(table[Options]{
	aligned: true,
	present: (*Options).present,
	rest:    func(o *Options) *[]RawOption { return &o.Extra },
	fields: []field[Options]{
		one(OptionMNID, "%v", func(o *Options) *Opt[MNID] { return &o.MNID }, mnidContent),
		one(OptionServiceSelection, "service %v", func(o *Options) *Opt[ServiceSelection] { return &o.ServiceSelection }, serviceContent),
		many(OptionHNP, "hnp %v", func(o *Options) *[]HNP { return &o.HNPs }, hnpContent),
		one(OptionHandoff, "HI=%[1]d(%[1]v)", func(o *Options) *Opt[Handoff] { return &o.Handoff }, secondOctet[Handoff]()),
		one(OptionAccessType, "ATT=%[1]d(%[1]v)", func(o *Options) *Opt[AccessType] { return &o.AccessType }, secondOctet[AccessType]()),
		one(OptionLinkLayerID, "ll %v", func(o *Options) *Opt[LinkLayerID] { return &o.LinkLayerID }, linkLayerContent),
		one(OptionLinkLocal, "lla %v", func(o *Options) *Opt[netip.Addr] { return &o.LinkLocal }, ipv6Content),
		one(OptionBindingRefreshAdvice, "refresh %v", func(o *Options) *Opt[Lifetime] { return &o.RefreshAdvice }, word16[Lifetime]()),
		one(OptionAltCareOf, "coa %v", func(o *Options) *Opt[netip.Addr] { return &o.AltCareOf }, ipv6Content),
		many(OptionMobileNetworkPrefix, "mnp %v", func(o *Options) *[]netip.Prefix { return &o.MobileNetworks }, mnpContent),
		one(OptionRestartCounter, "restart %d", func(o *Options) *Opt[uint32] { return &o.RestartCounter }, word32[uint32]()),
		one(OptionGREKey, "gre %v", func(o *Options) *Opt[GREKey] { return &o.GREKey }, greKeyContent),
		one(OptionNATDetection, "nat %v", func(o *Options) *Opt[NATDetection] { return &o.NATDetection }, natContent),
		many(OptionIPv4HoARequest, "hoa? %v", func(o *Options) *[]IPv4HoARequest { return &o.IPv4HoARequests }, hoaRequestContent),
		one(OptionIPv4HoAReply, "hoa %v", func(o *Options) *Opt[IPv4HoAReply] { return &o.IPv4HoAReply }, hoaReplyContent),
		one(OptionDefaultRouter, "router %v", func(o *Options) *Opt[netip.Addr] { return &o.DefaultRouter }, routerContent),
		one(OptionDHCPMode, "dhcp %v", func(o *Options) *Opt[DHCPMode] { return &o.DHCPMode }, dhcpModeContent),
		one(OptionRedirectCapability, "%v", func(o *Options) *Opt[RedirectCapability] { return &o.RedirectCapability }, redirectCapabilityContent),
		one(OptionRedirect, "redirect %v", func(o *Options) *Opt[netip.Addr] { return &o.Redirect }, redirectContent),
		one(OptionLoadInformation, "load %v", func(o *Options) *Opt[LoadInformation] { return &o.Load }, loadContent),
		one(OptionAltIPv4CareOf, "coa %v", func(o *Options) *Opt[netip.Addr] { return &o.AltIPv4CareOf }, ipv4Content),
		many(OptionMNGroup, "group %v", func(o *Options) *[]MNGroup { return &o.Groups }, groupContent),
		one(OptionANI, "ani %v", func(o *Options) *Opt[ANI] { return &o.ANI }, aniContent),
		one(OptionOffloadSelector, "offload %v", func(o *Options) *Opt[OffloadSelector] { return &o.OffloadSelector }, offloadContent),
		many(OptionDMNP, "dmnp %v", func(o *Options) *[]DMNP { return &o.DMNPs }, dmnpContent),
		many(OptionQoS, "qos %v", func(o *Options) *[]QoS { return &o.QoS }, qosContent),
		many(OptionUserPlane, "userplane %v", func(o *Options) *[]netip.Addr { return &o.UserPlane }, userPlaneContent),
		one(OptionMultipathBinding, "multipath %v", func(o *Options) *Opt[MultipathBinding] { return &o.MultipathBinding }, multipathContent),
		one(OptionMAGID, "mag %v", func(o *Options) *Opt[MAGID] { return &o.MAGID }, magidContent),
		one(OptionLCMP, "lcmp %v", func(o *Options) *Opt[LCMP] { return &o.LCMP }, lcmpContent),
		many(OptionVendor, "vendor %v", func(o *Options) *[]VendorOption { return &o.Vendor }, vendorContent),
		one(OptionTimestamp, "ts %v", func(o *Options) *Opt[Timestamp] { return &o.Timestamp }, word64[Timestamp]()),
		one(OptionMessageID, "msgid %v", func(o *Options) *Opt[NTPTimestamp] { return &o.MessageID }, word64[NTPTimestamp]()),
		remaining[Options](), // behind all that occur once: a repeated one must not come first
		many(OptionAuth, "auth %v", func(o *Options) *[]AuthOption { return &o.Auth }, authContent),
	},
})

// present has a bit for each field of optionTable that has something to send, in the order of the table. Asking the fields one
// by one takes longer than writing a typical acknowledgement.
func (o *Options) present() uint64 {
	return bit(0, o.MNID.Set) | bit(1, o.ServiceSelection.Set) | bit(2, len(o.HNPs) > 0) | bit(3, o.Handoff.Set) |
		bit(4, o.AccessType.Set) | bit(5, o.LinkLayerID.Set) | bit(6, o.LinkLocal.Set) | bit(7, o.RefreshAdvice.Set) |
		bit(8, o.AltCareOf.Set) | bit(9, len(o.MobileNetworks) > 0) | bit(10, o.RestartCounter.Set) | bit(11, o.GREKey.Set) |
		bit(12, o.NATDetection.Set) | bit(13, len(o.IPv4HoARequests) > 0) | bit(14, o.IPv4HoAReply.Set) |
		bit(15, o.DefaultRouter.Set) | bit(16, o.DHCPMode.Set) | bit(17, o.RedirectCapability.Set) | bit(18, o.Redirect.Set) |
		bit(19, o.Load.Set) | bit(20, o.AltIPv4CareOf.Set) | bit(21, len(o.Groups) > 0) | bit(22, o.ANI.Set) |
		bit(23, o.OffloadSelector.Set) | bit(24, len(o.DMNPs) > 0) | bit(25, len(o.QoS) > 0) | bit(26, len(o.UserPlane) > 0) |
		bit(27, o.MultipathBinding.Set) | bit(28, o.MAGID.Set) | bit(29, o.LCMP.Set) | bit(30, len(o.Vendor) > 0) |
		bit(31, o.Timestamp.Set) | bit(32, o.MessageID.Set) | bit(33, len(o.Extra) > 0) | bit(34, len(o.Auth) > 0)
}

func bit(place int, set bool) uint64 {
	if set {
		return 1 << place
	}
	return 0
}

// Reset empties o and keeps the memory of its slices for the next message.
func (o *Options) Reset() {
	hnps, mobile, homes, groups, dmnps := o.HNPs[:0], o.MobileNetworks[:0], o.IPv4HoARequests[:0], o.Groups[:0], o.DMNPs[:0]
	qos, planes, vendor, extra, auth, received := o.QoS[:0], o.UserPlane[:0], o.Vendor[:0], o.Extra[:0], o.Auth[:0], o.received
	*o = Options{}
	o.HNPs, o.MobileNetworks, o.IPv4HoARequests, o.Groups, o.DMNPs = hnps, mobile, homes, groups, dmnps
	o.QoS, o.UserPlane, o.Vendor, o.Extra, o.Auth, o.received = qos, planes, vendor, extra, auth, received
}

func (o *Options) options() *Options    { return o }
func (o *Options) came() []byte         { return o.received }
func (o *Options) remember(mh []byte)   { o.received = mh }
func (o *Options) show(b []byte) string { return string(optionTable.show(b, o)) }
