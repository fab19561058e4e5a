package ios

var magRows = []row{
	{ids: "ROAM-01", syntax: "address dynamic", at: "address/dynamic", enters: "mag-address"},
	{ids: "MAG-01", syntax: "address ipv4 {address/ipv4}"},
	{ids: "MAG-01", syntax: "address ipv6 {address/ipv6}"},
	{ids: "MAG-02", syntax: "binding maximum {binding/maximum:1..128000}"},
	{ids: "MAG-02 INC-26", syntax: "bce maximum {binding/maximum:1..128000}", readOnly: true},
	{ids: "EXT-27", syntax: "binding lifetime {binding/lifetime}"},
	{ids: "EXT-27", syntax: "binding refresh-time {binding/refresh-time}"},
	{ids: "EXT-27", syntax: "binding init-retx-time {binding/init-retx-time}"},
	{ids: "EXT-27", syntax: "binding max-retx-time {binding/max-retx-time}"},
	{ids: "MP-04", syntax: "multipath", set: "multipath=true"},
	{ids: "MMAP-07", syntax: "mobile-map {mobile-map}"},
	{ids: "INC-18", syntax: "mobile-map {mobile-map} {sequence:number}", readOnly: true,
		warn: "W-MIX the sequence number is ignored: a MAG uses a map as a whole"},
	{ids: "TUN-01", syntax: "tunnel mtu {tunnel/mtu}"},
	{ids: "TUN-04", syntax: "tunnel nat {tunnel/nat:enum}"},
	{ids: "TUN-02 INC-17", syntax: "tunnel acl {tunnel/acl}", warn: "W-MIX the documents know access lists at the tunnels of LMAs; here it filters what comes from them"},
	{ids: "MMAP-12", syntax: "interface {name:interface}", at: "interface"},
	{ids: "EXT-17", syntax: "role {role:role}"},
	{ids: "EXT-19", syntax: "apn {apn}"},
	{ids: "EXT-19", syntax: "ssmo-format label", set: "ssmo-format=label"},
	{ids: "EXT-15", syntax: "ani", set: "ani=true"},
	{ids: "EXT-05", syntax: "generate grekey", set: "gre-key/generate=true", unset: "gre-key/generate=false"},
	{ids: "EXT-05", syntax: "ignore grekey", set: "gre-key/ignore=true"},
	{ids: "EXT-28", syntax: "discover-mn-detach poll interval {interval} timeout {timeout} retries {retries}", at: "detach-detection"},
	{ids: "EXT-29", syntax: "sessionmgr", set: "session-manager=true"},
	{ids: "EXT-29", syntax: "local-routing-mag {acl}", at: "local-routing"},
	{ids: "EXT-29", syntax: "local-routing-mag", at: "local-routing"},
	{ids: "EXT-26", syntax: "tunnel-template {tunnel-template:interface}"},
	{ids: "EXT-26", syntax: "tunnel-template {interface:interface} label {label}", at: "tunnel-template-label"},
	{ids: "MAG-03", syntax: "lma {id} {domain}", at: "lma", enters: "mag-lma"},
	{ids: "LMN-01", syntax: "logical-mn {nai}", at: "logical-mn", enters: "logical-mn"},
	{ids: "HYB-01", syntax: "mobility-service hybrid-access", at: "hybrid-access", enters: "mag-hybrid-access"},
	{ids: "EXT-36", syntax: "mobility-service mobile-local-loop", at: "mobile-local-loop", enters: "mag-mobile-local-loop"},
}

var roamingRows = []row{
	{ids: "ROAM-02 ROAM-03 ROAM-04 ROAM-05", at: "roaming",
		syntax: "roaming interface {interface:interface} [priority {priority}] [egress-att {egress-att:att}] [label {label}]"},
}

var magPeerRows = []row{
	{ids: "MAG-03", syntax: "ipv4 address {ipv4-address+}"},
	{ids: "MAG-03", syntax: "ipv6 address {ipv6-address+}"},
	{ids: "MAG-03", syntax: "encap {encap:enum}"},
	{ids: "EXT-37", syntax: "vrfid {vrf}"},
	{ids: "EXT-26", syntax: "tunnel-template {tunnel-template:interface}"},
	{ids: "EXT-26", syntax: "tunnel-template {interface:interface} label {label}", at: "tunnel-template-label"},
}

// hybridRows are about the quality of links, on either end.
func hybridRows(profile string) []row {
	return []row{
		{ids: "EXT-23", syntax: "enable-sla", set: "sla/enabled=true"},
		{ids: "EXT-23", syntax: "disable-sla", set: "sla/enabled=false", unset: "sla/enabled=true"},
		{ids: "EXT-23", syntax: "sla frequency {sla/frequency}"},
		{ids: "EXT-23", syntax: "sla interval {sla/interval}"},
		{ids: "EXT-23", syntax: "sla num-packets {sla/num-packets}"},
		{ids: "EXT-25", syntax: "bandwidth-ratio label {label} {ratio}", at: "bandwidth-ratio"},
		{ids: "HYB-02", syntax: "profile-definition {name}", at: "profile", enters: profile},
	}
}

var magHybridRows = []row{
	{ids: "EXT-23", syntax: "sla-responder-stats disable", set: "sla/responder-statistics=false"},
}

var profileRows = []row{
	{ids: "HYB-03", syntax: "jitter {jitter/value} [low-threshold {jitter/low-threshold}]"},
	{ids: "HYB-04", syntax: "rtt {rtt/value} [low-threshold {rtt/low-threshold}]"},
	{ids: "HYB-05", syntax: "packet-loss {packet-loss/value} [low-threshold {packet-loss/low-threshold}]", mind: "a whole number of percent"},
	{ids: "EXT-24", syntax: "mos {mos/value} [low-threshold {mos/low-threshold}]"},
	{ids: "EXT-24", syntax: "loadbalance", set: "load-balance=true"},
}

var magLoopRows = []row{
	{ids: "EXT-10 EXT-36", syntax: "ignore home-address", set: "ignore-home-address=true"},
	{ids: "EXT-36", syntax: "reverse-tunnel default-route {reverse-tunnel/distance}", set: "reverse-tunnel/default-route=true"},
	{ids: "EXT-36", syntax: "reverse-tunnel default-route", set: "reverse-tunnel/default-route=true"},
	{ids: "EXT-36", syntax: "egress interface {egress-interface:interface}"},
}

var logicalRows = []row{
	{ids: "EXT-30", syntax: "home interface {home-interface:interface}"},
	{ids: "EXT-32", syntax: "address dynamic", set: "address-dynamic=true"},
	{ids: "EXT-33", syntax: "service {service:enum}"},
	{ids: "LMN-02 EXT-31", syntax: "mobile network {interface:interface} [label {label}] learn-prefix skip-register", at: "mobile-network", set: "learn-prefix=true skip-register=true"},
	{ids: "LMN-02 EXT-31", syntax: "mobile network {interface:interface} [label {label}] learn-prefix", at: "mobile-network", set: "learn-prefix=true"},
	{ids: "LMN-02 EXT-31", syntax: "mobile network {interface:interface} [label {label}] skip-register", at: "mobile-network", set: "skip-register=true"},
	{ids: "LMN-02 EXT-31", syntax: "mobile network {interface:interface} [label {label}]", at: "mobile-network"},
	{ids: "EXT-34", syntax: "fixed interface {fixed/interface:interface} watch ipv4 {fixed/watch:watch} length {fixed/watch:watch}"},
	{ids: "EXT-34", syntax: "fixed interface {fixed/interface:interface}"},
	{ids: "EXT-35", syntax: "reverse-tunnel route (ipv4 {prefix:prefix4}|ipv6 {prefix:prefix6}) [{distance}]", at: "reverse-tunnel/route"},
	{ids: "MMAP-07", syntax: "mobile-map {mobile-map}"},
}
