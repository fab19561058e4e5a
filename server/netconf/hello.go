package netconf

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"mooring/server/tree"
	"mooring/server/tree/xmlio"
)

const (
	base10 = "urn:ietf:params:netconf:base:1.0"
	base11 = "urn:ietf:params:netconf:base:1.1"

	capability      = "urn:ietf:params:netconf:capability:"
	xmlDeclaration  = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	maxHelloSize    = 1 << 20
	maxCapabilities = 10_000
)

// capabilities lists what the server can (RFC 6241 section 8), and the modules of YANG version 1 (RFC 6020 section
// 5.6.4); modules of version 1.1 are found in the YANG library (RFC 7950 section 5.6.4).
//
// There is no writable-running: a manager that finds it copies the whole configuration before every change.
func (s *Server) capabilities() []string {
	list := []string{base10, base11}
	for _, c := range []struct{ feature, version string }{
		{"candidate", "1.0"}, {"confirmed-commit", "1.1"}, {"rollback-on-error", "1.0"}, {"validate", "1.1"}, {"xpath", "1.0"},
	} {
		if slices.Contains(s.base.Features, c.feature) {
			list = append(list, capability+c.feature+":"+c.version)
		}
	}
	if schemes := s.schemes(); len(schemes) > 0 {
		list = append(list, capability+"url:1.0?scheme="+strings.Join(schemes, ","))
	}
	if s.schema.RPC(partialLock, "partial-lock") != nil {
		list = append(list, capability+"partial-lock:1.0")
	}
	if s.events != nil {
		list = append(list, capability+"notification:1.0", capability+"interleave:1.0")
	}
	if s.schema.Module("ietf-netconf-with-defaults") != nil {
		list = append(list, capability+"with-defaults:1.0?basic-mode=explicit&also-supported=report-all,report-all-tagged,trim")
	}
	if m := s.schema.Module("ietf-yang-library"); m != nil && m.Implemented {
		list = append(list, fmt.Sprintf("%syang-library:1.0?revision=%s&module-set-id=%s", capability, m.Revision, s.library.id()))
		if s.schema.RPC(nmda, "get-data") != nil { // RFC 8526 sections 2 and 3.1.1.2
			list = append(list, fmt.Sprintf("%syang-library:1.1?revision=%s&content-id=%s", capability, m.Revision, s.library.id()),
				capability+"with-operational-defaults:1.0")
		}
	}
	for _, m := range s.schema.Modules {
		if !m.Implemented || m.YANGVersion != "1" {
			continue
		}
		text := m.Namespace + "?module=" + m.Name
		if m.Revision != "" {
			text += "&revision=" + m.Revision
		}
		if features := s.features(m); len(features) > 0 {
			text += "&features=" + strings.Join(features, ",")
		}
		if len(m.Deviations) > 0 {
			var names []string
			for _, d := range m.Deviations {
				names = append(names, d.Name)
			}
			text += "&deviations=" + strings.Join(names, ",")
		}
		list = append(list, text)
	}
	return list
}

// greet exchanges hellos (RFC 6241 section 8.1). Both sides send theirs without waiting for the other.
func (x *session) greet() error {
	defer time.AfterFunc(x.server.limits.HelloTimeout, func() { x.drop(x.done) }).Stop()
	if err := x.sendHello(); err != nil {
		return err
	}
	if err := x.in.Hello(); err != nil {
		return err
	}
	offered, err := readHello(xmlio.NewReader(x.in, xmlio.Limits{Total: maxHelloSize}))
	if err != nil {
		return &badHello{err}
	}
	switch {
	case slices.Contains(offered, base11):
		x.base11 = true
		x.out.Upgrade()
		return x.in.Upgrade()
	case slices.Contains(offered, base10):
		return nil
	}
	return &badHello{errors.New("the client knows neither version 1.0 nor 1.1")}
}

// badHello says why a client's hello is none.
type badHello struct{ reason error }

func (e *badHello) Error() string { return "hello: " + e.reason.Error() }

func (x *session) sendHello() error {
	b := []byte(xmlDeclaration + `<hello xmlns="` + tree.NetconfNamespace + `"><capabilities>`)
	for _, c := range x.server.capabilities() {
		b = append(b, "<capability>"...)
		b = xmlio.AppendText(b, c)
		b = append(b, "</capability>"...)
	}
	b = fmt.Appendf(b, "</capabilities><session-id>%d</session-id></hello>", x.id)
	x.out.Write(b)
	return x.out.End()
}

// readHello returns the capabilities of the client.
func readHello(r *xmlio.Reader) (list []string, err error) {
	el, err := r.Next()
	if err != nil {
		return nil, err
	}
	if el.Name.Local != "hello" || el.Name.Space != tree.NetconfNamespace {
		return nil, fmt.Errorf("<%s> of namespace %q came instead", el.Name.Local, el.Name.Space)
	}
	for {
		el, err := r.Next()
		switch {
		case err != nil:
			return nil, err
		case el == nil:
			if _, err := r.Next(); err != io.EOF {
				return nil, cmp.Or(err, errors.New("something follows it"))
			}
			return list, nil
		case el.Name.Space == tree.NetconfNamespace && el.Name.Local == "session-id":
			return nil, errors.New("a client must not give a session-id")
		case el.Name.Space == tree.NetconfNamespace && el.Name.Local == "capabilities":
			if list, err = readCapabilities(r, list); err != nil {
				return nil, err
			}
		default:
			if err := r.Skip(); err != nil {
				return nil, err
			}
		}
	}
}

func readCapabilities(r *xmlio.Reader, list []string) ([]string, error) {
	for {
		el, err := r.Next()
		if err != nil || el == nil {
			return list, err
		}
		text, err := r.Text()
		if err != nil {
			return nil, err
		}
		if list = append(list, strings.TrimSpace(text)); len(list) > maxCapabilities {
			return nil, errors.New("there are too many capabilities")
		}
	}
}
