package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// The page is that of the sources.
func TestPageIsUpToDate(t *testing.T) {
	root := os.DirFS("../..")
	want, err := render(root)
	if err != nil {
		t.Fatal(err)
	}
	is, err := os.ReadFile("../../docs/conformance.md")
	if err != nil || !bytes.Equal(is, want) {
		t.Errorf("docs/conformance.md is stale (%v): run go generate ./tests/conformance", err)
	}
}

// Every row is listed once, none is left out, and none that tests name is unknown.
func TestRows(t *testing.T) {
	all, err := sections()
	if err != nil {
		t.Fatal(err)
	}
	known, families := map[string]bool{}, map[string]bool{}
	for _, s := range all {
		for _, r := range s.rows {
			if known[r.id] {
				t.Errorf("%s is listed twice", r.id)
			}
			known[r.id], families[r.id[:len(r.id)-3]] = true, true
		}
	}
	if len(known) != 270 {
		t.Errorf("%d rows are listed, the feature list has 270", len(known))
	}
	found, err := find(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for id, tests := range found.works {
		if families[id[:len(id)-3]] && !known[id] {
			t.Errorf("%v is about %s, which is no row", tests, id)
		}
	}
}

// A row is tested by the name or the comment of a test, or by a scenario, and by nothing else.
func TestFind(t *testing.T) {
	found, err := find(fstest.MapFS{
		"a/x_test.go": {Data: []byte("package a\n\n// TestLMA05_X is about LMA-06.\nfunc TestLMA05_X() {}\n\nfunc TestLMA07_Import() {}\n\n" +
			"// LMA-08 is not about a test.\nfunc helper() {}\n")},
		"mobility/lma/testdata/LMA-09-x.txt": {Data: []byte("# DOM-08: a comment\n> recv id=LMA-10\n")},
		"yang/testdata/features.txt":         {Data: []byte("# LMA-11\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"LMA-05": "tested", "LMA-06": "tested", "LMA-07": "open, but imported: later", "LMA-08": "open: later",
		"LMA-09": "tested", "DOM-08": "tested", "LMA-10": "open: later", "LMA-11": "open: later"} {
		if is := found.status(row{id: id, otherwise: "later"}); is != want {
			t.Errorf("%s is %q, want %q", id, is, want)
		}
	}
	if is := found.status(row{id: "LMA-05", missing: "half of it"}); is != "partly: half of it" {
		t.Errorf("a row of which something is missing is %q", is)
	}
}

// The page of bad input is that of the register.
func TestBadInputPageIsUpToDate(t *testing.T) {
	want, err := renderBadInput()
	if err != nil {
		t.Fatal(err)
	}
	is, err := os.ReadFile("../../docs/bad-input.md")
	if err != nil || !bytes.Equal(is, want) {
		t.Errorf("docs/bad-input.md is stale (%v): run go generate ./tests/conformance", err)
	}
}

// Every row that works says what bad input there is, and has the tests that it names.
func TestBadInputIsTested(t *testing.T) {
	root := os.DirFS("../..")
	rows, err := sections()
	if err != nil {
		t.Fatal(err)
	}
	all, none, err := badInputs()
	if err != nil {
		t.Fatal(err)
	}
	found, err := find(root)
	if err != nil {
		t.Fatal(err)
	}
	sources := texts{root, map[[2]string][]byte{}}
	said, unknown := map[string]int{}, map[string]bool{}
	for _, b := range all {
		said[b.id]++
		unknown[b.id] = true
		for _, p := range b.proofs {
			if err := sources.verify(p); err != nil {
				t.Errorf("%s %s: %v", b.id, b.input, err)
			}
		}
	}
	for _, id := range none {
		if said[id] > 0 {
			t.Errorf("%s has bad input and has none", id)
		}
		said[id], unknown[id] = 1, true
	}
	for _, s := range rows {
		for _, r := range s.rows {
			delete(unknown, r.id)
			if open := strings.HasPrefix(found.status(r), "open"); !open && said[r.id] == 0 && !silent[r.id[:len(r.id)-3]] {
				t.Errorf("%s works, and nothing is said of bad input", r.id)
			}
		}
	}
	for id := range unknown {
		t.Errorf("%s is no row", id)
	}
}

// silent are families of which the feature list does not say what is bad input: state and contradictions of the documents.
var silent = map[string]bool{"OPS": true, "INC": true}

// A proof counts while its test is there and has the text, in its file or in what it reads.
func TestProof(t *testing.T) {
	sources := texts{fstest.MapFS{
		"a/x_test.go":        {Data: []byte("package a\n\nfunc TestX() { read(\"testdata/x.txt\") }\n\nfunc helper() { _ = \"wrong\" }\n\nfunc TestZ() { _ = \"else\" }\n")},
		"a/testdata/x.txt":   {Data: []byte("bad\n")},
		"a/testdata/y.txt":   {Data: []byte("> recv worse\n")},
		"a/testdata/one.txt": {Data: []byte("nothing\n")},
	}, map[[2]string][]byte{}}
	for p, want := range map[proof]bool{
		{"a", "TestX", "bad"}: true, {"a", "TestX", "wrong"}: true, {"a", "TestX", "worse"}: false, {"a", "TestX", "else"}: false, {"a", "TestZ", "else"}: true, {"a", "TestY", "bad"}: false, {"b", "TestX", "bad"}: false,
		{"a", "helper", "wrong"}: false, {"a", "y", "recv worse"}: true, {"a", "y", "better"}: false,
	} {
		if err := sources.verify(p); (err == nil) != want {
			t.Errorf("%v: %v", p, err)
		}
	}
}
