package metrics

import (
	"slices"
	"strings"

	"mooring/server/tree/schema"
)

// subtrees are the nodes whose state is exported, and what the names of their metrics begin with.
var subtrees = map[string]string{
	"/ietf-access-control-list:acls":                    "mooring",
	"/mooring-pmipv6:pmipv6":                            "mooring",
	"/mooring-system:system":                            "mooring_system",
	"/ietf-netconf-acm:nacm":                            "mooring_nacm",
	"/ietf-netconf-monitoring:netconf-state/statistics": "mooring_netconf",
	"/ietf-netconf-monitoring:netconf-state/sessions":   "mooring_netconf",
}

// unbounded are lists with as many entries as there are nodes, or as time brings: no entry is a series of its own.
var unbounded = []string{
	"/mooring-pmipv6:pmipv6/lma/aaa/accounting/session",
	"/mooring-pmipv6:pmipv6/lma/bindings/binding",
	"/mooring-pmipv6:pmipv6/lma/trace",
	"/mooring-pmipv6:pmipv6/mag/bindings/binding",
	"/mooring-pmipv6:pmipv6/mag/trace",
	"/mooring-system:system/configuration/commit",
}

// counted are lists, on no other list, of which the number of entries is the metric.
var counted = map[string]struct{ word, help string }{
	"/ietf-netconf-monitoring:netconf-state/sessions/session": {"sessions", "NETCONF sessions that are open."},
	"/mooring-system:system/configuration/warning":            {"warnings", "What was accepted though it does not work as it stands."},
}

// labelled are containers that stand beside their like, so that which one it is, is a label and not a part of the name; the values
// are names of labels.
var labelled = map[string]string{"ipv4": "family", "ipv6": "family"}

// split are containers whose leaves count the same thing by something, which is the label.
var split = map[string]string{"drops": "reason", "accepted": "kind"}

// silent are containers and lists that say nothing which the rest of a name does not.
var silent = []string{"statistics", "summary", "usage", "status"}

// renamed are words that would mislead in the name of a metric: _total and _count have a meaning of their own in Prometheus.
var renamed = map[string]string{
	"drop": "signalling-drops", "bce-count": "bindings", "handoff-count": "handovers", "total": "size", "oper-status": "up",
	"netconf-start-time": "start", "committed": "commit", "started": "start", "matched-octets": "matched-bytes",
}

// units are those of YANG, and what they are in Prometheus, which knows no multiples.
var units = map[string]struct {
	suffix string
	scale  float64
}{
	"octets":       {"bytes", 1},
	"seconds":      {"seconds", 1},
	"milliseconds": {"seconds", 1e-3},
	"microseconds": {"seconds", 1e-6},
	"percent":      {"ratio", 1e-2},
	"hundredths":   {"", 1e-2},
}

// nameOf makes the name of the metric that a leaf below top belongs to.
func nameOf(top, leaf *schema.Node, kind kind) string {
	path := leaf.Ancestors()
	path = path[slices.Index(path, top)+1:]
	words := []string{subtrees[top.Path()]}
	for i, n := range path[:len(path)-1] {
		_, label := labelled[n.Name]
		plural := n.Name == path[i+1].Name+"s" // peers, which contains peer
		if !label && !plural && !slices.Contains(silent, n.Name) {
			words = append(words, word(n))
		}
	}
	if _, ok := split[leaf.Parent.Name]; !ok && leaf.Name != "count" {
		words = append(words, trimUnit(word(leaf), leaf, kind))
	}
	words = append(words, suffixOf(leaf, kind))
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	return strings.ReplaceAll(strings.Join(words, "_"), "-", "_")
}

func word(n *schema.Node) string {
	if list, ok := counted[n.Path()]; ok {
		return list.word
	}
	if w, ok := renamed[n.Name]; ok {
		return w
	}
	return strings.TrimSuffix(n.Name, "-count")
}

// trimUnit takes away what the suffix says.
func trimUnit(word string, leaf *schema.Node, kind kind) string {
	switch {
	case kind == info:
		return ""
	case kind == instant:
		return strings.TrimSuffix(word, "-time")
	case leaf.Units != "":
		return strings.Trim(strings.TrimSuffix(word, leaf.Units), "-")
	}
	return word
}

func suffixOf(leaf *schema.Node, kind kind) string {
	switch unit := units[leaf.Units].suffix; {
	case kind == info:
		return "info"
	case kind == instant:
		return "timestamp_seconds"
	case kind == counter && unit != "":
		return unit + "_total"
	case kind == counter:
		return "total"
	default:
		return unit
	}
}

// labelsOf are the labels that the nodes from the top down to n bring.
func labelsOf(n *schema.Node) (labels []string) {
	for _, n := range n.Ancestors() {
		labels = append(labels, ownLabels(n)...)
	}
	return labels
}

// ownLabels are the labels that a node brings. A key that is called name or id says which one it is: then the name of the list tells more.
func ownLabels(n *schema.Node) (labels []string) {
	if label, ok := labelled[n.Name]; ok {
		labels = append(labels, label)
	}
	for _, key := range n.Keys {
		label := key.Name
		if label == "name" || label == "id" {
			label = n.Name
		}
		labels = append(labels, strings.ReplaceAll(label, "-", "_"))
	}
	if said(n) != nil {
		labels = append(labels, "name")
	}
	if n.Type != nil {
		if label, ok := split[n.Parent.Name]; ok {
			labels = append(labels, label)
		}
	}
	return labels
}

// said is the leaf that says in words what the number is by which the entries of a list stand, nil for most lists.
func said(list *schema.Node) *schema.Node {
	if strings.HasPrefix(list.Name, "by-") {
		return list.ChildNamed("name")
	}
	return nil
}
