package yang_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The documents of testdata/valid/slice and state hold in an element that supports what the manifest says, those of
// testdata/valid/every-feature in one that supports everything.
func TestValidDocumentsAreAccepted(t *testing.T) {
	for folder, schema := range map[string][]string{
		"slice":         load(t, supported(), implemented(t)...),
		"state":         load(t, supported(), implemented(t)...),
		"every-feature": everything(t),
	} {
		files, err := filepath.Glob(filepath.Join("testdata/valid", folder, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no documents in %s: %v", folder, err)
		}
		for _, file := range files {
			t.Run(folder+"/"+filepath.Base(file), func(t *testing.T) {
				if said := validate(t, schema, file); said != "" {
					t.Error(said)
				}
			})
		}
	}
}

// everything is the schema with all features of all modules that hold data of ours.
func everything(t *testing.T) []string {
	return []string{fileOf(t, "mooring-pmipv6"), fileOf(t, "mooring-system"), fileOf(t, "mooring-deviations")}
}

// validate checks a document with configuration; a path in a folder called state leads to one with all data.
func validate(t *testing.T, schema []string, file string) (complaints string) {
	t.Helper()
	kind := "config"
	if filepath.Base(filepath.Dir(file)) == "state" {
		kind = "data"
	}
	return yanglint(t, append(append([]string{"-t", kind, "-e"}, schema...), file)...)
}

// An element without a feature does not have its nodes.
func TestGuardedNodesNeedTheirFeature(t *testing.T) {
	bare := load(t, nil, implemented(t)...)
	for document, first := range map[string]string{
		"s0-domain":            "customer",
		"s0-peer-mag":          "tunnel-interface",
		"s0-dynamic-mag":       "heartbeat",
		"s0-mobile-local-loop": "aaa",
		"s2-multipath-mag":     "mobile-map",
	} {
		t.Run(document, func(t *testing.T) {
			if said := validate(t, bare, filepath.Join("testdata/valid/every-feature", document+".json")); !strings.Contains(said, `Node "`+first+`" not found`) {
				t.Errorf("want a refusal of %s, got %q", first, said)
			}
		})
	}
}

// objects are the places that rules.txt speaks of: a document in which the object called "here" takes the JSON in.
var objects = map[string]string{
	"domain": `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "here": 0}]}}`,
	"lma":    `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d", "here": 0}]}}`,
	"mag": `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "lma": [{"id": "known", "ipv6-address": "2001:db8::1"}]}],
		"mag": [{"name": "m", "domain": "d", "here": 0}]}}`,
	"udp-lma": `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "encap": "udptunnel", "mobile-map": [{"name": "MAP1"}]}],
		"lma": [{"name": "l", "domain": "d", "here": 0}]}}`,
	"udp-mag": `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "encap": "udptunnel", "mobile-map": [{"name": "MAP1"}]}],
		"mag": [{"name": "m", "domain": "d", "here": 0}]}}`,
	"customer": `{"ietf-network-instance:network-instances": {"network-instance": [{"name": "VRF1"}, {"name": "VRF2"}, {"name": "TVRF1"}]},
		"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d",
			"address": {"ipv4": ["198.51.100.1"]}, "network": [{"name": "lma-net"}],
			"mobile-local-loop": {"customer": [{"name": "CUST1", "vrf": "VRF1", "here": 0},
				{"name": "CUST2", "vrf": "VRF2", "network": {"authorized": [{"name": "cust2-net"}]},
				 "transport": [{"vrf": "TVRF1", "ipv4-address": "203.0.113.2", "ipv6-address": "2001:db8::2"}]}]}}]}}`,
	"system": `{"mooring-system:system": {"here": 0}}`,
}

// inside returns the document of an object with fragment in it.
func inside(t *testing.T, object, fragment string) []byte {
	t.Helper()
	if object == "top" {
		return []byte(fragment)
	}
	var document any
	var members map[string]any
	if err := json.Unmarshal([]byte(objects[object]), &document); err != nil {
		t.Fatalf("object %q: %v", object, err)
	}
	if err := json.Unmarshal([]byte(fragment), &members); err != nil {
		t.Fatalf("%s: %v", fragment, err)
	}
	fill(document, members)
	out, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// fill adds members to the object that has a member called here.
func fill(value any, members map[string]any) {
	switch value := value.(type) {
	case map[string]any:
		if _, found := value["here"]; found {
			delete(value, "here")
			maps.Copy(value, members)
			return
		}
		for _, v := range value {
			fill(v, members)
		}
	case []any:
		for _, v := range value {
			fill(v, members)
		}
	}
}

func TestRules(t *testing.T) {
	text, err := os.ReadFile("testdata/rules.txt")
	if err != nil {
		t.Fatal(err)
	}
	schema := everything(t)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		field := strings.Split(line, " | ")
		if field[0] == "refuse" && len(field) != 4 || field[0] == "accept" && len(field) != 3 {
			t.Fatalf("rules.txt: cannot read %q", line)
		}
		t.Run(strings.Join(field[:3], " "), func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "instance.json")
			if err := os.WriteFile(file, inside(t, field[1], field[2]), 0o600); err != nil {
				t.Fatal(err)
			}
			said := validate(t, schema, file)
			switch {
			case field[0] == "accept" && said != "":
				t.Errorf("refused: %s", said)
			case field[0] == "refuse" && !strings.Contains(said, field[3]):
				t.Errorf("want a refusal that says %q, got %q", field[3], said)
			}
		})
	}
}
