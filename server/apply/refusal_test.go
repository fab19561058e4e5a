package apply

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"mooring/server/datastore"
	"mooring/server/tree"
)

// refused starts a store with a startup document and returns what is said of it, in the order in which it is said.
func refused(t *testing.T, document string) (said []string) {
	t.Helper()
	for _, p := range complaints(t, document) {
		said = append(said, strings.TrimPrefix(p.Path.String(), "/mooring-pmipv6:pmipv6/")+" "+string(p.Tag))
	}
	return said
}

func complaints(t *testing.T, document string) []*tree.Error {
	t.Helper()
	e := shared()
	_, err := datastore.Open(t.Context(), datastore.Options{
		Schema: e.schema, Rules: e.rules,
		Pipeline: &datastore.Consumers[*Config]{
			Translator: func(old *Config, c datastore.Change) (*Config, []*tree.Error, error) {
				return e.Translator.Translate(old, c.Changes)
			},
			Critic: func(old *Config, c datastore.Change, gaps tree.Gaps) error { return e.Objections(old, c.Changes, gaps) },
		},
		Startup: func() (*tree.Node, error) {
			return tree.DecodeJSON(strings.NewReader(document), e.schema.Root, tree.DecodeOptions{})
		},
	})
	return tree.Errors(err)
}

// Errors that three stages find are said at once, in the order of the document, and nothing else is.
func TestErrorsOfAllStages(t *testing.T) {
	got := refused(t, `{"mooring-system:system": {"gnmi": {"port": 830}},
		"mooring-pmipv6:pmipv6": {
		"lma": [
			{"name": "b", "network": [{"name": "n", "pool": {"mobile-node": {"ipv4": {"start-address": "192.0.2.1", "pool-prefix": 24, "default-router": "198.51.100.1"}}}}]},
			{"name": "a", "domain": "d", "mag": [{"id": "m", "domain": "d"}]}],
		"domain": [{"nai": [{"network": "n", "service": "both", "id": "no nai"}], "encap": "pigeon", "name": "d"}]}}`)
	want := []string{
		"domain[name='d']/encap invalid-value",
		"domain[name='d']/nai[id='no nai']/id invalid-value",
		"domain[name='d']/nai[id='no nai']/service invalid-value",
		"lma[name='a']/mag[id='m'][domain='d'] data-missing",
		"lma[name='b']/domain data-missing",
		"lma[name='b']/network[name='n']/pool/mobile-node/ipv4/default-router operation-failed",
		"/mooring-system:system/gnmi/port operation-failed",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What follows from an error is not said beside it.
func TestNoConsequences(t *testing.T) {
	const home = `"network": [{"name": "n", "pool": {"mobile-node": {"ipv4": `
	for name, c := range map[string]struct{ pmipv6, want string }{
		"a key that does not match is not missing":   {`"domain": [{"name": "d", "nai": [{"id": "x"}]}]`, "domain[name='d']/nai[id='x']/id invalid-value"},
		"a value that does not parse is not missing": {`"lma": [{"name": "l", "domain": 7}]`, "lma[name='l']/domain invalid-value"},
		"a reference to a name that does not parse":  {`"domain": [{"name": 7}], "lma": [{"name": "l", "domain": "d"}]`, "domain[name='7']/name invalid-value"},
		"a reference into a list that does not":      {`"domain": "d", "lma": [{"name": "l", "domain": "d"}]`, "domain invalid-value"},
		"a must that reads what does not parse":      {`"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d", "mag": [{"id": "m", "domain": "d", "ipv4-address": "x"}]}]`, "lma[name='l']/mag[id='m'][domain='d']/ipv4-address invalid-value"},
		"a must that reads what is missing": {`"lma": [{"name": "l", "domain": "gone", "accept-forced-udp-encapsulation": true}]`,
			"lma[name='l']/domain data-missing"},
		"a pool without a length": {`"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d", ` + home + `{"start-address": "192.0.2.1"}}}}]},
			{"name": "m", "domain": "d", ` + home + `{"start-address": "10.0.0.1", "pool-prefix": 8}}}}]}]`,
			"lma[name='l']/network[name='n']/pool/mobile-node/ipv4/pool-prefix data-missing"},
		"a router outside an unknown subnet": {`"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d", ` + home + `{"start-address": "192.0.2.1", "pool-prefix": 99, "default-router": "10.0.0.1"}}}}]}]`,
			"lma[name='l']/network[name='n']/pool/mobile-node/ipv4/pool-prefix invalid-value"},
		"networks larger than their pool": {`"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d", "network": [{"name": "n", "pool": {"mobile-network": {
			"ipv4": [{"start-address": "192.0.2.1", "pool-prefix": 24, "network-prefix": 20}]}}}]}]`,
			"lma[name='l']/network[name='n']/pool/mobile-network/ipv4[start-address='192.0.2.1'] operation-failed"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := refused(t, `{"mooring-pmipv6:pmipv6": {`+c.pmipv6+`}}`); !slices.Equal(got, []string{c.want}) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	ports := refused(t, `{"mooring-system:system": {"netconf": {"ssh": {"port": 70000}}, "gnmi": {"port": 830}}}`)
	if want := []string{"/mooring-system:system/netconf/ssh/port invalid-value"}; !slices.Equal(ports, want) {
		t.Errorf("a port that may be another's: got %q, want %q", ports, want)
	}
}

// object is a JSON object in the making.
type object map[string]any

func (o object) add(list string, entry object) object {
	entries, _ := o[list].([]object)
	o[list] = append(entries, entry)
	return entry
}

// plant puts one error into an entry and says where it is found.
type plant struct {
	name, spot string // no entry gets two of one spot
	into       func(o object, number int) string
}

func network(o object, name, start string, prefix int, router string) {
	v4 := object{"start-address": start, "pool-prefix": prefix}
	if router != "" {
		v4["default-router"] = router
	}
	o.add("network", object{"name": name, "pool": object{"mobile-node": object{"ipv4": v4}}})
}

var ofDomains = []plant{
	{"type", "encap", func(o object, _ int) string { o["encap"] = "pigeon"; return "/encap invalid-value" }},
	{"kind", "encap", func(o object, _ int) string { o["encap"] = object{}; return "/encap invalid-value" }},
	{"pattern of a key", "nai1", func(o object, _ int) string {
		o.add("nai", object{"id": "x", "service": "ipv6"})
		return "/nai[id='x']/id invalid-value"
	}},
	{"missing key", "nai2", func(o object, _ int) string { o.add("nai", object{"network": "n"}); return "/nai missing-element" }},
	{"twice", "nai3", func(o object, _ int) string {
		o.add("nai", object{"id": "t@d"})
		o.add("nai", object{"id": "t@d"})
		return "/nai[id='t@d'] bad-element"
	}},
	{"entry that is none", "lma", func(o object, _ int) string { o["lma"] = []int{5}; return "/lma invalid-value" }},
	{"array that is none", "profile", func(o object, _ int) string { o["profile"] = "p"; return "/profile invalid-value" }},
	{"unknown node", "colour", func(o object, _ int) string { o["colour"] = "red"; return " unknown-element" }},
	{"two cases", "replay", func(o object, _ int) string {
		o["replay-protection"] = object{"window": 5, "window-milliseconds": 500}
		return "/replay-protection/window-milliseconds bad-element" // the later one
	}},
	{"group address", "mac", func(o object, _ int) string {
		o["fixed-mag-link-layer"] = "01:00:5e:00:00:01"
		return "/fixed-mag-link-layer operation-failed"
	}},
}

var ofLMAs = []plant{
	{"mandatory", "domain", func(o object, _ int) string { delete(o, "domain"); return "/domain data-missing" }},
	{"reference", "domain", func(o object, _ int) string { o["domain"] = "gone"; return "/domain data-missing" }},
	{"range", "bce", func(o object, _ int) string { o["bce"] = object{"lifetime": 3}; return "/bce/lifetime invalid-value" }},
	{"must", "mag1", func(o object, _ int) string {
		o.add("mag", object{"id": "m", "domain": "d"})
		return "/mag[id='m'][domain='d'] data-missing"
	}},
	{"unique", "mag2", func(o object, i int) string {
		for _, id := range []string{"n1", "n2"} {
			o.add("mag", object{"id": id, "domain": "d", "ipv4-address": fmt.Sprintf("203.0.113.%d", i+1)})
		}
		return "/mag[id='n2'][domain='d'] operation-failed"
	}},
	{"router outside", "net1", func(o object, i int) string {
		network(o, "router", fmt.Sprintf("10.%d.1.1", i), 24, "198.51.100.1")
		return "/network[name='router']/pool/mobile-node/ipv4/default-router operation-failed"
	}},
	{"overlap", "net2", func(o object, i int) string {
		network(o, "over", fmt.Sprintf("10.%d.2.10", i), 24, "")
		network(o, "lap", fmt.Sprintf("10.%d.2.20", i), 24, "")
		return "/network[name='lap']/pool/mobile-node/ipv4/start-address operation-failed"
	}},
	{"length that does not parse", "net3", func(o object, i int) string {
		network(o, "length", fmt.Sprintf("10.%d.3.1", i), 99, "198.51.100.1")
		return "/network[name='length']/pool/mobile-node/ipv4/pool-prefix invalid-value"
	}},
	{"mandatory below", "net4", func(o object, _ int) string {
		o.add("network", object{"name": "half", "pool": object{"mobile-node": object{"ipv4": object{"pool-prefix": 24}}}})
		return "/network[name='half']/pool/mobile-node/ipv4/start-address data-missing"
	}},
	{"address of another", "address", func(o object, _ int) string {
		o["address"] = object{"ipv6": []string{"2001:db8:1::1"}}
		return "/address/ipv6[.='2001:db8:1::1'] operation-failed"
	}},
}

// TestPlantedErrors plants errors of all stages at random, and finds each of them and no other.
func TestPlantedErrors(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		pmipv6 := object{}
		pmipv6.add("domain", object{"name": "d"})
		pmipv6.add("lma", object{"name": "a", "domain": "d", "address": object{"ipv6": []string{"2001:db8:1::1"}}})
		var want []string
		number := 0
		sow := func(list string, kinds []plant, entry object) {
			spots := map[string]bool{}
			for range r.IntN(4) {
				p := kinds[r.IntN(len(kinds))]
				if spots[p.spot] {
					continue
				}
				spots[p.spot] = true
				number++
				want = append(want, fmt.Sprintf("%s[name='%s']%s", list, entry["name"], p.into(entry, number)))
			}
		}
		for i := range 3 {
			sow("domain", ofDomains, pmipv6.add("domain", object{"name": fmt.Sprint("d", i)}))
			sow("lma", ofLMAs, pmipv6.add("lma", object{"name": fmt.Sprint("l", i), "domain": "d"}))
		}
		document, err := json.Marshal(object{"mooring-pmipv6:pmipv6": pmipv6})
		if err != nil {
			t.Fatal(err)
		}
		got := refused(t, string(document))
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: got\n%s\nwant\n%s\nof %s", seed, strings.Join(got, "\n"), strings.Join(want, "\n"), document)
		}
	}
}

// TestMutilatedDocuments spoils documents at random: whatever comes of it, it is accepted, or all that is said says where.
func TestMutilatedDocuments(t *testing.T) {
	text, err := os.ReadFile("testdata/everything.json")
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(200) {
		var document any
		if err := json.Unmarshal(text, &document); err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(seed, 2))
		for range 1 + r.IntN(8) {
			document = mutilate(r, document)
		}
		spoilt, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range refused(t, string(spoilt)) {
			if !strings.Contains(line, " ") || strings.HasPrefix(line, " ") {
				t.Errorf("seed %d: %q says nothing of where", seed, line)
			}
		}
	}
}

// mutilate changes one value somewhere in a document, or takes it out, or calls it something else.
func mutilate(r *rand.Rand, v any) any {
	junk := []any{nil, 7, -1, "", "x", true, []any{}, []any{nil}, object{}, object{"x": 1}, []any{object{}}, "192.0.2.1", 1e300}
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 || r.IntN(6) == 0 {
			break
		}
		names := slices.Sorted(maps.Keys(v))
		name := names[r.IntN(len(names))]
		switch r.IntN(12) {
		case 0:
			delete(v, name)
		case 1:
			v[name+"x"] = v[name]
			delete(v, name)
		default:
			v[name] = mutilate(r, v[name])
		}
		return v
	case []any:
		if len(v) == 0 || r.IntN(6) == 0 {
			break
		}
		i := r.IntN(len(v))
		if r.IntN(6) == 0 {
			return append(v, v[i])
		}
		v[i] = mutilate(r, v[i])
		return v
	}
	return junk[r.IntN(len(junk))]
}
