# SPDX-License-Identifier: BSD-3-Clause
"""The filtered port of the benchmarks: the same rules for weft and for OVS.

All rules are of the direction in which the flows begin, and the last of them is the one that accepts
them, so that a first packet meets them all. The flows of OVS have the shape that neutron's
OVS firewall gives them: the port's MAC and address, then the state, then for new connections the
rules, and only what is established comes back in.
"""

import mkpcap

NEW_FLOWS = 1000000 # sessions that one pass of "…-new" opens, at most

MAC = mkpcap.host_mac(0, 0)
ADDRESS = mkpcap.host_address(0, 0)


def rules(n):
    """n rules as keys of a rule of weft: ports, prefixes, and both."""
    found = []
    for i in range(n - 1):
        rule = {"direction": "egress", "protocol": "tcp" if i % 2 else "udp"}
        if i % 3:
            rule["ports"] = str(20000 + i)
        if i % 3 != 1:
            rule["remote-prefix"] = f"172.{16 + i // 256}.{i % 256}.0/24"
        found.append(rule)
    return found + [{"direction": "egress", "protocol": "udp", "remote-prefix": "11.0.0.0/8"}]


def weft_objects(n):
    """What the configuration of weft has besides the port."""
    return {
        "security-groups": {"bench": {"rules": rules(n)}} if n else {},
        "sessions": {"limit": 2 * NEW_FLOWS, "port-quota": 2 * NEW_FLOWS},
    }


def weft_port(device):
    return {"network": "bench", "device": device, "mac": MAC, "addresses": [ADDRESS],
        "security-groups": ["bench"]}


def openflow_match(rule):
    """A rule as the match of a flow."""
    match = [rule["protocol"]]
    if "ports" in rule:
        match.append(f"tp_dst={rule['ports']}")
    if "remote-prefix" in rule:
        match.append(f"nw_dst={rule['remote-prefix']}")
    return ",".join(match)


def openflow(n, port, other):
    """The flows of br-int between the OpenFlow ports `port`, the filtered one, and `other`."""
    zone = "zone=NXM_NX_REG6[0..15]"
    flows = [
        f"table=0,priority=100,in_port={port},actions=load:1->NXM_NX_REG6[],resubmit(,71)",
        f"table=0,priority=90,in_port={other},actions=load:1->NXM_NX_REG6[],resubmit(,81)",
        "table=0,priority=0,actions=drop",
        f"table=71,priority=95,arp,in_port={port},dl_src={MAC},arp_spa={ADDRESS},actions=resubmit(,94)",
        f"table=71,priority=65,ip,in_port={port},dl_src={MAC},nw_src={ADDRESS},actions=ct(table=72,{zone})",
        "table=71,priority=10,actions=drop",
        "table=72,priority=77,ct_state=+est-rel-rpl,actions=resubmit(,94)",
        "table=72,priority=50,ct_state=+est-rel+rpl,actions=resubmit(,94)",
        "table=72,priority=50,ct_state=+inv+trk,actions=drop",
        "table=72,priority=10,actions=drop",
        "table=81,priority=100,arp,actions=resubmit(,94)",
        f"table=81,priority=90,ip,ct_state=-trk,actions=ct(table=82,{zone})",
        "table=82,priority=77,ct_state=+est-rel+rpl,actions=resubmit(,94)",
        "table=82,priority=50,ct_state=+inv+trk,actions=drop",
        "table=82,priority=10,actions=drop",
        "table=94,priority=1,actions=NORMAL",
    ]
    flows += [f"table=72,priority=75,ct_state=+new-est,{openflow_match(rule)},"
        f"actions=ct(commit,{zone}),resubmit(,94)" for rule in rules(n)]
    return "\n".join(flows) + "\n"
