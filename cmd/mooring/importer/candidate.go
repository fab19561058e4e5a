package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"mooring/server/ios"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

// Session is a NETCONF session with an element, which has a candidate that all sessions share (RFC 6241 section 8.3).
type Session interface {
	// Do has an operation carried out, and decodes the content of the reply into reply, unless that is nil. The error is or joins a
	// Refusal when the element refuses.
	Do(operation string, reply any) error
}

// Refusal is what an element has against an operation.
type Refusal interface {
	error
	// Input reports whether the request itself makes no sense, whatever the element is.
	Input() bool
}

// errEdited says that somebody works on the candidate. What is in it cannot be told apart once more is added.
var errEdited = errors.New("the candidate holds changes that nobody has committed: have them committed or discarded first; " +
	"without --candidate they stay where they are, and the text is committed by itself")

// uncommitted is the configuration in the candidate, which has to be what runs.
func uncommitted(x Session, s *schema.Schema) (*tree.Node, error) {
	var texts [2]string
	for i, source := range []string{"running", "candidate"} {
		var reply struct {
			Data struct {
				Content string `xml:",innerxml"`
			} `xml:"data"`
		}
		err := x.Do(fmt.Sprintf(`<get-config><source><%s/></source><with-defaults xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults">explicit</with-defaults></get-config>`,
			source), &reply)
		if err != nil {
			return nil, err
		}
		texts[i] = reply.Data.Content
	}
	if texts[0] != texts[1] {
		return nil, errEdited
	}
	r := xmlio.NewReader(bytes.NewBufferString("<data>"+texts[1]+"</data>"), xmlio.Limits{})
	if _, err := r.Next(); err != nil {
		return nil, err
	}
	root, err := tree.DecodeXML(r, s.Root, tree.DecodeOptions{})
	if root == nil && err == nil {
		root = tree.NewRoot(s)
	}
	return root, err
}

// leave puts what a text says into the candidate, all of it or nothing, as long as that would be valid then (RFC 6241 section 7.2).
func (j *Job) leave(s *schema.Schema, r *ios.Result) error {
	var edit bytes.Buffer
	io.WriteString(&edit, "<edit-config>\n<target><candidate/></target>\n<test-option>test-then-set</test-option>\n")
	if err := writeConfig(&edit, s, r); err != nil {
		return err
	}
	io.WriteString(&edit, "</edit-config>")
	err := j.Candidate.Do(edit.String(), nil)
	if refused := Refusal(nil); errors.As(err, &refused) {
		return fmt.Errorf("nothing was put into the candidate\n%% %w", err)
	} else if err != nil {
		return fmt.Errorf("whether the candidate was changed is not known: %w", err)
	}
	return j.tell("in the candidate; nothing is committed yet\n")
}
