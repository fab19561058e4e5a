package main

import (
	"bytes"
	"strings"
	"testing"
)

// One short round: the lab of each transport and the bare moves have a line each.
func TestHandover(t *testing.T) {
	o := handoverOptions{moves: 2, transports: []string{"ipv4"}}
	results, err := o.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 2 || results[0].Name != "handover-bare" || results[1].Name != "handover-ipv4" {
		t.Fatalf("%+v", results)
	}
	for i, r := range results {
		if r.N != 2 || r.Wall <= 0 || r.CPU <= 0 || r.Ratio <= 0 || (i == 0) != (r.Ratio == 1) || (i == 0) != (r.RSS == 0) {
			t.Errorf("%+v", r)
		}
	}
}

func TestHandoverTable(t *testing.T) {
	out := new(bytes.Buffer)
	if err := printHandovers(out, []Result{{Name: "handover-ipv6", N: 10, Wall: 0.0274, CPU: 1.5, RSS: 30, Ratio: 0.5}}); err != nil {
		t.Fatal(err)
	}
	want := "           name  moves  median ms  cpu s  rss MiB  ratio\n" +
		"  handover-ipv6     10       27.4   1.50     30.0  0.500\n"
	if out.String() != want {
		t.Errorf("table\n%q\nwant\n%q", out, want)
	}
}

func TestMiddle(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{7}, 7}, {[]float64{9, 1, 4}, 4}, {[]float64{9, 1, 4, 6}, 5}} {
		if got := middle(test.values); got != test.want {
			t.Errorf("middle of %v is %v, want %v", test.values, got, test.want)
		}
	}
}

// No moves have no median.
func TestHandoverWithoutMoves(t *testing.T) {
	if results, err := (&handoverOptions{}).run(t.Context()); err == nil || !strings.Contains(err.Error(), "--moves") {
		t.Errorf("no moves gave %v, %v", results, err)
	}
}
