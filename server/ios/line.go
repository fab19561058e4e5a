package ios

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// line is a line of the text that may hold a command.
type line struct {
	number   int
	text     string // as it stands
	words    []word // without the prompt
	indent   int    // columns before the first word; 0 after a prompt
	prompted bool
	bang     bool   // nothing but an exclamation mark, with which routers end a mode
	model    bool   // a line of our own, see modelMark: its word is what stands behind that
	unclosed bool   // a comment begins here that never ends: the word is what begins it
	mode     string // what the prompt says in parentheses
}

// word is a word, and where it begins: the column counts characters from 1.
type word struct {
	text   string
	line   *line
	column int
}

// end is the column behind the word.
func (w *word) end() int { return w.column + utf8.RuneCountInString(w.text) }

// before reports whether the word stands before another one of the text.
func (w *word) before(v *word) bool {
	return cmp.Or(cmp.Compare(w.line.number, v.line.number), cmp.Compare(w.column, v.column)) < 0
}

var (
	// configPrompt is a prompt of a configuration mode: "RP/0/RSP0/CPU0:router(config-pmipv6-lma)# ". The sign at its end is missing
	// in published sessions, and blanks stand in it.
	configPrompt = regexp.MustCompile(`^\s*[\w./:-]*\s?\((c?onfig[^)]*)\)\s*[#>]?`)
	execPrompt   = regexp.MustCompile(`^\s*[A-Za-z][\w./:-]*[#>]`)
	// noise is what a router says around its configuration.
	noise = regexp.MustCompile(`^(Building configuration|Current configuration|Enter configuration commands|Last configuration change|NVRAM config|` +
		`Uncommitted changes found|Password:|Destination filename|\[OK\]|` +
		`(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} +\d)`)
)

// tabStop is how wide a tab is at most.
const tabStop = 8

// splitLines takes a text apart; comments, but for those that are ours, and what a router says by itself are left out.
func splitLines(text string) []*line {
	var lines []*line
	var comment *word // the beginning of the comment that the line is within; nil: it is within none
	for i, raw := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		raw = strings.TrimRight(raw, "\r \t")
		if !utf8.ValidString(raw) {
			raw = strings.ToValidUTF8(raw, "\uFFFD")
		}
		l := &line{number: i + 1, text: raw}
		start := l.skipPrompt()
		start, comment = l.skipComments(start, comment)
		if l.bang = raw[min(start, len(raw)):] == "!"; l.bang {
			l.indent = start
			lines = append(lines, l)
			continue
		}
		if rest, ok := strings.CutPrefix(raw[min(start, len(raw)):], modelMark); ok {
			rest = strings.TrimLeft(rest, " \t")
			l.model = true
			l.words = []word{{text: rest, line: l, column: 1 + utf8.RuneCountInString(raw) - utf8.RuneCountInString(rest)}}
			lines = append(lines, l)
			continue
		}
		if start >= len(raw) || raw[start] == '!' || noise.MatchString(raw[start:]) {
			continue
		}
		l.split(start)
		if len(l.words) > 0 {
			lines = append(lines, l)
		}
	}
	if comment != nil {
		l := comment.line
		l.unclosed, l.words = true, []word{*comment}
		lines = append(lines, l)
	}
	return lines
}

// skipPrompt returns where the text after the prompt begins.
func (l *line) skipPrompt() int {
	if m := configPrompt.FindStringSubmatchIndex(l.text); m != nil {
		l.prompted, l.mode = true, strings.Join(strings.Fields(l.text[m[2]:m[3]]), "")
		return m[1]
	}
	if m := execPrompt.FindStringIndex(l.text); m != nil {
		l.prompted = true
		return m[1]
	}
	return 0
}

// skipComments returns where something else than blanks and comments begins, and the comment that goes on behind the end of the line. The one
// that went on before it, or nil, is given.
func (l *line) skipComments(at int, comment *word) (int, *word) {
	for text := l.text; ; {
		if comment != nil {
			end := strings.Index(text[at:], "*/")
			if end < 0 {
				return len(text), comment
			}
			at += end + 2
		}
		for at < len(text) && (text[at] == ' ' || text[at] == '\t') {
			at++
		}
		if !strings.HasPrefix(text[at:], "/*") {
			return at, nil
		}
		comment = &word{text: "/*", line: l, column: 1 + utf8.RuneCountInString(text[:at])}
		at += 2
	}
}

func (l *line) split(start int) {
	for _, r := range l.text[:start] {
		if l.indent++; r == '\t' {
			l.indent += tabStop - 1 - (l.indent-1)%tabStop
		}
	}
	if l.prompted {
		l.indent = 0
	}
	column := 1 + utf8.RuneCountInString(l.text[:start])
	for rest := l.text[start:]; rest != ""; {
		end := strings.IndexAny(rest, " \t")
		switch {
		case end == 0:
			column, rest = column+1, rest[1:]
			continue
		case end < 0:
			end = len(rest)
		}
		l.words = append(l.words, word{text: rest[:end], line: l, column: column})
		column, rest = column+utf8.RuneCountInString(rest[:end]), rest[end:]
	}
}

// secretWords are those behind which vendors write secrets, and formatWords what may say how one is written.
var (
	secretWords = []string{"key", "server-key", "shared-secret", "password", "secret", "community"}
	formatWords = []string{"ascii", "hex", "hex-string", "clear", "encrypted"}
)

// hideSuspects puts asterisks in the place of all that may be a secret, and returns those words: what stands behind a word that says so, but for
// the format. In a line that nobody has understood, the beginning of such a word counts as one.
func (l *line) hideSuspects(understood bool) []word {
	at := slices.IndexFunc(l.words, func(w word) bool { return announcesSecret(w.text, understood) })
	if at < 0 && !understood { // the word before the format may be mistyped
		at = slices.IndexFunc(l.words, func(w word) bool { return slices.Contains(formatWords, strings.ToLower(w.text)) })
	}
	if at < 0 {
		return nil
	}
	suspects := l.words[at+1:]
	for range 2 { // as in "key 0 ascii …"
		if len(suspects) > 0 && isFormat(suspects[0].text) {
			suspects = suspects[1:]
		}
	}
	l.hide(suspects)
	return suspects
}

// announcesSecret reports whether a secret stands behind a word, or may, where it can be a short form.
func announcesSecret(text string, whole bool) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(secretWords, func(s string) bool {
		return s == text || !whole && (len(text) > 1 || text == "k") && !strings.Contains(s, "-") && strings.HasPrefix(s, text)
	})
}

// isFormat reports whether a word says how a secret is written: by name, or by the number of an encryption.
func isFormat(text string) bool {
	return slices.Contains(formatWords, strings.ToLower(text)) || len(text) == 1 && text[0] >= '0' && text[0] <= '9'
}

// hide puts asterisks in the place of the word in its line.
func (w *word) hide() { w.line.hide([]word{*w}) }

// hide puts asterisks in the place of words.
func (l *line) hide(words []word) {
	text := []rune(l.text)
	for _, w := range words {
		for i := w.column - 1; i < w.end()-1; i++ {
			text[i] = '*'
		}
	}
	l.text = string(text)
}
