package netconf

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const baseSpace = `xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"`

// All that an rpc carries comes back on the reply, which is in the base namespace however the request was written (RFC 6241
// section 4.1).
func TestEnvelope(t *testing.T) {
	c := start(t, "", Limits{}).dial(admin)
	for request, want := range map[string]string{
		`<rpc ` + baseSpace + ` message-id="1">` + discard + `</rpc>`: `<rpc-reply ` + baseSpace + ` message-id="1"><ok/></rpc-reply>`,

		`<nc:rpc xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="a&quot;&lt;&#10;b"><nc:discard-changes/></nc:rpc>`: `<rpc-reply ` + baseSpace + ` xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="a&quot;&lt;&#10;b"><ok/></rpc-reply>`,

		`<rpc message-id="2" ex:user="ann" xmlns:ex="urn:ex" ` + baseSpace + ` xml:lang="de" colour="red" xmlns:unused="urn:u">` + discard + `</rpc>`: `<rpc-reply ` + baseSpace + ` xmlns:ex="urn:ex" xmlns:unused="urn:u" message-id="2" ex:user="ann" xml:lang="de" colour="red"><ok/></rpc-reply>`,

		`<nc:rpc xmlns="urn:example:traps" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="3"><nc:discard-changes/></nc:rpc>`: `<nc:rpc-reply xmlns="urn:example:traps" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="3"><nc:ok/></nc:rpc-reply>`,

		`<nc:rpc xmlns="urn:example:traps" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="4"><nc:get-config><nc:source><nc:running/></nc:source><nc:filter/></nc:get-config></nc:rpc>`: `<nc:rpc-reply xmlns="urn:example:traps" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="4"><nc:data></nc:data></nc:rpc-reply>`,
	} {
		c.send(request)
		got := strings.TrimPrefix(c.read(), xmlDeclaration)
		wellFormed(t, got)
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", request, got, want)
		}
	}
}

// Data in a reply whose default namespace is not the base one is still what it was.
func TestDataUnderAnotherDefaultNamespace(t *testing.T) {
	c := start(t, `{"example-traps:top": {"name": "a"}}`, Limits{}).dial(admin)
	c.send(`<n:rpc xmlns="urn:example:traps" xmlns:n="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><n:get-config><n:source><n:running/></n:source></n:get-config></n:rpc>`)
	if got := c.read(); !strings.Contains(got, `<n:data><top><name>a</name></top></n:data>`) {
		t.Errorf("got %s", got)
	}
}

// The page for operators has the limits that hold, and a request may be as deep as it says, but no deeper.
func TestLimitsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/netconf.md")
	if err != nil {
		t.Fatal(err)
	}
	const depth = 100
	l := Limits{}.orDefault()
	want := fmt.Sprintf("There are limits to sessions (%d), logins at a time (%d), the time for a login (%.0f s) and until the hello (%.0f s), and the size (%d MiB) and depth (%d) of a request.",
		l.Sessions, l.Logins, l.LoginTimeout.Seconds(), l.HelloTimeout.Seconds(), l.MessageSize>>20, depth)
	if !strings.Contains(string(page), want) {
		t.Errorf("the page lacks %q", want)
	}
	c := start(t, "", Limits{}).dial(admin)
	for n, refused := range map[int]bool{depth: false, depth + 1: true} {
		inner := n - len([]string{"rpc", "get", "filter"})
		got := c.rpc(`<get><filter>` + strings.Repeat("<a>", inner) + strings.Repeat("</a>", inner) + `</filter></get>`)
		if tooBig := said(t, got) == "rpc too-big"; tooBig != refused {
			t.Errorf("%d elements inside each other: %s", n, got)
		}
	}
}

// What is wrong with a message is said in the right words, changes nothing, and does not end the session.
func TestBadMessages(t *testing.T) {
	deep := strings.Repeat("<a>", 200) + strings.Repeat("</a>", 200)
	change := edit(top("<name>a</name>"))
	for name, c := range map[string]struct{ message, want string }{
		"not well-formed":       {`<rpc ` + baseSpace + ` message-id="1">` + change + `<a></rpc>`, "rpc malformed-message"},
		"cut short":             {`<rpc ` + baseSpace + ` message-id="1">` + change, "rpc malformed-message"},
		"empty":                 {" ", "rpc malformed-message"},
		"text":                  {"hello?", "rpc malformed-message"},
		"text in rpc":           {`<rpc ` + baseSpace + ` message-id="1">now ` + change + `</rpc>`, "rpc malformed-message"},
		"not UTF-8":             {`<rpc ` + baseSpace + ` message-id="1">` + edit(top("<name>\xff</name>")) + `</rpc>`, "rpc malformed-message"},
		"other encoding":        {`<?xml version="1.0" encoding="UTF-16"?>` + rpc(1, change), "rpc malformed-message"},
		"Latin 1":               {`<?xml version="1.0" encoding="ISO-8859-1"?>` + rpc(1, edit(top("<name>\xe4</name>"))), "rpc malformed-message"},
		"document type":         {`<!DOCTYPE rpc [<!ENTITY a "x">]>` + rpc(1, change), "rpc malformed-message"},
		"entity":                {rpc(1, edit(top("<name>&a;</name>"))), "rpc malformed-message"},
		"undeclared prefix":     {rpc(1, `<x:get/>`), "rpc malformed-message"},
		"two documents":         {rpc(1, change) + rpc(2, change), "rpc malformed-message"},
		"too deep":              {rpc(1, edit(top(deep))), "rpc too-big"},
		"too long a value":      {rpc(1, edit(top("<name>"+strings.Repeat("x", 2000)+"</name>"))), "rpc too-big"},
		"too long":              {rpc(1, edit(top(strings.Repeat("<name>a</name>", 10000)))), "rpc too-big"},
		"no message-id":         {`<rpc ` + baseSpace + `>` + change + `</rpc>`, "rpc missing-attribute bad-attribute=message-id bad-element=rpc"},
		"no namespace":          {`<rpc message-id="1">` + change + `</rpc>`, "rpc unknown-namespace bad-element=rpc bad-namespace="},
		"other namespace":       {`<rpc xmlns="urn:x" message-id="1">` + change + `</rpc>`, "rpc unknown-namespace bad-element=rpc bad-namespace=urn:x"},
		"other element":         {`<rcp ` + baseSpace + ` message-id="1">` + change + `</rcp>`, "rpc unknown-element bad-element=rcp"},
		"a second hello":        {hello(base11), "rpc unknown-element bad-element=hello"},
		"a reply":               {`<rpc-reply ` + baseSpace + ` message-id="1"><ok/></rpc-reply>`, "rpc unknown-element bad-element=rpc-reply"},
		"no operation":          {rpc(1, ""), protocol + "missing-element bad-element=rpc"},
		"two operations":        {rpc(1, change+commit), protocol + "bad-element bad-element=commit"},
		"unknown operation":     {rpc(1, "<frobnicate/>"), protocol + "operation-not-supported bad-element=frobnicate"},
		"operation of nobody":   {rpc(1, `<frobnicate xmlns="urn:x"/>`), protocol + "unknown-namespace bad-element=frobnicate bad-namespace=urn:x"},
		"operation of a module": {rpc(1, `<unheard xmlns="urn:example:traps"/>`), protocol + "operation-not-supported bad-element=unheard"},
		"unknown parameter":     {rpc(1, "<commit><now/></commit>"), protocol + "unknown-element /nc:rpc/nc:commit bad-element=now"},
		"parameter of nobody":   {rpc(1, `<commit><now xmlns="urn:x"/></commit>`), protocol + "unknown-namespace /nc:rpc/nc:commit bad-element=now bad-namespace=urn:x"},
		"parameter twice":       {rpc(1, "<commit><confirmed/><confirmed/></commit>"), protocol + "bad-element /nc:rpc/nc:commit/nc:confirmed bad-element=confirmed"},
		"no target":             {rpc(1, "<edit-config><config/></edit-config>"), protocol + "missing-element [missing-choice] /nc:rpc/nc:edit-config/nc:target bad-element=target missing-choice=config-target"},
		"target running": {rpc(1, "<edit-config><target><running/></target><config>"+top("<name>a</name>")+"</config></edit-config>"),
			protocol + "unknown-element /nc:rpc/nc:edit-config/nc:target bad-element=running"},
		"two targets": {rpc(1, "<lock><target><candidate/><running/></target></lock>"), protocol + "bad-element /nc:rpc/nc:lock/nc:target bad-element=running"},
		"no config": {rpc(1, "<edit-config><target><candidate/></target></edit-config>"),
			protocol + "missing-element [missing-choice] /nc:rpc/nc:edit-config bad-element=config missing-choice=edit-content"},
		"operation on config": {rpc(1, "<edit-config><target><candidate/></target><config"+opAttr+"'delete'/></edit-config>"),
			protocol + "unknown-attribute bad-attribute=operation bad-element=config"},
		"unknown option": {rpc(1, edit(top("<name>a</name>"), "<test-option>maybe</test-option>")), protocol + "invalid-value /nc:rpc/nc:edit-config/nc:test-option"},
		"filter with both": {rpc(1, `<get><filter><top xmlns="urn:example:traps">text<name/></top></filter></get>`),
			protocol + "bad-element /nc:rpc/nc:get/nc:filter bad-element=top"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, "", Limits{ValueSize: 1000, MessageSize: 50000})
			x := f.dial(admin)
			x.send(c.message)
			text := strings.TrimPrefix(x.read(), xmlDeclaration)
			wellFormed(t, text)
			_, text, _ = strings.Cut(strings.TrimSuffix(text, "</rpc-reply>"), ">")
			if got := said(t, text); got != c.want {
				t.Errorf("got  %s\nwant %s\n%s", got, c.want, text)
			}
			if got := x.traps("candidate") + x.traps("running"); got != "" {
				t.Errorf("something was changed: %s", got)
			}
			bad := uint64(0)
			if strings.HasPrefix(c.want, "rpc ") {
				bad = 1
			}
			if got := f.server.total.bad.Load(); got != bad {
				t.Errorf("%d messages count as bad, want %d", got, bad)
			}
		})
	}
}

// Version 1.0 does not know the tag malformed-message (RFC 6241 appendix A).
func TestMalformedInVersion10(t *testing.T) {
	c := start(t, "", Limits{}).connect(admin)
	c.read()
	c.send(hello(base10))
	c.send("<rpc " + baseSpace + " message-id='1'>")
	_, text, _ := strings.Cut(c.read(), "><")
	if got := said(t, "<"+strings.TrimSuffix(text, "</rpc-reply>")); !strings.HasPrefix(got, "rpc operation-failed") {
		t.Errorf("got %s", got)
	}
	c.must(discard)
}
