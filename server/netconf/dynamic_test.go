package netconf

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const sn = ` xmlns="urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"`

func establish(parameters ...string) string {
	return "<establish-subscription" + sn + "><stream>NETCONF</stream>" + strings.Join(parameters, "") + "</establish-subscription>"
}

func levels(level string) string {
	return `<stream-xpath-filter xmlns:t="urn:example:traps">/t:alarm[t:level ` + level + `]</stream-xpath-filter>`
}

var subscriptionID = regexp.MustCompile(`^<id` + sn + `>(\d+)</id>`)

// established runs an establish-subscription and returns the number of the subscription.
func (c *client) established(operation string) int {
	c.t.Helper()
	reply := c.rpc(operation)
	id := subscriptionID.FindStringSubmatch(reply)
	if id == nil {
		c.t.Fatalf("%s\ngot %s", operation, reply)
	}
	n, _ := strconv.Atoi(id[1])
	return n
}

func about(operation string, id int, more string) string {
	return fmt.Sprintf("<%s%s><id>%d</id>%s</%[1]s>", operation, sn, id, more)
}

func TestDynamicSubscriptions(t *testing.T) {
	f := start(t, "", Limits{})
	c, other := f.dial(admin), f.dial(admin)
	low := c.established(establish(levels("&lt; 5"), "<encoding>encode-xml</encoding>"))
	high := c.established(establish(`<stream-subtree-filter><alarm xmlns="urn:example:traps"><level>7</level></alarm></stream-subtree-filter>`))
	c.tells(f.alarm(1))
	c.tells(f.alarm(7))
	f.alarm(6)
	c.must(about("modify-subscription", low, levels("> 10")))
	c.tells(f.alarm(11))
	c.tells(f.alarm(7)) // of another subscription, which might overtake
	f.alarm(1)
	list := c.rpc(`<get><filter><subscriptions` + sn + `/></filter></get>`)
	for _, want := range []string{fmt.Sprintf("<id>%d</id>", low), "<stream>NETCONF</stream>", "<sent-event-records>2</sent-event-records>", "<state>active</state>",
		`:alarm[tr:level &gt; 10]</stream-xpath-filter>`} {
		if !strings.Contains(list, want) {
			t.Errorf("%s is not in %s", want, list)
		}
	}
	if got := c.rpc(`<get><filter><streams` + sn + `><stream><name>NETCONF</name><replay-support/></stream></streams></filter></get>`); !strings.Contains(got, "<replay-support/>") {
		t.Errorf("the stream is %s", got)
	}
	missing := plain + "invalid-value [ietf-subscribed-notifications:no-such-subscription]"
	for _, op := range []string{"modify-subscription", "delete-subscription"} { // of another session
		if got := said(t, other.rpc(about(op, low, ""))); op == "delete-subscription" && got != missing {
			t.Errorf("%s of another's: %s", op, got)
		}
	}
	c.must(about("delete-subscription", high, ""))
	if got := said(t, c.rpc(about("delete-subscription", high, ""))); got != missing {
		t.Errorf("deleting twice: %s", got)
	}
	other.must(about("kill-subscription", low, ""))
	c.tells(about("subscription-terminated", low, `<reason xmlns:sn="urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications">sn:no-such-subscription</reason>`))
	f.alarm(7)
	c.must(lockC, unlockC)
	f.until("no subscription is left", func() bool { return goroutines("streamSubscription") == 0 && len(f.server.dynamic.list()) == 0 })
}

func TestDynamicReplay(t *testing.T) {
	f := start(t, "", Limits{})
	c := f.dial(admin)
	begin := "<replay-start-time>" + eventTime(time.Now()) + "</replay-start-time>"
	want := []string{f.alarm(1), f.alarm(2)}
	id := c.established(establish(levels("&lt; 5"), begin))
	c.tells(append(want, about("replay-completed", id, ""))...)
	c.tells(f.alarm(3))
	stop := "<stop-time>" + eventTime(time.Now().Add(200*time.Millisecond)) + "</stop-time>"
	c.must(about("modify-subscription", id, levels("> 0")+stop))
	f.until("the stop time has come", func() bool { return len(f.server.dynamic.list()) == 0 })
	f.alarm(4)
	c.must(lockC, unlockC)
	if got := c.rpc(establish("<replay-start-time>2020-01-01T00:00:00Z</replay-start-time>", "<stop-time>2021-01-01T00:00:00Z</stop-time>")); !strings.Contains(
		got, "<replay-start-time-revision"+sn+">"+eventTime(f.events.Size().Created)) {
		t.Errorf("it is not said from when on events are there: %s", got)
	}
	if got := c.told(); !strings.HasPrefix(got, "<replay-completed") {
		t.Errorf("told %s", got)
	}
}

func TestBadDynamicSubscriptions(t *testing.T) {
	f := start(t, "", Limits{})
	c, legacy := f.dial(admin), f.dial(admin)
	past, future := "2026-01-01T00:00:00Z", eventTime(time.Now().Add(time.Hour))
	for operation, want := range map[string]string{
		strings.Replace(establish(), "NETCONF", "NONE", 1):                                                          plain + "invalid-value [ietf-subscribed-notifications:stream-unavailable]",
		establish("<stream-filter-name>f</stream-filter-name>"):                                                     plain + "invalid-value [ietf-subscribed-notifications:filter-unsupported] establish-subscription-stream-error-info=",
		establish("<stream-xpath-filter>]</stream-xpath-filter>"):                                                   plain + "invalid-value [ietf-subscribed-notifications:filter-unsupported] establish-subscription-stream-error-info=",
		establish("<stop-time>" + past + "</stop-time>"):                                                            protocol + "invalid-value bad-element=stop-time",
		establish("<replay-start-time>" + future + "</replay-start-time>"):                                          protocol + "invalid-value bad-element=replay-start-time",
		establish("<replay-start-time>"+past+"</replay-start-time>", "<stop-time>2025-01-01T00:00:00Z</stop-time>"): protocol + "invalid-value bad-element=stop-time",
	} {
		if got := said(t, c.rpc(operation)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", operation, got, want)
		}
	}
	for range maxPerSession {
		c.established(establish("<stream-subtree-filter/>"))
	}
	if got, want := said(t, c.rpc(establish())), plain+"resource-denied [ietf-subscribed-notifications:insufficient-resources]"; got != want {
		t.Errorf("one too many: %s", got)
	}
	// of one kind or of the other (RFC 8640 section 3)
	if got := said(t, c.rpc(subscribe())); got != protocol+"operation-not-supported" {
		t.Errorf("create-subscription beside others: %s", got)
	}
	legacy.must(subscribe("<filter/>"))
	if got := said(t, legacy.rpc(establish())); got != protocol+"operation-not-supported" {
		t.Errorf("establish-subscription beside another: %s", got)
	}
}
