package gnmi

import (
	extpb "github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
)

// checkExtensions refuses the extensions that gNMI itself defines and that are not served, since a client relies on what they promise.
// Those that others register, and those that are newer than we are, do not alter what an RPC does, so they are passed over.
func checkExtensions(list []*extpb.Extension) error {
	for _, e := range list {
		name := ""
		switch x := e.GetExt().(type) {
		case *extpb.Extension_MasterArbitration:
			name = "master arbitration"
		case *extpb.Extension_History:
			name = "history"
		case *extpb.Extension_Commit:
			name = "commit confirmed"
		case *extpb.Extension_Depth:
			if x.Depth.GetLevel() == 0 {
				continue // no limit, as without it
			}
			name = "depth"
		case *extpb.Extension_ConfigSubscription:
			name = "config subscription"
		default:
			continue
		}
		return faultf(codes.Unimplemented, "extension %s is not supported", name)
	}
	return nil
}
