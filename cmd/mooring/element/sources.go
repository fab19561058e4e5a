package element

import (
	"crypto/tls"
	"strconv"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/server/access"
	"mooring/server/state"
	"mooring/server/tree"
)

// sources is where the operational state comes from. What the machines do may be asked at once, the rest when the element has started.
func (e *Element) sources() state.Sources {
	src := state.Sources{
		Configured: func() *mobility.Config { return e.running.Load().Mobility },
		Signalling: e.sockets.Status,
		Links:      e.access.Links,
		Dataplane:  e.reconciler,
		Accounting: e.accounting,
		Traces:     e.tracer.state,

		ProfileServers: e.asker.Servers,
		Capabilities: func() state.Capabilities {
			return state.Capabilities{
				Roles:          []string{"local-mobility-anchor", "mobile-access-gateway"},
				Transports:     []string{"ipv4", "ipv6"},
				Encapsulations: []string{"ip-in-ip", "gre-ipv4", "gre-ipv6", "udptunnel"},
			}
		},
		Version:    e.Version,
		Started:    e.started,
		NETCONF:    e.ssh.status,
		NETCONFTLS: e.tls.status,
		CallHome:   e.callHomeStatus,
		GNMI:       e.gnmi.status,
		Metrics:    e.metrics.status,
		HostKeys: func() []state.HostKey {
			return []state.HostKey{{Algorithm: e.keys.Host.PublicKey().Type(), Fingerprint: e.keys.HostFingerprint}}
		},
		Certificate:  func() state.Certificate { return certificate(e.certificate.Current()) },
		Backend:      e.backend,
		Interruption: e.interruption.Load,
		Forwarding:   func() *dataplane.Config { return e.running.Load().Dataplane },
		VRFKind:      e.vrfKind,
		Matches:      e.matches.since,
		BindingStore: e.bindings.Status,
		Commit:       e.commit,
		Denied: func() state.Denied {
			d := &e.control.Denied
			return state.Denied{Operations: d.Operations.Load(), DataWrites: d.DataWrites.Load(), Notifications: d.Notifications.Load()}
		},
	}
	src.FromEngine(e.engine)
	return src
}

func (e *Element) backend() state.Backend {
	inUse, reason := e.plane.State()
	return state.Backend{InUse: inUse.String(), Reason: reason}
}

func certificate(shown *tls.Certificate) state.Certificate {
	leaf := shown.Leaf
	return state.Certificate{
		Fingerprint: access.Fingerprint(leaf.Raw),
		SelfSigned:  leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) == nil, // also where it is no authority
		NotAfter:    leaf.NotAfter,
	}
}

func (e *Element) commit() state.Commit {
	s := e.store.Running()
	return state.Commit{ID: strconv.FormatUint(s.ID, 10), Time: s.Time, User: s.User, Warnings: func(yield func(*tree.Error) bool) {
		for _, w := range access.Dangling(nil, s.Root) {
			if !yield(w) {
				return
			}
		}
		e.running.Load().Warnings()(yield)
	}}
}
