package main

import (
	"path"
	"slices"

	"mooring/cmd/mooring/client"
)

// elementView is of the element as a whole, a line for each thing there is to say.
var elementView = view{
	name: "element", short: "Show the element itself: version, configuration, dataplane, stores",
	long: `Show element shows what there is once in an element: its version and since when it runs, the commit that it obeys, what
carries packets, whether bindings are stored, the log of events, what access control has denied, and what the element can be.`,
	rows: append(append(client.Parts("system", "version", "started", "host-name", "configuration/commit-id", "configuration/committed", "configuration/user",
		"dataplane/backend-in-use", "dataplane/reason", "dataplane/drops", "dataplane/last-interruption",
		"dataplane/objects/installed", "dataplane/objects/pending", "dataplane/objects/failed", "dataplane/objects/repaired", "binding-store", "notification-log"),
		client.Parts("nacm", "denied-operations", "denied-data-writes", "denied-notifications")...), client.Whole("pmipv6/capabilities")...),
	columns: []column{{title: "PART", cell: func(r *client.Row) string { return path.Base(r.Of) }}},
	lines:   &leafTable{what: "WHAT", value: "VALUE"},
}

// managementView is of the element's servers, and of the managers that it calls.
var managementView = view{
	name: "management", short: "Show where managers reach the element, and which it calls itself",
	long: `Show management shows the servers for managers: where they listen, or why not, and by which keys and certificates they are
known; and the managers that the element connects to itself.`,
	rows: slices.Concat(client.Parts("system/netconf/ssh", "enabled", "bound", "listen-error", "host-key"),
		client.Parts("system/netconf/tls", "enabled", "bound", "listen-error", "certificate"), client.Parts("system/gnmi", "enabled", "bound", "listen-error", "certificate"),
		client.Parts("system/metrics", "enabled", "bound", "listen-error"),
		client.Parts("system/netconf/call-home", "address", "transport", "connected", "last-error", "next-attempt")),
	columns: []column{
		{title: "SERVICE", cell: func(r *client.Row) string {
			if name := r.Key("call-home", "name"); name != "" {
				return "call-home " + name
			}
			return services[r.Of]
		}},
		leaf("ENABLED", "enabled"), sockets("LISTENS AT", "bound"), leaf("CALLS", "address"), leaf("CONNECTED", "connected"),
		either("ERROR", []string{"listen-error"}, []string{"last-error"}), leaf("NEXT ATTEMPT", "next-attempt"),
	},
	more: []column{either("FINGERPRINT", []string{"certificate", "fingerprint"}, []string{"host-key", "fingerprint"}), leaf("ENDS", "certificate", "not-after")},
}

// services are what people call the servers.
var services = map[string]string{
	"system/netconf/ssh": "NETCONF over SSH", "system/netconf/tls": "NETCONF over TLS", "system/gnmi": "gNMI", "system/metrics": "metrics",
}

// managersView is of NETCONF sessions.
var managersView = view{
	name: "managers", short: "Show the managers that have NETCONF sessions",
	long: `Show managers shows the NETCONF sessions that are open: whose they are, from where, since when, and how much was asked and
refused in them.`,
	rows: client.Whole("netconf-state/sessions/session"),
	columns: []column{
		leaf("SESSION", "session-id"), leaf("USER", "username"), leaf("FROM", "source-host"), leaf("TRANSPORT", "transport"), leaf("SINCE", "login-time"),
		leaf("REQUESTS", "in-rpcs"), leaf("REFUSED", "out-rpc-errors"), leaf("NOTIFICATIONS", "out-notifications"),
	},
	more:    []column{leaf("MALFORMED", "in-bad-rpcs")},
	filters: []filter{byLeaf("username", "only sessions of the user called `NAME`; * stands for anything", []string{"username"})},
	example: "--username alice",
}

// commitsView is of what the configuration was.
var commitsView = view{
	name: "commits", short: "Show the commits of the configuration that can be gone back to",
	long: `Show commits shows the commits of the running configuration that the element remembers: who made them, when and how. The action
rollback of the model goes back to one, and compare tells what differs.`,
	rows:    client.Whole("system/configuration/commit"),
	columns: []column{leaf("TIME", "time"), leaf("ID", "id"), leaf("USER", "user"), leaf("VIA", "via"), leaf("LABEL", "label"), leaf("COMMENT", "comment")},
	filters: []filter{
		byLeaf("username", "only commits of the user called `NAME`; * stands for anything", []string{"user"}),
		byLeaf("label", "only the commit with this `LABEL`; * stands for anything", []string{"label"}),
	},
	example: "--username alice",
}

// warningsView is of what was committed and does not work as it stands.
var warningsView = view{
	name: "warnings", short: "Show what of the configuration does not work as it stands",
	long: `Show warnings shows what was accepted in the running configuration though it does not work as it stands: names that lead
nowhere (W-REF), and values that do not fit together (W-MIX).`,
	rows:    client.Whole("system/configuration/warning"),
	columns: []column{leaf("CODE", "code"), leaf("PATH", "path"), leaf("WARNING", "text")},
	filters: []filter{
		{flag: "code", usage: "only warnings with this `CODE`", values: []string{"W-REF", "W-MIX"}, cell: func(r *client.Row) string { return r.Text("code") }},
	},
	example: "--code W-REF",
}

// objectsView is of what the element has made of the host. It is of no LMA or MAG.
var objectsView = view{
	name: "objects", short: "Show what the host has refused, and what else the element wants of it",
	long: `Show objects shows what became of each VRF, interface in a VRF, access link and tunnel that the element wants of the host, and of
routes and neighbours what the host has refused: why, and when it is tried again.`,
	rows:    client.Whole("system/dataplane/objects/object"),
	columns: []column{leaf("OBJECT", "name"), leaf("STATUS", "status"), leaf("REASON", "reason"), leaf("ATTEMPTS", "attempts"), leaf("NEXT RETRY", "next-retry")},
	more:    []column{leaf("UNWANTED", "unwanted"), leaf("CHANGED", "last-change")},
	filters: []filter{
		byLeaf("object", "only objects whose description is like `TEXT`; * stands for anything but /", []string{"name"}),
		{flag: "status", usage: "only objects with this `STATUS`", values: []string{"pending", "installed", "failed"},
			cell: func(r *client.Row) string { return r.Text("status") }},
	},
	example: "--status failed",
}

// repairsView is of what others did to the host.
var repairsView = view{
	name: "repairs", short: "Show what was made again because somebody else had removed or changed it",
	long: `Show repairs shows the newest hundred times that the element made again what is its own on the host, because somebody else
had removed or changed it.`,
	rows:    client.Whole("system/dataplane/objects/repair"),
	columns: []column{leaf("TIME", "time"), leaf("OBJECT", "object"), leaf("OBJECTS", "count"), leaf("NOTICED", "noticed")},
	more:    []column{leaf("NUMBER", "number")},
	filters: []filter{byLeaf("object", "only objects whose description is like `TEXT`; * stands for anything but /", []string{"object"})},
	example: "--object 'tunnel *'",
}

// vrfsView is of VRFs on the host.
var vrfsView = view{
	name: "vrfs", short: "Show the VRFs and what they are on the host",
	long: `Show vrfs shows the VRFs of the configuration: what each is on the host, whether it is there as it is wanted, and what the
host has refused.`,
	rows: client.Whole("network-instances/network-instance/vrf"),
	columns: []column{
		keyOf("VRF", "network-instance", "name"), leaf("KIND", "kind"), leaf("STATUS", "oper-status"), leaf("REASON", "status-reason"), leaf("NEXT RETRY", "next-retry"),
	},
	more:    []column{leaf("TABLE", "table"), leaf("INTERFACES", "interface")},
	filters: []filter{byKey("vrf", "only the VRF called `NAME`; * stands for anything", "network-instance", "name"), byStatus},
	example: "--status down",
}

// accessListsView is of the rules about what comes out of tunnels.
var accessListsView = view{
	name: "access-lists", short: "Show how often the rules of access lists have matched",
	long: `Show access-lists shows the rules of each access list, with the packets and octets out of tunnels that they have decided
about.`,
	rows: client.Whole("acls/acl/aces/ace/statistics"),
	columns: []column{
		keyOf("LIST", "acl", "name"), keyOf("RULE", "ace", "name"), leaf("PACKETS", "matched-packets"), leaf("OCTETS", "matched-octets"),
	},
	filters: []filter{byKey("list", "only rules of the list called `NAME`; * stands for anything", "acl", "name")},
	example: "--list acl1",
}
