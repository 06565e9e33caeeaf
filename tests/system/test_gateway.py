# SPDX-License-Identifier: BSD-3-Clause
"""A network with several segments: weft joins what is on them to one broadcast domain."""

import pytest
from scapy.all import ARP, Dot1Q, IP, UDP

from capture import Capture
from node import Weft
from peers import LinuxVtep
from topology import UNDERLAY

WEFT, LINUX, OTHER = UNDERLAY + "1", UNDERLAY + "2", UNDERLAY + "3"


class Gateway:
    """A node between a VXLAN underlay with two Linux VTEPs and a trunk with one host on VLAN 1001 and
    one untagged."""

    def __init__(self, lab):
        node = lab.ns("weft")
        linux = [lab.ns("linux"), lab.ns("other")]
        self.underlay = lab.wire("under", (node, "under0"), *((ns, "eth0") for ns in linux))
        self.tagged = lab.instance("tagged", "10.0.0.3")
        self.flat = lab.instance("flat", "10.0.0.4")
        self.trunk = lab.wire("trunk", (node, "trunk0"), (self.tagged, "eth0"), (self.flat, "eth0"),
                              learning=False)
        self.tagged.vlan("eth0", 1001)
        self.tagged.configure()
        self.flat.configure()
        self.remotes = [lab.instance("b", "10.0.0.2"), lab.instance("c", "10.0.0.5")]
        for i, ns in enumerate(linux):
            others = [WEFT, LINUX, OTHER]
            address = others.pop(i + 1)
            LinuxVtep(ns, address, remotes=others).network(1).plug(1, self.remotes[i])
        self.weft = Weft(node, {
            "uplinks": {"underlay": {"device": "packet:under0", "address": f"{WEFT}/24"},
                        "provider": {"device": "packet:trunk0", "vlans": "1001-2000"}},
            "tunnel": {"uplink": "underlay", "remotes": [LINUX, OTHER]},
            "networks": {"both": {"segments": [
                {"type": "vxlan", "id": 1}, {"type": "vlan", "uplink": "provider", "id": 1001}]}}})


@pytest.fixture
def gateway(lab):
    return Gateway(lab)


def test_vxlan_and_vlan_are_one_network(gateway, lab):
    b, tagged = gateway.remotes[0], gateway.tagged
    wire = Capture(gateway.trunk, "p0")
    assert b.ping("10.0.0.3")
    assert tagged.ping("10.0.0.2", size=1422, df=True)
    assert {p[Dot1Q].vlan for p in wire.matching(lambda p: IP in p)} == {1001}
    gateway.weft.wait_fdb("both", b.hwaddr, f"remote {LINUX}")
    gateway.weft.wait_fdb("both", tagged.hwaddr, "uplink provider")
    for client, server in ((b, tagged), (tagged, b)):
        lab.iperf_tcp(client, server)


def test_local_port_reaches_both_sides(gateway, lab):
    a = lab.instance("a", "10.0.0.1")
    gateway.weft.port("a", a, "both")
    for address in ("10.0.0.2", "10.0.0.3", "10.0.0.5"):
        assert a.ping(address)


def test_flood_from_each_side(gateway):
    """From the tunnel to the VLAN, never back into the tunnel; from the VLAN once to each remote."""
    underlay, trunk = Capture(gateway.underlay, "p0"), Capture(gateway.trunk, "p0")
    gateway.remotes[0].announce()
    trunk.wait(lambda p: ARP in p and Dot1Q in p, "the broadcast on the trunk")
    assert not underlay.matching(lambda p: UDP in p), "split horizon"
    gateway.tagged.announce()
    frames = underlay.wait(lambda p: UDP in p, "copies to the remotes", n=2)
    assert {frame[IP].dst for frame in frames} == {LINUX, OTHER}
    assert len(trunk.matching(lambda p: ARP in p)) == 1, "never back to where it came from"


def test_untagged_host_is_outside_until_its_segment_is_added(gateway):
    """A flat segment beside the VLAN on one uplink: its own network, then part of the gateway."""
    assert gateway.flat.unreachable("10.0.0.2")
    gateway.weft.wait_drop("no_flat_network")
    gateway.weft.rpc("network.add", name="flat",
                     segments=[{"type": "flat", "uplink": "provider"}])
    assert gateway.flat.unreachable("10.0.0.2")
    assert gateway.tagged.ping("10.0.0.2")
    gateway.weft.rpc("network.del", name="flat")
    gateway.weft.rpc("network.del", name="both")
    gateway.weft.rpc("network.add", name="all", segments=[
        {"type": "vxlan", "id": 1}, {"type": "vlan", "uplink": "provider", "id": 1001},
        {"type": "flat", "uplink": "provider"}])
    gateway.flat.forget_neighbours()
    assert gateway.flat.ping("10.0.0.2")
    assert gateway.flat.ping("10.0.0.3"), "between two segments of one uplink"
