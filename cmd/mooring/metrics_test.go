package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"google.golang.org/protobuf/types/known/durationpb"

	"mooring/cmd/mooring/client"
	"mooring/dataplane/netns"
)

// scrape asks an element on a host for its metrics.
func scrape(h *netns.Host, scheme, at string) (text string, err error) {
	var conn net.Conn
	err = h.Do(func() error { // a socket belongs to the namespace that it is made in
		conn, err = net.Dial("tcp", at)
		return err
	})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	c := &http.Client{Transport: &http.Transport{
		DialContext:     func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
	}}
	response, err := c.Get(scheme + "://" + at + "/metrics")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %s", response.Status)
	}
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// TestMetrics scrapes an anchor and a gateway that have registered a node: what was exchanged is in the counters, and the names are what
// Prometheus wants them to be.
func TestMetrics(t *testing.T) {
	d := newDomain(t)
	for _, c := range []struct {
		p    *process
		want []string
	}{
		{d.anchor, []string{
			`mooring_lma_bindings{lma="lma"} 1`, `mooring_lma_pbu_accepted_total{kind="initial",lma="lma"} 1`, `mooring_lma_up{lma="lma"} 1`,
			`mooring_lma_peer_bindings{lma="lma",peer="mag1"} 1`, `mooring_lma_peer_up{lma="lma",peer="mag1"} 1`,
			`mooring_lma_network_pool_mobile_node_used{family="ipv4",lma="lma",network="home"} 1`,
			`mooring_lma_pba_by_status_total{lma="lma",name="accepted",status="0"} `, `mooring_netconf_sessions 0`, `mooring_system_info{version="`,
			`mooring_lma_tunnel_mtu_bytes{lma="lma",tunnel="`, `process_resident_memory_bytes `, `go_goroutines `,
		}},
		{d.gateway, []string{
			`mooring_mag_lma_bindings{domain="lab.example",lma="lma",mag="mag1"} 1`, `mooring_mag_pbu_accepted_total{kind="initial",mag="mag1"} 1`,
			`mooring_mag_interface_up{interface="access0",mag="mag1"} 1`, `mooring_mag_tunnel_up{mag="mag1",tunnel="`,
		}},
	} {
		if _, err := scrape(c.p.host, "http", "127.0.0.1:9340"); err == nil {
			t.Errorf("%s: metrics are on without being configured", c.p.host.Name)
		}
		c.p.set("true", elem("system"), elem("metrics"), elem("enabled"))
		text, err := scrape(c.p.host, "http", "127.0.0.1:9340")
		must(t, err)
		for _, want := range c.want {
			if !strings.Contains(text, "\n"+want) {
				t.Errorf("%s: no %s", c.p.host.Name, want)
			}
		}
		if strings.Contains(text, "mn1@lab.example") {
			t.Errorf("%s: a node has a series of its own", c.p.host.Name)
		}
		problems, err := promlint.New(strings.NewReader(text)).Lint()
		must(t, err)
		for _, problem := range problems {
			if strings.HasPrefix(problem.Metric, "mooring_") {
				t.Errorf("%s: %s", problem.Metric, problem.Text)
			}
		}
		if t.Failed() {
			t.Logf("%s:\n%s", c.p.host.Name, text)
		}
	}
}

// TestMetricsListener turns metrics on, over to TLS, to another port, and off.
func TestMetricsListener(t *testing.T) {
	h, dir := newHost(t, "h"), t.TempDir()
	p := run(t, h, dir)
	answers := func(scheme, at string, want bool) {
		t.Helper()
		if text, err := scrape(h, scheme, at); (err == nil) != want || want && !strings.Contains(text, "mooring_system_info") {
			t.Errorf("%s at %s: %v", scheme, at, err)
		}
	}
	leaf := func(name string) []*gpb.PathElem { return []*gpb.PathElem{elem("system"), elem("metrics"), elem(name)} }
	p.set("true", leaf("enabled")...)
	answers("http", "127.0.0.1:9340", true)
	answers("http", "[::1]:9340", true)
	p.set("true", leaf("tls")...)
	answers("https", "127.0.0.1:9340", true)
	answers("http", "127.0.0.1:9340", false)
	p.set("9341", leaf("port")...)
	answers("https", "127.0.0.1:9341", true)
	answers("https", "127.0.0.1:9340", false)
	p.end(syscall.SIGTERM)
	p = run(t, h, dir)
	if at := p.said("metrics"); at != "127.0.0.1:9341 [::1]:9341" {
		t.Errorf("after a restart at %s", at)
	}
	answers("https", "127.0.0.1:9341", true)
	p.set("false", leaf("enabled")...)
	answers("https", "127.0.0.1:9341", false)
	p.end(syscall.SIGTERM)
	p = run(t, h, dir, "--metrics", "127.0.0.1:0")
	answers("https", p.said("metrics"), true)
}

// TestMetricsPortInUse commits a port that another program has: the commit is refused with the path of the port, and nothing is changed. At
// a start it is only told of.
func TestMetricsPortInUse(t *testing.T) {
	h, dir := newHost(t, "h"), t.TempDir()
	var other net.Listener
	must(t, h.Do(func() (err error) {
		other, err = net.Listen("tcp", "127.0.0.1:9340")
		return err
	}))
	p := run(t, h, dir)
	c, err := (&client.Target{StateDir: p.dir}).Dial()
	must(t, err)
	defer c.Close()
	_, err = c.Set(t.Context(), &gpb.SetRequest{Update: []*gpb.Update{{
		Path: &gpb.Path{Elem: []*gpb.PathElem{elem("system"), elem("metrics")}},
		Val:  &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(`{"enabled": true}`)}},
	}}})
	for _, want := range []string{"/mooring-system:system/metrics/port", "another program listens at 127.0.0.1:9340"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
	if _, err := scrape(h, "http", "[::1]:9340"); err == nil {
		t.Error("the other address is listened at, although the commit was refused")
	}
	other.Close()
	p.set("true", elem("system"), elem("metrics"), elem("enabled"))
	p.end(syscall.SIGTERM)
	must(t, h.Do(func() (err error) {
		other, err = net.Listen("tcp", "127.0.0.1:9340")
		return err
	}))
	defer other.Close()
	p = run(t, h, dir)
	if at := p.said("metrics"); at != "[::1]:9340 not yet 127.0.0.1:9340: bind: address already in use" {
		t.Errorf("at a start with the port in use: metrics at %s", at)
	}
}

// TestMetricsPortInUseDoesNotHoldUpARollback turns metrics off in a commit that nobody confirms. Meanwhile another program takes the port:
// the configuration comes back all the same, and the state says what is missing.
func TestMetricsPortInUseDoesNotHoldUpARollback(t *testing.T) {
	h, dir := newHost(t, "h"), t.TempDir()
	p := run(t, h, dir, "--startup", write(t, "on.json", `{"mooring-system:system": {"metrics": {"enabled": true, "address": ["127.0.0.1"]}}}`))
	c, err := (&client.Target{StateDir: p.dir}).Dial()
	must(t, err)
	defer c.Close()
	_, err = c.Set(t.Context(), &gpb.SetRequest{
		Update: []*gpb.Update{{
			Path: &gpb.Path{Elem: []*gpb.PathElem{elem("system"), elem("metrics"), elem("enabled")}},
			Val:  &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte("false")}},
		}},
		Extension: []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_Commit{Commit: &gnmi_ext.Commit{Id: "try", Action: &gnmi_ext.Commit_Commit{
			Commit: &gnmi_ext.CommitRequest{RollbackDuration: durationpb.New(time.Second)}}}}}},
	})
	must(t, err)
	must(t, h.Do(func() error {
		other, err := net.Listen("tcp", "127.0.0.1:9340")
		if err == nil {
			t.Cleanup(func() { other.Close() })
		}
		return err
	}))
	eventually(t, func() string {
		answer, err := c.GNMIClient.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{{Elem: []*gpb.PathElem{elem("system"), elem("metrics")}}}, Encoding: gpb.Encoding_JSON_IETF})
		must(t, err)
		text := string(answer.GetNotification()[0].GetUpdate()[0].GetVal().GetJsonIetfVal())
		if !strings.Contains(text, `enabled":true`) || !strings.Contains(text, "address already in use") {
			return text
		}
		return ""
	})
}
