package client

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"mooring/cmd/mooring/element"
	"mooring/cmd/mooring/importer"
)

// dying is an element that ends in the middle of a Set, or refuses it.
type dying struct {
	gpb.UnimplementedGNMIServer
	server  *grpc.Server
	refusal error // nil: it ends
}

func (d *dying) Set(ctx context.Context, _ *gpb.SetRequest) (*gpb.SetResponse, error) {
	if d.refusal == nil {
		go d.server.Stop() // which closes the connection, and so ends the context
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, d.refusal
}

// Get answers as any other server of gNMI would.
func (d *dying) Get(context.Context, *gpb.GetRequest) (*gpb.GetResponse, error) {
	return nil, status.Error(codes.NotFound, "there is nothing")
}

func (d *dying) start(t *testing.T) *Client {
	t.Helper()
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, element.SocketFile))
	if err != nil {
		t.Fatal(err)
	}
	d.server = grpc.NewServer()
	gpb.RegisterGNMIServer(d.server, d)
	go d.server.Serve(l)
	t.Cleanup(d.server.Stop)
	c, err := (&Target{StateDir: dir}).Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Of a Set whose answer never came nobody can say what became of it; of one that was refused, nothing did.
func TestCommitWithoutAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		refusal error
		is, not error
	}{
		"refused":    {status.Error(codes.FailedPrecondition, "running is locked"), nil, importer.ErrUnanswered},
		"superseded": {status.Error(codes.Aborted, "read again"), importer.ErrSuperseded, importer.ErrUnanswered},
		"gone":       {nil, importer.ErrUnanswered, importer.ErrSuperseded},
	} {
		d := &dying{refusal: c.refusal}
		_, err := d.start(t).Commit(t.Context(), "1", nil, []byte("{}"))
		if err == nil || c.is != nil && !errors.Is(err, c.is) || errors.Is(err, c.not) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An element that says nothing of defaults is not read, or defaults would be taken for what was set.
func TestConfigurationOfAnotherServer(t *testing.T) {
	_, _, err := new(dying).start(t).Configuration(t.Context())
	if err == nil || !strings.Contains(err.Error(), "does not tell what was set") {
		t.Errorf("it says %v", err)
	}
}
