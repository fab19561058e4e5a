package netconf

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"mooring/server/access"
)

func TestDefaults(t *testing.T) {
	f := start(t, `{"example-traps:top": {"name": "a", "limit": 7}}`, Limits{})
	c := f.dial(admin)
	const tagged = `<limit xmlns:wd="urn:ietf:params:xml:ns:netconf:default:1.0" wd:default="true">7</limit>`
	get := func(config, mode string) string {
		text := c.rpc(`<get-config><source><` + config + `/></source><filter><top xmlns="urn:example:traps"><name/><limit/></top></filter>` + mode + `</get-config>`)
		return strings.TrimSuffix(strings.TrimPrefix(text, `<data><top xmlns="urn:example:traps">`), `</top></data>`)
	}
	mode := func(name string) string {
		return `<with-defaults xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults">` + name + `</with-defaults>`
	}
	for _, c := range []struct{ mode, want, unset string }{
		{"", "<name>a</name><limit>7</limit>", "<name>a</name>"},
		{mode("explicit"), "<name>a</name><limit>7</limit>", "<name>a</name>"},
		{mode("trim"), "<name>a</name>", "<name>a</name>"},
		{mode("report-all"), "<name>a</name><limit>7</limit>", "<name>a</name><limit>7</limit>"},
		{mode("report-all-tagged"), "<name>a</name>" + tagged, "<name>a</name>" + tagged},
	} {
		if got := get("running", c.mode); got != c.want {
			t.Errorf("set, %q: %s", c.mode, got)
		}
		f.dial(admin).must(edit(top("<limit"+opAttr+"'remove'/>")), lockR, unlockR)
		if got := get("candidate", c.mode); got != c.unset {
			t.Errorf("not set, %q: %s", c.mode, got)
		}
		f.dial(admin).must(discard)
	}
	if got := said(t, get("running", mode("some"))); got != protocol+"invalid-value /nc:rpc/nc:get-config/ncwd:with-defaults" {
		t.Errorf("an unknown mode: %s", got)
	}
	// what a reply tags as the default value is taken back as such (RFC 6243 section 4.5.2)
	c.must(edit(top(tagged)), commit)
	if got := c.traps("running"); got != "<name>a</name>" {
		t.Errorf("after a tagged value: %s", got)
	}
}

// With all defaults shown, a configuration is still one: what is state alone is no part of it.
func TestDefaultsOfConfigurationOnly(t *testing.T) {
	c := start(t, "", Limits{}).dial(admin)
	for _, get := range []string{
		`<get-config><source><running/></source>%s</get-config>`,
		`<get-data xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-nmda" xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"><datastore>ds:running</datastore>%s</get-data>`,
	} {
		space := "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"
		if strings.Contains(get, "get-data") {
			space = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
		}
		got := c.rpc(fmt.Sprintf(get, `<with-defaults xmlns="`+space+`">report-all</with-defaults>`))
		if !strings.Contains(got, "<port>830</port>") || strings.Contains(got, "<netconf-state") || strings.Contains(got, "<configuration") {
			t.Errorf("%s: %s", get, got)
		}
	}
}

// What NACM refuses is as if it were not there for reading, an error for writing, and refused as a whole where the operation is.
func TestAccess(t *testing.T) {
	f := start(t, `{
		"ietf-netconf-acm:nacm": {
			"read-default": "deny", "write-default": "deny", "exec-default": "deny",
			"groups": {"group": [{"name": "guests", "user-name": ["guest"]}]},
			"rule-list": [{"name": "guests", "group": ["guests"], "rule": [
				{"name": "operations", "module-name": "ietf-netconf", "rpc-name": "*", "access-operations": "exec", "action": "permit"},
				{"name": "no secrets", "path": "/example-traps:top/example-traps:item/example-traps:secret", "access-operations": "*", "action": "deny"},
				{"name": "no name", "path": "/example-traps:top/example-traps:name", "access-operations": "create update delete", "action": "deny"},
				{"name": "the rest", "module-name": "example-traps", "access-operations": "*", "action": "permit"}]}]},
		"example-traps:top": {"name": "a", "item": [{"id": "1", "secret": "s", "size": 1}]}}`, Limits{})
	whole := `<name>a</name><item><id>1</id><size>1</size></item>`
	steps(t, map[string]*client{"A": f.dial(guest), "B": f.dial(admin), "C": f.dial(access.User{Name: "nobody", Origin: access.SSH})}, []step{
		{running, whole},
		{"B: " + running, `<name>a</name><item><id>1</id><size>1</size><secret>s</secret></item>`},
		{`<get-config><source><running/></source></get-config>`, `<data><top xmlns="urn:example:traps">` + whole + `</top></data>`},
		{`<get-config><source><running/></source><filter><top xmlns="urn:example:traps"><item><secret>s</secret></item></top></filter></get-config>`, "<data></data>"},
		{`<get-config><source><running/></source><filter type="xpath" select="//tr:secret" xmlns:tr="urn:example:traps"/></get-config>`, "<data></data>"},
		{`<get-config><source><running/></source><filter type="xpath" select="/tr:top/tr:item[tr:secret='s']/tr:id" xmlns:tr="urn:example:traps"/></get-config>`, "<data></data>"},
		{edit(top("<name>b</name>")), plain + "access-denied /tr:top/tr:name"},
		{edit(top("<item><id>1</id><secret>x</secret></item><limit>1</limit>")), plain + "access-denied /tr:top/tr:item[tr:id='1']/tr:secret"},
		{"B: " + candidate, `<name>a</name><item><id>1</id><size>1</size><secret>s</secret></item>`},
		{edit(top("<limit>1</limit>")), success},
		// of what others have put into the candidate, a commit is refused
		{"B: " + edit(top("<name>b</name>")), success}, {commit, plain + "access-denied /tr:top/tr:name"}, {"B: " + discard, success},
		// a copy of what can be read would delete what cannot
		{`<copy-config><target><candidate/></target><source><running/></source></copy-config>`, plain + strings.Join([]string{
			"access-denied /tr:top/tr:item[tr:id='1']/tr:secret", "access-denied /nacm:nacm/nacm:read-default", "access-denied /nacm:nacm/nacm:write-default",
			"access-denied /nacm:nacm/nacm:exec-default", "access-denied /nacm:nacm/nacm:groups/nacm:group[nacm:name='guests']",
			"access-denied /nacm:nacm/nacm:rule-list[nacm:name='guests']"}, "\n"+plain)},
		{`<get-schema xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><identifier>example-traps</identifier></get-schema>`, protocol + "access-denied /nc:rpc/ncm:get-schema"},
		{"C: " + `<get-config><source><running/></source></get-config>`, protocol + "access-denied /nc:rpc/nc:get-config"},
		{"C: " + `<edit-config><nonsense/></edit-config>`, protocol + "access-denied /nc:rpc/nc:edit-config"},
		{"C: <close-session/>", success},
	})
	if got := f.server.access.Denied.Operations.Load(); got != 3 {
		t.Errorf("%d operations count as denied, want 3", got)
	}
}

// Before NACM is configured, only members of the group admin get anything (decision of the first start).
func TestFirstAccess(t *testing.T) {
	f := start(t, "", Limits{})
	if got := said(t, f.dial(guest).rpc("<get/>")); got != protocol+"access-denied /nc:rpc/nc:get" {
		t.Errorf("a stranger: %s", got)
	}
}

func TestGetShowsConfigurationAndState(t *testing.T) {
	f := start(t, `{"example-traps:top": {"name": "a"}}`, Limits{})
	got := f.dial(admin).rpc("<get/>")
	wellFormed(t, "<r>"+got+"</r>")
	for _, want := range []string{`<top xmlns="urn:example:traps"><name>a</name><state>fine</state></top>`, "<netconf-state ", "<yang-library ", "<modules-state "} {
		if !strings.Contains(got, want) {
			t.Errorf("get lacks %s", want)
		}
	}
}

// A rule that was configured in JSON, where names inherit modules, is read in XML, where each has a prefix, and means the same when it
// is written back.
func TestPathsOfRulesHavePrefixes(t *testing.T) {
	f := start(t, `{"ietf-netconf-acm:nacm": {"rule-list": [{"name": "1", "group": ["*"], "rule": [
		{"name": "1", "path": "/example-traps:top/item[id='a/b:c']/name", "action": "deny"},
		{"name": "2", "path": "/example-traps:top/example-oracle:more[. = 'x'][user=$USER]/last", "action": "deny"}]}]}}`, Limits{})
	got := f.dial(admin).rpc(`<get-config><source><running/></source><filter><nacm xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-acm"/></filter></get-config>`)
	for _, want := range []string{">/tr:top/tr:item[tr:id='a/b:c']/tr:name<", ">/tr:top/o:more[. = 'x'][o:user=$USER]/o:last<"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}

// State that cannot be read is no reply without it: an error, or where part of the data has left already, an error behind it.
func TestStateThatFails(t *testing.T) {
	f := start(t, "", Limits{})
	c := f.dial(admin)
	f.hooks.state = func() error { return errors.New("the source is broken") }
	const broken = `<rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity>` +
		`<error-message xml:lang="en">/example-traps:top: the source is broken</error-message></rpc-error>`
	const get = `<get><filter><top xmlns="urn:example:traps"/></filter></get>`
	if got := c.rpc(get); got != broken {
		t.Errorf("got %s", got)
	}
	c.must(edit(top(items(1000))), commit)
	got := c.rpc(get)
	wellFormed(t, "<r>"+got+"</r>")
	if !strings.HasPrefix(got, "<data><top ") || !strings.HasSuffix(got, "</data>"+broken) || strings.Count(got, "<item>") != 1000 {
		t.Errorf("got %.100s … %s", got, got[max(0, len(got)-400):])
	}
	if n := f.server.total.outErrors.Load(); n != 2 {
		t.Errorf("%d errors are counted, want 2", n)
	}
}
