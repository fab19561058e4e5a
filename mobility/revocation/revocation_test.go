package revocation

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func send(q *Queue, node int, binding dataplane.SessionID, timers mobility.Revocation) *Pending {
	q.Next()
	p := &Pending{Node: mobility.NAI(fmt.Sprint(node)), Binding: binding}
	p.To.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(node)}), 5436)
	q.Sent(start, p, timers)
	return p
}

// LMA-11: so many repetitions, and then it is given up. The delay doubles from the least to the most.
func TestLMA10_DelayDoublesUpToTheMaximum(t *testing.T) {
	for retries := 1; retries <= 10; retries++ {
		var q Queue
		timers := mobility.Revocation{DelayMin: 500 * time.Millisecond, DelayMax: 3 * time.Second, Retries: retries}
		sent := send(&q, 1, 7, timers)
		at, delay := start, timers.DelayMin
		for i := range retries + 1 {
			at = at.Add(delay)
			if due, ok := q.Deadline(); !ok || due != at {
				t.Fatalf("repetition %d is due after %v, want %v", i+1, due.Sub(start), at.Sub(start))
			}
			if p, _ := q.Due(at.Add(-1), timers); p != nil {
				t.Fatal("an indication is due before its time")
			}
			p, again := q.Due(at, timers)
			if p != sent || again != (i < retries) {
				t.Fatalf("after %d repetitions: again %t", i, again)
			}
			delay = min(2*delay, timers.DelayMax)
		}
		if q.Len() != 0 || q.Of(7) != nil || q.About(sent.Node) != nil || q.Find(1, sent.To) != nil {
			t.Error("what was given up is still there")
		}
	}
}

// Whatever comes and goes, every look-up finds what is on its way and nothing else.
func TestLookUpsAgree(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	var q Queue
	live := map[*Pending]bool{}
	timers := mobility.Revocation{DelayMin: time.Second, DelayMax: time.Second, Retries: 1}
	for i := range 5000 {
		switch node := rnd.IntN(8); rnd.IntN(4) {
		case 0, 1:
			live[send(&q, node, dataplane.SessionID(i+1), timers)] = true
		case 2:
			for p := range live {
				q.Remove(p)
				delete(live, p)
				break
			}
		default:
			if rnd.IntN(10) == 0 {
				for _, p := range q.RemoveTo(mobility.Endpoint{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(node)}), 5436)}) {
					delete(live, p)
				}
			}
		}
		about := 0
		for node := range 8 {
			about += len(q.About(mobility.NAI(fmt.Sprint(node))))
		}
		if q.Len() != len(live) || about != len(live) {
			t.Fatalf("%d are on their way, %d by node, want %d", q.Len(), about, len(live))
		}
		for p := range live {
			if q.Of(p.Binding) != p || q.Find(p.seq, p.To) != p {
				t.Fatalf("an indication is not found")
			}
		}
	}
}
