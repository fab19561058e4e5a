package ios

// authRows are the keys of a domain, peer, customer or node. Routers write some keys as type 7, and what is written as another type cannot
// be turned back.
var authRows = []row{
	{ids: "DOM-02 PEER-03 MLL-05", at: "auth-option", syntax: "auth-option spi {spi:hex} key ascii {key:key}"},
	{ids: "DOM-02 PEER-03 MLL-05", at: "auth-option", syntax: "auth-option spi {spi:hex} key ascii 7 {key:type7}"},
	{ids: "DOM-02 PEER-03 MLL-05", at: "auth-option", syntax: "auth-option spi {spi:hex} key hex {hex-key:hexkey}"},
	{ids: "DOM-02", at: "auth-option", syntax: "auth-option spi decimal {spi} key ascii [0] {key}", readOnly: true},
	{ids: "DOM-02", at: "auth-option", syntax: "auth-option spi decimal {spi} key ascii 7 {key:type7}", readOnly: true},
	{ids: "DOM-02", at: "auth-option", syntax: "auth-option spi decimal {spi} key hex {hex-key}", readOnly: true},
	{ids: "DOM-02", at: "auth-option", syntax: "auth-option spi {spi:hex} key ascii 0 {key}", readOnly: true},
	{ids: "DOM-02", at: "auth-option", syntax: "auth-option spi [decimal] {text:any} key (ascii (1|2|3|4|5|6|8|9)|md5|encrypted) {text:any}", readOnly: true, refuse: encryptedKey},
}

var domainRows = joined(authRows, []row{
	{ids: "MP-02", syntax: "encap {encap:enum}"},
	{ids: "LMA-07", syntax: "replay-protection timestamp window {replay-protection/window}", clears: "replay-protection/mode"},
	{ids: "EXT-14", syntax: "replay-protection timestamp window ignore", set: "replay-protection/mode=ignore"},
	{ids: "EXT-21", syntax: "local-routing-mag", set: "local-routing=true"},
	{ids: "EXT-21", syntax: "mn-profile-load-aaa", set: "profile-from-aaa=true"},
	{ids: "DOM-07", syntax: "lma {id}", at: "lma", enters: "domain-lma"},
	{ids: "EXT-21", syntax: "mag {id}", at: "mag", enters: "domain-mag"},
	{ids: "DOM-03", syntax: "nai {id}", at: "nai", enters: "domain-nai", mind: "user@realm or @realm"},
	{ids: "MMAP-01", syntax: "mobile-map {name} {sequence}", at: "mobile-map/entry", enters: "mobile-map"},
})

var naiRows = joined(authRows, []row{
	{ids: "DOM-07", syntax: "lma {lma}"},
	{ids: "DOM-04", syntax: "network {network}"},
	{ids: "DOM-05", syntax: "service {service:enum}"},
	{ids: "DOM-06", syntax: "customer {customer}"},
	{ids: "EXT-19", syntax: "apn {apn}"},
	{ids: "EXT-20", syntax: "gre-encap-key up {gre-key/uplink}"},
	{ids: "EXT-20", syntax: "gre-encap-key down {gre-key/downlink}"},
	{ids: "EXT-20", syntax: "mobility-service mobile-local-loop", set: "mobile-local-loop=true", unset: "mobile-local-loop=false"},
})

var knownPeerRows = []row{
	{ids: "DOM-07 EXT-21", syntax: "ipv4 address {ipv4-address}"},
	{ids: "DOM-07 EXT-21", syntax: "ipv6 address {ipv6-address}"},
	{ids: "DOM-07 EXT-21", syntax: "ipv4-address {ipv4-address}", readOnly: true},
	{ids: "DOM-07 EXT-21", syntax: "ipv6-address {ipv6-address}", readOnly: true},
}

const lastNull = "up to three labels, and null as the last word"

var mapEntryRows = []row{
	{ids: "MMAP-02", syntax: "match access-list {match/access-list}"},
	{ids: "MMAP-03 MMAP-04", syntax: "set link-type [{set/link-type*}] [{set/link-type*}] [{set/link-type*}] null", set: "set/null=true", clears: "set/link-type set/null", mind: lastNull},
	{ids: "MMAP-03 MMAP-05", syntax: "set link-type {set/link-type*} [{set/link-type*}] [{set/link-type*}]", clears: "set/link-type set/null", mind: lastNull},
	{ids: "MMAP-13", syntax: "traffic-profile {traffic-profile}"},
	{ids: "EXT-22", syntax: "ip df {set-df:bit}"},
	{ids: "EXT-22", syntax: "loadbalance", set: "load-balance=true"},
}
