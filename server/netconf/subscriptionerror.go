package netconf

import (
	"mooring/server/tree"
)

// refusal is why a subscription is refused, in the terms of RFC 8640 section 7, with hints at what might be accepted.
type refusal struct {
	problem   *tree.Error
	container string // that has the hints
	namespace string // of the container
	hints     []hint
}

type hint struct{ name, value string }

func (e *refusal) Error() string { return e.problem.Error() }

// Unwrap returns the problem without hints.
func (e *refusal) Unwrap() error { return e.problem }

// subscriptionError is an error with an identity of RFC 8639.
func subscriptionError(tag tree.Tag, identity, message string) error {
	return &tree.Error{Tag: tag, AppTag: subscribed + ":" + identity, Message: message}
}

// unsupportedFilter refuses a filter.
func (r *request) unsupportedFilter(err error) error {
	problem := &tree.Error{Tag: tree.InvalidValue, AppTag: subscribed + ":filter-unsupported", Message: err.Error()}
	return r.hinted(problem, hint{"filter-failure-hint", err.Error()})
}

// hinted adds hints to the refusal of what a request asks for (RFC 8639 section 2.4.6, RFC 8641 section 3.8).
func (r *request) hinted(problem *tree.Error, hints ...hint) error {
	if _, push := r.given("datastore"); push {
		return &refusal{problem, r.def.Name + "-datastore-error-info", r.server.schema.Module(yangPush).Namespace, hints}
	}
	return &refusal{problem, r.def.Name + "-stream-error-info", r.server.schema.Module(subscribed).Namespace, hints}
}

// write writes the content of error-info.
func (e *refusal) write(w *replyWriter) {
	w.raw("<" + e.container)
	w.attr("xmlns", e.namespace)
	w.raw(">")
	for _, h := range e.hints {
		w.raw("<" + h.name)
		w.text(h.value)
		w.raw("</" + h.name + ">")
	}
	w.raw("</" + e.container + ">")
}
