# SPDX-License-Identifier: BSD-3-Clause
"""weft and Open vSwitch in user space (datapath_type=netdev) as each other's peer."""

import pytest
from scapy.all import Dot1Q, IP

from capture import Capture
from netlab import wait_for
from node import Weft
from peers import Ovs
from topology import UNDERLAY

WEFT, OVS = UNDERLAY + "1", UNDERLAY + "2"


def test_vlan_peer(lab):
    """A trunk between the two; on each an instance in VLAN 1001."""
    weft_ns, ovs_ns = lab.ns("weft"), lab.ns("ovs")
    lab.veth(weft_ns, "trunk0", ovs_ns, "eth0")
    a, b = (lab.instance(name, address, mtu=1500)
            for name, address in (("a", "172.16.1.1"), ("b", "172.16.1.2")))
    lab.veth(ovs_ns, "tap0", b, "eth0")
    b.configure()
    Ovs(ovs_ns).bridge("br0", "eth0 trunks=1001", "tap0 tag=1001")
    weft = Weft(weft_ns, {
        "uplinks": {"provider": {"device": "packet:trunk0", "vlans": "1001-2000"}},
        "networks": {"vlan1001": {"segments": [{"type": "vlan", "uplink": "provider",
                                                "id": 1001}]}}})
    weft.port("a", a, "vlan1001")
    capture = Capture(ovs_ns, outgoing=True)
    assert a.ping("172.16.1.2")
    assert b.ping("172.16.1.1", size=1472, df=True)
    assert {p[Dot1Q].vlan for p in capture.matching(lambda p: IP in p)} == {1001}
    lab.iperf_tcp(a, b)


@pytest.mark.parametrize("checksum", [True, False])
def test_vxlan_peer(lab, checksum):
    """OVS terminates the tunnel on its own underlay bridge."""
    weft_ns, ovs_ns = lab.ns("weft"), lab.ns("ovs")
    lab.veth(weft_ns, "under0", ovs_ns, "eth0")
    a, b = lab.instance("a", "10.0.0.1"), lab.instance("b", "10.0.0.2")
    lab.veth(ovs_ns, "tap0", b, "eth0", 1450)
    b.configure()
    ovs = Ovs(ovs_ns)
    ovs.bridge("br-phy", "eth0")
    wait_for(lambda: ovs_ns.has("br-phy"), "the underlay bridge")
    ovs_ns.ip(f"addr add {OVS}/24 dev br-phy\nlink set br-phy up")
    ovs.bridge("br-int", "tap0", f"vx0 type=vxlan options:remote_ip={WEFT} options:key=1 "
               f"options:dst_port=8472 options:csum={str(checksum).lower()}")
    weft = Weft(weft_ns, {
        "uplinks": {"underlay": {"device": "packet:under0", "address": f"{WEFT}/24"}},
        "tunnel": {"uplink": "underlay", "remotes": [OVS], "udp-checksum": checksum},
        "networks": {"vxlan1": {"segments": [{"type": "vxlan", "id": 1}]}}})
    weft.port("a", a, "vxlan1")
    assert a.ping("10.0.0.2", size=1422, df=True)
    assert b.ping("10.0.0.1", size=1422, df=True)
    weft.wait_fdb("vxlan1", b.hwaddr, f"remote {OVS}")
    lab.iperf_tcp(b, a)
