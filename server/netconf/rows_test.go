package netconf

import (
	"context"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"mooring/server/state"
	"mooring/server/tree/schema"
)

// records is a table of many rows that are made when they are asked for, and counted.
type records struct {
	def    *schema.Node
	rows   int
	made   int
	octets int // of what was made, in a reply
}

const recordText = "a line of a log, of which there are many"

// mount makes it part of the state of the server.
func (r *records) mount(st *state.State) {
	s, _ := compiled()
	r.def = s.Find("/example-traps:record")
	text := r.def.ChildNamed("text")
	st.Mount(state.Table{Node: r.def, Parts: []*schema.Node{text}, Read: func(_ context.Context, want state.Keys, out *state.Out) error {
		row := func(number string) {
			r.made++
			r.octets += len(`<record xmlns="urn:example:traps"><number></number><text></text></record>`) + len(number) + len(recordText)
			out.Row(number).Text(text, recordText)
		}
		if number, exact := want.Exact(0); exact {
			row(number)
			return nil
		}
		for i := range r.rows {
			if out.Done() {
				break
			}
			row(strconv.Itoa(i))
		}
		return nil
	}})
}

// recorder is a transport that has a request, and compares what leaves with what was asked for.
type recorder struct {
	io.Reader
	records *records
	octets  int
	first   int    // how many rows had been made when the first octets left; 0: none have left
	behind  int    // the most octets of rows that had been made and had not left
	live    uint64 // the most memory in use
	last    []byte // what left last
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.first == 0 {
		r.first = r.records.made
	}
	if r.octets/(2<<20) < (r.octets+len(p))/(2<<20) {
		r.live = max(r.live, live())
	}
	r.octets += len(p)
	r.behind = max(r.behind, r.records.octets-r.octets)
	r.last = append(r.last[:0], p...)
	return len(p), nil
}

// live is the memory in use.
func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A list of many rows leaves as its rows are made, so that a million would take no more memory: the first octets after few rows, never many rows behind, and the memory in use does not grow. One row, asked
// for by its key, is all that is made.
func TestManyRows(t *testing.T) {
	var r records
	f := startWith(t, "", Limits{}, r.mount)
	ask := func(request string) *recorder {
		t.Helper()
		r.made, r.octets = 0, 0
		transport := &recorder{Reader: strings.NewReader(rpc(1, request) + "]]>]]>"), records: &r}
		x := f.server.newSession(t.Context(), transport, admin, func(<-chan struct{}) {})
		if err := x.next(); err != nil {
			t.Fatal(err)
		}
		x.store.Close()
		f.server.leave(x)
		return transport
	}
	const space = ` xmlns="urn:example:traps"`
	for _, c := range []struct {
		rows     int
		all, one string
	}{
		{128_000, `<filter><record` + space + `/></filter>`, `<filter><record` + space + `><number>7777</number></record></filter>`},
		{32_000, `<filter type="xpath" xmlns:t="urn:example:traps" select="/t:record"/>`, `<filter type="xpath" xmlns:t="urn:example:traps" select="/t:record[t:number='7777']"/>`},
	} {
		r.rows = c.rows
		one := ask(`<get>` + c.one + `</get>`)
		if got := string(one.last); r.made != 1 || !strings.Contains(got, "<number>7777</number>") || strings.Count(got, "<record") != 1 {
			t.Errorf("%s: %d rows were made, and the reply is %s", c.one, r.made, got)
		}
		before := live()
		all := ask(`<get>` + c.all + `</get>`)
		if all.octets < r.octets || r.made != c.rows {
			t.Fatalf("%s: %d octets, and %d rows were made", c.all, all.octets, r.made)
		}
		if all.first > 10_000 || all.behind > 512<<10 {
			t.Errorf("%s: the first octets leave after %d rows, and up to %d octets are behind", c.all, all.first, all.behind)
		}
		if growth := int64(all.live) - int64(before); all.live == 0 || growth > 1<<20 {
			t.Errorf("%s: the memory in use grows by %d octets while %d leave", c.all, growth, all.octets)
		}
	}
}
