package main

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"mooring/cmd/mooring/client"
	"mooring/server/model"
	"mooring/server/tree/schema"
)

// notShown is state that no view shows, with everything below it, and why.
var notShown = map[string]string{
	"netconf-state/capabilities": "a manager is told it in the hello of its session",
	"netconf-state/datastores":   "which there are follows from the version; locks are shown to who runs into them",
	"netconf-state/schemas":      "a manager's program fetches the modules; yang/mooring has them",
	"netconf-state/statistics":   "Prometheus has them; show managers has those of each session",
	"streams":                    "there is one stream of events, and a manager's program asks for it",
	"netconf/streams":            "the same in the words of RFC 5277",
	"subscriptions":              "they are of a manager's session, which is told of them",
	"yang-library":               "a manager's program asks for it; show element has the version",
	"modules-state":              "the same in the words of RFC 7895",
}

// nodes are the data nodes of the model by the names on the way, which is how views call them.
func nodes(t *testing.T) map[string]*schema.Node {
	t.Helper()
	s, err := model.Schema()
	must(t, err)
	all := map[string]*schema.Node{}
	var visit func(way string, n *schema.Node)
	visit = func(way string, n *schema.Node) {
		for _, child := range n.Children {
			path := strings.TrimPrefix(way+"/"+child.Name, "/")
			all[path] = child
			visit(path, child)
		}
	}
	visit("", s.Root)
	return all
}

// within reports whether a path is that of a node or of something below it.
func within(path, node string) bool { return path == node || strings.HasPrefix(path, node+"/") }

// Each leaf of state in the model is in the rows of a view, or is excused: what is added to the model is not forgotten here.
func TestEachStateHasAView(t *testing.T) {
	shown, excused := 0, map[string]bool{}
	for path, n := range nodes(t) {
		if n.Config || n.Type == nil {
			continue
		}
		isShown := slices.ContainsFunc(views, func(v view) bool {
			return slices.ContainsFunc(v.allRows(), func(s client.Subscription) bool { return within(path, s.Path) })
		})
		isExcused := false
		for node := range notShown {
			if within(path, node) {
				excused[node], isExcused = true, true
			}
		}
		switch {
		case isShown && isExcused:
			t.Errorf("%s is excused, and a view shows it", path)
		case isShown:
			shown++
		case !isExcused:
			t.Errorf("no view of mooring show has %s: add it to one, or say in notShown why not", path)
		}
	}
	if shown < 300 {
		t.Errorf("only %d leaves are shown", shown)
	}
	for node := range notShown {
		if !excused[node] {
			t.Errorf("%s is excused, and not in the model", node)
		}
	}
}

// TestViewsAreOfTheModel looks up what views name: each part of their rows, and each leaf that a column says something of, in the rows of the view.
func TestViewsAreOfTheModel(t *testing.T) {
	all := nodes(t)
	for _, v := range views {
		for _, s := range v.allRows() {
			if all[s.Path] == nil {
				t.Errorf("show %s: there is no %s", v.name, s.Path)
			}
			if row := all[s.Row]; s.Row != "" && (row == nil || row.Type != nil) {
				t.Errorf("show %s: there are no rows of %s", v.name, s.Row)
			}
		}
		for _, c := range append(slices.Clone(v.columns), v.more...) {
			for _, path := range c.of {
				if !slices.ContainsFunc(v.allRows(), func(s client.Subscription) bool {
					leaf := cmp.Or(s.Row, s.Path) + "/" + strings.Join(path, "/")
					return all[leaf] != nil && all[leaf].Type != nil && within(leaf, s.Path)
				}) {
					t.Errorf("show %s: no row has %s of column %s", v.name, strings.Join(path, "/"), c.title)
				}
			}
		}
	}
}
