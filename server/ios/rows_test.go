package ios

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// commands tests the commands of one feature.
type commands struct {
	dialect Dialect
	under   string // the lines before, which open the mode
	// good are commands and one of the nodes that each sets: "command -> path = value". All that no line of their own says of them is
	// after "!": kinds and parts of warnings, as in bad.
	good []string
	// bad are commands, or several with ; between them, and what is said of the last: "command -> code part of the message".
	bad []string
}

const (
	inDomain   = "ipv6 mobile pmipv6-domain d\n"
	inNAI      = inDomain + " nai @r\n"
	inMap      = inDomain + " mobile-map m 10\n"
	inLMA      = inDomain + " encap udptunnel\nipv6 mobile pmipv6-lma l domain d\n"
	inPeer     = inLMA + " mag m d\n  ipv4 address 192.0.2.9\n"
	inNetwork  = inLMA + " network n\n"
	inLoop     = inLMA + " mobility-service mobile-local-loop\n"
	inCustomer = inLoop + "  customer c vrf v\n"
	inPools    = inCustomer + "   network authorized cn\n"
	inMAG      = inDomain + " encap udptunnel\n lma l\n  ipv4 address 192.0.2.1\n !\nipv6 mobile pmipv6-mag g domain d\n"
	inHybrid   = inMAG + " multipath\n mobility-service hybrid-access\n"
	inProfile  = inHybrid + "  profile-definition p\n"
	inLMN      = inMAG + " logical-mn n@r\n"
)

func (c commands) run(t *testing.T) {
	t.Helper()
	if c.dialect == 0 {
		c.dialect = XR
	}
	o := Options{Dialect: c.dialect}
	before := grammar().Import(c.under, o)
	if n := before.Count(Refused); n > 0 {
		t.Fatalf("the mode is refused: %s", said(before, &Result{}))
	}
	indent := strings.Repeat(" ", 10)
	for _, line := range c.good {
		command, rest, _ := strings.Cut(line, " -> ")
		want, warning, _ := strings.Cut(rest, " ! ")
		r := grammar().Import(c.under+indent+strings.ReplaceAll(command, "; ", "\n"+indent)+"\n", o)
		for _, i := range r.Items {
			checkCaret(t, i)
		}
		if !sets(r, want) {
			t.Errorf("%q does not set %s, but %s", command, want, items(r))
		}
		if got := said(r, before); got == "" != (warning == "") || !strings.Contains(got, warning) {
			t.Errorf("%q: it says %q, want %q", command, got, warning)
		}
		text, left := grammar().Print(r.Tree, c.dialect)
		if again := grammar().Import(text, o); len(left) > 0 || !again.Tree.Equal(r.Tree) {
			t.Errorf("%q comes back as another configuration\n%s%s", command, text, left)
		}
	}
	for _, line := range c.bad {
		command, want, _ := strings.Cut(line, " -> ")
		r := grammar().Import(c.under+indent+strings.ReplaceAll(command, "; ", "\n"+indent)+"\n", o)
		for _, i := range r.Items {
			checkCaret(t, i)
		}
		if got := said(r, before); r.Count(Refused) == 0 || !strings.Contains(got, want) {
			t.Errorf("%q: it says %q, want %q", command, got, want)
		}
	}
}

// sets reports whether a line set a node, the path of which may end with what want says.
func sets(r *Result, want string) bool {
	for _, i := range r.Items {
		for _, path := range i.Paths {
			if strings.HasSuffix(modules.ReplaceAllString(path, "/"), want) {
				return true
			}
		}
	}
	return false
}

func items(r *Result) string {
	var all []string
	for _, i := range r.Items {
		all = append(all, i.Paths...)
	}
	return strings.Join(all, ", ")
}

// said is everything that is said of a text and was not said of the lines before.
func said(r, before *Result) string {
	var all []string
	old := map[string]bool{}
	for _, i := range before.Items {
		old[i.Code+i.Message] = true
	}
	for _, i := range r.Items {
		if i.Message != "" && !old[i.Code+i.Message] {
			all = append(all, fmt.Sprintf("%s %s %s", i.Code, i.Message, i.Hint))
		}
	}
	return strings.Join(all, "\n")
}

// Every feature that a row names has its test.
func TestEveryFeatureIsTested(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, name := range files {
		tests.WriteString(read(t, name))
	}
	for _, m := range grammar().modes {
		for _, c := range m.commands {
			for id := range strings.FieldsSeq(c.ids) {
				if name := "Test" + strings.ReplaceAll(id, "-", "") + "_Import"; !strings.Contains(tests.String(), "func "+name+"(") {
					t.Errorf("%s is missing, for %q", name, c.syntax)
				}
			}
		}
	}
}
