package lab

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// client talks gNMI with an element, over its local socket.
type client struct {
	name string // of the element
	conn *grpc.ClientConn
	gpb.GNMIClient
}

func dial(name, socket string) (*client, error) {
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("gNMI of %s: %w", name, err)
	}
	return &client{name, conn, gpb.NewGNMIClient(conn)}, nil
}

func (c *client) close() { c.conn.Close() }

// commit merges configurations (RFC 7951) into that of the element, in one commit.
func (c *client) commit(ctx context.Context, configurations ...[]byte) error {
	request := &gpb.SetRequest{}
	for _, text := range configurations {
		value := &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: text}}
		request.Update = append(request.Update, &gpb.Update{Path: &gpb.Path{}, Val: value})
	}
	if _, err := c.Set(ctx, request); err != nil {
		return c.explainCommit(err)
	}
	return nil
}

// explainCommit says why an element did not take its example, and where it would have: what it does not support, this host cannot do.
func (c *client) explainCommit(err error) error {
	why := fmt.Errorf("commit the configuration of %s: %s", c.name, status.Convert(err).Message())
	if status.Code(err) == codes.Unimplemented {
		return &Unfit{fmt.Errorf("%w\nWith --vm the lab is in a virtual machine, whose kernel lacks nothing", why)}
	}
	return why
}

// get returns the value of a leaf.
func (c *client) get(ctx context.Context, path ...string) (string, error) {
	request := &gpb.GetRequest{Encoding: gpb.Encoding_JSON_IETF, Path: []*gpb.Path{{}}}
	for _, name := range path {
		request.Path[0].Elem = append(request.Path[0].Elem, &gpb.PathElem{Name: name})
	}
	response, err := c.Get(ctx, request)
	if err != nil {
		return "", fmt.Errorf("ask %s for /%s: %w", c.name, strings.Join(path, "/"), err)
	}
	for _, n := range response.GetNotification() {
		for _, u := range n.GetUpdate() {
			return text(u.GetVal()), nil
		}
	}
	return "", fmt.Errorf("%s has no /%s", c.name, strings.Join(path, "/"))
}

// row is what is known of a binding: its leaves as text.
type row map[string]string

// follow calls changed with every binding of a machine of the element, and again whenever one changes, until ctx ends: after is nil
// when it is gone. role is lma or mag.
func (c *client) follow(ctx context.Context, role, machine string, changed func(at time.Time, before, after row)) error {
	stream, err := c.Subscribe(ctx)
	if err != nil {
		return fmt.Errorf("subscribe to the bindings of %s: %w", c.name, err)
	}
	path := &gpb.Path{Elem: []*gpb.PathElem{
		{Name: "pmipv6"}, {Name: role, Key: map[string]string{"name": machine}}, {Name: "bindings"}, {Name: "binding", Key: map[string]string{"id": "*"}},
	}}
	err = stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_JSON_IETF,
		Subscription: []*gpb.Subscription{{Path: path, Mode: gpb.SubscriptionMode_ON_CHANGE}},
	}}})
	rows := map[string]row{}
	for err == nil {
		var response *gpb.SubscribeResponse
		if response, err = stream.Recv(); err == nil && response.GetUpdate() != nil {
			take(rows, response.GetUpdate(), changed)
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("bindings of %s: %w", c.name, err)
}

// take brings rows up to date.
func take(rows map[string]row, n *gpb.Notification, changed func(at time.Time, before, after row)) {
	at := time.Now()
	after := map[string]row{} // of the bindings that n speaks of
	edit := func(path *gpb.Path) (id, leaf string) {
		id, leaf = locate(n.GetPrefix(), path)
		if _, seen := after[id]; !seen {
			after[id] = maps.Clone(rows[id])
		}
		return id, leaf
	}
	for _, path := range n.GetDelete() {
		id, leaf := edit(path)
		if leaf == "" {
			after[id] = nil
			continue
		}
		delete(after[id], leaf)
	}
	for _, u := range n.GetUpdate() {
		id, leaf := edit(u.GetPath())
		if after[id] == nil {
			after[id] = row{}
		}
		after[id][leaf] = text(u.GetVal())
	}
	for id, row := range after {
		before := rows[id]
		if rows[id] = row; row == nil {
			delete(rows, id)
		}
		changed(at, before, row)
	}
}

// locate says which binding and which leaf of it a path names; leaf is empty where it is the whole binding.
func locate(prefix, path *gpb.Path) (id, leaf string) {
	for _, e := range slices.Concat(prefix.GetElem(), path.GetElem()) {
		name := e.GetName()
		name = name[strings.IndexByte(name, ':')+1:]
		if name == "binding" {
			id = e.GetKey()["id"]
		} else if id != "" {
			leaf = name
		}
	}
	return id, leaf
}

// text is a value for people.
func text(v *gpb.TypedValue) string {
	return strings.Trim(string(v.GetJsonIetfVal()), `"`)
}
