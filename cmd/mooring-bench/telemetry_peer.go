package main

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/openconfig/gnmi/cache"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/subscribe"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"mooring/mobility"
	"mooring/server/access"
)

// telemetryPeer serves the same bindings by OpenConfig's cache and subscribe, in its cheapest way: one atomic notification each.
type telemetryPeer struct {
	cache  *cache.Cache
	server *grpc.Server
	at     string
}

const benchTarget = "lma1"

func newTelemetryPeer(context.Context, served) (telemetryServer, error) {
	p := &telemetryPeer{cache: cache.New([]string{benchTarget})}
	dir, err := os.MkdirTemp("", "mooring-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	keys, err := access.LoadKeys(root, "localhost", time.Now())
	if err != nil {
		return nil, err
	}
	service, err := subscribe.NewServer(p.cache)
	if err != nil {
		return nil, err
	}
	p.cache.SetClient(service.Update)
	l, err := net.Listen("tcp", anyPort[0].String())
	if err != nil {
		return nil, err
	}
	p.at = l.Addr().String()
	p.server = grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{keys.Certificate}})))
	gpb.RegisterGNMIServer(p.server, service)
	go p.server.Serve(l)
	p.cache.GetTarget(benchTarget).Sync()
	return p, nil
}

func (p *telemetryPeer) address() string { return p.at }

func (p *telemetryPeer) put(i int, sequence uint16, now time.Time) error {
	return p.cache.GnmiUpdate(notificationOf(benchBinding(i, sequence, now), now))
}

func (p *telemetryPeer) close() error {
	p.server.Stop()
	return nil
}

// notificationOf tells the same leaves with the same values as an element does.
func notificationOf(b *mobility.Binding, now time.Time) *gpb.Notification {
	ends := b.Ends.Value()
	text := func(s string) *gpb.TypedValue { return &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: s}} }
	number := func(n uint64) *gpb.TypedValue { return &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: n}} }
	instant := func(i mobility.Instant) *gpb.TypedValue {
		return text(i.Time().UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano))
	}
	values := []*gpb.TypedValue{ // in the order of telemetryLeaves
		text(b.Node.String()), text(ends.Peer), text(ends.CareOf.String()),
		{Value: &gpb.TypedValue_LeaflistVal{LeaflistVal: &gpb.ScalarArray{Element: []*gpb.TypedValue{text(b.Prefixes[0].String())}}}},
		number(uint64(b.Lifetime / time.Second)), instant(b.Created), instant(b.Updated), number(uint64(b.Sequence)), number(uint64(b.Handovers)), text(b.State.String()),
	}
	n := &gpb.Notification{Timestamp: now.UnixNano(), Atomic: true, Prefix: benchPath(strconv.FormatUint(uint64(b.ID), 16))}
	n.Prefix.Target = benchTarget
	for i, name := range telemetryLeaves {
		n.Update = append(n.Update, &gpb.Update{Path: &gpb.Path{Elem: []*gpb.PathElem{{Name: name}}}, Val: values[i]})
	}
	return n
}

// benchPath leads to one binding, or with id "*" to all.
func benchPath(id string) *gpb.Path {
	return &gpb.Path{Elem: []*gpb.PathElem{
		{Name: "pmipv6"}, {Name: "lma", Key: map[string]string{"name": "lma1"}}, {Name: "bindings"}, {Name: "binding", Key: map[string]string{"id": id}},
	}}
}
