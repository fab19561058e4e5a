package gnmi

import (
	"context"
	"fmt"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"mooring/server/tree/schema"
)

// encodings are those that values can be asked for in.
var encodings = []gpb.Encoding{gpb.Encoding_JSON, gpb.Encoding_JSON_IETF, gpb.Encoding_PROTO, gpb.Encoding_ASCII}

// serviceVersion is the version of gNMI that the protocol buffers declare.
func serviceVersion() (string, error) {
	version, ok := proto.GetExtension(gpb.File_github_com_openconfig_gnmi_proto_gnmi_gnmi_proto.Options(), gpb.E_GnmiService).(string)
	if !ok || version == "" {
		return "", fmt.Errorf("the descriptor of gnmi.proto does not tell the version of the service")
	}
	return version, nil
}

// modelsOf lists the loaded modules, those included that others only take types from.
func modelsOf(s *schema.Schema) (list []*gpb.ModelData) {
	for _, m := range s.Modules {
		list = append(list, &gpb.ModelData{Name: m.Name, Organization: m.Organization, Version: m.Revision})
	}
	return list
}

// Capabilities implements gNMI.
func (s *service) Capabilities(_ context.Context, req *gpb.CapabilityRequest) (*gpb.CapabilityResponse, error) {
	if _, f := readExtensions("capabilities", req.GetExtension()); f != nil {
		return nil, f
	}
	return &gpb.CapabilityResponse{SupportedModels: s.modelData, SupportedEncodings: encodings, GNMIVersion: s.version}, nil
}

// models are the modules that a client wants to see nodes of; nil is all of them.
type models map[*schema.Module]bool

// has reports whether nodes of that definition may be sent.
func (m models) has(def *schema.Node) bool { return m == nil || m[def.Module] }

// used reads use_models.
func (s *service) used(list []*gpb.ModelData) (models, *fault) {
	if len(list) == 0 {
		return nil, nil
	}
	used := models{}
	for _, want := range list {
		m := s.schema.Module(want.GetName())
		if m == nil {
			return nil, faultf(codes.InvalidArgument, "use_models: no model %q here; Capabilities lists them", want.GetName())
		}
		if want.GetVersion() != "" && want.GetVersion() != m.Revision {
			return nil, faultf(codes.InvalidArgument, "use_models: model %q is here in version %s, not %s", m.Name, m.Revision, want.GetVersion())
		}
		used[m] = true
	}
	return used, nil
}

// checkEncoding refuses encodings that values cannot be asked for in.
func checkEncoding(e gpb.Encoding) *fault {
	for _, known := range encodings {
		if e == known {
			return nil
		}
	}
	return faultf(codes.Unimplemented, "encoding %s is not supported; JSON, JSON_IETF, PROTO and ASCII are", e)
}
