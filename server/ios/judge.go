package ios

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// judge says what is wrong with the whole that no line by itself is wrong with.
func (im *importer) judge() {
	const rounds = 20 // of leaving out what is refused, which may make something else wrong
	refused := im.report.Count(Refused)
	for range rounds {
		im.report.Items = append(im.report.Items, im.objections()...)
		now := im.report.Count(Refused)
		if !im.Partial || now == refused {
			break
		}
		refused = now
	}
	after, err := im.draft.onto(im.Base)
	if err != nil {
		return // which is among the objections
	}
	w := &warner{importer: im, after: after}
	w.walk(im.draft.root, nil)
	w.unserved(im.draft.root, nil)
}

// objections are violations of the model that the text brings about: a base may lack what its reader may not see, such as keys. What is
// objected to is left out where only a part is wanted.
func (im *importer) objections() (items []*Item) {
	after, err := im.draft.onto(im.Base)
	if err == nil {
		err = im.rules.Check(tree.Diff(im.Base, after))
	}
	all := append(tree.Errors(err), overlaps(after)...)
	wrong := all
	if im.Base == nil {
		wrong = im.certain(after, all)
	}
	for _, e := range all {
		item := im.itemAt(e.Path, Refused, kindOf(e), im.put(e))
		if !contains(wrong, e) {
			item.Outcome, item.Code = Warned, Expected
			item.Message += "; it has to be there already where this is applied"
			if im.reported(item) {
				continue
			}
		} else if im.Partial && len(e.Path) > 0 {
			im.draft.clear(e.Path)
		}
		items = append(items, item)
	}
	return items
}

// reported tells whether an item is in the report already.
func (im *importer) reported(item *Item) bool {
	for _, i := range im.report.Items {
		if i.Line == item.Line && i.Code == item.Code && i.Message == item.Message {
			return true
		}
	}
	return false
}

func contains(list []*tree.Error, e *tree.Error) bool {
	for _, other := range list {
		if other.Message == e.Message && other.Path.Equal(e.Path) {
			return true
		}
	}
	return false
}

// certain are the violations that stay, whatever the configuration has that the text is made for.
func (im *importer) certain(after *tree.Node, all []*tree.Error) []*tree.Error {
	var missing, sure []*tree.Error
	for _, e := range all {
		if e.AppTag == "instance-required" {
			missing = append(missing, e)
		} else if e.AppTag == overlapping {
			sure = append(sure, e)
		}
	}
	gaps := append(tree.Missing(missing), im.domainGaps(after)...)
	for _, e := range tree.Errors(im.rules.CheckKnown(tree.Diff(nil, after), gaps)) {
		if e.AppTag != "instance-required" {
			sure = append(sure, e)
		}
	}
	return sure
}

// domainGaps are what an LMA or MAG looks for in its domain, and what the text does not say of that.
func (im *importer) domainGaps(after *tree.Node) (gaps tree.Gaps) {
	domains := schema.Path{}.Append(im.schema.Root.ChildNamed("pmipv6"))
	list := domains.Last().Node.ChildNamed("domain")
	node := after.Get(domains.Append(list, []string(nil)...))
	if node == nil {
		return nil
	}
	for e := range node.Entries() {
		at := domains.Append(list, e.Keys()...)
		if _, ok := e.Leaf("encap"); !ok {
			gaps = append(gaps, at.Append(list.ChildNamed("encap")))
		}
		gaps = append(gaps, at.Append(list.ChildNamed("lma")))
	}
	return gaps
}

// itemAt describes something that is wrong at a place: the line is the one that brought it there.
func (im *importer) itemAt(path schema.Path, o Outcome, code, message string) *Item {
	w := im.draft.wordOf(path)
	if l := im.draft.removerOf(im.valueAt(path)); w == nil && l != nil {
		w = wordFor(l.words, im.valueAt(path))
	}
	if w == nil && len(im.lines) > 0 {
		w = &im.lines[len(im.lines)-1].words[0]
	}
	if w == nil {
		return &Item{Outcome: o, Code: code, Message: path.String() + ": " + message}
	}
	return im.item(w, o, code, message, "")
}

// wordFor is the last of words that is a value, or the first one where none is.
func wordFor(words []word, value string) *word {
	for i := range slices.Backward(words) {
		if strings.EqualFold(words[i].text, value) {
			return &words[i]
		}
	}
	return &words[0]
}

// valueAt is what was probably written of what is at path: a value, or the key of an entry.
func (im *importer) valueAt(path schema.Path) string {
	if len(path) == 0 {
		return ""
	}
	if keys := path.Last().Keys; len(keys) > 0 {
		return keys[0]
	}
	if n := im.draft.root.Get(path); n != nil {
		return n.Value()
	}
	if im.Base != nil {
		if n := im.Base.Get(path); n != nil {
			return n.Value()
		}
	}
	return ""
}

// overlapping is the app-tag of pools that overlap, which YANG cannot say.
const overlapping = "pools-overlap"

// pool is a pool and where it is.
type pool struct {
	prefix netip.Prefix
	path   schema.Path
}

// overlaps finds pools of one VRF, that of an LMA or of a customer, which overlap.
func overlaps(root *tree.Node) (errs []*tree.Error) {
	if root == nil {
		return nil
	}
	pools := map[string][]pool{}
	collectPools(root, nil, "", pools)
	for _, list := range pools {
		for i, p := range list {
			for _, q := range list[:i] {
				if p.prefix.Overlaps(q.prefix) {
					errs = append(errs, &tree.Error{Tag: tree.OperationFailed, AppTag: overlapping, Path: p.path,
						Message: fmt.Sprintf("the pool %s overlaps %s", p.prefix, q.prefix)})
					break
				}
			}
		}
	}
	return errs
}

func collectPools(n *tree.Node, path schema.Path, vrf string, pools map[string][]pool) {
	for kid := range n.Children() {
		if !kid.Schema().HasChildren() {
			continue
		}
		if kid.IsList() {
			for e := range kid.Entries() {
				at := append(path[:len(path):len(path)], e.Step())
				if name := e.Schema().Name; name == "lma" || name == "customer" {
					vrf = at.String()
				}
				collectPool(e, at, vrf, pools)
				collectPools(e, at, vrf, pools)
			}
			continue
		}
		at := path.Append(kid.Schema())
		collectPool(kid, at, vrf, pools)
		collectPools(kid, at, vrf, pools)
	}
}

func collectPool(n *tree.Node, path schema.Path, vrf string, pools map[string][]pool) {
	start, _ := n.Leaf("start-address")
	length, _ := n.Leaf("pool-prefix")
	address, err := netip.ParseAddr(start)
	bits, err2 := strconv.Atoi(length)
	if err != nil || err2 != nil {
		return
	}
	if p, err := address.Prefix(bits); err == nil {
		pools[vrf] = append(pools[vrf], pool{p, path})
	}
}
