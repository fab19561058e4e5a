package datastore

import (
	"bytes"
	"fmt"
	"testing"

	"mooring/server/model"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// element compiles the modules of a Mooring element.
func element(t testing.TB) *schema.Schema {
	t.Helper()
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// domain writes a domain with n NAIs and an LMA with the network that they are in.
func domain(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "nai": [`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id": "user%07d@example.net", "network": "net-a", "service": "dual"}`, i)
	}
	b.WriteString(`]}], "lma": [{"name": "lma1", "domain": "d", "network": [{"name": "net-a"}]}]}}`)
	return b.Bytes()
}

// BenchmarkOwnModel edits and commits one leaf of one NAI among n, and one of the LMA.
func BenchmarkOwnModel(b *testing.B) {
	s := element(b)
	for _, n := range sizes {
		store := open(b, b.TempDir(), Options{Schema: s, Startup: startup(decode(b, s, domain(n)))})
		session := store.NewSession(admin, 1)
		for name, c := range map[string]struct{ path, one, two string }{
			"nai": {fmt.Sprintf("/mooring-pmipv6:pmipv6/domain[name='d']/nai[id='user%07d@example.net']/service", n/2), "ipv4", "ipv6"},
			"lma": {"/mooring-pmipv6:pmipv6/lma[name='lma1']/bce/lifetime", "3000", "4000"},
		} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				path, err := schema.ParsePath(s, c.path, s.Module)
				if err != nil {
					b.Fatal(err)
				}
				began := cpu(b)
				defer func() { reportCPU(b, began) }()
				for i := 0; b.Loop(); i++ {
					value := []string{c.one, c.two}[i%2]
					if _, err := session.Candidate().Edit(nil, tree.At(s, path, tree.Merge, tree.NewLeaf(path.Last().Node, value))); err != nil {
						b.Fatal(err)
					}
					if _, err := session.Candidate().Commit(b.Context(), CommitOptions{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
