package netconf

import (
	"regexp"
	"strings"
	"testing"

	"mooring/server/access"
)

const (
	nmdaSpace = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
	topFilter = `<subtree-filter><top xmlns="urn:example:traps"/></subtree-filter>`
	startTop  = `{"example-traps:top": {"name": "n", "limit": 7, "item": [{"id": "a", "size": 1, "port": 80}, {"id": "b"}], "ordered": [{"id": "x"}]},
		"example-traps:lonely": "me"}`
)

// getData makes a get-data.
func getData(datastore string, parameters ...string) string {
	return `<get-data xmlns="` + nmdaSpace + `" xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores" xmlns:or="` + originNamespace +
		`" xmlns:tr="urn:example:traps"><datastore>ds:` + datastore + `</datastore>` + strings.Join(parameters, "") + `</get-data>`
}

func editData(datastore, config string, parameters ...string) string {
	return `<edit-data xmlns="` + nmdaSpace + `" xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"><datastore>ds:` + datastore + `</datastore>` +
		strings.Join(parameters, "") + `<config>` + config + `</config></edit-data>`
}

// found returns what a get-data shows, without what is the same in all replies.
func (c *client) found(request string) string {
	c.t.Helper()
	reply := c.rpc(request)
	text, ok := strings.CutPrefix(reply, `<data xmlns="`+nmdaSpace+`">`)
	if !ok {
		c.t.Fatalf("%s\ngot %s", request, reply)
	}
	text = strings.TrimSuffix(text, "</data>")
	for _, noise := range []string{` xmlns="urn:example:traps"`, ` xmlns:or="` + originNamespace + `"`, ` xmlns:wd="urn:ietf:params:xml:ns:netconf:default:1.0"`} {
		text = strings.ReplaceAll(text, noise, "")
	}
	return text
}

const origin = "<with-origin/>"

func xpathFilter(expr string) string { return "<xpath-filter>" + expr + "</xpath-filter>" }

func TestGetData(t *testing.T) {
	f := start(t, startTop, Limits{})
	c := f.dial(admin)
	c.must(edit(top("<name>new</name>")))
	const (
		a     = `<item><id>a</id><size>1</size><port>80</port></item>`
		b     = `<item><id>b</id></item>`
		x     = `<ordered><id>x</id></ordered>`
		whole = `<top><name>n</name><limit>7</limit>` + a + b + x + `<state>fine</state></top>`
		conf  = `<top><name>n</name><limit>7</limit>` + a + b + x + `</top>`
		item  = `<subtree-filter><top xmlns="urn:example:traps"><item><id>a</id></item></top></subtree-filter>`
	)
	for _, one := range []struct{ request, want string }{
		{getData("running", topFilter), conf},
		{getData("intended", topFilter), conf},
		{getData("candidate", topFilter), strings.Replace(conf, ">n<", ">new<", 1)},
		{getData("operational", topFilter), whole},
		{getData("running", "<subtree-filter/>"), ""},
		{getData("running", item), `<top>` + a + `</top>`},
		{getData("running", xpathFilter("/tr:top/tr:item[tr:port=80]/tr:size")), `<top><item><id>a</id><size>1</size></item></top>`},
		{getData("operational", xpathFilter("/tr:top/tr:state")), `<top><state>fine</state></top>`},
		{getData("operational", xpathFilter("/tr:top[tr:state='fine']/tr:name")), `<top><name>n</name></top>`},
		{getData("running", xpathFilter("/tr:top/tr:state")), ``},

		{getData("operational", topFilter, "<config-filter>true</config-filter>"), conf},
		{getData("operational", topFilter, "<config-filter>false</config-filter>"), `<top><state>fine</state></top>`},
		{getData("operational", xpathFilter("/tr:top[tr:state='fine']/tr:name"), "<config-filter>true</config-filter>"), `<top><name>n</name></top>`},
		{getData("running", topFilter, "<config-filter>false</config-filter>"), ``},

		{getData("running", topFilter, "<max-depth>1</max-depth>"), `<top/>`},
		{getData("running", topFilter, "<max-depth>2</max-depth>"), `<top><name>n</name><limit>7</limit><item><id>a</id></item>` + b + x + `</top>`},
		{getData("operational", topFilter, "<max-depth>1</max-depth>"), `<top/>`},
		{getData("operational", topFilter, "<max-depth>2</max-depth>"), `<top><name>n</name><limit>7</limit><item><id>a</id></item>` + b + x + `<state>fine</state></top>`},
		{getData("running", topFilter, "<max-depth>3</max-depth>"), conf},
		{getData("running", topFilter, "<max-depth>unbounded</max-depth>"), conf},
		{getData("running", xpathFilter("/tr:top/tr:item"), "<max-depth>1</max-depth>"), `<top><item><id>a</id></item>` + b + `</top>`},
		{getData("running", xpathFilter("/tr:top/tr:item[tr:id='a']"), "<max-depth>2</max-depth>"), `<top>` + a + `</top>`},

		{getData("running", xpathFilter("/tr:top/tr:limit"), "<with-defaults>trim</with-defaults>"), ``},
		{getData("running", xpathFilter("/tr:top/tr:limit"), "<with-defaults>report-all-tagged</with-defaults>"), `<top><limit wd:default="true">7</limit></top>`},
		{getData("operational", xpathFilter("/tr:top/tr:limit"), "<with-defaults>report-all-tagged</with-defaults>"), `<top><limit wd:default="true">7</limit></top>`},
		{getData("operational", xpathFilter("/tr:top/tr:limit"), "<with-defaults>trim</with-defaults>"), ``},
	} {
		if got := c.found(one.request); got != one.want {
			t.Errorf("%s\ngot  %s\nwant %s", one.request, got, one.want)
		}
	}
}

// Configuration in use says where it comes from; a default is in use, though nobody set it, and a value that was set is not a
// default though it looks like one.
func TestOrigins(t *testing.T) {
	const (
		set    = `{"example-traps:top": {"name": "n", "limit": 7, "item": [{"id": "a"}]}, "example-traps:lonely": "me"}`
		unset  = `{"example-traps:top": {"name": "n", "item": [{"id": "a"}]}}`
		wanted = `<origin-filter>or:%</origin-filter>`
		not    = `<negated-origin-filter>or:%</negated-origin-filter>`
		both   = `<subtree-filter><top xmlns="urn:example:traps"/><lonely xmlns="urn:example:traps"/></subtree-filter>`
	)
	filter := func(form, name string) string { return strings.ReplaceAll(form, "%", name) }
	for _, one := range []struct{ startup, request, want string }{
		{set, getData("operational", both, origin), `<top or:origin="or:intended"><name>n</name><limit>7</limit><item><id>a</id></item><state>fine</state></top>` +
			`<lonely or:origin="or:intended">me</lonely>`},
		{unset, getData("operational", both, origin), `<top or:origin="or:intended"><name>n</name><limit or:origin="or:default">7</limit>` +
			`<item><id>a</id></item><state>fine</state></top>`},
		{unset, getData("operational", both), `<top><name>n</name><limit>7</limit><item><id>a</id></item><state>fine</state></top>`},
		{unset, getData("operational", both, "<with-defaults>explicit</with-defaults>"), `<top><name>n</name><limit>7</limit><item><id>a</id></item><state>fine</state></top>`},
		{unset, getData("operational", both, filter(wanted, "intended"), origin), `<top or:origin="or:intended"><name>n</name><item><id>a</id></item><state>fine</state></top>`},
		{unset, getData("operational", both, filter(wanted, "default"), origin), `<top or:origin="or:intended"><limit or:origin="or:default">7</limit><state>fine</state></top>`},
		{unset, getData("operational", both, filter(wanted, "intended"), filter(wanted, "default")),
			`<top><name>n</name><limit>7</limit><item><id>a</id></item><state>fine</state></top>`},
		{unset, getData("operational", both, filter(wanted, "learned")), `<top><state>fine</state></top>`},
		{unset, getData("operational", both, filter(wanted, "learned"), "<config-filter>true</config-filter>"), ``},
		{unset, getData("operational", both, filter(not, "intended")), `<top><limit>7</limit><state>fine</state></top>`},
		{unset, getData("operational", both, filter(not, "default"), filter(not, "intended")), `<top><state>fine</state></top>`},
		{unset, getData("operational", both, filter(not, "system")), `<top><name>n</name><limit>7</limit><item><id>a</id></item><state>fine</state></top>`},
	} {
		c := start(t, one.startup, Limits{}).dial(admin)
		if got := c.found(one.request); got != one.want {
			t.Errorf("%s\ngot  %s\nwant %s", one.request, got, one.want)
		}
	}
}

func TestNMDARefusals(t *testing.T) {
	f := start(t, startTop, Limits{})
	c := f.dial(admin)
	at := func(operation, parameter string) string { return " /nc:rpc/ncds:" + operation + "/ncds:" + parameter }
	steps(t, map[string]*client{"A": c}, []step{
		{getData("startup"), protocol + "invalid-value bad-element=datastore"},
		{getData("nowhere"), protocol + "invalid-value" + at("get-data", "datastore")},
		{`<get-data xmlns="` + nmdaSpace + `"/>`, protocol + "missing-element" + at("get-data", "datastore") + " bad-element=datastore"},
		{getData("running", origin), protocol + "invalid-value bad-element=with-origin"},
		{getData("intended", "<origin-filter>or:intended</origin-filter>"), protocol + "invalid-value bad-element=origin-filter"},
		{getData("operational", "<max-depth>0</max-depth>"), protocol + "invalid-value" + at("get-data", "max-depth")},
		{getData("running", xpathFilter("1 + 1")), protocol + "invalid-value"},
		{getData("running", xpathFilter("/none:such")), protocol + "invalid-value"},
		{getData("running", topFilter, xpathFilter("/tr:top")), protocol + "bad-element /nc:rpc/ncds:get-data bad-element=xpath-filter"},

		{editData("running", top("<name>x</name>")), protocol + "invalid-value bad-element=datastore"},
		{editData("operational", top("<name>x</name>")), protocol + "invalid-value bad-element=datastore"},
		{editData("candidate", top("<size>x</size>")), plain + "unknown-element /tr:top bad-element=size"},
		{editData("candidate", top("<name>x</name><item><id>b</id><size>0</size></item>")), plain + "invalid-value [size-out-of-range] /tr:top/tr:item[tr:id='b']/tr:size"},
		{`<edit-data xmlns="` + nmdaSpace + `" xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"><datastore>ds:candidate</datastore></edit-data>`,
			protocol + "missing-element [missing-choice] /nc:rpc/ncds:edit-data bad-element=config missing-choice=edit-content"},
		{commit, success}, {running, "<name>n</name><limit>7</limit><item><id>a</id><size>1</size><port>80</port></item><item><id>b</id></item><ordered><id>x</id></ordered>"},
	})
}

// edit-data is edit-config under another name, and locks and validate know datastores by theirs.
func TestEditData(t *testing.T) {
	f := start(t, "", Limits{})
	a, b := f.dial(admin), f.dial(admin)
	by := func(operation, parameter, datastore string) string {
		return "<" + operation + "><" + parameter + `><datastore xmlns="` + nmdaSpace + `" xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores">ds:` +
			datastore + "</datastore></" + parameter + "></" + operation + ">"
	}
	steps(t, map[string]*client{"A": a, "B": b}, []step{
		{by("lock", "target", "candidate"), success}, {"B: " + editData("candidate", top("<name>b</name>")), inUseBy(a)},
		{"B: " + lockC, protocol + "lock-denied session-id=" + id(a)},
		{editData("candidate", top("<name>a</name>")), success}, {by("validate", "source", "candidate"), success}, {commit, success},
		{by("unlock", "target", "candidate"), success}, {running, "<name>a</name>"},
		{editData("candidate", top("<limit>3</limit>"), replaceAll), success}, {candidate, "<limit>3</limit>"},
		{editData("candidate", top(`<limit`+opAttr+`"delete"/>`), none), success}, {candidate, ""}, {discard, success},
		{by("validate", "source", "running"), success}, {by("validate", "source", "intended"), success},
		{by("validate", "source", "operational"), protocol + "invalid-value bad-element=datastore"},
		{by("lock", "target", "operational"), protocol + "invalid-value bad-element=datastore"},
		{by("unlock", "target", "intended"), protocol + "invalid-value bad-element=datastore"},
	})
}

// Access control is that of the other operations: what may not be read is not there, what may not be written is refused.
func TestNMDAObeysAccessControl(t *testing.T) {
	f := start(t, `{"example-traps:top": {"name": "n", "limit": 3},
		"ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "guests", "user-name": ["guest"]}]},
			"rule-list": [{"name": "1", "group": ["guests"], "rule": [
				{"name": "no name", "path": "/example-traps:top/name", "access-operations": "*", "action": "deny"},
				{"name": "rest", "module-name": "*", "access-operations": "*", "action": "permit"}]}]}}`, Limits{})
	c := f.dial(access.User{Name: "guest", Origin: access.SSH})
	for _, datastore := range []string{"running", "operational", "candidate", "intended"} {
		if got := c.found(getData(datastore, topFilter)); strings.Contains(got, "<name>") || !strings.Contains(got, "<limit>3</limit>") {
			t.Errorf("%s shows %s", datastore, got)
		}
	}
	if got := said(t, c.rpc(editData("candidate", top("<name>x</name>")))); got != plain+"access-denied /tr:top/tr:name" {
		t.Errorf("an edit of what is not theirs: %s", got)
	}
}

func TestNMDAIsAnnounced(t *testing.T) {
	f := start(t, "", Limits{})
	got := f.connect(admin).read()
	found := regexp.MustCompile(`<capability>urn:ietf:params:netconf:capability:yang-library:1\.1\?revision=2019-01-04&amp;content-id=(\w+)</capability>`).FindStringSubmatch(got)
	if found == nil || found[1] != f.server.library.id() {
		t.Errorf("the hello lacks the content-id %s: %s", f.server.library.id(), got)
	}
	if !strings.Contains(got, "<capability>urn:ietf:params:netconf:capability:with-operational-defaults:1.0</capability>") {
		t.Error("the hello lacks with-operational-defaults")
	}
}
