package notify

import (
	"time"

	"mooring/server/access"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Event is an instance of a notification. It never changes.
type Event struct {
	ID   uint64 // counts the events of a log; the first is 1
	Time time.Time
	Def  *schema.Node // the notification
	// Root is the root of a tree that holds the notification and nothing else but the nodes that lead to it, lists with their
	// keys: one that concerns a data node stands below that (RFC 7950 section 7.16.2).
	Root   *tree.Node
	octets int // roughly what it takes in memory
}

// octetsOf is roughly what a node takes beside its text.
const octetsOf = 64

// newEvent builds an event. keys are those of all lists on the way to the notification, the outermost first; fill, unless nil,
// adds what the notification holds.
func newEvent(at time.Time, def *schema.Node, keys []string, fill func(*tree.Builder)) *Event {
	var b tree.Builder
	way := def.Ancestors()
	b.Open(def.Schema().Root)
	for _, above := range way {
		b.Open(above)
		for _, key := range above.Keys {
			b.Leaf(key, keys[0])
			keys = keys[1:]
		}
	}
	if fill != nil {
		fill(&b)
	}
	for range way {
		b.Close()
	}
	root, _ := b.Close()
	return &Event{Time: at, Def: def, Root: root, octets: weigh(root)}
}

func weigh(n *tree.Node) int {
	sum := octetsOf + len(n.Value())
	for kid := range n.Children() {
		sum += weigh(kid)
	}
	for entry := range n.Entries() {
		sum += weigh(entry)
	}
	return sum
}

// Path leads to the notification.
func (e *Event) Path() (path schema.Path) {
	n := e.Root
	for _, def := range e.Def.Ancestors() {
		if n = n.Child(def); n.IsList() {
			for n = range n.Entries() {
				break
			}
		}
		path = append(path, n.Step())
	}
	return path
}

// Readable reports whether a user may be told (RFC 8341 section 3.4.6): an event of a data node needs that node to be
// readable, too.
func (e *Event) Readable(a *access.Access) bool {
	path := e.Path()
	if len(path) == 1 {
		return a.Notification(e.Def)
	}
	for i := range path {
		if !a.Read(path[:i+1]) {
			return false
		}
	}
	return true
}
