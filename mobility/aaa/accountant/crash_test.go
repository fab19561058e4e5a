package accountant

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/aaa"
	"mooring/mobility/aaa/spool"
)

// moment is what is left of a process that is killed: the file as it is then, the bindings that have been stored, and what the server has got.
type moment struct {
	what string
	file []byte
	rows map[dataplane.SessionID]*mobility.Binding
	got  []string
}

// Expectation 10, MLL-21: wherever a process is killed, between any two of its writes, and whether or not the server was up, the next one makes up
// for it: each session that a server has heard of, or will, has its Stop in the end, and no binding is left without a Start. A record may come twice.
func TestEXP10_KilledBetweenAnyTwoWrites(t *testing.T) {
	for _, down := range []bool{false, true} {
		t.Run(fmt.Sprintf("server down %t", down), func(t *testing.T) {
			for _, m := range history(t, down) {
				synctest.Test(t, func(t *testing.T) { revive(t, &m) })
			}
		})
	}
}

// history is the life of a process, as a row of moments.
func history(t *testing.T, down bool) (list []moment) {
	synctest.Test(t, func(t *testing.T) {
		e := newElement(t)
		note := func(what string) {
			synctest.Wait()
			file, err := os.ReadFile(filepath.Join(e.root.Name(), "accounting/records"))
			if err != nil {
				t.Fatal(err)
			}
			e.table.mu.Lock()
			rows := maps.Clone(e.table.rows)
			e.table.mu.Unlock()
			e.sink.mu.Lock()
			list = append(list, moment{what, file, rows, append([]string(nil), e.sink.got...)})
			e.sink.mu.Unlock()
		}
		happened := func(what string, make func() Event) {
			ev := make()
			note("before it knows of: " + what) // the binding is stored, and nothing of it is in the file
			e.Happened([]Event{ev})
			note(what)
		}
		e.sink.set(down)
		e.begin(config())
		defer func() { e.stop() }()
		note("begun")
		for id := range dataplane.SessionID(4) {
			tenant := mobility.Tenancy{Customer: fmt.Sprint("CUST", id%2), VRF: fmt.Sprint("VRF", id%2)}
			happened(fmt.Sprint("bind ", id), func() Event { return e.table.bindOf(id, tenant, tenant.VRF) })
		}
		time.Sleep(3 * time.Minute) // an interim record, and tries in vain
		note("three minutes later")
		for id := range dataplane.SessionID(3) {
			happened(fmt.Sprint("end ", id), func() Event { return e.table.end(id) })
		}
		e.sink.set(false)
		time.Sleep(2 * time.Minute)
		note("the server is up")
	})
	return list
}

// revive begins a process where another was killed, ends all bindings, and looks at what the server has got of both.
func revive(t *testing.T, m *moment) {
	e := newElement(t)
	if err := os.MkdirAll(filepath.Join(e.root.Name(), "accounting"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(e.root.Name(), "accounting/records"), m.file, 0o600); err != nil {
		t.Fatal(err)
	}
	maps.Copy(e.table.rows, m.rows)
	e.begin(config())
	defer func() { e.stop() }()
	synctest.Wait()
	open := map[dataplane.SessionID]bool{}
	for _, s := range e.Sessions("lma") {
		if s.Kind == aaa.Node {
			open[s.Binding] = true
		}
	}
	for id := range m.rows {
		if !open[id] {
			t.Errorf("%s: binding %d has no session", m.what, id)
		}
		delete(open, id)
	}
	if len(open) > 0 {
		t.Errorf("%s: there are sessions without a binding: %v", m.what, open)
	}
	for id := range m.rows {
		e.Happened([]Event{e.table.end(id)})
	}
	time.Sleep(time.Minute)
	synctest.Wait()
	started, stopped := map[string]bool{}, map[string]bool{}
	for _, line := range append(m.got, e.sink.got...) {
		switch kind, id, _ := strings.Cut(line, " "); kind {
		case "Start":
			started[id] = true
		case "Stop":
			stopped[id] = true
		}
	}
	if _, queued, left := e.Queue(); queued > 0 || left != (spool.Left{}) {
		t.Errorf("%s: %d records are left, %+v were let go", m.what, queued, left)
	}
	if !maps.Equal(started, stopped) || len(started) < 2*min(1, len(m.rows)) {
		t.Errorf("%s: started were %v, stopped %v", m.what, started, stopped)
	}
}
