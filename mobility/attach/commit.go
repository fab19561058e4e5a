package attach

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"mooring/mobility"
	"mooring/mobility/attach/homelink"
)

// Commit is a configuration that the server is ready to obey. Either Apply or Abort is called, once; neither can fail.
type Commit struct {
	server *Server
	config *mobility.Config
}

// Prepare gets ready to obey config, which is nil for none, and disturbs nothing. What the server obeys now is not looked at. It
// fails, with every reason, where nodes would not understand the advertisements, or the process may not watch links.
func (s *Server) Prepare(_ context.Context, _, config *mobility.Config) (*Commit, error) {
	if config == nil {
		config = new(mobility.Config)
	}
	var problems []error
	watches := false
	for _, mag := range config.MAGs {
		for i := range mag.Links {
			watches = true
			problems = append(problems, check(mag.Links[i]))
		}
	}
	if watches && s.permitted != nil {
		problems = append(problems, s.permitted())
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return &Commit{s, config}, nil
}

// Abort gives the commit up.
func (c *Commit) Abort() {}

// Apply makes the server obey. Links that are new are watched as soon as their interfaces are up, those that are gone are taken leave of.
// It does not wait for that. The mobility core has to have been configured before: it will hear of nodes on these links.
func (c *Commit) Apply() {
	c.server.queue.put(func(now time.Time) { c.server.reconfigure(now, c.config) })
}

// check says what is wrong with the parameters of a link (RFC 4861 section 6.2.1).
func check(l mobility.AccessLink) error {
	a := l.Advertise
	problem := func(format string, args ...any) error {
		return fmt.Errorf("access link %s: %s", l.Name, fmt.Sprintf(format, args...))
	}
	switch {
	case a.MaxInterval == 0: // no advertisements
		return nil
	case a.MaxInterval < 4*time.Second || a.MaxInterval > 1800*time.Second:
		return problem("router advertisements every %v at most: it must be 4s to 1800s", a.MaxInterval)
	case a.MinInterval < 3*time.Second || a.MinInterval > a.MaxInterval*3/4:
		return problem("router advertisements every %v at least: it must be 3s to three quarters of %v", a.MinInterval, a.MaxInterval)
	case a.RouterLifetime != 0 && (a.RouterLifetime < a.MaxInterval || a.RouterLifetime > 9000*time.Second):
		return problem("router lifetime %v: it must be 0, or %v to 9000s", a.RouterLifetime, a.MaxInterval)
	}
	return nil
}

// owned is an access link with the gateway that has it.
type owned struct {
	mag  *mobility.MAG
	link *mobility.AccessLink
}

func (s *Server) reconfigure(now time.Time, config *mobility.Config) {
	wanted := map[string]owned{}
	for _, mag := range config.MAGs {
		for i := range mag.Links {
			wanted[mag.Links[i].Name] = owned{mag, &mag.Links[i]}
		}
	}
	for _, l := range s.inOrder() {
		if w, ok := wanted[l.name]; !ok || w.mag.Name != l.mag {
			s.remove(now, l)
		}
	}
	for name, w := range wanted {
		if l := s.links[name]; l != nil {
			l.machine.Reconfigure(now, w.mag, w.link, &l.out)
			s.carryOut(l)
			continue
		}
		s.add(now, w)
	}
}

func (s *Server) add(now time.Time, w owned) {
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	l := &link{name: w.link.Name, mag: w.mag.Name, machine: homelink.New(w.mag, w.link, random)}
	s.links[l.name] = l
	s.states.set(l.state())
	if _, up := s.up[l.name]; up {
		s.open(now, l)
	}
}

func (s *Server) remove(now time.Time, l *link) {
	l.machine.Close(now, &l.out)
	s.carryOut(l)
	s.close(l)
	delete(s.links, l.name)
	s.states.remove(l.name)
}
