package netconf

import (
	"fmt"
	"testing"
)

const yard = `{"example-calls:yard": {"crane": [{"id": "a"}, {"id": "b", "reach": 5}]}}`

// lift is an action of a crane.
func lift(crane, input string) string {
	return `<action xmlns="urn:ietf:params:xml:ns:yang:1"><yard xmlns="urn:example:calls" xmlns:ca="urn:example:calls"><crane><id>` + crane + `</id><lift>` + input + `</lift></crane></yard></action>`
}

func closeYard(input string) string { return `<close xmlns="urn:example:calls">` + input + `</close>` }

// What nobody carries out is refused as such only when nothing else is wrong with it (RFC 7950 sections 7.14.2, 7.15.2, 8).
func TestInputOfOperations(t *testing.T) {
	f := start(t, yard, Limits{})
	const guard = `<guard><name>ann</name></guard>`
	const rpcPath, liftPath = "/nc:rpc/ca:close", "/ca:yard/ca:crane[ca:id='b']/ca:lift"
	const lifted = protocol + "operation-not-supported /ca:yard/ca:crane[ca:id='%s'] bad-element=lift"
	closed := protocol + "operation-not-supported bad-element=close"
	steps(t, map[string]*client{"A": f.dial(admin)}, []step{
		{closeYard(`<at>night</at>` + guard), closed},
		{closeYard(`<at>night</at><gates>9</gates>` + guard), closed},
		{closeYard(`<at>noon</at><gates>9</gates>` + guard), protocol + "operation-failed [must-violation] " + rpcPath + "/ca:gates"},
		{closeYard(``), protocol + "missing-element " + rpcPath + "/ca:at bad-element=at\n" + protocol + "missing-element " + rpcPath + "/ca:guard bad-element=guard"},
		{closeYard(`<at>night</at><gates>300</gates>` + guard), protocol + "invalid-value " + rpcPath + "/ca:gates"},
		{closeYard(`<at>night</at><gate/>` + guard), protocol + "unknown-element " + rpcPath + " bad-element=gate"},
		{closeYard(`<at>night</at><at>noon</at>` + guard), protocol + "bad-element " + rpcPath + "/ca:at bad-element=at"},
		{closeYard(`<at>night</at><quietly/><loudly/>` + guard), protocol + "bad-element " + rpcPath + " bad-element=loudly"},
		{closeYard(`<at>night</at><guard><name>a</name></guard><guard><name>b</name></guard><guard><name>c</name></guard>`),
			protocol + "operation-failed [too-many-elements] " + rpcPath + "/ca:guard"},
		{closeYard(`<at>night</at><guard><post>gate</post></guard>`), protocol + "missing-element " + rpcPath + "/ca:guard bad-element=name"},
		{closeYard(`<at>night</at><guard><name>a</name><relief>z</relief></guard>`),
			plain + "data-missing [instance-required] " + rpcPath + "/ca:guard[ca:name='a']/ca:relief"},
		{closeYard(`<at>night</at><guard><name>a</name><post>p</post></guard><guard><name>b</name><post>p</post></guard>`),
			protocol + "operation-failed [data-not-unique] " + rpcPath + "/ca:guard[ca:name='b'] non-unique=" + rpcPath + "/ca:guard[ca:name='a']/ca:post non-unique=" + rpcPath + "/ca:guard[ca:name='b']/ca:post"},

		{lift("b", `<load>a</load><beside>b</beside><metres>5</metres><weighed>/ca:yard/ca:crane[ca:id='a']</weighed>`), fmt.Sprintf(lifted, "b")},
		{lift("a", `<metres>30</metres><twice/>`), fmt.Sprintf(lifted, "a")},
		{lift("b", `<metres>6</metres>`), protocol + "operation-failed [too-far] " + liftPath + "/ca:metres"},
		{lift("b", `<metres>0</metres>`), protocol + "invalid-value " + liftPath + "/ca:metres"},
		{lift("b", `<metres>5</metres><twice/>`), protocol + "unknown-element " + liftPath + "/ca:twice bad-element=twice"},
		{lift("b", `<load>z</load>`), plain + "data-missing [instance-required] " + liftPath + "/ca:load"},
		{lift("b", `<beside>z</beside>`), plain + "data-missing [instance-required] " + liftPath + "/ca:beside"},
		{lift("b", `<weighed>/ca:yard/ca:crane[ca:id='z']</weighed>`), plain + "data-missing [instance-required] " + liftPath + "/ca:weighed"},
		{lift("b", `<rope/>`), protocol + "unknown-element " + liftPath + " bad-element=rope"},
		{lift("z", `<rope/>`), plain + "data-missing /ca:yard/ca:crane[ca:id='z']"},
		{`<blast xmlns="urn:example:calls"><tons>2</tons></blast>`, protocol + "operation-not-supported bad-element=blast"},
	})
	steps(t, map[string]*client{"A": f.dial(admin), "B": f.dial(guest)}, []step{
		{edit(`<yard xmlns="urn:example:calls"><open>false</open></yard>`), success},
		{commit, success},
		{closeYard(`<at>night</at>` + guard), protocol + "operation-failed [must-violation] " + rpcPath},
	})
}

// Whether somebody may run an operation is decided before anybody looks at what it is given (RFC 8341 section 3.4.4).
func TestAccessComesBeforeInput(t *testing.T) {
	f := start(t, yard[:len(yard)-1]+`, "ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "guests", "user-name": ["guest"]}]},
		"rule-list": [{"name": "1", "group": ["guests"], "rule": [{"name": "1", "path": "/example-calls:yard/crane", "access-operations": "exec", "action": "deny"}]}]}}`, Limits{})
	steps(t, map[string]*client{"A": f.dial(guest)}, []step{
		{`<blast xmlns="urn:example:calls"><tons>900</tons></blast>`, protocol + "access-denied /nc:rpc/ca:blast"},
		{lift("b", `<metres>0</metres>`), plain + "access-denied /ca:yard/ca:crane[ca:id='b']"},
		{lift("z", `<metres>0</metres>`), plain + "access-denied /ca:yard/ca:crane[ca:id='z']"},
	})
}
