package examples

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"mooring/server/metrics"
	"mooring/server/model"
)

// known is what may stand in an expression: metrics and their labels, besides functions and keywords.
type known struct{ metrics map[string][]string }

func newKnown(t *testing.T) *known {
	t.Helper()
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	list, err := metrics.Catalog(s)
	if err != nil {
		t.Fatal(err)
	}
	k := &known{map[string][]string{"up": nil}} // up is Prometheus's own
	for _, m := range list {
		k.metrics[m.Name] = m.Labels
	}
	for _, name := range metrics.ProcessMetrics() {
		k.metrics[name] = nil
	}
	return k
}

// words are those of PromQL that the examples use, besides names.
var words = strings.Fields("and or by sum max count rate topk vector time changes label_values")

var (
	quoted     = regexp.MustCompile(`"[^"]*"`)
	ranges     = regexp.MustCompile(`\[[^\]]*\]`)
	identifier = regexp.MustCompile(`[a-zA-Z_][a-zA-Z0-9_]*`)
)

// wrong tells what in an expression is no metric, no label of those in it, and no word of PromQL.
func (k *known) wrong(expr string) (problems []string) {
	names := identifier.FindAllString(ranges.ReplaceAllString(quoted.ReplaceAllString(expr, ""), ""), -1)
	labels := []string{"instance", "job"} // that Prometheus adds
	metrics := 0
	for _, name := range names {
		if own, ok := k.metrics[name]; ok {
			labels = append(labels, own...)
			metrics++
		}
	}
	if metrics == 0 {
		problems = append(problems, "there is no metric")
	}
	for _, name := range names {
		if _, ok := k.metrics[name]; !ok && !slices.Contains(words, name) && !slices.Contains(labels, name) {
			problems = append(problems, "there is no "+name)
		}
	}
	if strings.Count(expr, "(") != strings.Count(expr, ")") || strings.Count(expr, "{") != strings.Count(expr, "}") {
		problems = append(problems, "parentheses do not match")
	}
	return problems
}

func (k *known) check(t *testing.T, where, expr string) {
	t.Helper()
	for _, problem := range k.wrong(expr) {
		t.Errorf("%s: %s in %s", where, problem, expr)
	}
}

// TestCheckBites keeps the check of expressions from becoming one that cannot fail.
func TestCheckBites(t *testing.T) {
	k := newKnown(t)
	for _, expr := range []string{"rate(mooring_lma_pbu_received[5m])", `mooring_lma_bindings{mag="x"}`, "sum by (peer) (mooring_lma_bindings)", "average(mooring_lma_bindings)",
		"rate(mooring_lma_bindings", "1"} {
		if len(k.wrong(expr)) == 0 {
			t.Errorf("%s passes", expr)
		}
	}
}

type target struct {
	Expr, LegendFormat string
}

type panel struct {
	ID      int
	Title   string
	Type    string
	GridPos struct{ X, Y, W, H int }
	Targets []target
}

func TestDashboard(t *testing.T) {
	var board struct {
		Title      string
		Panels     []panel
		Templating struct {
			List []struct {
				Name  string
				Query any
			}
		}
		Annotations struct{ List []struct{ Name, Expr string } }
	}
	text, err := os.ReadFile("grafana/mooring.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	k := newKnown(t)
	ids := map[int]bool{}
	subjects := strings.Builder{}
	for i, p := range board.Panels {
		if ids[p.ID] {
			t.Errorf("%s has the id of another panel", p.Title)
		}
		ids[p.ID] = true
		for _, other := range board.Panels[:i] {
			a, b := p.GridPos, other.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%s covers %s", p.Title, other.Title)
			}
		}
		if p.GridPos.X+p.GridPos.W > 24 || p.GridPos.H == 0 {
			t.Errorf("%s is at %+v", p.Title, p.GridPos)
		}
		for _, query := range p.Targets {
			k.check(t, p.Title, query.Expr)
			if legend := strings.Trim(query.LegendFormat, " "); strings.Contains(legend, "{{") {
				k.checkLegend(t, p.Title, query)
			}
			subjects.WriteString(query.Expr + "\n")
		}
	}
	for _, a := range board.Annotations.List {
		k.check(t, a.Name, a.Expr)
	}
	for _, v := range board.Templating.List {
		if query, ok := v.Query.(map[string]any); ok {
			k.check(t, v.Name, query["query"].(string))
		}
	}
	for _, subject := range []string{"mooring_lma_bindings", "mooring_mag_lma_bindings", "mooring_lma_peer_up", "mooring_lma_pbu_received_total", "mooring_lma_pba_sent_total",
		"by_status", "signalling_drops", "tunnel_in_bytes", "tunnel_drops", "pool_mobile_node_used", "process_resident_memory_bytes", "go_goroutines"} {
		if !strings.Contains(subjects.String(), subject) {
			t.Errorf("no panel shows %s", subject)
		}
	}
}

// checkLegend looks for the labels of a legend among those of the metrics, and, where they are summed up, of what is left.
func (k *known) checkLegend(t *testing.T, where string, query target) {
	t.Helper()
	for _, match := range regexp.MustCompile(`{{(\w+)}}`).FindAllStringSubmatch(query.LegendFormat, -1) {
		label, found := match[1], match[1] == "instance"
		if _, by, summed := strings.Cut(query.Expr, "by ("); summed {
			kept, _, _ := strings.Cut(by, ")")
			found = slices.Contains(strings.Split(kept, ", "), label)
		} else {
			for name, labels := range k.metrics {
				found = found || strings.Contains(query.Expr, name+"{") && slices.Contains(labels, label)
			}
		}
		if !found {
			t.Errorf("%s: the legend wants %s, which the series of %s do not have", where, label, query.Expr)
		}
	}
}

func read(t *testing.T, name string, into any) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestPrometheus reads the scrape configuration and the rules, with no other members than Prometheus has.
func TestPrometheus(t *testing.T) {
	var config struct {
		ScrapeConfigs []struct {
			JobName        string                       `yaml:"job_name"`
			ScrapeInterval string                       `yaml:"scrape_interval"`
			StaticConfigs  []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
		RuleFiles []string `yaml:"rule_files"`
	}
	read(t, "prometheus/prometheus.yaml", &config)
	k := newKnown(t)
	for _, scrape := range config.ScrapeConfigs {
		if scrape.JobName != "mooring" || len(scrape.StaticConfigs[0].Targets) == 0 {
			t.Errorf("%+v", scrape)
		}
	}
	for _, file := range config.RuleFiles {
		var rules struct {
			Groups []struct {
				Name  string
				Rules []struct {
					Alert, Expr, For string
					Annotations      map[string]string
				}
			}
		}
		read(t, "prometheus/"+file, &rules)
		for _, rule := range rules.Groups[0].Rules {
			k.check(t, rule.Alert, rule.Expr)
			if rule.Annotations["summary"] == "" {
				t.Errorf("%s says nothing", rule.Alert)
			}
		}
	}
}
