package netconf

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"

	"mooring/server/tree/schema"
)

// dom is an element as a receiver has it: what it is, its text, and what is in it.
type dom struct {
	name, text string
	kids       []*dom
}

func parseDOM(t testing.TB, text string) *dom {
	t.Helper()
	stack := []*dom{{}}
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return stack[0]
		}
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		top := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			kid := &dom{name: token.Name.Local}
			top.kids = append(top.kids, kid)
			stack = append(stack, kid)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text += string(token)
		}
	}
}

// in returns the first child of that name, or nothing.
func (d *dom) in(names ...string) *dom {
	for _, name := range names {
		i := slices.IndexFunc(d.kids, func(k *dom) bool { return k.name == name })
		if i < 0 {
			return &dom{}
		}
		d = d.kids[i]
	}
	return d
}

// receiver keeps a copy of what a subscription selects, by what it is told.
type receiver struct {
	t       testing.TB
	data    *dom
	patches int  // since the last push-update
	whole   bool // entries are selected with all that is in them: one that has nothing but keys says something
}

// hop is a step of a target path.
type hop struct {
	def  *schema.Node
	keys []string
}

// target reads a path as RESTCONF writes it (RFC 8040 section 3.5.3).
func (r *receiver) target(text string) (steps []hop) {
	r.t.Helper()
	s, _ := compiled()
	at := s.Root
	for _, segment := range strings.Split(text, "/")[1:] {
		name, keys, keyed := strings.Cut(segment, "=")
		module, local, qualified := strings.Cut(name, ":")
		if !qualified {
			module, local = at.Module.Name, name
		}
		if at.Parent != nil && qualified == (at.Module.Name == module) {
			r.t.Errorf("%s has a module too many or too few", text)
		}
		if at = at.Child(module, local); at == nil {
			r.t.Fatalf("there is nothing at %s", text)
		}
		st := hop{def: at}
		if keyed {
			for _, k := range strings.Split(keys, ",") {
				k, err := url.PathUnescape(k)
				if err != nil {
					r.t.Fatal(err)
				}
				st.keys = append(st.keys, k)
			}
		}
		steps = append(steps, st)
	}
	return steps
}

// is reports whether an element is the instance that a step leads to.
func (st hop) is(d *dom) bool {
	if d.name != st.def.Name {
		return false
	}
	if st.def.Kind == schema.LeafList {
		return d.text == st.keys[0]
	}
	for i, k := range st.keys {
		if d.in(st.def.Keys[i].Name).text != k {
			return false
		}
	}
	return true
}

// take takes a push-update or a push-change-update over.
func (r *receiver) take(update *dom) {
	r.t.Helper()
	if update.name == "push-update" {
		r.data, r.patches = &dom{kids: update.in("datastore-contents").kids}, 0
		return
	}
	patch := update.in("datastore-changes", "yang-patch")
	if got, want := patch.in("patch-id").text, fmt.Sprint(r.patches); got != want {
		r.t.Errorf("patch %s, want %s", got, want)
	}
	r.patches++
	seen := map[string]bool{"": true}
	for _, edit := range patch.kids {
		if edit.name != "edit" {
			continue
		}
		if id := edit.in("edit-id").text; seen[id] {
			r.t.Errorf("edit-id %q is not the name of one edit", id)
		}
		seen[edit.in("edit-id").text] = true
		r.apply(edit)
	}
}

// apply carries an edit out (RFC 8072 section 2.5).
func (r *receiver) apply(edit *dom) {
	r.t.Helper()
	steps := r.target(edit.in("target").text)
	parent := r.data
	for _, st := range steps[:len(steps)-1] {
		i := slices.IndexFunc(parent.kids, st.is)
		if i < 0 { // an entry whose keys alone are known
			kid := &dom{name: st.def.Name}
			for k, v := range st.keys {
				kid.kids = append(kid.kids, &dom{name: st.def.Keys[k].Name, text: v})
			}
			parent.kids, i = append(parent.kids, kid), len(parent.kids)
		}
		parent = parent.kids[i]
	}
	last := steps[len(steps)-1]
	i := slices.IndexFunc(parent.kids, last.is)
	var value *dom
	if list := edit.in("value").kids; len(list) == 1 {
		value = list[0]
		if st := last; !st.is(value) && st.def.Kind != schema.Leaf {
			r.t.Errorf("the value of %s is of another node", edit.in("target").text)
		}
	}
	switch op := edit.in("operation").text; op {
	case "delete":
		if i >= 0 { // it may have come and gone since (RFC 8641 section 3.5.2)
			parent.kids = slices.Delete(parent.kids, i, i+1)
		}
	case "create", "replace":
		if i < 0 {
			parent.kids, i = append(parent.kids, nil), len(parent.kids)
		}
		parent.kids[i] = value
	case "insert", "move":
		if op == "move" {
			value = parent.kids[i]
		}
		if i >= 0 {
			parent.kids = slices.Delete(parent.kids, i, i+1)
		}
		at := 0
		if edit.in("where").text == "after" {
			point := r.target(edit.in("point").text)
			at = slices.IndexFunc(parent.kids, point[len(point)-1].is) + 1
			if at == 0 {
				r.t.Errorf("there is no point %s", edit.in("point").text)
			}
		}
		parent.kids = slices.Insert(parent.kids, at, value)
	default:
		r.t.Errorf("operation %q", op)
	}
}

// lines are what data says: a line for each leaf, and for the order of each list of the user; with whole also for each entry.
func (d *dom) lines(def *schema.Node, path string, whole bool) (lines []string) {
	order := map[string][]string{}
	for _, k := range d.kids {
		kid := def.ChildNamed(k.name)
		at := path + "/" + k.name
		switch {
		case kid.Kind == schema.List:
			var keys []string
			for _, key := range kid.Keys {
				keys = append(keys, k.in(key.Name).text)
			}
			at += fmt.Sprint(keys)
		case kid.Kind == schema.LeafList:
			at += fmt.Sprint([]string{k.text})
		}
		var below []string
		switch {
		case kid.IsKey():
			continue
		case kid.HasChildren():
			below = k.lines(kid, at, whole)
			if kid.Presence || whole && kid.Kind == schema.List {
				below = append(below, at)
			}
		default:
			below = []string{at + " = " + k.text}
		}
		if lines = append(lines, below...); kid.UserOrdered && len(below) > 0 {
			order[k.name] = append(order[k.name], at)
		}
	}
	for name, list := range order {
		lines = append(lines, path+" order of "+name+" "+strings.Join(list, " "))
	}
	slices.Sort(lines)
	return lines
}

// say writes data as the receiver looks at it.
func (r *receiver) say(data *dom) string {
	s, _ := compiled()
	return strings.Join(data.lines(s.Root, "", r.whole), "\n")
}
