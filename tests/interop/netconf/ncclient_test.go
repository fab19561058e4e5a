package netconf

import (
	"testing"

	"mooring/server/model"
)

// python is Debian's, whose packages the tests use; another may come first in PATH.
const python = "/usr/bin/python3"

func TestNcclient(t *testing.T) {
	e := serve(t, model.Sources())
	out, err := run(t, "", python, absolute(t, "testdata/ncclient_session.py"), e.addr.Addr().String(), port(e), user, password, e.keyFile)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out)
}
