package ios

import (
	"fmt"
	"slices"
	"strconv"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// warner says what of the text will not work as it stands.
type warner struct {
	*importer
	after *tree.Node // what comes out
}

// warn adds a warning about what is at path.
func (w *warner) warn(path schema.Path, code, format string, args ...any) {
	w.report.Items = append(w.report.Items, w.itemAt(path, Warned, code, fmt.Sprintf(format, args...)))
}

// walk looks at each node that the text set.
func (w *warner) walk(n *tree.Node, path schema.Path) {
	for kid := range n.Children() {
		if kid.IsList() {
			for e := range kid.Entries() {
				w.node(e, append(path[:len(path):len(path)], e.Step()))
			}
			continue
		}
		w.node(kid, path.Append(kid.Schema()))
	}
}

func (w *warner) node(n *tree.Node, path schema.Path) {
	def := n.Schema()
	if check := checks[def.Name]; check != nil {
		check(w, n, path)
	}
	if def.Kind == schema.Leaf || def.Kind == schema.LeafList {
		w.reference(n, path)
		return
	}
	w.walk(n, path)
}

// alternatives are what names may lead to beside what the model says of them.
var alternatives = map[string]string{
	"network":         "pmipv6/lma/mobile-local-loop/customer/network/authorized/name",
	"default-profile": "pmipv6/domain/nai/id",
}

// reference warns of a name that leads nowhere, where the model allows it.
func (w *warner) reference(n *tree.Node, path schema.Path) {
	t := n.Schema().Type
	if t.Base != schema.Leafref || t.RequireInstance || w.exists(t.Target, n.Value()) {
		return
	}
	if other := alternatives[n.Schema().Name]; other != "" {
		chain, _ := descend(w.schema.Root, other)
		if len(chain) > 0 && w.exists(chain[len(chain)-1], n.Value()) {
			return
		}
	}
	w.warn(path, BadReference, "there is no %s %s", target(t.Target), n.Value())
}

// target names what a reference leads to.
func target(leaf *schema.Node) string {
	switch {
	case leaf.Parent.Name == "acl":
		return "access list"
	case leaf.Name == "name" || leaf.Name == "id":
		return leaf.Parent.Name
	}
	return leaf.Name
}

// exists reports whether any instance of a leaf has a value.
func (w *warner) exists(leaf *schema.Node, value string) bool {
	return slices.Contains(instances(w.after, leaf), value)
}

// instances are the values of all instances of a leaf.
func instances(root *tree.Node, leaf *schema.Node) (values []string) {
	nodes := []*tree.Node{root}
	for _, def := range leaf.Ancestors() {
		var next []*tree.Node
		for _, n := range nodes {
			kid := n.Child(def)
			switch {
			case kid == nil:
			case kid.IsList():
				next = slices.AppendSeq(next, kid.Entries())
			default:
				next = append(next, kid)
			}
		}
		nodes = next
	}
	for _, n := range nodes {
		values = append(values, n.Value())
	}
	return values
}

// checks are what nodes are checked for, by their names.
var checks = map[string]func(*warner, *tree.Node, schema.Path){
	"spi":              (*warner).spi,
	"encap":            (*warner).encap,
	"tunnel-interface": (*warner).tunnelInterface,
	"heartbeat":        (*warner).heartbeat,
	"heartbeat-label":  (*warner).heartbeat,
	"mtu":              (*warner).mtu,
	"roaming":          (*warner).roaming,
	"link-type":        (*warner).label,
	"server":           (*warner).server,
}

// lastReserved is the highest SPI that RFC 4285 section 4 reserves.
const lastReserved = 255

func (w *warner) spi(n *tree.Node, path schema.Path) {
	if spi, err := strconv.Atoi(n.Value()); err == nil && spi <= lastReserved {
		w.warn(path, Mismatch, "SPI %d (%#x) is one of those that RFC 4285 reserves, 0 to 255", spi, spi)
	}
}

func (w *warner) encap(n *tree.Node, path schema.Path) {
	def := path.Parent().Last().Node
	if n.Value() != "gre-ipv6" || def.ChildNamed("ipv6-address") == nil {
		return
	}
	if peer := w.after.Get(path.Parent()); peer != nil && peer.ChildNamed("ipv6-address") == nil {
		w.warn(path, Mismatch, "gre-ipv6 needs an IPv6 address of %s: without one, no tunnel comes up", path.Parent().Last().Keys[0])
	}
}

// tunnelInterface warns where the text does not make the interface.
func (w *warner) tunnelInterface(n *tree.Node, path schema.Path) {
	for _, l := range w.lines {
		if len(l.words) > 1 && l.words[0].text == "interface" {
			var texts []string
			for _, other := range l.words[1:] {
				texts = append(texts, other.text)
			}
			if name, _ := readInterface(texts[:min(len(texts), 2)]); name == n.Value() {
				return
			}
		}
	}
	w.warn(path, BadReference, "nothing here makes the interface %s: the peer is down while the host does not have it", n.Value())
}

func (w *warner) heartbeat(n *tree.Node, path schema.Path) {
	interval, _ := n.Leaf("interval")
	timeout, _ := n.Leaf("timeout")
	i, _ := strconv.Atoi(interval)
	t, _ := strconv.Atoi(timeout)
	if t > i {
		w.warn(path.Append(n.Schema().ChildNamed("timeout")), Mismatch, "the timeout, %d seconds, is longer than the interval, %d", t, i)
	}
}

// leastMTU is the smallest of links that carry IPv6 (RFC 8200 section 5).
const leastMTU = 1280

func (w *warner) mtu(n *tree.Node, path schema.Path) {
	mtu, err := strconv.Atoi(n.Value())
	services := instances(w.after, w.find("pmipv6/domain/nai/service"))
	if err == nil && mtu < leastMTU && (slices.Contains(services, "ipv6") || slices.Contains(services, "dual")) {
		w.warn(path, Mismatch, "IPv6 needs links of %d octets or more", leastMTU)
	}
}

func (w *warner) find(path string) *schema.Node {
	chain, _ := descend(w.schema.Root, path)
	return chain[len(chain)-1]
}

func (w *warner) roaming(n *tree.Node, path schema.Path) {
	gateway := w.after.Get(path[:2])
	if multipath, _ := gateway.Leaf("multipath"); multipath == "true" && n.ChildNamed("label") == nil {
		w.warn(path, Mismatch, "with multipath a roaming interface needs a label, by which mobile maps and the LMA tell it from others")
	}
}

// label warns of a label that no link here carries. LMAs that use the map know labels that MAGs bring.
func (w *warner) label(n *tree.Node, path schema.Path) {
	name := path[2].Keys[0] // pmipv6/domain/mobile-map
	if w.exists(w.find("pmipv6/lma/mobile-map"), name) || w.exists(w.find("pmipv6/mag/address/dynamic/roaming/label"), n.Value()) ||
		w.exists(w.find("pmipv6/domain/link-label/name"), n.Value()) {
		return
	}
	w.warn(path, BadReference, "no link here has the label %s", n.Value())
}

func (w *warner) server(n *tree.Node, path schema.Path) {
	if n.Schema().Kind == schema.List && n.ChildNamed("acct-port") == nil {
		w.warn(path, Mismatch, "no acct-port is said: routers then use 1646, this element 1813")
	}
}

// unserved tells of what the element does not know.
func (w *warner) unserved(n *tree.Node, path schema.Path) {
	if w.Served == nil {
		return
	}
	for kid := range n.Children() {
		nodes := []*tree.Node{kid}
		if kid.IsList() {
			nodes = slices.Collect(kid.Entries())
		}
		for _, k := range nodes {
			at := append(path[:len(path):len(path)], k.Step())
			if w.Served.Find(k.Schema().Path()) != nil {
				w.unserved(k, at)
				continue
			}
			w.tellUnserved(at)
		}
	}
}

func (w *warner) tellUnserved(at schema.Path) {
	item := w.itemAt(at, Warned, LaterWarning, at.Last().Node.Name+" is not yet carried out by this version, whose elements refuse it")
	if w.Strict {
		item.Outcome, item.Code = Refused, NotYet
		if w.Partial {
			w.draft.clear(at)
		}
	}
	if !w.reported(item) {
		w.report.Items = append(w.report.Items, item)
	}
}
