package main

import (
	"encoding/xml"
	"strings"
	"testing"

	"mooring/cmd/mooring/client"
	"mooring/server/model"
	"mooring/server/tree/schema"
)

// oneOfEach has an entry of every list, and every container with a meaning of its own, that has leaves with defaults below it, and sets
// nothing else that it need not.
const oneOfEach = `{
	"ietf-network-instance:network-instances": {"network-instance": [{"name": "V1"}]},
	"ietf-netconf-acm:nacm": {"rule-list": [{"name": "r", "rule": [{"name": "1", "action": "permit"}]}]},
	"ietf-access-control-list:acls": {"acl": [{"name": "a", "aces": {"ace": [
		{"name": "1", "matches": {"tcp": {"source-port": {"port": 1}, "destination-port": {"port": 2}}}, "actions": {"forwarding": "ietf-access-control-list:accept"}},
		{"name": "2", "matches": {"udp": {"source-port": {"port": 1}, "destination-port": {"port": 2}}}, "actions": {"forwarding": "ietf-access-control-list:accept"}}]}}]},
	"mooring-pmipv6:pmipv6": {
		"domain": [{"name": "d1", "nai": [{"id": "@r"}], "profile": [{"name": "p"}], "lma": [{"id": "l1", "ipv4-address": "192.0.2.2"}]}],
		"lma": [{"name": "l1", "domain": "d1", "mag": [{"id": "m1", "domain": "d1", "ipv4-address": "192.0.2.1", "auth-option": {"spi": 300, "key": "x"}}],
			"aaa": {"accounting": {}}, "mobile-local-loop": {"customer": [{"name": "C1", "vrf": "V1",
				"transport": [{"vrf": "default", "ipv4-address": "192.0.2.9"}]}]}}],
		"mag": [{"name": "g1", "domain": "d1", "lma": [{"id": "l1", "domain": "d1", "auth-option": {"spi": 300, "key": "x"}}], "interface": [{"name": "access0"}], "detach-detection": {}}]},
	"mooring-system:system": {
		"netconf": {"url": {"https-server": [{"host": "192.0.2.3"}], "sftp-server": [{"host": "192.0.2.3", "host-key": "AAAAC3NzaC1lZDI1NTE5AAAAIGuGsnP/NPzhnWuATv9aP1dHraTqoi8dScAeUt23h1tL"}]}, "call-home": [{"name": "c", "address": "192.0.2.4", "periodic": {}}]},
		"aaa": {"radius": {"server": [{"name": "s", "address": "192.0.2.5", "shared-secret": "x"}]},
			"accounting": {"mobile": [{"name": "default", "group": ["radius"]}]}}}}`

// annotated is an element of XML with its attributes.
type annotated struct {
	XMLName  xml.Name
	Attrs    []xml.Attr  `xml:",any,attr"`
	Text     string      `xml:",chardata"`
	Children []annotated `xml:",any"`
}

func (e *annotated) all(name string) (found []annotated) {
	for _, c := range e.Children {
		if c.XMLName.Local == name {
			found = append(found, c)
		}
	}
	return found
}

func (e *annotated) origin() string {
	for _, a := range e.Attrs {
		if a.Name.Local == "origin" {
			_, name, _ := strings.Cut(a.Value, ":")
			return name
		}
	}
	return ""
}

// inForce looks for the leaves with defaults below an element: each is there, with its default where that is said to be where it comes
// from. It notes which leaves are told so.
func inForce(t *testing.T, def *schema.Node, e annotated, told map[*schema.Node]bool) {
	t.Helper()
	for _, kid := range def.Children {
		if !kid.Config {
			continue
		}
		is := e.all(kid.Name)
		switch {
		case kid.Kind == schema.Container && !kid.Presence && len(is) == 0:
			inForce(t, kid, annotated{}, told) // there as long as what it is in (RFC 7950 section 7.5.1)
		case kid.Kind == schema.Container || kid.Kind == schema.List:
			for _, one := range is {
				inForce(t, kid, one, told)
			}
		case kid.Kind == schema.Leaf && len(kid.Default) > 0 && (kid.Case == nil || chosen(kid.Case, e)):
			if len(is) != 1 {
				t.Errorf("%d of %s are told", len(is), kid)
			} else if is[0].origin() == "default" {
				_, want, _ := strings.Cut(":"+kid.Default[0], ":")
				if is[0].Text != want {
					t.Errorf("%s is %s, want %s", kid, is[0].Text, want)
				}
				told[kid] = true
			}
		}
	}
}

// chosen tells whether a case is the one that an element has, or that it has by default.
func chosen(c *schema.Case, e annotated) bool {
	has := func(c *schema.Case) bool {
		for _, n := range c.Nodes {
			if n.Kind != schema.Leaf || len(n.Default) == 0 {
				if len(e.all(n.Name)) > 0 {
					return true
				}
			}
		}
		return false
	}
	for _, other := range c.Choice.Cases {
		if has(other) {
			return other == c
		}
	}
	return c == c.Choice.Default
}

// Whoever sets nothing reads what is in force, of everything that has a default, and that it is one.
func TestOPS15_EveryDefault(t *testing.T) {
	s, err := model.Schema()
	must(t, err)
	p := run(t, newHost(t, "element"), t.TempDir())
	must(t, p.merge(oneOfEach))
	session, err := manage(t.Context(), &client.Target{StateDir: p.dir})
	must(t, err)
	t.Cleanup(func() { session.Close() })
	var answer struct {
		Data annotated `xml:"data"`
	}
	must(t, session.Do(`<get-data xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"><datastore`+operational+`<with-origin/></get-data>`, &answer))
	told := map[*schema.Node]bool{}
	inForce(t, s.Root, answer.Data, told)
	var every func(def *schema.Node)
	every = func(def *schema.Node) {
		for _, kid := range def.Children {
			if kid.Config && kid.Kind == schema.Leaf && len(kid.Default) > 0 && !told[kid] {
				t.Errorf("nobody is told that the default of %s is in force", kid)
			}
			every(kid)
		}
	}
	every(s.Root)
}
