package element

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// ConfigError says all that is wrong with a configuration.
type ConfigError struct {
	Summary  string
	Problems []*tree.Error
}

func (e *ConfigError) Error() string {
	text := strings.Builder{}
	text.WriteString(e.Summary)
	for _, p := range e.Problems {
		text.WriteString("\n  ")
		text.WriteString(p.Error())
	}
	return text.String()
}

// asConfigError tells a configuration that makes no sense from other reasons why a datastore does not open.
func asConfigError(err error) error {
	if _, ok := errors.AsType[*ConfigError](err); ok {
		return err
	}
	problems := tree.Errors(err)
	for _, p := range problems {
		if p.Path == nil {
			return err
		}
	}
	summary, _, _ := strings.Cut(err.Error(), ": /")
	return &ConfigError{summary, problems}
}

// startup returns what reads the startup file, or nil without one.
func (e *Element) startup() func() (*tree.Node, error) {
	if e.Startup == "" {
		return nil
	}
	return func() (*tree.Node, error) { return ReadConfiguration(e.Startup) }
}

// ReadConfiguration reads a configuration from a file: RFC 7951 JSON or XML, whichever it begins like. The error of a file that
// is there is a *ConfigError.
func ReadConfiguration(name string) (*tree.Node, error) {
	s, err := Schema()
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	root, err := decode(bufio.NewReader(f), s)
	if err != nil {
		return nil, &ConfigError{fmt.Sprintf("%s is not a valid configuration", name), tree.Errors(err)}
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
		if c == '<' {
			return decodeXML(r, s)
		}
		return tree.DecodeJSON(r, s.Root, tree.DecodeOptions{})
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
