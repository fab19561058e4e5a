package gnmi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// fast lets samples be short.
func fast(o *Options) { o.Limits.SampleInterval = 10 * time.Millisecond }

// sampled subscribes to paths in samples.
func sampled(every time.Duration, texts ...string) *gpb.SubscriptionList {
	list := on(gpb.SubscriptionList_STREAM, texts...)
	for _, sub := range list.Subscription {
		sub.Mode, sub.SampleInterval = gpb.SubscriptionMode_SAMPLE, uint64(every)
	}
	return list
}

// What is told under constant writes is in the end what there is, and the sync_response comes while they go on.
func TestGNMI60NothingIsLost(t *testing.T) {
	e := newElement(t)
	c := e.client()
	for i := range 300 {
		e.bindings.Put(session(i+1, nil))
	}
	stop := make(chan struct{})
	var writers sync.WaitGroup
	writers.Go(func() {
		rnd := rand.New(rand.NewPCG(1, 2))
		for i := uint16(2); ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if id := rnd.IntN(300) + 1; rnd.IntN(4) == 0 {
				e.bindings.Delete(session(id, nil).ID)
			} else {
				e.bindings.Put(refresh(id, i))
			}
			if i%64 == 0 {
				runtime.Gosched()
			}
		}
	})
	writers.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := e.client().Set(t.Context(), updates(sys+"/drift", fmt.Sprint(i), fmt.Sprintf("/user[realm=1][id=u%d]/mail", i%20), fmt.Sprintf(`"m%d"`, i))); err != nil {
				t.Error(err)
				return
			}
		}
	})
	w := c.watch(t, on(gpb.SubscriptionList_STREAM, sys, "/user", bindings))
	w.sync()
	for range 3000 {
		w.next()
	}
	close(stop)
	writers.Wait()
	c.set(t, updates(sys+"/name", `"done"`))
	e.bindings.Put(refresh(1000, 9))
	w.until("/system/name", "string done")
	w.until(bindingPath(1000, "sequence"), "uint 9")
	want := values(c.ask(t, &gpb.GetRequest{Path: paths(sys, "/user", bindings), Encoding: gpb.Encoding_PROTO}).GetNotification()...)
	for deadline := time.Now().Add(10 * time.Second); !sameBut(w.tree, want, "remaining-lifetime") && time.Now().Before(deadline); {
		w.next()
	}
	for at, v := range want {
		if w.tree[at] != v && !strings.HasSuffix(at, "remaining-lifetime") {
			t.Errorf("%s is %q, told was %q", at, v, w.tree[at])
		}
	}
	if len(w.tree) != len(want) {
		t.Errorf("%d leaves are told, there are %d", len(w.tree), len(want))
	}
}

// sameBut compares without leaves of one name.
func sameBut(a, b map[string]string, leaf string) bool {
	without := func(m map[string]string) map[string]string {
		m = maps.Clone(m)
		maps.DeleteFunc(m, func(at, _ string) bool { return strings.HasSuffix(at, leaf) })
		return m
	}
	return maps.Equal(without(a), without(b))
}

func TestGNMI62Heartbeat(t *testing.T) {
	e := newElement(t, fast)
	e.bindings.Put(session(1, nil))
	list := on(gpb.SubscriptionList_STREAM, sys, bindings)
	for _, sub := range list.Subscription {
		sub.HeartbeatInterval = uint64(20 * time.Millisecond)
	}
	w := e.client().watch(t, list)
	w.sync()
	first := maps.Clone(w.tree)
	for beat := range 3 {
		w.tree = map[string]string{}
		for len(w.tree) < len(first) {
			if n := w.next(); n == nil || len(n.GetDelete()) > 0 {
				t.Fatalf("beat %d tells %v", beat, n)
			}
		}
		if !sameBut(w.tree, first, "remaining-lifetime") {
			t.Errorf("beat %d tells %v, want %v", beat, w.tree, first)
		}
	}
	e.bindings.Delete(1) // what is gone is told once, and no more
	for w.tree[bindingPath(1, "mn-id")] != "" {
		w.next()
	}
	for range 5 {
		if n := w.next(); strings.Contains(fmt.Sprint(values(n)), "binding") || len(n.GetDelete()) > 0 {
			t.Errorf("told is %v", n)
		}
	}
	list.Subscription[0].HeartbeatInterval = uint64(time.Millisecond)
	wantCode(t, e.client().watch(t, list).end(), codes.InvalidArgument, "heartbeat", "10ms")
}

func TestGNMI63Sample(t *testing.T) {
	e := newElement(t, fast)
	e.bindings.Put(session(1, nil))
	const every = 50 * time.Millisecond
	begun := time.Now()
	w := e.client().watch(t, sampled(every, sys, bindings))
	w.sync()
	first := maps.Clone(w.tree)
	const rounds = 4
	for round := range rounds {
		w.tree = map[string]string{}
		for len(w.tree) < len(first) {
			w.next()
		}
		if !sameBut(w.tree, first, "remaining-lifetime") {
			t.Errorf("round %d tells %v", round, w.tree)
		}
	}
	if took := time.Since(begun); took < rounds*every {
		t.Errorf("%d samples came within %v", rounds, took)
	}
	// What is gone is told as that, with the next sample.
	e.bindings.Delete(1)
	e.client().set(t, &gpb.SetRequest{Delete: paths(sys + "/name")})
	for w.tree[bindingPath(1, "mn-id")] != "" || w.tree["/system/name"] != "" {
		w.next()
	}
	for what, list := range map[string]*gpb.SubscriptionList{"too short": sampled(time.Millisecond, sys), "too long": sampled(-1, sys)} {
		t.Run(what, func(t *testing.T) {
			wantCode(t, e.client().watch(t, list).end(), codes.InvalidArgument, "sample interval")
		})
	}
	w = e.client().watch(t, sampled(0, sys)) // the shortest there is
	w.sync()
	w.tree = map[string]string{}
	w.until("/system/drift", "int -5")
}

func TestGNMI64SuppressRedundant(t *testing.T) {
	e := newElement(t, fast)
	e.bindings.Put(session(1, nil))
	list := sampled(20*time.Millisecond, sys, bindings)
	for _, sub := range list.Subscription {
		sub.SuppressRedundant = true
	}
	w := e.client().watch(t, list)
	w.sync()
	e.client().set(t, updates(sys+"/drift", "1"))
	if got := values(w.next()); !maps.Equal(got, map[string]string{"/system/drift": "int 1"}) {
		t.Errorf("told are %v", got)
	}
	e.bindings.Put(refresh(1, 2))
	e.bindings.Put(refresh(1, 3))
	for told := ""; told != "uint 3"; { // 2 is told only if a sample was taken between the two
		got := values(w.next())
		if told = got[bindingPath(1, "sequence")]; len(got) > 2 || told != "uint 2" && told != "uint 3" {
			t.Fatalf("told are %v", got)
		}
	}
	w.quiet(100 * time.Millisecond)
	for _, sub := range list.Subscription {
		sub.HeartbeatInterval = uint64(60 * time.Millisecond)
	}
	w = e.client().watch(t, list)
	w.sync()
	all := len(w.tree)
	for range 2 {
		for w.tree = map[string]string{}; len(w.tree) < all; {
			w.next()
		}
	}
	list.Subscription[0].HeartbeatInterval = uint64(15 * time.Millisecond)
	wantCode(t, e.client().watch(t, list).end(), codes.InvalidArgument, "shorter")
}

func TestGNMI65TargetDefined(t *testing.T) {
	e := newElement(t)
	list := on(gpb.SubscriptionList_STREAM, sys, bindings)
	for _, sub := range list.Subscription {
		sub.Mode = gpb.SubscriptionMode_TARGET_DEFINED
	}
	w := e.client().watch(t, list)
	w.sync()
	e.bindings.Put(session(1, nil))
	w.until(bindingPath(1, "sequence"), "uint 1")
	e.client().set(t, updates(sys+"/drift", "2"))
	w.until("/system/drift", "int 2")
	list.Subscription[0].SampleInterval = uint64(time.Second)
	wantCode(t, e.client().watch(t, list).end(), codes.InvalidArgument, "TARGET_DEFINED")
}

func TestGNMI66MixedModes(t *testing.T) {
	e := newElement(t, fast)
	e.bindings.Put(session(1, nil))
	list := sampled(30*time.Millisecond, bindings)
	list.Subscription = append(list.Subscription, on(0, sys+"/name").Subscription...)
	list.Subscription = append(list.Subscription, &gpb.Subscription{Path: path(sys + "/load"), Mode: gpb.SubscriptionMode_TARGET_DEFINED})
	w := e.client().watch(t, list)
	w.sync()
	if w.tree["/system/name"] == "" || w.tree["/system/load"] == "" || w.tree[bindingPath(1, "sequence")] == "" {
		t.Errorf("told are %v", w.tree)
	}
	e.client().set(t, updates(sys, `{"name": "new", "load": 11}`))
	samples := 0
	for w.tree["/system/name"] != "string new" || w.tree["/system/load"] != "uint 11" || samples < 3 {
		n := w.next()
		if n == nil {
			t.Fatal("a second sync_response")
		}
		if values(n)[bindingPath(1, "sequence")] != "" {
			samples++
		}
	}
}

// slowly connects with small windows, so that little can be sent to who does not read.
func (e *element) slowly() client {
	return e.client(grpc.WithInitialWindowSize(64<<10), grpc.WithInitialConnWindowSize(64<<10), grpc.WithStaticStreamWindowSize(64<<10))
}

func TestGNMI67SlowReader(t *testing.T) {
	e := newElement(t)
	const n = 2000
	for i := range n {
		e.bindings.Put(session(i+1, nil))
	}
	w := e.slowly().watch(t, on(gpb.SubscriptionList_STREAM, bindings))
	time.Sleep(100 * time.Millisecond) // the windows fill up
	before := inUse()
	const rounds = 50
	for round := range rounds {
		for i := range n {
			e.bindings.Put(refresh(i+1, uint16(round+2)))
		}
	}
	e.bindings.Delete(7)
	if grown := int64(inUse()) - int64(before); grown > 16<<20 {
		t.Errorf("%d refreshes that nobody reads take %d octets", rounds*n, grown)
	}
	told := len(w.sync())
	last, done := fmt.Sprint("uint ", rounds+1), map[string]bool{}
	note := func(m map[string]string) {
		for at, v := range m {
			if v == last && strings.HasSuffix(at, "/sequence") {
				done[at] = true
			}
		}
	}
	for note(w.tree); len(done) < n-1 || w.tree[bindingPath(7, "mn-id")] != ""; told++ { // until the end of binding 7 is told, too
		note(values(w.next()))
	}
	if told > 3*n {
		t.Errorf("%d notifications of %d refreshes: they do not coalesce", told, rounds*n)
	}
}

// Of what a subscriber did not hear, it hears how much it was: what is told and what was merged are all versions there were.
func TestGNMI67Duplicates(t *testing.T) {
	e := newElement(t)
	e.bindings.Put(session(1, nil))
	w := e.client().watch(t, on(gpb.SubscriptionList_STREAM, bindings))
	w.sync()
	const puts = 20_000
	for i := range puts {
		e.bindings.Put(refresh(1, uint16(i+2)))
	}
	told, merged := 0, 0
	for last := fmt.Sprint("uint ", puts+1); w.tree[bindingPath(1, "sequence")] != last; {
		n := w.next()
		for _, u := range n.GetUpdate() {
			if u.GetPath().GetElem()[0].GetName() == "sequence" {
				told++
				merged += int(u.GetDuplicates())
			}
		}
	}
	if told+merged != puts || merged == 0 {
		t.Errorf("%d were told and %d merged of %d", told, merged, puts)
	}
}

// Nothing is atomic: a container of which a part changes is not told as a whole, and no part of a list stands for all of it.
func TestGNMI69NothingIsAtomic(t *testing.T) {
	e := newElement(t)
	e.addUsers(t)
	e.bindings.Put(session(1, nil))
	w := e.client().watch(t, on(gpb.SubscriptionList_STREAM, "/"))
	list := w.sync()
	e.bindings.Put(refresh(1, 2))
	for _, n := range append(list, w.next()) {
		if n.GetAtomic() {
			t.Errorf("told as atomic: %v", n)
		}
	}
}

// inUse is the memory that is in use.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestGNMI67ReaderThatStopped(t *testing.T) {
	e := newElement(t, func(o *Options) { o.Limits.Stall = 200 * time.Millisecond })
	for i := range 3000 {
		e.bindings.Put(session(i+1, nil))
	}
	other := e.client().watch(t, on(gpb.SubscriptionList_STREAM, sys+"/load"))
	other.sync()
	w := e.slowly().watch(t, on(gpb.SubscriptionList_STREAM, bindings))
	for _, n := range []int{2, 1} { // it comes, and is ended; the other one stays
		for e.server.service.streams.count() != n {
			time.Sleep(time.Millisecond)
		}
	}
	wantCode(t, w.end(), codes.ResourceExhausted, "does not read")
	e.client().set(t, updates(sys+"/load", "9"))
	other.until("/system/load", "uint 9")
}

// count is how many subscriptions are open.
func (s *streams) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}

func TestGNMI68SubscribeAndCancel(t *testing.T) {
	e := newElement(t, fast)
	for i := range 10 {
		e.bindings.Put(session(i+1, nil))
	}
	c := e.client()
	cycles := func(n int) {
		for i := range n {
			list := on(gpb.SubscriptionList_STREAM, sys, bindings, lmaPath+"/peers")
			if i%2 == 0 {
				list = sampled(10*time.Millisecond, sys, bindings)
			}
			w := c.watch(t, list)
			if i%3 > 0 {
				w.sync()
			}
			w.cancel()
		}
		for e.server.service.streams.count() > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	cycles(50)
	goroutines, memory := settled(), inUse()
	cycles(1000)
	if now := settled(); now > goroutines {
		t.Errorf("%d goroutines, %d at first", now, goroutines)
	}
	if now := inUse(); now > memory+8<<20 {
		t.Errorf("%d octets in use, %d at first", now, memory)
	}
}

// settled is the number of goroutines when those that end have ended.
func settled() int {
	n := runtime.NumGoroutine()
	for range 50 {
		time.Sleep(10 * time.Millisecond)
		n = min(n, runtime.NumGoroutine())
	}
	return n
}

func TestGNMI70TooManyStreams(t *testing.T) {
	e := newElement(t, func(o *Options) { o.Limits.Streams, o.Limits.StreamsPerUser = 5, 3 })
	c := e.client()
	many := on(gpb.SubscriptionList_STREAM, make([]string, 1025)...)
	wantCode(t, c.watch(t, many).end(), codes.ResourceExhausted, "1025")
	var open []*watch
	for range 3 {
		w := c.watch(t, on(gpb.SubscriptionList_STREAM, sys+"/load"))
		w.sync()
		open = append(open, w)
	}
	wantCode(t, c.watch(t, on(gpb.SubscriptionList_STREAM, sys+"/load")).end(), codes.ResourceExhausted, "alice", "3")
	bob := e.over("bob", "secret")
	for _, c := range []client{e.local(), bob} {
		w := c.watch(t, on(gpb.SubscriptionList_STREAM, sys+"/load"))
		w.sync()
		open = append(open, w)
	}
	wantCode(t, bob.watch(t, on(gpb.SubscriptionList_STREAM, sys+"/load")).end(), codes.ResourceExhausted, "5")
	c.set(t, updates(sys+"/load", "50"))
	for _, w := range open {
		w.until("/system/load", "uint 50")
	}
	open[0].cancel()
	for e.server.service.streams.count() == 5 {
		time.Sleep(time.Millisecond)
	}
	c.watch(t, on(gpb.SubscriptionList_STREAM, sys+"/load")).sync()
}

// State that does not answer is an error that says so, and no reason to tell that there is nothing.
func TestStateThatDoesNotAnswer(t *testing.T) {
	e := newElement(t, fast)
	e.mute = errors.New("the machine is busy")
	c := e.local()
	_, err := c.Get(t.Context(), &gpb.GetRequest{Path: paths(lmaPath + "/network")})
	wantCode(t, err, codes.Unavailable, "busy")
	wantCode(t, c.watch(t, on(gpb.SubscriptionList_ONCE, lmaPath+"/network")).end(), codes.Unavailable, "busy")
	wantCode(t, c.watch(t, sampled(time.Second, lmaPath+"/network")).end(), codes.Unavailable, "busy")
}

// Somebody who opens streams without end is refused beyond the limit, and nobody else notices.
func TestStreamsWithoutEnd(t *testing.T) {
	e := newElement(t, func(o *Options) { o.Limits.Streams, o.Limits.StreamsPerUser = 50, 40 })
	alice, bob := e.over("alice", "secret"), e.over("bob", "secret")
	w := bob.watch(t, on(gpb.SubscriptionList_STREAM, sys+"/load"))
	w.sync()
	const tries = 10_000
	var open, refused atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for range tries {
		wg.Go(func() {
			stream, err := alice.Subscribe(ctx)
			if err == nil {
				stream.Send(subscribe(on(gpb.SubscriptionList_STREAM, sys)))
				_, err = stream.Recv()
			}
			switch status.Code(err) {
			case codes.OK:
				open.Add(1)
			case codes.ResourceExhausted:
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if open.Load() != 40 || refused.Load() != tries-40 {
		t.Errorf("%d streams are open, %d were refused", open.Load(), refused.Load())
	}
	e.local().set(t, updates(sys+"/load", "77"))
	w.until("/system/load", "uint 77")
}

// A client who opens streams and never says what for is refused as well.
func TestStreamsWithoutAMessage(t *testing.T) {
	const limit, beyond = 5, 3
	e := newElement(t, func(o *Options) { o.Limits.StreamsPerUser = limit })
	alice := e.over("alice", "secret")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	refused := make(chan error, limit+beyond)
	for range limit + beyond {
		stream, err := alice.Subscribe(ctx)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := stream.Recv()
			refused <- err
		}()
	}
	for range beyond {
		wantCode(t, <-refused, codes.ResourceExhausted, "alice", "5")
	}
	cancel()
	for range limit {
		wantCode(t, <-refused, codes.Canceled)
	}
}
