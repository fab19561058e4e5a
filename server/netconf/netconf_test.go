package netconf

import (
	"strings"
	"testing"
)

// step is a request and what comes of it, in the form of said.
type step struct{ request, want string }

// steps runs requests in order. A request is an operation; "A: …" has the client called A send it.
func steps(t *testing.T, clients map[string]*client, list []step) {
	t.Helper()
	for _, s := range list {
		c := clients["A"]
		request := s.request
		if name, rest, ok := strings.Cut(request, ": "); ok && clients[name] != nil {
			c, request = clients[name], rest
		}
		var got string
		switch {
		case strings.HasPrefix(request, "show "):
			got = c.traps(strings.TrimPrefix(request, "show "))
		default:
			got = said(t, c.rpc(request))
		}
		if got != s.want {
			t.Fatalf("%s\ngot  %s\nwant %s", s.request, got, s.want)
		}
	}
}

const (
	lockC     = "<lock><target><candidate/></target></lock>"
	lockR     = "<lock><target><running/></target></lock>"
	unlockC   = "<unlock><target><candidate/></target></unlock>"
	unlockR   = "<unlock><target><running/></target></unlock>"
	validateC = "<validate><source><candidate/></source></validate>"
	trial     = "<commit><confirmed/></commit>"
	success   = "<ok/>"
	plain     = "application "
	atFilter  = " /nc:rpc/nc:get-config/nc:filter"
	protocol  = "protocol "
	candidate = "show candidate"
	running   = "show running"
	opAttr    = ` xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation=`
	placed    = ` xmlns:yang="urn:ietf:params:xml:ns:yang:1" yang:insert=`
)

// The traps of NETCONF servers that concern the content of replies, each by what a client sees. The others are framing
// (hello_test.go), size and slowness (load_test.go).
func TestTraps(t *testing.T) {
	traps := map[string][]step{
		"2 attributes and prefixes: values mean what the XML in scope says": {
			{`<edit-config><target><candidate/></target><config><x:top xmlns:x="urn:example:traps"><x:item><x:id>1</x:id><x:kind xmlns:tr="urn:ietf:params:xml:ns:netconf:base:1.0">x:dog</x:kind></x:item></x:top></config></edit-config>`, success},
			{candidate, `<item><id>1</id><kind xmlns:tr="urn:example:traps">tr:dog</kind></item>`},
			{edit(top(`<item><id>1</id><kind>tr:dog</kind></item>`)), plain + "invalid-value /tr:top/tr:item[tr:id='1']/tr:kind"},
			{`<edit-config><target><candidate/></target><config><top xmlns="urn:example:traps"><kind/></top></config></edit-config>`, plain + "unknown-element /tr:top bad-element=kind"},
			{`<get-config><source><candidate/></source><filter type="xpath" xmlns:any="urn:example:traps" select="/any:top/any:item[any:id='1']/any:id"/></get-config>`,
				`<data><top xmlns="urn:example:traps"><item><id>1</id></item></top></data>`},
			{`<get-config><source><candidate/></source><filter type="xpath" xmlns:tr="urn:other" select="/tr:top"/></get-config>`, protocol + "invalid-value" + atFilter},
			{edit(top(`<ordered><id>a</id></ordered><ordered><id>b</id></ordered>`)), success},
			{edit(`<q:top xmlns:q="urn:example:traps" xmlns:y="urn:ietf:params:xml:ns:yang:1"><q:ordered y:insert="before" y:key="[q:id='a']"><q:id>b</q:id></q:ordered></q:top>`), success},
			{`<get-config><source><candidate/></source><filter><top xmlns="urn:example:traps"><ordered/></top></filter></get-config>`,
				`<data><top xmlns="urn:example:traps"><ordered><id>b</id></ordered><ordered><id>a</id></ordered></top></data>`},
		},
		"3 validate does not consume the change": {
			{edit(top("<name>a</name>")), success}, {validateC, success}, {commit, success}, {running, "<name>a</name>"},
		},
		"4 tags and paths (RFC 7950 sections 8.3 and 15)": {
			{edit(top("<item><id>1</id><size>0</size></item>")), plain + "invalid-value [size-out-of-range] /tr:top/tr:item[tr:id='1']/tr:size"},
			{edit(top("<item><id>1</id><port>x</port></item>")), plain + "invalid-value /tr:top/tr:item[tr:id='1']/tr:port"},
			{edit(top("<item><size>1</size></item>")), plain + "missing-element /tr:top/tr:item bad-element=id"},
			{edit(top("<none/>")), plain + "unknown-element /tr:top bad-element=none"},
			{edit(top("<missing>x</missing>")), plain + "unknown-element /tr:top bad-element=missing"},
			{edit(top("<state>x</state>")), plain + "unknown-element /tr:top bad-element=state"},
			{edit("<absent xmlns='urn:example:traps'/>"), plain + "unknown-element bad-element=absent"},
			{edit("<top xmlns='urn:nobody'/>"), plain + "unknown-namespace bad-element=top bad-namespace=urn:nobody"},
			{edit("<top/>"), plain + "unknown-element bad-element=top"},
			{edit(top("<extra><colour>red</colour></extra>")), plain + "unknown-element /tr:top/tr:extra bad-element=extra"},
			{edit(top("<name" + opAttr + "'delete'/>")), plain + "data-missing /tr:top/tr:name"},
			{edit(top("<name" + opAttr + "'create'>a</name>")), success},
			{edit(top("<name" + opAttr + "'create'>a</name>")), plain + "data-exists /tr:top/tr:name"},
			{edit(top("<name" + opAttr + "'twist'>a</name>")), plain + "bad-attribute /tr:top/tr:name bad-attribute=operation bad-element=name"},
			{edit(top("<name" + placed + "'first'>a</name>")), plain + "unknown-attribute /tr:top/tr:name bad-attribute=insert bad-element=name"},
			{edit(top("<ordered" + placed + "'before'><id>1</id></ordered>")), plain + "missing-attribute /tr:top/tr:ordered bad-attribute=key bad-element=ordered"},
			{edit(top("<ordered" + placed + `'before' yang:key="[tr:id='9']" xmlns:tr="urn:example:traps"><id>1</id></ordered>`)),
				plain + "bad-attribute [missing-instance] /tr:top/tr:ordered[tr:id='1']"},
			{edit(top("<name>a</name><name>b</name>")), plain + "bad-element /tr:top/tr:name bad-element=name"},
			{edit(top("<item><id>1</id></item><item><id>1</id></item>")), plain + "bad-element /tr:top/tr:item[tr:id='1'] bad-element=item"},
			{discard, success},
			{edit(top(`<item><id>1</id><port>22</port><next>9</next></item><item><id>2</id><port>5</port></item><item><id>3</id><port>5</port></item><strict><id>1</id></strict><few><id>1</id></few><few><id>2</id></few><few><id>3</id></few><few><id>4</id></few>`)), success},
			{commit, strings.Join([]string{
				plain + "data-missing [instance-required] /tr:top/tr:item[tr:id='1']/tr:next",
				plain + "operation-failed [port-taken] /tr:top/tr:item[tr:id='1']/tr:port",
				plain + "operation-failed [data-not-unique] /tr:top/tr:item[tr:id='3'] non-unique=/tr:top/tr:item[tr:id='3']/tr:port",
				plain + "operation-failed [too-many-elements] /tr:top/tr:few",
				plain + "data-missing /tr:top/tr:strict[tr:id='1']/tr:needed"}, "\n")},
			{running, ""},
		},
		"5 default-operation none changes nothing, replace everything": {
			{edit(top("<name>a</name><limit>3</limit><item><id>1</id><size>1</size></item>") + `<lonely xmlns="urn:example:traps">x</lonely>`), success},
			{edit(top("<name>b</name><item><id>1</id><size>2</size></item>"), none), success},
			{candidate, "<name>a</name><limit>3</limit><item><id>1</id><size>1</size></item>"},
			{edit(top("<item><id>2</id></item>"), none), plain + "data-missing /tr:top/tr:item[tr:id='2']"},
			{edit(top("<item><id>1</id><size"+opAttr+"'replace'>2</size></item>"), none), success},
			{candidate, "<name>a</name><limit>3</limit><item><id>1</id><size>2</size></item>"},
			{edit(top("<name>c</name>"), replaceAll), success},
			{`<get-config><source><candidate/></source></get-config>`, `<data><top xmlns="urn:example:traps"><name>c</name></top></data>`},
			{`<edit-config><target><candidate/></target><config>` + top("<name>d</name>") + `</config><default-operation>none</default-operation></edit-config>`,
				protocol + "bad-element bad-element=default-operation"},
		},
		"6 one case of a choice takes the place of another": {
			{edit(top("<tcp/>")), success}, {edit(top("<udp/>")), success}, {candidate, "<udp/>"}, {commit, success},
			{edit(top("<quic><version>1</version></quic>")), success}, {commit, success}, {running, "<quic><version>1</version></quic>"},
			{edit(top("<tcp/><udp/>")), plain + "bad-element /tr:top bad-element=udp"},
			{candidate, "<quic><version>1</version></quic>"},
		},
		"9 filters": {
			{edit(top("<name>a</name><item><id>1</id><size>1</size></item><item><id>2</id><size>2</size></item>")), success}, {commit, success},
			{`<get-config><source><running/></source><filter/></get-config>`, `<data></data>`},
			{`<get><filter type="subtree"/></get>`, `<data></data>`},
			{`<get-config><source><running/></source><filter><top xmlns="urn:example:traps"><item><size/></item></top></filter></get-config>`,
				`<data><top xmlns="urn:example:traps"><item><id>1</id><size>1</size></item><item><id>2</id><size>2</size></item></top></data>`},
			{`<get-config><source><running/></source><filter><top xmlns="urn:example:traps"><item><id>2</id></item></top></filter></get-config>`,
				`<data><top xmlns="urn:example:traps"><item><id>2</id><size>2</size></item></top></data>`},
			{`<get-config><source><running/></source><filter><top xmlns="urn:example:traps"><item a="1"/></top></filter></get-config>`, `<data></data>`},
			{`<get-config><source><running/></source><filter type="xpath"/></get-config>`, protocol + "missing-attribute" + atFilter + " bad-attribute=select bad-element=filter"},
			{`<get-config><source><running/></source><filter type="xpath" select="1+"/></get-config>`, protocol + "invalid-value" + atFilter},
			{`<get-config><source><running/></source><filter type="regex" select="x"/></get-config>`, protocol + "bad-attribute" + atFilter + " bad-attribute=type bad-element=filter"},
			{`<get-config><source><running/></source><filter type="xpath" select="/tr:top/tr:item[tr:size &gt; 1]/tr:id" xmlns:tr="urn:example:traps"/></get-config>`,
				`<data><top xmlns="urn:example:traps"><item><id>2</id></item></top></data>`},
			{`<get-config><source><running/></source><filter type="xpath" select="count(/tr:top/tr:item)" xmlns:tr="urn:example:traps"/></get-config>`, protocol + "invalid-value" + atFilter},
		},
		"10 what holds on edit holds on commit, and a failing edit leaves nothing behind": {
			{edit(top("<name>b</name><item><id>1</id><size>0</size></item>"), rollback), plain + "invalid-value [size-out-of-range] /tr:top/tr:item[tr:id='1']/tr:size"},
			{candidate, ""},
			{edit(top("<name>b</name><limit"+opAttr+"'delete'/>"), "<error-option>continue-on-error</error-option>"), plain + "data-missing /tr:top/tr:limit"},
			{candidate, ""},
			{edit(top("<few><id>1</id></few><few><id>2</id></few><few><id>3</id></few><few><id>4</id></few>"), testFirst), plain + "operation-failed [too-many-elements] /tr:top/tr:few"},
			{edit(top("<few><id>1</id></few><few><id>2</id></few><few><id>3</id></few>"), testFirst), success}, {commit, success},
			{edit(top("<few><id>4</id></few>"), testOnly), plain + "operation-failed [too-many-elements] /tr:top/tr:few"},
			{edit(top("<few><id>4</id></few>")), success}, {commit, plain + "operation-failed [too-many-elements] /tr:top/tr:few"},
			{validateC, plain + "operation-failed [too-many-elements] /tr:top/tr:few"},
			{running, "<few><id>1</id></few><few><id>2</id></few><few><id>3</id></few>"},
			{discard, success},
			{edit(top("<name>x</name>"), testOnly), success}, {candidate, "<few><id>1</id></few><few><id>2</id></few><few><id>3</id></few>"},
		},
	}
	for name, list := range traps {
		t.Run(name, func(t *testing.T) {
			f := start(t, "", Limits{})
			steps(t, map[string]*client{"A": f.dial(admin)}, list)
		})
	}
}
