package ios

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Whatever can be configured comes back from the text as it was: every leaf of every module, with values that are the default, switches
// that are off, and names that look like something else.
func TestEveryLeafComesBack(t *testing.T) {
	for name, dialect := range Dialects {
		t.Run(name, func(t *testing.T) {
			e := &everything{t: t, seen: map[*schema.Node]bool{}}
			for seed := range uint64(12) {
				e.Rand = rand.New(rand.NewPCG(seed, 1))
				e.draft = newDraft(grammar().schema)
				e.fill(grammar().schema.Root, nil)
				comesBack(t, e.draft.root, dialect)
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
			every(grammar().schema.Root, func(def *schema.Node) {
				if !e.seen[def] {
					t.Errorf("%s was never set", def)
				}
			})
		})
	}
}

// Each leaf by itself, set to its default: for many, no command of a router says that.
func TestEveryDefaultComesBack(t *testing.T) {
	e := &everything{t: t, Rand: rand.New(rand.NewPCG(2, 2)), seen: map[*schema.Node]bool{}}
	tried := 0
	every(grammar().schema.Root, func(def *schema.Node) {
		if len(def.Default) == 0 || def.Kind != schema.Leaf {
			return
		}
		e.draft = newDraft(grammar().schema)
		path := schema.Path{}
		for _, above := range def.Ancestors() {
			path = path.Append(above, e.keys(above)...)
		}
		e.leaf(path, def.Default[0])
		tried++
		for _, d := range Dialects {
			comesBack(t, e.draft.root, d)
		}
	})
	if tried < 100 {
		t.Errorf("only %d leaves with a default were tried", tried)
	}
}

// comesBack sends a configuration through text and back.
func comesBack(t *testing.T, root *tree.Node, d Dialect) {
	t.Helper()
	text, left := grammar().Print(root, d)
	if n := strings.Count(text, "\n"+modelMark) + strings.Count(text[:min(len(modelMark), len(text))], modelMark); n != len(left) {
		t.Errorf("%d lines are ours, and %d said to be\n%s\n%s", n, len(left), text, left)
	}
	again := grammar().Import(text, Options{Dialect: d})
	for _, i := range again.Items {
		if i.Outcome == Skipped {
			t.Errorf("%+v", i)
		}
	}
	if !again.Tree.Equal(root) {
		t.Errorf("another configuration comes back:\n%s\nfrom\n%s", differences(root, again.Tree), text)
	}
	if twice, _ := grammar().Print(again.Tree, d); twice != text {
		t.Errorf("another text comes back:\n%s\n%s", text, twice)
	}
}

// every calls f for each definition of something that can be configured.
func every(def *schema.Node, f func(*schema.Node)) {
	for _, kid := range def.Children {
		if kid.Config {
			f(kid)
			every(kid, f)
		}
	}
}

// everything makes configurations out of the definitions alone.
type everything struct {
	*rand.Rand
	t     *testing.T
	draft *draft
	seen  map[*schema.Node]bool
}

// fill sets about half of what there can be below a node, and what was never set before.
func (e *everything) fill(def *schema.Node, path schema.Path) {
	for _, kid := range def.Children {
		if !kid.Config || kid.IsKey() || e.seen[kid] && e.IntN(2) == 0 {
			continue
		}
		for range 1 + e.IntN(3) {
			at := path.Append(kid, e.keys(kid)...)
			switch kid.Kind {
			case schema.Container, schema.List:
				if kid.Kind == schema.List || kid.Presence {
					e.draft.apply(tree.At(e.draft.schema, at, tree.Merge, nil))
				}
				for i, key := range kid.Keys {
					e.mention(key, at.Last().Keys[i])
				}
				e.fill(kid, at)
			case schema.LeafList:
				e.draft.apply(tree.At(e.draft.schema, path.Append(kid, e.value(kid)), tree.Merge, nil))
			default:
				e.leaf(at, e.value(kid))
			}
		}
		e.seen[kid] = true
	}
}

func (e *everything) leaf(path schema.Path, value string) {
	e.draft.apply(tree.At(e.draft.schema, path, tree.Merge, tree.NewLeaf(path.Last().Node, value)))
	e.mention(path.Last().Node, value)
}

// mention makes the VRF that a value names, without which it would not be valid.
func (e *everything) mention(def *schema.Node, name string) {
	(&randomizer{g: grammar(), draft: e.draft}).vrf(def, name)
}

// keys are those of an entry, if the node is a list.
func (e *everything) keys(def *schema.Node) (keys []string) {
	if def.Kind != schema.List {
		return nil
	}
	for _, k := range def.Keys {
		keys = append(keys, e.value(k))
		e.seen[k] = true
	}
	return keys
}

func (e *everything) value(def *schema.Node) string {
	if def.Kind == schema.AnyData {
		return []string{`<top xmlns="urn:example"/>`, ""}[e.IntN(2)]
	}
	if len(def.Default) > 0 && e.IntN(3) == 0 {
		return def.Default[0]
	}
	const enough = 5000
	for range enough {
		if value, err := def.Type.ParseCanonical(e.text(def.Type.Resolved())); err == nil {
			return value
		}
	}
	e.t.Fatalf("%s: none of the words here is a value of it", def)
	return ""
}

// awkward are texts that could be taken for something else, or fall apart.
var awkward = []string{"a", "b2", "default", "null", "no", "exit", "!", "!x", "! mooring: {}", "/*", "a b", " a", "b ", "semi;colon", "quo\"te", "it's", "back\\slash", "tab\there",
	"two\nlines", "cr\r", "ä€𝄞", "no\u00a0break", "(config)", "(config-x)#", "R1#", "diameter", "group", "broadcast", "radius", "terminal", "definition", "vrf", "label", "7", "0", "08",
	"1", "any", "host", "Ethernet0/2", "Ethernet 0/2", "x]", "[a='b']", "{\"a\":1}", "-", strings.Repeat("n", 60)}

// plain are texts of types that most of awkward are no values of.
var plain = []string{"192.0.2.1", "198.51.100.0/24", "10.0.0.0/8", "203.0.113.7/32", "2001:db8::1", "fe80::1", "2001:db8:1::/48", "02:00:5e:10:00:01", "@realm", "user@realm", "a\"b@ä", "group@example.net",
	"00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff", "$6$saltsalt$" + strings.Repeat("h", 86), "deadbeef", "/ietf-interfaces:interfaces", "/a", "*", "true", "http://example.net/a?b",
	"2026-01-02T03:04:05Z", "ietf-access-control-list:ipv4-acl-type", "ietf-access-control-list:accept", "ietf-access-control-list:drop", "ietf-access-control-list:log-none", "ietf-access-control-list:log-syslog",
	"ietf-subscribed-notifications:encode-xml", "ietf-subscribed-notifications:transport", "example.net", "ssh-ed25519 AAAA a comment", "AAAA"}

// text guesses a value of a type.
func (e *everything) text(t *schema.Type) string {
	switch {
	case t.Base == schema.Union:
		return e.text(t.Members[e.IntN(len(t.Members))].Resolved())
	case t.Base == schema.Boolean:
		return strconv.FormatBool(e.IntN(2) == 0)
	case t.Base == schema.Empty:
		return ""
	case len(t.Enums) > 0:
		return t.Enums[e.IntN(len(t.Enums))].Name
	case len(t.Bits) > 0:
		return t.Bits[e.IntN(len(t.Bits))].Name
	case t.Base == schema.Binary:
		return base64.StdEncoding.EncodeToString([]byte(e.string()))
	case t.Base.IsInteger() && len(t.Ranges) > 0:
		low, high := t.Ranges[0].Min.Magnitude, t.Ranges[len(t.Ranges)-1].Max.Magnitude
		return strconv.FormatUint(low+e.Uint64N(high-low+1), 10)
	case t.Base.IsInteger():
		return strconv.Itoa(e.IntN(256))
	case t.Base == schema.Decimal64:
		return fmt.Sprintf("%d.%d", e.IntN(5), e.IntN(10))
	}
	return e.string()
}

func (e *everything) string() string {
	if e.IntN(3) == 0 {
		return plain[e.IntN(len(plain))]
	}
	return awkward[e.IntN(len(awkward))]
}

// Where commands make some entries of an access list and a line of ours the rest, the order stays.
func TestOrderComesBack(t *testing.T) {
	ace := func(name, more string) string {
		return fmt.Sprintf(`{"name": %q, "matches": {"ipv4": {"protocol": 17}}, "actions": {"forwarding": "accept"%s}}`, name, more)
	}
	for _, middle := range []string{ace("by name", ""), ace("15", `, "logging": "log-syslog"`), ace("5", "")} {
		text := `{"ietf-access-control-list:acls": {"acl": [{"name": "a", "type": "ipv4-acl-type", "aces": {"ace": [` +
			ace("10", "") + "," + middle + "," + ace("20", "") + `]}}]},
			"mooring-system:system": {"aaa": {"radius": {"group": [{"name": "g", "server": ["one", "(config)", "two"]}]}}}}`
		for _, d := range Dialects {
			comesBack(t, decode(t, text), d)
		}
	}
}

// A line of ours says all that JSON does, in whatever mode it stands; what is wrong with it is refused, at its place, without a secret.
func TestLinesOfOurs(t *testing.T) {
	const domain = `! mooring: {"mooring-pmipv6:pmipv6": {"domain": [{"name": "d", "local-routing": false}]}}`
	for text, want := range map[string]string{
		domain: "",
		"ipv6 mobile pmipv6-domain d\n encap udptunnel\n   " + domain + "\n nai a@r\n": "",
		"RP/0/RSP0/CPU0:router(config)#" + domain:                                      "",
		"! a comment\n!mooring is one, too\n" + domain:                                 "",
		"! mooring:":                                    "1 E-PARSE malformed JSON",
		"! mooring: {}":                                 "1 E-MISS the object",
		"! mooring: see below":                          "1 E-PARSE malformed JSON",
		domain + " {}":                                  "1 E-PARSE malformed JSON: there is more",
		"!\n! mooring: {\"a:b\": 1}":                    "2 E-PARSE",
		strings.Replace(domain, "false", "0", 1):        "1 E-RANGE /mooring-pmipv6:pmipv6/domain[name='d']/local-routing",
		strings.Replace(domain, `"name": "d", `, "", 1): "1 E-MISS",
		strings.Replace(domain, "domain", "domains", 1): "1 E-PARSE",
		`! mooring: {"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "domain": "d", "bce": {"lifetime": 9}}]}}`: "1 E-RANGE",
		inDomain + `! mooring: {"mooring-pmipv6:pmipv6": {"lma": [{"name": "l", "domain": "e"}]}}`:              "2 E-REF",
	} {
		base := decode(t, "{}")
		r := grammar().Import(text, Options{Dialect: XR, Base: base})
		got := ""
		for _, i := range r.Items {
			if checkCaret(t, i); i.Outcome == Refused && got == "" {
				got = fmt.Sprintf("%d %s %s", i.Line, i.Code, i.Message)
			}
		}
		if !strings.HasPrefix(got, want) || got != "" && want == "" {
			t.Errorf("%q: it says %q, want %q", text, got, want)
		}
		if want == "" && !sets(r, "domain[name='d']/local-routing = false") {
			t.Errorf("%q sets %s", text, items(r))
		}
	}
	const secret = `! mooring: {"mooring-system:system": {"aaa": {"radius": {"server": [{"name": "s", "shared-secret": "cisco"%s}]}}}}`
	for _, more := range []string{"", `, "address": "nowhere"`, `, "nothing": 1`} {
		var report strings.Builder
		if err := grammar().Import(fmt.Sprintf(secret, more), Options{Dialect: XR}).Write(&report); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(report.String(), "cisco") {
			t.Errorf("the report tells the secret:\n%s", &report)
		}
	}
}
