package element

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mooring/cmd/mooring/importer"
	"mooring/mobility/transport"
	"mooring/server/datastore"
	"mooring/server/model"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
	"mooring/server/wording"
)

// ConfigError says all that is wrong with a configuration.
type ConfigError struct {
	Source   string // a file, or the folder that commits are kept in
	Problems []*tree.Error
	Remarks  string // on a router's text, line by line; empty where the configuration is none
	Remedy   string // besides correcting it; may be empty
	cause    error
}

// Unwrap gives the error that the problems were found in.
func (e *ConfigError) Unwrap() error { return e.cause }

func (e *ConfigError) Error() string {
	if unread, ok := errors.AsType[*fs.PathError](e.cause); ok {
		return "cannot read the configuration: " + unread.Error()
	}
	text := strings.Builder{}
	fmt.Fprintf(&text, "the configuration in %s is not valid%s", e.Source, strings.TrimRight("\n"+e.Remarks, "\n"))
	for _, p := range e.Problems {
		text.WriteString("\n" + wording.Of(p))
	}
	if e.Remedy != "" {
		text.WriteString("\n" + e.Remedy)
	}
	return text.String()
}

// readStartup reads the startup file where it is going to be committed, so that one that is missing or malformed is told of before anything
// is done to the host.
func (e *Element) readStartup() error {
	if e.Startup == "" {
		return nil
	}
	if _, err := e.folder.Root.Stat(datastore.RunningFile); err == nil && !e.StartupReplace {
		return nil
	}
	root, err := e.parseStartup()
	if _, part := errors.AsType[*tree.Incomplete](err); err != nil && !part { // of which the datastore has more to say
		return err
	}
	e.parsed = func() (*tree.Node, error) { return root, err }
	return nil
}

func (e *Element) parseStartup() (*tree.Node, error) {
	if e.StartupFrom == 0 {
		return readConfiguration(e.Startup)
	}
	return e.readText()
}

// startup returns what gives the startup configuration, or nil without one.
func (e *Element) startup() func() (*tree.Node, error) {
	if e.Startup == "" {
		return nil
	}
	return func() (*tree.Node, error) {
		e.startupUsed = true
		e.settle()
		if e.parsed != nil {
			return e.parsed()
		}
		return e.parseStartup()
	}
}

// settle waits until the host has the addresses of the configuration that is in force, for a while: what the startup file removes is taken leave of
// from there, and what moves an interface into a VRF takes its time.
func (e *Element) settle() {
	const patience, pause = 3 * time.Second, 20 * time.Millisecond
	lacks := func(s transport.Status) bool { return s.Err != nil }
	for begun := time.Now(); slices.ContainsFunc(e.sockets.Status(), lacks) && time.Since(begun) < patience; {
		time.Sleep(pause)
	}
}

// readText reads the startup file as the text of a router.
func (e *Element) readText() (*tree.Node, error) {
	text, err := os.ReadFile(e.Startup)
	if err != nil {
		return nil, &ConfigError{Source: e.Startup, Problems: tree.Errors(err), cause: err}
	}
	root, report, err := importer.Startup(text, e.StartupFrom)
	switch {
	case err != nil:
		return nil, err
	case root == nil:
		return nil, &ConfigError{Source: e.Startup, Remarks: importer.Remarks(report)}
	}
	for _, i := range report.Items {
		if i.Message != "" {
			e.Log.Warn("startup file", "line", i.Line, "code", i.Code, "warning", i.Message)
		}
	}
	return root, nil
}

// asConfigError tells a configuration that makes no sense from other reasons why the datastore does not open.
func (e *Element) asConfigError(err error) error {
	if c, ok := errors.AsType[*ConfigError](err); ok {
		return c
	}
	problems := tree.Errors(err)
	for _, p := range problems {
		if p.Path == nil {
			return err
		}
	}
	if e.startupUsed {
		return &ConfigError{Source: e.Startup, Problems: problems}
	}
	return &ConfigError{
		Source: filepath.Join(e.StateDir, "config"), Problems: problems,
		Remedy: "correct running.json, or move the folder away to begin without configuration",
	}
}

// readConfiguration reads a configuration from a file: RFC 7951 JSON or XML, whichever it begins like. The error of a file that
// cannot be read is a *ConfigError, too.
func readConfiguration(name string) (*tree.Node, error) {
	s, err := model.Schema()
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, &ConfigError{Source: name, Problems: tree.Errors(err), cause: err}
	}
	defer f.Close()
	root, err := decode(bufio.NewReader(f), s)
	if err != nil {
		return nil, &ConfigError{Source: name, Problems: tree.Errors(err), cause: err}
	}
	return root, nil
}

func decode(r *bufio.Reader, s *schema.Schema) (*tree.Node, error) {
	for {
		c, err := r.ReadByte()
		switch {
		case err == io.EOF:
			return nil, errors.New("the file is empty")
		case err != nil:
			return nil, err
		case strings.IndexByte(" \t\r\n", c) >= 0:
			continue
		}
		if err := r.UnreadByte(); err != nil {
			return nil, err
		}
		switch c {
		case '<':
			return decodeXML(r, s)
		case '{':
			return tree.DecodeJSON(r, s.Root, tree.DecodeOptions{})
		}
		return nil, errors.New("the file is neither JSON nor XML; if it is the text of a router, say which one's: --startup-from")
	}
}

// decodeXML reads what stands in the outermost element: config or data, as NETCONF clients write them to files.
func decodeXML(r io.Reader, s *schema.Schema) (*tree.Node, error) {
	x := xmlio.NewReader(r, xmlio.Limits{})
	outermost, err := x.Next()
	if err != nil {
		return nil, err
	}
	if name := outermost.Name; name.Space != tree.NetconfNamespace || name.Local != "config" && name.Local != "data" {
		return nil, fmt.Errorf("the outermost element is %s of namespace %q; it has to be config or data of %s", name.Local, name.Space, tree.NetconfNamespace)
	}
	return tree.DecodeXML(x, s.Root, tree.DecodeOptions{})
}
