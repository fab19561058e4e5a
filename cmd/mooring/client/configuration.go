package client

import (
	"context"
	"errors"
	"fmt"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"mooring/cmd/mooring/importer"
	"mooring/server/tree/schema"
)

// Configuration returns what was set of the running configuration as a JSON object (RFC 7951), as far as the user may read it, and
// the transaction that it was read from.
func (c *Client) Configuration(ctx context.Context) (text []byte, transaction string, err error) {
	ctx = metadata.AppendToOutgoingContext(ctx, "mooring-defaults", "explicit")
	header := metadata.MD{}
	answer, err := c.GNMIClient.Get(ctx, &gpb.GetRequest{Path: []*gpb.Path{{}}, Type: gpb.GetRequest_CONFIG, Encoding: gpb.Encoding_JSON_IETF}, grpc.Header(&header))
	switch {
	case err != nil && status.Code(err) != codes.NotFound:
		return nil, "", c.explain(err)
	case len(header.Get("mooring-defaults")) == 0 || len(header.Get("mooring-transaction")) == 0:
		return nil, "", fmt.Errorf("%s does not tell what was set from what holds by default: it is no Mooring, or an older one", c.target)
	case err != nil:
		text = []byte("{}") // there is none
	default:
		text = answer.GetNotification()[0].GetUpdate()[0].GetVal().GetJsonIetfVal()
	}
	return text, header.Get("mooring-transaction")[0], nil
}

// Commit removes nodes from the running configuration and merges a JSON object into it, as one commit: all of it holds or none. It returns
// what the element warned of. The error is importer.ErrSuperseded when something else runs than what transaction left, and joins
// importer.ErrUnanswered when the element went away.
func (c *Client) Commit(ctx context.Context, transaction string, remove []schema.Path, merge []byte) (warnings []string, err error) {
	ctx = metadata.AppendToOutgoingContext(ctx, "mooring-based-on", transaction)
	request := &gpb.SetRequest{Update: []*gpb.Update{{
		Path: &gpb.Path{}, Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: merge}},
	}}}
	for _, path := range remove {
		request.Delete = append(request.Delete, PathOf(path))
	}
	trailer := metadata.MD{}
	_, err = c.Set(ctx, request, grpc.Trailer(&trailer))
	switch status.Code(err) {
	case codes.OK:
		return trailer.Get("mooring-warning-bin"), nil
	case codes.Aborted:
		return nil, importer.ErrSuperseded
	case codes.Unavailable, codes.Canceled, codes.DeadlineExceeded: // it may have got the request
		return nil, errors.Join(importer.ErrUnanswered, c.explain(err))
	}
	return nil, c.explain(err)
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
