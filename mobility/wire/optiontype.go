package wire

import "strconv"

// OptionType is the type of a mobility option (IANA "Mobility Options").
type OptionType uint8

// The registered option types.
const (
	OptionPad1                   OptionType = 0
	OptionPadN                   OptionType = 1
	OptionBindingRefreshAdvice   OptionType = 2
	OptionAltCareOf              OptionType = 3
	OptionNonceIndices           OptionType = 4
	OptionBindingAuthData        OptionType = 5
	OptionMobileNetworkPrefix    OptionType = 6
	OptionMHLinkLayerAddress     OptionType = 7
	OptionMNID                   OptionType = 8
	OptionAuth                   OptionType = 9
	OptionMessageID              OptionType = 10
	OptionCGAParametersRequest   OptionType = 11
	OptionCGAParameters          OptionType = 12
	OptionSignature              OptionType = 13
	OptionHomeKeygenToken        OptionType = 14
	OptionCareOfTestInit         OptionType = 15
	OptionCareOfTest             OptionType = 16
	OptionDNSUpdate              OptionType = 17
	OptionExperimental           OptionType = 18
	OptionVendor                 OptionType = 19
	OptionServiceSelection       OptionType = 20
	OptionBADF                   OptionType = 21
	OptionHNP                    OptionType = 22
	OptionHandoff                OptionType = 23
	OptionAccessType             OptionType = 24
	OptionLinkLayerID            OptionType = 25
	OptionLinkLocal              OptionType = 26
	OptionTimestamp              OptionType = 27
	OptionRestartCounter         OptionType = 28
	OptionDSMIPv4HomeAddress     OptionType = 29
	OptionDSMIPv4AddressAck      OptionType = 30
	OptionNATDetection           OptionType = 31
	OptionDSMIPv4CareOf          OptionType = 32
	OptionGREKey                 OptionType = 33
	OptionMHIPv6Address          OptionType = 34
	OptionBindingID              OptionType = 35
	OptionIPv4HoARequest         OptionType = 36
	OptionIPv4HoAReply           OptionType = 37
	OptionDefaultRouter          OptionType = 38
	OptionDHCPMode               OptionType = 39
	OptionContextRequest         OptionType = 40
	OptionLMAAddress             OptionType = 41
	OptionMNLinkLocalIID         OptionType = 42
	OptionTransientBinding       OptionType = 43
	OptionFlowSummary            OptionType = 44
	OptionFlowIdentification     OptionType = 45
	OptionRedirectCapability     OptionType = 46
	OptionRedirect               OptionType = 47
	OptionLoadInformation        OptionType = 48
	OptionAltIPv4CareOf          OptionType = 49
	OptionMNGroup                OptionType = 50
	OptionMAGAddress             OptionType = 51
	OptionANI                    OptionType = 52
	OptionOffloadSelector        OptionType = 53
	OptionMulticastSelector      OptionType = 54
	OptionDMNP                   OptionType = 55
	OptionMulticastSubscription4 OptionType = 56
	OptionMulticastSubscription6 OptionType = 57
	OptionQoS                    OptionType = 58
	OptionUserPlane              OptionType = 59
	OptionMulticast              OptionType = 60
	OptionMulticastAck           OptionType = 61
	OptionLCMP                   OptionType = 62
	OptionMultipathBinding       OptionType = 63
	OptionMAGID                  OptionType = 64
	OptionAnchoredPrefix         OptionType = 65
	OptionLocalPrefix            OptionType = 66
	OptionPreviousMAAR           OptionType = 67
	OptionServingMAAR            OptionType = 68
	OptionDLIFLinkLocal          OptionType = 69
	OptionDLIFLinkLayer          OptionType = 70
)

// optionTypes has the names, and the alignment that the document of each option asks for: its type octet is at
// multiple*n + rest from the start of the Mobility Header. Without a multiple any octet will do.
var optionTypes = [...]struct {
	name           string
	multiple, rest uint8
}{
	OptionPad1:                   {"pad1", 0, 0},
	OptionPadN:                   {"padn", 0, 0},
	OptionBindingRefreshAdvice:   {"binding-refresh-advice", 2, 0},
	OptionAltCareOf:              {"alternate-care-of-address", 8, 6},
	OptionNonceIndices:           {"nonce-indices", 2, 0},
	OptionBindingAuthData:        {"binding-authorization-data", 8, 2},
	OptionMobileNetworkPrefix:    {"mobile-network-prefix", 8, 4},
	OptionMHLinkLayerAddress:     {"mh-link-layer-address", 0, 0},
	OptionMNID:                   {"mobile-node-identifier", 0, 0},
	OptionAuth:                   {"authentication", 8, 5}, // RFC 4285: 4n+1; of these 8n+5 lets the option end the message
	OptionMessageID:              {"message-identifier", 8, 2},
	OptionCGAParametersRequest:   {"cga-parameters-request", 0, 0},
	OptionCGAParameters:          {"cga-parameters", 0, 0},
	OptionSignature:              {"signature", 0, 0},
	OptionHomeKeygenToken:        {"permanent-home-keygen-token", 0, 0},
	OptionCareOfTestInit:         {"care-of-test-init", 0, 0},
	OptionCareOfTest:             {"care-of-test", 8, 6},
	OptionDNSUpdate:              {"dns-update", 0, 0},
	OptionExperimental:           {"experimental", 0, 0},
	OptionVendor:                 {"vendor-specific", 4, 2},
	OptionServiceSelection:       {"service-selection", 0, 0},
	OptionBADF:                   {"binding-authorization-data-fmipv6", 0, 0},
	OptionHNP:                    {"home-network-prefix", 8, 4},
	OptionHandoff:                {"handoff-indicator", 0, 0},
	OptionAccessType:             {"access-technology-type", 0, 0},
	OptionLinkLayerID:            {"mn-link-layer-identifier", 0, 0},
	OptionLinkLocal:              {"link-local-address", 8, 6},
	OptionTimestamp:              {"timestamp", 8, 2},
	OptionRestartCounter:         {"restart-counter", 4, 2},
	OptionDSMIPv4HomeAddress:     {"ipv4-home-address", 4, 0},
	OptionDSMIPv4AddressAck:      {"ipv4-address-acknowledgement", 4, 0},
	OptionNATDetection:           {"nat-detection", 4, 0},
	OptionDSMIPv4CareOf:          {"ipv4-care-of-address", 4, 0},
	OptionGREKey:                 {"gre-key", 4, 0},
	OptionMHIPv6Address:          {"mh-ipv6-address", 0, 0},
	OptionBindingID:              {"binding-identifier", 8, 2}, // 2n when it has no address
	OptionIPv4HoARequest:         {"ipv4-home-address-request", 4, 0},
	OptionIPv4HoAReply:           {"ipv4-home-address-reply", 4, 0},
	OptionDefaultRouter:          {"ipv4-default-router-address", 4, 0},
	OptionDHCPMode:               {"ipv4-dhcp-support-mode", 0, 0},
	OptionContextRequest:         {"context-request", 0, 0},
	OptionLMAAddress:             {"local-mobility-anchor-address", 0, 0},
	OptionMNLinkLocalIID:         {"mn-link-local-interface-identifier", 0, 0},
	OptionTransientBinding:       {"transient-binding", 0, 0},
	OptionFlowSummary:            {"flow-summary", 0, 0},
	OptionFlowIdentification:     {"flow-identification", 0, 0},
	OptionRedirectCapability:     {"redirect-capability", 4, 0},
	OptionRedirect:               {"redirect", 4, 0},
	OptionLoadInformation:        {"load-information", 4, 0},
	OptionAltIPv4CareOf:          {"alternate-ipv4-care-of-address", 4, 2},
	OptionMNGroup:                {"mn-group-identifier", 0, 0},
	OptionMAGAddress:             {"mag-ipv6-address", 8, 4},
	OptionANI:                    {"access-network-identifier", 4, 0},
	OptionOffloadSelector:        {"ipv4-traffic-offload-selector", 4, 0},
	OptionMulticastSelector:      {"dynamic-ip-multicast-selector", 0, 0},
	OptionDMNP:                   {"delegated-mobile-network-prefix", 8, 2},
	OptionMulticastSubscription4: {"active-multicast-subscription-ipv4", 0, 0},
	OptionMulticastSubscription6: {"active-multicast-subscription-ipv6", 0, 0},
	OptionQoS:                    {"quality-of-service", 4, 0},
	OptionUserPlane:              {"lma-user-plane-address", 8, 2},
	OptionMulticast:              {"multicast", 0, 0},
	OptionMulticastAck:           {"multicast-acknowledgement", 0, 0},
	OptionLCMP:                   {"lma-controlled-mag-parameters", 4, 2},
	OptionMultipathBinding:       {"mag-multipath-binding", 0, 0},
	OptionMAGID:                  {"mag-identifier", 0, 0},
	OptionAnchoredPrefix:         {"anchored-prefix", 0, 0},
	OptionLocalPrefix:            {"local-prefix", 0, 0},
	OptionPreviousMAAR:           {"previous-maar", 0, 0},
	OptionServingMAAR:            {"serving-maar", 0, 0},
	OptionDLIFLinkLocal:          {"dlif-link-local-address", 0, 0},
	OptionDLIFLinkLayer:          {"dlif-link-layer-address", 0, 0},
}

// String gives the name of the option, or its number where it has none.
func (t OptionType) String() string {
	if int(t) < len(optionTypes) {
		return optionTypes[t].name
	}
	return strconv.Itoa(int(t))
}

// alignment is where in a message an option may begin: at multiple*n + rest. Multiples are powers of two; 0 is anywhere.
type alignment struct{ multiple, rest uint8 }

func (t OptionType) alignment() alignment {
	if int(t) >= len(optionTypes) {
		return alignment{}
	}
	return alignment{optionTypes[t].multiple, optionTypes[t].rest}
}

// padding is how many octets an option needs in front of it at this position in the message.
func (a alignment) padding(position int) int {
	return (int(a.rest) - position) & (max(int(a.multiple), 1) - 1)
}
