package access

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mooring/server/tree"
)

// A rule with a mistake in its name matches nothing, and whoever commits it learns that.
func TestDanglingRules(t *testing.T) {
	s, err := guarded()
	if err != nil {
		t.Fatal(err)
	}
	with := func(rules string) *tree.Node {
		return config(t, s, fmt.Sprintf(`{"ietf-netconf-acm:nacm": {"rule-list": [{"name": "l", "group": ["g"], "rule": [%s]}]}}`, rules))
	}
	rule := func(name, what string) string {
		return fmt.Sprintf(`{"name": "%s", %s, "access-operations": "*", "action": "deny"}`, name, what)
	}
	at := "/ietf-netconf-acm:nacm/rule-list[name='l']/rule[name='r']/"
	for what, leaf := range map[string]string{
		`"path": "/ietf-netconf-acm:nacm/groups"`: "",
		`"path": "/"`: "",
		`"path": "/ietf-netconf-acm:nacm/groups/group[name='x']"`: "",
		`"path": "/ietf-netconf-acm:nacm/group"`:                  "path",
		`"path": "/ietf-netconf-acm:nacm/groups/group[nam='x']"`:  "path",
		`"path": "/no-module:nacm"`:                               "path",
		`"path": "nonsense"`:                                      "path",
		`"module-name": "ietf-netconf-acm"`:                       "",
		`"module-name": "ietf-netconf-acn"`:                       "module-name",
		`"rpc-name": "*"`:                                         "",
		`"rpc-name": "start"`:                                     "",
		`"rpc-name": "comit"`:                                     "rpc-name",
		`"rpc-name": "start", "module-name": "ietf-netconf-acm"`:  "rpc-name",
		`"notification-name": "bell"`:                             "",
		`"notification-name": "*"`:                                "",
		`"notification-name": "alarmed-wrongly"`:                  "notification-name",
	} {
		var want []string
		if leaf != "" {
			want = []string{at + leaf}
		}
		var got []string
		for _, w := range Dangling(nil, with(rule("r", what))) {
			got = append(got, w.Path.String())
			if !w.Warning || w.AppTag != "W-REF" || !strings.Contains(w.Message, "matches nothing") {
				t.Errorf("%s: %+v", what, w)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: warned of %q, want %q", what, got, want)
		}
	}
	before, bad := with(rule("r", `"path": "/no:where"`)), rule("r", `"path": "/no:where"`)
	if got := Dangling(before, with(bad)); len(got) != 1 { // built anew, so it may have changed
		t.Errorf("warned of %v", got)
	}
	if got := Dangling(before, before); len(got) != 0 {
		t.Errorf("warned of what was there: %v", got)
	}
	if got := Dangling(before, config(t, s, `{}`)); len(got) != 0 {
		t.Errorf("warned of what is gone: %v", got)
	}
}
