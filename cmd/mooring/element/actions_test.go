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
	"mooring/server/access"
	"mooring/server/action"
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

// LMA-12: bindings are cleared at the anchor and at the gateway, each by what names it.
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
		lma, mag := e.engine.LMAs()[0], e.engine.MAGs()[0]
		e.engine.Attached(mobility.Attachment{Kind: mobility.NodeAttached, Link: "access0", MAC: dataplane.MAC{2, 0, 0x5e, 0x10, 0, 1}})
		settle := func() {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		settle()
		registry := e.actions(s)
		run := func(machine, name, input string) string {
			list := s.Find("/mooring-pmipv6:pmipv6/" + machine)
			def := list.Action("mooring-pmipv6", "clear-binding")
			path := schema.Path{{Node: list.Parent}, {Node: list, Keys: []string{name}}}
			there, err := tree.Apply(store.Running().Root, tree.At(s, path, tree.Merge, nil))
			if err != nil {
				t.Fatal(err)
			}
			out, err := registry.Run(t.Context(), &action.Call{
				Session: store.NewSession(access.Element, 0), Access: access.NewControl(func() *tree.Node { return there }).For(access.Element), Def: def, Path: path,
				Input: decoded(t, def.Input, input),
			}, there)
			if err != nil {
				return string(tree.Errors(err)[0].Tag)
			}
			defer settle()
			cleared, _ := out.Leaf("cleared")
			return cleared
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
			if got := run(c.machine, c.name, input); got != c.want {
				t.Fatalf("%s %s %s: %s, want %s", c.machine, c.name, input, got, c.want)
			}
		}
	})
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
