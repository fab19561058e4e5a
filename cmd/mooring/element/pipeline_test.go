package element

import (
	"testing"

	"mooring/server/apply"
	"mooring/server/datastore"
	"mooring/server/model"
	"mooring/server/tree"
)

// A commit that brings a rule of access control that leads nowhere is warned of.
func TestRulesThatLeadNowhereAreWarnedOf(t *testing.T) {
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	translator, err := apply.New(s)
	if err != nil {
		t.Fatal(err)
	}
	p := new(Element).pipeline(translator)
	for path, want := range map[string]int{"/mooring-pmipv6:pmipv6/lma": 0, "/mooring-pmipv6:pmipv6/lmas": 1} {
		change := datastore.Change{Changes: tree.Diff(tree.NewRoot(s), decoded(t, s.Root, `{"ietf-netconf-acm:nacm": {"rule-list": [{"name": "l", "group": ["*"],
			"rule": [{"name": "r", "path": "`+path+`", "action": "deny"}]}]}}`))}
		warnings, err := p.Translate(change)
		if err != nil || len(warnings) != want {
			t.Errorf("%s: %v, %v", path, warnings, err)
		}
	}
}
