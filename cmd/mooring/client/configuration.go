package client

import (
	"context"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"mooring/server/tree/schema"
)

// Configuration returns the running configuration as a JSON object (RFC 7951), as far as the user may read it.
func (c *Client) Configuration(ctx context.Context) ([]byte, error) {
	answer, err := c.GNMIClient.Get(ctx, &gpb.GetRequest{Path: []*gpb.Path{{}}, Type: gpb.GetRequest_CONFIG, Encoding: gpb.Encoding_JSON_IETF})
	if status.Code(err) == codes.NotFound {
		return []byte("{}"), nil // there is none
	}
	if err != nil {
		return nil, c.explain(err)
	}
	return answer.GetNotification()[0].GetUpdate()[0].GetVal().GetJsonIetfVal(), nil
}

// Commit removes nodes from the running configuration and merges a JSON object into it, as one commit: all of it holds or none. It returns
// what the element warned of.
func (c *Client) Commit(ctx context.Context, remove []schema.Path, merge []byte) (warnings []string, err error) {
	request := &gpb.SetRequest{Update: []*gpb.Update{{
		Path: &gpb.Path{}, Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: merge}},
	}}}
	for _, path := range remove {
		request.Delete = append(request.Delete, PathOf(path))
	}
	trailer := metadata.MD{}
	_, err = c.Set(ctx, request, grpc.Trailer(&trailer))
	if err != nil {
		return nil, c.explain(err)
	}
	return trailer.Get("mooring-warning-bin"), nil
}

// PathOf writes a path as gNMI does, which has none to one value of a leaf-list.
func PathOf(path schema.Path) *gpb.Path {
	p := &gpb.Path{}
	for _, step := range path {
		e := &gpb.PathElem{Name: step.Node.QualifiedName()}
		for i, key := range step.Keys {
			if e.Key == nil {
				e.Key = map[string]string{}
			}
			e.Key[step.Node.Keys[i].Name] = key
		}
		p.Elem = append(p.Elem, e)
	}
	return p
}
