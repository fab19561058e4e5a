package ios

// macros are parts of a syntax that several rows have.
var macros = map[string]string{
	"source":         "(any|host {matches/ipv4/source-ipv4-network:host}|{matches/ipv4/source-ipv4-network:net})",
	"destination":    "(any|host {matches/ipv4/destination-ipv4-network:host}|{matches/ipv4/destination-ipv4-network:net})",
	"radius-options": "[auth-port {auth-port}] [acct-port {acct-port}] [timeout {timeout}] [retransmit {retransmit}]",
}

// tables are the modes, by the names that rows enter them by.
var tables = map[string]table{
	"global":                {rows: joined(vrfRows, aaaRows, accessListRows, poolRows, pmipv6Rows, hostRows)},
	"domain":                {node: "pmipv6/domain", rows: domainRows},
	"domain-nai":            {node: "pmipv6/domain/nai", rows: naiRows},
	"domain-lma":            {node: "pmipv6/domain/lma", rows: knownPeerRows},
	"domain-mag":            {node: "pmipv6/domain/mag", rows: knownPeerRows},
	"mobile-map":            {node: "pmipv6/domain/mobile-map/entry", rows: mapEntryRows},
	"lma":                   {node: "pmipv6/lma", rows: joined(lmaRows, heartbeatRows, revocationRows, dscpRows)},
	"lma-mag":               {node: "pmipv6/lma/mag", rows: joined(lmaPeerRows, authRows, dscpRows)},
	"lma-network":           {node: "pmipv6/lma/network", rows: joined(poolsOf("pool/"), networkRows)},
	"mobile-local-loop":     {node: "pmipv6/lma/mobile-local-loop", rows: joined(loopRows, limitRows)},
	"customer":              {node: "pmipv6/lma/mobile-local-loop/customer", rows: joined(authRows, customerRows, heartbeatRowsOf(""), limitRows)},
	"customer-network":      {node: "pmipv6/lma/mobile-local-loop/customer/network/authorized", rows: poolsOf("pool/")},
	"transport":             {node: "pmipv6/lma/mobile-local-loop/customer/transport", rows: transportRows},
	"lma-hybrid-access":     {node: "pmipv6/lma/hybrid-access", rows: hybridRows("lma-profile")},
	"lma-profile":           {node: "pmipv6/lma/hybrid-access/profile", rows: profileRows},
	"mag":                   {node: "pmipv6/mag", rows: joined(magRows, heartbeatRows, revocationRows, dscpRows)},
	"mag-address":           {node: "pmipv6/mag/address/dynamic", rows: roamingRows},
	"mag-lma":               {node: "pmipv6/mag/lma", rows: joined(magPeerRows, authRows, dscpRows, heartbeatRowsOf(""))},
	"mag-hybrid-access":     {node: "pmipv6/mag/hybrid-access", rows: joined(hybridRows("mag-profile"), magHybridRows)},
	"mag-profile":           {node: "pmipv6/mag/hybrid-access/profile", rows: profileRows},
	"mag-mobile-local-loop": {node: "pmipv6/mag/mobile-local-loop", rows: magLoopRows},
	"logical-mn":            {node: "pmipv6/mag/logical-mn", rows: logicalRows},
	"vrf":                   {node: "network-instances/network-instance", rows: vrfBodyRows},
	"radius-host":           {node: "system/aaa/radius/server", rows: radiusServerRows},
	"radius-group":          {node: "system/aaa/radius/group", rows: radiusGroupRows},
	"dynamic-authorization": {node: "system/aaa/radius/dynamic-authorization", rows: dynamicAuthorizationRows},
	"access-list":           {node: "acls/acl", rows: entryRows},
	"host":                  {open: true},
}

func joined(lists ...[]row) (all []row) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

var pmipv6Rows = []row{
	{ids: "DOM-01", syntax: "ipv6 mobile =pmipv6-domain {name}", at: "pmipv6/domain", enters: "domain"},
	{ids: "INC-21", syntax: "ipv6 mobile =pmipv6-domain {name} {stray:terminal}", at: "pmipv6/domain", enters: "domain", readOnly: true,
		warn: "W-MIX the word terminal means nothing here"},
	{ids: "LMA-01", syntax: "ipv6 mobile =pmipv6-lma {name} domain {domain}", at: "pmipv6/lma", names: "domain", enters: "lma"},
	{ids: "MAG-01", syntax: "ipv6 mobile =pmipv6-mag {name} domain {domain}", at: "pmipv6/mag", names: "domain", enters: "mag"},
}

var vrfRows = []row{
	{ids: "MLL-02", syntax: "vrf {name}", at: "network-instances/network-instance", enters: "vrf", only: XR},
	{ids: "MLL-02", syntax: "vrf definition {name}", at: "network-instances/network-instance", enters: "vrf", only: IOS},
	{ids: "MLL-02", syntax: "ip vrf {name}", at: "network-instances/network-instance", enters: "vrf", only: IOS, readOnly: true},
}

const elsewhere = "labels and routes of VPNs are not this element's"

var vrfBodyRows = []row{
	{syntax: "address-family (ipv4|ipv6) [unicast]", readOnly: true},
	{syntax: "exit-address-family", readOnly: true},
	leftOut("rd {text:any}", elsewhere),
	leftOut("(import|export) route-target [{text:any}]", elsewhere),
	leftOut("route-target [import|export|both] {text:any}", elsewhere),
	leftOut("description {text:any}", "a VRF has a name only"),
}

// poolRows define what networks refer to by name.
var poolRows = []row{
	{ids: "NETP-05", syntax: "local pool ipv4 {name} {start-address} {end-address}", at: "pmipv6/local-pool/range", only: XR},
	{ids: "NETP-05", syntax: "ip local pool {name} {start-address} {end-address}", at: "pmipv6/local-pool/range", only: IOS},
	{ids: "NETP-05", syntax: "ip local pool {name} {start-address}", at: "pmipv6/local-pool/range", set: "end-address=$start-address", only: IOS, readOnly: true},
}

// hostRows are about what belongs to the host, or to nobody here.
var hostRows = []row{
	{syntax: "interface {text:device} [point-to-point]", readOnly: true, enters: "host",
		warn: "W-MIX left out: interfaces belong to the host, which configures them and their VRFs"},
	leftOut("hostname {text:any}", "the host has its name"),
	leftOut("version {text:any}", "it says which release wrote the text"),
	leftOut("ip sla responder", "an LMA answers probes when lma/sla/responder says so"),
	{syntax: "aaa new-model", readOnly: true, only: IOS},
}

var aaaRows = []row{
	{ids: "AAA-01", syntax: "radius-server host {address} <radius-options>", at: "system/aaa/radius/server", set: "name=$address", enters: "radius-host"},
	{ids: "AAA-02", syntax: "radius-server host {address} <radius-options> key 7 {shared-secret:type7}", at: "system/aaa/radius/server", set: "name=$address",
		enters: "radius-host", readOnly: true, mind: "keys are of type 0 or 7"},
	{ids: "AAA-02", syntax: "radius-server host {address} <radius-options> key [0] {shared-secret}", at: "system/aaa/radius/server", set: "name=$address",
		enters: "radius-host", readOnly: true, mind: "keys are of type 0 or 7"},
	{ids: "AAA-04", syntax: "radius server {name}", at: "system/aaa/radius/server", enters: "radius-host", only: IOS},
	{ids: "AAA-04", syntax: "radius-server timeout {timeout}", at: "system/aaa/radius"},
	{ids: "AAA-04", syntax: "radius-server retransmit {retransmit}", at: "system/aaa/radius"},
	{ids: "AAA-04", syntax: "radius-server (deadtime|dead-time) {dead-time}", at: "system/aaa/radius"},
	{ids: "AAA-04", syntax: "aaa group server radius {name}", at: "system/aaa/radius/group", enters: "radius-group"},
	{ids: "AAA-03", syntax: "aaa accounting mobile {name} [start-stop] broadcast group {group*} [group {group*}] [group {group*}] [group {group*}]",
		at: "system/aaa/accounting/mobile", set: "broadcast=true", clears: "group"},
	{ids: "AAA-03", syntax: "aaa accounting mobile {name} [start-stop] group {group*} [group {group*}] [group {group*}] [group {group*}]",
		at: "system/aaa/accounting/mobile", clears: "group broadcast"},
	{ids: "AAA-03", syntax: "aaa accounting mobile {name} [start-stop] [broadcast] group diameter", at: "system/aaa/accounting/mobile", readOnly: true,
		refuse: "E-MUST Diameter is not supported: name a group of RADIUS servers, or radius for all of them"},
	{ids: "RAD-10", syntax: "aaa server radius dynamic-author", at: "system/aaa/radius/dynamic-authorization", set: "enabled=true", enters: "dynamic-authorization"},
}

const encryptedKey = "E-PARSE the key is encrypted or hashed: it cannot be turned back; give it in clear (type 0) or as type 7"

var radiusServerRows = []row{
	{ids: "AAA-04", syntax: "address ipv4 {address:address4} <radius-options>", only: IOS},
	{ids: "AAA-04", syntax: "address ipv6 {address:address6} <radius-options>", only: IOS},
	{ids: "AAA-02", syntax: "key 7 {shared-secret:type7}"},
	{ids: "AAA-02", syntax: "key [0] {shared-secret}", readOnly: true},
	{ids: "AAA-02", syntax: "key (5|6|8|9) {text:any}", readOnly: true, refuse: encryptedKey},
	{ids: "AAA-04", syntax: "timeout {timeout}", readOnly: true},
	{ids: "AAA-04", syntax: "retransmit {retransmit}", readOnly: true},
}

var radiusGroupRows = []row{
	{ids: "AAA-04", syntax: "server {server+}", only: XR},
	{ids: "AAA-04", syntax: "server name {server+}", only: IOS},
	{ids: "AAA-04", syntax: "server {server+} auth-port {text:number} acct-port {text:number}", readOnly: true,
		warn: "W-MIX left out: the ports are those of the server's own command"},
	{ids: "AAA-04", syntax: "server {server+}", only: IOS, readOnly: true},
	{ids: "AAA-04", syntax: "vrf {vrf}", only: XR},
	{ids: "AAA-04", syntax: "ip vrf forwarding {vrf}", only: IOS},
	{ids: "AAA-04", syntax: "source-interface {source-interface:interface}", only: XR},
	{ids: "AAA-04", syntax: "ip radius source-interface {source-interface:interface}", only: IOS},
}

var dynamicAuthorizationRows = []row{
	{ids: "RAD-10", syntax: "port {port}"},
	leftOut("client {text:any}", "only the configured servers are heard, with their own keys"),
}

var accessListRows = []row{
	{ids: "ACL-01", syntax: "ipv4 access-list {name}", at: "acls/acl", set: "type=ietf-access-control-list:ipv4-acl-type", enters: "access-list", only: XR},
	{ids: "ACL-01", syntax: "ip access-list extended {name}", at: "acls/acl", set: "type=ietf-access-control-list:ipv4-acl-type", enters: "access-list", only: IOS},
}

// entryRows are the entries of an access list. An entry without a number goes behind the others.
var entryRows = append(entries("permit", "accept"), append(entries("deny", "drop"),
	row{syntax: "[{number:number}] remark {text:any}", readOnly: true})...)

func entries(verb, forwarding string) []row {
	action := "actions/forwarding=ietf-access-control-list:" + forwarding
	ports := func(l4, end string) string {
		leaf := "{matches/" + l4 + "/" + end + "-port/"
		return "[(eq " + leaf + "port:port}|range " + leaf + "lower-port:port} " + leaf + "upper-port:port})]"
	}
	layer4 := func(name, number string) row {
		return row{ids: "ACL-02 ACL-05", at: "aces/ace", set: action + " matches/ipv4/protocol=" + number,
			syntax: "[{name:sequence}] " + verb + " " + name + " <source> " + ports(name, "source") + " <destination> " + ports(name, "destination")}
	}
	return []row{
		layer4("tcp", "6"), layer4("udp", "17"),
		{ids: "ACL-02", at: "aces/ace", set: action, syntax: "[{name:sequence}] " + verb + " {matches/ipv4/protocol:protocol} <source> <destination>"},
		{ids: "ACL-03 ACL-04", at: "aces/ace", set: action, syntax: "[{name:sequence}] " + verb + " (ip|ipv4) <source> <destination>"},
	}
}
