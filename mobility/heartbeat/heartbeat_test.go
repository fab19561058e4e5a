package heartbeat

import (
	"math/rand/v2"
	"testing"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func answer(seq uint32) *wire.Heartbeat {
	return &wire.Heartbeat{Flags: wire.HeartbeatR, Seq: seq, Options: wire.Options{RestartCounter: wire.Some(uint32(1))}}
}

// The requests of a silent peer go on, an interval apart, and one more than the repetitions that are borne takes the path down.
func TestLMA17_PathIsDownAfterOneMoreThanTheRetries(t *testing.T) {
	for retries := 1; retries <= 10; retries++ {
		var m Monitor[int]
		var p Path[int]
		m.Watch(start, &p, mobility.Heartbeat{Interval: 30 * time.Second, Timeout: 10 * time.Second, Retries: retries})
		sent := 0
		var downAt time.Time
		for downAt.IsZero() {
			at, ok := m.Deadline()
			if !ok {
				t.Fatal("nothing is due any more")
			}
			_, seq, send, down := m.Due(at)
			if send {
				if sent++; seq != uint32(sent) || at != start.Add(time.Duration(sent-1)*30*time.Second) {
					t.Fatalf("request %d has the number %d, at %v", sent, seq, at.Sub(start))
				}
			}
			if down {
				downAt = at
				if want := start.Add(time.Duration(retries)*30*time.Second + 10*time.Second); at != want || sent != retries+1 {
					t.Errorf("with %d repetitions the path is down at %v, after %d requests", retries, at.Sub(start), sent)
				}
			}
		}
	}
}

// TestLMA17_TimeoutBeyondTheInterval: the next request ends the wait for the answer to the one before (RFC 5847 section 3.1).
func TestLMA17_TimeoutBeyondTheInterval(t *testing.T) {
	var m Monitor[int]
	var p Path[int]
	m.Watch(start, &p, mobility.Heartbeat{Interval: 10 * time.Second, Timeout: time.Minute, Retries: 1})
	var downAt time.Time
	for downAt.IsZero() {
		at, _ := m.Deadline()
		if _, _, _, down := m.Due(at); down {
			downAt = at
		}
	}
	if downAt != start.Add(20*time.Second) {
		t.Errorf("the path is down after %v", downAt.Sub(start))
	}
}

// Many paths are watched at once, begin, end and get other times, and each is as if it were the only one.
func TestHB04_PathsDoNotDisturbEachOther(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var together Monitor[int]
	alone := make([]Monitor[int], 20)
	paths, twins := make([]Path[int], len(alone)), make([]Path[int], len(alone))
	now := start
	for range 20_000 {
		i := rnd.IntN(len(paths))
		switch rnd.IntN(6) {
		case 0:
			h := mobility.Heartbeat{Interval: time.Duration(1+rnd.IntN(9)) * time.Second, Timeout: time.Duration(1+rnd.IntN(4)) * time.Second, Retries: 1 + rnd.IntN(3)}
			together.Watch(now, &paths[i], h)
			alone[i].Watch(now, &twins[i], h)
		case 1:
			if rnd.IntN(4) == 0 {
				together.Ignore(now, &paths[i])
				alone[i].Ignore(now, &twins[i])
			}
		default:
			a := answer(paths[i].seq)
			a.RestartCounter.Value = uint32(rnd.IntN(2))
			one, expected := together.Response(now, &paths[i], a)
			other, expectedToo := alone[i].Response(now, &twins[i], a)
			if one != other || expected != expectedToo {
				t.Fatalf("an answer tells %+v, alone %+v", one, other)
			}
		}
		now = now.Add(time.Duration(rnd.IntN(800)) * time.Millisecond)
		for p, _, _, _ := together.Due(now); p != nil; p, _, _, _ = together.Due(now) {
		}
		for i := range alone {
			for p, _, _, _ := alone[i].Due(now); p != nil; p, _, _, _ = alone[i].Due(now) {
			}
			if paths[i].State != twins[i].State {
				t.Fatalf("path %d is %+v, alone %+v", i, paths[i].State, twins[i].State)
			}
		}
	}
	sent := uint64(0)
	for i := range paths {
		sent += paths[i].Sent
	}
	if sent < 1000 {
		t.Errorf("only %d requests were sent", sent)
	}
}
