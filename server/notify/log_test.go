package notify

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mooring/server/model"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

func element(t testing.TB) *schema.Schema {
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// text shows an event as XML.
func text(t testing.TB, e *Event) string {
	var b bytes.Buffer
	if err := tree.WriteXML(&b, e.Root, "", ""); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// say adds an event that holds a number.
func say(l *Log, at time.Time, n uint64) {
	def := l.schema.Notification("mooring-system", "notifications-lost")
	l.Add(at, def, nil, func(b *tree.Builder) { b.Uint(def.ChildNamed("count"), n) })
}

// drain reads what there is, as one text: events by their time, losses in brackets.
func drain(r *Reader) string {
	var said []string
	for {
		e, lost, _ := r.Next()
		if lost > 0 {
			said = append(said, fmt.Sprintf("(%d lost)", lost))
		}
		if e == nil {
			return strings.Join(said, " ")
		}
		said = append(said, fmt.Sprint(e.Time.Unix()))
	}
}

func at(second int64) time.Time { return time.Unix(second, 0) }

func TestReadersArePlaces(t *testing.T) {
	l := NewLog(element(t), Limits{Events: 3})
	first := l.Read()
	say(l, at(1), 1)
	second := l.Read()
	say(l, at(2), 2)
	for name, c := range map[string]struct {
		r    *Reader
		want string
	}{"first": {first, "1 2"}, "second": {second, "2"}} {
		if got := drain(c.r); got != c.want {
			t.Errorf("%s: read %q, want %q", name, got, c.want)
		}
	}
	for i := range int64(5) {
		say(l, at(3+i), 0)
	}
	if got := drain(first); got != "(2 lost) 5 6 7" {
		t.Errorf("a slow reader read %q", got)
	}
	if size := l.Size(); size.Events != 3 || !size.Aged.Equal(at(4)) {
		t.Errorf("the log holds %d events, and the last one dropped is of %v", size.Events, size.Aged)
	}
}

func TestReplay(t *testing.T) {
	l := NewLog(element(t), Limits{Events: 3})
	for i := range int64(4) {
		say(l, at(i), 0)
	}
	for since, want := range map[int64]string{-1: "1 2 3", 1: "1 2 3", 3: "3", 4: ""} {
		r, last := l.Replay(at(since))
		if got := drain(r); got != want || last != 4 {
			t.Errorf("since %d: read %q up to %d, want %q", since, got, last, want)
		}
	}
}

func TestLogIsBoundedInOctets(t *testing.T) {
	l := NewLog(element(t), Limits{Octets: 100_000})
	for range 10_000 {
		say(l, at(1), 1)
		if size := l.Size(); size.Octets > 100_000 {
			t.Fatalf("%d events take %d octets", size.Events, size.Octets)
		}
	}
	if size := l.Size(); size.Events < 100 {
		t.Errorf("only %d events are kept", size.Events)
	}
}

func TestReadersAreWoken(t *testing.T) {
	l := NewLog(element(t), Limits{})
	var readers sync.WaitGroup
	for range 8 {
		r := l.Read()
		readers.Go(func() {
			for seen := uint64(0); seen < 100; {
				e, _, woken := r.Next()
				if e == nil {
					<-woken
					continue
				}
				if seen++; e.ID != seen {
					t.Errorf("event %d comes as number %d", e.ID, seen)
				}
			}
		})
	}
	for range 100 {
		say(l, at(1), 1)
	}
	readers.Wait()
}

func TestEventOfADataNode(t *testing.T) {
	s := element(t)
	list := s.Find("/mooring-pmipv6:pmipv6/lma")
	def := &schema.Node{}
	for _, def = range list.Notifications {
		if def.Name == "binding-deleted" {
			break
		}
	}
	e := newEvent(at(1), def, []string{"lma1"}, func(b *tree.Builder) { b.Leaf(def.ChildNamed("id"), "7") })
	if got, want := text(t, e), `<pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6"><lma><name>lma1</name><binding-deleted><id>7</id></binding-deleted></lma></pmipv6>`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got, want := e.Path().String(), "/mooring-pmipv6:pmipv6/lma[name='lma1']/binding-deleted"; got != want {
		t.Errorf("it is at %s, want %s", got, want)
	}
}
