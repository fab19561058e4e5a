package mobility

import (
	"strings"

	"mooring/mobility/wire"
)

// IMSI returns the international mobile subscriber identity of a node that is identified by it, and "" of any other: as an identifier of its own
// (RFC 8371 section 4.2), or in a network access identifier of 3GPP, at a realm of its home network (TS 23.003 sections 14.3 and 19.3.2).
func (id NodeID) IMSI() string {
	switch {
	case id == "":
		return ""
	case id[0] == wire.IDIMSI:
		return digitsOf(string(id[1:]))
	case id[0] == wire.IDNAI:
		return imsiOf(string(id[1:]))
	}
	return ""
}

// imsiOf finds the IMSI in user@nai.epc.mncMNC.mccMCC.3gppnetwork.org, or @wlan.mnc and so on. Before it there may be a digit that says how the node
// authenticates (RFC 4187 section 4.1.1.6): the IMSI itself begins with the codes of country and network that are in the realm.
func imsiOf(nai string) string {
	user, realm, _ := strings.Cut(nai, "@")
	network, of3GPP := strings.CutSuffix(realm, ".3gppnetwork.org")
	if !of3GPP {
		return ""
	}
	if epc, ok := strings.CutPrefix(network, "nai.epc."); ok {
		network = epc
	} else if network, ok = strings.CutPrefix(network, "wlan."); !ok {
		return ""
	}
	mnc, mcc, _ := strings.Cut(network, ".")
	mnc, numbered := strings.CutPrefix(mnc, "mnc")
	mcc, placed := strings.CutPrefix(mcc, "mcc")
	switch {
	case !numbered || !placed || len(mnc) != 3 || len(mcc) != 3:
		return ""
	case isSubscriber(user, mcc, mnc):
		return user
	case user != "" && isSubscriber(user[1:], mcc, mnc):
		return user[1:]
	}
	return ""
}

// isSubscriber says whether digits are an IMSI of a network. A network code of two digits stands with a 0 before it in realms (TS 23.003 section 19.2).
func isSubscriber(digits, mcc, mnc string) bool {
	number, here := strings.CutPrefix(digits, mcc)
	return here && isIMSI(digits) && (strings.HasPrefix(number, mnc) || mnc[0] == '0' && strings.HasPrefix(number, mnc[1:]))
}

// An IMSI has a country code of three digits, a network code of two or three, and at least one more; 15 at most (TS 23.003 section 2.2).
const minIMSI, maxIMSI = 6, 15

func isIMSI(digits string) bool {
	return len(digits) >= minIMSI && len(digits) <= maxIMSI && strings.Trim(digits, "0123456789") == ""
}

// digitsOf reads digits from octets, the first one in the high bits; all ones fill up the last.
func digitsOf(octets string) string {
	digits := make([]byte, 0, 2*len(octets))
	for i := range len(octets) {
		digits = append(digits, "0123456789abcdef"[octets[i]>>4], "0123456789abcdef"[octets[i]&0xf])
	}
	if imsi := strings.TrimSuffix(string(digits), "f"); isIMSI(imsi) {
		return imsi
	}
	return ""
}
