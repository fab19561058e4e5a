package gnmi

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // for clients that ask for it
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/listen"
	"mooring/server/state"
	"mooring/server/tree/schema"
)

// Options are what a Server works with.
type Options struct {
	Store  *datastore.Store
	State  *state.State
	Access *access.Control
	Users  *access.Users
	// Certificate gives what is shown in TLS. It is called at each handshake, so a new certificate holds for the next connection and
	// disturbs none that is open.
	Certificate func() *tls.Certificate
	Log         *slog.Logger // nil: nothing is logged
	Limits      Limits
}

// service is the gNMI service itself, whatever it is reached over.
type service struct {
	gpb.UnimplementedGNMIServer
	options   Options
	schema    *schema.Schema
	modelData []*gpb.ModelData
	version   string
	streams   streams
	// setting is taken by whoever changes the configuration: Sets take turns.
	setting   chan struct{}
	elections map[string]election // the masters of roles; setting guards it
	closing   chan struct{}       // closed when the server ends
}

// Server serves gNMI over TLS at the addresses that the configuration wants, and at the local socket. All methods may be called
// concurrently.
type Server struct {
	service *service
	grpc    *grpc.Server
	sockets *listen.Sockets
	local   sync.WaitGroup
	once    sync.Once
}

// New returns a Server that does not listen yet. It fails when the schema cannot be served.
func New(o Options) (*Server, error) {
	if o.Store == nil || o.State == nil || o.Access == nil || o.Users == nil || o.Certificate == nil {
		return nil, fmt.Errorf("gnmi: Store, State, Access, Users and Certificate must all be given")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Limits = o.Limits.withDefaults()
	version, err := serviceVersion()
	if err != nil {
		return nil, err
	}
	s := &service{
		options: o, schema: o.Store.Schema(), modelData: modelsOf(o.Store.Schema()), version: version,
		streams: streams{limits: o.Limits, byUser: map[string]int{}}, setting: make(chan struct{}, 1), elections: map[string]election{}, closing: make(chan struct{}),
	}
	server := &Server{service: s, grpc: newGRPC(s)}
	door := &door{max: int64(o.Limits.Connections), log: o.Log}
	server.sockets = listen.New("gnmi", o.Log, func(l net.Listener) { server.grpc.Serve(door.limit(l)) })
	return server, nil
}

// handshakeTimeout bounds how long somebody may take to begin.
const handshakeTimeout = 10 * time.Second

// newGRPC makes what carries the service. A connection may open more streams than one user may have subscriptions, so that whoever asks for
// too many is told so.
func newGRPC(s *service) *grpc.Server {
	o, limits := &s.options, s.options.Limits
	server := grpc.NewServer(
		grpc.Creds(newHandshaker(o.Certificate, o.Users)),
		grpc.WriteBufferSize(batchRoom),
		grpc.InTapHandle(newAuthenticator(o).tap),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.MaxRecvMsgSize(limits.Receive),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.MaxConcurrentStreams(uint32(limits.Streams+limits.StreamsPerUser)),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.UnaryInterceptor(recoverUnary(o.Log)),
		grpc.StreamInterceptor(recoverStream(o.Log)),
	)
	gpb.RegisterGNMIServer(server, s)
	reflection.Register(server)
	return server
}

// maxHeaders bounds the headers of an RPC, in octets.
const maxHeaders = 16 << 10

// Prepare makes ready to listen at these addresses with TLS, and at no others.
func (s *Server) Prepare(ctx context.Context, want []netip.AddrPort) *listen.Change {
	return s.sockets.Prepare(ctx, want)
}

// Status tells at which addresses the server listens, and why not at others.
func (s *Server) Status() (bound []netip.AddrPort, err error) { return s.sockets.Status() }

// ServeLocal serves the local socket, without TLS, in a goroutine of its own. Close closes it.
func (s *Server) ServeLocal(l *net.UnixListener) {
	s.local.Go(func() { s.grpc.Serve(l) })
}

// closeTimeout is how long RPCs may take to end when the server does.
const closeTimeout = 2 * time.Second

// Close closes all sockets and ends all RPCs. Subscriptions are told that the server is unavailable.
func (s *Server) Close() {
	s.once.Do(func() {
		close(s.service.closing)
		force := time.AfterFunc(closeTimeout, s.grpc.Stop)
		s.grpc.GracefulStop()
		force.Stop()
		s.sockets.Close()
		s.local.Wait()
	})
}
