package gnmi

import (
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"mooring/server/tree/schema"
)

// notifier is the sink of Subscribe: one Notification for each instance, with the path of the instance as prefix and one Update for each
// leaf, written straight to octets. (Several instances in one Notification would be more octets, since each path would have its keys, and
// would share a timestamp that is not theirs.)
type notifier struct {
	send   func(encoded) error
	target string
	origin func(schema.Path) string
	values valueEncoder

	at     schema.Path
	when   time.Time
	merged uint64                // versions of the instance that were never told
	body   []byte                // the updates and deletes of the instance
	paths  map[inInstance][]byte // what paths look like that were told before
	value  []byte
	prefix []byte
}

// inInstance is a leaf in an instance that is so many levels above it.
type inInstance struct {
	def   *schema.Node
	above int
}

func (s *notifier) begin(at schema.Path, when time.Time) {
	s.at, s.when, s.body = at, when, s.body[:0]
}

func (s *notifier) leaf(in []*schema.Node, def *schema.Node, texts [][]byte) {
	path := s.below(in, def)
	s.value = s.values.append(s.value[:0], def, texts)
	size := sizeText(len(path)) + sizeText(len(s.value))
	if s.merged > 0 {
		size += 1 + protowire.SizeVarint(s.merged)
	}
	s.body = protowire.AppendTag(s.body, notificationUpdate, protowire.BytesType)
	s.body = protowire.AppendVarint(s.body, uint64(size))
	s.body = appendText(s.body, updatePath, path)
	s.body = appendText(s.body, updateVal, s.value)
	if s.merged > 0 {
		s.body = appendNumber(s.body, updateDuplicates, s.merged)
	}
}

// presence tells nothing: what has no leaf has no value.
func (s *notifier) presence([]*schema.Node, *schema.Node) {}

func (s *notifier) gone(in []*schema.Node, def *schema.Node) {
	s.body = appendText(s.body, notificationDelete, s.below(in, def))
}

// below is the Path from an instance to a node in containers.
func (s *notifier) below(in []*schema.Node, def *schema.Node) []byte {
	key := inInstance{def, len(in)}
	path, known := s.paths[key]
	if known {
		return path
	}
	for _, container := range in {
		path = appendElem(path, schema.Step{Node: container})
	}
	path = appendElem(path, schema.Step{Node: def})
	if s.paths == nil {
		s.paths = map[inInstance][]byte{}
	}
	s.paths[key] = path
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
	s.when, s.value = when, s.value[:0]
	for _, step := range at {
		s.value = appendElem(s.value, step)
	}
	s.body = appendText(s.body[:0], notificationDelete, s.value)
	return s.notify(at, nil)
}

// notify sends the body with a prefix.
func (s *notifier) notify(at, prefix schema.Path) error {
	s.prefix = s.prefix[:0]
	if origin := s.origin(at); origin != "" {
		s.prefix = appendText(s.prefix, pathOrigin, origin)
	}
	for _, step := range prefix {
		s.prefix = appendElem(s.prefix, step)
	}
	if s.target != "" {
		s.prefix = appendText(s.prefix, pathTarget, s.target)
	}
	when := uint64(s.when.UnixNano())
	size := 1 + protowire.SizeVarint(when) + sizeText(len(s.prefix)) + len(s.body)
	octets := messages.Get(sizeText(size))
	b := protowire.AppendTag((*octets)[:0], responseUpdate, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	b = appendNumber(b, notificationTimestamp, when)
	b = appendText(b, notificationPrefix, s.prefix)
	*octets = append(b, s.body...)
	return s.send(encoded{octets})
}
