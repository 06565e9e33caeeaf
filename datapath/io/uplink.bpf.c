// SPDX-License-Identifier: (BSD-3-Clause OR GPL-2.0-only)
// Which frames of an interface that the kernel goes on using are weft's.
//
// Ours is, of the single-tagged or untagged VLAN of the underlay, UDP to one of our addresses or
// groups and one of our tunnel ports; and, as the settings say, every frame of a VLAN that a
// network has, and untagged frames to MACs that are behind us. All else is the kernel's, and so is
// what can not be read, and a fragment: its ports are not known, and the kernel may put it
// together.
//
// Two programs give one verdict. `weft_uplink` runs in the driver (XDP) and hands frames to the
// AF_XDP socket of their queue, or to the kernel when none is there. `weft_filter` runs at packet
// sockets, for what a redirect can not do: where there is no XDP it takes what is ours; and where
// untagged frames are shared it takes a copy of those that several may want, as broadcasts are.
//
// No kernel types, so that nothing is to be relocated; helpers and map types of Linux 5.15 at most.

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "io/uplink_maps.h"

#define IP_PROTOCOL_UDP 17
#define IP4_FRAGMENT	0x3fff // more to come, or not the first
#define UDP_LEN		8
#define IP4_LEN		20
#define TAKE_WHOLE	0xffff // bytes of a frame

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, UPLINK_SOCKETS_MAX);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct uplink_settings);
} settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, UPLINK_PORTS_MAX);
	__type(key, __be16);
	__type(value, __u8);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, UPLINK_ADDRESSES_MAX);
	__type(key, struct uplink_address);
	__type(value, __u8);
} addresses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, UPLINK_GROUPS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct uplink_group);
	__type(value, __u8);
} groups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, UPLINK_VLANS_MAX);
	__type(key, __u32);
	__type(value, __u8);
} vlans SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, UPLINK_MACS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct uplink_mac);
	__type(value, __u8);
} macs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, N_UPLINK_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

// Where the bytes of a frame are: in `skb`, or from `data` on.
struct source {
	struct __sk_buff *skb; // NULL: XDP
	void *data;
	void *data_end;
};

struct frame {
	struct ethhdr ether;
	__be16 type; // after the tag
	__u16 vid;   // 0: untagged
	__u32 l3;    // offset
};

static __always_inline int load(const struct source *s, __u32 offset, void *to, __u32 len)
{
	void *at = s->data + offset;

	if (s->skb != NULL)
		return bpf_skb_load_bytes(s->skb, offset, to, len);
	if (at + len > s->data_end)
		return -1;
	__builtin_memcpy(to, __builtin_assume_aligned(at, 2), len); // as all headers are
	return 0;
}

static __always_inline int parse(const struct source *s, struct frame *f)
{
	__be16 tag[2];

	if (load(s, 0, &f->ether, sizeof(f->ether)) != 0)
		return -1;
	f->type = f->ether.h_proto;
	f->l3 = sizeof(f->ether);
	f->vid = 0;
	if (s->skb != NULL && s->skb->vlan_present) { // the kernel has taken it out of the frame
		if (s->skb->vlan_proto != bpf_htons(ETH_P_8021Q))
			return -1;
		f->vid = s->skb->vlan_tci & 0xfff;
	} else if (f->type == bpf_htons(ETH_P_8021Q)) {
		if (load(s, f->l3, tag, sizeof(tag)) != 0)
			return -1;
		f->vid = bpf_ntohs(tag[0]) & 0xfff;
		f->type = tag[1];
		f->l3 += sizeof(tag);
	}
	return 0;
}

static __always_inline bool is_ours(const struct uplink_address *address)
{
	struct uplink_group group = {.len = 128, .address = *address};

	return bpf_map_lookup_elem(&addresses, address) != NULL ||
	       bpf_map_lookup_elem(&groups, &group) != NULL;
}

// Whether a datagram goes to one of our tunnel ports, at one of our addresses.
static __always_inline bool is_our_port(
	const struct source *s, __u32 udp, const struct uplink_address *address)
{
	__be16 pair[2]; // source and destination port

	if (load(s, udp, pair, sizeof(pair)) != 0)
		return false;
	return bpf_map_lookup_elem(&ports, &pair[1]) != NULL && is_ours(address);
}

static __always_inline bool is_ip4_tunnel(const struct source *s, __u32 l3)
{
	struct uplink_address address = {.b = {[10] = 0xff, [11] = 0xff}};
	__u8 ip[IP4_LEN];
	__u32 header_len;

	if (load(s, l3, ip, sizeof(ip)) != 0 || ip[0] >> 4 != 4 || ip[9] != IP_PROTOCOL_UDP)
		return false;
	header_len = (ip[0] & 0xf) * 4;
	if (header_len < IP4_LEN || ((ip[6] << 8 | ip[7]) & IP4_FRAGMENT) != 0 ||
		(__u32)(ip[2] << 8 | ip[3]) < header_len + UDP_LEN)
		return false;
	__builtin_memcpy(&address.b[12], &ip[16], 4);
	return is_our_port(s, l3 + header_len, &address);
}

// The UDP header has to follow at once: behind extension headers it is the kernel's.
static __always_inline bool is_ip6_tunnel(const struct source *s, __u32 l3)
{
	struct uplink_address address;
	__u8 ip[40];

	if (load(s, l3, ip, sizeof(ip)) != 0 || ip[0] >> 4 != 6 || ip[6] != IP_PROTOCOL_UDP ||
		(ip[4] << 8 | ip[5]) < UDP_LEN)
		return false;
	__builtin_memcpy(&address, &ip[24], sizeof(address));
	return is_our_port(s, l3 + sizeof(ip), &address);
}

static __always_inline bool is_same_mac(const __u8 a[ETH_ALEN], const __u8 b[ETH_ALEN])
{
	__u8 difference = 0;

	for (int i = 0; i < ETH_ALEN; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}

static __always_inline bool is_known_mac(const __u8 mac[ETH_ALEN])
{
	struct uplink_mac key = {};

	__builtin_memcpy(key.b, mac, ETH_ALEN);
	return bpf_map_lookup_elem(&macs, &key) != NULL;
}

// UPLINK_KERNEL, or what makes the frame ours.
static __always_inline enum uplink_counter classify(
	const struct source *s, const struct frame *f, const struct uplink_settings *set)
{
	__u32 vid = f->vid;
	__u8 *wanted;

	if (vid == set->vid) {
		if (f->type == bpf_htons(ETH_P_IP) && is_ip4_tunnel(s, f->l3))
			return UPLINK_TUNNEL;
		if (f->type == bpf_htons(ETH_P_IPV6) && is_ip6_tunnel(s, f->l3))
			return UPLINK_TUNNEL;
	}
	if (vid != 0) {
		wanted = (set->flags & UPLINK_SHARE_VLANS) != 0 ? bpf_map_lookup_elem(&vlans, &vid)
								: NULL;
		return wanted != NULL && *wanted != 0 ? UPLINK_VLAN : UPLINK_KERNEL;
	}
	if ((set->flags & UPLINK_SHARE_UNTAGGED) != 0 && is_known_mac(f->ether.h_dest))
		return UPLINK_UNTAGGED;
	return UPLINK_KERNEL;
}

static __always_inline void count(__u32 what)
{
	__u64 *n = bpf_map_lookup_elem(&counters, &what);

	if (n != NULL)
		*n += 1;
}

SEC("xdp") int weft_uplink(struct xdp_md *ctx)
{
	const struct source source = {
		.data = (void *)(long)ctx->data, .data_end = (void *)(long)ctx->data_end};
	const __u32 zero = 0;
	const struct uplink_settings *set = bpf_map_lookup_elem(&settings, &zero);
	enum uplink_counter verdict = UPLINK_KERNEL;
	struct frame frame;
	long action;

	if (set != NULL && parse(&source, &frame) == 0)
		verdict = classify(&source, &frame, set);
	if (verdict == UPLINK_KERNEL) {
		count(verdict);
		return XDP_PASS;
	}
	action = bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
	count(action == XDP_REDIRECT ? verdict : UPLINK_NO_SOCKET);
	return (int)action;
}

// Untagged frames that others on the wire may want as well, the kernel among them: to many, or to a
// MAC that is neither the interface's nor known to be behind us.
static __always_inline bool is_for_many(const struct frame *f, const struct uplink_settings *set)
{
	const __u8 *to = f->ether.h_dest;

	if (f->vid != 0 || (set->flags & UPLINK_SHARE_UNTAGGED) == 0)
		return false;
	if ((to[0] & 1) != 0)
		return true;
	return !is_same_mac(to, set->mac) && !is_known_mac(to);
}

SEC("socket") int weft_filter(struct __sk_buff *skb)
{
	const struct source source = {.skb = skb};
	const __u32 zero = 0;
	const struct uplink_settings *set = bpf_map_lookup_elem(&settings, &zero);
	enum uplink_counter verdict = UPLINK_KERNEL;
	struct frame frame;

	if (set == NULL || parse(&source, &frame) != 0)
		return 0;
	if ((set->flags & UPLINK_NO_XDP) != 0) {
		verdict = classify(&source, &frame, set);
		count(verdict);
	}
	return verdict != UPLINK_KERNEL || is_for_many(&frame, set) ? TAKE_WHOLE : 0;
}

char program_license[] SEC("license") = "Dual BSD/GPL";
