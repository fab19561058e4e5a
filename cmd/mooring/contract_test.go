package main

import (
	"encoding/xml"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"mooring/cmd/mooring/client"
	"mooring/server/access"
)

// fault is bad input in three languages, and what the error contract says to it.
type fault struct {
	code    string
	netconf string // in pmipv6
	gnmi    string // in mooring-pmipv6:pmipv6; with drop instead, what is deleted
	drop    []*gpb.PathElem
	cli     string

	tag, appTag, path string // of the rpc-error
	status            codes.Code
	says              []string // in every message
	prints            string   // by the command line
}

var (
	anchorPath = "/pm:pmipv6/pm:lma[pm:name='lma']"
	lmaCommand = "ipv6 mobile pmipv6-lma lma domain lab.example\n"
	homeOfLMA  = []*gpb.PathElem{elem("pmipv6"), elem("lma", "name", "lma"), elem("network", "name", "home")}
)

// faults are the rows of the error contract. Whoever runs them has one binding with an address of the network home.
var faults = []fault{
	{"E-RANGE", `<lma><name>lma</name><bce><lifetime>9</lifetime></bce></lma>`, `"lma": [{"name": "lma", "bce": {"lifetime": 9}}]`, nil, lmaCommand + " bce lifetime 9\n",
		"invalid-value", "", anchorPath + "/pm:bce/pm:lifetime", codes.InvalidArgument, []string{"9", "10..65535"},
		"    2 |  bce lifetime 9\n                      ^\n% Invalid input: lifetime takes 10..65535 seconds, not 9 (E-RANGE)\n"},
	{"E-REF", `<lma><name>two</name><domain>elsewhere</domain></lma>`, `"lma": [{"name": "two", "domain": "elsewhere"}]`, nil, "ipv6 mobile pmipv6-lma two domain elsewhere\n",
		"data-missing", "instance-required", "/pm:pmipv6/pm:lma[pm:name='two']/pm:domain", codes.FailedPrecondition, []string{"elsewhere", "is not configured"},
		"% domain elsewhere is not configured (E-REF)\n"},
	{"E-MUST", `<lma><name>lma</name><bri><delay-min>3000</delay-min><delay-max>2000</delay-max></bri></lma>`, `"lma": [{"name": "lma", "bri": {"delay-min": 3000, "delay-max": 2000}}]`, nil,
		lmaCommand + " bri delay min 3000\n bri delay max 2000\n",
		"operation-failed", "must-violation", anchorPath + "/pm:bri", codes.FailedPrecondition, []string{"delay-min must not exceed delay-max"},
		"% delay-min must not exceed delay-max (E-MUST)\n"},
	{"E-UNIQ", `<lma><name>lma</name><mag><id>mag9</id><domain>lab.example</domain><ipv6-address>2001:db8:0:11::2</ipv6-address></mag></lma>`,
		`"lma": [{"name": "lma", "mag": [{"id": "mag9", "domain": "lab.example", "ipv6-address": "2001:db8:0:11::2"}]}]`, nil,
		lmaCommand + " mag mag9 lab.example\n  ipv6 address 2001:db8:0:11::2\n",
		"operation-failed", "data-not-unique", anchorPath + "/pm:mag[pm:id='mag9'][pm:domain='lab.example']", codes.FailedPrecondition, []string{"ipv6-address must be unique", "mag[id='mag1']"},
		"    2 |  mag mag9 lab.example\n             ^\n% ipv6-address must be unique: entry /pmipv6/lma[name='lma']/mag[id='mag1'][domain='lab.example'] has the same (E-UNIQ)\n"},
	{"E-MISS", `<lma><name>two</name></lma>`, `"lma": [{"name": "two"}]`, nil, "ipv6 mobile pmipv6-lma two\n",
		"data-missing", "", "/pm:pmipv6/pm:lma[pm:name='two']/pm:domain", codes.InvalidArgument, []string{"missing"},
		"% Incomplete command: domain is missing (E-MISS)\n"},
	{"E-BUSY", `<lma><name>lma</name><network nc:operation="delete"><name>home</name></network></lma>`, "", homeOfLMA, lmaCommand + " no network home\n",
		"in-use", "bindings-exist", anchorPath + "/pm:network[pm:name='home']", codes.FailedPrecondition, []string{"bindings with addresses of the network: 1", "clear-binding"},
		"\n% /mooring-pmipv6:pmipv6/lma[name='lma']/network[name='home']: bindings with addresses of the network: 1; end them with the action clear-binding first\n"},
	{"E-PARSE", "", "", nil, lmaCommand + " bce lifetime 600\n hpn maximum 2\n", "", "", "", 0, nil,
		"    3 |  hpn maximum 2\n         ^\n% \"hpn\" is no command that concerns Proxy Mobile IPv6; did you mean hnp? (E-PARSE)\n"},
	{"W-REF", `<domain><name>lab.example</name><nai><id>mn9@lab.example</id><network>lost</network></nai></domain>`,
		`"domain": [{"name": "lab.example", "nai": [{"id": "mn9@lab.example", "network": "lost"}]}]`,
		[]*gpb.PathElem{elem("pmipv6"), elem("domain", "name", "lab.example"), elem("nai", "id", "mn9@lab.example")},
		"ipv6 mobile pmipv6-domain lab.example\n nai mn9@lab.example\n  network lost\n",
		"data-missing", "W-REF", "/pm:pmipv6/pm:domain[pm:name='lab.example']/pm:nai[pm:id='mn9@lab.example']/pm:network", codes.OK, []string{"lost"},
		"    3 |   network lost\n                  ^\n% Warning: there is no network lost (W-REF)\n"},
	{"W-MIX", `<lma><name>lma</name><mag><id>mag9</id><domain>lab.example</domain><ipv4-address>192.0.2.9</ipv4-address><encap>gre-ipv6</encap></mag></lma>`,
		`"lma": [{"name": "lma", "mag": [{"id": "mag9", "domain": "lab.example", "ipv4-address": "192.0.2.9", "encap": "gre-ipv6"}]}]`,
		[]*gpb.PathElem{elem("pmipv6"), elem("lma", "name", "lma"), {Name: "mag", Key: map[string]string{"id": "mag9", "domain": "lab.example"}}},
		lmaCommand + " mag mag9 lab.example\n  ipv4 address 192.0.2.9\n  encap gre-ipv6\n",
		"invalid-value", "W-MIX", anchorPath + "/pm:mag[pm:id='mag9'][pm:domain='lab.example']/pm:encap", codes.OK, []string{"no address of the IP version"},
		"% Warning: gre-ipv6 needs an IPv6 address of mag9: without one, no tunnel comes up (W-MIX)\n"},
}

// Each kind of error and warning of the contract is the same fault on every interface, in the words of that interface; what is refused changes nothing, the binding
// of a node included.
func TestErrorContract(t *testing.T) {
	d := newDomain(t)
	s := d.anchor.manage()
	for _, f := range faults {
		t.Run(f.code, func(t *testing.T) {
			before, commit := d.anchor.config(), d.anchor.committed()
			unchanged := func(column string) {
				t.Helper()
				if f.status == codes.OK && f.tag != "" { // accepted
					must(t, d.anchor.delete(f.drop...))
				} else if now := d.anchor.committed(); now != commit {
					t.Errorf("%s: something was committed: %s, was %s", column, now, commit)
				}
				if now := d.anchor.config(); now != before {
					t.Errorf("%s: the configuration is %s, was %s", column, now, before)
				}
			}
			if f.tag != "" {
				f.overNETCONF(t, s)
				unchanged("NETCONF")
				f.overGNMI(t, d.anchor)
				unchanged("gNMI")
			}
			f.onCommandLine(t, d.anchor)
			unchanged("command line")
		})
	}
	d.registered(1)
	d.anchor.end(syscall.SIGTERM)
	for _, code := range []string{"W-REF", "W-MIX"} {
		if log := d.anchor.log.String(); !strings.Contains(log, "level=WARN msg=configuration code="+code) {
			t.Errorf("no %s in the log", code)
		}
	}
}

// manage begins a NETCONF session, of a user that is made for it.
func (p *process) manage() *secured {
	p.t.Helper()
	ann, _, _ := makeCertificate(p.t)
	must(p.t, p.merge(fmt.Sprintf(`{"mooring-system:system": {"netconf": {"tls": {"enabled": true, "port": 6513, "address": ["127.0.0.1"]}}, "user": [{"name": "ann"}],
		"client-certificate": [{"fingerprint": "%s", "user": "ann"}]},
		"ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "admin", "user-name": ["ann"]}]}}}`, access.Fingerprint(ann.Certificate[0]))))
	var conn net.Conn
	must(p.t, p.host.Do(func() (err error) {
		conn, err = net.Dial("tcp4", "127.0.0.1:6513")
		return err
	}))
	return secure(p.t, conn, ann)
}

// merge commits a JSON object, over the local socket.
func (p *process) merge(object string, options ...grpc.CallOption) error {
	c, err := (&client.Target{StateDir: p.dir}).Dial()
	must(p.t, err)
	defer c.Close()
	_, err = c.Set(p.t.Context(), &gpb.SetRequest{Update: []*gpb.Update{{
		Path: &gpb.Path{}, Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(object)}},
	}}}, options...)
	return err
}

// overNETCONF edits the candidate and commits; one of the two is answered with one rpc-error.
func (f *fault) overNETCONF(t *testing.T, s *secured) {
	got := s.ask(`<edit-config><target><candidate/></target><config xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"><pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6">` +
		f.netconf + `</pmipv6></config></edit-config>`)
	if strings.Contains(got, "<ok/>") {
		got = s.ask(`<commit/>`)
	}
	s.must(`<discard-changes/>`)
	var reply struct {
		Errors []struct {
			Tag      string `xml:"error-tag"`
			Severity string `xml:"error-severity"`
			AppTag   string `xml:"error-app-tag"`
			Path     string `xml:"error-path"`
			Message  string `xml:"error-message"`
		} `xml:"rpc-error"`
	}
	must(t, xml.Unmarshal([]byte(strings.TrimSuffix(got, messageEnd)), &reply))
	severity := "error"
	if f.status == codes.OK {
		severity = "warning"
	}
	if len(reply.Errors) != 1 || reply.Errors[0].Tag != f.tag || reply.Errors[0].Severity != severity || reply.Errors[0].AppTag != f.appTag || reply.Errors[0].Path != f.path {
		t.Fatalf("NETCONF answers %s\nwant one %s %s [%s] at %s", got, severity, f.tag, f.appTag, f.path)
	}
	f.said(t, "NETCONF", reply.Errors[0].Message)
}

// overGNMI does the same by one Set. Warnings are in its trailer and, with their kind, in state.
func (f *fault) overGNMI(t *testing.T, p *process) {
	var err error
	trailer := metadata.MD{}
	if f.gnmi == "" {
		err = p.delete(f.drop...)
	} else {
		err = p.merge(`{"mooring-pmipv6:pmipv6": {`+f.gnmi+`}}`, grpc.Trailer(&trailer))
	}
	if status.Code(err) != f.status {
		t.Errorf("gNMI answers %v, want %s", err, f.status)
	}
	text := status.Convert(err).Message()
	if f.status == codes.OK {
		text = strings.Join(trailer.Get("mooring-warning-bin"), "\n")
		if state := p.committed(); !strings.Contains(state, `"code":"`+f.code+`"`) {
			t.Errorf("no %s in the state: %s", f.code, state)
		}
	}
	f.said(t, "gNMI", text)
}

// committed is what the element says of its configuration: which commit it is of, and its warnings.
func (p *process) committed() string {
	c, err := (&client.Target{StateDir: p.dir}).Dial()
	must(p.t, err)
	defer c.Close()
	answer, err := c.GNMIClient.Get(p.t.Context(), &gpb.GetRequest{Path: []*gpb.Path{{Elem: []*gpb.PathElem{elem("system"), elem("configuration")}}}, Encoding: gpb.Encoding_JSON_IETF})
	must(p.t, err)
	return string(answer.GetNotification()[0].GetUpdate()[0].GetVal().GetJsonIetfVal())
}

func (f *fault) onCommandLine(t *testing.T, p *process) {
	o := complete(t, p.host, privileged, "import", "--from", "ios-xr", write(t, "router.cfg", f.cli), "--target", "local", "--state-dir", p.dir)
	if accepted := f.status == codes.OK && f.tag != ""; accepted != (o.code == 0) {
		t.Errorf("the command line ends with %d\n%s", o.code, o.stderr)
	}
	if text := o.out + o.stderr; !strings.Contains(text, f.prints) {
		t.Errorf("the command line says\n%s\nwant\n%s", text, f.prints)
	}
}

// said looks for what every message has to say.
func (f *fault) said(t *testing.T, column, message string) {
	t.Helper()
	for _, want := range f.says {
		if !strings.Contains(message, want) {
			t.Errorf("%s says %q, without %q", column, message, want)
		}
	}
}
