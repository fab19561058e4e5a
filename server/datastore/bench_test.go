package datastore

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"mooring/server/access"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

func subscribers(t testing.TB) *schema.Schema {
	t.Helper()
	s, err := schema.Compile(os.DirFS("testdata"), schema.Source{Name: "example-subscribers", Implement: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// population writes n entries of 13 leaves as JSON.
func population(kind string, n int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"example-subscribers:%s": {`, kind)
	if kind == "rich" {
		b.WriteString(`"network": [{"name": "net-0"}, {"name": "net-1"}, {"name": "net-2"}],`)
	}
	b.WriteString(`"subscriber": [`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id": "user%07d@example.net", "network": "net-%d", "service": "dual", "customer": "cust-%d", "lma": "lma1",
"access": "example-subscribers:wlan", "address": "10.%d.%d.%d", "lifetime": %d, "priority": %d, "enabled": true, "ratio": "%d.5",
"label": "label-%d", "serial": "%d"`, i, i%3, i%97, i>>16, i>>8&255, i&255, 4+i%1000, 1+i%100, i%50, i, i)
		if kind == "rich" {
			fmt.Fprintf(&b, `, "of": "net-%d", "dual-only": "x"`, i%3)
		}
		b.WriteByte('}')
	}
	b.WriteString("]}}")
	return b.Bytes()
}

var sizes = []int{1_000, 10_000, 100_000}

func decode(b testing.TB, s *schema.Schema, data []byte) *tree.Node {
	b.Helper()
	n, err := tree.DecodeJSON(bytes.NewReader(data), s.Root, tree.DecodeOptions{})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkLoad decodes, edits, validates, commits and persists everything.
func BenchmarkLoad(b *testing.B) {
	for _, kind := range []string{"plain", "rich"} {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				s := subscribers(b)
				data := population(kind, n)
				began := cpu(b)
				defer func() { reportCPU(b, began) }()
				for b.Loop() {
					store := open(b, b.TempDir(), Options{Schema: s})
					c := store.NewSession(access.Element, 0).Private()
					root := decode(b, s, data)
					if _, err := c.Edit(nil, tree.Edit{Op: tree.Merge, Node: root}); err != nil {
						b.Fatal(err)
					}
					if _, err := c.Commit(b.Context(), CommitOptions{}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/entry")
			})
		}
	}
}

// cpu is the processor time that the process has used: what a commit costs, whatever the disk and the neighbours do.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// reportCPU reports processor time per operation since start.
func reportCPU(b *testing.B, start time.Duration) {
	b.ReportMetric(float64((cpu(b)-start).Microseconds())/float64(b.N), "cpu-µs/op")
}

func loaded(b *testing.B, kind string, n int) (*Store, *schema.Schema) {
	s := subscribers(b)
	store := open(b, b.TempDir(), Options{Schema: s, Startup: startup(decode(b, s, population(kind, n)))})
	return store, s
}

// BenchmarkCommitLeaf edits and commits one leaf among n entries: the cost must not depend on n.
func BenchmarkCommitLeaf(b *testing.B) {
	for _, kind := range []string{"plain", "rich"} {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				store, s := loaded(b, kind, n)
				path, err := schema.ParsePath(s, fmt.Sprintf("/example-subscribers:%s/subscriber[id='user%07d@example.net']/lifetime", kind, n/2), s.Module)
				if err != nil {
					b.Fatal(err)
				}
				session := store.NewSession(admin, 1)
				i := 0
				b.ReportAllocs()
				began := cpu(b)
				defer func() { reportCPU(b, began) }()
				for b.Loop() {
					i++
					c := session.Candidate()
					if _, err := c.Edit(nil, tree.At(s, path, tree.Merge, tree.NewLeaf(path.Last().Node, fmt.Sprint(4+i)))); err != nil {
						b.Fatal(err)
					}
					if _, err := c.Commit(b.Context(), CommitOptions{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkCommitNew creates one entry of a list with unique, leafref and must.
func BenchmarkCommitNew(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			store, s := loaded(b, "rich", n)
			session := store.NewSession(admin, 1)
			i := n
			began := cpu(b)
			defer func() { reportCPU(b, began) }()
			for b.Loop() {
				i++
				one := decode(b, s, []byte(fmt.Sprintf(`{"example-subscribers:rich": {"subscriber": [{"id": "new%d", "serial": "%d", "of": "net-1"}]}}`, i, i)))
				c := session.Private()
				if _, err := c.Edit(nil, tree.Edit{Op: tree.Merge, Node: one}); err != nil {
					b.Fatal(err)
				}
				if _, err := c.Commit(b.Context(), CommitOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEncode writes everything, as get-config does.
func BenchmarkEncode(b *testing.B) {
	s := subscribers(b)
	root := decode(b, s, population("plain", 100_000))
	for name, write := range map[string]func(io.Writer) error{
		"xml":  func(w io.Writer) error { return tree.WriteXML(w, root, tree.NetconfNamespace, "") },
		"json": func(w io.Writer) error { return tree.WriteJSON(w, root, "") },
	} {
		b.Run(name+"/100000", func(b *testing.B) {
			var n counting
			for b.Loop() {
				n = 0
				if err := write(&n); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(n))
		})
	}
}

type counting int

func (c *counting) Write(p []byte) (int, error) {
	*c += counting(len(p))
	return len(p), nil
}

// BenchmarkDecodeXML reads an edit-config of everything.
func BenchmarkDecodeXML(b *testing.B) {
	s := subscribers(b)
	var text strings.Builder
	if err := tree.WriteXML(&text, decode(b, s, population("plain", 100_000)), "", ""); err != nil {
		b.Fatal(err)
	}
	config := "<config>" + text.String() + "</config>"
	b.SetBytes(int64(len(config)))
	for b.Loop() {
		r := xmlio.NewReader(strings.NewReader(config), xmlio.Limits{})
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
		if _, err := tree.DecodeEdit(r, s.Root, tree.Merge, tree.DecodeOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemory reports what an entry of 13 leaves takes.
func BenchmarkMemory(b *testing.B) {
	s := subscribers(b)
	const n = 100_000
	data := population("plain", n)
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		root := decode(b, s, data)
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(root)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/entry")
}
