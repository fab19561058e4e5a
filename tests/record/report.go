package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// event is what go test -json says of a test, of a package (with no test) or of a build (with no package).
type event struct{ Action, Package, Test, Output string }

// report shows the events of several packages at once: of one that passes a line, of one that fails all that its tests have said which
// did not pass.
type report struct {
	to       io.Writer
	packages map[string]*pkg
}

// pkg is what a package that still runs has said, by test; that without a test is its own.
type pkg struct {
	order []string
	said  map[string]*strings.Builder
}

func newReport(to io.Writer) *report { return &report{to, map[string]*pkg{}} }

// read shows events and keeps them, and shows lines that are none as they are. Of packages that do not end, as when the command is
// killed, it shows what they have said. It returns errors of keeping.
func (r *report) read(from io.Reader, kept io.Writer) error {
	lines := bufio.NewReader(from)
	for ended := false; !ended; {
		line, err := lines.ReadString('\n')
		var e event
		if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
			fmt.Fprint(r.to, line)
		} else {
			r.show(e)
			if _, err := io.WriteString(kept, line); err != nil {
				return err
			}
		}
		ended = err != nil
	}
	for _, p := range r.packages {
		p.show(r.to)
	}
	return nil
}

func (r *report) show(e event) {
	if e.Package == "" {
		fmt.Fprint(r.to, e.Output)
		return
	}
	p := r.packages[e.Package]
	if p == nil {
		p = &pkg{said: map[string]*strings.Builder{}}
		r.packages[e.Package] = p
	}
	switch {
	case e.Action == "output":
		p.add(e.Test, e.Output)
	case e.Test != "" && (e.Action == "pass" || e.Action == "skip"):
		delete(p.said, e.Test)
	case e.Test == "" && (e.Action == "pass" || e.Action == "skip"):
		fmt.Fprintln(r.to, p.summary(e.Package))
		delete(r.packages, e.Package)
	case e.Test == "" && e.Action == "fail":
		p.show(r.to)
		delete(r.packages, e.Package)
	}
}

func (p *pkg) add(test, line string) {
	if strings.HasPrefix(line, "=== ") { // which test it is that goes on
		return
	}
	if p.said[test] == nil {
		if test != "" {
			p.order = append(p.order, test)
		}
		p.said[test] = &strings.Builder{}
	}
	p.said[test].WriteString(line)
}

// summary is the line of a package that has passed: its own, where it has said one.
func (p *pkg) summary(name string) string {
	if own := p.said[""]; own != nil {
		for line := range strings.Lines(own.String()) {
			if strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "? ") {
				return strings.TrimSuffix(line, "\n")
			}
		}
	}
	return "ok  \t" + name
}

// show shows what is left, tests in the order in which they began, and the package's own words last.
func (p *pkg) show(to io.Writer) {
	for _, test := range append(p.order, "") {
		if said := p.said[test]; said != nil {
			fmt.Fprint(to, said)
			delete(p.said, test)
		}
	}
}
