package netconf

import (
	"testing"

	"mooring/server/model"
)

// python is Debian's, whose packages the tests use; another may come first in PATH.
const python = "/usr/bin/python3"

func TestNcclient(t *testing.T) { ncclient(t, "testdata/ncclient_session.py") }

func TestNcclientTransaction(t *testing.T) { ncclient(t, "testdata/ncclient_transaction.py") }

func TestNcclientNotifications(t *testing.T) { ncclient(t, "testdata/ncclient_notifications.py") }

// ncclient runs a script against a server.
func ncclient(t *testing.T, script string) {
	t.Helper()
	e := serve(t, model.Sources())
	out, err := run(t, "", python, absolute(t, script), e.addr.Addr().String(), port(e), user, password, e.keyFile, e.folder)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out)
}
