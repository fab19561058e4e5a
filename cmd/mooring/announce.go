package main

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"text/tabwriter"

	"mooring/cmd/mooring/element"
)

// announce tells how to reach a running element, the first time with the fingerprints that clients ask about.
func announce(w io.Writer, version string, m element.Management) error {
	fmt.Fprintf(w, "mooring %s is running\n", version)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if m.NewKeys {
		fmt.Fprintf(t, "  new SSH host key\t%s\n", m.HostKey)
		fmt.Fprintf(t, "  new certificate\t%s\n", m.Certificate)
	}
	fmt.Fprintf(t, "  NETCONF\t%s\n", listOf(m.NETCONF))
	if len(m.NETCONFTLS) > 0 {
		fmt.Fprintf(t, "  NETCONF over TLS\t%s\n", listOf(m.NETCONFTLS))
	}
	fmt.Fprintf(t, "  gNMI\t%s\n", listOf(m.GNMI))
	if len(m.Metrics) > 0 {
		fmt.Fprintf(t, "  metrics\t%s\n", listOf(m.Metrics))
	}
	fmt.Fprintf(t, "  local gNMI\tunix://%s\n", m.Socket)
	return t.Flush()
}

func listOf(addresses []netip.AddrPort) string {
	if len(addresses) == 0 {
		return "off"
	}
	var texts []string
	for _, a := range addresses {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, " ")
}
