# SPDX-License-Identifier: BSD-3-Clause
"""The routers of the benchmarks: the same for weft and for OVS.

  route   two VXLAN networks, 1000 hosts each, all behind one remote; both directions
  snat    a port on the inside, hosts behind the router of a flat external network
  fip     a filtered port with a floating IP, hosts behind the router of a VXLAN external network

OVS routes as OVN's flows do: the next hop's MACs by destination, connections with their translation
in a zone of the router, one pass through conntrack for what is established (two for fip, whose port
has a zone of its own).
"""

import filters
import mkpcap

INSIDE, OUTSIDE = 0, 1 # sides of the router
SUBNETS = ["10.0.0.0/16", "11.0.0.0/16"]
EXTERNAL = {"cidr": "172.30.0.0/24", "gateway": mkpcap.UPSTREAM_ADDRESS}
ADDRESSES = ["10.0.255.254", "11.0.255.254"] # of the router, on the inside networks
GATEWAY = "172.30.0.2" # of the router of fip, whose flows have the floating IP
VNIS = [mkpcap.VNI, mkpcap.OTHER_VNI]


# ---- weft ----------------------------------------------------------------------------------------

def _network(segments, **more):
    return {"segments": segments, "fdb-limit": 1048576, **more}


def _interface(side):
    return {"subnet": ["inside", "outside"][side], "address": ADDRESSES[side],
        "mac": mkpcap.ROUTER_MACS[side]}


def route_objects(row, remote):
    """What the configuration has besides workers and tunnel. All hosts are behind `remote`."""
    networks = ["inside", "outside"]
    return {
        "networks": {name: _network([{"type": "vxlan", "id": vni}]) for name, vni in zip(networks, VNIS)},
        "subnets": {name: {"network": name, "cidr": cidr, "gateway": address}
            for name, cidr, address in zip(networks, SUBNETS, ADDRESSES)},
        "routers": {"bench": {"interfaces": [_interface(INSIDE), _interface(OUTSIDE)]}},
        "fdb": {f"{name}/{mkpcap.host_mac(side, i)}": {"remote": remote}
            for side, name in enumerate(networks) for i in range(row.n_hosts)},
    }


def nat_objects(row, segment, place):
    """The same of snat and fip, but for the port. The external network's segment and the place of
    its router are told."""
    gateway = {"network": "outside", "mac": mkpcap.ROUTER_MACS[OUTSIDE],
        "address": GATEWAY if row.rules else mkpcap.NAT_ADDRESS}
    objects = {
        "networks": {"inside": _network([{"type": "flat", "uplink": "spare"}]),
            "outside": _network([segment], external=True)},
        "subnets": {"inside": {"network": "inside", "cidr": SUBNETS[INSIDE], "gateway": ADDRESSES[INSIDE]},
            "outside": {"network": "outside"} | EXTERNAL},
        "routers": {"bench": {"interfaces": [_interface(INSIDE)], "gateway": gateway}},
        "fdb": {f"outside/{mkpcap.UPSTREAM_MAC}": place},
    }
    return objects | filters.weft_objects(row.rules)


def floating_ips(row):
    return {mkpcap.NAT_ADDRESS: {"network": "outside", "port": "in"}} if row.rules else {}


def port(row, device):
    """The instance's port."""
    found = {"network": "inside", "device": device, "mac": filters.MAC, "addresses": [filters.ADDRESS]}
    return found | ({"security-groups": ["bench"]} if row.rules else {"port-security": False})


def neighbours(row):
    """What the router has to know: [(network, its MAC and address there, [(MAC, address)…])]"""
    if row.case == "route":
        hosts = [[(mkpcap.host_mac(side, i), mkpcap.host_address(side, i)) for i in range(row.n_hosts)]
            for side in (INSIDE, OUTSIDE)]
        return [("inside", mkpcap.ROUTER_MACS[INSIDE], ADDRESSES[INSIDE], hosts[INSIDE]),
            ("outside", mkpcap.ROUTER_MACS[OUTSIDE], ADDRESSES[OUTSIDE], hosts[OUTSIDE])]
    gateway = GATEWAY if row.rules else mkpcap.NAT_ADDRESS
    return [("inside", mkpcap.ROUTER_MACS[INSIDE], ADDRESSES[INSIDE], [(filters.MAC, filters.ADDRESS)]),
        ("outside", mkpcap.ROUTER_MACS[OUTSIDE], gateway,
            [(mkpcap.UPSTREAM_MAC, mkpcap.UPSTREAM_ADDRESS)])]


# ---- OVS -----------------------------------------------------------------------------------------

DROP = "table=0,priority=0,actions=drop"


def _set_macs(side, mac):
    return f"dec_ttl,mod_dl_src:{mkpcap.ROUTER_MACS[side]},mod_dl_dst:{mac}"


def openflow_route(row, tunnel):
    """The flows of br-int between the two networks of the OpenFlow port `tunnel`: the subnet in
    table 10 + side, the host in table 20 + side."""
    flows = [DROP]
    for side, vni in enumerate(VNIS):
        other = 1 - side
        flows += [
            f"table=0,priority=100,ip,in_port={tunnel},tun_id={vni},dl_dst={mkpcap.ROUTER_MACS[side]},"
            f"actions=resubmit(,10)",
            f"table=10,priority=16,ip,nw_dst={SUBNETS[other]},actions=dec_ttl,"
            f"mod_dl_src:{mkpcap.ROUTER_MACS[other]},set_field:{VNIS[other]}->tun_id,resubmit(,20)",
        ]
        flows += [f"table=20,ip,nw_dst={mkpcap.host_address(side, i)},"
            f"actions=mod_dl_dst:{mkpcap.host_mac(side, i)},in_port" for i in range(row.n_hosts)]
    return "\n".join(flows) + "\n"


def openflow_nat(row, port_, other):
    """The flows of br-int between the OpenFlow ports `port_`, the instance, and `other`, the external
    network: from table 30 on of the router to the outside, from 40 on to the inside. Zone 1 is that of
    the port, zone 2 of the router."""
    inside_mac, outside_mac = mkpcap.ROUTER_MACS
    nat = f"nat(src={mkpcap.NAT_ADDRESS})"
    out = f"{_set_macs(OUTSIDE, mkpcap.UPSTREAM_MAC)},output:{other}"
    back = _set_macs(INSIDE, filters.MAC)
    flows = [
        DROP,
        f"table=30,priority=100,ip,dl_dst={inside_mac},actions=ct(table=31,zone=2,nat)",
        f"table=31,priority=100,ip,ct_state=+est+trk,actions={out}",
        f"table=31,priority=90,ip,ct_state=+new+trk,actions=ct(commit,zone=2,{nat}),{out}",
        f"table=0,priority=100,ip,in_port={other},dl_dst={outside_mac},nw_dst={mkpcap.NAT_ADDRESS},"
        "actions=ct(table=40,zone=2,nat)",
    ]
    if not row.rules:
        flows += [
            f"table=0,priority=100,ip,in_port={port_},actions=resubmit(,30)",
            f"table=40,priority=100,ip,ct_state=+est+rpl+trk,actions={back},output:{port_}",
        ]
        return "\n".join(flows) + "\n"
    flows += [
        f"table=0,priority=100,ip,in_port={port_},dl_src={filters.MAC},nw_src={filters.ADDRESS},"
        "actions=ct(table=72,zone=1)",
        "table=72,priority=77,ct_state=+est-rel-rpl,actions=resubmit(,30)",
        "table=72,priority=50,ct_state=+est-rel+rpl,actions=resubmit(,30)",
        f"table=40,priority=100,ip,ct_state=+est+trk,actions={back},ct(table=82,zone=1)",
        f"table=82,priority=77,ct_state=+est-rel+rpl,actions=output:{port_}",
    ]
    flows += [f"table=72,priority=75,ct_state=+new-est,{filters.openflow_match(rule)},"
        "actions=ct(commit,zone=1),resubmit(,30)" for rule in filters.rules(row.rules)]
    return "\n".join(flows) + "\n"
