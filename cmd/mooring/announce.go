package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"mooring/cmd/mooring/element"
	"mooring/server/state"
)

// announce tells how to reach a running element, and the fingerprints that clients ask about.
func announce(w io.Writer, version string, m element.Management) error {
	fmt.Fprintf(w, "mooring %s is running\n", version)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "  SSH host key\t%s\n", m.HostKey)
	fmt.Fprintf(t, "  certificate\t%s\n", m.Certificate)
	fmt.Fprintf(t, "  NETCONF\t%s\n", listOf(m.NETCONF))
	if !idle(m.NETCONFTLS) {
		fmt.Fprintf(t, "  NETCONF over TLS\t%s\n", listOf(m.NETCONFTLS))
	}
	fmt.Fprintf(t, "  gNMI\t%s\n", listOf(m.GNMI))
	if !idle(m.Metrics) {
		fmt.Fprintf(t, "  metrics\t%s\n", listOf(m.Metrics))
	}
	fmt.Fprintf(t, "  local gNMI\tunix://%s\n", m.Socket)
	return t.Flush()
}

func idle(l state.Listener) bool { return len(l.Bound) == 0 && l.Error == "" }

// listOf says where a server listens, and where it cannot yet.
func listOf(l state.Listener) string {
	if idle(l) {
		return "off"
	}
	var texts []string
	for _, a := range l.Bound {
		texts = append(texts, a.String())
	}
	if l.Error != "" {
		texts = append(texts, "not yet "+strings.ReplaceAll(l.Error, "\n", ", nor "))
	}
	return strings.Join(texts, " ")
}
