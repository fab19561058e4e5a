package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/value"
)

// leaves are what somebody was told: by path with the keys of lists, the value as text. The values of a leaf-list are separated by commas.
type leaves map[string]string

// listKeys are the keys of the lists that are read, sorted, by the name of the list or, where there are two of them, also of what it is in.
var listKeys = map[string][]string{
	"lma": {"name"}, "mag": {"name"}, "binding": {"id"}, "peer": {"id"}, "path": {"address"}, "network": {"name"}, "by-status": {"status"},
	"by-trigger": {"trigger"}, "drop": {"reason"}, "paths/path": {"link", "lma"}, "tunnel": {"id"}, "session": {"id"}, "customer": {"name"},
	"transport": {"vrf"}, "transport/status": {"address"}, "authorized": {"name"},
}

func keysIn(parent, name string) []string {
	if k := listKeys[parent+"/"+name]; k != nil {
		return k
	}
	return listKeys[name]
}

// ofState is what of a machine is compared: pools, customers and entitlements also have configuration, and what is left of times ticks.
var ofState = regexp.MustCompile(`^/pmipv6/(lma|mag)\[name=[^]]*\]/((bindings|peers|paths|statistics|tunnels|network\[[^]]*\]/pool/mobile-node/ipv[46]/usage)/|` +
	`entitlement/(in-|bce-|peak-)|aaa/accounting/session\[|mobile-local-loop/customer\[[^]]*\]/(statistics/|transport\[[^]]*\]/status\[|mnp/\w+/in-use))`)

func (l leaves) only(keep func(path string) bool) leaves {
	l = maps.Clone(l)
	maps.DeleteFunc(l, func(path, _ string) bool { return !keep(path) })
	return l
}

func (l leaves) state() leaves {
	return l.only(func(path string) bool {
		return ofState.MatchString(path) && !strings.HasSuffix(path, "/remaining-lifetime") && !strings.HasSuffix(path, "/refresh-remaining")
	})
}

// differ tells where two differ.
func differ(want, got leaves) string {
	var text strings.Builder
	for _, path := range slices.Compact(slices.Sorted(func(yield func(string) bool) {
		maps.Keys(want)(yield)
		maps.Keys(got)(yield)
	})) {
		w, wanted := want[path]
		g, told := got[path]
		if w != g || wanted != told {
			fmt.Fprintf(&text, "\n%s is %q (%t), want %q (%t)", path, g, told, w, wanted)
		}
	}
	return text.String()
}

// withoutKeys is the path of a leaf in the schema.
func withoutKeys(path string) string { return key.ReplaceAllString(path, "") }

var key = regexp.MustCompile(`\[[^]]*\]`)

// take adds what a notification tells.
func (l leaves) take(t *testing.T, n *gpb.Notification) {
	t.Helper()
	for _, u := range n.GetUpdate() {
		at, parent := "", ""
		for _, e := range slices.Concat(n.GetPrefix().GetElem(), u.GetPath().GetElem()) {
			at += "/" + e.GetName()
			if len(e.GetKey()) > 0 {
				at += predicates(parent, e.GetName(), func(key string) string { return e.GetKey()[key] })
			}
			parent = e.GetName()
		}
		switch v := u.GetVal().GetValue().(type) {
		case *gpb.TypedValue_JsonIetfVal:
			l.json(t, at, parent, v.JsonIetfVal)
		case *gpb.TypedValue_JsonVal:
			l.json(t, at, parent, v.JsonVal)
		default:
			scalar, err := value.ToScalar(u.GetVal())
			must(t, err)
			l[at] = oneText(scalar)
		}
	}
}

// oneText is a value, or those of a leaf-list, of which no value has blanks or brackets.
func oneText(v any) string {
	text := fmt.Sprint(v)
	if strings.HasPrefix(text, "[") {
		text = strings.Trim(strings.ReplaceAll(text, " ", ","), "[]")
	}
	return text
}

// predicates are those of an entry of a list.
func predicates(parent, name string, value func(key string) string) (text string) {
	for _, key := range keysIn(parent, name) {
		text += "[" + key + "=" + value(key) + "]"
	}
	return text
}

func (l leaves) json(t *testing.T, at, name string, raw []byte) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.UseNumber()
	var v any
	must(t, decoder.Decode(&v))
	l.jsonValue(at, name, v)
}

func (l leaves) jsonValue(at, name string, v any) {
	object, ok := v.(map[string]any)
	if !ok {
		l[at] = oneText(v)
		return
	}
	for member, v := range object {
		member = member[strings.Index(member, ":")+1:] // the module may be before it (RFC 7951 section 4)
		entries := entriesOf(v)
		if entries == nil {
			l.jsonValue(at+"/"+member, member, v)
		}
		for _, entry := range entries {
			l.jsonValue(at+"/"+member+predicates(name, member, func(key string) string { return fmt.Sprint(entry[key]) }), member, entry)
		}
	}
}

// entriesOf are those of a list; of anything else there are none.
func entriesOf(v any) (entries []map[string]any) {
	many, _ := v.([]any)
	for _, one := range many {
		if entry, ok := one.(map[string]any); ok {
			entries = append(entries, entry)
		}
	}
	return entries
}

// node is an element of XML.
type node struct {
	XMLName  xml.Name
	Text     string `xml:",chardata"`
	Children []node `xml:",any"`
}

func (l leaves) xml(at, parent string, e node) {
	name := e.XMLName.Local
	at += "/" + name
	if len(e.Children) == 0 {
		if before, again := l[at]; again { // a value of a leaf-list
			e.Text = before + "," + e.Text
		}
		l[at] = e.Text
		return
	}
	at += predicates(parent, name, func(key string) string {
		for _, c := range e.Children {
			if c.XMLName.Local == key {
				return c.Text
			}
		}
		return ""
	})
	for _, c := range e.Children {
		l.xml(at, name, c)
	}
}
