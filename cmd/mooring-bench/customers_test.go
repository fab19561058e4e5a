package main

import (
	"testing"
	"time"
)

// A customer with few bindings is removed; the other's nodes keep theirs, and each line has what it should have.
func TestCustomers(t *testing.T) {
	results, err := runCustomers(lmaOptions{bindings: 500, length: 100 * time.Millisecond, backend: "userspace"}, 5)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"customers-alone", "customers-remove", "customers-beside"}
	for i, r := range results {
		if r.Name != want[i] || r.N <= 0 || r.Wall <= 0 || r.Ratio <= 0 || r.Name == "customers-remove" && r.N != 500 {
			t.Errorf("%+v", r)
		}
	}
	if len(results) != 3 {
		t.Errorf("%d lines", len(results))
	}
}
