package engine

import (
	"time"

	"mooring/dataplane"
	"mooring/mobility"
)

// Question is what a machine wants to know of AAA servers.
type Question struct {
	mobility.Question
	Machine Name
	unit    dataplane.SessionID // number: another machine of that name may put questions with the same identifiers
}

func (e *Engine) ask(u *unit, questions []mobility.Question) {
	list := make([]Question, len(questions))
	for i, q := range questions {
		list[i] = Question{q, u.Name, u.number}
	}
	e.Ask(list)
}

// Authorized tells the machine that put a question what AAA servers say, and waits while the inbox is full. The engine keeps answer.
func (e *Engine) Authorized(q *Question, answer *mobility.Authorization) {
	e.post(authorized{q.unit, q.ID, answer})
}

type authorized struct {
	unit   dataplane.SessionID
	id     uint64
	answer *mobility.Authorization
}

func (a authorized) handle(e *Engine, now time.Time) {
	u := e.element.numbers[a.unit]
	if u == nil {
		return // it was closed meanwhile
	}
	if e.tracing {
		e.trace(now, u.Name, answerText(a.id, a.answer))
	}
	if anchor := e.element.anchors[u.Name.Name]; anchor != nil && &anchor.unit == u {
		anchor.lma.Authorized(now, a.id, a.answer, e.element.mark(u))
	}
}
