package apply

import (
	"os"
	"slices"
	"strings"
	"testing"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// elsewhere are the configuration nodes that this package does not translate, with everything below them.
var elsewhere = map[string]string{
	"/ietf-netconf-acm:nacm":                                                "server/access decides by the running configuration itself",
	"/ietf-access-control-list:acls/acl/name":                               "a list does nothing by itself: whoever refers to it has it by its name",
	"/ietf-network-instance:network-instances/network-instance/name":        "a VRF is made when something is in it; the schema refuses names of none",
	"/ietf-network-instance:network-instances/network-instance/description": "for people",
	"/ietf-subscribed-notifications:filters":                                "server/netconf looks filters up by name at each subscription",
	startOfRange:                                                            "another range with the same end overlaps the first: TestNETP05_BadInput",
	"/mooring-system:system/aaa/accounting/mobile/name":                     "LMAs use the list called default, and nobody uses another",
	"/mooring-system:system/aaa/radius/group/name":                          "another group is one that no list names",
	"/mooring-system:system/user":                                           "server/access looks users up at each login; here their keys are checked",
	"/mooring-system:system/client-certificate":                             "server/access looks certificates up at each login; here they are checked for doubles",
}

const startOfRange = "/mooring-pmipv6:pmipv6/local-pool/range/start-address"

// candidates are values for any type; those that a type does not know are passed over.
var candidates = []string{
	"neq", "ietf-access-control-list:drop", "ietf-access-control-list:accept", "ietf-access-control-list:ipv6-acl-type", "192.0.2.0/26", "2001:db8:300::/64",
	"false", "true", "disabled", "1", "2", "3", "12", "25", "61", "64", "97", "100", "200", "1000", "1296", "8000", "9000", "60000",
	"timestamp", "ignore", "derive", "unspecified", "all-messages", "ip-in-ip", "gre-ipv4", "gre-ipv6", "ipv4", "wimax", "wlan", "auto", "tls", "unauthorized", "apn", "authorize-only", "label",
	"fe80::77", "02:00:00:00:00:77", "other.example", "x77@example.net", "r2", "spare", "198.51.100.77", "192.0.2.77", "2001:db8:300::77", "00aa",
	"AAAAC3NzaC1lZDI1NTE5AAAAINRzXjomXhbu4D9ZcYubXQMBnAfYtsUfkNo6Zm7sE6s1", strings.TrimSuffix(strings.Repeat("77:", 32), ":"),
}

// TestLeafCoverage sets every configuration leaf of the schema in turn to another value, or adds an entry with another key. The
// native configuration is then another one.
func TestLeafCoverage(t *testing.T) {
	text, err := os.ReadFile("testdata/everything.json")
	if err != nil {
		t.Fatal(err)
	}
	e := shared()
	root := e.parse(t, string(text))
	before := e.translate(t, nil, root)
	want := dump(before)
	leaves := 0
	var visit func(def *schema.Node)
	visit = func(def *schema.Node) {
		if !def.Config || elsewhere[def.Path()] != "" {
			return
		}
		for _, child := range def.Children {
			visit(child)
		}
		if def.Kind != schema.Leaf && def.Kind != schema.LeafList {
			return
		}
		leaves++
		tried := 0
		for _, changed := range e.others(t, root, def) {
			after, _, err := e.Translate(before, changed)
			if err != nil {
				continue // a value that makes no sense with the rest
			}
			tried++
			if dump(after) != want {
				return
			}
		}
		if tried == 0 {
			t.Errorf("%s: no value was tried; the document needs an instance of it, or the list a candidate", def)
		} else {
			t.Errorf("%s: changes nothing, whatever its value is", def)
		}
	}
	visit(e.schema.Root)
	if leaves < 90 {
		t.Errorf("only %d leaves were looked at", leaves)
	}
}

// others returns root with the leaf def set to other values, wherever it or the node that it belongs to is.
func (e *element) others(t *testing.T, root *tree.Node, def *schema.Node) (variants []*tree.Node) {
	for _, above := range instances(root, schema.Path{}, def.Parent) {
		holder := root.Get(above)
		for _, candidate := range candidates {
			value, err := def.Type.ParseCanonical(candidate)
			if err != nil || holder != nil && childOf(holder, def) != nil && childOf(holder, def).Value() == value {
				continue
			}
			edits := []tree.Edit{tree.At(e.schema, above.Append(def), tree.Merge, tree.NewLeaf(def, value))}
			switch {
			case def.IsKey():
				edits = []tree.Edit{copied(e.schema, above, holder, def, value, true), copied(e.schema, above, holder, def, value, false)}
			case def.Kind == schema.LeafList:
				edits[0] = tree.At(e.schema, above.Append(def, value), tree.Merge, nil)
			}
			for _, edit := range edits {
				changed, err := tree.Apply(root, edit)
				if err != nil {
					t.Fatal(err)
				}
				variants = append(variants, changed)
			}
		}
	}
	return variants
}

// copied adds a copy of a list entry that has another value of one key: of all of the entry, or of what it must hold.
func copied(s *schema.Schema, at schema.Path, entry *tree.Node, key *schema.Node, value string, all bool) tree.Edit {
	keys := slices.Clone(entry.Keys())
	keys[key.Position] = value
	var b tree.Builder
	b.Open(entry.Schema())
	for i, k := range entry.Schema().Keys {
		b.Leaf(k, keys[i])
	}
	for kid := range entry.Children() {
		if kid.Schema().IsKey() || !all && !kid.Schema().Mandatory {
			continue
		}
		if !kid.IsList() {
			b.Add(kid)
		}
		for each := range kid.Entries() {
			b.Add(each)
		}
	}
	made, _ := b.Close()
	return tree.At(s, at.Parent().Append(entry.Schema(), keys...), tree.Merge, made)
}

// instances returns the paths of the instances of a definition; of containers that are not there too, if they could be.
func instances(n *tree.Node, at schema.Path, def *schema.Node) (found []schema.Path) {
	chain := def.Ancestors()
	if len(at) == len(chain) {
		return []schema.Path{at}
	}
	next := chain[len(at)]
	if next.Kind != schema.List {
		return instances(n, at.Append(next), def)
	}
	holder := n.Get(at)
	if holder == nil {
		return nil
	}
	for e := range holder.Child(next).Entries() {
		found = append(found, instances(n, at.Append(next, e.Keys()...), def)...)
	}
	return found
}

// The list of what is translated elsewhere names nodes that there are, and nothing of pmipv6.
func TestElsewhere(t *testing.T) {
	for path := range elsewhere {
		if shared().schema.Find(path) == nil {
			t.Errorf("%s is not in the schema", path)
		}
		if strings.Contains(path, "pmipv6") && path != startOfRange {
			t.Errorf("%s: all of pmipv6 is translated here", path)
		}
	}
}
