package gnmi

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
)

func poll() *gpb.SubscribeRequest {
	return &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Poll{Poll: &gpb.Poll{}}}
}

// subscriptions are what Subscribe is asked for; whatever is no ONCE is refused.
var subscriptions = []exchange{
	{47, poll(), codes.InvalidArgument, []string{"first message"}},
	{47, &gpb.SubscribeRequest{}, codes.InvalidArgument, []string{"first message"}},
	{49, subscribing(streaming), codes.InvalidArgument, []string{"no path"}},
	{49, subscribing(9, maximum), codes.InvalidArgument, []string{"mode 9"}},
	{50, subscribing(streaming, "/nowhere"), codes.Unimplemented, []string{"nowhere"}},
	{50, listBut(subscribing(streaming, "/"), func(l *gpb.SubscriptionList) { l.Subscription[0].Path = &gpb.Path{Elem: []*gpb.PathElem{{}}} }), codes.InvalidArgument, nil},
	{57, subscribing(once, hostName, bindings), codes.OK, []string{hostName + " string lma1\n", "mn-id string mn1@lab.example\n", "\nsync\nend\n"}},
	{57, subscribing(once, bindings+"/binding[id=77]"), codes.OK, []string{"sync\nend\n", "!/"}},
	{59, listBut(subscribing(once, "/"), func(l *gpb.SubscriptionList) { l.UpdatesOnly = true }), codes.OK, []string{"sync\nend\n", "!/"}},
	{63, sampling(maximum, func(s *gpb.Subscription) { s.SampleInterval = 1 }), codes.InvalidArgument, []string{"1s"}},
	{64, sampling(maximum, func(s *gpb.Subscription) {
		s.SampleInterval, s.HeartbeatInterval = uint64(2*time.Second), uint64(time.Second)
	}), codes.InvalidArgument, []string{"shorter"}},
	{65, sampling(maximum, func(s *gpb.Subscription) { s.Mode = gpb.SubscriptionMode_TARGET_DEFINED }), codes.InvalidArgument, []string{"TARGET_DEFINED"}},
	{70, listBut(subscribing(streaming), func(l *gpb.SubscriptionList) {
		l.Subscription = slices.Repeat([]*gpb.Subscription{{Path: at(maximum)}}, 1025)
	}), codes.ResourceExhausted, []string{"1025"}},
}

// nextIs checks that the next that is told is this, and nothing else with it.
func (s *stream) nextIs(at, want string) {
	s.t.Helper()
	clear(s.told)
	if s.next(); len(s.told) != 1 || s.told[at] != want {
		s.t.Errorf("told is %v, want %s at %s", s.told, want, at)
	}
}

// streams are subscriptions that go on.
var streams = map[int]course{
	48: func(t *testing.T, _ *running, c *conformer) {
		other := c.subscribe(streaming, nil, maximum).sync()
		for _, mode := range []gpb.SubscriptionList_Mode{streaming, gpb.SubscriptionList_POLL} {
			s := c.subscribe(mode, nil, maximum).sync()
			s.Send(subscribing(mode, maximum))
			c.refuses(s.end(), codes.InvalidArgument)
		}
		check(t, c.load(48))
		other.until(maximum, "48")
		c.set(remove(maximum))
	},
	50: func(t *testing.T, _ *running, c *conformer) {
		s := c.subscribe(streaming, nil, "/system/user[name=later]", anchor+"/replay-protection/mode").sync()
		if len(s.told) > 0 {
			t.Errorf("told are %v", s.told)
		}
		c.set(update("/system/user[name=later]", "{}", anchor+"/replay-protection/mode", `"ignore"`))
		s.until("/system/user[name=later]/name", "later")
		s.until(anchor+"/replay-protection/mode", "ignore")
		c.set(remove("/system/user[name=later]", anchor+"/replay-protection"))
	},
	53: func(t *testing.T, _ *running, c *conformer) {
		s, last := c.subscribe(streaming, nil, maximum), time.Now().Add(-time.Minute).UnixNano()
		for i := range 10 {
			n := s.next().GetUpdate()
			if n.GetTimestamp() < last || n.GetTimestamp() > time.Now().UnixNano() {
				t.Errorf("timestamp %d after %d", n.GetTimestamp(), last)
			}
			last = n.GetTimestamp()
			if i == 0 {
				s.sync()
			}
			check(t, c.load(uint64(i+1)))
		}
		c.set(remove(maximum))
	},
	54: func(t *testing.T, _ *running, c *conformer) {
		check(t, c.load(54))
		s := c.subscribe(streaming, nil, maximum).sync()
		c.set(remove(maximum))
		if m := s.next(); len(m.GetUpdate().GetDelete()) > 0 || s.told[maximum] != "128000" {
			t.Errorf("told is %v", m)
		}
	},
	55: func(t *testing.T, _ *running, c *conformer) {
		s := c.subscribe(streaming, nil, "/system/user[name=twice]").sync()
		for range 2 {
			c.set(update("/system/user[name=twice]", "{}"))
			s.nextIs("/system/user[name=twice]/name", "twice")
			c.set(remove("/system/user[name=twice]"))
			if text := told(s.next().GetUpdate()); text != "target lma1\ndelete /system/user[name=twice]\n" {
				t.Errorf("told is %s", text)
			}
		}
	},
	56: func(t *testing.T, _ *running, c *conformer) {
		s := c.subscribe(streaming, nil, maximum)
		s.CloseSend()
		s.sync()
		check(t, c.load(56))
		s.until(maximum, "56")
		c.set(remove(maximum))
	},
	58: func(t *testing.T, _ *running, c *conformer) {
		s := c.subscribe(gpb.SubscriptionList_POLL, nil, maximum, hostName).sync()
		for i := range 3 {
			check(t, c.load(uint64(i+1)))
			clear(s.told)
			check(t, s.Send(poll()))
			if s.sync(); s.told[maximum] != fmt.Sprint(i+1) || s.told[hostName] != "lma1" {
				t.Errorf("poll %d tells %v", i, s.told)
			}
		}
		s.CloseSend()
		if err := s.end(); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		c.set(remove(maximum))
	},
	59: func(t *testing.T, _ *running, c *conformer) {
		s := c.open(listBut(subscribing(gpb.SubscriptionList_POLL, "/"), func(l *gpb.SubscriptionList) { l.UpdatesOnly = true })).sync()
		check(t, s.Send(poll()))
		if s.sync(); len(s.told) > 0 {
			t.Errorf("told are %v", s.told)
		}
	},
	60: func(t *testing.T, _ *running, c *conformer) { // what changes is told alone, and nothing of it is lost
		s := c.subscribe(streaming, nil, anchor+"/bce").sync()
		if s.told[maximum] != "128000" || s.told[lifetime] != "3600" {
			t.Errorf("at first %v", s.told)
		}
		c.set(update(anchor+"/bce", `{"maximum": 60, "lifetime": 3600}`))
		s.nextIs(maximum, "60")
		go func() {
			for i := range 100 {
				c.load(uint64(i + 1000))
			}
		}()
		c.subscribe(streaming, nil, maximum).until(maximum, "1099")
		s.until(maximum, "1099")
		c.set(remove(anchor + "/bce"))
	},
	61: func(t *testing.T, _ *running, c *conformer) {
		s := c.open(listBut(subscribing(streaming, anchor+"/bce", bindings), func(l *gpb.SubscriptionList) { l.UpdatesOnly = true }))
		if m := s.next(); !m.GetSyncResponse() {
			t.Errorf("first comes %v", m)
		}
		check(t, c.load(61))
		s.nextIs(maximum, "61")
		c.set(remove(maximum))
	},
	62: func(t *testing.T, _ *running, c *conformer) {
		s := c.open(listBut(subscribing(streaming, maximum), func(l *gpb.SubscriptionList) { l.Subscription[0].HeartbeatInterval = uint64(time.Second) })).sync()
		s.nextIs(maximum, "128000")
	},
	63: func(t *testing.T, _ *running, c *conformer) {
		s := c.open(sampling(anchor+"/bce", func(s *gpb.Subscription) { s.SampleInterval = 0 })).sync()
		clear(s.told)
		if s.next(); s.told[maximum] != "128000" || s.told[lifetime] != "3600" {
			t.Errorf("a sample is %v", s.told)
		}
	},
	64: func(t *testing.T, _ *running, c *conformer) {
		s := c.open(sampling(anchor+"/bce", func(s *gpb.Subscription) { s.SuppressRedundant = true })).sync()
		check(t, c.load(64))
		s.nextIs(maximum, "64")
		c.set(remove(maximum))
	},
	65: func(t *testing.T, _ *running, c *conformer) {
		s := c.open(listBut(subscribing(streaming, maximum), func(l *gpb.SubscriptionList) { l.Subscription[0].Mode = gpb.SubscriptionMode_TARGET_DEFINED })).sync()
		check(t, c.load(65))
		s.nextIs(maximum, "65")
		c.set(remove(maximum))
	},
	66: func(t *testing.T, _ *running, c *conformer) {
		s := c.open(listBut(sampling(bindings, func(*gpb.Subscription) {}), func(l *gpb.SubscriptionList) {
			l.Subscription = append(l.Subscription, &gpb.Subscription{Path: at(maximum), Mode: gpb.SubscriptionMode_ON_CHANGE}, &gpb.Subscription{Path: at(hostName)})
		})).sync()
		if s.told[first] != "1" || s.told[maximum] != "128000" || s.told[hostName] != "lma1" {
			t.Errorf("at first %v", s.told)
		}
		check(t, c.load(66))
		delete(s.told, first)
		for s.told[maximum] != "66" || s.told[first] != "1" {
			if s.next().GetSyncResponse() {
				t.Fatal("a second sync_response")
			}
		}
		c.set(remove(maximum))
	},
	68: func(t *testing.T, r *running, _ *conformer) { // by what the element says of itself
		before := r.goroutines(t)
		c := r.operator(t)
		for range 1000 {
			s := c.subscribe(streaming, nil, maximum)
			s.next()
			s.cancel()
		}
		check(t, c.conn.Close())
		for deadline := time.Now().Add(patience); r.goroutines(t) > before+10; time.Sleep(100 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d goroutines, before there were %d", r.goroutines(t), before)
			}
		}
	},
	70: func(t *testing.T, r *running, c *conformer) {
		leaver := r.conform(t, "leaver", password)
		for range 128 {
			leaver.subscribe(streaming, nil, maximum).sync()
		}
		leaver.refuses(leaver.subscribe(streaming, nil, maximum).end(), codes.ResourceExhausted)
		if s := c.subscribe(streaming, nil, maximum).sync(); s.told[maximum] != "128000" {
			t.Errorf("others are told %v", s.told)
		}
	},
}

// goroutines is how many the element says it has.
func (r *running) goroutines(t *testing.T) (n int) {
	t.Helper()
	conn, err := dialAt(r.host, "127.0.0.1:9340")
	check(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /metrics HTTP/1.0\r\n\r\n")
	check(t, err)
	text, err := io.ReadAll(conn)
	check(t, err)
	_, after, _ := strings.Cut(string(text), "\ngo_goroutines ")
	_, err = fmt.Sscan(after, &n)
	check(t, err)
	return n
}
