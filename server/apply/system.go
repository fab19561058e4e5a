package apply

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"mooring/gen"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Management is how the element is managed. Users, their keys and what they may do are not here: package access reads them
// from the configuration whenever somebody logs in.
type Management struct {
	HostName   string   // empty: that of the host
	NETCONF    Listener // over SSH
	NETCONFTLS Listener
	CallHome   []Manager
	URLs       URLs // that NETCONF operations may name
	GNMI       Listener
	Metrics    Listener
	MetricsTLS bool // rather than plain HTTP
	Backend    Backend

	node *tree.Node
}

// Listener is where a server listens.
type Listener struct {
	Enabled   bool
	Port      uint16 // 0: any that is free
	Addresses []netip.Addr
}

// Manager is a NETCONF client that the element connects to.
type Manager struct {
	Name        string
	Host        string // address or name
	Port        uint16
	TLS         bool // rather than SSH
	KeepAlive   time.Duration
	Period      time.Duration // from one connection to the next; 0: it stays connected
	IdleTimeout time.Duration // of a connection of a period; 0: none
}

// Ports of NETCONF call home (RFC 8071 section 6).
const (
	callHomeSSH = 4334
	callHomeTLS = 4335
)

// Backend says which dataplane is wanted.
type Backend uint8

// The choices.
const (
	AnyBackend Backend = iota
	KernelBackend
	UserspaceBackend
)

func (j *job) translateSystem() {
	configured := j.new.root.Child(j.system) // nil where all is by default
	if was := j.old.Manage; was != nil && was.node.Same(configured) {
		j.new.Manage = was
		return
	}
	at := place{path: schema.Path{{Node: j.system}}}
	at.node, _ = j.new.root.EffectiveChild(j.system)
	x, err := j.systemView.of(at.node)
	j.check(at, err)
	ssh, tls, gnmi, metrics := x.Netconf.Ssh, x.Netconf.Tls, x.Gnmi, x.Metrics
	m := &Management{
		HostName:   x.GetHostName(),
		NETCONF:    Listener{ssh.GetEnabled(), ssh.GetPort(), j.addrs(at.below("netconf", "ssh"), ssh.Address...)},
		NETCONFTLS: Listener{tls.GetEnabled(), tls.GetPort(), j.addrs(at.below("netconf", "tls"), tls.Address...)},
		GNMI:       Listener{gnmi.GetEnabled(), gnmi.GetPort(), j.addrs(at.child("gnmi"), gnmi.Address...)},
		Metrics:    Listener{metrics.GetEnabled(), metrics.GetPort(), j.addrs(at.child("metrics"), metrics.Address...)},
		MetricsTLS: metrics.GetTls(),
		CallHome:   j.managers(at.below("netconf", "call-home")),
		URLs:       j.urls(at.below("netconf", "url"), x.Netconf.Url),
		node:       configured,
	}
	switch x.Dataplane.GetBackend() {
	case gen.MooringSystem_System_Dataplane_Backend_kernel:
		m.Backend = KernelBackend
	case gen.MooringSystem_System_Dataplane_Backend_userspace:
		m.Backend = UserspaceBackend
	}
	j.checkPorts(at, m)
	j.checkUserKeys(at)
	j.checkFingerprints(at)
	j.new.Manage = m
}

// checkPorts refuses two servers at one port.
func (j *job) checkPorts(at place, m *Management) {
	servers := []struct {
		what string
		Listener
		at place
	}{
		{"NETCONF over SSH", m.NETCONF, at.below("netconf", "ssh")},
		{"NETCONF over TLS", m.NETCONFTLS, at.below("netconf", "tls")},
		{"gNMI", m.GNMI, at.child("gnmi")},
		{"metrics", m.Metrics, at.child("metrics")},
	}
	for i, server := range servers {
		for _, other := range servers[:i] {
			if server.collides(other.Listener) && !j.unsure(server.at, other.at) {
				j.refuse(server.at.child("port"), mustViolation, "port %d is that of %s already", server.Port, other.what)
				break
			}
		}
	}
}

func (j *job) managers(at place) (list []Manager) {
	for _, e := range at.entries() {
		x, err := j.managerView.of(e.node)
		j.check(e, err)
		m := Manager{
			Name: x.GetName(), Host: x.GetAddress(), Port: x.GetPort(), KeepAlive: time.Duration(x.GetKeepAlive()) * time.Second,
			TLS: x.GetTransport() == gen.MooringSystem_System_Netconf_CallHome_Transport_tls,
		}
		if p := x.Periodic; p != nil {
			m.Period = time.Duration(p.GetPeriod()) * time.Minute
			m.IdleTimeout = time.Duration(p.GetIdleTimeout()) * time.Second
		}
		switch {
		case m.Port != 0:
		case m.TLS:
			m.Port = callHomeTLS
		default:
			m.Port = callHomeSSH
		}
		list = append(list, m)
	}
	return list
}

// collides reports whether two servers want the same socket.
func (l Listener) collides(other Listener) bool {
	if !l.Enabled || !other.Enabled || l.Port != other.Port || l.Port == 0 {
		return false
	}
	for _, a := range l.Addresses {
		for _, b := range other.Addresses {
			if a == b || a.Is4() == b.Is4() && (a.IsUnspecified() || b.IsUnspecified()) {
				return true
			}
		}
	}
	return false
}

// checkUserKeys refuses SSH keys that are not of the type that stands beside them.
func (j *job) checkUserKeys(at place) {
	for _, user := range at.child("user").entries() {
		for _, key := range user.child("authorized-key").entries() {
			x, err := j.userKeyView.of(key.node)
			j.check(key, err)
			if kind := keyType(x.KeyData); kind != x.GetAlgorithm() && !j.unsure(key) {
				j.refuse(key.child("key-data"), mustViolation, "this is not a key of type %s; give the first two words of a line of a public key file", x.GetAlgorithm())
			}
		}
	}
}

// keyType reads the name that a public key begins with (RFC 4253 section 6.6); "" is none.
func keyType(key []byte) string {
	if len(key) < 4 {
		return ""
	}
	n := binary.BigEndian.Uint32(key)
	if uint64(n) > uint64(len(key)-4) {
		return ""
	}
	return string(key[4 : 4+n])
}

// checkFingerprints refuses to map one certificate to two users: case does not matter in a fingerprint, as it does in a key of a
// list.
func (j *job) checkFingerprints(at place) {
	seen := map[string]string{}
	for fingerprint, e := range at.child("client-certificate").entries() {
		lower := strings.ToLower(fingerprint)
		if other, twice := seen[lower]; twice {
			j.refuse(e, notUnique, "certificate %s is listed already, written as %s", fingerprint, other)
		}
		seen[lower] = fingerprint
	}
}
