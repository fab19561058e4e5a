package gnmi

import (
	extpb "github.com/openconfig/gnmi/proto/gnmi_ext"
)

func foreignExtension() []*extpb.Extension {
	return []*extpb.Extension{{Ext: &extpb.Extension_RegisteredExt{RegisteredExt: &extpb.RegisteredExtension{Id: 999, Msg: []byte("x")}}}, {}}
}
