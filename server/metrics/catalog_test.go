package metrics

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"mooring/server/model"
	"mooring/server/tree/schema"
	"mooring/yang"
)

// TestEveryCounterIsExported looks for the counters and gauges of the model that are no metric: those that there are for each node, and
// those of single sessions of managers.
func TestEveryCounterIsExported(t *testing.T) {
	c, err := compile(element())
	if err != nil {
		t.Fatal(err)
	}
	missing, exported := map[string]int{}, 0
	var visit func(n *schema.Node)
	visit = func(n *schema.Node) {
		if typedef := typedefOf(n); !n.Config && (strings.Contains(typedef, "counter") || strings.Contains(typedef, "gauge")) {
			if c.samples[n] == nil {
				missing[n.Parent.Path()]++
			} else {
				exported++
			}
		}
		for _, child := range n.Children {
			visit(child)
		}
	}
	visit(element().Root)
	if exported < 100 {
		t.Errorf("only %d leaves are exported", exported)
	}
	for _, perNode := range []string{
		"/mooring-pmipv6:pmipv6/lma/bindings/binding", "/mooring-pmipv6:pmipv6/mag/bindings/binding",
		"/ietf-netconf-monitoring:netconf-state/sessions/session", "/ietf-subscribed-notifications:subscriptions/subscription/receivers/receiver",
	} {
		if missing[perNode] == 0 {
			t.Errorf("%s has series of its own", perNode)
		}
		delete(missing, perNode)
	}
	if len(missing) > 0 {
		t.Errorf("not exported: %v", missing)
	}
}

func typedefOf(n *schema.Node) string {
	if n.Type == nil {
		return ""
	}
	return n.Type.Resolved().Typedef
}

// TestNamesToCome makes metrics of the model with the features that are to come: no two leaves are one metric that should not be, and the
// names are what Prometheus wants them to be.
func TestNamesToCome(t *testing.T) {
	sources := model.Sources()
	for i, m := range sources {
		switch m.Name {
		case "mooring-pmipv6":
			sources[i].Features = strings.Fields("heartbeat revocation accounting mobile-local-loop multipath path-measurement mobile-network mobile-map hybrid-access entitlement tunnel-acl")
		case "ietf-access-control-list", "ietf-interfaces": // the features refer to them
			sources[i].Implement = true
		case "mooring-access-list-deviations", "mooring-network-instance-deviations": // until then
			sources[i].Implement = false
		case "mooring-system":
			sources[i].Features = append(sources[i].Features, "kernel-dataplane")
		}
	}
	s, err := schema.Compile(yang.FS, sources...)
	if err != nil {
		t.Fatal(err)
	}
	list, err := Catalog(s)
	if err != nil {
		t.Fatal(err)
	}
	today, err := Catalog(element())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) <= len(today) {
		t.Errorf("%d metrics, and %d without the features", len(list), len(today))
	}
	var text strings.Builder
	for _, m := range list {
		kind := map[bool]string{true: "counter", false: "gauge"}[m.Counter]
		text.WriteString("# HELP " + m.Name + " " + m.Help + "\n# TYPE " + m.Name + " " + kind + "\n" + m.Name + " 1\n")
	}
	problems, err := promlint.New(strings.NewReader(text.String())).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, want := range []string{"mooring_lma_peer_path_heartbeat_missed", "mooring_lma_peer_path_heartbeat_rtt_seconds", "mooring_lma_bri_sent_by_trigger_total"} {
		if !strings.Contains(text.String(), "\n"+want+" ") {
			t.Errorf("no %s", want)
		}
	}
}

// TestConflict refuses a schema in which one metric would have two meanings.
func TestConflict(t *testing.T) {
	c := &catalog{metrics: map[string]*Metric{}, samples: map[*schema.Node]*sample{}}
	top := element().Find("/mooring-pmipv6:pmipv6")
	received := element().Find("/mooring-pmipv6:pmipv6/lma/statistics/pbu/received")
	if err := c.add(top, received, counter); err != nil {
		t.Fatal(err)
	}
	c.metrics["mooring_lma_pbu_received_total"].Help = "Something else."
	if err := c.add(top, received, counter); err == nil || !strings.Contains(err.Error(), "would both be mooring_lma_pbu_received_total") {
		t.Errorf("error %v", err)
	}
}
