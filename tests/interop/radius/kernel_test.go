//go:build vm

package radius

import "testing"

// What carries the tunnels, and the kind of their interfaces.
const carrying, carriedBy = "kernel", "ip6tnl"

// mooring returns the file of the command.
func mooring(*testing.T) string { return "/bin/mooring" }
