package netconf

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"mooring/server/access"
)

const yp = ` xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-push" xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"`

// pushOf makes an establish-subscription to a datastore.
func pushOf(datastore string, parameters ...string) string {
	return "<establish-subscription" + sn + "><datastore" + yp + ">ds:" + datastore + "</datastore>" + strings.Join(parameters, "") + "</establish-subscription>"
}

func onChange(more ...string) string {
	return "<on-change" + yp + ">" + strings.Join(more, "") + "</on-change>"
}

func periodic(centiseconds int, more ...string) string {
	return fmt.Sprintf("<periodic%s><period>%d</period>%s</periodic>", yp, centiseconds, strings.Join(more, ""))
}

func selecting(xpath string) string {
	return `<datastore-xpath-filter` + yp + ` xmlns:tr="urn:example:traps" xmlns:o="urn:example:oracle">` + xpath + `</datastore-xpath-filter>`
}

func selectingSubtree(content string) string {
	return `<datastore-subtree-filter` + yp + `>` + content + `</datastore-subtree-filter>`
}

// followers are the receivers of the subscriptions of a session.
type followers struct {
	*client
	byID map[int]*receiver
}

// update reads an update and hands it to its receiver.
func (f followers) update() (id int, update *dom) {
	f.t.Helper()
	update = parseDOM(f.t, f.told()).kids[0]
	id, _ = strconv.Atoi(update.in("id").text)
	if f.byID[id] == nil {
		f.t.Fatalf("told %s of %d", update.name, id)
	}
	f.byID[id].take(update)
	return id, update
}

// What a receiver is told gives it what it would have read, whatever is changed, selected and permitted (RFC 8641 sections 3.3, 3.5.2,
// 3.7 and 3.9).
func TestReceiversKnowWhatTheyWouldRead(t *testing.T) {
	const rules = `<nacm xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-acm"><rule-list><name>guests</name><rule xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="replace">` +
		`<name>some</name><path xmlns:o="urn:example:oracle">%s</path><access-operations>read</access-operations><action>deny</action></rule></rule-list></nacm>`
	f := start(t, `{"ietf-netconf-acm:nacm": {"exec-default": "permit", "groups": {"group": [{"name": "guests", "user-name": ["guest"]}]},
		"rule-list": [{"name": "guests", "group": ["guests"], "rule": [{"name": "some", "path": "/example-oracle:shop/example-oracle:till", "access-operations": "read", "action": "deny"}]}]}}`, Limits{})
	boss := access.User{Name: "boss", Origin: access.Local, Groups: []string{access.AdminGroup}}
	filters := []string{
		selecting("/o:shop"), selectingSubtree(`<shop xmlns="urn:example:oracle"><shelf><box/></shelf><queue/></shop>`),
		selecting("/o:shop/o:shelf[o:place='1'] | /o:shop/o:shelf[o:id='b']/o:box"), selecting("/o:shop/o:queue[o:shelf='a'] | /o:shop/o:note"),
		selectingSubtree(`<shop xmlns="urn:example:oracle"><name>a</name><shelf><id>a</id><place/></shelf><tag/><note>a</note></shop>`),
		selecting("/o:shop/o:shelf/o:box/o:label"),
	}
	evaluated := selecting("/o:shop/o:shelf[starts-with(o:id,'a') or o:box]/* | /o:shop[o:name]/o:tag")
	editor := f.dial(boss)
	var sessions []followers
	wants := map[*receiver]string{} // how each would read
	for _, user := range []access.User{boss, guest} {
		s := followers{f.dial(user), map[int]*receiver{}}
		for _, datastore := range []string{"running", "operational"} {
			list := filters
			if datastore == "running" {
				list = append(list[:len(list):len(list)], evaluated)
			}
			for i, filter := range list {
				r := &receiver{t: t, whole: i == 0}
				s.byID[s.established(pushOf(datastore, filter, onChange()))] = r
				s.update()
				wants[r] = getData(datastore, strings.NewReplacer("datastore-xpath-filter", "xpath-filter", "datastore-subtree-filter", "subtree-filter", yp, "").Replace(filter))
			}
		}
		sessions = append(sessions, s)
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	told := 0
	for step := range 400 {
		var b strings.Builder
		for _, one := range edits(rnd, shop, true) {
			one.xml(&b)
		}
		reply := said(t, editor.rpc(edit(`<shop xmlns="urn:example:oracle" xmlns:o="urn:example:oracle" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:y="urn:ietf:params:xml:ns:yang:1">`+b.String()+`</shop>`)))
		if step%20 == 7 {
			path := []string{"/o:shop/o:till", "/o:shop/o:shelf[o:id='a']", "/o:shop/o:queue", "/o:shop/o:shelf/o:box", "/o:shop"}[rnd.IntN(5)]
			editor.must(edit(fmt.Sprintf(rules, path)))
		}
		if reply != success && step%20 != 7 || said(t, editor.rpc(commit)) != success {
			editor.rpc(discard)
			continue
		}
		for _, s := range sessions {
			reader := f.dial(f.server.session(s.id).user)
			for id, r := range s.byID {
				want := r.say(parseDOM(t, reader.rpc(wants[r])).in("data"))
				for r.say(r.data) != want {
					before := map[int]string{}
					for id, r := range s.byID {
						before[id] = r.say(r.data)
					}
					of, _ := s.update()
					if told++; s.byID[of].whole && before[of] == s.byID[of].say(s.byID[of].data) {
						t.Errorf("subscription %d was told nothing new", of)
					}
					if t.Failed() {
						t.Fatalf("step %d, subscription %d, which has\n%s\nand should have\n%s", step, id, r.say(r.data), want)
					}
				}
			}
			reader.conn.Close()
		}
	}
	if told < 1000 {
		t.Errorf("only %d updates were told", told)
	}
}
