package gnmi

import (
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// notifier is the sink of Subscribe: one Notification for each instance, with the path of the instance as prefix and one Update for each
// leaf. It is the one place that makes Notifications of what is told.
type notifier struct {
	send     func(*gpb.Notification) error
	target   string
	origin   func(schema.Path) string
	encoding gpb.Encoding
	now      *gpb.Notification
	at       schema.Path
}

func (s *notifier) begin(at schema.Path, when time.Time) {
	s.at, s.now = at, &gpb.Notification{Timestamp: when.UnixNano()}
}

func (s *notifier) leaf(in []*schema.Node, n *tree.Node) {
	s.now.Update = append(s.now.Update, &gpb.Update{Path: below(in, n.Schema()), Val: typedValue(s.encoding, n.Schema(), textsOf(n))})
}

// presence tells nothing: what has no leaf has no value.
func (s *notifier) presence([]*schema.Node, *schema.Node) {}

func (s *notifier) gone(in []*schema.Node, def *schema.Node) {
	s.now.Delete = append(s.now.Delete, below(in, def))
}

// below is the path from an instance to a node in containers.
func below(in []*schema.Node, def *schema.Node) *gpb.Path {
	p := &gpb.Path{Elem: make([]*gpb.PathElem, 0, len(in)+1)}
	for _, container := range in {
		p.Elem = append(p.Elem, &gpb.PathElem{Name: elementName(container)})
	}
	p.Elem = append(p.Elem, &gpb.PathElem{Name: elementName(def)})
	return p
}

func (s *notifier) end() error {
	if len(s.now.Update) == 0 && len(s.now.Delete) == 0 {
		return nil
	}
	s.now.Prefix = s.rootOf(s.at)
	s.now.Prefix.Elem = elemsOf(s.at)
	return s.send(s.now)
}

// removed names the instance in the path of the delete, which some clients want to be there.
func (s *notifier) removed(at schema.Path, when time.Time) error {
	return s.send(&gpb.Notification{Timestamp: when.UnixNano(), Prefix: s.rootOf(at), Delete: []*gpb.Path{{Elem: elemsOf(at)}}})
}

func (s *notifier) rootOf(at schema.Path) *gpb.Path {
	return &gpb.Path{Target: s.target, Origin: s.origin(at)}
}
