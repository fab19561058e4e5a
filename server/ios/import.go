package ios

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Options say how a text is read.
type Options struct {
	Dialect Dialect
	// Base is the configuration that the text changes, of the same schema; nil: not known. Then what the text needs and does not bring
	// is a warning.
	Base *tree.Node
	// Served is the schema of the element that is to carry it out. Commands that it does not know are a warning or, with Strict, refused.
	Served *schema.Schema
	Strict bool
	// Partial leaves out what is refused. Otherwise nothing is taken when something is.
	Partial bool
}

// Result is what a text says.
type Result struct {
	Report
	// Tree holds what the text sets. Where something was refused, it is what the rest says; see Report.
	Tree *tree.Node
	// Removed leads to what it takes out of the configuration that it changes, before Tree is merged into it.
	Removed []schema.Path
	// Elsewhere are those of Removed that are, or may be, in the configuration that the text changes: a text may also take back what it said itself.
	Elsewhere []schema.Path
}

// Import reads a text. It never fails: what is wrong stands in the report of the result.
func (g *Grammar) Import(text string, o Options) *Result {
	im := &importer{Grammar: g, Options: o, lines: splitLines(text), draft: newDraft(g.schema)}
	im.frames = []frame{{mode: g.modes["global"], indent: -1}}
	im.committed = *im.draft
	for im.next = 0; im.next < len(im.lines); {
		l := im.lines[im.next]
		im.next++
		im.line(l)
	}
	im.judge()
	slices.SortStableFunc(im.report.Items, func(a, b *Item) int { return (a.Line+maxLine-1)%maxLine - (b.Line+maxLine-1)%maxLine })
	return &Result{Report: im.report, Tree: im.draft.root, Removed: im.draft.removed, Elsewhere: im.draft.elsewhere(im.Base)}
}

const maxLine = 1 << 30 // items without a line come last

// importer reads one text.
type importer struct {
	*Grammar
	Options
	lines []*line
	next  int // line to be read

	frames    []frame // the modes that are open, the outermost first
	draft     *draft
	committed draft // what abort goes back to
	report    Report
	refused   *line // whose body is skipped, as far as it is indented
	ended     int   // the line of the open mode that the one being read ended, without a sign of that; 0: none
}

// frame is a mode that is open, and the node that it is about.
type frame struct {
	mode    *mode
	path    schema.Path
	refused *line // the line above that was refused, with all that is in the mode; nil: none was
	indent  int
	body    bodyShape
	closed  bool // by an exclamation mark, which counts where a mode further out knows what follows
	opened  opened
}

// opened is what is said of the line that opened an open mode, and the first line that was left out with it (0: none was).
type opened struct {
	item  *Item
	says  string
	first int
}

// bodyShape says whether the lines of a mode are indented.
type bodyShape uint8

const (
	unknownBody bodyShape = iota
	flatBody
	indentedBody
)

// line carries a line out.
func (im *importer) line(l *line) {
	words := l.words
	if l.bang {
		im.bang(l)
		return
	}
	if l.model {
		im.merge(l)
		return
	}
	if l.unclosed {
		im.refuse(&l.words[0], Unreadable, "the comment that begins here never ends: */ is missing, and all behind it is part of it", "")
		return
	}
	if im.session(l) {
		return
	}
	if im.refused != nil {
		if !l.prompted && l.indent > im.refused.indent {
			im.skip(l, im.refused)
			return
		}
		im.refused = nil
	}
	if im.leaveOut(l) {
		return
	}
	negative := words[0].text == "no"
	if negative {
		words = words[1:]
	}
	if len(words) == 0 {
		im.refuse(&l.words[0], Unreadable, "incomplete: no what?", "")
		return
	}
	if negative {
		im.negate(l, words)
		return
	}
	i, f, m := im.choose(l, words)
	for m != nil && m.at == len(words) && im.continues(l) {
		words = append(slices.Clip(words), im.lines[im.next].words...)
		im.next++
		i, f, m = im.choose(l, words)
	}
	if f == nil {
		im.misread(l, words, i, m)
		return
	}
	im.enter(l, i)
	im.carryOut(l, f)
}

// interfacePrompt is what prompts of the interfaces say in parentheses, which an open mode is about.
var interfacePrompt = regexp.MustCompile(`^config-(sub)?if\b`)

// leaveOut reports whether a line was left out with the one that opened an open mode: it is indented deeper. Any other ends the mode, for
// a slip of the hand is not to be lost in it; but behind the prompt of an interface stand commands of other modes, too, see misread.
func (im *importer) leaveOut(l *line) bool {
	im.ended = 0
	last := len(im.frames) - 1
	fr := &im.frames[last]
	switch {
	case !fr.mode.open || l.prompted && interfacePrompt.MatchString(l.mode):
		return false
	case !l.prompted && !fr.closed && l.indent > fr.indent:
		fr.opened.add(l)
		return true
	case !l.prompted && !fr.closed:
		im.ended = fr.opened.item.Line
	}
	im.frames = im.frames[:last]
	return false
}

// add says that a line was left out, too.
func (o *opened) add(l *line) {
	if o.first == 0 {
		o.first = l.number
	}
	o.item.Message = o.says + fmt.Sprintf("; so are lines %d to %d", o.first, l.number)
	if o.first == l.number {
		o.item.Message = o.says + fmt.Sprintf("; so is line %d", o.first)
	}
}

// bang closes the innermost mode that is open and not further out than an exclamation mark.
func (im *importer) bang(l *line) {
	for i := len(im.frames) - 1; i > 0; i-- {
		if fr := &im.frames[i]; !fr.closed && fr.indent >= l.indent {
			fr.closed = true
			return
		}
	}
}

// continues reports whether the next line is the rest of one that a narrow page has broken: in a session, what has no prompt.
func (im *importer) continues(l *line) bool {
	if !l.prompted || im.next == len(im.lines) {
		return false
	}
	next := im.lines[im.next]
	return !next.prompted && !next.bang && !next.model && !next.unclosed
}

// verbs are the words of a session that are no configuration.
var verbs = map[string][]string{
	"enable": {""}, "configure": {"", "terminal", "exclusive"}, "configuration": {"terminal"}, "conf": {"t"}, "config": {"t"},
	"exit": {""}, "quit": {""}, "end": {""}, "^z": {""}, "root": {""}, "abort": {""},
}

// asides are the words that commands begin with which change no configuration. They count behind a prompt.
var asides = []string{"show", "do", "pwd", "write", "copy", "ping", "traceroute", "terminal"}

// session carries out what a line says about the session, and reports whether it did.
func (im *importer) session(l *line) bool {
	verb := strings.ToLower(l.words[0].text)
	rest := ""
	if len(l.words) > 1 {
		rest = strings.ToLower(l.words[1].text)
	}
	switch {
	case l.prompted && slices.Contains(asides, verb):
		return true
	case verb == "commit": // whatever it is called, and however long it is to be tried
	case len(l.words) > 2 || !slices.Contains(verbs[verb], rest):
		return false
	}
	im.refused = nil
	switch verb {
	case "exit", "quit":
		im.frames = im.frames[:max(len(im.frames)-1, 1)]
	case "commit":
		if rest == "replace" {
			im.warn("W-MIX here, what the text does not name stays as it is", im.item(&l.words[1], Warned, "", "", ""))
		}
		im.committed = *im.draft
		im.committed.removed, im.committed.unsaid = slices.Clip(im.committed.removed), slices.Clip(im.committed.unsaid)
	case "abort":
		im.draft.root, im.draft.removed, im.draft.unsaid = im.committed.root, im.committed.removed, im.committed.unsaid
		im.frames = im.frames[:1]
	default:
		im.frames = im.frames[:1]
	}
	return true
}

// choose finds the frame that a line stands in: the innermost whose mode knows it. A mode whose lines are indented ends with the first one
// that is not, when a mode further out knows that. Where no mode knows the line, the miss is that of the one which understood most.
func (im *importer) choose(l *line, words []word) (at int, f *found, m *miss) {
	for _, ended := range []bool{false, true} {
		for i := len(im.frames) - 1; i >= 0; i-- {
			fr := &im.frames[i]
			if fr.ended(l, i) != ended {
				continue
			}
			found, missed := fr.mode.match(words, im.Dialect)
			if missed == nil {
				return i, found, nil
			}
			if m == nil || missed.at > m.at {
				at, m = i, missed
			}
			if missed.at == len(words) && !ended {
				return at, nil, m // rather an incomplete command of this mode than another one
			}
		}
	}
	return at, nil, m
}

// ended reports whether a prompt, an exclamation mark or the indentation says that the frame, the i-th, ended before a line.
func (fr *frame) ended(l *line, i int) bool {
	if l.prompted {
		return l.mode == "config" && i > 0
	}
	if fr.closed {
		return true
	}
	return fr.body == indentedBody && l.indent <= fr.indent
}

// enter leaves the modes within the i-th, which a line stands in.
func (im *importer) enter(l *line, i int) {
	im.frames = im.frames[:i+1]
	fr := &im.frames[i]
	if fr.closed = false; fr.body == unknownBody {
		fr.body = flatBody
		if l.indent > fr.indent {
			fr.body = indentedBody
		}
	}
}

// carryOut does what a command says in the innermost frame.
func (im *importer) carryOut(l *line, f *found) {
	fr := im.frames[len(im.frames)-1]
	if fr.refused != nil {
		im.skip(l, fr.refused)
		im.push(f.enters, fr.path, l, fr.refused)
		return
	}
	if f.row.refuse != "" {
		code, message, _ := strings.Cut(f.row.refuse, " ")
		im.refuse(&f.words[0], code, message, "")
		return
	}
	x := &execution{importer: im, found: f, line: l, path: slices.Clip(fr.path)}
	if !x.readValues() || x.isNamesake() {
		im.push(f.enters, fr.path, l, l)
		return
	}
	x.write()
	x.hideSecrets()
	item := im.item(&f.words[0], Taken, "", "", "")
	item.Column, item.Paths = f.ignored(), x.paths
	im.warn(f.row.warn, item)
	for _, a := range x.advice {
		im.warn(a.text, im.item(a.word, Warned, "", "", ""))
	}
	im.push(f.enters, x.path, l, nil)
	if f.enters != nil && f.enters.open {
		im.frames[len(im.frames)-1].opened = opened{item: item, says: item.Message}
	}
}

// ignored is the column of the word that the row warns of because it stands for nothing; 0: the warning is of the whole command.
func (f *found) ignored() int {
	if f.warn == "" {
		return 0
	}
	for i, w := range f.words {
		if e := (&candidate{f.command, f.pattern, 0}).element(i); e.arg != nil && e.arg.kind.ignored && !e.arg.kind.rest {
			return w.column
		}
	}
	return 0
}

// warn completes an item that a warning may belong to, and keeps it.
func (im *importer) warn(text string, item *Item) {
	if code, message, ok := strings.Cut(text, " "); ok {
		item.Outcome, item.Code, item.Message = Warned, code, message
	}
	im.report.Items = append(im.report.Items, item)
}

// push opens a mode. refused is the line for which everything in it is skipped, or nil.
func (im *importer) push(m *mode, path schema.Path, l, refused *line) {
	if m != nil {
		im.frames = append(im.frames, frame{mode: m, path: path, indent: l.indent, refused: refused})
	}
}

// item describes what became of the line of a word.
func (im *importer) item(w *word, outcome Outcome, code, message, hint string) *Item {
	for _, secret := range w.line.hideSuspects(outcome == Taken || outcome == Warned) {
		message = strings.ReplaceAll(message, strconv.Quote(secret.text), `"***"`)
	}
	return &Item{Line: w.line.number, Column: w.column, Text: w.line.text, Outcome: outcome, Code: code, Message: message, Hint: hint}
}

func (im *importer) refuse(w *word, code, message, hint string) {
	im.report.Items = append(im.report.Items, im.item(w, Refused, code, message, hint))
}

func (im *importer) skip(l, below *line) {
	item := im.item(&l.words[0], Skipped, "", fmt.Sprintf("skipped, because line %d was refused", below.number), "")
	item.Column = 0
	im.report.Items = append(im.report.Items, item)
}

// misread says why a line is no command, and what was probably meant: then the lines that follow are read as if it were.
func (im *importer) misread(l *line, words []word, at int, m *miss) {
	fr := im.frames[at]
	if fr.refused != nil {
		im.skip(l, fr.refused)
		return
	}
	if inner := &im.frames[len(im.frames)-1]; inner.mode.open {
		inner.opened.add(l)
		return
	}
	code, message, hint := im.explain(words, m)
	if im.ended > 0 && hint == "" {
		message += fmt.Sprintf("; if it belongs to line %d, indent it", im.ended)
	}
	w := words[len(words)-1]
	if m.at < len(words) {
		w = words[m.at]
	} else {
		w.column = w.end() + 1
	}
	im.refuse(&w, code, message, hint)
	if hint != "" && m.at < len(words) {
		meant := slices.Clone(words)
		meant[m.at].text = hint
		if f, _ := fr.mode.match(meant, im.Dialect); f != nil {
			im.enter(l, at)
			im.push(f.enters, fr.path, l, l)
			return
		}
	}
	im.refused = l
}

// explain puts a miss into words.
func (im *importer) explain(words []word, m *miss) (code, message, hint string) {
	var wanted []string
	for _, e := range m.wanted {
		wanted = append(wanted, e.what())
	}
	slices.Sort(wanted)
	list := strings.Join(wanted, ", ")
	mind := ""
	if m.mind != "" {
		mind = " (" + m.mind + ")"
	}
	if m.at == len(words) {
		if len(wanted) > 1 {
			list = "one of " + list
		}
		return Missing, list + " is missing" + mind, ""
	}
	text := words[m.at].text
	switch {
	case len(m.ambiguous) > 0:
		return Unreadable, fmt.Sprintf("%q is short for %s", text, strings.Join(m.ambiguous, " and for ")), ""
	case len(m.wanted) == 0:
		return Unreadable, fmt.Sprintf("%q is too much: the command ends before it%s", text, mind), ""
	}
	where := im.whereElse(words)
	hint = m.suggest(text)
	switch {
	case m.at > 0 && where != "":
		return Unreadable, fmt.Sprintf("%q cannot stand here, but %s%s; %s", text, list, mind, where), ""
	case m.at > 0:
		return Unreadable, fmt.Sprintf("%q cannot stand here, but %s%s", text, list, mind), hint
	case where != "":
		return Unreadable, fmt.Sprintf("%q is no command here; %s", text, where), ""
	}
	return Unreadable, fmt.Sprintf("%q is no command that concerns Proxy Mobile IPv6", text), hint
}

// whereElse tells of the modes, or the dialect, that know a command.
func (im *importer) whereElse(words []word) string {
	var modes, others []string
	for name, m := range im.modes {
		if _, missed := m.match(words, im.Dialect); missed == nil {
			modes = append(modes, name)
		} else if _, missed := m.match(words, ^im.Dialect); missed == nil {
			others = append(others, name)
		}
	}
	slices.Sort(modes)
	switch {
	case len(modes) > 0:
		return "the command belongs to the mode " + strings.Join(modes, " or ")
	case len(others) > 0:
		return "it is one of the other dialect, see --from"
	}
	return ""
}
