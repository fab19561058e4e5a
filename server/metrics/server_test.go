package metrics

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"mooring/server/access"
)

// serve starts a server at a free port of loopback; what it shows in TLS is trusted by the pool.
func serve(t *testing.T) (s *Server, trusted *x509.CertPool) {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := access.LoadKeys(root, "localhost", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	certificate := access.NewCertificate(root, keys, nil)
	if s, err = New(Options{State: populated(t, 1), Certificate: certificate.Current}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	trusted = x509.NewCertPool()
	trusted.AddCert(certificate.Current().Leaf)
	return s, trusted
}

var anyPort = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}

func at(t *testing.T, s *Server) string {
	t.Helper()
	bound, err := s.Status()
	if err != nil || len(bound) != 1 {
		t.Fatalf("bound %v, %v", bound, err)
	}
	return bound[0].String()
}

// get returns the body, or why there is none.
func get(c *http.Client, url string) string {
	response, err := c.Get(url)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %s", response.StatusCode, body)
}

func TestServerAnswersOnlyScrapes(t *testing.T) {
	s, _ := serve(t)
	s.Prepare(t.Context(), anyPort).Apply()
	url := "http://" + at(t, s)
	if got := get(http.DefaultClient, url+"/metrics"); !strings.HasPrefix(got, "200 ") || !strings.Contains(got, `mooring_lma_bindings{lma="lma1"} 1`) {
		t.Errorf("a scrape gives %s", got)
	}
	if got := get(http.DefaultClient, url+"/"); !strings.HasPrefix(got, "404 ") {
		t.Errorf("another path gives %s", got)
	}
	response, err := http.Post(url+"/metrics", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST gives %s", response.Status)
	}
}

// TestTLSIsSwitched turns TLS on and off again on a socket that stays open. Who has a connection from before cannot go on over it.
func TestTLSIsSwitched(t *testing.T) {
	s, trusted := serve(t)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: "localhost"}}}
	s.Prepare(t.Context(), anyPort).Apply()
	address := at(t, s)
	if got := get(client, "http://"+address+"/metrics"); !strings.HasPrefix(got, "200 ") {
		t.Fatalf("in the clear: %s", got)
	}
	s.Secure(true)
	if got := at(t, s); got != address {
		t.Errorf("bound at %s, was at %s", got, address)
	}
	if got := get(client, "https://"+address+"/metrics"); !strings.HasPrefix(got, "200 ") {
		t.Errorf("over TLS: %s", got)
	}
	if got := get(client, "http://"+address+"/metrics"); strings.HasPrefix(got, "200 ") {
		t.Errorf("in the clear, where TLS is on: %s", got)
	}
	s.Prepare(t.Context(), anyPort).Abort()
	s.Secure(false)
	if got := get(client, "http://"+address+"/metrics"); !strings.HasPrefix(got, "200 ") {
		t.Errorf("in the clear again: %s", got)
	}
}

// TestNobodyIsServedWhenOff keeps a connection open while the server is turned off.
func TestNobodyIsServedWhenOff(t *testing.T) {
	s, _ := serve(t)
	s.Prepare(t.Context(), anyPort).Apply()
	conn, err := net.Dial("tcp", at(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	ask := func() string {
		request := httptest.NewRequest("GET", "http://element/metrics", nil)
		if err := request.Write(conn); err != nil {
			return err.Error()
		}
		response, err := http.ReadResponse(answers, request)
		if err != nil {
			return err.Error()
		}
		io.Copy(io.Discard, response.Body)
		return response.Status
	}
	if got := ask(); got != "200 OK" {
		t.Fatal(got)
	}
	s.Prepare(t.Context(), nil).Apply()
	s.sockets.Close() // returns when the socket is not served any more
	if got := ask(); got != "503 Service Unavailable" {
		t.Errorf("on an old connection: %s", got)
	}
	if _, err := answers.ReadByte(); err != io.EOF {
		t.Errorf("the old connection stays: %v", err)
	}
}

func TestPortInUse(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	s, _ := serve(t)
	taken := netip.MustParseAddrPort(other.Addr().String())
	c := s.Prepare(t.Context(), []netip.AddrPort{taken})
	defer c.Abort()
	if got := c.Taken(); len(got) != 1 || got[0] != taken {
		t.Errorf("taken are %v, want %s", got, taken)
	}
}

// TestManyScrapers are told to come again, and nobody waits for long; connections beyond the limit wait for others to end.
func TestManyScrapers(t *testing.T) {
	s, _ := serve(t)
	s.Prepare(t.Context(), anyPort).Apply()
	url := "http://" + at(t, s) + "/metrics"
	codes := make(chan string, 64)
	for range cap(codes) {
		go func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
			code, _, _ := strings.Cut(get(client, url), " ")
			codes <- code
		}()
	}
	seen := map[string]int{}
	for range cap(codes) {
		seen[<-codes]++
	}
	if seen["200"] == 0 || seen["200"]+seen["503"] != cap(codes) {
		t.Errorf("answers: %v", seen)
	}
}

func TestCloseEndsConnections(t *testing.T) {
	s, _ := serve(t)
	s.Prepare(t.Context(), anyPort).Apply()
	conn, err := net.Dial("tcp", at(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /metrics HTTP/1.1\r\n"); err != nil { // and no more of it
		t.Fatal(err)
	}
	s.Close()
	if _, err := io.ReadAll(conn); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the connection ended with %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	s.Prepare(ctx, anyPort).Apply()
	if bound, _ := s.Status(); len(bound) > 0 {
		t.Errorf("listens at %v after it was closed", bound)
	}
}
