package ios

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mooring/server/tree"
)

// Whoever says no to what nobody has said is warned, of every command there is, and nothing is changed by it; of what is there, it takes that out
// without a word.
func TestNoOfNothing(t *testing.T) {
	for name, dialect := range Dialects {
		t.Run(name, func(t *testing.T) {
			r := &randomizer{g: grammar(), d: dialect, Rand: rand.New(rand.NewPCG(7, 0)), covered: map[*row]bool{}, draft: newDraft(grammar().schema)}
			r.fill(r.g.modes["global"], nil)
			text, _ := grammar().Print(r.draft.root, dialect)
			tried := 0
			var above []string // the lines that open the mode
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				command := strings.TrimLeft(line, " ")
				if command == "!" || strings.HasPrefix(command, "no ") {
					continue
				}
				above = append(above[:len(line)-len(command)], line)
				tried += noOf(t, dialect, above, r.draft.root)
			}
			if tried < 50 {
				t.Errorf("only %d commands were tried", tried)
			}
		})
	}
}

// noOf negates the last of lines where the others are all there is, and where whole is. It counts the warnings.
func noOf(t *testing.T, d Dialect, lines []string, whole *tree.Node) (warnings int) {
	t.Helper()
	last := len(lines) - 1
	command := strings.TrimLeft(lines[last], " ")
	text := strings.Join(append(slices.Clone(lines[:last]), strings.Repeat(" ", last)+"no "+command), "\n")
	bare := grammar().Import(strings.Join(lines[:last], "\n"), Options{Dialect: d}).Tree
	for _, base := range []*tree.Node{bare, whole} {
		result := grammar().Import(text, Options{Dialect: d, Base: base})
		if i := slices.IndexFunc(result.Items, func(i *Item) bool { return i.Line == last+1 }); i >= 0 {
			item := result.Items[i]
			checkCaret(t, item)
			warned := item.Outcome == Warned && strings.Contains(item.Message, "nothing is removed")
			sets := slices.ContainsFunc(item.Paths, func(p string) bool { return !strings.HasPrefix(p, "no ") })
			switch {
			case base == whole && warned:
				t.Errorf("%s\nis said of what is there: %s", text, item.Message)
			case base == bare && item.Outcome == Taken && !sets && !secret(item):
				t.Errorf("%s\nis taken without a word: %v", text, item.Paths)
			case base == bare && warned:
				warnings++
			}
		}
		if after := applied(t, base, result); base == bare && warnings > 0 && !after.Equal(bare) {
			t.Errorf("%s\nchanges\n%s", text, differences(bare, after))
		}
	}
	return warnings
}

// secret reports whether an item is about what the reader of a base may not see, and so may be there.
func secret(i *Item) bool {
	return slices.ContainsFunc(i.Paths, func(p string) bool {
		return strings.HasSuffix(p, "/key") || strings.HasSuffix(p, "/hex-key") || strings.HasSuffix(p, "/shared-secret")
	})
}

func applied(t *testing.T, base *tree.Node, r *Result) *tree.Node {
	t.Helper()
	d := &draft{schema: grammar().schema, root: r.Tree, removed: r.Removed}
	after, err := d.onto(base)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

// What is taken out twice is not there the second time; what is not known to be there is taken for it, and a wrong name stands under the caret.
func TestNoOfNothingAnyMore(t *testing.T) {
	base := decode(t, `{"mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d", "bce": {"lifetime": 600}, "mobile-local-loop": {"customer": [{"name": "c", "vrf": "v"}]}}]}}`)
	const lma = "ipv6 mobile pmipv6-lma l domain d\n"
	for text, want := range map[string]string{
		lma + " no bce lifetime 600\n no bce lifetime 600\n":                                      "3 nothing of this is configured; nothing is removed ^bce",
		lma + " bce maximum 9\n no bce maximum\n":                                                 "",
		lma + " no address ipv4 192.0.2.1\n":                                                      "2 there is no ipv4 192.0.2.1; nothing is removed ^192.0.2.1",
		lma + " no address ipv4\n":                                                                "2 nothing of this is configured; nothing is removed ^address",
		lma + " mobility-service mobile-local-loop\n  no customer CUST7 vrf VRF7\n":               "3 there is no customer CUST7; nothing is removed ^CUST7",
		lma + " no mobility-service mobile-local-loop\n":                                          "",
		"no ipv6 mobile pmipv6-lma m domain d\n":                                                  "1 there is no lma m; nothing is removed ^m",
		"no ipv6 mobile pmipv6-lma l domain d\nno ipv6 mobile pmipv6-lma l domain d\n":            "2 there is no lma l; nothing is removed ^l",
		"no ipv4 access-list a\n":                                                                 "1 there is no access list a; nothing is removed ^a",
		"no ipv6 mobile pmipv6-lma l domain d\n" + lma + "no ipv6 mobile pmipv6-lma l domain d\n": "",
	} {
		got := ""
		r := grammar().Import(text, Options{Dialect: XR, Base: base})
		for _, i := range r.Items {
			if strings.Contains(i.Message, "nothing is removed") {
				got += strings.TrimSpace(strings.Join([]string{string(rune('0' + i.Line)), i.Message, "^" + caret(t, i)}, " "))
			}
		}
		if got != want {
			t.Errorf("%q: it says %q, want %q", text, got, want)
		}
		if r := grammar().Import(text, Options{Dialect: XR}); strings.Contains(items(r), "nothing is removed") {
			t.Errorf("%q: without knowing what is there, it says %q", text, items(r))
		}
	}
}
