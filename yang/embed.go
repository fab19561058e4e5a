// Package yang holds the YANG modules that Mooring serves, and says which of them it implements.
//
// Folder mooring has our own modules: mooring-pmipv6 with one submodule for each subject, mooring-system, and the modules
// they import. Folder ietf has the standard modules: their structure is that of the RFC named in each, their descriptions
// are ours. Folder tailf has what managers made by Tail-f look for. A file is called after its module.
package yang

import "embed"

// FS holds every module and submodule as NAME.yang in one of its folders.
//
//go:embed mooring/*.yang ietf/*.yang tailf/*.yang
var FS embed.FS

// Module says how a module takes part in the schema.
type Module struct {
	Name      string
	Revision  string
	Implement bool     // false: others import its types and groupings, and its data nodes do not exist
	Features  []string // those that are supported; without its feature a node does not exist
}

// Modules is the schema of a Mooring element. What is not named here and is no submodule is not part of it.
//
// A feature is named as soon as the element does what it stands for, and not before.
var Modules = []Module{
	{Name: "iana-crypt-hash", Revision: "2014-08-06", Implement: true, Features: []string{"crypt-hash-sha-256", "crypt-hash-sha-512"}},
	{Name: "iana-if-type", Revision: "2014-05-08"},
	{Name: "ietf-access-control-list", Revision: "2019-03-04", Implement: true, Features: []string{"acl-aggregate-stats", "ipv4", "ipv6", "match-on-icmp", "match-on-ipv4", "match-on-ipv6", "match-on-tcp", "match-on-udp"}},
	{Name: "ietf-datastores", Revision: "2018-02-14", Implement: true}, // names in the YANG library
	{Name: "ietf-ethertypes", Revision: "2019-03-04"},
	{Name: "ietf-inet-types", Revision: "2013-07-15"},
	{Name: "ietf-interfaces", Revision: "2018-02-20", Implement: true},
	{Name: "ietf-ip", Revision: "2018-02-22", Implement: true},
	{Name: "ietf-netconf", Revision: "2011-06-01", Implement: true, Features: []string{"candidate", "confirmed-commit", "rollback-on-error", "url", "validate", "xpath"}},
	{Name: "ietf-netconf-acm", Revision: "2018-02-14", Implement: true},
	{Name: "ietf-netconf-monitoring", Revision: "2010-10-04", Implement: true},
	{Name: "ietf-netconf-nmda", Revision: "2019-01-07", Implement: true, Features: []string{"origin", "with-defaults"}},
	{Name: "ietf-netconf-notifications", Revision: "2012-02-06", Implement: true},
	{Name: "ietf-netconf-partial-lock", Revision: "2009-10-19", Implement: true},
	{Name: "ietf-netconf-with-defaults", Revision: "2011-06-01", Implement: true},
	{Name: "ietf-network-instance", Revision: "2019-01-21", Implement: true},
	{Name: "ietf-origin", Revision: "2018-02-14", Implement: true}, // names in get-data
	{Name: "ietf-packet-fields", Revision: "2019-03-04"},
	{Name: "ietf-restconf", Revision: "2017-01-26"},
	{Name: "ietf-subscribed-notifications", Revision: "2019-09-09", Implement: true, Features: []string{"encode-xml", "replay", "subtree", "xpath"}},
	{Name: "ietf-yang-library", Revision: "2019-01-04", Implement: true},
	{Name: "ietf-yang-metadata", Revision: "2016-08-05"},
	{Name: "ietf-yang-patch", Revision: "2017-02-22"},
	{Name: "ietf-yang-push", Revision: "2019-09-09", Implement: true, Features: []string{"on-change"}},
	{Name: "ietf-yang-schema-mount", Revision: "2019-01-14"},
	{Name: "ietf-yang-types", Revision: "2013-07-15"},
	{Name: "mooring-access-list-deviations", Revision: "2026-11-22", Implement: true},
	{Name: "mooring-deviations", Revision: "2026-11-22"}, // together with what it deviates
	{Name: "mooring-network-instance", Revision: "2026-11-22", Implement: true},
	{Name: "mooring-network-instance-deviations", Revision: "2026-11-22", Implement: true},
	{Name: "mooring-pmipv6", Revision: "2026-11-22", Implement: true, Features: []string{"accounting", "adopted-tunnel", "clear-binding", "clear-statistics", "detach-detection", "dscp", "entitlement", "gateway-revocation", "gre-key", "heartbeat", "infrastructure-notifications", "inter-mag-blocking", "lma-controlled-mag", "mobile-local-loop", "mobile-network", "mobile-network-authorization", "mobile-network-only", "mss-clamping", "named-pool", "node-auth-option", "notifications", "peer-compatibility", "profile-from-aaa", "revocation", "route-redistribution", "service-selection", "trace", "tunnel-acl"}},
	{Name: "mooring-pmipv6-settings", Revision: "2026-11-22"},
	{Name: "mooring-pmipv6-state", Revision: "2026-11-22"},
	{Name: "mooring-pmipv6-statistics", Revision: "2026-11-22"},
	{Name: "mooring-pmipv6-types", Revision: "2026-11-22"},
	{Name: "mooring-subscription-deviations", Revision: "2026-11-22", Implement: true},
	{Name: "mooring-system", Revision: "2026-11-22", Implement: true, Features: []string{"netconf-tls", "call-home", "metrics", "radius", "radius-authorization", "radius-dynamic-authorization", "radius-vrf", "system-notifications", "kernel-dataplane"}},
	{Name: "nc-notifications", Revision: "2008-07-14", Implement: true},
	{Name: "notifications", Revision: "2008-07-14", Implement: true},
	{Name: "tailf-netconf-monitoring", Revision: "2026-11-22", Implement: true},
}
