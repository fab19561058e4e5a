package metrics

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

const page = "../../docs/metrics.md"

const preface = `# Metrics

What ` + "`/metrics`" + ` has for Prometheus. It is off until it is configured; see [the example](../examples/prometheus/README.md).

Each metric is a node of operational state, which gNMI and NETCONF show as well, under the path in the last column. Labels are the keys of
the lists on the way. Series of Go and of the process come with them, and those that begin with ` + "`promhttp_`" + ` tell how scrapes went.

- Times are seconds since 1970, and there is no series while nothing has happened. Octets are called bytes, as Prometheus has it.
- A series that ends in ` + "`_up`" + ` is 1 while the thing is up, 0 while it is not, and absent while that is not known.
- Counters begin at 0 when the element starts, and when the machine, peer or tunnel that they count for comes back. The action
  clear-statistics lets them begin anew, too; Prometheus takes that for the restart of a counter, which rate() and increase() allow for.
- What there is once for each mobile node or each session of a manager is **not** exported: a million bindings would be many
  millions of series. Ask for it over gNMI. An LMA with ten thousand peers has about three hundred thousand series; where that is
  too many, drop those that begin with ` + "`mooring_lma_peer_`" + ` or ` + "`mooring_lma_tunnel_`" + ` in the scrape configuration.

This page is generated from the YANG modules: ` + "`go generate ./server/metrics`" + `.

`

// TestPage compares docs/metrics.md with what is exported. go generate writes it.
func TestPage(t *testing.T) {
	list, err := Catalog(element())
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	text.WriteString(preface)
	for _, group := range []struct{ title, prefix string }{
		{"Anchor", "mooring_lma_"}, {"Named pools", "mooring_local_pool_"}, {"Gateway", "mooring_mag_"}, {"Element", "mooring_system_"}, {"NETCONF", "mooring_netconf_"},
		{"Access control", "mooring_nacm_"}, {"Access lists", "mooring_acl_"},
	} {
		fmt.Fprintf(&text, "## %s\n\n| metric | type | labels | meaning | path |\n|---|---|---|---|---|\n", group.title)
		for _, m := range list {
			if strings.HasPrefix(m.Name, group.prefix) {
				fmt.Fprintf(&text, "| `%s` | %s | %s | %s | %s |\n", m.Name, typeOf(m), strings.Join(m.Labels, ", "), m.Help, pathsOf(m))
			}
		}
		text.WriteString("\n")
		list = slices.DeleteFunc(list, func(m Metric) bool { return strings.HasPrefix(m.Name, group.prefix) })
	}
	if len(list) > 0 {
		t.Errorf("in no group: %v", list)
	}
	fmt.Fprintf(&text, "## Process\n\n| metric | meaning |\n|---|---|\n%s", processFigures(t))
	if *update {
		if err := os.WriteFile(page, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, text.Bytes()) {
		t.Errorf("%s is not what is exported: run go generate ./server/metrics", page)
	}
}

func typeOf(m Metric) string {
	if m.Counter {
		return "counter"
	}
	return "gauge"
}

// pathsOf names the node in the model; * stands for the part that a label has.
func pathsOf(m Metric) string {
	text := m.Leaves[0].Path()
	if len(m.Leaves) == 1 {
		return "`" + text + "`"
	}
	steps := strings.Split(text, "/")
	for _, other := range m.Leaves[1:] {
		for i, step := range strings.Split(other.Path(), "/") {
			if step != steps[i] {
				steps[i] = "*"
			}
		}
	}
	return "`" + strings.Join(steps, "/") + "`"
}

// processFigures lists what the collectors of Go and of the process describe.
func processFigures(t *testing.T) string {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	for _, c := range processCollectors() {
		if err := r.Register(c); err != nil {
			t.Fatal(err)
		}
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, f := range families {
		fmt.Fprintf(&text, "| `%s` | %s |\n", f.GetName(), strings.ReplaceAll(f.GetHelp(), "|", `\|`))
	}
	return text.String()
}
