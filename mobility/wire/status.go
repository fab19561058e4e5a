package wire

// Status is the outcome that a Binding Acknowledgement reports (IANA "Status Codes"). Below 128 the update was accepted.
type Status uint8

// Accepted reports whether the update was accepted.
func (s Status) Accepted() bool { return s < 128 }

// The status codes. Those of host-based Mobile IPv6 are here so that they have a name in a trace.
const (
	StatusAccepted                 Status = 0
	StatusPrefixDiscovery          Status = 1 // accepted but prefix discovery necessary (RFC 6275)
	StatusGREKeyNotRequired        Status = 2 // accepted, without GRE keys (RFC 5845)
	StatusGREWithoutTLV            Status = 3 // accepted, GRE but no TLV header (RFC 5845)
	StatusMCoANotComplete          Status = 4 // RFC 5648
	StatusMCoAReturnHome           Status = 5 // RFC 5648
	StatusTransientBindingIgnored  Status = 6 // RFC 6058
	StatusReasonUnspecified        Status = 128
	StatusProhibited               Status = 129
	StatusInsufficientResources    Status = 130
	StatusHomeRegNotSupported      Status = 131
	StatusNotHomeSubnet            Status = 132
	StatusNotHomeAgent             Status = 133
	StatusDADFailed                Status = 134
	StatusSequenceOutOfWindow      Status = 135
	StatusExpiredHomeNonce         Status = 136
	StatusExpiredCareOfNonce       Status = 137
	StatusExpiredNonces            Status = 138
	StatusTypeChangeDisallowed     Status = 139
	StatusMobileRouterNotPermitted Status = 140 // RFC 3963
	StatusInvalidPrefix            Status = 141 // RFC 3963
	StatusNotAuthorizedForPrefix   Status = 142 // RFC 3963
	StatusForwardingSetupFailed    Status = 143 // RFC 3963
	StatusIDMismatch               Status = 144 // MIPV6-ID-MISMATCH (RFC 4285)
	StatusMessageIDRequired        Status = 145 // MIPV6-MESG-ID-REQD (RFC 4285)
	StatusAuthFail                 Status = 146 // MIPV6-AUTH-FAIL (RFC 4285)
	StatusKeygenTokenUnavailable   Status = 147 // RFC 4866
	StatusCGAFailed                Status = 148 // RFC 4866
	StatusKeygenTokenExists        Status = 149 // RFC 4866
	StatusNonNullHomeNonce         Status = 150 // RFC 4866
	StatusServiceNotAuthorized     Status = 151 // RFC 5149
	StatusProxyRegNotEnabled       Status = 152 // RFC 5213 section 8.9, to 162
	StatusNotLMAForThisMN          Status = 153
	StatusMAGNotAuthorized         Status = 154
	StatusNotAuthorizedForHNP      Status = 155
	StatusTimestampMismatch        Status = 156
	StatusTimestampLowerThanPrev   Status = 157
	StatusMissingHNP               Status = 158
	StatusPrefixSetMismatch        Status = 159 // BCE_PBU_PREFIX_SET_DO_NOT_MATCH
	StatusMissingMNID              Status = 160
	StatusMissingHandoff           Status = 161
	StatusMissingAccessType        Status = 162
	StatusGREKeyRequired           Status = 163 // RFC 5845
	StatusMCoAMalformed            Status = 164 // RFC 5648, to 169
	StatusMCoANonMCoABinding       Status = 165
	StatusMCoAProhibited           Status = 166
	StatusMCoAUnknownCoA           Status = 167
	StatusMCoABulkProhibited       Status = 168
	StatusMCoASimultaneous         Status = 169
	StatusNotAuthorizedForIPv4     Status = 170 // RFC 5844 section 3.3.5, to 173
	StatusNotAuthorizedForIPv4HoA  Status = 171
	StatusNotAuthorizedForIPv6     Status = 172
	StatusMultipleIPv4HoA          Status = 173
	StatusInvalidCareOf            Status = 174 // RFC 6275
	StatusInvalidGroupID           Status = 175 // RFC 6602
	StatusReinitSA                 Status = 176 // RFC 6618
	StatusNotAuthorizedForDMNP     Status = 177 // RFC 7148
	StatusDMNPInUse                Status = 178 // RFC 7148
	StatusCannotMeetQoS            Status = 179 // RFC 7222
	StatusCannotSupportMultipath   Status = 180 // RFC 8278
)

var statusNames = [...]string{
	StatusAccepted:                 "accepted",
	StatusPrefixDiscovery:          "prefix-discovery-necessary",
	StatusGREKeyNotRequired:        "gre-key-option-not-required",
	StatusGREWithoutTLV:            "gre-tunneling-but-tlv-header-not-supported",
	StatusMCoANotComplete:          "mcoa-not-complete",
	StatusMCoAReturnHome:           "mcoa-return-home-without-ndp",
	StatusTransientBindingIgnored:  "pbu-accepted-tb-ignored-settings-mismatch",
	StatusReasonUnspecified:        "reason-unspecified",
	StatusProhibited:               "administratively-prohibited",
	StatusInsufficientResources:    "insufficient-resources",
	StatusHomeRegNotSupported:      "home-registration-not-supported",
	StatusNotHomeSubnet:            "not-home-subnet",
	StatusNotHomeAgent:             "not-home-agent-for-this-mobile-node",
	StatusDADFailed:                "duplicate-address-detection-failed",
	StatusSequenceOutOfWindow:      "sequence-number-out-of-window",
	StatusExpiredHomeNonce:         "expired-home-nonce-index",
	StatusExpiredCareOfNonce:       "expired-care-of-nonce-index",
	StatusExpiredNonces:            "expired-nonces",
	StatusTypeChangeDisallowed:     "registration-type-change-disallowed",
	StatusMobileRouterNotPermitted: "mobile-router-operation-not-permitted",
	StatusInvalidPrefix:            "invalid-prefix",
	StatusNotAuthorizedForPrefix:   "not-authorized-for-prefix",
	StatusForwardingSetupFailed:    "forwarding-setup-failed",
	StatusIDMismatch:               "mipv6-id-mismatch",
	StatusMessageIDRequired:        "mipv6-mesg-id-reqd",
	StatusAuthFail:                 "mipv6-auth-fail",
	StatusKeygenTokenUnavailable:   "permanent-home-keygen-token-unavailable",
	StatusCGAFailed:                "cga-and-signature-verification-failed",
	StatusKeygenTokenExists:        "permanent-home-keygen-token-exists",
	StatusNonNullHomeNonce:         "non-null-home-nonce-index-expected",
	StatusServiceNotAuthorized:     "service-authorization-failed",
	StatusProxyRegNotEnabled:       "proxy-reg-not-enabled",
	StatusNotLMAForThisMN:          "not-lma-for-this-mobile-node",
	StatusMAGNotAuthorized:         "mag-not-authorized-for-proxy-reg",
	StatusNotAuthorizedForHNP:      "not-authorized-for-home-network-prefix",
	StatusTimestampMismatch:        "timestamp-mismatch",
	StatusTimestampLowerThanPrev:   "timestamp-lower-than-prev-accepted",
	StatusMissingHNP:               "missing-home-network-prefix-option",
	StatusPrefixSetMismatch:        "bce-pbu-prefix-set-do-not-match",
	StatusMissingMNID:              "missing-mn-identifier-option",
	StatusMissingHandoff:           "missing-handoff-indicator-option",
	StatusMissingAccessType:        "missing-access-tech-type-option",
	StatusGREKeyRequired:           "gre-key-option-required",
	StatusMCoAMalformed:            "mcoa-malformed",
	StatusMCoANonMCoABinding:       "mcoa-non-mcoa-binding-exists",
	StatusMCoAProhibited:           "mcoa-prohibited",
	StatusMCoAUnknownCoA:           "mcoa-unknown-coa",
	StatusMCoABulkProhibited:       "mcoa-bulk-registration-prohibited",
	StatusMCoASimultaneous:         "mcoa-simultaneous-home-and-foreign-prohibited",
	StatusNotAuthorizedForIPv4:     "not-authorized-for-ipv4-mobility-service",
	StatusNotAuthorizedForIPv4HoA:  "not-authorized-for-ipv4-home-address",
	StatusNotAuthorizedForIPv6:     "not-authorized-for-ipv6-mobility-service",
	StatusMultipleIPv4HoA:          "multiple-ipv4-home-address-assignment-not-supported",
	StatusInvalidCareOf:            "invalid-care-of-address",
	StatusInvalidGroupID:           "invalid-mobile-node-group-identifier",
	StatusReinitSA:                 "reinit-sa-with-hac",
	StatusNotAuthorizedForDMNP:     "not-authorized-for-delegated-mnp",
	StatusDMNPInUse:                "requested-dmnp-in-use",
	StatusCannotMeetQoS:            "cannot-meet-qos-service-request",
	StatusCannotSupportMultipath:   "cannot-support-multipath-binding",
}

// String gives the registered name in lower case, or the number where there is none.
func (s Status) String() string { return name(statusNames[:], uint8(s)) }
