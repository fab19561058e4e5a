package ios

import (
	"cmp"
	"slices"
	"strings"
)

// found is a line that is a command.
type found struct {
	*command
	pattern pattern
	words   []word
}

// miss says why a line is no command of a mode.
type miss struct {
	at        int       // the word that does not fit; the number of words where more were wanted
	wanted    []element // what could have stood there
	ambiguous []string  // the keywords that the word may be short for
	mind      string
}

// candidate is a pattern that the words so far fit, and how well.
type candidate struct {
	*command
	pattern pattern
	score   int
}

// How well a word fits: an abbreviation is the last thing that is thought of.
const (
	abbreviated = 1
	argumentFit = 2
	spelledOut  = 3
)

// match finds the command that words are in a mode. The miss is nil where there is one.
func (m *mode) match(words []word, d Dialect) (*found, *miss) {
	alive, missing := m.begin(words, d)
	if missing != nil {
		return nil, missing
	}
	complete := slices.DeleteFunc(slices.Clone(alive), func(c candidate) bool { return len(c.pattern) > len(words) })
	if len(complete) == 0 {
		return nil, missed(alive, len(words), nil)
	}
	best := slices.MaxFunc(complete, func(a, b candidate) int { return cmp.Compare(a.score, b.score) }) // the first of equals
	return &found{best.command, best.pattern, words}, nil
}

// begin returns what begins with words.
func (m *mode) begin(words []word, d Dialect) (alive []candidate, _ *miss) {
	for _, c := range m.commands {
		if c.in(d) {
			for _, p := range c.patterns {
				alive = append(alive, candidate{c, p, 0})
			}
		}
	}
	for i := range words {
		next, ambiguous := advance(alive, words[:i+1])
		if len(next) == 0 {
			return nil, missed(alive, i, ambiguous)
		}
		alive = next
	}
	return alive, nil
}

// advance returns the candidates that the last of words fits, too.
func advance(alive []candidate, words []word) (next []candidate, ambiguous []string) {
	i := len(words) - 1
	exact, short := keywordsLike(alive, words[i].text, i)
	for _, c := range alive {
		score := 0
		switch e := c.element(i); {
		case e == nil:
		case e.arg != nil:
			if e.arg.kind.fits == nil || e.arg.kind.fits(c.wordsOf(e.arg, words)) {
				score = argumentFit
			}
		case strings.EqualFold(e.keyword, words[i].text):
			score = spelledOut
		case !exact && len(short) == 1 && e.shortens(words[i].text):
			score = abbreviated
		}
		if score > 0 {
			c.score += score
			next = append(next, c)
		}
	}
	if len(short) > 1 {
		ambiguous = short
	}
	return next, ambiguous
}

// element is what stands for word i; nil: the pattern has ended.
func (c *candidate) element(i int) *element {
	if i < len(c.pattern) {
		return &c.pattern[i]
	}
	if last := &c.pattern[len(c.pattern)-1]; last.arg != nil && last.arg.kind.rest {
		return last
	}
	return nil
}

// wordsOf are the last words, as far as they stand for one argument.
func (c *candidate) wordsOf(a *argument, words []word) (list []string) {
	for i := len(words) - 1; i >= 0; i-- {
		if e := c.element(i); e == nil || e.arg != a {
			break
		}
		list = append(list, words[i].text)
	}
	slices.Reverse(list)
	return list
}

// keywordsLike tells whether a word is one of the keywords that may stand at i, and which it may be short for.
func keywordsLike(alive []candidate, text string, i int) (exact bool, short []string) {
	for _, c := range alive {
		e := c.element(i)
		switch {
		case e == nil || e.arg != nil:
		case strings.EqualFold(e.keyword, text):
			return true, nil
		case e.shortens(text) && !slices.Contains(short, e.keyword):
			short = append(short, e.keyword)
		}
	}
	return false, short
}

func (e *element) shortens(text string) bool {
	return e.arg == nil && !e.inFull && len(text) < len(e.keyword) && strings.EqualFold(e.keyword[:len(text)], text)
}

// missed collects what could have stood at word i.
func missed(alive []candidate, i int, ambiguous []string) *miss {
	m := &miss{at: i, ambiguous: ambiguous}
	for _, c := range alive {
		if e := c.element(i); e != nil && i < len(c.pattern) && !slices.ContainsFunc(m.wanted, func(w element) bool { return w.what() == e.what() }) {
			m.wanted = append(m.wanted, *e)
		}
		if i > 0 && m.mind == "" {
			m.mind = c.mind
		}
	}
	return m
}

// values are the words of each argument, by the leaf.
func (f *found) values() map[string][]word {
	all := map[string][]word{}
	c := candidate{f.command, f.pattern, 0}
	for i, w := range f.words {
		if e := c.element(i); e.arg != nil {
			all[e.arg.leaf] = append(all[e.arg.leaf], w)
		}
	}
	return all
}

// longestKeyword bounds what is compared with keywords.
const longestKeyword = 32

// suggest gives the keyword that somebody probably meant, or "".
func (m *miss) suggest(text string) string {
	best, least := "", 0
	if len(text) > longestKeyword {
		return ""
	}
	text = strings.ToLower(text)
	for _, e := range m.wanted {
		if e.arg != nil {
			continue
		}
		d := 2 * distance(text, e.keyword)
		if !strings.HasPrefix(e.keyword, text) && !strings.HasPrefix(text, e.keyword) {
			d++ // what was broken off, or goes on, is likelier
		}
		if d <= 2*max(1, min(len(text), len(e.keyword))/3)+1 && (best == "" || d < least) {
			best, least = e.keyword, d
		}
	}
	return best
}

// distance is how many letters were changed, left out, added or exchanged with the next one (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			switch {
			case i == 0 || j == 0:
				rows[i][j] = i + j
				continue
			case a[i-1] == b[j-1]:
				rows[i][j] = rows[i-1][j-1]
			default:
				rows[i][j] = 1 + min(rows[i-1][j-1], rows[i-1][j], rows[i][j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], 1+rows[i-2][j-2])
			}
		}
	}
	return rows[len(a)][len(b)]
}
