package netconf

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"mooring/server/model"
	"mooring/server/netconf"
)

// openssl carries a session over TLS: its messages go in and come out as they are.
func TestOpenSSL(t *testing.T) {
	e := serve(t, model.Sources())
	addr := e.listenTLS(t).String()
	const end = "]]>]]>" // RFC 6242 section 4.3
	messages := `<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>` + end +
		`<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="7"><lock><target><candidate/></target></lock></rpc>` + end +
		`<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="8"><close-session/></rpc>` + end
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		out, err := run(t, messages, "openssl", "s_client", "-quiet", version, "-connect", addr, "-cert", e.certFile, "-key", e.certKeyFile)
		check(t, err)
		for _, id := range []string{"7", "8"} {
			if want := `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="` + id + `"><ok/></rpc-reply>`; !strings.Contains(out, want) {
				t.Errorf("%s: the answer %s is missing in %s", version, want, out)
			}
		}
	}
	if out, err := run(t, messages, "openssl", "s_client", "-quiet", "-tls1_3", "-connect", addr); err == nil || !strings.Contains(out, "alert certificate required") {
		t.Errorf("without a certificate: %v\n%s", err, out)
	}
}

// ncclient is called by the server.
func TestNcclientCallHome(t *testing.T) {
	e := serve(t, model.Sources())
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	check(t, err)
	at := l.Addr().(*net.TCPAddr)
	check(t, l.Close()) // ncclient opens the port itself; until then the server tries again
	e.server.CallHome.Configure([]netconf.Manager{{Name: "ncclient", Address: at.String(), KeepAlive: time.Second}})
	out, err := run(t, "", python, absolute(t, "testdata/ncclient_callhome.py"), at.IP.String(), strconv.Itoa(at.Port), user, password)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
