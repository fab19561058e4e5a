//go:build ignore

// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//
// Programs that put packets into tunnels and take them out inside the kernel, super-packets in one piece. They only ever
// say yes: whatever is not plain goes on as if they were not there, and user space decides about it.

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

// The kernel refuses bpf_fib_lookup to a program that may not be used under the GPL.
char _license[] SEC("license") = "GPL";

// Younger than the headers of some build hosts (linux/bpf.h).
#define NEXT -1                // TCX_NEXT, Linux 6.6
#define DECAP_IPV4 (1ULL << 7) // BPF_F_ADJ_ROOM_DECAP_L3_IPV4, Linux 6.3
#define DECAP_IPV6 (1ULL << 8) // BPF_F_ADJ_ROOM_DECAP_L3_IPV6

#define AF_INET 2
#define AF_INET6 10
#define PACKET_HOST 0 // a frame for the interface that it arrived on (linux/if_packet.h)
#define LOOPBACK 1 // interface that packets of the host itself come from, to policy rules

#define ENCAP_GRE 2         // dataplane.EncapGRE
#define GRE_KEY 0x2000      // RFC 2890 section 2
#define DONT_FRAGMENT 0x4000
#define FRAGMENT 0x3fff     // more fragments, or an offset
#define OUTER_HOPS 64       // RFC 1700; RFC 2473 section 6.3
#define TCP_SYN 0x02        // RFC 9293 section 3.1
#define MAX_SIZE 65535

#define MAX_ROUTES (4 << 20)  // a trie, which grows as it is filled
#define MAX_TUNNELS (1 << 16) // hash tables, which take 16 octets in advance for each

struct ip4 {
	__u8 version_length, class;
	__be16 total, id, fragment;
	__u8 hops, protocol;
	__be16 checksum;
	__be32 source, destination;
};

struct ip6 {
	__be32 version_class_label;
	__be16 payload;
	__u8 next, hops;
	__u8 source[16], destination[16];
};

// An address: IPv4 in the first four octets.
struct address {
	__u8 octets[16];
};

// A table of routes for each access device (its interface index), where a packet's source selects; one for the anchor's
// device, where the destination does; and all nodes of access devices by their own address, for what comes back.
#define TABLE_NODES 0
#define TABLE_ANCHOR 0xffffffff

struct route_key {
	__u32 length; // of the prefix, in bits, with table and version
	__u32 table;
	__u32 version;
	struct address node;
};

struct route {
	__u32 tunnel; // 0: user space knows
	__u32 device; // that packets out of the tunnel arrive on
	__u32 tx_key, rx_key;
	__u8 has_tx_key, has_rx_key;
	__u8 unused[2];
	__u32 account; // that its traffic is counted for; 0: none
};

struct peer {
	struct address local, remote;
	__u32 version;
	__u32 encap;
};

struct tunnel {
	struct peer ends;
	__u32 mtu;      // largest inner packet; 0: what the path takes
	__u32 underlay; // interface towards the peer
	__u32 whole;    // the underlay takes super-packets
};

struct traffic {
	__u64 rx_packets, rx_octets, tx_packets, tx_octets;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_ROUTES);
	__type(key, struct route_key);
	__type(value, struct route);
} routes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_TUNNELS);
	__type(key, __u32);
	__type(value, struct tunnel);
} tunnels SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_TUNNELS);
	__type(key, struct peer);
	__type(value, __u32);
} peers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_TUNNELS);
	__type(key, __u32);
	__type(value, struct traffic);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_ROUTES);
	__type(key, __u32);
	__type(value, struct traffic);
} accounts SEC(".maps");

// What is known of an inner packet.
struct inner {
	struct address source, destination;
	__u32 version;
	__u32 class;
	__u32 size;
	__u32 segment; // size of the largest packet that it is on the wire
	__u32 packets; // on the wire
	__u32 octets;  // on the wire
};

static __always_inline bool read4(struct __sk_buff *skb, __u32 at, struct inner *in, __u32 *header, __u8 *protocol)
{
	struct ip4 ip;
	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)) < 0 || ip.version_length >> 4 != 4)
		return false;
	in->version = 4;
	in->class = ip.class;
	in->size = bpf_ntohs(ip.total);
	__builtin_memcpy(&in->source, &ip.source, 4);
	__builtin_memcpy(&in->destination, &ip.destination, 4);
	*header = (ip.version_length & 15) * 4;
	*protocol = ip.protocol;
	return *header >= sizeof(ip);
}

static __always_inline bool read6(struct __sk_buff *skb, __u32 at, struct inner *in, __u32 *header, __u8 *protocol)
{
	struct ip6 ip;
	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)) < 0 || bpf_ntohl(ip.version_class_label) >> 28 != 6)
		return false;
	in->version = 6;
	in->class = bpf_ntohl(ip.version_class_label) >> 20 & 255;
	in->size = sizeof(ip) + bpf_ntohs(ip.payload);
	__builtin_memcpy(&in->source, ip.source, 16);
	__builtin_memcpy(&in->destination, ip.destination, 16);
	*header = sizeof(ip);
	*protocol = ip.next;
	return true;
}

// measure finds out what a super-packet is on the wire. Only TCP is plain: of other protocols a peer in user space could not
// tell where to cut. What begins a connection is not: its maximum segment size may have to be lowered.
static __always_inline bool measure(struct __sk_buff *skb, __u32 at, struct inner *in, __u32 header, __u8 protocol)
{
	in->segment = in->size;
	in->octets = in->size;
	in->packets = 1;
	__u8 tcp[2] = {}; // data offset, flags
	if (protocol == IPPROTO_TCP && (bpf_skb_load_bytes(skb, at + header + 12, tcp, 2) < 0 || tcp[1] & TCP_SYN))
		return false;
	if (!skb->gso_size)
		return true;
	if (protocol != IPPROTO_TCP)
		return false;
	header += (tcp[0] >> 4) * 4;
	if (in->size <= header)
		return false;
	in->packets = (in->size - header + skb->gso_size - 1) / skb->gso_size;
	in->octets += (in->packets - 1) * header;
	if (in->packets > 1)
		in->segment = header + skb->gso_size;
	return true;
}

// read reads the inner packet at an offset, which has the given room. It fails where that is not plain.
static __always_inline bool read(struct __sk_buff *skb, __u32 at, __u32 room, __u32 version, struct inner *in)
{
	__u32 header = 0;
	__u8 protocol = 0;
	if (version == 4 ? !read4(skb, at, in, &header, &protocol) : !read6(skb, at, in, &header, &protocol))
		return false;
	// Behind a packet there may be what fills up a frame, but not behind a super-packet.
	if (in->size < header || in->size > room || (skb->gso_size && in->size != room))
		return false;
	return measure(skb, at, in, header, protocol);
}

static __always_inline struct route *find(__u32 table, const struct inner *in, const struct address *node)
{
	struct route_key key = {.length = 64 + 128, .table = table, .version = in->version, .node = *node};
	if (in->version == 4)
		key.length = 64 + 32;
	return bpf_map_lookup_elem(&routes, &key);
}

static __always_inline __u16 fold(__s64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

// way asks the host for the way to the peer, and fails where there is none, the packet is too big for it, or the next hop's
// link-layer address is not known yet.
static __always_inline bool way(struct __sk_buff *skb, const struct tunnel *t, __u32 size, __u32 class, struct bpf_fib_lookup *fib)
{
	fib->ifindex = LOOPBACK;
	fib->tot_len = size;
	if (t->ends.version == 4) {
		fib->family = AF_INET;
		fib->tos = class;
		__builtin_memcpy(&fib->ipv4_src, &t->ends.local, 4);
		__builtin_memcpy(&fib->ipv4_dst, &t->ends.remote, 4);
	} else {
		fib->family = AF_INET6;
		__builtin_memcpy(fib->ipv6_src, &t->ends.local, 16);
		__builtin_memcpy(fib->ipv6_dst, &t->ends.remote, 16);
	}
	return bpf_fib_lookup(skb, fib, sizeof(*fib), 0) == BPF_FIB_LKUP_RET_SUCCESS && fib->ifindex == t->underlay;
}

static __always_inline bool write4(struct __sk_buff *skb, const struct tunnel *t, __u32 class, __u8 protocol)
{
	struct ip4 ip = {
		.version_length = 0x45, .class = class, .total = bpf_htons(skb->len), .fragment = bpf_htons(DONT_FRAGMENT),
		.hops = OUTER_HOPS, .protocol = protocol,
	};
	__builtin_memcpy(&ip.source, &t->ends.local, 4);
	__builtin_memcpy(&ip.destination, &t->ends.remote, 4);
	ip.checksum = ~fold(bpf_csum_diff(0, 0, (__be32 *)&ip, sizeof(ip), 0));
	return bpf_skb_store_bytes(skb, 0, &ip, sizeof(ip), 0) == 0;
}

static __always_inline bool write6(struct __sk_buff *skb, const struct tunnel *t, __u32 class, __u8 protocol, __u32 label)
{
	struct ip6 ip = {
		.version_class_label = bpf_htonl(6U << 28 | class << 20 | (label & 0xfffff)),
		.payload = bpf_htons(skb->len - sizeof(ip)), .next = protocol, .hops = OUTER_HOPS,
	};
	__builtin_memcpy(ip.source, &t->ends.local, 16);
	__builtin_memcpy(ip.destination, &t->ends.remote, 16);
	return bpf_skb_store_bytes(skb, 0, &ip, sizeof(ip), 0) == 0;
}

static __always_inline bool write_gre(struct __sk_buff *skb, __u32 at, const struct route *r, __u32 version)
{
	__be32 header[2] = {bpf_htonl(version == 4 ? ETH_P_IP : ETH_P_IPV6), bpf_htonl(r->tx_key)};
	if (!r->has_tx_key)
		return bpf_skb_store_bytes(skb, at, header, 4, 0) == 0;
	header[0] |= bpf_htonl(GRE_KEY << 16);
	return bpf_skb_store_bytes(skb, at, header, 8, 0) == 0;
}

// make_room makes room in front of the packet, and tells the host how to cut a super-packet.
static __always_inline bool make_room(struct __sk_buff *skb, const struct tunnel *t, __u32 overhead)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | (t->ends.version == 4 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV6);
	if (t->ends.encap == ENCAP_GRE)
		flags |= BPF_F_ADJ_ROOM_ENCAP_L4_GRE;
	return bpf_skb_adjust_room(skb, overhead, BPF_ADJ_ROOM_MAC, flags) == 0;
}

// write fills the room, and puts an Ethernet header in front that a tunnel device does not have, but every way out pulls.
static __always_inline bool write(struct __sk_buff *skb, const struct tunnel *t, const struct route *r, const struct inner *in, __u32 label)
{
	__u32 ip = t->ends.version == 4 ? sizeof(struct ip4) : sizeof(struct ip6);
	__u8 protocol = in->version == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	if (t->ends.encap == ENCAP_GRE)
		protocol = IPPROTO_GRE;
	if (t->ends.version == 4 ? !write4(skb, t, in->class, protocol) : !write6(skb, t, in->class, protocol, label))
		return false;
	if (protocol == IPPROTO_GRE && !write_gre(skb, ip, r, in->version))
		return false;
	return bpf_skb_change_head(skb, ETH_HLEN, 0) == 0;
}

// account returns the counters beside those of the tunnel, if there are any.
static __always_inline struct traffic *account(__u32 number)
{
	return number ? bpf_map_lookup_elem(&accounts, &number) : 0;
}

// enter sends what the host has routed to a tunnel device.
static __always_inline int enter(struct __sk_buff *skb, bool access)
{
	struct inner in = {};
	if (!read(skb, 0, skb->len, skb->protocol == bpf_htons(ETH_P_IP) ? 4 : 6, &in) || in.size != skb->len)
		return NEXT;
	struct route *r = access ? find(skb->ifindex, &in, &in.source) : find(TABLE_ANCHOR, &in, &in.destination);
	if (!r)
		return NEXT;
	__u32 id = r->tunnel;
	struct tunnel *t = bpf_map_lookup_elem(&tunnels, &id);
	struct traffic *c = bpf_map_lookup_elem(&counters, &id);
	if (!t || !c)
		return NEXT;
	__u32 overhead = t->ends.version == 4 ? sizeof(struct ip4) : sizeof(struct ip6);
	if (t->ends.encap == ENCAP_GRE)
		overhead += r->has_tx_key ? 8 : 4;
	if ((t->mtu && in.segment > t->mtu) || in.size + overhead > MAX_SIZE || (skb->gso_size && !t->whole))
		return NEXT;
	struct bpf_fib_lookup fib = {};
	__u32 label = bpf_get_hash_recalc(skb); // RFC 6438
	if (!way(skb, t, in.segment + overhead, in.class, &fib) || !make_room(skb, t, overhead))
		return NEXT;
	if (!write(skb, t, r, &in, label))
		return TC_ACT_SHOT; // memory has run out
	c->tx_packets += in.packets;
	c->tx_octets += in.octets;
	struct traffic *own = account(r->account);
	if (own) {
		own->tx_packets += in.packets;
		own->tx_octets += in.octets;
	}
	struct bpf_redir_neigh next = {.nh_family = fib.family};
	__builtin_memcpy(next.ipv6_nh, fib.ipv6_dst, 16);
	return bpf_redirect_neigh(fib.ifindex, &next, sizeof(next), 0);
}

SEC("tc")
int to_nodes(struct __sk_buff *skb)
{
	return enter(skb, false);
}

SEC("tc")
int from_nodes(struct __sk_buff *skb)
{
	return enter(skb, true);
}

// What is known of an outer packet.
struct outer {
	struct peer ends;
	__u32 at;   // offset of what follows the IP header
	__u32 room; // of that
	__u32 class;
	__u8 protocol;
};

static __always_inline bool read_outer4(struct __sk_buff *skb, struct outer *out)
{
	struct ip4 ip;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) < 0)
		return false;
	__u32 total = bpf_ntohs(ip.total);
	if (ip.version_length != 0x45 || ip.fragment & bpf_htons(FRAGMENT) || total < sizeof(ip) || total > skb->len - ETH_HLEN)
		return false;
	if (fold(bpf_csum_diff(0, 0, (__be32 *)&ip, sizeof(ip), 0)) != 0xffff)
		return false;
	out->ends.version = 4;
	out->class = ip.class;
	out->protocol = ip.protocol;
	out->at = ETH_HLEN + sizeof(ip);
	out->room = total - sizeof(ip);
	__builtin_memcpy(&out->ends.local, &ip.destination, 4);
	__builtin_memcpy(&out->ends.remote, &ip.source, 4);
	return true;
}

static __always_inline bool read_outer6(struct __sk_buff *skb, struct outer *out)
{
	struct ip6 ip;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) < 0)
		return false;
	__u32 payload = bpf_ntohs(ip.payload);
	if (bpf_ntohl(ip.version_class_label) >> 28 != 6 || payload + sizeof(ip) > skb->len - ETH_HLEN)
		return false;
	out->ends.version = 6;
	out->class = bpf_ntohl(ip.version_class_label) >> 20 & 255;
	out->protocol = ip.next;
	out->at = ETH_HLEN + sizeof(ip);
	out->room = payload;
	__builtin_memcpy(&out->ends.local, ip.destination, 16);
	__builtin_memcpy(&out->ends.remote, ip.source, 16);
	return true;
}

// What stands between outer and inner header.
struct shim {
	__u32 length;
	__u32 version; // of the inner packet; 0: not plain
	__u32 key;
	bool has_key;
};

static __always_inline void read_gre(struct __sk_buff *skb, const struct outer *out, struct shim *s)
{
	__be32 header[2] = {};
	if (out->room < 8 || bpf_skb_load_bytes(skb, out->at, header, 8) < 0)
		return;
	__u32 first = bpf_ntohl(header[0]);
	s->length = 4;
	if (first >> 16 == GRE_KEY) {
		s->length = 8;
		s->has_key = true;
		s->key = bpf_ntohl(header[1]);
	} else if (first >> 16) {
		return;
	}
	if ((first & 0xffff) == ETH_P_IP)
		s->version = 4;
	else if ((first & 0xffff) == ETH_P_IPV6)
		s->version = 6;
}

// RFC 6040 figure 4: the ECN field of a packet that leaves a tunnel, or -1 if it must not leave.
static __always_inline int leaving_ecn(__u32 inner, __u32 outer)
{
	if (outer == 3)
		return inner ? 3 : -1;
	if (outer == 1 && inner == 2)
		return 1;
	return inner;
}

static __always_inline void set_class(struct __sk_buff *skb, const struct inner *in, __u32 class)
{
	if (class == in->class)
		return;
	if (in->version == 4) {
		__be16 old = bpf_htons(0x4500 | in->class), new = bpf_htons(0x4500 | class);
		__u8 octet = class;
		bpf_l3_csum_replace(skb, ETH_HLEN + 10, old, new, 2);
		bpf_skb_store_bytes(skb, ETH_HLEN + 1, &octet, 1, 0);
		return;
	}
	__be16 first;
	bpf_skb_load_bytes(skb, ETH_HLEN, &first, 2);
	first = (first & bpf_htons(0xf00f)) | bpf_htons(class << 4);
	bpf_skb_store_bytes(skb, ETH_HLEN, &first, 2, BPF_F_RECOMPUTE_CSUM);
}

// home finds the route into this very path for the node that a packet is from, at the anchor, or to, at a gateway.
static __always_inline struct route *home(__u32 tunnel, const struct shim *s, const struct inner *in)
{
	struct route *r = find(TABLE_ANCHOR, in, &in->source);
	if (!r || r->tunnel != tunnel)
		r = find(TABLE_NODES, in, &in->destination);
	if (!r || r->tunnel != tunnel || r->has_rx_key != s->has_key || r->rx_key != s->key)
		return 0;
	return r;
}

// from_peer takes packets out of their tunnels and lets them arrive on the tunnel device.
SEC("tc")
int from_peer(struct __sk_buff *skb)
{
	struct outer out = {};
	if (skb->pkt_type != PACKET_HOST)
		return NEXT;
	if (skb->protocol == bpf_htons(ETH_P_IP) ? !read_outer4(skb, &out) : skb->protocol != bpf_htons(ETH_P_IPV6) || !read_outer6(skb, &out))
		return NEXT;
	struct shim s = {};
	out.ends.encap = 1;
	switch (out.protocol) {
	case IPPROTO_IPIP:
		s.version = 4;
		break;
	case IPPROTO_IPV6:
		s.version = 6;
		break;
	case IPPROTO_GRE:
		out.ends.encap = ENCAP_GRE;
		read_gre(skb, &out, &s);
		break;
	}
	if (!s.version)
		return NEXT;
	__u32 *id = bpf_map_lookup_elem(&peers, &out.ends);
	if (!id)
		return NEXT;
	struct tunnel *t = bpf_map_lookup_elem(&tunnels, id);
	struct traffic *c = bpf_map_lookup_elem(&counters, id);
	struct inner in = {};
	if (!t || !c || t->underlay != skb->ifindex || !read(skb, out.at + s.length, out.room - s.length, s.version, &in))
		return NEXT;
	struct route *r = home(*id, &s, &in);
	int ecn = leaving_ecn(in.class & 3, out.class & 3);
	if (!r || ecn < 0)
		return NEXT;
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO;
	if (in.version != out.ends.version)
		flags |= in.version == 4 ? DECAP_IPV4 : DECAP_IPV6;
	if (bpf_skb_adjust_room(skb, -(int)(out.at - ETH_HLEN + s.length), BPF_ADJ_ROOM_MAC, flags) < 0)
		return NEXT;
	set_class(skb, &in, (out.class & ~3) | ecn); // the DSCP is that of the outer header (RFC 2983 section 3)
	c->rx_packets += in.packets;
	c->rx_octets += in.octets;
	struct traffic *own = account(r->account);
	if (own) {
		own->rx_packets += in.packets;
		own->rx_octets += in.octets;
	}
	return bpf_redirect(r->device, BPF_F_INGRESS);
}
