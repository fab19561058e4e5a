package metrics

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"mooring/server/tree/schema"
)

// Metric is a metric as docs/metrics.md lists it.
type Metric struct {
	Name, Help string
	Counter    bool // a gauge otherwise
	Labels     []string
	Leaves     []*schema.Node // that its samples come from; a list where its entries are counted
}

// kind is how a sample is made of a leaf.
type kind uint8

const (
	none    kind = iota
	counter      // a number that only grows
	gauge        // a number
	truth        // a boolean
	status       // an oper-status
	instant      // a date and time
	info         // a text, which becomes a label
	entries      // a list, whose entries are counted
)

// Catalog lists the metrics of a schema, sorted by name. The error is about a schema in which two leaves would be one metric although
// they have not the same labels, type or meaning.
func Catalog(s *schema.Schema) ([]Metric, error) {
	c, err := compile(s)
	if err != nil {
		return nil, err
	}
	list := make([]Metric, 0, len(c.metrics))
	for _, m := range c.metrics {
		list = append(list, *m)
	}
	slices.SortFunc(list, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// catalog is what of a schema is exported.
type catalog struct {
	metrics map[string]*Metric
	samples map[*schema.Node]*sample
	leads   map[*schema.Node]bool // to a sample, or is one
}

// sample says what a leaf, or a list whose entries are counted, is exported as.
type sample struct {
	metric *Metric
	desc   *prometheus.Desc
	kind   kind
	scale  float64
}

func compile(s *schema.Schema) (*catalog, error) {
	c := &catalog{metrics: map[string]*Metric{}, samples: map[*schema.Node]*sample{}, leads: map[*schema.Node]bool{}}
	for path := range subtrees {
		if top := s.Find(path); top != nil {
			if err := c.visit(top, top); err != nil {
				return nil, err
			}
		}
	}
	for node, made := range c.samples {
		made.desc = prometheus.NewDesc(made.metric.Name, made.metric.Help, made.metric.Labels, nil)
		for _, n := range node.Ancestors() {
			c.leads[n] = true
		}
	}
	return c, nil
}

// visit adds what there is at n and below.
func (c *catalog) visit(top, n *schema.Node) error {
	if slices.Contains(unbounded, n.Path()) {
		return nil
	}
	if kind := kindOf(n); kind != none {
		return c.add(top, n, kind)
	}
	for _, child := range n.Children {
		if err := c.visit(top, child); err != nil {
			return err
		}
	}
	return nil
}

func (c *catalog) add(top, n *schema.Node, kind kind) error {
	m := &Metric{Name: nameOf(top, n, kind), Help: helpOf(top, n, kind), Counter: kind == counter}
	if kind != entries {
		m.Labels = labelsOf(n)
	}
	if kind == info {
		m.Labels = append(m.Labels, n.Name)
	}
	if other := c.metrics[m.Name]; other == nil {
		c.metrics[m.Name] = m
	} else if other.Counter != m.Counter || other.Help != m.Help || !slices.Equal(other.Labels, m.Labels) {
		return fmt.Errorf("metrics: %s and %s would both be %s", other.Leaves[0], n, m.Name)
	} else {
		m = other
	}
	m.Leaves = append(m.Leaves, n)
	c.samples[n] = &sample{metric: m, kind: kind, scale: cmp.Or(units[n.Units].scale, 1)}
	return nil
}

// kindOf says how a node is exported. Names, addresses and ports are none, nor is the time since which counters count: Prometheus
// notices by itself.
func kindOf(n *schema.Node) kind {
	if _, ok := counted[n.Path()]; ok {
		return entries
	}
	if n.Kind != schema.Leaf || n.Config || n.IsKey() || n.Name == "discontinuity-time" {
		return none
	}
	switch t := n.Type.Resolved(); {
	case n.Path() == "/mooring-system:system/version":
		return info
	case n.Name == "oper-status":
		return status
	case t.Typedef == "date-and-time":
		return instant
	case t.Base == schema.Boolean:
		return truth
	case t.Typedef == "port-number":
		return none
	case strings.Contains(t.Typedef, "counter"):
		return counter
	case t.Base.IsInteger() || t.Base == schema.Decimal64:
		return gauge
	}
	return none
}

// helpOf says what a sample means, in the words of the model.
func helpOf(top, n *schema.Node, kind kind) string {
	text := n.Description
	if _, ok := split[n.Parent.Name]; ok {
		text = n.Parent.Description
	} else if about := topic(top, n); about != nil {
		sentence, _, _ := strings.Cut(strings.TrimSuffix(about.Description, "."), ". ")
		text = sentence + ": " + text
	}
	switch kind {
	case truth:
		text += " 1: true, 0: false."
	case status:
		text += " 1: up, 0: not up; absent while it is not known."
	case info:
		text += " Always 1."
	case entries:
		text = counted[n.Path()].help
	}
	return strings.Join(strings.Fields(text), " ")
}

// topic is the container whose description belongs to the one of n; nil where that says enough.
func topic(top, n *schema.Node) *schema.Node {
	for n = n.Parent; n != top && (n.Kind == schema.Container || said(n) != nil); n = n.Parent {
		if _, label := labelled[n.Name]; !label && said(n) == nil && !slices.Contains(silent, n.Name) {
			return n
		}
	}
	return nil
}
