package kernel

import (
	"context"
	"iter"
	"strings"

	"mooring/dataplane"
)

// Watch implements dataplane.Plane.
func (p *Plane) Watch(ctx context.Context) iter.Seq2[dataplane.Event, error] {
	return func(yield func(dataplane.Event, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(p.closing, stop)()
		first := true
		for e, err := range p.host.Watch(ctx, "") {
			if first && !yield(dataplane.Event{Kind: dataplane.Overrun}, nil) { // who knows what happened before
				return
			}
			first = false
			if strings.HasPrefix(e.Link, namePrefix) {
				if e.Kind != dataplane.LinkDown || !p.missing(e.Link) {
					continue
				}
				e = dataplane.Event{Kind: dataplane.Overrun} // much is lost with an interface of ours
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// missing reports whether an interface of ours is not up although it should be.
func (p *Plane) missing(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing.Err() != nil {
		return false
	}
	for _, t := range p.tunnels {
		for _, d := range t.devices {
			if d.name == name {
				up, err := p.host.Devices()
				return err != nil || up[name] == nil
			}
		}
	}
	return false
}
