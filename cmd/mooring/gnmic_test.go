package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"
	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"mooring/server/access"
)

// gnmicFile is what the example uses of gnmic's configuration file; other members are refused.
type gnmicFile struct {
	Username, Encoding string
	Timeout, Retry     time.Duration
	Log                bool
	Targets            map[string]struct {
		Address       string
		TLSCA         string `yaml:"tls-ca"`
		Subscriptions []string
	}
	Subscriptions map[string]*gnmicSubscription
	Outputs       map[string]struct {
		Type, Filename, Format string
		SplitEvents            bool `yaml:"split-events"`
	}
}

type gnmicSubscription struct {
	gnmicStream `yaml:",inline"`
	Streams     []*gnmicStream `yaml:"stream-subscriptions"`
}

type gnmicStream struct {
	Paths     []string
	Mode      string        `yaml:"stream-mode"`
	Sample    time.Duration `yaml:"sample-interval"`
	Heartbeat time.Duration `yaml:"heartbeat-interval"`
	Suppress  bool          `yaml:"suppress-redundant"`
}

// request is what gnmic sends for a subscription.
func (s *gnmicSubscription) request(t *testing.T) *gpb.SubscribeRequest {
	t.Helper()
	list := &gpb.SubscriptionList{Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_JSON_IETF}
	for _, stream := range append(s.Streams, &s.gnmicStream) {
		for _, text := range stream.Paths {
			path, err := ygot.StringToStructuredPath(text)
			must(t, err)
			mode := gpb.SubscriptionMode(gpb.SubscriptionMode_value[strings.ToUpper(strings.ReplaceAll(stream.Mode, "-", "_"))])
			if mode == gpb.SubscriptionMode_TARGET_DEFINED {
				t.Errorf("%s has the stream mode %q", text, stream.Mode)
			}
			list.Subscription = append(list.Subscription, &gpb.Subscription{Path: path, Mode: mode, SampleInterval: uint64(stream.Sample),
				HeartbeatInterval: uint64(stream.Heartbeat), SuppressRedundant: stream.Suppress})
		}
	}
	return &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}}
}

// TestGnmicExample makes the user of the example on an element, and subscribes over TLS to what gnmic would subscribe to. Every subscription
// is complete in the end, and each is used by a target.
func TestGnmicExample(t *testing.T) {
	var file gnmicFile
	text, err := os.Open("../../examples/gnmic/gnmic.yaml")
	must(t, err)
	defer text.Close()
	decoder := yaml.NewDecoder(text)
	decoder.KnownFields(true)
	must(t, decoder.Decode(&file))

	h, dir := newHost(t, "h"), t.TempDir()
	p := run(t, h, dir, "--startup", write(t, "user.json", gnmicUser(t)), "--netconf", "off")
	at, _, _ := strings.Cut(p.said("gNMI"), " ")
	_, port, err := net.SplitHostPort(at)
	must(t, err)
	trust, err := credentials.NewClientTLSFromFile(filepath.Join(dir, "keys/certificate.pem"), "localhost")
	must(t, err)
	conn, err := grpc.NewClient("passthrough:///"+at, grpc.WithTransportCredentials(trust), grpc.WithContextDialer(func(context.Context, string) (conn net.Conn, err error) {
		err = h.Do(func() error {
			conn, err = net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
			return err
		})
		return conn, err
	}))
	must(t, err)
	defer conn.Close()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "username", file.Username, "password", "collect")
	element := gpb.NewGNMIClient(conn)
	for name, s := range file.Subscriptions {
		stream, err := element.Subscribe(ctx)
		must(t, err, stream.Send(s.request(t)))
		for synced := false; !synced; {
			response, err := stream.Recv()
			if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
			synced = response.GetSyncResponse()
		}
	}
	used := map[string]bool{}
	for name, target := range file.Targets {
		for _, s := range target.Subscriptions {
			if used[s] = true; file.Subscriptions[s] == nil {
				t.Errorf("%s subscribes to %s, which there is not", name, s)
			}
		}
	}
	if len(used) != len(file.Subscriptions) {
		t.Errorf("only %v are used", used)
	}
	rename := &gpb.Update{Path: &gpb.Path{Elem: []*gpb.PathElem{elem("system"), elem("host-name")}}, Val: &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: "x"}}}
	if _, err := element.Set(ctx, &gpb.SetRequest{Update: []*gpb.Update{rename}}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("the collector writes: %v", err)
	}
	answer, err := element.Get(ctx, &gpb.GetRequest{Path: []*gpb.Path{{Elem: []*gpb.PathElem{elem("system")}}}, Encoding: gpb.Encoding_JSON_IETF})
	must(t, err)
	if strings.Contains(answer.String(), "$6$") {
		t.Error("the collector may read the passwords")
	}
}

// gnmicUser is the configuration in the README of the example, with a password.
func gnmicUser(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("../../examples/gnmic/README.md")
	must(t, err)
	lines := slices.DeleteFunc(strings.Split(string(readme), "\n"), func(line string) bool { return !strings.HasPrefix(line, "    ") })
	block := regexp.MustCompile(`(?s)\{\n.*\n    \}`).FindString(strings.Join(lines, "\n"))
	hash, err := access.HashPassword("collect")
	must(t, err)
	return strings.ReplaceAll(block, "$6$…", hash)
}
