package ios

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"

	"mooring/server/wording"
)

// Outcome is what became of a line.
type Outcome string

// The outcomes.
const (
	Taken   Outcome = "taken"
	Warned  Outcome = "warned"  // taken, but not all of it, or it will not work as it stands
	Refused Outcome = "refused" // wrong
	Skipped Outcome = "skipped" // below a line that was refused
)

// The kinds of errors and warnings.
const (
	OutOfRange   = wording.OutOfRange
	NoReference  = wording.NoReference
	Violation    = wording.Violation
	NotUnique    = wording.NotUnique
	Missing      = wording.Missing
	Unreadable   = wording.Unreadable
	NotYet       = wording.NotYet
	LaterWarning = wording.LaterWarning
	BadReference = wording.BadReference
	Mismatch     = wording.Mismatch
	Expected     = wording.Expected
)

// Item says what became of a line, or one thing that is wrong with it. It refers to no memory of anybody else.
type Item struct {
	Line    int      `json:"line,omitempty"`   // 0: none
	Column  int      `json:"column,omitempty"` // of the word in question, in characters from 1; 0: the whole line
	Text    string   `json:"text,omitempty"`   // the line as it stands
	Outcome Outcome  `json:"outcome"`
	Code    string   `json:"code,omitempty"`
	Message string   `json:"message,omitempty"`
	Hint    string   `json:"hint,omitempty"`  // what was probably meant
	Paths   []string `json:"paths,omitempty"` // what the line set or removed
}

// Report is what became of a text, line by line.
type Report struct {
	Items []*Item `json:"items"`
}

// Count tells how many items have an outcome.
func (r *Report) Count(o Outcome) (n int) {
	for _, i := range r.Items {
		if i.Outcome == o {
			n++
		}
	}
	return n
}

// modules are the names of modules in paths, which people need not read.
var modules = regexp.MustCompile(`/[a-z0-9-]+:`)

// Write prints the report: a table of what was taken, and then each warning and error with its line and a caret under the word. It goes to
// people; see Item for programs.
func (r *Report) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "LINE\tCOMMAND\tBECAME")
	for _, i := range r.Items {
		for n, path := range i.Paths {
			if n == 0 {
				fmt.Fprintf(t, "%d\t%s\t%s\n", i.Line, printable(strings.TrimSpace(i.Text)), printable(modules.ReplaceAllString(path, "/")))
				continue
			}
			rest, below := strings.CutPrefix(path, i.Paths[0]+"/")
			if !below {
				rest = modules.ReplaceAllString(path, "/")
			}
			fmt.Fprintf(t, "\t\t  %s\n", printable(rest))
		}
	}
	t.Flush()
	return r.WriteRemarks(w)
}

// WriteRemarks prints what Write does below its table.
func (r *Report) WriteRemarks(w io.Writer) error {
	for _, i := range r.Items {
		if i.Message != "" {
			fmt.Fprintln(w)
			i.write(w)
		}
	}
	_, err := fmt.Fprintf(w, "\n%s\n", r.Summary())
	return err
}

// Summary is the report in one line.
func (r *Report) Summary() string {
	text := fmt.Sprintf("lines taken: %d, warnings: %d, refused: %d", r.lines(Taken, Warned), r.Count(Warned), r.Count(Refused))
	if n := r.Count(Skipped); n > 0 {
		text += fmt.Sprintf(", skipped below what was refused: %d", n)
	}
	return text
}

// lines counts lines that set something.
func (r *Report) lines(outcomes ...Outcome) int {
	seen := map[int]bool{}
	for _, i := range r.Items {
		for _, o := range outcomes {
			if i.Outcome == o && len(i.Paths) > 0 {
				seen[i.Line] = true
			}
		}
	}
	return len(seen)
}

func (i *Item) write(w io.Writer) {
	message := i.Message
	if i.Hint != "" {
		message += "; did you mean " + i.Hint + "?"
	}
	if i.Line == 0 {
		fmt.Fprintln(w, wording.Line(i.Code, printable(message)))
		return
	}
	margin := fmt.Sprintf("%5d | ", i.Line)
	fmt.Fprintf(w, "%s%s\n", margin, printable(i.Text))
	if i.Column > 0 {
		fmt.Fprintf(w, "%s%s^\n", strings.Repeat(" ", len(margin)), strings.Repeat(" ", i.Column-1))
	}
	fmt.Fprintln(w, wording.Line(i.Code, printable(message)))
}

// printable keeps a text from changing a terminal, and each character one column wide.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, text)
}
