package element

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/engine"
	"mooring/mobility/transport"
	"mooring/mobility/wire"
	"mooring/server/access"
	"mooring/server/action"
	"mooring/server/apply"
	"mooring/server/datastore"
	"mooring/server/model"
	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// unmoved is a dataplane that takes everything and does nothing.
type unmoved struct{}

func (unmoved) Want([]dataplane.Change) {}
func (unmoved) Room() <-chan struct{}   { return ready }

var ready = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// LMA-12: bindings are cleared at the anchor and at the gateway, each by what names it. OPS-06, OPS-13, OPS-17: so are counters, and what names nothing changes nothing.
func TestLMA12ClearBinding(t *testing.T) {
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	config := *commit(t, s, "lab/ipv6/lma.json").Mobility
	config.MAGs = maps.Clone(commit(t, s, "lab/ipv6/mag1.json").Mobility.MAGs)
	synctest.Test(t, func(t *testing.T) {
		store, err := datastore.Open(t.Context(), datastore.Options{Schema: s})
		if err != nil {
			t.Fatal(err)
		}
		host := transport.NewMemory(transport.Conditions{Delay: time.Millisecond}, 1).Host()
		e := &Element{store: store, state: state.New(s, 0)}
		e.running.Store(&apply.Config{Mobility: &config})
		e.engine = engine.New(engine.Options{Transport: host, Dataplane: unmoved{}, Grants: func([]mobility.Grant) {}})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := e.engine.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		defer running.Wait()
		defer host.Close()
		defer stop()
		obeyed, err := e.engine.Prepare(ctx, nil, &config)
		if err != nil {
			t.Fatal(err)
		}
		obeyed.Apply()
		src := state.Sources{Configured: func() *mobility.Config { return &config }}
		src.FromEngine(e.engine)
		if err := e.state.MountElement(src); err != nil {
			t.Fatal(err)
		}
		lma, mag := e.engine.LMAs()[0], e.engine.MAGs()[0]
		e.engine.Attached(mobility.Attachment{Kind: mobility.NodeAttached, Link: "access0", MAC: dataplane.MAC{2, 0, 0x5e, 0x10, 0, 1}})
		settle := func() {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		settle()
		registry, who := e.actions(s), access.Element
		run := func(name, machine, of, input string) string {
			defer settle()
			return runAction(t, e, registry, who, "/mooring-pmipv6:pmipv6/"+machine+"[name='"+of+"']", name, input)
		}
		idOf := func(table *binding.Table) string {
			for b := range table.All() {
				if b.State == mobility.StateActive {
					return state.BindingID(b.ID)
				}
			}
			t.Fatal("there is no binding")
			return ""
		}
		for _, c := range []struct{ machine, name, input, want string }{
			{"mag", mag.Name, `{"all": [null]}`, "1"}, // and registered anew, each time
			{"mag", mag.Name, `{"nai": "mn1@lab.example"}`, "1"},
			{"mag", mag.Name, `{"lma": "lma"}`, "1"},
			{"mag", mag.Name, `{"id": "now"}`, "1"},
			{"mag", mag.Name, `{"lma": "other"}`, "data-missing"},
			{"mag", mag.Name, `{"id": "ffff"}`, "data-missing"},
			{"mag", "other", `{"all": [null]}`, "operation-failed"},
			{"lma", lma.Name, `{"mag": "other"}`, "data-missing"},
			{"lma", lma.Name, `{"nai": "mn2@lab.example"}`, "data-missing"},
			{"lma", lma.Name, `{"id": "now"}`, "1"},
			{"lma", lma.Name, `{"all": [null]}`, "0"},
			{"lma", lma.Name, `{}`, "missing-element"},
		} {
			input := c.input
			if input == `{"id": "now"}` {
				input = fmt.Sprintf(`{"id": %q}`, idOf(map[string]*binding.Table{"lma": lma.Table, "mag": mag.Table}[c.machine]))
			}
			revoked := lma.Statistics.BRISent.Load(wire.TriggerAdministrative) + mag.Statistics.PBUSent.Load()
			if got := run("clear-binding", c.machine, c.name, input); got != c.want {
				t.Fatalf("%s %s %s: %s, want %s", c.machine, c.name, input, got, c.want)
			}
			if sent := lma.Statistics.BRISent.Load(wire.TriggerAdministrative) + mag.Statistics.PBUSent.Load(); (sent > revoked) != (c.want == "1") {
				t.Errorf("%s %s %s: %d messages before, %d after", c.machine, c.name, input, revoked, sent)
			}
		}
		statisticsAreCleared(t, e.state, lma.Name, mag.Name, run)
		who = access.User{Name: "guest", Origin: access.SSH}
		for action, input := range map[string]string{"clear-binding": `{"all": [null]}`, "clear-statistics": `{}`, "trace-node": `{"nai": "mn1@lab.example"}`} {
			if got := run(action, "lma", lma.Name, input); got != "access-denied" {
				t.Errorf("%s for whoever has no rights: %s", action, got)
			}
		}
	})
}

// runAction has somebody do something at a place, which is there, and returns the first leaf of the answer, or the error's tag.
func runAction(t *testing.T, e *Element, registry *action.Registry, who access.User, at, name, input string) string {
	t.Helper()
	s := e.store.Schema()
	path, err := schema.ParsePath(s, at, s.Module)
	if err != nil {
		t.Fatal(err)
	}
	def := path.Last().Node.Action("mooring-pmipv6", name)
	there, err := tree.Apply(e.store.Running().Root, tree.At(s, path, tree.Merge, nil))
	if err != nil {
		t.Fatal(err)
	}
	call := &action.Call{
		Session: e.store.NewSession(who, 0), Access: access.NewControl(func() *tree.Node { return there }).For(who), Def: def, Path: path,
	}
	if def.Input != nil {
		call.Input = decoded(t, def.Input, input)
	}
	out, err := registry.Run(t.Context(), call, there)
	if err != nil {
		return string(tree.Errors(err)[0].Tag)
	}
	for leaf := range out.Children() {
		return leaf.Value()
	}
	return ""
}

func statisticsAreCleared(t *testing.T, s *state.State, lma, mag string, run func(name, machine, of, input string) string) {
	t.Helper()
	value := func(path string) string { return leafOf(t, s, path) }
	lmaAt, magAt := "/mooring-pmipv6:pmipv6/lma[name='"+lma+"']", "/mooring-pmipv6:pmipv6/mag[name='"+mag+"']"
	for _, c := range []struct {
		machine, name, input string
		fails                string
		zero, kept           string
	}{
		{"lma", lma, `{"mag": "other"}`, "data-missing", "", lmaAt + "/statistics/pbu/received"},
		{"mag", mag, `{"lma": "other"}`, "data-missing", "", magAt + "/statistics/pbu/sent"},
		{"mag", "other", `{}`, "operation-failed", "", magAt + "/statistics/pbu/sent"},
		{"lma", "other", `{}`, "operation-failed", "", lmaAt + "/statistics/pbu/received"},
		{"lma", lma, `{"mag": "mag1"}`, "", lmaAt + "/peers/peer[id='mag1']/statistics/pbu/received", lmaAt + "/statistics/pbu/received"},
		{"mag", mag, `{"lma": "lma"}`, "", magAt + "/lma[id='lma'][domain='lab.example']/statistics/pbu/sent", magAt + "/statistics/pbu/sent"},
		{"mag", mag, `{}`, "", magAt + "/statistics/pbu/sent", lmaAt + "/statistics/pbu/received"},
		{"lma", lma, `{}`, "", lmaAt + "/statistics/pbu/received", lmaAt + "/network[name='home']/pool/mobile-node/ipv4/usage/total"},
	} {
		kept := value(c.kept)
		if kept == "" || kept == "0" || c.zero != "" && value(c.zero) == "0" {
			t.Fatalf("%s is %s, %s is %s", c.kept, kept, c.zero, value(c.zero))
		}
		got := run("clear-statistics", c.machine, c.name, c.input)
		if c.fails != "" && got != c.fails || value(c.kept) != kept {
			t.Errorf("%s %s %s: %s, want %s; %s was %s and is %s", c.machine, c.name, c.input, got, c.fails, c.kept, kept, value(c.kept))
		}
		if c.fails != "" {
			continue
		}
		since := c.zero[:strings.LastIndex(c.zero, "/pbu/")] + "/discontinuity-time"
		if value(c.zero) != "0" || value(since) != got {
			t.Errorf("%s %s %s: %s is %s since %s, cleared at %s", c.machine, c.name, c.input, c.zero, value(c.zero), value(since), got)
		}
	}
	const high = "/network[name='home']/pool/mobile-node/ipv4/usage/high-water"
	if got := value(lmaAt + high); got != value(lmaAt+strings.Replace(high, "high-water", "used", 1)) {
		t.Errorf("the high-water mark is %s", got)
	}
}

// leafOf reads one leaf of state; "" is none.
func leafOf(t *testing.T, s *state.State, path string) string {
	t.Helper()
	p, err := schema.ParsePath(s.Schema, path, s.Schema.Module)
	if err != nil {
		t.Fatal(err)
	}
	r := state.NewRenderer()
	for _, v := range s.At(p) {
		for row, err := range v.Rows(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if n := r.Render(row, time.Now()).Get(p[len(row.Path()):]); n != nil {
				return n.Value()
			}
		}
	}
	return ""
}

// decoded reads the parameters of an action.
func decoded(t *testing.T, def *schema.Node, json string) *tree.Node {
	t.Helper()
	n, err := tree.DecodeJSON(strings.NewReader(json), def, tree.DecodeOptions{State: true})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
