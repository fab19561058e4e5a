package state

import (
	"context"
	"iter"
	"net/netip"
	"time"

	"mooring/dataplane"
	"mooring/dataplane/reconcile"
	"mooring/mobility"
	"mooring/mobility/aaa/client"
	"mooring/mobility/attach"
	"mooring/mobility/binding"
	"mooring/mobility/engine"
	"mooring/mobility/heartbeat"
	"mooring/mobility/journal"
	"mooring/mobility/lma"
	"mooring/mobility/mag"
	"mooring/mobility/pool"
	"mooring/mobility/transport"
	"mooring/server/tree"
)

// Sources are where the state of an element comes from. What is nil has nothing to say. All may be called concurrently and at any
// time.
type Sources struct {
	LMAs func() []LMA // those that run
	MAGs func() []MAG
	// Configured is what the machines obey.
	Configured func() *mobility.Config
	Signalling func() []transport.Status // the addresses listened at
	Links      func() []attach.State     // the access interfaces
	// RestartCounter is what the machines tell their peers (RFC 5847 section 3.2).
	RestartCounter uint32
	Dataplane      Dataplane
	Accounting     Accounting
	ProfileServers func() []client.Status // that are asked about nodes
	Traces         func() []Trace         // the records are not changed any more

	Capabilities func() Capabilities
	Version      string
	Started      time.Time
	NETCONF      func() Listener // over SSH
	NETCONFTLS   func() Listener
	CallHome     func() []Manager
	HostKeys     func() []HostKey
	GNMI         func() Listener
	Metrics      func() Listener
	Certificate  func() Certificate
	Backend      func() Backend
	Interruption func() *Interruption // nil: there was none
	// Forwarding is what the dataplane obeys, and VRFKind what a VRF is on the host: a value of the leaf kind, empty while it is not there.
	Forwarding   func() *dataplane.Config
	Matches      func() map[dataplane.MatchKey]dataplane.Matches // of rules of access lists
	VRFKind      func(vrf string) string
	BindingStore func() journal.Status
	Commit       func() Commit
	Denied       func() Denied
}

// Dataplane is *reconcile.Reconciler.
type Dataplane interface {
	Tunnels() ([]reconcile.TunnelStatus, dataplane.Drops)
	Session(id dataplane.SessionID) (reconcile.SessionStatus, bool)
	Object(key any) (reconcile.ObjectStatus, bool)
	Counts() (pending, installed, failed int)
	Objects() []reconcile.ObjectStatus
	Repairs() (latest []reconcile.Repair, objects uint64)
}

// LMA is a running anchor.
type LMA struct {
	Name       string
	Table      *binding.Table
	Statistics *mobility.Statistics
	Peers      func(context.Context) ([]lma.PeerState, error)
	Networks   func(context.Context) (map[string][]pool.Usage, error)
	Session    func(dataplane.SessionID) dataplane.SessionID      // of a binding, in the dataplane
	Health     func(*mobility.Binding) heartbeat.Health           // of the path of a binding; nil: nobody knows
	Customers  func(context.Context) ([]lma.CustomerState, error) // nil: there are none
	// Entitlement is nil where nobody knows.
	Entitlement func(context.Context) (lma.EntitlementState, error)
}

// MAG is a running gateway.
type MAG struct {
	Name       string
	Table      *binding.Table
	Statistics *mobility.Statistics
	Anchors    func(context.Context) ([]mag.AnchorState, error)
	Session    func(dataplane.SessionID) dataplane.SessionID
	Health     func(*mobility.Binding) heartbeat.Health
}

// FromEngine fills in LMAs and MAGs.
func (s *Sources) FromEngine(e *engine.Engine) {
	s.RestartCounter = e.RestartCounter
	s.LMAs = func() (list []LMA) {
		for _, l := range e.LMAs() {
			list = append(list, LMA{l.Name, l.Table, l.Statistics, l.Peers, l.Networks, l.Session, l.Health, l.Customers, l.Entitlement})
		}
		return list
	}
	s.MAGs = func() (list []MAG) {
		for _, m := range e.MAGs() {
			list = append(list, MAG{m.Name, m.Table, m.Statistics, m.Anchors, m.Session, m.Health})
		}
		return list
	}
}

// runningLMAs yields the LMAs that run and are wanted, each with what it obeys.
func (src *Sources) runningLMAs(want Keys) iter.Seq2[LMA, *mobility.LMA] {
	return func(yield func(LMA, *mobility.LMA) bool) {
		configured := src.configured().LMAs
		for _, l := range src.lmas() {
			if cfg := configured[l.Name]; cfg != nil && want.Wants(0, l.Name) && !yield(l, cfg) {
				return
			}
		}
	}
}

// runningMAGs does the same for MAGs.
func (src *Sources) runningMAGs(want Keys) iter.Seq2[MAG, *mobility.MAG] {
	return func(yield func(MAG, *mobility.MAG) bool) {
		configured := src.configured().MAGs
		for _, m := range src.mags() {
			if cfg := configured[m.Name]; cfg != nil && want.Wants(0, m.Name) && !yield(m, cfg) {
				return
			}
		}
	}
}

// lmas, mags and configured bear with sources that are nil.
func (src *Sources) lmas() []LMA {
	if src.LMAs == nil {
		return nil
	}
	return src.LMAs()
}

func (src *Sources) mags() []MAG {
	if src.MAGs == nil {
		return nil
	}
	return src.MAGs()
}

func (src *Sources) configured() *mobility.Config {
	if src.Configured != nil {
		if c := src.Configured(); c != nil {
			return c
		}
	}
	return &mobility.Config{}
}

// Listener is what became of a server's sockets.
type Listener struct {
	Bound []netip.AddrPort
	Error string // why an address is not listened at; empty: all are
}

// Manager is a NETCONF client that the element connects to.
type Manager struct {
	Name      string
	Connected bool
	Error     string    // why the last attempt failed; empty: it did not
	Next      time.Time // when it tries again; zero: it is at it
}

// HostKey is an SSH host key.
type HostKey struct{ Algorithm, Fingerprint string }

// Certificate is what the element shows in TLS. The zero value is none.
type Certificate struct {
	Fingerprint string
	SelfSigned  bool
	NotAfter    time.Time
}

// Backend is the dataplane in use, in the words of the leaf backend-in-use, and why it is that one.
type Backend struct{ InUse, Reason string }

// Interruption says how long nothing was forwarded in user space because no process ran, and for how many.
type Interruption struct {
	Since             time.Time // zero: nobody knows
	Duration          time.Duration
	Tunnels, Bindings int
}

// Capabilities are what the element can be, in the words of the container capabilities.
type Capabilities struct{ Roles, Transports, Encapsulations []string }

// Commit is the running configuration as a whole.
type Commit struct {
	ID       string
	Time     time.Time
	User     string
	Warnings iter.Seq[*tree.Error] // nil: none
}

// Denied counts what access control refused.
type Denied struct{ Operations, DataWrites, Notifications uint64 }
