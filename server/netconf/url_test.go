package netconf

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mooring/server/netconf/urls"
)

// reaching lets a server use the files of a new folder, which is returned.
func (f *fixture) reaching() string {
	f.t.Helper()
	dir := f.t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { root.Close() })
	f.server.ReachURLs(&urls.Files{Config: urls.Config{File: true}, Folder: root})
	return dir
}

// wrapped is the content of a file that holds configuration.
func wrapped(config string) string {
	return `<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">` + config + `</config>`
}

func keep(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyTo(target, source string) string {
	return "<copy-config><target>" + target + "</target><source>" + source + "</source></copy-config>"
}

const (
	urlA      = "<url>file:///a.xml</url>"
	toCand    = "<candidate/>"
	validateA = "<validate><source>" + urlA + "</source></validate>"
	deleteA   = "<delete-config><target>" + urlA + "</target></delete-config>"
)

func editURL(options string) string {
	return "<edit-config><target><candidate/></target>" + options + urlA + "</edit-config>"
}

// Every operation that takes a configuration takes one by URL (RFC 6241 section 8.8.5).
func TestURLs(t *testing.T) {
	f := start(t, "", Limits{})
	c := f.dial(admin)
	dir := f.reaching()
	steps(t, map[string]*client{"A": c}, []step{
		{deleteA, plain + "data-missing /nc:rpc/nc:delete-config/nc:target/nc:url"},
		{edit(top("<name>a</name><item><id>1</id><kind xmlns:x='urn:example:traps'>x:dog</kind><secret>&lt;&amp;]]&gt;</secret></item>")), success}, {commit, success},
		{copyTo(urlA, "<running/>"), success}, {validateA, success},
		{edit(top("<name>b</name>"), replaceAll), success}, {candidate, "<name>b</name>"},
		{copyTo(toCand, urlA), success}, {candidate, `<name>a</name><item><id>1</id><kind xmlns:tr="urn:example:traps">tr:dog</kind><secret>&lt;&amp;]]&gt;</secret></item>`},
		{commit, success}, // nothing changed
		{copyTo(urlA, "<config>"+top("<name>c</name>")+"</config>"), success}, {editURL(""), success}, {candidate, `<name>c</name><item><id>1</id><kind xmlns:tr="urn:example:traps">tr:dog</kind><secret>&lt;&amp;]]&gt;</secret></item>`},
		{editURL(replaceAll), success}, {candidate, "<name>c</name>"},
		{strings.Replace(copyTo("<url>file:///b.xml</url>", "<running/>"), "</copy-config>", `<with-defaults xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults">report-all</with-defaults></copy-config>`, 1), success},
		{"<edit-config><target><candidate/></target>" + testOnly + "<url>file:///b.xml</url></edit-config>", success},
		{copyTo("<url>file:///c.xml</url>", "<candidate/>"), success}, {copyTo("<url>file:///b.xml</url>", urlA), success}, {copyTo(urlA, urlA), success},
		{editURL(testOnly + none), success}, {deleteA, success}, {validateA, plain + "data-missing /nc:rpc/nc:validate/nc:source/nc:url"},
		{discard, success},
	})
	if f.store.Running().ID != 1 {
		t.Errorf("running is commit %d", f.store.Running().ID)
	}
	b, err := os.ReadFile(filepath.Join(dir, "b.xml"))
	if want := xmlDeclaration + `<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">` + "\n" + `<top xmlns="urn:example:traps">` + "\n  <name>c</name>\n</top>\n</config>\n"; err != nil || string(b) != want {
		t.Errorf("the file holds %q, %v, want %q", b, err, want)
	}
	keep(t, dir, "a.xml", wrapped(top("<name"+opAttr+"'delete'/>")))
	steps(t, map[string]*client{"A": c}, []step{
		{editURL(""), success}, {candidate, `<item><id>1</id><kind xmlns:tr="urn:example:traps">tr:dog</kind><secret>&lt;&amp;]]&gt;</secret></item>`},
		{editURL(""), plain + "data-missing /tr:top/tr:name"},
		{`<edit-data xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-nmda" xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"><datastore>ds:candidate</datastore>` + urlA + `</edit-data>`,
			plain + "data-missing /tr:top/tr:name"},
	})
}

// What is wrong with a URL, or with what is found there, is said in the right words, and changes nothing.
func TestBadURLs(t *testing.T) {
	f := start(t, "", Limits{ValueSize: 1000, MessageSize: 50_000})
	dir := f.reaching()
	c := f.dial(admin)
	for name, x := range map[string]struct{ content, want string }{
		"nothing in it":        {"", protocol + "operation-failed"},
		"no XML":               {"{}", protocol + "operation-failed"},
		"cut short":            {strings.TrimSuffix(wrapped(top("<name>a</name>")), "</config>"), protocol + "operation-failed"},
		"more than one":        {wrapped(top("<name>a</name>")) + wrapped(""), protocol + "operation-failed"},
		"something else":       {top("<name>a</name>"), protocol + "operation-failed"},
		"a document type":      {"<!DOCTYPE config>" + wrapped(top("<name>a</name>")), protocol + "operation-failed"},
		"an entity":            {wrapped(top("<name>&a;</name>")), protocol + "operation-failed"},
		"too deep":             {wrapped(top(strings.Repeat("<a>", 200) + strings.Repeat("</a>", 200))), protocol + "too-big"},
		"too long a value":     {wrapped(top("<name>" + strings.Repeat("x", 2000) + "</name>")), protocol + "too-big"},
		"too long":             {wrapped(top(strings.Repeat("<!-- -->", 10_000))), protocol + "too-big"},
		"a value that is none": {wrapped(top("<name>a</name><limit>300</limit>")), plain + "invalid-value /tr:top/tr:limit"},
	} {
		keep(t, dir, "a.xml", x.content)
		want := x.want
		if strings.HasPrefix(want, protocol) {
			want += " /nc:rpc/nc:edit-config/nc:url"
		}
		if got := said(t, c.rpc(editURL(""))); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	keep(t, dir, "a.xml", `<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" operation="delete" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="delete"/>`)
	at := " /nc:rpc/nc:copy-config/nc:source/nc:url"
	steps(t, map[string]*client{"A": c}, []step{
		{editURL(""), plain + "unknown-attribute bad-attribute=operation bad-element=config"},
		{copyTo(toCand, "<url>https://ann:secret@files.example/a.xml</url>"), protocol + "invalid-value" + at},
		{copyTo(toCand, "<url>file:///../a.xml</url>"), protocol + "invalid-value" + at},
		{copyTo(toCand, "<url>a b</url>"), protocol + "invalid-value" + at},
		{copyTo(toCand, "<url/>"), protocol + "invalid-value" + at},
		{"<edit-config><target><candidate/></target>" + urlA + "<config/></edit-config>", protocol + "bad-element /nc:rpc/nc:edit-config bad-element=config"},
		{candidate, ""}, {running, ""},
	})
	if got := c.rpc(copyTo(toCand, "<url>https://ann:secret@files.example/a.xml</url>")); strings.Contains(got, "secret") {
		t.Errorf("the error repeats the password: %s", got)
	}
}

// Until URLs are configured there is neither capability nor feature nor parameter, and everybody learns when that changes.
func TestURLCapability(t *testing.T) {
	f := start(t, "", Limits{})
	c, watcher := f.dial(admin), f.dial(admin)
	watcher.must(subscribe(`<filter><netconf-capability-change xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"/><yang-library-update xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-library"/></filter>`))
	bad := func(operation, in string) string {
		return protocol + "unknown-element /nc:rpc/nc:" + operation + in + " bad-element=url"
	}
	steps(t, map[string]*client{"A": c}, []step{
		{editURL(""), bad("edit-config", "")}, {copyTo(toCand, urlA), bad("copy-config", "/nc:source")}, {copyTo(urlA, "<running/>"), bad("copy-config", "/nc:target")},
		{validateA, bad("validate", "/nc:source")}, {deleteA, bad("delete-config", "/nc:target")},
	})
	before := f.server.library.id()
	if said := f.greeting(); strings.Contains(said, "url") {
		t.Errorf("the server says %s", said)
	}
	f.reaching()
	now := f.server.library.id()
	said := f.greeting()
	for _, want := range []string{"<capability>urn:ietf:params:netconf:capability:url:1.0?scheme=file</capability>", "features=candidate,confirmed-commit,rollback-on-error,url,validate,xpath<", now} {
		if !strings.Contains(said, want) {
			t.Errorf("the server does not say %s: %s", want, said)
		}
	}
	if now == before || !strings.Contains(c.rpc(`<get><filter><yang-library xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-library"/></filter></get>`), "<feature>url</feature>") {
		t.Error("the YANG library does not follow")
	}
	told := watcher.told()
	for _, want := range []string{"<changed-by><server/></changed-by><added-capability>urn:ietf:params:netconf:capability:url:1.0?scheme=file</added-capability>",
		"<modified-capability>urn:ietf:params:xml:ns:netconf:base:1.0?module=ietf-netconf&amp;", "content-id=" + now} {
		if !strings.Contains(told, want) {
			t.Errorf("subscribers are not told %s: %s", want, told)
		}
	}
	watcher.tells(`<yang-library-update xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-library"><content-id>` + now + `</content-id></yang-library-update>`)
	f.server.ReachURLs(&urls.Files{})
	if told := watcher.told(); !strings.Contains(told, "<deleted-capability>urn:ietf:params:netconf:capability:url:1.0?scheme=file</deleted-capability>") {
		t.Errorf("subscribers are told %s", told)
	}
}

// greeting is what the server says to a new session.
func (f *fixture) greeting() string {
	return strings.ReplaceAll(f.connect(admin).read(), "&amp;", "&")
}

// Who may not run an operation, read what is copied or write what comes in, may not do it by URL.
func TestURLsObeyAccessControl(t *testing.T) {
	f := start(t, `{
		"ietf-netconf-acm:nacm": {
			"groups": {"group": [{"name": "guests", "user-name": ["guest"]}]},
			"rule-list": [{"name": "guests", "group": ["guests"], "rule": [
				{"name": "no secrets", "path": "/example-traps:top/example-traps:item/example-traps:secret", "access-operations": "*", "action": "deny"},
				{"name": "no name", "path": "/example-traps:top/example-traps:name", "access-operations": "create update delete", "action": "deny"},
				{"name": "no checks", "module-name": "ietf-netconf", "rpc-name": "validate", "access-operations": "exec", "action": "deny"},
				{"name": "the rest", "module-name": "example-traps", "access-operations": "*", "action": "permit"}]}]},
		"example-traps:top": {"name": "a", "item": [{"id": "1", "secret": "s", "size": 1}]}}`, Limits{})
	dir := f.reaching()
	c := f.dial(guest)
	steps(t, map[string]*client{"A": c}, []step{
		{copyTo(urlA, "<running/>"), success},
		{deleteA, protocol + "access-denied /nc:rpc/nc:delete-config"}, // as RFC 8341 section 3.4.4 says
		{validateA, protocol + "access-denied /nc:rpc/nc:validate"},
	})
	if text, err := os.ReadFile(filepath.Join(dir, "a.xml")); err != nil || strings.Contains(string(text), "secret") || !strings.Contains(string(text), "<size>1</size>") {
		t.Errorf("the file holds %s, %v", text, err)
	}
	keep(t, dir, "a.xml", wrapped(top("<name>b</name><limit>1</limit>")))
	steps(t, map[string]*client{"A": c}, []step{{editURL(""), plain + "access-denied /tr:top/tr:name"}, {candidate, `<name>a</name><item><id>1</id><size>1</size></item>`}})
}

// A configuration of many megabytes goes to a server of files and comes back, over SSH and TLS, and a server that stops in the
// middle is told so.
func TestURLOverHTTPS(t *testing.T) {
	f, addr, ann := reachable(t, Limits{})
	conn, err := login(addr, "ann", ann[1])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := channel(t, conn)
	var kept []byte
	files := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + r.URL.Path {
		case "PUT/a.xml":
			kept, _ = io.ReadAll(r.Body)
		case "GET/a.xml":
			w.Write(kept)
		case "GET/half.xml":
			w.Header().Set("Content-Length", strconv.Itoa(len(kept)))
			w.Write(kept[:len(kept)/2])
			panic(http.ErrAbortHandler)
		}
	}))
	defer files.Close()
	host, port, _ := net.SplitHostPort(files.Listener.Addr().String())
	number, _ := strconv.ParseUint(port, 10, 16)
	sum := sha256.Sum256(files.Certificate().Raw)
	f.server.ReachURLs(&urls.Files{Config: urls.Config{HTTPS: []urls.HTTPSServer{{Host: host, Port: uint16(number), Fingerprint: hex.EncodeToString(sum[:])}}}})
	c.must(edit(top(items(7_000))), commit, copyTo("<url>"+files.URL+"/a.xml</url>", "<running/>"), edit(`<top xmlns="urn:example:traps"`+opAttr+`"delete"/>`), commit)
	if len(kept) < 2<<20 || c.traps("running") != "" {
		t.Fatalf("%d octets are kept", len(kept))
	}
	got := c.rpc(copyTo(toCand, "<url>"+files.URL+"/half.xml</url>"))
	if !strings.HasPrefix(said(t, got), protocol+"operation-failed /nc:rpc/nc:copy-config/nc:source/nc:url") {
		t.Errorf("half a file: %s", got)
	}
	c.must(copyTo(toCand, "<url>"+files.URL+"/a.xml</url>"), commit)
	if n := strings.Count(c.traps("running"), "<item>"); n != 7_000 {
		t.Errorf("%d entries came back", n)
	}
	if schemes := f.server.schemes(); !slices.Equal(schemes, []string{"https"}) {
		t.Errorf("schemes are %v", schemes)
	}
}
