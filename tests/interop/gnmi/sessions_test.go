package gnmi

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"mooring/yang"
)

// everyRPC has each RPC answered with a code.
func (c *conformer) everyRPC(code codes.Code) {
	c.t.Helper()
	for _, request := range []proto.Message{&gpb.CapabilityRequest{}, get(maximum), update(hostName, `"lma1"`), subscribing(once, maximum)} {
		exchange{0, request, code, nil}.check(c.t, c)
	}
}

// shake makes a TLS connection.
func (r *running) shake(t *testing.T, version uint16) (shown []byte, err error) {
	t.Helper()
	conn, err := dialAt(r.host, "127.0.0.1:9339")
	check(t, err)
	defer conn.Close()
	check(t, conn.SetDeadline(time.Now().Add(patience)))
	c := tls.Client(conn, &tls.Config{RootCAs: r.trusted(t), ServerName: r.name, MinVersion: tls.VersionTLS10, MaxVersion: version, NextProtos: []string{"h2"}})
	if err := c.Handshake(); err != nil {
		return nil, err
	}
	return c.ConnectionState().PeerCertificates[0].Raw, nil
}

// sessions are about who comes in, and how.
var sessions = map[int]course{
	1: func(t *testing.T, r *running, _ *conformer) {
		conn, err := grpc.NewClient(r.address, append(r.options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
		check(t, err)
		defer conn.Close()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err = gpb.NewGNMIClient(conn).Capabilities(ctx, &gpb.CapabilityRequest{})
		(&conformer{t: t}).refuses(err, codes.Unavailable)
		for version, ok := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
			if _, err := r.shake(t, version); (err == nil) != ok {
				t.Errorf("%s: %v", tls.VersionName(version), err)
			}
		}
	},
	2: func(t *testing.T, r *running, _ *conformer) {
		r.conform(t, "", "", r.known).everyRPC(codes.OK)
		stranger := &element{dir: t.TempDir()}
		stranger.newClientCertificate(t)
		unknown, err := tls.LoadX509KeyPair(filepath.Join(stranger.dir, "client.crt"), filepath.Join(stranger.dir, "client.key"))
		check(t, err)
		r.conform(t, "", "", unknown).everyRPC(codes.Unavailable) // the handshake fails
		r.conform(t, "", "").everyRPC(codes.Unauthenticated)
	},
	3: func(t *testing.T, r *running, _ *conformer) {
		r.conform(t, user, password).everyRPC(codes.OK)
		r.conform(t, user, "wrong").everyRPC(codes.Unauthenticated)
		r.conform(t, "nobody", password).everyRPC(codes.Unauthenticated)
		r.conform(t, user, "", r.known).everyRPC(codes.Unauthenticated)
	},
	4: func(t *testing.T, r *running, c *conformer) {
		reader := r.conform(t, "reader", password)
		for _, x := range []exchange{
			{4, get(maximum), codes.OK, []string{"128000"}}, {4, subscribing(once, maximum), codes.OK, []string{"128000"}},
			{4, update(maximum, "4"), codes.PermissionDenied, []string{"reader", "maximum"}},
		} {
			x.check(t, reader)
		}
		c.has(maximum, "128000")
	},
	5: func(t *testing.T, r *running, c *conformer) {
		leaver := r.conform(t, "leaver", password)
		s := leaver.subscribe(streaming, nil, maximum).sync()
		hash, err := c.Get(t.Context(), getAs(gpb.Encoding_PROTO, "/system/user[name=leaver]/password"))
		check(t, err)
		c.set(remove("/system/user[name=leaver]/password"))
		leaver.everyRPC(codes.Unauthenticated)
		check(t, c.load(5))
		s.until(maximum, "5")
		c.set(remove(maximum))
		c.set(scalar("/system/user[name=leaver]/password", hash.GetNotification()[0].GetUpdate()[0].GetVal()))
	},
	6: func(t *testing.T, _ *running, c *conformer) {
		s, err := reflectionpb.NewServerReflectionClient(c.conn).ServerReflectionInfo(t.Context())
		check(t, err)
		check(t, s.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}))
		answer, err := s.Recv()
		check(t, err)
		if !slices.ContainsFunc(answer.GetListServicesResponse().GetService(), func(s *reflectionpb.ServiceResponse) bool { return s.GetName() == "gnmi.gNMI" }) {
			t.Errorf("reflection lists %v", answer)
		}
	},
	7: func(t *testing.T, _ *running, c *conformer) {
		answer, err := c.Capabilities(t.Context(), &gpb.CapabilityRequest{})
		check(t, err)
		if want := proto.GetExtension(gpb.File_github_com_openconfig_gnmi_proto_gnmi_gnmi_proto.Options(), gpb.E_GnmiService); answer.GetGNMIVersion() != want {
			t.Errorf("version %q, want %q", answer.GetGNMIVersion(), want)
		}
		listed := map[string]bool{}
		for _, m := range answer.GetSupportedModels() {
			listed[m.GetName()] = m.GetVersion() != ""
		}
		for _, m := range yang.Modules {
			if m.Implement && !listed[m.Name] {
				t.Errorf("%s is not listed, or without a revision", m.Name)
			}
		}
		for name, number := range gpb.Encoding_value {
			_, err := c.Get(t.Context(), getAs(gpb.Encoding(number), maximum))
			if listed := slices.Contains(answer.GetSupportedEncodings(), gpb.Encoding(number)); listed != (err == nil) || err != nil && status.Code(err) != codes.Unimplemented {
				t.Errorf("%s is listed: %t; asking for it: %v", name, listed, err)
			}
		}
	},
	8: func(t *testing.T, r *running, c *conformer) {
		s := c.subscribe(streaming, nil, maximum).sync()
		before, err := r.shake(t, tls.VersionTLS13)
		check(t, err)
		files := filepath.Join(r.stateDir, "keys")
		kept := map[string][]byte{}
		for _, name := range []string{"certificate.pem", "certificate-key.pem"} {
			kept[name], err = os.ReadFile(filepath.Join(files, name))
			check(t, err)
		}
		restore := func() {
			for name, text := range kept {
				check(t, os.WriteFile(filepath.Join(files, name), text, 0o600))
			}
		}
		defer restore()
		next := &element{dir: t.TempDir()}
		next.newClientCertificate(t) // which has no name, so nobody who checks that trusts it
		for from, to := range map[string]string{"client.crt": "certificate.pem", "client.key": "certificate-key.pem"} {
			text, err := os.ReadFile(filepath.Join(next.dir, from))
			check(t, err)
			check(t, os.WriteFile(filepath.Join(files, to), text, 0o600))
		}
		if _, err = r.shake(t, tls.VersionTLS13); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("the new certificate is not shown: %v", err)
		}
		check(t, c.load(8))
		s.until(maximum, "8")
		restore()
		if after, err := r.shake(t, tls.VersionTLS13); err != nil || !slices.Equal(before, after) {
			t.Errorf("the old certificate does not come back: %v", err)
		}
		c.set(remove(maximum))
	},
}
