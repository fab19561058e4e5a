package push

import (
	"slices"
	"strings"

	"mooring/server/netconf/filter"
	"mooring/server/tree/schema"
)

// churn remembers what has changed more than once before it could be told, so that what is again as it was is told as well (RFC 8641
// section 3.3). The zero value remembers nothing.
type churn struct {
	touched []touch
	told    []string // targets
}

// touch is a change that came after another one.
type touch struct {
	op     filter.Op
	target string
	path   schema.Path
	row    *rowKey // nil: of the configuration
}

// maxTouched bounds what is remembered: beyond it, churn is not shown.
const maxTouched = 1000

func (c *churn) full() bool { return len(c.touched) >= maxTouched }

// note returns what remembers the changes of a row, or with nil of the configuration.
func (c *churn) note(row *rowKey) func(*filter.Edit) {
	return func(e *filter.Edit) {
		if e.Op == filter.Move || c.full() {
			return
		}
		c.touched = append(c.touched, touch{op: e.Op, target: Target(e.Target), path: slices.Clone(e.Target), row: row})
	}
}

// watch passes edits on and remembers what was told.
func (c *churn) watch(tell func(*filter.Edit)) func(*filter.Edit) {
	if len(c.touched) == 0 {
		return tell
	}
	return func(e *filter.Edit) {
		c.told = append(c.told, Target(e.Target))
		tell(e)
	}
}

// rest yields the last change of everything that was not told, alone or with something that it is part of or that is part of it.
func (c *churn) rest() (list []touch) {
	for i, t := range c.touched {
		covered := func(target string) bool { return within(t.target, target) || within(target, t.target) }
		again := false
		for _, later := range c.touched[i+1:] {
			again = again || covered(later.target)
		}
		for _, target := range c.told {
			again = again || covered(target)
		}
		if !again {
			list = append(list, t)
		}
	}
	return list
}

// within reports whether a target is the other or below it.
func within(target, other string) bool {
	rest, ok := strings.CutPrefix(target, other)
	return ok && (rest == "" || rest[0] == '/')
}

func (c *churn) clear() { c.touched, c.told = nil, nil }
