package element

import (
	"path/filepath"

	"mooring/server/access"
	"mooring/server/state"
)

// Management says how an element can be managed.
type Management struct {
	NETCONF, NETCONFTLS, GNMI, Metrics state.Listener

	Socket      string // absolute name; gNMI for root and the owner of the process
	HostKey     string // fingerprint for SSH clients
	Certificate string // fingerprint for TLS clients
}

// Management says how the element can be managed now.
func (e *Element) Management() Management {
	return Management{
		NETCONF:     e.ssh.status(),
		NETCONFTLS:  e.tls.status(),
		GNMI:        e.gnmi.status(),
		Metrics:     e.metrics.status(),
		Socket:      filepath.Join(e.StateDir, SocketFile),
		HostKey:     e.keys.HostFingerprint,
		Certificate: access.Fingerprint(e.certificate.Current().Certificate[0]),
	}
}
