package netconf

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// said puts a reply in short: data as it is, and of each error
//
//	type tag [app-tag] severity-if-warning path name=value…
//
// on a line, without the message, which is checked to be there.
func said(t testing.TB, reply string) string {
	t.Helper()
	if !strings.HasPrefix(reply, "<rpc-error>") {
		return reply
	}
	var doc struct {
		Errors []struct {
			Type     string `xml:"error-type"`
			Tag      string `xml:"error-tag"`
			Severity string `xml:"error-severity"`
			AppTag   string `xml:"error-app-tag"`
			Path     string `xml:"error-path"`
			Message  struct {
				Lang string `xml:"http://www.w3.org/XML/1998/namespace lang,attr"`
				Text string `xml:",chardata"`
			} `xml:"error-message"`
			Info struct {
				List []struct {
					XMLName xml.Name
					Text    string `xml:",chardata"`
				} `xml:",any"`
			} `xml:"error-info"`
		} `xml:"rpc-error"`
	}
	wrapped := `<r xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">` + reply + "</r>"
	if err := xml.Unmarshal([]byte(wrapped), &doc); err != nil {
		t.Fatalf("%v: %s", err, reply)
	}
	var lines []string
	for _, e := range doc.Errors {
		if e.Message.Text == "" || e.Message.Lang != "en" {
			t.Errorf("an error without a message: %s", reply)
		}
		words := []string{e.Type, e.Tag}
		if e.AppTag != "" {
			words = append(words, "["+e.AppTag+"]")
		}
		if e.Severity != "error" {
			words = append(words, e.Severity)
		}
		if e.Path != "" {
			words = append(words, e.Path)
		}
		for _, i := range e.Info.List {
			words = append(words, i.XMLName.Local+"="+i.Text)
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return strings.Join(lines, "\n")
}

// wellFormed checks a whole message with a reader of others.
func wellFormed(t testing.TB, text string) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := dec.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
}

// A reply is in the words of RFC 6241 appendix B: all elements in order, in their namespaces.
func TestErrorWhole(t *testing.T) {
	c := start(t, "", Limits{}).dial(admin)
	got := c.rpc(edit(top(`<item><size>300</size><port>22</port></item>`)))
	want := `<rpc-error><error-type>application</error-type><error-tag>invalid-value</error-tag><error-severity>error</error-severity>` +
		`<error-app-tag>size-out-of-range</error-app-tag><error-path xmlns:tr="urn:example:traps">/tr:top/tr:item/tr:size</error-path>` +
		`<error-message xml:lang="en">a size is between 1 and 100</error-message></rpc-error>` +
		`<rpc-error><error-type>application</error-type><error-tag>missing-element</error-tag><error-severity>error</error-severity>` +
		`<error-path xmlns:tr="urn:example:traps">/tr:top/tr:item</error-path><error-message xml:lang="en">key "id" is missing</error-message>` +
		`<error-info><bad-element>id</bad-element></error-info></rpc-error>`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
