package netconf

import (
	"errors"
	"io"
	"net/url"
	"slices"

	"mooring/server/netconf/urls"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// ReachURLs says what operations may read and write by URL from now on (RFC 6241 section 8.8); at first that is nothing. Sessions
// that are open may use it, too: they are told by netconf-capability-change.
func (s *Server) ReachURLs(f *urls.Files) {
	before := s.capabilities()
	s.files.Store(f)
	s.announceCapabilities(before, s.capabilities())
}

// schemes are those of URLs that can be used; without any there is no capability :url.
func (s *Server) schemes() []string {
	if !slices.Contains(s.base.Features, featureURL) {
		return nil
	}
	return s.files.Load().Schemes()
}

const featureURL = "url"

// features are those of a module that are supported now: without the capability, the feature must not be there.
func (s *Server) features(m *schema.Module) []string {
	if m != s.base || len(s.schemes()) > 0 {
		return m.Features
	}
	return slices.DeleteFunc(slices.Clone(m.Features), func(f string) bool { return f == featureURL })
}

// refuseURL finds parameters that are not there without the capability (RFC 7950 section 8.3.1).
func (r *request) refuseURL() error {
	if len(r.server.schemes()) > 0 {
		return nil
	}
	var errs []error
	for _, in := range []string{"", "source", "target"} {
		if _, path, given := r.url(in); given {
			errs = append(errs, &tree.Error{Tag: tree.UnknownElement, Protocol: true, Path: path.Parent(),
				Message: "URLs cannot be used: none are configured in /mooring-system:system/netconf/url",
				Info:    []tree.Info{{Name: "bad-element", Value: "url"}}})
		}
	}
	return errors.Join(errs...)
}

// url returns the parameter url in a container of parameters, or among the others, and where it is.
func (r *request) url(in string) (text string, path schema.Path, given bool) {
	if r.input == nil || r.def.Module != r.server.base && r.def.Module.Name != nmda {
		return "", nil, false
	}
	holder := r.input
	path = schema.Path{{Node: r.def}, {Node: r.def.Input}}
	if in != "" {
		if holder = r.input.ChildNamed(in); holder == nil {
			return "", nil, false
		}
		path = path.Append(holder.Schema())
	}
	leaf := holder.ChildNamed("url")
	if leaf == nil {
		return "", nil, false
	}
	return leaf.Value(), path.Append(leaf.Schema()), true
}

// editOf reads the edit that the request names by URL, if it does.
func (r *request) editOf() error {
	if _, _, given := r.url(""); !given {
		return nil
	}
	return r.fetch("", func(x *xmlio.Reader) (err error) {
		r.edit, err = tree.DecodeEdit(x, r.server.schema.Root, defaultOperation(r.given("default-operation")), tree.DecodeOptions{})
		return err
	})
}

// fetchConfig reads the configuration that the source of the request names by URL.
func (r *request) fetchConfig() (root *tree.Node, err error) {
	err = r.fetch("source", func(x *xmlio.Reader) error {
		root, err = tree.DecodeXML(x, r.server.schema.Root, tree.DecodeOptions{})
		return err
	})
	return root, err
}

// fetch has decode read the content of the element config under a URL. It is bounded as a request is.
func (r *request) fetch(in string, decode func(*xmlio.Reader) error) error {
	return r.reach(in, "read", func(f *urls.Files, url string) error {
		return f.Read(r.ctx, url, func(body io.Reader) error {
			x := xmlio.NewReader(body, xmlio.Limits{Total: r.server.limits.MessageSize, Text: r.server.limits.ValueSize})
			el, err := x.Next()
			switch {
			case err == io.EOF:
				return errors.New("it is empty")
			case err != nil:
				return err
			case el.Name.Local != "config" || el.Name.Space != tree.NetconfNamespace:
				return errors.New("it holds no element config of namespace " + tree.NetconfNamespace)
			}
			if err := noOperation(el); err != nil {
				return err
			}
			if err := decode(x); err != nil {
				return err
			}
			if _, err = x.Next(); err == nil {
				return errors.New("something follows the element config")
			}
			if err == io.EOF {
				return nil
			}
			return err
		})
	})
}

// store writes a configuration to the target, which is a URL.
func (r *request) store(root *tree.Node) error {
	return r.reach("target", "write", func(f *urls.Files, url string) error {
		return f.Write(r.ctx, url, func(w io.Writer) error {
			if _, err := io.WriteString(w, xmlDeclaration+`<config xmlns="`+tree.NetconfNamespace+`">`); err != nil {
				return err
			}
			x := tree.NewXMLWriter(w, tree.NetconfNamespace, "  ")
			(&tree.Walk{Writer: x, Defaults: r.defaults(), Content: tree.ConfigOnly, Conditions: r.server.store.ConditionsHold}).Children(root)
			if err := x.Flush(); err != nil {
				return err
			}
			_, err := io.WriteString(w, "\n</config>\n")
			return err
		})
	})
}

// deleteConfig deletes what a URL names (RFC 6241 section 7.4); the datastores that there are cannot be deleted.
func (r *request) deleteConfig() (answer, error) {
	return ok, r.reach("target", "delete", func(f *urls.Files, url string) error { return f.Delete(r.ctx, url) })
}

// reach does something with the URL of a parameter, and says in the terms of the protocol what is wrong with it.
func (r *request) reach(in, what string, do func(f *urls.Files, url string) error) error {
	text, path, _ := r.url(in)
	err := do(r.server.files.Load(), text)
	if err == nil {
		r.server.log.Info("NETCONF client used a URL", "session", r.session.id, "user", r.session.user.Name, "to", what, "url", redacted(text))
	}
	if err == nil || isProblem(err) { // of the data
		return err
	}
	e := &tree.Error{Tag: tree.OperationFailed, Protocol: true, Path: path, Message: "cannot " + what + " " + redacted(text) + ": " + err.Error()}
	if _, bad := errors.AsType[*urls.BadURL](err); bad {
		e.Tag, e.Message = tree.InvalidValue, err.Error()
	}
	if syntax, ok := errors.AsType[*xmlio.SyntaxError](err); ok && syntax.TooBig {
		e.Tag = tree.TooBig
	}
	if errors.Is(err, urls.ErrNotFound) {
		e.Tag, e.Protocol = tree.DataMissing, false // which is one of the application only (RFC 6241 appendix A)
	}
	return e
}

// redacted is a URL without the password in it.
func redacted(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "a URL"
	}
	return u.Redacted()
}
