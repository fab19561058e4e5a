package ios

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// caret is the word that an item points at: "" for none, "$" behind the end of the line. It fails where the column is not that of a word.
func caret(t *testing.T, i *Item) string {
	t.Helper()
	text := []rune(i.Text)
	switch at := i.Column - 1; {
	case at < 0:
		return ""
	case at >= len(text):
		return "$"
	case at > 0 && text[at-1] != ' ' && text[at-1] != '\t' && text[at-1] != '#' && text[at-1] != ')' && text[at-1] != '/':
		t.Errorf("line %d: column %d of %q is within a word", i.Line, i.Column, i.Text)
		return ""
	default:
		word, _, _ := strings.Cut(strings.ReplaceAll(string(text[at:]), "\t", " "), " ")
		return word
	}
}

// checkCaret looks at what is said of a line: where it names words of that, the caret is under one of them.
func checkCaret(t *testing.T, i *Item) {
	t.Helper()
	if i.Message == "" || i.Outcome == Skipped {
		return
	}
	under := caret(t, i)
	var named []string
	for _, w := range strings.Fields(i.Text) {
		if mentions(i.Message, w) {
			named = append(named, w)
		}
	}
	switch {
	case i.Outcome == Refused && under == "":
		t.Errorf("line %d: no caret under any word of %q: %s", i.Line, i.Text, i.Message)
	case i.Code == Missing:
	case under != "" && len(named) > 0 && !slices.Contains(named, under):
		t.Errorf("line %d: the caret is under %q of %q, and what is said is of %q: %s", i.Line, under, i.Text, named, i.Message)
	}
}

// mentions reports whether a message names a word that is a value: keywords are in all messages.
func mentions(message, w string) bool {
	if !strings.ContainsAny(w, "0123456789@.:") && !strings.Contains(message, `"`+w+`"`) {
		return false
	}
	return slices.ContainsFunc(strings.FieldsFunc(message, func(r rune) bool { return strings.ContainsRune(` ,;()"`, r) }), func(m string) bool {
		return m == w && len(w) > 1
	})
}

// The caret is under the word that is wrong, whatever that is of: a number that is written in another way than YANG does, one of several values, a
// word that means nothing, or a name that several words have.
func TestCarets(t *testing.T) {
	for _, c := range []struct {
		dialect Dialect
		under   string
		command string // its last line is said something of
		want    string // part of the message
		word    string
	}{
		{XR, inDomain, "auth-option spi 67 key ascii k", "RFC 4285", "67"},
		{XR, inDomain, "auth-option spi FF key ascii spi", "RFC 4285", "FF"},
		{XR, inDomain, "auth-option spi 123456789 key ascii k", "more than 32 bits", "123456789"},
		{XR, inLMA, "bce maximum 200000", "beyond the published range", "200000"},
		{XR, inLMA, "heartbeat interval 100 retries 0 timeout 10", "retries takes", "0"},
		{XR, inLMA, "heartbeat interval 10 retries 10 timeout 20", "longer than the interval", "20"},
		{XR, inLMA, "bri delay min 3000; bri delay max 2000", "must not exceed", "3000"},
		{XR, inLMA, "mag d d; tunnel interface tunnel-ip 097", "makes the interface tunnel-ip97", "tunnel-ip"},
		{XR, inLMA, "mag m e", "no domain e", "e"},
		{XR, inLMA, "mag m e", "needs an IPv4", "m"},
		{IOS, "ip access-list extended a\n", "permit ip any 10.0.0.0 0.0.255.0", "its ones", "0.0.255.0"},
		{IOS, inLMN, "fixed interface eth0 watch ipv4 10.0.0.1 length 33", "no length", "33"},
		{XR, inLMA, "mag m m; ipv4 address 192.0.2.1", "no domain m", "m"},
		{XR, inNAI, "customer c", "no customer c", "c"},
		{XR, inLMA, "address ipv4 192.0.2.1; address ipv4 224.0.0.1", "", "224.0.0.1"},
		{XR, inNetwork, "pool mobile-node ipv4 start-address 10.0.0.1 pool-prefix 31", "pool-prefix takes", "31"},
		{IOS, inMap, "match access-list a; set link-type x y", "no link here has the label x", "x"},
		{IOS, inMap, "match access-list a; set link-type x y", "no link here has the label y", "y"},
		{IOS, inMAG, "mobile-map m 10", "the sequence number is ignored", "10"},
		{IOS, "", "ipv6 mobile pmipv6-domain d terminal", "means nothing", "terminal"},
		{IOS, inLMA, "mobile-map m", "mobile-map m is not configured", "m"},
	} {
		indent := strings.Repeat(" ", 10)
		r := grammar().Import(c.under+indent+strings.ReplaceAll(c.command, "; ", "\n"+indent)+"\n", Options{Dialect: c.dialect})
		var all []string
		for _, i := range r.Items {
			checkCaret(t, i)
			if i.Message != "" && strings.Contains(i.Message, c.want) {
				all = append(all, caret(t, i))
			}
		}
		if !slices.Contains(all, c.word) {
			t.Errorf("%q: the caret is under %q, want %q: %+v", c.command, all, c.word, said(r, &Result{}))
		}
	}
}

// texts are those of testdata.
func texts(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("testdata/published/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	all := map[string]string{}
	for _, name := range append(names, "testdata/report.txt") {
		all[name] = read(t, name)
	}
	return all
}

// Of everything that is said of the texts of testdata, in either dialect, the caret is where the message is.
func TestCaretsEverywhere(t *testing.T) {
	for name, text := range texts(t) {
		for _, d := range []Dialect{XR, IOS} {
			for _, partial := range []bool{false, true} {
				r := grammar().Import(text, Options{Dialect: d, Partial: partial})
				for _, i := range r.Items {
					checkCaret(t, i)
				}
			}
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
}
