package netconf

import (
	"errors"

	"mooring/server/netconf/framing"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// answer writes what stands inside <rpc-reply>. What it returns was found wrong while writing.
type answer func(*replyWriter) error

// ok is the answer that there is nothing more to say.
func ok(w *replyWriter) error {
	w.raw("<" + w.prefix + "ok/>")
	return nil
}

// warned is the answer of an operation that was done but had something to say: <ok/> does not stand beside an rpc-error
// (RFC 6241 section 4.3).
func warned(warnings []*tree.Error) answer {
	if len(warnings) == 0 {
		return ok
	}
	return func(w *replyWriter) error {
		for _, e := range warnings {
			w.rpcErrors(e)
		}
		return nil
	}
}

// reply answers the request, by err where that is not nil. It returns an error when the reply could not be sent.
func (r *request) reply(a answer, err error) error {
	w := &replyWriter{envelope: r.envelope, out: r.session.out, base: r.server.base}
	if err == nil {
		w.begin()
		if err = a(w); err == nil {
			return w.end()
		}
		if w.out.Withdraw() != nil { // too late: what has been sent already says less than the truth
			r.fail(w, err)
			return w.end()
		}
		w.buf = w.buf[:0]
	}
	w.begin()
	r.fail(w, err)
	return w.end()
}

func (r *request) fail(w *replyWriter, err error) {
	errs := w.rpcErrors(err)
	r.session.tally(func(c *counters) { c.outErrors.Add(uint64(errs)) })
}

// data is the answer that shows what write finds, in an element data of the operation's module.
func (r *request) data(write func(*tree.XMLWriter) error) answer {
	return func(w *replyWriter) error {
		element, namespace := w.prefix+"data", w.namespace
		if r.def.Module == r.server.base {
			w.raw("<" + element)
		} else {
			element, namespace = "data", r.def.Module.Namespace
			w.raw("<" + element)
			w.attr("xmlns", namespace)
		}
		w.raw(">")
		w.flush()
		x := tree.NewXMLWriter(w.out, namespace, "")
		err := write(x)
		if x.Flush() != nil {
			return nil // nobody is there to read it, which end finds out, too
		}
		w.raw("</" + element + ">")
		return err
	}
}

// replyWriter writes a reply. Errors of the transport are found by end.
type replyWriter struct {
	envelope
	out  *framing.Writer
	base *schema.Module
	buf  []byte
}

func (w *replyWriter) begin() {
	w.raw(xmlDeclaration)
	w.raw("<" + w.prefix + "rpc-reply")
	w.buf = append(append(w.buf, w.attrs...), '>')
}

func (w *replyWriter) end() error {
	w.raw("</" + w.prefix + "rpc-reply>")
	w.flush()
	if err := w.out.End(); err != nil {
		return errors.Join(errLost, err)
	}
	return nil
}

func (w *replyWriter) flush() {
	w.out.Write(w.buf)
	w.buf = w.buf[:0]
}

func (w *replyWriter) raw(s string) { w.buf = append(w.buf, s...) }

// start begins a start tag, which text ends.
func (w *replyWriter) start(name string) { w.raw("<" + w.prefix + name) }

func (w *replyWriter) open(name string) { w.raw("<" + w.prefix + name + ">") }

func (w *replyWriter) close(name string) { w.raw("</" + w.prefix + name + ">") }

// element writes an element of the protocol that holds text.
func (w *replyWriter) element(name, text string) {
	w.start(name)
	w.text(text)
	w.close(name)
}

func (w *replyWriter) attr(name, value string) { w.buf = appendAttr(w.buf, name, value) }

// declare declares the prefixes of modules.
func (w *replyWriter) declare(modules []*schema.Module) {
	for _, m := range modules {
		w.attr("xmlns:"+m.Prefix, m.Namespace)
	}
}

// text ends a start tag and writes text.
func (w *replyWriter) text(s string) {
	w.raw(">")
	w.buf = xmlio.AppendText(w.buf, s)
}
