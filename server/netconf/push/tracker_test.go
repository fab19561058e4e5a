package push

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/server/access"
	"mooring/server/model"
	"mooring/server/netconf/filter"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// told is a tracker over a configuration and a binding table.
type told struct {
	t     *testing.T
	s     *schema.Schema
	root  *tree.Node
	table *binding.Table
	*Tracker
}

const domain = `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "nai": [%s]}], "lma": [{"name": "l", "domain": "d"}]}}`

var now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func follow(t *testing.T) *told {
	t.Helper()
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	x := &told{t: t, s: s, table: binding.New()}
	x.configure(`{"id": "a@d", "lma": "l"}`)
	st := state.New(s, 0)
	anchors := []state.LMA{{Name: "l", Table: x.table, Session: func(id dataplane.SessionID) dataplane.SessionID { return id }}}
	if err := st.MountElement(state.Sources{LMAs: func() []state.LMA { return anchors }}); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"p": s.Module("mooring-pmipv6").Namespace}
	f, err := filter.XPath(s, "/p:pmipv6/p:domain/p:nai | /p:pmipv6/p:lma/p:bindings/p:binding/p:sequence", names)
	if err != nil {
		t.Fatal(err)
	}
	control := access.NewControl(func() *tree.Node { return x.root })
	x.Tracker = New(Options{
		Running: func() *tree.Node { return x.root }, State: st, Read: filter.Read{Filter: f},
		Access: func() *access.Access { return control.For(access.User{Origin: access.System}) },
	})
	t.Cleanup(x.Close)
	x.Begin(t.Context())
	return x
}

func (x *told) configure(nais string) {
	x.t.Helper()
	root, err := tree.DecodeJSON(strings.NewReader(fmt.Sprintf(domain, nais)), x.s.Root, tree.DecodeOptions{})
	if err != nil {
		x.t.Fatal(err)
	}
	x.root = root
}

func (x *told) bind(id, sequence int) {
	x.table.Put(&mobility.Binding{
		ID: dataplane.SessionID(id), Sequence: uint16(sequence), State: mobility.StateActive, Updated: mobility.At(now),
		Ends: unique.Make(mobility.Ends{}), Holding: &mobility.Holding{Node: mobility.NAI("n@d")},
	})
}

// tells checks what is told by now.
func (x *told) tells(want ...string) {
	x.t.Helper()
	var got []string
	x.Look(now)
	if err := x.Tell(x.t.Context(), now, func(e *filter.Edit) { got = append(got, string(e.Op)+" "+Target(e.Target)) }); err != nil {
		x.t.Fatal(err)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		x.t.Errorf("told %q\nwant %q", got, want)
	}
}

const (
	nai = "/mooring-pmipv6:pmipv6/domain=d/nai="
	row = "/mooring-pmipv6:pmipv6/lma=l/bindings/binding="
)

// Each of several changes is looked at before they are told, as in a dampening period (RFC 8641 section 3.3): what has become something
// else is told as that, what is as it was is told as it changed last.
func TestChangesThatCancelOut(t *testing.T) {
	x := follow(t)
	changes := func(list ...func()) {
		for _, change := range list {
			change()
			x.Look(now)
		}
	}
	conf := func(nais string) func() { return func() { x.configure(nais) } }
	bind := func(id, sequence int) func() { return func() { x.bind(id, sequence) } }
	gone := func(id int) func() { return func() { x.table.Delete(dataplane.SessionID(id)) } }
	const a, other, b = `{"id": "a@d", "lma": "l"}`, `{"id": "a@d", "lma": "m"}`, `{"id": "b@d"}`

	changes(conf(other), conf(a))
	x.tells("replace " + nai + "a%40d/lma")
	changes(conf(a+","+b), conf(a))
	x.tells("delete " + nai + "b%40d")
	changes(conf(""), conf(a))
	x.tells("create " + nai + "a%40d")
	changes(conf(""), conf(other)) // what is told already says it
	x.tells("replace " + nai + "a%40d/lma")
	changes(conf(a), conf(a+","+b), conf(a))
	x.tells("replace "+nai+"a%40d/lma", "delete "+nai+"b%40d")
	x.tells()

	changes(bind(1, 1))
	x.tells("create " + row + "1")
	changes(bind(1, 2), bind(1, 1))
	x.tells("replace " + row + "1/sequence")
	changes(bind(2, 1), gone(2))
	x.tells("delete " + row + "2")
	changes(gone(1), bind(1, 1))
	x.tells("create " + row + "1")
	changes(bind(1, 2), bind(1, 3), bind(1, 4))
	x.tells("replace " + row + "1/sequence")
	changes(gone(1))
	x.tells("delete " + row + "1")
	x.tells()
}

// Bindings are seen where their LMA is configured, as get shows them.
func TestRowsOfWhatIsNotConfigured(t *testing.T) {
	x := follow(t)
	with := x.root
	without, err := tree.DecodeJSON(strings.NewReader(`{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "nai": [{"id": "a@d", "lma": "l"}]}]}}`), x.s.Root, tree.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	x.root = without
	x.tells()
	x.bind(1, 1)
	x.tells()
	x.root = with
	x.bind(1, 2)
	x.tells("create " + row + "1")
}

// A name in a path says what RFC 8040 section 3.5.3 wants it to say.
func TestTarget(t *testing.T) {
	x := follow(t)
	def := x.s.Find("/mooring-pmipv6:pmipv6/mag/lma")
	path := schema.Path{}
	for _, n := range def.Ancestors() {
		path = append(path, schema.Step{Node: n})
	}
	path[1].Keys, path[2].Keys = []string{"é, /?#[]@!$&'()*+;=%"}, []string{"a-._~1", "2001:db8::/32"}
	if got, want := Target(path), "/mooring-pmipv6:pmipv6/mag=%C3%A9%2C%20%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%3B%3D%25/lma=a-._~1,2001%3Adb8%3A%3A%2F32"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	other := schema.Path{{Node: x.s.Find("/ietf-netconf-monitoring:netconf-state")}, {Node: x.s.Find("/ietf-netconf-monitoring:netconf-state/datastores")},
		{Node: x.s.Find("/ietf-netconf-monitoring:netconf-state/datastores/datastore"), Keys: []string{"running"}}}
	last := other[2].Node.Child("tailf-netconf-monitoring", "transaction-id")
	if got, want := Target(other.Append(last)), "/ietf-netconf-monitoring:netconf-state/datastores/datastore=running/tailf-netconf-monitoring:transaction-id"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What a subscription keeps of a row is measured, as it is what a million rows multiply.
func TestRowsKeptAreSmall(t *testing.T) {
	x := follow(t)
	const rows = 100_000
	for id := range rows {
		x.bind(id+1, 1)
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	x.Look(now)
	for x.Look(now) {
	}
	x.Settle()
	each := (heap() - before) / rows
	t.Logf("%d octets for each row", each)
	if each > 200 || len(x.rows) != rows {
		t.Errorf("%d octets are kept for each of %d rows", each, len(x.rows))
	}
}
