package state

import (
	"strings"
	"testing"

	"mooring/mobility"
)

// An operator ends a binding: the indication and its acknowledgement are counted at both ends, OPS-08 and OPS-09.
func TestOPS08_OPS09_RevocationsAreCounted(t *testing.T) {
	d := newDomain(t)
	d.attach(d.mag, 1)
	var told, answers, left mobility.Effects
	for b := range d.tables.lma.All() {
		if !d.lma.Clear(d.now, b.ID, &told) {
			t.Fatal("there is no binding")
		}
	}
	for _, bri := range told.Send {
		d.mag.Receive(d.now, inbound(bri), &answers)
	}
	for _, bra := range answers.Send {
		d.lma.Receive(d.now, inbound(bra), &left)
	}
	if d.tables.lma.Len() != 0 {
		t.Error("the binding is still there")
	}
	none := `{"count":"0","dropped":"0"}`
	bri := `{"count":"1","dropped":"0","by-trigger":[{"trigger":1,"name":"administrative","count":"1"}]}`
	bra := `{"count":"1","dropped":"0","by-status":[{"status":0,"name":"success","count":"1"}]}`
	for path, want := range map[string][]string{
		"/mooring-pmipv6:pmipv6/lma[name='lma1']/statistics":                           {`"bri":{"sent":` + bri + `,"received":` + none, `"bra":{"sent":` + none + `,"received":` + bra},
		"/mooring-pmipv6:pmipv6/lma[name='lma1']/peers/peer[id='mag1']":                {`"bri":{"sent":` + bri + `,"received":` + none, `"bra":{"sent":` + none + `,"received":` + bra},
		"/mooring-pmipv6:pmipv6/mag[name='mag1']/statistics":                           {`"bri":{"sent":` + none + `,"received":` + bri, `"bra":{"sent":` + bra + `,"received":` + none},
		"/mooring-pmipv6:pmipv6/mag[name='mag1']/lma[id='lma1'][domain='example.net']": {`"bri":{"sent":` + none + `,"received":` + bri, `"bra":{"sent":` + bra + `,"received":` + none},
	} {
		said := strings.Join(d.get(path), "\n")
		for _, part := range want {
			if !strings.Contains(said, part) {
				t.Errorf("%s says %s, not %s", path, said, part)
			}
		}
	}
}

// Heartbeats of both ends show on the path, and a MAG that is configured is shown before it says anything: PEER-01.
func TestOPS04_PEER01_HeartbeatsShowOnThePath(t *testing.T) {
	d := newDomain(t)
	peer := "/mooring-pmipv6:pmipv6/lma[name='lma1']/peers/peer[id='mag1']"
	if said := strings.Join(d.get(peer), ""); !strings.Contains(said, `"origin":"configured","oper-status":"unknown"`) || strings.Contains(said, "heartbeat") {
		t.Errorf("a silent MAG is %s", said)
	}
	d.attach(d.mag, 1)
	d.beat()
	for path, want := range map[string]string{
		peer: `"restart-counter":0,"heartbeat":{"discontinuity-time":"2026-11-22T10:00:00.001Z","requests-sent":"1","responses-received":"1","requests-received":"1","missed":0,"rtt":0,"last-response":"2026-11-22T10:00:00.001Z"}`,
		"/mooring-pmipv6:pmipv6/mag[name='mag1']/paths": `"restart-counter":0,"heartbeat":{"discontinuity-time":"2026-11-22T10:00:00.001Z","requests-sent":"1","responses-received":"1","requests-received":"1","missed":0,"rtt":0,"last-response":"2026-11-22T10:00:00.001Z"}`,
	} {
		if said := strings.Join(d.get(path), "\n"); !strings.Contains(said, want) {
			t.Errorf("%s says %s", path, said)
		}
	}
}
