package lma

import (
	"mooring/mobility"
	"mooring/mobility/wire"
)

// forgives says whether a MAG, which may be nil, is configured to be forgiven one thing.
func (p *peer) forgives(what mobility.Tolerance) bool { return p != nil && p.cfg.Forgives(what) }

// isOpaque says whether what calls itself a network access identifier is none that could be written down.
func (r *request) isOpaque() bool {
	id := r.update.MNID.Value
	return id.Subtype == wire.IDNAI && !mobility.IsText(id.ID)
}

// forgive takes a request, which is authentic, for what its MAG means by it.
func (r *request) forgive() {
	if r.stamp = r.update.Timestamp; r.peer == nil || r.peer.cfg == nil {
		return
	}
	r.peer.cfg.Lengthen(r.update.HNPs)
	if r.peer.forgives(mobility.SequenceOnly) {
		r.stamp = wire.Opt[wire.Timestamp]{}
	}
}
