package watch

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"mooring/cmd/mooring/client"
	"mooring/cmd/mooring/element"
)

// fake is an element with an LMA that has more bindings than are kept. Whoever follows them is told of a change to one.
type fake struct {
	gpb.UnimplementedGNMIServer
	mu    sync.Mutex
	asked []*gpb.SubscriptionList
	cut   chan struct{} // ends the streams of the first connection
}

func (f *fake) Subscribe(stream gpb.GNMI_SubscribeServer) error {
	request, err := stream.Recv()
	if err != nil {
		return err
	}
	list := request.GetSubscribe()
	f.mu.Lock()
	f.asked = append(f.asked, list)
	f.mu.Unlock()
	sync := &gpb.SubscribeResponse{Response: &gpb.SubscribeResponse_SyncResponse{SyncResponse: true}}
	const node = lma1 + "/bindings/binding[id=7]"
	switch {
	case list.GetMode() == gpb.SubscriptionList_ONCE:
		stream.Send(told(node, `mn-id "n7@example.net"`, `peer "mag1"`, `state "delete-pending"`))
		return stream.Send(sync)
	case list.GetUpdatesOnly():
		stream.Send(sync)
		stream.Send(told(node, `state "delete-pending"`))
	default:
		stream.Send(told(lma1+"/statistics", `summary/bce-count 20000`))
		stream.Send(sync)
	}
	select {
	case <-stream.Context().Done():
	case <-f.cut:
	}
	return status.Error(codes.Unavailable, "the element is shutting down")
}

func told(prefix string, leaves ...string) *gpb.SubscribeResponse {
	n := &gpb.Notification{Timestamp: start.UnixNano(), Prefix: &gpb.Path{Elem: elems(prefix)}}
	for _, line := range leaves {
		path, value, _ := strings.Cut(line, " ")
		n.Update = append(n.Update, &gpb.Update{Path: &gpb.Path{Elem: elems(path)}, Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(value)}}})
	}
	return &gpb.SubscribeResponse{Response: &gpb.SubscribeResponse_Update{Update: n}}
}

// lines is an output that can be read while it is written.
type lines chan string

func (l lines) Write(text []byte) (int, error) {
	l <- string(text)
	return len(text), nil
}

func (l lines) await(t *testing.T, text string) {
	t.Helper()
	var before []string
	for {
		select {
		case line := <-l:
			if strings.Contains(line, text) {
				return
			}
			before = append(before, line)
		case <-time.After(20 * time.Second):
			t.Fatalf("no %q in %q", text, before)
		}
	}
}

// TestLargeElement watches an element with too many bindings to be told of all: only changes are asked for, and who it is that changed is
// looked up. When the connection is lost, all begins again.
func TestLargeElement(t *testing.T) {
	dir := t.TempDir()
	socket, err := net.Listen("unix", filepath.Join(dir, element.SocketFile))
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{cut: make(chan struct{})}
	server := grpc.NewServer()
	gpb.RegisterGNMIServer(server, f)
	go server.Serve(socket)
	defer server.Stop()
	target := &client.Target{StateDir: dir}
	c, err := target.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	out, ended := make(lines, 100), make(chan error, 1)
	go func() { ended <- Run(ctx, Options{Client: c, Target: target.String(), Out: out, Interval: time.Hour}) }()
	out.await(t, "lma lma1: n7@example.net is delete-pending at mag1")
	close(f.cut)
	out.await(t, "the connection is lost")
	f.mu.Lock()
	asked := slices.Clone(f.asked)
	f.mu.Unlock()
	if len(asked) < 3 || asked[0].GetUpdatesOnly() || !asked[1].GetUpdatesOnly() || asked[2].GetMode() != gpb.SubscriptionList_ONCE ||
		asked[2].GetSubscription()[0].GetPath().GetElem()[3].GetKey()["id"] != "7" {
		t.Errorf("asked for %v", asked)
	}
	out.await(t, "connected again")
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}
