package main

import (
	"fmt"
	"net"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"mooring/cmd/mooring/client"
	"mooring/dataplane/netns"
	"mooring/server/access"
)

// managed starts an element without mobility configuration, and a NETCONF session with it.
func managed(t *testing.T) (*process, *secured) {
	t.Helper()
	box, manager := newHost(t, "element"), newHost(t, "manager")
	must(t, netns.Connect(box, "eth0", manager, "eth0"), box.Address("eth0", elementAt+"/24"), manager.Address("eth0", managerAt+"/24"))
	ann, _, _ := makeCertificate(t)
	p := run(t, box, t.TempDir(), "--startup", write(t, "startup.json", fmt.Sprintf(`{
		"mooring-system:system": {"netconf": {"tls": {"enabled": true, "port": 0, "address": ["%s"]}}, "user": [{"name": "ann"}],
			"client-certificate": [{"fingerprint": "%s", "user": "ann"}]},
		"ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "admin", "user-name": ["ann"]}]}}}`, elementAt, access.Fingerprint(ann.Certificate[0]))))
	var conn net.Conn
	must(t, manager.Do(func() (err error) {
		conn, err = net.Dial("tcp4", p.said("NETCONF over TLS"))
		return err
	}))
	return p, secure(t, conn, ann)
}

// config returns the configuration of PMIPv6 that gNMI shows.
func (p *process) config() string {
	p.t.Helper()
	c, err := (&client.Target{StateDir: p.dir}).Dial()
	must(p.t, err)
	defer c.Close()
	answer, err := c.GNMIClient.Get(p.t.Context(), &gpb.GetRequest{Path: []*gpb.Path{{Elem: []*gpb.PathElem{elem("pmipv6")}}}, Type: gpb.GetRequest_CONFIG, Encoding: gpb.Encoding_JSON_IETF})
	if status.Code(err) == codes.NotFound {
		return ""
	}
	must(p.t, err)
	var text strings.Builder
	for _, n := range answer.GetNotification() {
		for _, u := range n.GetUpdate() {
			text.Write(u.GetVal().GetJsonIetfVal())
		}
	}
	return text.String()
}

func (s *secured) ask(operation string) string {
	s.t.Helper()
	s.write(`<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1">` + operation + `</rpc>`)
	return s.read()
}

// edit changes the candidate.
func (s *secured) edit(pmipv6 string) {
	s.t.Helper()
	s.must(`<edit-config><target><candidate/></target><config xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"><pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6">` + pmipv6 + `</pmipv6></config></edit-config>`)
}

const getRunning = `<get-config><source><running/></source><filter><pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6"/></filter></get-config>`

// LMA-25, DOM-01: nothing takes effect before it is committed, and then every interface shows it; a domain in use stays, as everything does of a commit that fails,
// and what is not confirmed in time is as it was.
func TestLMA25_NothingBeforeACommit(t *testing.T) {
	p, s := managed(t)
	expect := func(when string, there ...string) {
		t.Helper()
		for what, text := range map[string]string{"NETCONF": s.ask(getRunning), "gNMI": p.config()} {
			for _, name := range []string{"d1", "d2", "l1"} {
				if has, want := strings.Contains(text, name), strings.Contains(strings.Join(there, " "), name); has != want {
					t.Errorf("%s: %s of %s is %t, want %t: %s", when, what, name, has, want, text)
				}
			}
		}
	}
	s.edit(`<domain><name>d1</name></domain><lma><name>l1</name><domain>d1</domain></lma>`)
	expect("before the commit")
	s.must(`<commit/>`)
	expect("after the commit", "d1", "l1")

	s.edit(`<domain nc:operation="delete"><name>d1</name></domain><mag><name>m1</name><domain>d9</domain></mag>`)
	for _, wrong := range []string{"/pm:lma[pm:name='l1']", "/pm:mag[pm:name='m1']"} { // all that is wrong is said
		if got := s.ask(`<commit/>`); !strings.Contains(got, wrong) || strings.Contains(got, "<ok/>") {
			t.Errorf("a commit that fails does not speak of %s: %s", wrong, got)
		}
	}
	expect("after a commit that failed", "d1", "l1")
	s.must(`<discard-changes/>`)

	s.edit(`<domain><name>d2</name></domain><lma nc:operation="delete"><name>l1</name></lma>`)
	s.must(`<commit><confirmed/><confirm-timeout>1</confirm-timeout></commit>`)
	eventually(t, func() string {
		if text := p.config(); strings.Contains(text, "d2") {
			return "what nobody confirms stays: " + text
		}
		return ""
	})
	expect("after the time to confirm it", "d1", "l1")
	s.edit(`<domain><name>d2</name></domain><lma nc:operation="delete"><name>l1</name></lma>`)
	s.must(`<commit><confirmed/><confirm-timeout>60</confirm-timeout></commit>`)
	s.must(`<commit/>`)
	expect("confirmed", "d1", "d2")
	s.edit(`<domain nc:operation="delete"><name>d1</name></domain>`)
	s.must(`<commit/>`)
	expect("at the end", "d2")
}

// OPS-15: what is not set is shown with the value that is in force, and where it comes from.
func TestOPS15_SettingsInForce(t *testing.T) {
	p, s := managed(t)
	must(t, p.merge(`{"ietf-network-instance:network-instances": {"network-instance": [{"name": "V1"}]}}`))
	s.edit(`<domain><name>d1</name></domain><lma><name>l1</name><domain>d1</domain><bce><maximum>17</maximum></bce>` +
		`<mag><id>m1</id><domain>d1</domain><ipv4-address>192.0.2.1</ipv4-address><compatibility><sequence-only>true</sequence-only></compatibility></mag>` +
		`<mobile-local-loop><customer><name>C1</name><vrf>V1</vrf><bce><lifetime>300</lifetime></bce><network><unauthorized>true</unauthorized></network>` +
		`<transport><vrf>default</vrf><ipv4-address>192.0.2.9</ipv4-address></transport></customer></mobile-local-loop></lma>`)
	s.must(`<commit/>`)
	got := s.ask(`<get-data xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-nmda" xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"><datastore>ds:operational</datastore>` +
		`<subtree-filter><pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6"><lma><name>l1</name><bce/><hnp/><mag/><mobile-local-loop/></lma><domain><name>d1</name><replay-protection/></domain></pmipv6></subtree-filter>` +
		`<with-origin/></get-data>`)
	got = strings.ReplaceAll(got, ` xmlns:or="urn:ietf:params:xml:ns:yang:ietf-origin"`, "")
	for _, want := range []string{`<maximum>17</maximum>`, `<lifetime or:origin="or:default">3600</lifetime>`, `<delete-wait-time or:origin="or:default">10000</delete-wait-time>`,
		`<maximum or:origin="or:default">3</maximum>`, `<mode or:origin="or:default">timestamp</mode>`,
		`<lifetime>300</lifetime>`, `<name>C1</name>`, // what a customer does not set is the anchor's, and stands there
		`<sequence-only>true</sequence-only>`, `<binary-mn-id or:origin="or:default">false</binary-mn-id>`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
}
