// SPDX-License-Identifier: (BSD-3-Clause OR GPL-2.0-only)
// Makes a plain interface a host on one VLAN: what leaves gets a tag, what comes in must have it
// and loses it. For kernels without an 802.1Q device; loaded with tc on both directions.

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

static long (*const vlan_push)(struct __sk_buff *, __u16, __u16) = (void *)BPF_FUNC_skb_vlan_push;
static long (*const vlan_pop)(struct __sk_buff *) = (void *)BPF_FUNC_skb_vlan_pop;

__attribute__((section("egress"), used)) int tag(struct __sk_buff *skb)
{
	return vlan_push(skb, __builtin_bswap16(0x8100), VID) ? TC_ACT_SHOT : TC_ACT_OK;
}

__attribute__((section("ingress"), used)) int untag(struct __sk_buff *skb)
{
	if (!skb->vlan_present || (skb->vlan_tci & 0xfff) != VID)
		return TC_ACT_SHOT;
	return vlan_pop(skb) ? TC_ACT_SHOT : TC_ACT_OK;
}
