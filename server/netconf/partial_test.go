package netconf

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"mooring/server/access"
	"mooring/server/datastore"
	"mooring/server/tree"
)

const partialSpace = "urn:ietf:params:xml:ns:netconf:partial-lock:1.0"

// lockParts makes a partial-lock.
func lockParts(expressions ...string) string {
	text := `<partial-lock xmlns="` + partialSpace + `">`
	for _, e := range expressions {
		text += `<select xmlns:t="urn:example:traps">` + e + `</select>`
	}
	return text + `</partial-lock>`
}

func unlockParts(id int) string {
	return fmt.Sprintf(`<partial-unlock xmlns="%s"><lock-id>%d</lock-id></partial-unlock>`, partialSpace, id)
}

// granted is the reply to a partial-lock.
func granted(id int, nodes ...string) string {
	text := fmt.Sprintf(`<lock-id xmlns="%s">%d</lock-id>`, partialSpace, id)
	for _, n := range nodes {
		text += `<locked-node xmlns="` + partialSpace + `" xmlns:tr="urn:example:traps">` + n + `</locked-node>`
	}
	return text
}

const (
	twoItems = `{"example-traps:top": {"name": "n", "item": [{"id": "a", "size": 1}, {"id": "b"}]}}`
	itemA    = "/tr:top/tr:item[tr:id='a']"
	selectA  = "/t:top/t:item[t:id='a']"
	deleteOf = opAttr + `"delete"`
)

func TestPartialLock(t *testing.T) {
	lockedBy := func(c *client, at string) string { return plain + "in-use [locked] " + at + " session-id=" + id(c) }
	for name, list := range map[string]func(a, b *client) []step{
		"others may not change what is locked": func(a, b *client) []step {
			return []step{
				{lockParts(selectA), granted(1, itemA)},
				{"B: " + edit(top("<item><id>a</id><size>2</size></item>")), success}, {"B: " + commit, lockedBy(a, itemA+"/tr:size")}, {"B: " + discard, success},
				{"B: " + edit(top("<item"+deleteOf+"><id>a</id></item>")), success}, {"B: " + commit, lockedBy(a, itemA)}, {"B: " + discard, success},
				{"B: " + edit(``, replaceAll), success}, {"B: " + commit, lockedBy(a, itemA)}, {"B: " + discard, success},
				{"B: " + edit(top("<item><id>b</id><size>2</size></item><name>m</name>")), success}, {"B: " + commit, success},
				{edit(top("<item><id>a</id><size>3</size></item>")), success}, {commit, success},
				{unlockParts(1), success},
				{"B: " + edit(top("<item><id>a</id><size>4</size></item>")), success}, {"B: " + commit, success},
				{unlockParts(1), protocol + "invalid-value bad-element=lock-id"},
			}
		},
		"areas of two sessions may not overlap": func(a, b *client) []step {
			denied := func(at string) string { return protocol + "lock-denied " + at + " session-id=" + id(a) }
			return []step{
				{lockParts(selectA), granted(1, itemA)}, {lockParts("/t:top/t:name", selectA), granted(2, "/tr:top/tr:name", itemA)},
				{"B: " + lockParts(selectA+"/t:size"), denied(itemA + "/tr:size")}, {"B: " + lockParts("/t:top"), denied(itemA)},
				{"B: " + lockParts("/t:top/t:item[t:id='b']", "/t:top/t:name"), denied("/tr:top/tr:name")},
				{"B: " + lockParts("/t:top/t:item[t:id='b']"), granted(3, "/tr:top/tr:item[tr:id='b']")},
				{unlockParts(3), protocol + "invalid-value bad-element=lock-id"},
				{unlockParts(2), success}, {"B: " + lockParts("/t:top/t:name"), granted(4, "/tr:top/tr:name")},
				{"B: " + lockParts(selectA), denied(itemA)}, // the first lock is still there
				{"<close-session/>", success}, {"B: " + lockParts(selectA), granted(5, itemA)},
			}
		},
		"the scope is what the expressions selected at first": func(a, b *client) []step {
			return []step{
				{lockParts("/t:top/t:item"), granted(1, itemA, "/tr:top/tr:item[tr:id='b']")},
				{"B: " + edit(top("<item><id>c</id></item>")), success}, {"B: " + commit, success},
				{edit(top("<item" + deleteOf + "><id>a</id></item>")), success}, {commit, success},
				{"B: " + edit(top("<item><id>a</id></item>")), success}, {"B: " + commit, success}, // it is another one
				{"B: " + lockParts(selectA), granted(2, itemA)},
				{edit(top("<item" + deleteOf + "><id>b</id></item>")), success}, {commit, success},
				{unlockParts(1), success}, // though nothing is left of it
			}
		},
		"an empty container can be reserved": func(a, b *client) []step {
			return []step{
				{edit("", replaceAll), success}, {commit, success},
				{lockParts("/t:top"), granted(1, "/tr:top")},
				{"B: " + edit(top("<name>b</name>")), success}, {"B: " + commit, lockedBy(a, "/tr:top")}, {"B: " + discard, success},
				{edit(top("<name>a</name>")), success}, {commit, success},
			}
		},
		"global locks": func(a, b *client) []step {
			return []step{
				{lockParts(selectA), granted(1, itemA)},
				{lockR, protocol + "lock-denied session-id=" + id(a)}, {"B: " + lockR, protocol + "lock-denied session-id=" + id(a)},
				{lockC, success}, {unlockC, success}, {unlockParts(1), success}, {lockR, success},
				{lockParts(selectA), protocol + "lock-denied session-id=" + id(a)}, {"B: " + lockParts(selectA), protocol + "lock-denied session-id=" + id(a)},
			}
		},
		"confirmed commits": func(a, b *client) []step {
			wait := plain + "in-use [outstanding-confirmed-commit] session-id=" + id(a)
			return []step{
				{edit(top("<name>m</name>")), success}, {trial, success},
				{lockParts(selectA), wait}, {"B: " + lockParts(selectA), wait},
				{commit, success}, {"B: " + lockParts(selectA), granted(1, itemA)},
				{edit(top("<name>o</name>")), success}, {trial, success}, {"<cancel-commit/>", success}, {running, "<name>m</name><item><id>a</id><size>1</size></item><item><id>b</id></item>"},
			}
		},
		"what cannot be locked": func(a, b *client) []step {
			return []step{
				{lockParts("/t:top/t:item[t:id='z']"), protocol + "operation-failed [no-matches]"},
				{lockParts("/t:top/t:item[t:id='z']", selectA), granted(1, itemA)},
				{lockParts("/t:top/t:state"), protocol + "operation-failed [no-matches]"},
				{lockParts("count(/t:top)"), protocol + "invalid-value [not-a-node-set]"},
				{lockParts("/t:top["), protocol + "invalid-value"},
				{lockParts("/x:top"), protocol + "invalid-value"},
				{lockParts("/"), protocol + "invalid-value [invalid-lock-specification]"},
				{lockParts(), protocol + "missing-element /nc:rpc/pl:partial-lock/pl:select bad-element=select"},
				{`<partial-unlock xmlns="` + partialSpace + `"/>`, protocol + "missing-element bad-element=lock-id"},
				{unlockParts(7), protocol + "invalid-value bad-element=lock-id"},
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, twoItems, Limits{})
			a, b := f.dial(admin), f.dial(admin)
			steps(t, map[string]*client{"A": a, "B": b}, list(a, b))
		})
	}
}

// Nobody can keep others from changing what they may not change themselves, or learn what they may not see.
func TestPartialLockObeysAccessControl(t *testing.T) {
	f := start(t, strings.TrimSuffix(twoItems, "}")+`, "ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "guests", "user-name": ["guest"]}]},
		"rule-list": [{"name": "1", "group": ["guests"], "rule": [
			{"name": "hidden", "path": "/example-traps:top/item[id='b']", "access-operations": "*", "action": "deny"},
			{"name": "name", "path": "/example-traps:top/name", "access-operations": "update", "action": "permit"}]}]}}`, Limits{})
	a, b := f.dial(access.User{Name: "guest", Origin: access.SSH}), f.dial(admin)
	steps(t, map[string]*client{"A": a, "B": b}, []step{
		{"B: " + lockParts("/t:top/t:item"), granted(1, itemA, "/tr:top/tr:item[tr:id='b']")},
		{lockParts("/t:top/t:item[t:id='b']"), protocol + "operation-failed [no-matches]"},
		{lockParts(selectA), plain + "access-denied " + itemA}, // and not whose the lock is
		{lockParts("/t:top/t:name"), granted(2, "/tr:top/tr:name")},
	})
}

// The lock holds against every way of changing running, and ends with the session however that ends.
func TestPartialLockHoldsForEverybody(t *testing.T) {
	f := start(t, twoItems, Limits{})
	c := f.dial(admin)
	if got := c.rpc(lockParts("/t:top/t:name")); got != granted(1, "/tr:top/tr:name") {
		t.Fatal(got)
	}
	set := func() error {
		s := f.server.schema
		private := f.store.NewSession(access.User{Name: "other", Origin: access.TLS}, 0).Private()
		if _, err := private.Edit(nil, leafAt(s, s.Find("/example-traps:top/name"), "gnmi")); err != nil {
			t.Fatal(err)
		}
		_, err := private.Commit(context.Background(), datastore.CommitOptions{Via: "gnmi"})
		return err
	}
	if e := tree.Errors(set()); len(e) != 1 || e[0].Tag != tree.InUse || e[0].AppTag != "locked" {
		t.Errorf("a change by another protocol: %v", e)
	}
	want := `<datastore><name>running</name><locks><partial-lock><lock-id>1</lock-id><locked-by-session>` + id(c) + `</locked-by-session><locked-time>TIME</locked-time>` +
		`<select xmlns:tr="urn:example:traps">/tr:top/tr:name</select><locked-node xmlns:tr="urn:example:traps">/tr:top/tr:name</locked-node></partial-lock></locks>`
	if got := f.dial(admin).state("datastores"); !strings.HasPrefix(got, want) {
		t.Errorf("monitoring shows %s", got)
	}
	c.conn.Close()
	f.until("the lock is free", func() bool { return len(f.store.PartialLocks()) == 0 })
	if err := set(); err != nil {
		t.Error(err)
	}
}
