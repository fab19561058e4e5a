package wire

import (
	"encoding/binary"
	"fmt"
)

// VendorOption is the Vendor-Specific option (RFC 5094 section 3), and the same in a QoS option.
type VendorOption struct {
	Enterprise uint32 // IANA private enterprise number
	Subtype    uint8
	Data       []byte // at most 250 octets
}

// Enterprise3GPP is the enterprise of the vendor options of 3GPP TS 29.275, and Vendor3GPPChargingID one of them.
const (
	Enterprise3GPP       uint32 = 10415
	Vendor3GPPChargingID uint8  = 7
)

// String shows enterprise, sub-type and data.
func (v VendorOption) String() string {
	return fmt.Sprintf("%d/%d:%x", v.Enterprise, v.Subtype, v.Data)
}

var vendorContent = content[VendorOption]{
	decode: func(v *VendorOption, d []byte) fault {
		if len(d) < 5 {
			return badLength
		}
		*v = VendorOption{Enterprise: binary.BigEndian.Uint32(d), Subtype: d[4], Data: d[5:]}
		return sound
	},
	append: func(b []byte, v *VendorOption) []byte {
		b = binary.BigEndian.AppendUint32(b, v.Enterprise)
		return append(append(b, v.Subtype), v.Data...)
	},
}
