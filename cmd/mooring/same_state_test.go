package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"mooring/cmd/mooring/client"
	"mooring/server/model"
)

// asked is an LMA or MAG, and the subtrees of its state that everybody is asked for.
type asked struct {
	p        *process
	at       string // of the machine
	subtrees []string
	filter   string // the same for NETCONF
	least    int    // leaves there are
	views    []string
}

// TestSameStateEverywhere asks an anchor and a gateway that have registered a node for bindings, peers, tunnels, pools and counters, in every way
// there is: the same leaves are told with the same values. Only what ticks is left out.
func TestSameStateEverywhere(t *testing.T) {
	d := newDomain(t)
	for _, a := range []asked{
		{p: d.anchor, at: "/pmipv6/lma[name=lma]", subtrees: []string{"bindings", "peers", "tunnels", "statistics", "entitlement", "network[name=home]/pool/mobile-node"}, least: 100,
			views:  []string{"bindings", "peers", "tunnels", "statistics", "entitlement", "pools"},
			filter: `<lma><name>lma</name><bindings/><peers/><tunnels/><statistics/><entitlement/><network><name>home</name><pool><mobile-node/></pool></network></lma>`},
		{p: d.gateway, at: "/pmipv6/mag[name=mag1]", subtrees: []string{"bindings", "paths", "tunnels", "statistics"}, least: 60, views: []string{"bindings", "peers", "tunnels", "statistics"},
			filter: `<mag><name>mag1</name><bindings/><paths/><tunnels/><statistics/></mag>`},
	} {
		a.sameEverywhere(t)
	}
}

// The same holds for what customers, tunnels, entitlement and accounting have of state.
func TestSameStateOfCustomersEverywhere(t *testing.T) {
	s := newShared(t)
	s.inject()
	eventually(t, func() string {
		if table := s.show("accounting-sessions"); strings.Count(table, "mobile-node") != 3 || strings.Contains(table, " - ") {
			return "sessions are not accounted for yet:\n" + table
		}
		return ""
	})
	a := asked{p: s.p, at: "/pmipv6/lma[name=lma1]", subtrees: []string{"bindings", "peers", "tunnels", "statistics", "entitlement", "aaa/accounting/session", "mobile-local-loop/customer",
		"network[name=home]/pool/mobile-node"}, least: 300,
		views: []string{"bindings", "peers", "tunnels", "statistics", "entitlement", "accounting-sessions", "customers", "pools"},
		filter: `<lma><name>lma1</name><bindings/><peers/><tunnels/><statistics/><entitlement/><aaa><accounting><session/></accounting></aaa>` +
			`<mobile-local-loop><customer/></mobile-local-loop><network><name>home</name><pool><mobile-node/></pool></network></lma>`}
	for _, part := range []string{"/tunnels/", "/entitlement/peak", "/session[", "]/statistics/bce-count", "/status[", "/in-use"} {
		if len(a.get(t, gpb.Encoding_PROTO).only(func(path string) bool { return strings.Contains(path, part) })) == 0 {
			t.Errorf("nobody is told of %s", part)
		}
	}
	a.sameEverywhere(t)
}

// sameEverywhere asks in every way there is.
func (a *asked) sameEverywhere(t *testing.T) {
	a.p.set("true", elem("system"), elem("metrics"), elem("enabled"))
	ways := map[string]func(*testing.T) leaves{
		"gNMI Get in JSON_IETF": func(t *testing.T) leaves { return a.get(t, gpb.Encoding_JSON_IETF) },
		"gNMI Get in JSON":      func(t *testing.T) leaves { return a.get(t, gpb.Encoding_JSON) },
		"gNMI Subscribe ONCE":   a.subscribe,
		"NETCONF get":           a.netconfGet,
		"NETCONF get-data":      a.netconfGetData,
		"YANG-push periodic":    func(t *testing.T) leaves { return a.push(t, periodic) },
		"YANG-push on change":   func(t *testing.T) leaves { return a.push(t, onChange) },
		"mooring show":          a.show,
		"metrics":               a.metrics,
	}
	for _, way := range slices.Sorted(maps.Keys(ways)) {
		t.Run(a.p.host.Name+"/"+way, func(t *testing.T) {
			// A counter may count while somebody is asked: what was so before and after has to be told.
			eventually(t, func() string {
				before := a.get(t, gpb.Encoding_PROTO)
				got := ways[way](t)
				if after := a.get(t, gpb.Encoding_PROTO); !maps.Equal(before, after) {
					return "the state does not come to rest: " + differ(before, after)
				}
				want := a.shared(t, way, before)
				if len(before) < a.least || len(want) < a.least/4 {
					t.Fatalf("of only %d leaves %d are told: %v", len(before), len(want), before)
				}
				if text := differ(want, got); text != "" {
					t.Error(text)
				}
				return ""
			})
		})
	}
}

// shared is what of the state somebody is told at all.
func (a *asked) shared(t *testing.T, way string, all leaves) leaves {
	switch way {
	case "YANG-push on change": // of counters, which always change, only those that are part of a binding
		s, err := model.Schema()
		must(t, err)
		return all.only(func(path string) bool {
			n := s.Find("/mooring-pmipv6:" + withoutKeys(path)[1:])
			return strings.Contains(path, "/bindings/") || !strings.Contains(n.Type.Resolved().Typedef, "counter")
		})
	case "metrics":
		return exported(t, all)
	}
	return all
}

// paths are the subtrees in gNMI.
func (a *asked) paths() (list []*gpb.Path) {
	key := regexp.MustCompile(`^([^[]*)(?:\[(.*)=(.*)\])?$`)
	for _, subtree := range a.subtrees {
		p := &gpb.Path{}
		for step := range strings.SplitSeq(strings.TrimPrefix(a.at+"/"+subtree, "/"), "/") {
			if m := key.FindStringSubmatch(step); m[2] != "" {
				p.Elem = append(p.Elem, elem(m[1], m[2], m[3]))
			} else {
				p.Elem = append(p.Elem, elem(step))
			}
		}
		list = append(list, p)
	}
	return list
}

func (a *asked) dial(t *testing.T) *client.Client {
	t.Helper()
	c, err := (&client.Target{StateDir: a.p.dir}).Dial()
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func (a *asked) get(t *testing.T, encoding gpb.Encoding) leaves {
	t.Helper()
	answer, err := a.dial(t).GNMIClient.Get(t.Context(), &gpb.GetRequest{Path: a.paths(), Encoding: encoding})
	must(t, err)
	l := leaves{}
	for _, n := range answer.GetNotification() {
		l.take(t, n)
	}
	return l.state()
}

func (a *asked) subscribe(t *testing.T) leaves {
	stream, err := a.dial(t).Subscribe(t.Context())
	must(t, err)
	list := &gpb.SubscriptionList{Mode: gpb.SubscriptionList_ONCE, Encoding: gpb.Encoding_PROTO}
	for _, p := range a.paths() {
		list.Subscription = append(list.Subscription, &gpb.Subscription{Path: p})
	}
	must(t, stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}}))
	l := leaves{}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return l.state()
		}
		must(t, err)
		l.take(t, m.GetUpdate())
	}
}

func (a *asked) subtree() string {
	return `<pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6">` + a.filter + `</pmipv6>`
}

func (a *asked) session(t *testing.T) *client.Session {
	t.Helper()
	s, err := manage(t.Context(), &client.Target{StateDir: a.p.dir})
	must(t, err)
	return s
}

func (a *asked) do(t *testing.T, operation string) leaves {
	t.Helper()
	var reply struct {
		State node `xml:"data>pmipv6"`
	}
	s := a.session(t)
	defer s.Close()
	must(t, s.Do(operation, &reply))
	l := leaves{}
	l.xml("", "", reply.State)
	return l.state()
}

func (a *asked) netconfGet(t *testing.T) leaves {
	return a.do(t, `<get><filter>`+a.subtree()+`</filter></get>`)
}

const operational = ` xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores">ds:operational</datastore>`

func (a *asked) netconfGetData(t *testing.T) leaves {
	return a.do(t, `<get-data xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"><datastore`+operational+`<subtree-filter>`+a.subtree()+`</subtree-filter></get-data>`)
}

// The space of YANG-push, and how a subscription to it is told of (RFC 8641 section 3.1).
const (
	yp       = ` xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-push"`
	periodic = `<periodic` + yp + `><period>10000</period></periodic>` // centiseconds
	onChange = `<on-change` + yp + `/>`                                // and all there is when it starts
)

// push is what a receiver is told at first.
func (a *asked) push(t *testing.T, when string) leaves {
	t.Helper()
	s := a.session(t)
	defer s.Close()
	must(t, s.Do(`<establish-subscription xmlns="urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"><datastore`+yp+operational+
		`<datastore-subtree-filter`+yp+`>`+a.subtree()+`</datastore-subtree-filter>`+when+`</establish-subscription>`, nil))
	for {
		message, err := s.Next()
		must(t, err)
		var told struct {
			Update *struct {
				State node `xml:"datastore-contents>pmipv6"`
			} `xml:"push-update"`
		}
		must(t, xml.Unmarshal(message, &told))
		if told.Update != nil {
			l := leaves{}
			l.xml("", "", told.Update.State)
			return l.state()
		}
	}
}

func (a *asked) show(t *testing.T) leaves {
	l := leaves{}
	for _, view := range a.views {
		for line := range strings.Lines(a.p.show(view, "--json")) {
			var row struct {
				Path  string
				Value json.RawMessage
			}
			must(t, json.Unmarshal([]byte(line), &row))
			l.json(t, row.Path, path.Base(withoutKeys(row.Path)), row.Value)
		}
	}
	return l.state()
}

// metricPaths are the lines of the page of metrics: by name, the path of the leaf.
func metricPaths(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/metrics.md")
	must(t, err)
	paths := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(mooring_(?:lma|mag)_\\w+)` .*\\| `/mooring-pmipv6:([^` ]*)` \\|$").FindAllStringSubmatch(string(page), -1) {
		paths[m[1]] = "/" + m[2]
	}
	return paths
}

var (
	series = regexp.MustCompile(`(?m)^(mooring_(?:lma|mag)_\w+)\{(.*)\} (\S+)$`)
	label  = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// metrics are the series that come from leaves of state.
func (a *asked) metrics(t *testing.T) leaves {
	text, err := scrape(a.p.host, "http", "127.0.0.1:9340")
	must(t, err)
	paths, l := metricPaths(t), leaves{}
	for _, m := range series.FindAllStringSubmatch(text, -1) {
		labels := map[string]string{}
		for _, kv := range label.FindAllStringSubmatch(m[2], -1) {
			labels[kv[1]] = kv[2]
		}
		at, parent := "", ""
		for name := range strings.SplitSeq(strings.TrimPrefix(paths[m[1]], "/"), "/") {
			if name == "*" {
				name = labels["kind"] + labels["family"] + labels["reason"]
			}
			at += "/" + name + predicates(parent, name, func(key string) string {
				if v, ok := labels[name]; ok && len(keysIn(parent, name)) == 1 {
					return v
				}
				return labels[key]
			})
			parent = name
		}
		l[at] = number(t, m[3])
	}
	return l.state()
}

// exported is what of the state metrics have, by the page that lists them, and as numbers: 1 is up, and times are seconds.
func exported(t *testing.T, all leaves) leaves {
	t.Helper()
	var patterns []string
	for _, path := range metricPaths(t) {
		patterns = append(patterns, strings.ReplaceAll(path, "*", `[^/]*`))
	}
	page := regexp.MustCompile(`^(` + strings.Join(patterns, "|") + `)$`)
	l := leaves{}
	for path, text := range all {
		if !page.MatchString(withoutKeys(path)) {
			continue
		}
		switch {
		case strings.HasSuffix(path, "/oper-status") && text == "unknown":
			continue
		case text == "true" || text == "false":
			text = map[bool]string{true: "1", false: "0"}[text == "true"]
		case strings.HasSuffix(path, "/oper-status"):
			text = map[bool]string{true: "1", false: "0"}[text == "up"]
		case strings.Contains(text, "T"):
			at, err := time.Parse(time.RFC3339Nano, text)
			must(t, err)
			text = fmt.Sprint(float64(at.UnixNano()) / 1e9)
		}
		l[path] = number(t, text)
	}
	return l
}

// number is a number in one notation.
func number(t *testing.T, text string) string {
	t.Helper()
	f, err := strconv.ParseFloat(text, 64)
	must(t, err)
	return strconv.FormatFloat(f, 'f', 3, 64)
}
