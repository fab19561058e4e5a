package metrics

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"

	"mooring/server/listen"
	"mooring/server/state"
)

// Options are what a Server works with.
type Options struct {
	State *state.State // everything is mounted on it already
	// Certificate gives what is shown where TLS is on. It is called at each handshake.
	Certificate func() *tls.Certificate
	Log         *slog.Logger // nil: nothing is logged
}

// Server serves /metrics over HTTP, and nothing else. It listens nowhere at first. All methods may be called concurrently.
type Server struct {
	sockets *listen.Sockets
	http    *http.Server
	tls     *tls.Config
	secure  atomic.Bool
}

// Bounds of what clients can take: they need no login.
const (
	maxConnections = 32
	maxScrapes     = 2 // at a time, for two Prometheus; the next one is told to come again
	maxHeader      = 8 << 10
	headerTimeout  = 10 * time.Second
	answerTimeout  = 30 * time.Second // from the end of the header
	idleTimeout    = 3 * time.Minute  // more than the pause between two scrapes
)

// New returns a Server that does not listen yet. It fails when the schema cannot be exported.
func New(o Options) (*Server, error) {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	handler, err := newHandler(o.State, log)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", handler)
	s := &Server{tls: &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return o.Certificate(), nil
	}}}
	s.http = &http.Server{
		Handler: s.current(mux), ConnContext: note, MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, WriteTimeout: answerTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what clients do wrong
	}
	s.sockets = listen.New("metrics", log, s.serve)
	return s, nil
}

// newHandler answers scrapes: with the state, with what Go and the kernel know of the process, and with how scrapes went.
func newHandler(from *state.State, log *slog.Logger) (http.Handler, error) {
	collector, err := NewCollector(from)
	if err != nil {
		return nil, err
	}
	r := prometheus.NewRegistry()
	for _, c := range append(processCollectors(), collector) {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{
		Registry: r, ErrorLog: errorLog{log}, ErrorHandling: promhttp.ContinueOnError, // some figures are better than none
		MaxRequestsInFlight: maxScrapes,
	}), nil
}

// processCollectors tell of the process.
func processCollectors() []prometheus.Collector {
	return []prometheus.Collector{collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})}
}

// ProcessMetrics names the metrics that are not about the element but about its process, as of now: which there are depends on the system.
func ProcessMetrics() (names []string) {
	r := prometheus.NewRegistry()
	for _, c := range processCollectors() {
		r.MustRegister(c)
	}
	families, err := r.Gather()
	if err != nil {
		return nil
	}
	for _, f := range families {
		names = append(names, f.GetName())
	}
	return names
}

// errorLog is where promhttp says which figures are missing.
type errorLog struct{ *slog.Logger }

func (l errorLog) Println(v ...any) { l.Warn("metrics are incomplete", "error", fmt.Sprint(v...)) }

// serve serves one socket until it is closed.
func (s *Server) serve(l net.Listener) {
	d := &door{Listener: netutil.LimitListener(l, maxConnections), server: s}
	s.http.Serve(d)
	d.closed.Store(true)
}

// door is one socket.
type door struct {
	net.Listener
	server *Server
	closed atomic.Bool
}

// visitor is a connection that came in by a door.
type visitor struct {
	net.Conn
	door   *door
	secure bool
}

// Accept implements net.Listener. http.Server makes the handshake of a connection that is a *tls.Conn.
func (d *door) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	v := &visitor{conn, d, d.server.secure.Load()}
	if v.secure {
		return tls.Server(v, d.server.tls), nil
	}
	return v, nil
}

// visitorKey is where the context of a request has the visitor.
type visitorKey struct{}

func note(ctx context.Context, conn net.Conn) context.Context {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	return context.WithValue(ctx, visitorKey{}, conn)
}

// current turns away who came by a door that has been closed since, or when it was another kind of door. Who scrapes keeps the connection
// for as long as there are answers.
func (s *Server) current(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v := r.Context().Value(visitorKey{}).(*visitor); v.door.closed.Load() || v.secure != s.secure.Load() {
			w.Header().Set("Connection", "close")
			http.Error(w, "metrics are served another way by now, or not at all", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Prepare makes ready to listen at these addresses and at no others.
func (s *Server) Prepare(ctx context.Context, want []netip.AddrPort) *listen.Change {
	return s.sockets.Prepare(ctx, want)
}

// Secure turns TLS on or off, for whoever connects from now on.
func (s *Server) Secure(on bool) { s.secure.Store(on) }

// Status tells at which addresses the server listens, and why not at others.
func (s *Server) Status() (bound []netip.AddrPort, err error) { return s.sockets.Status() }

// closeTimeout is how long scrapes may take to end when the server does.
const closeTimeout = 2 * time.Second

// Close closes all sockets and ends all connections.
func (s *Server) Close() {
	s.sockets.Close()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := s.http.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		s.http.Close()
	}
}
