package state

import (
	"testing"
	"time"

	"mooring/dataplane"
	"mooring/mobility/aaa"
	"mooring/mobility/aaa/accountant"
	"mooring/mobility/aaa/client"
)

// accounting has a session of a node and one of its tunnel, and two servers of which one is down.
type accounting struct{}

func (accounting) Sessions(string) []accountant.Session {
	tunnel := dataplane.TunnelID{Local: addr("2001:db8::1"), Peer: addr("2001:db8::11"), Encap: dataplane.EncapIP}
	return []accountant.Session{
		{ID: "6A0B-1", MultiSession: "6A0B-2", Kind: aaa.Node, Anchor: "lma1", Binding: 1, Tunnel: tunnel, Started: start, LastRecord: start.Add(time.Second)},
		{ID: "6A0B-2", MultiSession: "6A0B-2", Kind: aaa.Tunnel, Anchor: "lma1", Tunnel: tunnel, Started: start},
	}
}

func (accounting) Servers() []client.Status {
	return []client.Status{
		{Name: "r1", Began: start, Requests: 1, Retransmissions: 2, Responses: 3, Timeouts: 4, BadResponses: 5},
		{Name: "r2", Began: start, Down: true},
	}
}

func (accounting) Statistics(owner aaa.Owner) (client.Statistics, int) {
	if owner.Customer != "" {
		return client.Statistics{Start: 61, Update: 71, Stop: 81, Failed: 91, Retransmitted: 101}, 111
	}
	return client.Statistics{Start: 6, Update: 7, Stop: 8, Failed: 9, Retransmitted: 10}, 11
}

// OPS-10, RAD-01: sessions are found by their keys.
func TestAccountingSessionByKey(t *testing.T) {
	d := newDomain(t)
	rows := d.get("/mooring-pmipv6:pmipv6/lma[name='lma1']/aaa/accounting/session[id='6A0B-2']")
	if len(rows) != 1 {
		t.Errorf("found %q", rows)
	}
}
