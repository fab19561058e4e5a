package netconf

import (
	"strings"
	"testing"
)

// step is a request and what comes of it, in the form of said.
type step struct{ request, want string }

// steps runs requests in order. A request is an operation; "A: …" has the client called A send it.
func steps(t *testing.T, clients map[string]*client, list []step) {
	t.Helper()
	for _, s := range list {
		c := clients["A"]
		request := s.request
		if name, rest, ok := strings.Cut(request, ": "); ok && clients[name] != nil {
			c, request = clients[name], rest
		}
		var got string
		switch {
		case strings.HasPrefix(request, "show "):
			got = c.traps(strings.TrimPrefix(request, "show "))
		default:
			got = said(t, c.rpc(request))
		}
		if got != s.want {
			t.Fatalf("%s\ngot  %s\nwant %s", s.request, got, s.want)
		}
	}
}

const (
	lockC     = "<lock><target><candidate/></target></lock>"
	lockR     = "<lock><target><running/></target></lock>"
	unlockC   = "<unlock><target><candidate/></target></unlock>"
	unlockR   = "<unlock><target><running/></target></unlock>"
	validateC = "<validate><source><candidate/></source></validate>"
	trial     = "<commit><confirmed/></commit>"
	success   = "<ok/>"
	plain     = "application "
	atFilter  = " /nc:rpc/nc:get-config/nc:filter"
	protocol  = "protocol "
	candidate = "show candidate"
	running   = "show running"
	opAttr    = ` xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation=`
	placed    = ` xmlns:yang="urn:ietf:params:xml:ns:yang:1" yang:insert=`
)
