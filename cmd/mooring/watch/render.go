package watch

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"
)

// none stands where there is nothing to say.
const none = "-"

// Render gives the lines of a terminal of that many columns and lines, none of which is longer than that.
func (m *Model) Render(now time.Time, columns, lines int) []string {
	out := []string{m.title(now)}
	if m.lost != "" {
		out = append(out, fmt.Sprintf("NO CONNECTION, next attempt in %s: %s", max(0, m.retry.Sub(now)).Round(time.Second), m.lost))
	}
	sections := [][]string{m.machineTable(), m.peerTable(), m.bindingTable(now, lines), m.eventTable(now, lines)}
	for i, height := range share(lines-len(out), sections) {
		out = append(out, fit(sections[i], height)...)
	}
	out = out[:min(len(out), lines)]
	for i, line := range out {
		out[i] = cut(line, columns)
	}
	return out
}

func (m *Model) title(now time.Time) string {
	at := m.Target
	if m.name != "" {
		at = m.name + " at " + m.Target
	}
	parts := []string{now.Format(time.TimeOnly), at, strings.TrimSpace("mooring " + m.version)}
	if !m.started.IsZero() {
		parts = append(parts, "up "+age(now, m.started))
	}
	if m.commit != "" {
		parts = append(parts, "configuration "+m.commit)
	}
	return strings.Join(parts, "  ")
}

// leastHeight is what a section needs that has more rows than room: an empty line, a heading, a row, and how many more there are.
const leastHeight = 4

// share divides lines among sections, which have an empty line before each. The first gets what it needs; the others get the same, and what
// another one leaves. Where there is not enough for all of them, the last go first.
func share(lines int, sections [][]string) (heights []int) {
	heights = make([]int, len(sections))
	heights[0] = max(0, min(len(sections[0])+1, lines))
	left, waiting := lines-heights[0], []int{}
	for i := range sections[1:] {
		waiting = append(waiting, i+1)
	}
	for len(waiting) > 1 && left/len(waiting) < leastHeight {
		waiting = waiting[1:]
	}
	slices.SortStableFunc(waiting, func(a, b int) int { return len(sections[a]) - len(sections[b]) })
	for i, section := range waiting {
		heights[section] = max(0, min(len(sections[section])+1, left/(len(waiting)-i)))
		left -= heights[section]
	}
	return heights
}

// fit puts a section into so many lines, the empty one before it included, and says what has no place.
func fit(section []string, height int) []string {
	if height < 3 && height < len(section)+1 {
		return nil
	}
	if len(section)+1 > height {
		more := len(section) - height + 2
		section = append(slices.Clone(section[:height-2]), fmt.Sprintf("  and %d more", more))
	}
	return append([]string{""}, section...)
}

// cut makes a line not wider than so many columns. What would move the cursor or change the terminal is replaced: names come from others.
func cut(line string, columns int) string {
	var out strings.Builder
	used := 0
	for _, r := range line {
		if !unicode.IsPrint(r) {
			r = '?'
		}
		wide := cells(r)
		if used+wide > columns {
			break
		}
		used += wide
		out.WriteRune(r)
	}
	return strings.TrimRight(out.String(), " ")
}

// cells is how many columns a rune takes (UAX 11).
func cells(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// table aligns cells under a heading. The numbers of columns that are flush right are given.
func table(rows [][]string, right ...int) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], textCells(cell))
		}
	}
	var lines []string
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			space := strings.Repeat(" ", widths[i]-textCells(cell))
			if slices.Contains(right, i) {
				line.WriteString(space + cell + "  ")
			} else {
				line.WriteString(cell + space + "  ")
			}
		}
		lines = append(lines, strings.TrimRight(line.String(), " "))
	}
	return lines
}

func textCells(text string) (n int) {
	for _, r := range text {
		n += cells(r)
	}
	return n
}

// machineTable shows the LMAs and MAGs.
func (m *Model) machineTable() []string {
	rows := [][]string{{"MACHINE", "BINDINGS", "PBU/s", "PBA/s", "REFUSED/s", "DROPPED/s", "IN bit/s", "OUT bit/s"}}
	for _, name := range slices.Sorted(maps.Keys(m.machines)) {
		r := m.rates(name)
		rows = append(rows, []string{name, strconv.Itoa(m.machines[name].bindings), perSecond(r[updates]), perSecond(r[answers]), perSecond(r[refusals]),
			perSecond(r[drops]), scaled(8 * r[octetsIn]), scaled(8 * r[octetsOut])})
	}
	if len(rows) == 1 {
		return []string{"no LMA or MAG is running"}
	}
	return table(rows, 1, 2, 3, 4, 5, 6, 7)
}

// rates are those of a machine with those of its tunnels.
func (m *Model) rates(name string) counts {
	sum := m.machines[name].rate
	for _, t := range m.tunnels {
		if t.machine == name {
			sum.add(t.rate)
		}
	}
	return sum
}

func (m *Model) peerTable() []string {
	if len(m.peers) == 0 {
		return []string{"no peers"}
	}
	list := slices.SortedFunc(maps.Values(m.peers), func(a, b *peer) int {
		return cmp.Or(strings.Compare(a.machine, b.machine), strings.Compare(a.name, b.name), strings.Compare(a.address, b.address))
	})
	rows := [][]string{{"MACHINE", "PEER", "STATUS", "BINDINGS", "HEARTBEAT", "ADDRESS"}}
	for _, p := range list {
		rows = append(rows, []string{p.machine, p.name, p.status, p.bindings, p.heartbeat, cmp.Or(p.address, none)})
	}
	return table(rows, 3)
}

// bindingTable shows what changed last, as many as there can be place for.
func (m *Model) bindingTable(now time.Time, most int) []string {
	total := m.Total()
	if total == 0 && len(m.recent) == 0 {
		return []string{"no bindings"}
	}
	if len(m.recent) == 0 {
		return []string{fmt.Sprintf("%d bindings, none of which has changed", total)}
	}
	rows := [][]string{{"NODE", "STATE", "PEER", "IPV4", "IPV6", "CHANGED"}}
	for _, b := range m.recent[:min(len(m.recent), most)] {
		rows = append(rows, []string{b.node, stateOf(b), cmp.Or(b.peer, none), cmp.Or(b.ipv4, none), cmp.Or(b.ipv6, none), age(now, b.changed) + " ago"})
	}
	return table(rows)
}

func stateOf(b *binding) string {
	if b.forwarding != "" && b.forwarding != "installed" {
		return cmp.Or(b.state, none) + ", " + b.forwarding
	}
	return cmp.Or(b.state, none)
}

// eventTable shows what happened, the last first.
func (m *Model) eventTable(now time.Time, most int) []string {
	if len(m.events) == 0 {
		return []string{"nothing has happened yet"}
	}
	lines := []string{"EVENTS"}
	for _, e := range slices.Backward(m.events[max(0, len(m.events)-most):]) {
		lines = append(lines, strings.Join(strings.Fields(e.At.In(now.Location()).Format(time.TimeOnly)+" "+e.Machine), " ")+": "+e.Text)
	}
	return lines
}

// age is how long something has been so, in the two largest units.
func age(now, since time.Time) string {
	d := max(0, now.Sub(since)).Truncate(time.Second)
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

func perSecond(rate float64) string { return strconv.FormatFloat(rate, 'f', 1, 64) }

// scaled writes a number with a decimal prefix.
func scaled(n float64) string {
	for _, unit := range []string{"", "k", "M", "G", "T"} {
		if n < 999.95 || unit == "T" {
			digits := 1
			if unit == "" {
				digits = 0
			}
			return strconv.FormatFloat(n, 'f', digits, 64) + unit
		}
		n /= 1000
	}
	panic("unreachable")
}
