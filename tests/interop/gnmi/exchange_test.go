package gnmi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	extpb "github.com/openconfig/gnmi/proto/gnmi_ext"
	"github.com/openconfig/ygot/ygot"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	once      = gpb.SubscriptionList_ONCE
	streaming = gpb.SubscriptionList_STREAM
)

// exchange is one request of a statement and what is expected of the answer: its code, and texts that are in it or, after a !, are not.
type exchange struct {
	number  int
	request proto.Message
	code    codes.Code
	says    []string
}

// ask sends a request and returns the answer as text, a line for each thing that is told. The message of an error is text, too.
func (c *conformer) ask(request proto.Message) (text string, err error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	switch r := request.(type) {
	case *gpb.CapabilityRequest:
		var answer *gpb.CapabilityResponse
		answer, err = c.Capabilities(ctx, r)
		text = answer.String()
	case *gpb.GetRequest:
		var answer *gpb.GetResponse
		answer, err = c.Get(ctx, r)
		for i, n := range answer.GetNotification() {
			text += fmt.Sprintf("notification %d\n%s", i, told(n))
		}
	case *gpb.SetRequest:
		var answer *gpb.SetResponse
		answer, err = c.Set(ctx, r)
		text = about(answer.GetPrefix())
		for _, result := range answer.GetResponse() {
			text += fmt.Sprintf("%s %s\n", result.GetOp(), pathText(result.GetPath()))
		}
	case *gpb.SubscribeRequest:
		text, err = c.listen(ctx, r)
	}
	if err != nil {
		text += "\n" + status.Convert(err).Message()
	}
	return text, err
}

// listen reads a subscription until it ends.
func (c *conformer) listen(ctx context.Context, r *gpb.SubscribeRequest) (text string, err error) {
	s, err := c.Subscribe(ctx)
	if err == nil {
		err = s.Send(r)
	}
	for err == nil || errors.Is(err, io.EOF) { // Recv tells why nothing could be sent
		var m *gpb.SubscribeResponse
		if m, err = s.Recv(); err != nil {
			break
		}
		if m.GetSyncResponse() {
			text += "sync\n"
			continue
		}
		text += told(m.GetUpdate())
	}
	if errors.Is(err, io.EOF) {
		return text + "end\n", nil
	}
	return text, err
}

func about(prefix *gpb.Path) (text string) {
	if prefix.GetTarget() != "" {
		text += "target " + prefix.GetTarget() + "\n"
	}
	if prefix.GetOrigin() != "" {
		text += "origin " + prefix.GetOrigin() + "\n"
	}
	return text
}

func told(n *gpb.Notification) string {
	text := about(n.GetPrefix())
	for _, p := range n.GetDelete() {
		text += "delete " + pathText(n.GetPrefix(), p) + "\n"
	}
	for _, u := range n.GetUpdate() {
		v := u.GetVal().ProtoReflect()
		field := v.WhichOneof(v.Descriptor().Oneofs().ByName("value"))
		text += fmt.Sprintf("%s %s %s\n", pathText(n.GetPrefix(), u.GetPath()), strings.TrimSuffix(string(field.Name()), "_val"), valueText(u.GetVal()))
	}
	if n.GetAtomic() {
		text += "atomic\n"
	}
	return text
}

func pathText(paths ...*gpb.Path) string {
	whole := &gpb.Path{}
	for _, p := range paths {
		whole.Elem = append(whole.Elem, p.GetElem()...)
	}
	text, err := ygot.PathToString(whole)
	if err != nil {
		return err.Error()
	}
	return text
}

func valueText(v *gpb.TypedValue) string {
	switch v := v.GetValue().(type) {
	case *gpb.TypedValue_JsonIetfVal:
		return string(v.JsonIetfVal)
	case *gpb.TypedValue_JsonVal:
		return string(v.JsonVal)
	case *gpb.TypedValue_StringVal:
		return v.StringVal
	case *gpb.TypedValue_AsciiVal:
		return v.AsciiVal
	case *gpb.TypedValue_UintVal:
		return fmt.Sprint(v.UintVal)
	case *gpb.TypedValue_BoolVal:
		return fmt.Sprint(v.BoolVal)
	case *gpb.TypedValue_BytesVal:
		return fmt.Sprintf("%x", v.BytesVal)
	case *gpb.TypedValue_LeaflistVal:
		var all []string
		for _, one := range v.LeaflistVal.GetElement() {
			all = append(all, valueText(one))
		}
		return strings.Join(all, ",")
	}
	return v.String()
}

// check sends the request and compares the answer.
func (x exchange) check(t *testing.T, c *conformer) {
	t.Helper()
	text, err := c.ask(x.request)
	if status.Code(err) != x.code {
		t.Errorf("%v\nis answered by %v, want %s", x.request, err, x.code)
	}
	for _, say := range x.says {
		absent, not := strings.CutPrefix(say, "!")
		if strings.Contains(text, absent) == not {
			t.Errorf("%v\nwant %q in\n%s", x.request, say, text)
		}
	}
}

// at reads a path; what is before the first / is the origin.
func at(text string) *gpb.Path {
	origin, rest, _ := strings.Cut(text, "/")
	p, err := ygot.StringToStructuredPath("/" + rest)
	if err != nil {
		panic(err)
	}
	p.Origin = origin
	return p
}

func ats(texts ...string) (list []*gpb.Path) {
	for _, text := range texts {
		list = append(list, at(text))
	}
	return list
}

func get(texts ...string) *gpb.GetRequest {
	return &gpb.GetRequest{Path: ats(texts...), Encoding: gpb.Encoding_JSON_IETF}
}

func getAs(e gpb.Encoding, texts ...string) *gpb.GetRequest {
	return &gpb.GetRequest{Path: ats(texts...), Encoding: e}
}

// updates makes updates in JSON_IETF of paths and values.
func updates(pairs ...string) (list []*gpb.Update) {
	for pair := range slices.Chunk(pairs, 2) {
		list = append(list, &gpb.Update{Path: at(pair[0]), Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(pair[1])}}})
	}
	return list
}

func update(pairs ...string) *gpb.SetRequest { return &gpb.SetRequest{Update: updates(pairs...)} }

func replace(pairs ...string) *gpb.SetRequest { return &gpb.SetRequest{Replace: updates(pairs...)} }

func unite(pairs ...string) *gpb.SetRequest {
	return &gpb.SetRequest{UnionReplace: updates(pairs...)}
}

func remove(texts ...string) *gpb.SetRequest { return &gpb.SetRequest{Delete: ats(texts...)} }

// subscribing makes a request to follow paths on change, or as a mode other than STREAM has it.
func subscribing(mode gpb.SubscriptionList_Mode, texts ...string) *gpb.SubscribeRequest {
	list := &gpb.SubscriptionList{Mode: mode, Encoding: gpb.Encoding_PROTO}
	for _, text := range texts {
		list.Subscription = append(list.Subscription, &gpb.Subscription{Path: at(text), Mode: gpb.SubscriptionMode_ON_CHANGE})
	}
	return &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}}
}

// but changes a request.
func but[M proto.Message](m M, change func(M)) M {
	change(m)
	return m
}

func listBut(r *gpb.SubscribeRequest, change func(*gpb.SubscriptionList)) *gpb.SubscribeRequest {
	change(r.GetSubscribe())
	return r
}

// sampling follows a path by samples, otherwise as change says.
func sampling(text string, change func(*gpb.Subscription)) *gpb.SubscribeRequest {
	return listBut(subscribing(streaming, text), func(l *gpb.SubscriptionList) {
		l.Subscription[0].Mode, l.Subscription[0].SampleInterval = gpb.SubscriptionMode_SAMPLE, uint64(time.Second)
		change(l.Subscription[0])
	})
}

// with adds an extension.
func with(m proto.Message, x *extpb.Extension) proto.Message {
	switch m := m.(type) {
	case *gpb.GetRequest:
		m.Extension = append(m.Extension, x)
	case *gpb.SetRequest:
		m.Extension = append(m.Extension, x)
	case *gpb.SubscribeRequest:
		m.Extension = append(m.Extension, x)
	case *gpb.CapabilityRequest:
		m.Extension = append(m.Extension, x)
	}
	return m
}
