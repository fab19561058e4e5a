package mobility

import (
	"testing"

	"mooring/mobility/wire"
)

func TestIMSI(t *testing.T) {
	const epc, long = "@nai.epc.mnc015.mcc234.3gppnetwork.org", "@nai.epc.mnc150.mcc310.3gppnetwork.org"
	imsi := func(octets string) NodeID { return NodeID([]byte{wire.IDIMSI}) + NodeID(octets) }
	for id, want := range map[NodeID]string{
		NAI("0234150999999999" + epc):                                 "234150999999999", // EAP-AKA
		NAI("6234150999999999" + epc):                                 "234150999999999", // EAP-AKA'
		NAI("234150999999999" + epc):                                  "234150999999999",
		NAI("23415099999" + epc):                                      "23415099999",
		NAI("0310150123456789" + long):                                "310150123456789",
		NAI("1234150999999999@wlan.mnc015.mcc234.3gppnetwork.org"):    "234150999999999", // EAP-SIM
		NAI("0001010000000001@nai.epc.mnc001.mcc001.3gppnetwork.org"): "001010000000001",
		imsi("\x23\x41\x50\x99\x99\x99\x99\x9f"):                      "234150999999999",
		imsi("\x23\x41\x50\x99\x99"):                                  "2341509999",

		"": "", NAI(""): "", NAI("n1@example.net"): "", NAI(epc): "", NAI("0" + epc): "", NAI("234150999999999"): "",
		NAI("0234160999999999" + epc):                                 "", // of another network
		NAI("0310140123456789" + long):                                "",
		NAI("02341509999999999" + epc):                                "", // 16 digits
		NAI("023415" + epc):                                           "", // none of the subscriber
		NAI("02341509x9999999" + epc):                                 "",
		NAI("0234150999999999@nai.epc.mnc15.mcc234.3gppnetwork.org"):  "",
		NAI("0234150999999999@nai.epc.mnc015.mcc234.3gppnetwork.com"): "",
		NAI("0234150999999999@ims.mnc015.mcc234.3gppnetwork.org"):     "",
		NAI("0234150999999999@nai.epc.mcc234.mnc015.3gppnetwork.org"): "",
		imsi("\x23\x41\x50\xa9\x99\x99\x99\x9f"):                      "",
		imsi("\x23\x41\x50\x99\x99\x99\x99\x99"):                      "", // 16 digits
		imsi(""):                                                      "",
		NodeID("\x0223415099999"):                                     "",
	} {
		if got := id.IMSI(); got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
}
