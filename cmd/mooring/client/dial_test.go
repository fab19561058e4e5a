package client

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"mooring/cmd/mooring/element"
)

// Whoever cannot talk with an element is told what to do about it, which is not to start one where one runs already.
func TestExplainUnreachable(t *testing.T) {
	local, remote := &Target{StateDir: "/var/lib/mooring"}, &Target{Address: "lma1"}
	for _, c := range []struct {
		target *Target
		why    string // as gRPC has it
		is     error
		says   string
	}{
		{local, `connection error: desc = "transport: Error while dialing: dial unix /var/lib/mooring/mooring.sock: connect: no such file or directory"`,
			ErrUnreachable, "start one with mooring run"},
		{local, `connection error: desc = "transport: Error while dialing: dial unix /var/lib/mooring/mooring.sock: connect: permission denied"`,
			element.ErrPrivilege, "/var/lib/mooring is for root and for who runs the element"},
		{remote, "name resolver error: produced zero addresses", ErrUnreachable, "no element answers at lma1: there is no host of this name"},
		{remote, `connection error: desc = "transport: authentication handshake failed: the element's certificate has the fingerprint 5A:22, not that of --fingerprint"`,
			ErrUnreachable, "has the fingerprint 5A:22, not that of --fingerprint; compare both"},
	} {
		got := (&Client{target: c.target}).explain(status.Error(codes.Unavailable, c.why))
		if !errors.Is(got, c.is) || !strings.Contains(got.Error(), c.says) {
			t.Errorf("%s\nis explained by %v\nwant %q, which is %q", c.why, got, c.says, c.is)
		}
	}
}

// Who is not let in is told how to log in, whichever RPC was refused.
func TestExplainUnauthenticated(t *testing.T) {
	for _, rpc := range []string{"Get", "Set", "Subscribe"} {
		got := (&Client{target: &Target{Address: "lma1"}}).explain(status.Error(codes.Unauthenticated, "/gnmi.gNMI/"+rpc+": authentication failed"))
		if !strings.HasPrefix(got.Error(), "authentication failed; log in with --user") {
			t.Errorf("%s: %v", rpc, got)
		}
	}
}
