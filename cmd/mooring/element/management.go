package element

import (
	"net/netip"
	"path/filepath"

	"mooring/server/access"
)

// Management says how an element can be managed.
type Management struct {
	NETCONF, NETCONFTLS, GNMI []netip.AddrPort // that are listened at
	Metrics                   []netip.AddrPort
	Socket                    string // gNMI for root and the owner of the process
	HostKey                   string // fingerprint for SSH clients
	Certificate               string // fingerprint for TLS clients
	NewKeys                   bool   // both are new: nobody knows the fingerprints yet
}

// Management says how the element can be managed now.
func (e *Element) Management() Management {
	return Management{
		NETCONF:     e.ssh.status().Bound,
		NETCONFTLS:  e.tls.status().Bound,
		GNMI:        e.gnmi.status().Bound,
		Metrics:     e.metrics.status().Bound,
		Socket:      filepath.Join(e.StateDir, SocketFile),
		HostKey:     e.keys.HostFingerprint,
		Certificate: access.Fingerprint(e.certificate.Current().Certificate[0]),
		NewKeys:     e.keys.Made,
	}
}
