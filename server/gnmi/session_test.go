package gnmi

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"

	"mooring/server/access"
)

func TestGNMI01OnlyTLS(t *testing.T) {
	e := newElement(t)
	plain := e.dial(e.at.String(), insecure.NewCredentials())
	_, err := plain.Capabilities(as(t.Context(), "alice", "secret"), &gpb.CapabilityRequest{})
	wantCode(t, err, codes.Unavailable)
	for version, ok := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", e.at.String(), &tls.Config{RootCAs: e.roots, MinVersion: tls.VersionTLS10, MaxVersion: version, NextProtos: []string{"h2"}})
		if (err == nil) != ok {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			conn.Close()
		}
	}
}

// clientCertificate makes a certificate that signs itself.
func clientCertificate(t testing.TB) tls.Certificate {
	t.Helper()
	c, err := newClientCertificate()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newClientCertificate() (c tls.Certificate, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "alice"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func TestGNMI02ClientCertificates(t *testing.T) {
	e := newElement(t)
	known, unknown := clientCertificate(t), clientCertificate(t)
	print := access.Fingerprint(known.Certificate[0])
	e.local().set(t, updates("/mooring-system:system/client-certificate[fingerprint="+print+"]", `{"user": "bob"}`))
	with := func(c ...tls.Certificate) client {
		return e.dial(e.at.String(), credentials.NewTLS(&tls.Config{RootCAs: e.roots, Certificates: c}))
	}
	bob := with(known)
	if got := bob.value(t, "/example-system:system/name"); got != `"mooring"` {
		t.Errorf("a listed certificate reads %s", got)
	}
	_, err := bob.Set(t.Context(), updates("/example-system:system/name", `"other"`))
	wantCode(t, err, codes.PermissionDenied)
	_, err = with(unknown).Capabilities(t.Context(), &gpb.CapabilityRequest{})
	wantCode(t, err, codes.Unavailable) // the handshake fails
	_, err = with().Capabilities(t.Context(), &gpb.CapabilityRequest{})
	wantCode(t, err, codes.Unauthenticated, "client certificate")
	// A name and a password overrule the certificate.
	if _, err := bob.Set(as(t.Context(), "alice", "secret"), updates("/example-system:system/name", `"other"`)); err != nil {
		t.Error(err)
	}
	// Whoever is taken off the list does not come in again, on an open connection either.
	e.local().set(t, &gpb.SetRequest{Delete: paths("/mooring-system:system/client-certificate")})
	_, err = bob.Capabilities(t.Context(), &gpb.CapabilityRequest{})
	wantCode(t, err, codes.Unauthenticated)
}

func TestGNMI03Passwords(t *testing.T) {
	e := newElement(t)
	if _, err := e.over("alice", "secret").Capabilities(t.Context(), &gpb.CapabilityRequest{}); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]client{"wrong password": e.over("alice", "wrong"), "no password": e.over("alice", ""), "nobody": e.over("mallory", "secret"), "nothing": e.over("", "")} {
		t.Run(what, func(t *testing.T) {
			_, err := c.Capabilities(t.Context(), &gpb.CapabilityRequest{})
			wantCode(t, err, codes.Unauthenticated)
			_, err = c.Get(t.Context(), &gpb.GetRequest{Path: paths("/")})
			wantCode(t, err, codes.Unauthenticated)
			_, err = c.Set(t.Context(), updates("/example-system:system/name", `"other"`))
			wantCode(t, err, codes.Unauthenticated)
			wantCode(t, c.watch(t, on(gpb.SubscriptionList_ONCE, "/")).end(), codes.Unauthenticated)
		})
	}
	both := as(as(t.Context(), "alice", "secret"), "bob", "secret")
	_, err := e.over("", "").Capabilities(both, &gpb.CapabilityRequest{})
	wantCode(t, err, codes.Unauthenticated, "one of each")
}

// A password that was right is remembered with the connection, until the configuration is another.
func TestPasswordChanges(t *testing.T) {
	e := newElement(t)
	c := e.over("bob", "secret")
	for range 3 {
		if _, err := c.Capabilities(t.Context(), &gpb.CapabilityRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	hash, err := access.HashPassword("another")
	if err != nil {
		t.Fatal(err)
	}
	e.local().set(t, updates("/mooring-system:system/user[name=bob]/password", `"`+hash+`"`))
	_, err = c.Capabilities(t.Context(), &gpb.CapabilityRequest{})
	wantCode(t, err, codes.Unauthenticated)
	_, err = c.Capabilities(as(t.Context(), "bob", "secret"), &gpb.CapabilityRequest{})
	wantCode(t, err, codes.Unauthenticated)
}

func TestGNMI04ReadOnlyUser(t *testing.T) {
	e := newElement(t)
	bob := e.over("bob", "secret")
	if got := bob.value(t, "/example-system:system/load"); got != "10" {
		t.Errorf("bob reads %s", got)
	}
	w := bob.watch(t, on(gpb.SubscriptionList_ONCE, "/example-system:system/load"))
	if w.sync(); w.tree["/system/load"] != "uint 10" {
		t.Errorf("bob is told %v", w.tree)
	}
	before := e.store.Running()
	_, err := bob.Set(t.Context(), updates("/example-system:system/load", "20"))
	wantCode(t, err, codes.PermissionDenied, "bob", "load")
	if e.store.Running() != before {
		t.Error("something was committed")
	}
}

// What a user may not see is left out of what is asked for with wildcards or from above, and refused where it is asked for by itself.
func TestAccessControlOfReading(t *testing.T) {
	e := newElement(t)
	bob, carol := e.over("bob", "secret"), e.over("carol", "secret")
	_, err := bob.Get(t.Context(), &gpb.GetRequest{Path: paths("/mooring-system:system/user[name=alice]/name")})
	wantCode(t, err, codes.PermissionDenied)
	wantCode(t, bob.watch(t, on(gpb.SubscriptionList_STREAM, "/mooring-system:system/user[name=alice]")).end(), codes.PermissionDenied)
	_, err = bob.Get(t.Context(), &gpb.GetRequest{Path: paths("/mooring-system:system/user[name=*]/name")})
	wantCode(t, err, codes.NotFound)
	for _, c := range []client{bob, carol} {
		w := c.watch(t, on(gpb.SubscriptionList_ONCE, "/"))
		w.sync()
		for at := range w.tree {
			if _, rest, found := cutPrefix(at, "/mooring-system:system/user"); found {
				t.Errorf("users are told: %s", rest)
			}
		}
	}
	w := carol.watch(t, on(gpb.SubscriptionList_ONCE, "/*"))
	if w.sync(); len(w.tree) != 0 {
		t.Errorf("carol is told %v", w.tree)
	}
	e.bindings.Put(session(1, nil))
	_, err = carol.Get(t.Context(), &gpb.GetRequest{Path: paths("/pmipv6/lma[name=lma1]/bindings/binding[id=1]")})
	wantCode(t, err, codes.PermissionDenied)
	_, err = carol.Get(t.Context(), &gpb.GetRequest{Path: paths("/pmipv6/lma[name=*]/bindings/binding")})
	wantCode(t, err, codes.NotFound)
}

func cutPrefix(s, prefix string) (before, after string, found bool) {
	if len(s) < len(prefix) || s[:len(prefix)] != prefix {
		return s, "", false
	}
	return prefix, s[len(prefix):], true
}

// Access is decided anew when NACM is configured, in streams that are open too.
func TestAccessControlChangesInAStream(t *testing.T) {
	e := newElement(t)
	bob := e.over("bob", "secret").watch(t, on(gpb.SubscriptionList_STREAM, "/example-system:system"))
	bob.sync()
	e.local().set(t, updates("/example-system:system/load", "11"))
	bob.until("/system/load", "uint 11")
	e.local().set(t, updates("/nacm/rule-list[name=2]/rule[name=reading]/action", `"deny"`))
	e.local().set(t, updates("/example-system:system/load", "12"))
	bob.quiet(100 * time.Millisecond)
}

func TestGNMI05StreamOutlivesCredentials(t *testing.T) {
	e := newElement(t)
	w := e.over("alice", "secret").watch(t, on(gpb.SubscriptionList_STREAM, "/example-system:system/load"))
	w.sync()
	e.local().set(t, &gpb.SetRequest{Delete: paths("/mooring-system:system/user[name=alice]/password")})
	e.local().set(t, updates("/example-system:system/load", "12"))
	w.until("/system/load", "uint 12")
}

func TestGNMI06Reflection(t *testing.T) {
	e := newElement(t)
	list := func(c client) ([]string, error) {
		stream, err := reflectionpb.NewServerReflectionClient(c.conn).ServerReflectionInfo(t.Context())
		if err != nil {
			return nil, err
		}
		stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}})
		m, err := stream.Recv()
		var names []string
		for _, s := range m.GetListServicesResponse().GetService() {
			names = append(names, s.GetName())
		}
		return names, err
	}
	if names, err := list(e.over("alice", "secret")); err != nil || !slices.Contains(names, "gnmi.gNMI") {
		t.Errorf("reflection lists %q, %v", names, err)
	}
	_, err := list(e.over("", ""))
	wantCode(t, err, codes.Unauthenticated)
}

func TestGNMI07Capabilities(t *testing.T) {
	e := newElement(t)
	resp, err := e.client().Capabilities(t.Context(), &gpb.CapabilityRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := proto.GetExtension(gpb.File_github_com_openconfig_gnmi_proto_gnmi_gnmi_proto.Options(), gpb.E_GnmiService)
	if resp.GetGNMIVersion() != want || want == "" {
		t.Errorf("version %q, want %q", resp.GetGNMIVersion(), want)
	}
	if len(resp.GetSupportedModels()) != len(testSchema().Modules) {
		t.Errorf("%d models, want %d", len(resp.GetSupportedModels()), len(testSchema().Modules))
	}
	for _, m := range resp.GetSupportedModels() {
		if module := testSchema().Module(m.GetName()); module == nil || module.Revision != m.GetVersion() || module.Organization != m.GetOrganization() {
			t.Errorf("model %v is another here", m)
		}
	}
	for name, number := range gpb.Encoding_value {
		_, err := e.client().Get(t.Context(), &gpb.GetRequest{Path: paths("/example-system:system/name"), Encoding: gpb.Encoding(number)})
		if listed := slices.Contains(resp.GetSupportedEncodings(), gpb.Encoding(number)); listed != (err == nil) {
			t.Errorf("encoding %s is listed: %v; using it: %v", name, listed, err)
		}
	}
}

func TestGNMI08CertificateRotation(t *testing.T) {
	e := newElement(t)
	old := e.over("alice", "secret")
	w := old.watch(t, on(gpb.SubscriptionList_STREAM, "/example-system:system/load"))
	w.sync()
	next := clientCertificate(t)
	e.show(&next)
	conn, err := tls.Dial("tcp", e.at.String(), &tls.Config{RootCAs: e.roots, ServerName: "localhost", NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatalf("the new certificate is not shown: %v", err)
	}
	conn.Close()
	old.set(t, updates("/example-system:system/load", "33"))
	w.until("/system/load", "uint 33")
}

// The local socket has no door: the owner of the process comes in, whatever the configuration says.
func TestLocalSocket(t *testing.T) {
	e := newElement(t)
	e.local().set(t, updates("/nacm", `{"read-default": "deny"}`))
	if got := e.local().value(t, "/example-system:system/name"); got != `"mooring"` {
		t.Errorf("at the local socket: %s", got)
	}
}

func TestTooManyConnections(t *testing.T) {
	e := newElement(t, func(o *Options) { o.Limits.Connections = 2 })
	first, second := e.over("alice", "secret"), e.over("alice", "secret")
	for _, c := range []client{first, second} {
		c.get(t, "/example-system:system/name")
	}
	refused := e.over("alice", "secret")
	_, err := refused.Get(t.Context(), &gpb.GetRequest{Path: paths("/example-system:system/name")})
	wantCode(t, err, codes.Unavailable)
	refused.conn.Close() // or it would come again
	first.get(t, "/example-system:system/name")
	e.local().get(t, "/example-system:system/name")
	second.conn.Close()
	third := e.over("alice", "secret") // as soon as the element has noticed
	if _, err := third.Get(t.Context(), &gpb.GetRequest{Path: paths("/example-system:system/name")}, grpc.WaitForReady(true)); err != nil {
		t.Error(err)
	}
}

// An RPC of whoever is not authenticated is ended before its message is taken in.
func TestLargeRequestOfAStranger(t *testing.T) {
	e := newElement(t)
	req := updates("/example-system:system/name", `"`+string(make([]byte, 8<<20))+`"`)
	_, err := e.over("", "").Set(t.Context(), req)
	wantCode(t, err, codes.Unauthenticated)
}

// A mistake in an RPC ends that, is logged, and ends nothing else.
func TestPanic(t *testing.T) {
	var logged bytes.Buffer
	e := newElement(t, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&logged, nil)) })
	c := e.client()
	w := c.watch(t, on(gpb.SubscriptionList_STREAM, sys+"/load"))
	w.sync()
	fails := func() (err error) {
		t.Helper()
		_, err = c.Get(t.Context(), &gpb.GetRequest{Path: paths(lmaPath + "/network")})
		wantCode(t, err, codes.Internal, "log")
		for _, list := range []*gpb.SubscriptionList{on(gpb.SubscriptionList_ONCE, lmaPath+"/network"), sampled(time.Second, lmaPath+"/network")} {
			wantCode(t, c.watch(t, list).end(), codes.Internal, "log")
		}
		return err
	}
	e.broken = "a mistake of a source"
	err := fails()
	if strings.Contains(err.Error(), e.broken) || !strings.Contains(logged.String(), e.broken) || !strings.Contains(logged.String(), "state.(*small)") {
		t.Errorf("the client is told %v; logged is %s", err, &logged)
	}
	mistake := "a mistake in access control"
	e.mistaken.Store(&mistake)
	err = fails()
	if strings.Contains(err.Error(), mistake) || strings.Count(logged.String(), mistake) < 3 {
		t.Errorf("the client is told %v; logged is %s", err, &logged)
	}
	e.mistaken.Store(nil)
	c.set(t, updates(sys+"/load", "12"))
	w.until("/system/load", "uint 12")
}

func TestClose(t *testing.T) {
	e := newElement(t)
	local, remote := e.local(), e.over("alice", "secret")
	w := remote.watch(t, on(gpb.SubscriptionList_STREAM, "/"))
	w.sync()
	e.server.Close()
	wantCode(t, w.end(), codes.Unavailable, "shutting down")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := local.Capabilities(ctx, &gpb.CapabilityRequest{})
	wantCode(t, err, codes.Unavailable)
	if at, err := e.server.Status(); len(at) > 0 || err != nil {
		t.Errorf("listens at %v, %v", at, err)
	}
}
