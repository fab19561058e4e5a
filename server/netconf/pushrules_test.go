package netconf

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"mooring/server/access"
)

// What a publisher must do by RFC 8641, statement by statement; that receivers know what they would read is tested elsewhere.

func resync(id int) string {
	return fmt.Sprintf(`<resync-subscription xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-push"><id>%d</id></resync-subscription>`, id)
}

const name = "/tr:top/tr:name"

func rename(to string) string { return edit(top("<name>" + to + "</name>")) }

// nextUpdate reads a notification, which is an update of that kind, and returns it and its time.
func (c *client) nextUpdate(kind string, id int) (time.Time, *dom) {
	c.t.Helper()
	at, text := unwrap(c.t, c.read())
	update := parseDOM(c.t, text).kids[0]
	if update.name != kind || update.in("id").text != fmt.Sprint(id) { // 4.3.2: the id goes with the contents
		c.t.Fatalf("told %s\nwant %s of %d", text, kind, id)
	}
	return at, update
}

func TestPush3_7_SyncIsAPushUpdateAndResetsThePatchID(t *testing.T) {
	f := start(t, startTop, Limits{})
	c, editor := f.dial(admin), f.dial(admin)
	id := c.established(pushOf("running", selecting(name), onChange()))
	patch := func(want string) {
		t.Helper()
		_, update := c.nextUpdate("push-change-update", id)
		if got := update.in("datastore-changes", "yang-patch", "patch-id").text; got != want {
			t.Errorf("patch %s, want %s", got, want)
		}
	}
	if _, first := c.nextUpdate("push-update", id); first.in("datastore-contents").flat() != "n" {
		t.Errorf("at first comes %s", first.flat())
	}
	for i, want := range []string{"0", "1", "2"} {
		editor.must(rename(fmt.Sprint("n", i)), commit)
		patch(want)
	}
	c.must(resync(id)) // 4.4.4: accepted, and followed by a push-update
	if _, again := c.nextUpdate("push-update", id); again.in("datastore-contents").flat() != "n2" {
		t.Errorf("again comes %s", again.flat())
	}
	editor.must(rename("x"), commit)
	patch("0")
	sub := f.server.dynamic.list()[0].(*pushSubscription)
	sub.updates.(*changeUpdates).patches = 1<<32 - 1 // nobody touches it while nothing changes
	editor.must(rename("y"), commit)
	patch("4294967295")
	editor.must(rename("z"), commit)
	patch("0")
}

func TestPush3_9_WhatMayNotBeReadIsOmittedSilently(t *testing.T) {
	f := start(t, `{"example-traps:top": {"name": "n", "item": [{"id": "a", "size": 1, "secret": "s"}]},
		"ietf-netconf-acm:nacm": {"exec-default": "permit", "groups": {"group": [{"name": "guests", "user-name": ["guest"]}]},
		"rule-list": [{"name": "guests", "group": ["guests"], "rule": [
			{"name": "secret", "path": "/example-traps:top/example-traps:item/example-traps:secret", "access-operations": "read", "action": "deny"},
			{"name": "name", "path": "/example-traps:top/example-traps:name", "access-operations": "read", "action": "deny"}]}]}}`, Limits{})
	c, editor := f.dial(guest), f.dial(access.User{Name: "boss", Origin: access.Local, Groups: []string{access.AdminGroup}})
	whole := c.established(pushOf("running", selectingSubtree(top("")), periodic(1_000_000)))
	if _, first := c.nextUpdate("push-update", whole); first.in("datastore-contents").flat() != "a 1" {
		t.Errorf("at first comes %s", first.flat())
	}
	// what is hidden is not told, and does not begin a dampening period: this one would outlast the test
	changes := c.established(pushOf("running", selectingSubtree(top("")), onChange("<dampening-period>1000000</dampening-period>", "<sync-on-start>false</sync-on-start>")))
	sub := f.server.dynamic.list()[1].(*pushSubscription)
	for i := range 3 {
		editor.must(rename(fmt.Sprint(i)), commit)
		f.until("nothing is found to tell", func() bool { return sub.excluded.Load() > uint64(i) })
	}
	editor.must(edit(top("<item><id>a</id><secret>t</secret><size>2</size></item>")), commit)
	if _, update := c.nextUpdate("push-change-update", changes); update.edits() != "replace /example-traps:top/item=a/size 2" {
		t.Errorf("told %s", update.edits())
	}
	f.until("what was sent is counted", func() bool { return sub.sent.Load() == 1 })
	// a filter may select what is not there and what may not be read; a periodic update is sent though it is empty
	empty := c.established(pushOf("running", selecting(name+" | /tr:top/tr:item[tr:id='none']"), periodic(10)))
	for range 2 {
		if _, update := c.nextUpdate("push-update", empty); len(update.in("datastore-contents").kids) > 0 || update.in("datastore-contents").name == "" {
			t.Errorf("told %s", update.flat())
		}
	}
}

func TestPush3_3_DampeningKeepsTheLastValue(t *testing.T) {
	f := start(t, startTop, Limits{})
	c, editor := f.dial(admin), f.dial(admin)
	const dampening = 300 * time.Millisecond
	id := c.established(pushOf("running", selectingSubtree(top("")), onChange("<dampening-period>30</dampening-period>", "<sync-on-start>false</sync-on-start>")))
	editor.must(rename("first"), commit)
	before, update := c.nextUpdate("push-change-update", id) // no period is in effect
	if update.edits() != "replace /example-traps:top/name first" {
		t.Errorf("told %s", update.edits())
	}
	editor.must(rename("second"), commit, rename("third"), commit, edit(top("<item><id>c</id><size>1</size></item>")), commit,
		edit(top("<item><id>c</id><size>2</size></item>")), commit)
	seen := ""
	for len(seen) < 1 || !strings.Contains(seen, "item=c") || !strings.Contains(seen, "third") {
		at, update := c.nextUpdate("push-change-update", id)
		if at.Sub(before) < dampening {
			t.Errorf("the next update came after %v", at.Sub(before))
		}
		before, seen = at, seen+update.edits()
	}
	if strings.Contains(seen, "size 1") && strings.Contains(seen, "size 2") && strings.Count(seen, ";") < 1 {
		t.Errorf("told %s", seen)
	}
}

func TestPush3_3_ExcludedChangesAreNotTold(t *testing.T) {
	f := start(t, startTop, Limits{})
	c, editor := f.dial(admin), f.dial(admin)
	id := c.established(pushOf("running", selectingSubtree(top("")), onChange("<sync-on-start>false</sync-on-start>", "<excluded-change>replace</excluded-change>", "<excluded-change>delete</excluded-change>")))
	editor.must(rename("other"), commit, edit(top(`<item xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="delete"><id>b</id></item>`)), commit,
		edit(top("<item><id>c</id></item>")), commit)
	if _, update := c.nextUpdate("push-change-update", id); update.edits() != "create /example-traps:top/item=c c" {
		t.Errorf("told %s", update.edits())
	}
}

func TestPush4_2_PeriodsAreCountedFromTheAnchorOrTheFirstUpdate(t *testing.T) {
	f := start(t, startTop, Limits{})
	c := f.dial(admin)
	const period = 200 * time.Millisecond
	id := c.established(pushOf("operational", selecting("/tr:top/tr:name | /tr:top/tr:state"), periodic(20)))
	first, update := c.nextUpdate("push-update", id)
	if update.in("datastore-contents").flat() != "n fine" {
		t.Errorf("told %s", update.flat())
	}
	for i := 1; i < 4; i++ {
		if at, _ := c.nextUpdate("push-update", id); at.Sub(first) < time.Duration(i)*period-time.Millisecond {
			t.Errorf("update %d comes %v after the first", i, at.Sub(first))
		}
	}
	c.must(about("delete-subscription", id, ""))
	for _, one := range []struct{ anchor, now, want time.Duration }{
		{0, 0, period}, {0, 1, period}, {0, period - 1, period}, {0, period, 2 * period}, {-period / 2, 0, period / 2}, // in the past
		{10*period + 7, 0, 7}, {10*period + 7, 7, period + 7}, {10 * period, 3*period - 1, 3 * period}, {10 * period, 3 * period, 4 * period}, // in the future
	} {
		if got := (pushTerms{period: period, anchor: epoch.Add(one.anchor)}).next(epoch.Add(one.now)).Sub(epoch); got != one.want {
			t.Errorf("after %v, from anchor %v: %v, want %v", one.now, one.anchor, got, one.want)
		}
	}
	anchor := time.Now().Add(-time.Hour - 50*time.Millisecond).UTC()
	id = c.established(pushOf("running", selecting(name), periodic(20, "<anchor-time>"+anchor.Format(time.RFC3339Nano)+"</anchor-time>")))
	before := time.Now()
	if at, _ := c.nextUpdate("push-update", id); at.Before((pushTerms{period: period, anchor: anchor}).next(before.Add(-period)).Truncate(time.Microsecond)) {
		t.Errorf("the first update came at %v", at)
	}
}

func TestPush4_4_2_WhatIsNotModifiedStays(t *testing.T) {
	f := start(t, startTop, Limits{})
	c, editor := f.dial(admin), f.dial(admin)
	id := c.established(pushOf("running", selecting(name), onChange("<excluded-change>delete</excluded-change>")))
	c.nextUpdate("push-update", id)
	shown := func() string {
		t.Helper()
		list := parseDOM(t, c.rpc(`<get><filter><subscriptions`+sn+`/></filter></get>`)).in("data", "subscriptions", "subscription")
		return list.in("datastore").text + " " + list.in("datastore-xpath-filter").text + " " + list.in("on-change").flat() + " " + list.in("stop-time").text
	}
	const before = "ds:running /tr:top/tr:name 0 true delete "
	modify := func(more ...string) string {
		return about("modify-subscription", id, "<datastore"+yp+">ds:running</datastore>"+strings.Join(more, ""))
	}
	if got := shown(); got != before {
		t.Errorf("it is %q", got)
	}
	for request, want := range map[string]string{ // each is answered by an error, and leaves everything as it is
		modify(periodic(100)):                                        protocol + "bad-element bad-element=periodic",
		modify(selecting("/tr:top/tr:state")):                        "application operation-failed [ietf-yang-push:unchanging-selection]",
		modify(selecting("]")):                                       "application invalid-value [ietf-subscribed-notifications:filter-unsupported] modify-subscription-datastore-error-info=",
		strings.Replace(modify(), "ds:running", "ds:operational", 1): protocol + "invalid-value bad-element=datastore",
		modify("<stop-time>2020-01-01T00:00:00Z</stop-time>"):        protocol + "invalid-value bad-element=stop-time",
	} {
		if got := said(t, c.rpc(request)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", request, got, want)
		}
		if got := shown(); got != before {
			t.Errorf("after that it is %q", got)
		}
	}
	c.must(modify(onChange("<dampening-period>5</dampening-period>")))
	if got := shown(); got != "ds:running /tr:top/tr:name 5 true delete " {
		t.Errorf("it is %q", got)
	}
	c.must(modify(selecting("/tr:top/tr:limit"))) // another selection begins with all of it
	if _, update := c.nextUpdate("push-update", id); update.in("datastore-contents").flat() != "7" {
		t.Errorf("told %s", update.flat())
	}
	editor.must(rename("x"), commit, edit(top("<limit>8</limit>")), commit)
	if _, update := c.nextUpdate("push-change-update", id); update.edits() != "replace /example-traps:top/limit 8" {
		t.Errorf("told %s", update.edits())
	}
}

func TestPush3_11_1_WhatIsMissingIsMarked(t *testing.T) {
	f := start(t, startTop, Limits{})
	f.hooks.state = func() error { return errors.New("the state is out of order") }
	c := f.dial(admin)
	id := c.established(pushOf("operational", selectingSubtree(top("")), periodic(10)))
	_, update := c.nextUpdate("push-update", id)
	if update.in("incomplete-update").name == "" || update.in("datastore-contents", "top", "name").text != "n" {
		t.Errorf("told %s", update.flat())
	}
}

// Who cannot be told anything is told that, and again when it can be.
func TestPush3_11_1_NoUpdateAtAllSuspends(t *testing.T) {
	f := start(t, startTop, Limits{Expression: 300_000})
	c, editor := f.dial(admin), f.dial(admin)
	costly := "/tr:top/tr:item[count(//*[count(//*[count(//*) > 0]) > 0]) > 0]/tr:id | /tr:top/tr:name"
	id := c.established(pushOf("running", selecting(strings.ReplaceAll(costly, ">", "&gt;")), onChange()))
	c.nextUpdate("push-update", id)
	editor.must(edit(top(items(400))), commit)
	if got := c.told(); got != about("subscription-suspended", id, `<reason xmlns:sn="urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications">sn:insufficient-resources</reason>`) {
		t.Errorf("told %s", got)
	}
	if got := c.rpc(`<get><filter><subscriptions` + sn + `/></filter></get>`); !strings.Contains(got, "<state>suspended</state>") {
		t.Errorf("it is shown as %s", got)
	}
	editor.must(edit(`<top xmlns="urn:example:traps" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="replace"><name>less</name></top>`), commit)
	c.tells(about("subscription-resumed", id, ""))
	_, update := c.nextUpdate("push-change-update", id) // complete from the update before
	if want := "replace /example-traps:top/name less; delete /example-traps:top/item=a; delete /example-traps:top/item=b"; update.edits() != want {
		t.Errorf("told %s", update.edits())
	}
}

func TestPush3_8_Refusals(t *testing.T) {
	f := start(t, startTop, Limits{})
	c := f.dial(admin)
	stream := c.established(establish())
	each := c.established(pushOf("running", selecting(name), periodic(100_000)))
	c.nextUpdate("push-update", each)
	unsynced := c.established(pushOf("running", selecting(name), onChange("<sync-on-start>false</sync-on-start>")))
	const app, hints = "application ", " establish-subscription-datastore-error-info="
	for request, want := range map[string]string{ // RFC 8640 section 7
		pushOf("startup", onChange()):                                                            app + "invalid-value [ietf-yang-push:datastore-not-subscribable]",
		pushOf("candidate", onChange()):                                                          app + "operation-not-supported [ietf-yang-push:on-change-unsupported]",
		pushOf("running", periodic(1)):                                                           app + "invalid-value [ietf-yang-push:period-unsupported]" + hints,
		pushOf("running", periodic(0)):                                                           app + "invalid-value [ietf-yang-push:period-unsupported]" + hints,
		pushOf("running", selecting("/tr:top/tr:state"), onChange()):                             app + "operation-failed [ietf-yang-push:unchanging-selection]",
		pushOf("running", selecting("/tr:nothing"), periodic(100)):                               app + "operation-failed [ietf-yang-push:unchanging-selection]",
		pushOf("operational", selectingSubtree(""), onChange()):                                  app + "operation-failed [ietf-yang-push:unchanging-selection]",
		pushOf("operational", selecting("/tr:top[starts-with(tr:name,'n')]"), onChange()):        app + "invalid-value [ietf-subscribed-notifications:filter-unsupported]" + hints,
		pushOf("operational", selecting("/tr:top[tr:name='n']"), onChange()):                     app + "invalid-value [ietf-subscribed-notifications:filter-unsupported]" + hints,
		pushOf("running", "<selection-filter-ref"+yp+">none</selection-filter-ref>", onChange()): app + "invalid-value [ietf-subscribed-notifications:filter-unsupported]" + hints,
		pushOf("running", selecting(name)):                                                       protocol + "missing-element bad-element=periodic",
		pushOf("running", "<encoding>encode-json</encoding>", onChange()):                        protocol + "invalid-value /nc:rpc/sn:establish-subscription/sn:encoding",
		pushOf("running", onChange(), "<stop-time>2020-01-01T00:00:00Z</stop-time>"):             protocol + "invalid-value bad-element=stop-time",
		establish(onChange()):                                                                    protocol + "bad-element bad-element=on-change",
		resync(stream):                                                                           app + "invalid-value [ietf-yang-push:no-such-subscription-resync]",
		resync(4711):                                                                             app + "invalid-value [ietf-yang-push:no-such-subscription-resync]",
		resync(each):                                                                             app + "operation-not-supported [ietf-yang-push:on-change-sync-unsupported]",
		resync(unsynced):                                                                         app + "operation-not-supported [ietf-yang-push:on-change-sync-unsupported]",
	} {
		if got := said(t, c.rpc(request)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", request, got, want)
		}
	}
	if got := c.rpc(pushOf("running", periodic(1))); !strings.Contains(got, `<establish-subscription-datastore-error-info xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-push"><period-hint>10</period-hint></establish-subscription-datastore-error-info>`) {
		t.Errorf("no hint is given: %s", got)
	}
	if got := said(t, f.dial(admin).rpc(resync(unsynced))); got != app+"invalid-value [ietf-yang-push:no-such-subscription-resync]" {
		t.Errorf("resync of another session's: %s", got)
	}
	if n := len(f.server.dynamic.list()); n != 3 {
		t.Errorf("%d subscriptions are left, want 3", n)
	}
}

// A stop time ends a subscription, and so does another session.
func TestPushEnds(t *testing.T) {
	f := start(t, startTop, Limits{})
	c := f.dial(admin)
	c.established(pushOf("running", onChange("<sync-on-start>false</sync-on-start>"), "<stop-time>"+eventTime(time.Now().Add(200*time.Millisecond))+"</stop-time>"))
	id := c.established(pushOf("candidate", selecting(name), periodic(100_000)))
	if _, update := c.nextUpdate("push-update", id); update.in("datastore-contents").flat() != "n" {
		t.Errorf("told %s", update.flat())
	}
	f.until("the stop time has come", func() bool { return len(f.server.dynamic.list()) == 1 })
	f.dial(admin).must(about("kill-subscription", id, ""))
	c.tells(about("subscription-terminated", id, `<reason xmlns:sn="urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications">sn:no-such-subscription</reason>`))
	f.until("nothing is left", func() bool { return len(f.server.dynamic.list()) == 0 && goroutines("pushSubscription") == 0 })
}

// Filters that have names (RFC 8639 sections 2.7.2 and 2.7.3).
func TestNamedFilters(t *testing.T) {
	f := start(t, startTop, Limits{})
	c, editor := f.dial(admin), f.dial(admin)
	filters := func(content string) string {
		return edit(`<filters` + sn + ` xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:tr="urn:example:traps">` + content + `</filters>`)
	}
	selection := func(xpath string) string {
		return filters(`<selection-filter` + yp + `><filter-id>f</filter-id><datastore-xpath-filter>` + xpath + `</datastore-xpath-filter></selection-filter>`)
	}
	editor.must(selection(name), filters(`<stream-filter><name>f</name><stream-xpath-filter>/tr:alarm[tr:level=1]</stream-xpath-filter></stream-filter>`), commit)
	events := c.established(establish("<stream-filter-name>f</stream-filter-name>"))
	f.alarm(2)
	c.tells(f.alarm(1)) // and so the one before has been judged, by the filter of its time
	data := c.established(pushOf("running", "<selection-filter-ref"+yp+">f</selection-filter-ref>", onChange()))
	if _, update := c.nextUpdate("push-update", data); update.in("datastore-contents").flat() != "n" {
		t.Errorf("told %s", update.flat())
	}
	editor.must(filters(`<stream-filter><name>f</name><stream-xpath-filter>/tr:alarm[tr:level=2]</stream-xpath-filter></stream-filter>`), commit)
	c.tells(about("subscription-modified", events, "<stream-filter-name>f</stream-filter-name><stream>NETCONF</stream>"))
	f.alarm(1)
	c.tells(f.alarm(2))
	editor.must(selection("/tr:top/tr:limit"), commit)
	modified := parseDOM(t, c.told()).kids[0]
	if modified.name != "subscription-modified" || modified.in("selection-filter-ref").text != "f" || modified.in("datastore").text != "ds:running" || modified.in("on-change").flat() != "0 true" {
		t.Errorf("told %s %s", modified.name, modified.flat())
	}
	if _, update := c.nextUpdate("push-update", data); update.in("datastore-contents").flat() != "7" {
		t.Errorf("told %s", update.flat())
	}
	editor.must(filters(`<selection-filter`+yp+` nc:operation="delete"><filter-id>f</filter-id></selection-filter>`), commit)
	c.tells(about("subscription-terminated", data, `<reason xmlns:sn="urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications">sn:filter-unavailable</reason>`))
	f.until("one is left", func() bool { return len(f.server.dynamic.list()) == 1 })
}

// Named filters may be subtrees, with values to match and in any of the ways to write namespaces; one kind may take the place of the other.
func TestNamedSubtreeFilters(t *testing.T) {
	f := start(t, startTop, Limits{})
	c, editor := f.dial(admin), f.dial(admin)
	stream := func(content string) string {
		return edit(`<filters` + sn + ` xmlns:tr="urn:example:traps"><stream-filter><name>f</name>` + content + `</stream-filter></filters>`)
	}
	selection := func(content string) string {
		return edit(`<filters` + sn + ` xmlns:tr="urn:example:traps"><selection-filter` + yp + `><filter-id>f</filter-id>` + content + `</selection-filter></filters>`)
	}
	editor.must(stream(`<stream-subtree-filter><tr:alarm><tr:level> 1 </tr:level></tr:alarm></stream-subtree-filter>`),
		selection(`<datastore-subtree-filter><top xmlns="urn:example:traps"><name/></top></datastore-subtree-filter>`), commit)
	if got := editor.rpc("<get-config><source><running/></source><filter><filters" + sn + "/></filter></get-config>"); !strings.Contains(got, `<level>1</level>`) || !strings.Contains(got, `<top xmlns="urn:example:traps"><name/></top>`) {
		t.Errorf("the filters are read as %s", got)
	}
	events := c.established(establish("<stream-filter-name>f</stream-filter-name>"))
	f.alarm(2)
	c.tells(f.alarm(1)) // and so the one before has been judged, by the filter of its time
	data := c.established(pushOf("running", "<selection-filter-ref"+yp+">f</selection-filter-ref>", onChange()))
	if _, update := c.nextUpdate("push-update", data); update.in("datastore-contents").flat() != "n" {
		t.Errorf("told %s", update.flat())
	}
	modified := about("subscription-modified", events, "<stream-filter-name>f</stream-filter-name><stream>NETCONF</stream>")
	editor.must(stream(`<stream-subtree-filter><alarm xmlns=""><level>2</level></alarm></stream-subtree-filter>`), commit)
	c.tells(modified)
	f.alarm(1)
	c.tells(f.alarm(2))
	editor.must(stream(`<stream-xpath-filter>/tr:alarm[tr:level=1]</stream-xpath-filter>`), commit)
	c.tells(modified)
	f.alarm(2)
	c.tells(f.alarm(1))
	editor.must(stream(`<stream-subtree-filter><tr:top/></stream-subtree-filter>`), commit) // no event is there
	c.tells(modified)
	f.alarm(1)
	f.alarm(2)
	editor.must(selection(`<datastore-subtree-filter><tr:top><tr:limit/></tr:top></datastore-subtree-filter>`), commit)
	if got := parseDOM(t, c.told()).kids[0]; got.name != "subscription-modified" || got.in("selection-filter-ref").text != "f" {
		t.Errorf("told %s %s", got.name, got.flat())
	}
	if _, update := c.nextUpdate("push-update", data); update.in("datastore-contents").flat() != "7" {
		t.Errorf("told %s", update.flat())
	}
}

// After a subscription was deleted nothing of it comes any more (RFC 8639 section 2.4.4), though it was about to.
func TestNothingFollowsADeletion(t *testing.T) {
	d := startDomain(t, `{`+anchorConfig+`}`)
	ctx, stop := context.WithCancel(t.Context())
	d.tasks.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			d.alarm(i % 200)
			d.table.Put(bound(1, uint16(i)))
		}
	})
	defer stop()
	c := d.dial(admin)
	for i := range 60 {
		request := establish(levels("> 0"))
		if i%2 == 1 {
			request = pushOf("operational", ofBindings(""), onChange("<sync-on-start>false</sync-on-start>"))
		}
		id := c.established(request)
		c.told()
		c.next++
		c.send(rpc(c.next, about("delete-subscription", id, "")))
		for !strings.Contains(c.read(), "<rpc-reply") {
		}
		time.Sleep(time.Millisecond)
		c.must(lockC, unlockC)
	}
}
