package netconf

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"mooring/server/access"
	"mooring/server/tree"
	"mooring/server/tree/schema"
	"mooring/server/tree/xmlio"
)

const monitoringSpace = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"

// state returns what stands in a container of /netconf-state.
func (c *client) state(container string) string {
	c.t.Helper()
	text := c.rpc(`<get><filter><netconf-state xmlns="` + monitoringSpace + `"><` + container + `/></netconf-state></filter></get>`)
	text = strings.TrimSuffix(strings.TrimPrefix(text, `<data><netconf-state xmlns="`+monitoringSpace+`"><`+container+`>`), `</`+container+`></netconf-state></data>`)
	return regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z`).ReplaceAllString(text, "TIME")
}

func TestMonitoring(t *testing.T) {
	f := start(t, "", Limits{})
	a := f.dial(access.User{Name: "ann", Origin: access.SSH, Remote: "[2001:db8::7]:4000"})
	b := f.dial(admin)
	a.rpc(discard) // refused
	b.must(lockC)
	b.send("<rpc/>")
	b.read()
	want := `<session><session-id>1</session-id><transport xmlns:ncm="` + monitoringSpace + `">ncm:netconf-ssh</transport><username>ann</username>` +
		`<source-host>2001:db8::7</source-host><login-time>TIME</login-time><in-rpcs>1</in-rpcs><in-bad-rpcs>0</in-bad-rpcs>` +
		`<out-rpc-errors>1</out-rpc-errors><out-notifications>0</out-notifications></session>` +
		`<session><session-id>2</session-id><transport xmlns:ncm="` + monitoringSpace + `">ncm:netconf-ssh</transport><username>root</username>` +
		`<login-time>TIME</login-time><in-rpcs>3</in-rpcs><in-bad-rpcs>1</in-bad-rpcs>` +
		`<out-rpc-errors>1</out-rpc-errors><out-notifications>0</out-notifications></session>`
	if got := b.state("sessions"); got != want {
		t.Errorf("sessions\ngot  %s\nwant %s", got, want)
	}
	want = `<datastore><name>running</name><transaction-id xmlns="` + tailfSpace + `">0</transaction-id></datastore><datastore><name>candidate</name><locks><global-lock>` +
		`<locked-by-session>2</locked-by-session><locked-time>TIME</locked-time></global-lock></locks></datastore>`
	if got := b.state("datastores"); got != want {
		t.Errorf("datastores: %s", got)
	}
	a.conn.Close()
	f.until("the session is gone", func() bool { return f.server.total.dropped.Load() == 1 })
	want = `<netconf-start-time>TIME</netconf-start-time><in-bad-hellos>0</in-bad-hellos><in-sessions>2</in-sessions><dropped-sessions>1</dropped-sessions>` +
		`<in-rpcs>6</in-rpcs><in-bad-rpcs>1</in-bad-rpcs><out-rpc-errors>2</out-rpc-errors><out-notifications>0</out-notifications>`
	if got := b.state("statistics"); got != want {
		t.Errorf("statistics: %s", got)
	}
	if got := b.state("capabilities"); !strings.Contains(got, "<capability>"+base11+"</capability>") {
		t.Errorf("capabilities: %s", got)
	}
}

// Every module and submodule is listed, and every one that is listed can be fetched.
func TestSchemas(t *testing.T) {
	f := start(t, "", Limits{})
	c := f.dial(admin)
	list := c.state("schemas")
	entries := regexp.MustCompile(`<identifier>([^<]*)</identifier><version>([^<]*)</version><format [^>]*>ncm:yang</format><namespace>[^<]+</namespace><location>NETCONF</location>`).
		FindAllStringSubmatch(list, -1)
	if len(entries) != len(documents(f.server.schema)) || len(entries) != strings.Count(list, "<schema>") {
		t.Fatalf("%d schemas are listed, %d can be read, %d there are", strings.Count(list, "<schema>"), len(entries), len(documents(f.server.schema)))
	}
	fetch := func(name, more string) string {
		return c.rpc(`<get-schema xmlns="` + monitoringSpace + `"><identifier>` + name + `</identifier>` + more + `</get-schema>`)
	}
	for _, e := range entries {
		reply := fetch(e[1], "<version>"+e[2]+"</version><format>yang</format>")
		r := xmlio.NewReader(strings.NewReader(reply), xmlio.Limits{})
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		text, err := r.Text()
		if err != nil || !regexp.MustCompile(`(?m)^(sub)?module `+e[1]+` \{`).MatchString(text) {
			t.Errorf("%s: %v, %.80q", e[1], err, text)
		}
		if without := fetch(e[1], ""); without != reply {
			t.Errorf("%s is another without its version", e[1])
		}
	}
	for request, want := range map[string]string{
		fetch("nobody", ""): protocol + "invalid-value bad-element=identifier",
		fetch("example-traps", "<version>2000-01-01</version>"): protocol + "invalid-value bad-element=version",
		fetch("example-traps", "<format>yin</format>"):          protocol + "invalid-value bad-element=format",
		fetch("example-traps", "<format>pdf</format>"):          protocol + "invalid-value /nc:rpc/ncm:get-schema/ncm:format",
	} {
		if got := said(t, request); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// The library says of every module what the schema has, and is data of its own model.
func TestLibrary(t *testing.T) {
	f := start(t, "", Limits{})
	c := f.dial(admin)
	const space = "urn:ietf:params:xml:ns:yang:ietf-yang-library"
	for _, name := range []string{"yang-library", "modules-state"} {
		got := c.rpc(`<get><filter><` + name + ` xmlns="` + space + `"/></filter></get>`)
		r := xmlio.NewReader(strings.NewReader(got), xmlio.Limits{})
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		root, err := tree.DecodeXML(r, f.server.schema.Root, tree.DecodeOptions{State: true})
		if err != nil {
			t.Fatalf("%s is not valid: %v", name, err)
		}
		for _, m := range f.server.schema.Modules {
			if n := libraryEntry(root.ChildNamed(name), m); n == nil || !holds(n, "feature", f.server.features(m)) || entries(n, "submodule") != len(m.Submodules) {
				t.Errorf("%s: %s is not right", name, m.Name)
			}
		}
		if !strings.Contains(got, f.server.library.id()) {
			t.Errorf("%s lacks the id", name)
		}
	}
	one := c.rpc(`<get><filter><modules-state xmlns="` + space + `"><module><name>example-traps</name></module></modules-state></filter></get>`)
	if want := `<data><modules-state xmlns="` + space + `"><module><name>example-traps</name><revision>2026-11-22</revision><namespace>urn:example:traps</namespace>` +
		`<conformance-type>implement</conformance-type></module></modules-state></data>`; one != want {
		t.Errorf("got  %s\nwant %s", one, want)
	}
	datastores := c.rpc(`<get><filter><yang-library xmlns="` + space + `"><datastore/></yang-library></filter></get>`)
	for _, name := range []string{"running", "candidate", "intended", "operational"} {
		if !strings.Contains(datastores, fmt.Sprintf(`ds:%s</name><schema>all</schema>`, name)) {
			t.Errorf("datastore %s is not there: %s", name, datastores)
		}
	}
}

// libraryEntry finds a module in either form of the library.
func libraryEntry(top *tree.Node, m *schema.Module) *tree.Node {
	if set := top.ChildNamed("module-set"); set != nil {
		if m.Implemented {
			return set.Entry("all").ChildNamed("module").Entry(m.Name)
		}
		return set.Entry("all").ChildNamed("import-only-module").Entry(m.Name, m.Revision)
	}
	n := top.ChildNamed("module").Entry(m.Name, m.Revision)
	if kind, _ := n.Leaf("conformance-type"); (kind == "implement") != m.Implemented {
		return nil
	}
	return n
}

func entries(n *tree.Node, name string) int {
	if list := n.ChildNamed(name); list != nil {
		return list.Len()
	}
	return 0
}

func holds(n *tree.Node, leafList string, want []string) bool {
	for _, v := range want {
		if n.ChildNamed(leafList).Entry(v) == nil {
			return false
		}
	}
	return entries(n, leafList) == len(want)
}
