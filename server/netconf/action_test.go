package netconf

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"mooring/server/access"
	"mooring/server/action"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// actions are those of the tests' module.
func actions(s *schema.Schema) *action.Registry {
	r := &action.Registry{}
	r.Handle(s.Find("/example-traps:top/item").Action("example-traps", "paint"), func(_ context.Context, c *action.Call, out *tree.Builder) error {
		colour, _ := c.Given("colour")
		switch colour {
		case "air":
			return &tree.Error{Tag: tree.ResourceDenied, Path: c.Path, Message: "there is none left"}
		case "water":
			return nil
		}
		out.Uint(c.Def.Output.ChildNamed("coats"), uint64(len(c.Path.Last().Keys[0])))
		return nil
	})
	greet := s.RPC("example-traps", "greet")
	r.Handle(greet, func(_ context.Context, c *action.Call, out *tree.Builder) error {
		whom, _ := c.Given("whom")
		for _, word := range []string{"hello", whom} {
			out.Leaf(greet.Output.ChildNamed("word"), word)
		}
		return nil
	})
	return r
}

// act invokes an action below top.
func act(content string) string {
	return `<action xmlns="urn:ietf:params:xml:ns:yang:1">` + top(content) + `</action>`
}

func paint(item, colour string) string {
	return act(`<item><id>` + item + `</id><paint><colour>` + colour + `</colour></paint></item>`)
}

func TestActions(t *testing.T) {
	f := start(t, twoItems, Limits{})
	at := "/tr:top/tr:item[tr:id='a']"
	steps(t, map[string]*client{"A": f.dial(admin)}, []step{
		{paint("a", "red"), `<coats xmlns="urn:example:traps">1</coats>`},
		{paint("a", "water"), success},
		{paint("a", "air"), plain + "resource-denied " + at},
		{paint("z", "red"), plain + "data-missing /tr:top/tr:item[tr:id='z']"},
		{act(`<item><id>a</id><paint/></item>`), protocol + "missing-element " + at + "/tr:paint/tr:colour bad-element=colour"},
		{act(`<item><paint><colour>red</colour></paint><id>a</id></item>`), protocol + "missing-element /tr:top/tr:item bad-element=item"},
		{act(`<item><id>a</id><paint><colour>red</colour></paint><paint><colour>blue</colour></paint></item>`), protocol + "bad-element " + at + " bad-element=paint"},
		{act(`<item><id>a</id><dye/></item>`), protocol + "unknown-element " + at + " bad-element=dye"},
		{act(`<item><id>a</id><id>b</id><paint><colour>red</colour></paint></item>`), protocol + "bad-element " + at + " bad-element=id"},
		{act(`<item><id><x/></id><paint><colour>red</colour></paint></item>`), protocol + "bad-element /tr:top/tr:item bad-element=id"},
		{paint("", "red"), plain + "data-missing /tr:top/tr:item[tr:id='']"},
		{act(`<item><id>a</id></item>`), protocol + "missing-element " + at + " bad-element=action"},
		{act(`<sign><at xmlns:t="urn:example:traps">/t:top/name</at><turn/></sign>`), protocol + "invalid-value /tr:top/tr:sign/tr:at"}, // in XML every name has a prefix
		{act(`<sign><at>/t:top/t:name</at><turn xmlns:t="urn:example:traps"/></sign>`), protocol + "invalid-value /tr:top/tr:sign/tr:at"},
		{act(`<sign><at xmlns:t="urn:example:traps">/t:top/t:name</at><turn/></sign>`), plain + "data-missing /tr:top/tr:sign[tr:at='/tr:top/tr:name']"},
		{`<action xmlns="urn:ietf:params:xml:ns:yang:1"/>`, protocol + "missing-element bad-element=action"},
		{`<action xmlns="urn:ietf:params:xml:ns:yang:1"><top xmlns="urn:no:such"/></action>`, protocol + "unknown-namespace bad-element=top"},
		{`<greet xmlns="urn:example:traps" xmlns:t="urn:example:traps"><whom>t:dog</whom></greet>`,
			`<word xmlns="urn:example:traps">hello</word><word xmlns="urn:example:traps">example-traps:dog</word>`},
		{`<greet xmlns="urn:example:traps"><whom>cat</whom></greet>`, protocol + "invalid-value /nc:rpc/tr:greet/tr:whom"},
		{`<unheard xmlns="urn:example:traps"/>`, protocol + "operation-not-supported bad-element=unheard"},
	})
}

// Whoever runs an action needs the right to run it and to read the way to it (RFC 8341 section 3.1.3).
func TestActionsObeyAccessControl(t *testing.T) {
	for name, one := range map[string]struct{ rules, item, want string }{
		"permitted":     {`{"name": "1", "path": "/example-traps:top/item", "access-operations": "read exec", "action": "permit"}`, "a", `<coats xmlns="urn:example:traps">1</coats>`},
		"not this one":  {`{"name": "1", "path": "/example-traps:top/item[id='a']/paint", "access-operations": "exec", "action": "deny"}`, "a", plain + "access-denied /tr:top/tr:item[tr:id='a']"},
		"but that":      {`{"name": "1", "path": "/example-traps:top/item[id='a']/paint", "access-operations": "exec", "action": "deny"}`, "b", `<coats xmlns="urn:example:traps">1</coats>`},
		"out of sight":  {`{"name": "1", "path": "/example-traps:top/item[id='a']", "access-operations": "read", "action": "deny"}`, "a", plain + "access-denied /tr:top/tr:item[tr:id='a']"},
		"and not there": {`{"name": "1", "path": "/example-traps:top/item", "access-operations": "read", "action": "deny"}`, "z", plain + "access-denied /tr:top/tr:item[tr:id='z']"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, strings.TrimSuffix(twoItems, "}")+fmt.Sprintf(`, "ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "guests", "user-name": ["guest"]}]},
				"rule-list": [{"name": "1", "group": ["guests"], "rule": [%s]}]}}`, one.rules), Limits{})
			if got := said(t, f.dial(access.User{Name: "guest", Origin: access.SSH}).rpc(paint(one.item, "red"))); got != one.want {
				t.Errorf("got %s, want %s", got, one.want)
			}
		})
	}
}
