package netconf

import (
	"strings"
	"testing"

	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/yang"
)

// A server serves any schema that has its own protocol in it, and says in the hello what of the rest is there.
func TestOtherSchemas(t *testing.T) {
	netconf := schema.Source{Name: "ietf-netconf", Implement: true, Features: []string{"candidate"}}
	serve := func(sources ...schema.Source) (*fixture, error) {
		s, err := schema.Compile(yang.FS, sources...)
		if err != nil {
			t.Fatal(err)
		}
		store, err := datastore.Open(t.Context(), datastore.Options{Schema: s})
		if err != nil {
			t.Fatal(err)
		}
		control := access.NewControl(func() *tree.Node { return store.Running().Root })
		server, err := New(Options{Store: store, Access: control, State: state.New(s, 0), HostKey: hostKey()})
		if err == nil {
			t.Cleanup(server.Close)
		}
		return &fixture{t: t, server: server, store: store}, err
	}
	if _, err := serve(schema.Source{Name: "ietf-interfaces", Implement: true}); err == nil || !strings.Contains(err.Error(), "ietf-netconf") {
		t.Errorf("a schema without the protocol: %v", err)
	}
	f, err := serve(netconf, schema.Source{Name: "ietf-interfaces", Implement: true})
	if err != nil {
		t.Fatal(err)
	}
	hello := f.connect(admin).read()
	for _, absent := range []string{":validate:", ":xpath:", "confirmed-commit", "with-defaults", "yang-library", "netconf-monitoring"} {
		if strings.Contains(hello, absent) {
			t.Errorf("the hello names %s: %s", absent, hello)
		}
	}
	steps(t, map[string]*client{"A": f.dial(admin)}, []step{
		{edit(`<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"><interface><name>a</name></interface></interfaces>`), success},
		{commit, plain + "data-missing /if:interfaces/if:interface[if:name='a']/if:type"},
		{"<get/>", "<data></data>"},
		{validateC, protocol + "operation-not-supported bad-element=validate"},
		{"<commit><confirmed/></commit>", protocol + "unknown-element /nc:rpc/nc:commit bad-element=confirmed"},
	})
}
