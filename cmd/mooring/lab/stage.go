package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"mooring/dataplane/netns"
)

// stage is what every lab is made of.
type stage struct {
	Options
	folder   string
	password string // of user admin, of every element
	timeline *timeline
	hosts    []*netns.Host
	elements []*element
	clients  map[string]*client // by the name of the element
	taps     []*tap
}

func newStage(folder string, o Options) stage {
	return stage{Options: o, folder: folder, clients: map[string]*client{}, timeline: newTimeline(o.Out, o.JSON)}
}

func (s *stage) file(name string) string { return filepath.Join(s.folder, name) }

// bring starts an element on a host, and a client of it.
func (s *stage) bring(h *netns.Host, fail context.CancelCauseFunc) (*element, error) {
	e, err := startElement(h, s.Element, s.folder, fail)
	if err != nil {
		return nil, err
	}
	s.elements = append(s.elements, e)
	s.clients[h.Name], err = dial(h.Name, e.socket())
	return e, err
}

// backend is the configuration of an element's dataplane.
func (s *stage) backend() []byte {
	return fmt.Appendf(nil, `{"mooring-system:system": {"dataplane": {"backend": %q}}}`, cmp.Or(s.Backend, "auto"))
}

// tellBackend says what carries an element's tunnels.
func (s *stage) tellBackend(ctx context.Context, name string) error {
	carrier, err := s.clients[name].get(ctx, "system", "dataplane", "backend-in-use")
	if err != nil {
		return err
	}
	s.timeline.now(name, "backend", "%s", carrier)
	return nil
}

// stop ends the elements and what looks at them. followed waits for those who follow their state.
func (s *stage) stop(followed func()) error {
	for _, c := range s.clients {
		c.close()
	}
	followed()
	errs := []error{stopAll(s.elements)}
	for _, t := range s.taps {
		errs = append(errs, t.close())
	}
	return errors.Join(errs...)
}

// release lets go of the hosts, and checks that the elements have left no interface there besides those that are named.
func (s *stage) release(named []string) error {
	errs := []error{clean(s.hosts, slices.Concat(named, ofDrivers))}
	for _, h := range s.hosts {
		errs = append(errs, h.Close())
	}
	return errors.Join(errs...)
}
