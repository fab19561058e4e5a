package metrics

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mooring/server/state"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Collector makes samples of the operational state. Its methods may be called concurrently.
type Collector struct {
	state   *state.State
	catalog *catalog
}

// NewCollector returns a Collector of what is mounted on s.
func NewCollector(s *state.State) (*Collector, error) {
	c, err := compile(s.Schema)
	if err != nil {
		return nil, err
	}
	return &Collector{s, c}, nil
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, s := range c.catalog.samples {
		out <- s.desc
	}
}

// patience is how long the state may take to answer. What it has told by then is scraped, with an error.
const patience = 5 * time.Second

// Collect implements prometheus.Collector: it reads the tables that lead to samples, and no others.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s := &scrape{catalog: c.catalog, out: out, now: time.Now(), renderer: state.NewRenderer()}
	for _, view := range c.state.At(nil) {
		if list := c.catalog.samples[view.Node()]; list != nil {
			s.count(ctx, view, list)
		} else if slices.ContainsFunc(view.Parts(), func(n *schema.Node) bool { return c.catalog.leads[n] }) {
			s.rows(ctx, view)
		}
	}
}

// scrape is one Collect.
type scrape struct {
	*catalog
	out      chan<- prometheus.Metric
	now      time.Time
	renderer *state.Renderer
	values   []string // of labels, those of the nodes on the way to the one that is visited
}

// count exports the number of rows.
func (s *scrape) count(ctx context.Context, view state.View, list *sample) {
	n := 0
	for _, err := range view.Rows(ctx) {
		if err != nil {
			s.fail(view, err)
			return
		}
		n++
	}
	s.out <- prometheus.MustNewConstMetric(list.desc, prometheus.GaugeValue, float64(n))
}

func (s *scrape) rows(ctx context.Context, view state.View) {
	for row, err := range view.Rows(ctx) {
		if err != nil {
			s.fail(view, err)
			return
		}
		s.values = s.values[:0]
		if path := row.Path(); len(path) > 1 {
			for _, step := range path[:len(path)-1] {
				s.enter(step)
			}
		}
		s.visit(s.renderer.Render(row, s.now))
	}
}

// fail makes the scrape tell that a table could not be read.
func (s *scrape) fail(view state.View, err error) {
	err = fmt.Errorf("%s cannot be read: %w", view.Node(), err)
	s.out <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
}

// enter notes the values of the labels that a node brings, as ownLabels lists them.
func (s *scrape) enter(step schema.Step) {
	if _, ok := labelled[step.Node.Name]; ok {
		s.values = append(s.values, step.Node.Name)
	}
	s.values = append(s.values, step.Keys...)
}

// visit exports n and what is below.
func (s *scrape) visit(n *tree.Node) {
	if !s.leads[n.Schema()] {
		return
	}
	if made := s.samples[n.Schema()]; made != nil {
		s.export(made, n)
		return
	}
	for entry := range n.Entries() {
		s.visit(entry)
	}
	if n.IsList() {
		return
	}
	before := len(s.values)
	s.enter(n.Step())
	if name := said(n.Schema()); name != nil {
		s.values = append(s.values, valueOf(n.Child(name)))
	}
	for child := range n.Children() {
		s.visit(child)
	}
	s.values = s.values[:before]
}

func valueOf(leaf *tree.Node) string {
	if leaf == nil {
		return ""
	}
	return leaf.Value()
}

func (s *scrape) export(made *sample, leaf *tree.Node) {
	labels := s.values
	if _, ok := split[leaf.Schema().Parent.Name]; ok {
		labels = append(labels, leaf.Schema().Name)
	}
	if made.kind == info {
		labels = append(labels, leaf.Value())
	}
	value, known := made.value(leaf.Value())
	if !known {
		return
	}
	kind := prometheus.GaugeValue
	if made.kind == counter {
		kind = prometheus.CounterValue
	}
	m, err := prometheus.NewConstMetric(made.desc, kind, value, labels...)
	if err != nil { // a label that is no UTF-8
		m = prometheus.NewInvalidMetric(made.desc, err)
	}
	s.out <- m
}

// value reads the text of a leaf, false where it says nothing.
func (s *sample) value(text string) (v float64, known bool) {
	switch s.kind {
	case info:
		return 1, true
	case truth:
		return oneIf(text == "true"), true
	case status:
		return oneIf(text == "up"), text != "unknown"
	case instant:
		at, err := time.Parse(time.RFC3339Nano, text)
		return float64(at.UnixMilli()) / 1e3, err == nil
	}
	v, err := strconv.ParseFloat(text, 64)
	return v * s.scale, err == nil
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
