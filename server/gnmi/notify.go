package gnmi

import (
	"encoding/binary"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"mooring/server/tree/schema"
)

// notifier is the sink of Subscribe: one Notification for each instance, with the path of the instance as prefix and one Update for each
// leaf, written straight to octets. (Several instances in one Notification would be more octets, since each path would have its keys, and
// would share a timestamp that is not theirs.)
type notifier struct {
	outbox *outbox
	target string
	origin func(schema.Path) string
	values valueEncoder

	at     schema.Path
	when   time.Time
	merged uint64 // versions of the instance that were never told
	body   []byte // the updates and deletes of the instance
	value  []byte
	prefix prefix
	// known are the paths to leaves that were told before, by instance; leaves are those of the instance that is told now.
	known  map[*schema.Node]*knownPaths
	leaves *knownPaths
}

// knownPaths are what the paths from an instance to its leaves look like: fields of an Update.
type knownPaths struct {
	here   [][]byte // leaves right in it, by position
	deeper map[*schema.Node][]byte
}

func (s *notifier) begin(at schema.Path, when time.Time, merged uint64) {
	s.at, s.when, s.merged, s.body = at, when, merged, s.body[:0]
	var instance *schema.Node // nil: the root
	if len(at) > 0 {
		instance = at.Last().Node
	}
	if s.leaves = s.known[instance]; s.leaves != nil {
		return
	}
	if s.known == nil {
		s.known = map[*schema.Node]*knownPaths{}
	}
	s.leaves = &knownPaths{deeper: map[*schema.Node][]byte{}}
	s.known[instance] = s.leaves
}

func (s *notifier) leaf(in []*schema.Node, def *schema.Node, texts [][]byte) {
	b := append(s.body, notificationUpdate<<3|byte(protowire.BytesType), 0)
	update := len(b)
	b = append(b, s.leaves.to(in, def)...)
	b = append(b, updateVal<<3|byte(protowire.BytesType), 0)
	value := len(b)
	b = closeField(s.values.append(b, def, texts), value)
	if s.merged > 0 {
		b = appendNumber(b, updateDuplicates, s.merged)
	}
	s.body = closeField(b, update)
}

// closeField ends a field that begins at an index, with one octet before it for its length. Most are so short; others are moved.
func closeField(b []byte, at int) []byte {
	length := len(b) - at
	if length < 1<<7 {
		b[at-1] = byte(length)
		return b
	}
	var room [binary.MaxVarintLen64]byte
	head := binary.AppendUvarint(room[:0], uint64(length))
	return slices.Replace(b, at-1, at, head...)
}

// presence tells nothing: what has no leaf has no value.
func (s *notifier) presence([]*schema.Node, *schema.Node) {}

func (s *notifier) gone(in []*schema.Node, def *schema.Node) {
	field := s.leaves.to(in, def)
	_, head := binary.Uvarint(field[1:])
	s.body = appendText(s.body, notificationDelete, field[1+head:])
}

// to is the field that holds the Path to a node in containers.
func (k *knownPaths) to(in []*schema.Node, def *schema.Node) (path []byte) {
	if len(in) == 0 && def.Position < len(k.here) {
		path = k.here[def.Position]
	} else if len(in) > 0 {
		path = k.deeper[def]
	}
	if path != nil {
		return path
	}
	for _, container := range in {
		path = appendElem(path, schema.Step{Node: container}, elementName(container))
	}
	path = appendElem(path, schema.Step{Node: def}, elementName(def))
	path = appendText(nil, updatePath, path)
	if len(in) > 0 {
		k.deeper[def] = path
		return path
	}
	k.here = append(k.here, make([][]byte, max(0, def.Position+1-len(k.here)))...)
	k.here[def.Position] = path
	return path
}

func (s *notifier) end() error {
	if len(s.body) == 0 {
		return nil
	}
	return s.notify(s.at, s.at)
}

// removed names the instance in the path of the delete, which some clients want to be there.
func (s *notifier) removed(at schema.Path, when time.Time) error {
	s.when, s.value = when, appendElems(s.value[:0], at)
	s.body = appendText(s.body[:0], notificationDelete, s.value)
	return s.notify(at, nil)
}

// notify tells the body with a prefix.
func (s *notifier) notify(at, instance schema.Path) error {
	prefix := s.prefix.encode(s.origin(at), instance, s.target)
	when := uint64(s.when.UnixNano())
	size := 1 + protowire.SizeVarint(when) + sizeText(len(prefix)) + len(s.body)
	b := appendTag(s.outbox.begin(sizeText(size)), responseUpdate, size)
	b = appendNumber(b, notificationTimestamp, when)
	b = appendText(b, notificationPrefix, prefix)
	return s.outbox.end(append(b, s.body...))
}

// prefix writes the paths of instances. What is the same as in the path before is not written again, which is most of it.
type prefix struct {
	above  schema.Path // all but the last step
	last   *schema.Node
	name   string // of last
	octets []byte
	head   int // octets up to the last step
}

func (p *prefix) encode(origin string, at schema.Path, target string) []byte {
	if len(at) == 0 {
		p.last, p.octets = nil, p.octets[:0]
		if origin != "" {
			p.octets = appendText(p.octets, pathOrigin, origin)
		}
		return p.end(target)
	}
	last := at.Last()
	if last.Node != p.last || !at.Parent().Equal(p.above) {
		p.begin(origin, at)
	}
	p.octets = appendElem(p.octets[:p.head], last, p.name)
	return p.end(target)
}

// begin writes what stands before the last step. The origin follows from the first.
func (p *prefix) begin(origin string, at schema.Path) {
	p.last, p.name, p.octets = at.Last().Node, elementName(at.Last().Node), p.octets[:0]
	if origin != "" {
		p.octets = appendText(p.octets, pathOrigin, origin)
	}
	p.octets = appendElems(p.octets, at.Parent())
	p.head = len(p.octets)
	p.above = p.above[:0]
	for _, step := range at.Parent() {
		p.above = append(p.above, schema.Step{Node: step.Node, Keys: slices.Clone(step.Keys)})
	}
}

func (p *prefix) end(target string) []byte {
	if target != "" {
		p.octets = appendText(p.octets, pathTarget, target)
	}
	return p.octets
}
