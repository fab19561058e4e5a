package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"mooring/mobility"
	"mooring/mobility/transport"
)

// Anchor and gateway authenticate each other over both transports (decision 13), and what does not bear the right mark changes nothing on either
// side and is counted there.
func TestAuthentication(t *testing.T) {
	right, wrong, other := mobility.Key{SPI: 256, Secret: []byte("right")}, mobility.Key{SPI: 256, Secret: []byte("wrong")}, mobility.Key{SPI: 257, Secret: []byte("right")}
	for _, test := range []struct {
		name            string
		anchor, gateway *mobility.Key
		hash            mobility.HomeAddressHash
		registered      bool
		atAnchor        mobility.DropReason // of the requests; 0: they are not dropped
		atGateway       mobility.DropReason // of the answers
	}{
		{"one key", &right, &right, mobility.HashUnspecified, true, 0, 0},
		{"one key, hashed with the first prefix", &right, &right, mobility.HashFirstPrefix, true, 0, 0},
		{"another secret", &right, &wrong, mobility.HashUnspecified, false, 0, mobility.DropUnauthenticated},
		{"another number", &right, &other, mobility.HashUnspecified, false, mobility.DropNoKey, 0},
		{"the gateway has none", &right, nil, mobility.HashUnspecified, false, mobility.DropUnauthenticated, 0},
		{"the anchor has none", nil, &right, mobility.HashUnspecified, false, mobility.DropNoKey, 0},
	} {
		for _, family := range []struct{ name, anchor, gateway string }{{"IPv6", lma6, mag16}, {"IPv4", lma4, mag14}} {
			t.Run(test.name+" over "+family.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
					anchor := anchorConfig("lma1", family.anchor)
					anchor.Domain.Key = test.anchor
					anchor.Peers = anchor.Peers.With("mag1", &mobility.Peer{Name: "mag1", Addresses: addrs(family.gateway), Hash: test.hash}, nil)
					gateway := gatewayConfig("mag1", []string{family.anchor}, []string{"access0"}, family.gateway)
					gateway.Domain.Key, gateway.Anchors[0].Hash = test.gateway, test.hash
					lma, mag := on(t, net, justLMA(anchor)), on(t, net, justMAG(gateway))
					mag.attach("access0", node1)
					pass(10 * time.Minute) // refreshes, where there is something to refresh
					if got := len(lma.rows()) == 1 && lma.LMA("lma1").Statistics.Refresh.Load() > 0; got != test.registered {
						t.Errorf("registered: %v, want %v: %v", got, test.registered, lma.rows())
					}
					if !test.registered && (len(lma.rows()) > 0 || len(lma.plane.wanted()) > 0 || len(mag.plane.wanted()) > 0 || len(mag.grants) > 0) {
						t.Errorf("it left %v, %v, %v", lma.rows(), mag.rows(), mag.grants)
					}
					onlyDrops(t, "the anchor", lma.LMA("lma1").Statistics, test.atAnchor)
					onlyDrops(t, "the gateway", mag.MAG("mag1").Statistics, test.atGateway)
				})
			})
		}
	}
}

// onlyDrops checks that messages were dropped for this reason and for no other.
func onlyDrops(t *testing.T, who string, s *mobility.Statistics, want mobility.DropReason) {
	t.Helper()
	for _, reason := range mobility.DropReasons() {
		if n := s.Dropped[reason].Load(); n > 0 != (want != 0 && reason == want) {
			t.Errorf("%s dropped %d as %v, want those dropped as %v only", who, n, reason, want)
		}
	}
}
