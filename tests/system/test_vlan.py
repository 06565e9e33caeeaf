# SPDX-License-Identifier: BSD-3-Clause
"""Flat and VLAN networks on a trunk: tags on the wire, none at the instances."""

import pytest
from scapy.all import ARP, Dot1AD, Dot1Q, Ether, IP, Raw

from capture import Capture, Port
from node import Weft

BROADCAST = "ff:ff:ff:ff:ff:ff"
STRANGER = "02:00:00:00:00:99"


class Trunk:
    """A weft node with a flat network and VLAN 1001 on one uplink; the other end is `wire.p0`, where
    the test, or hosts, are."""

    def __init__(self, lab):
        self.lab = lab
        node = lab.ns("weft")
        self.wire = lab.wire("wire", (node, "trunk0"))
        self.weft = Weft(node, {
            "uplinks": {"provider": {"device": "packet:trunk0", "vlans": "1001-2000"}},
            "networks": {"flat": {"segments": [{"type": "flat", "uplink": "provider"}]},
                         "vlan1001": {"segments": [{"type": "vlan", "uplink": "provider",
                                                    "id": 1001}]}}})
        self.flat = lab.instance("flat", "172.16.1.1", mtu=1500)
        self.vlan = lab.instance("vlan", "172.16.1.1", mtu=1500)
        self.weft.port("flat", self.flat, "flat")
        self.weft.port("vlan", self.vlan, "vlan1001")

    def host(self, name, address, vid=None):
        """A host on the trunk."""
        host = self.lab.instance(name, address, mtu=1500)
        self.lab.veth(self.wire, name, host, "eth0")
        self.wire.ip(f"link set dev {name} master wire")
        if vid:
            host.vlan("eth0", vid)
        host.configure()
        return host

    def raw(self):
        """(sender, capture) of raw frames on the cable to weft."""
        return Port(self.wire, "p0"), Capture(self.wire, "p0")


@pytest.fixture
def trunk(lab):
    return Trunk(lab)


def arp(source=STRANGER, target="172.16.1.1"):
    return ARP(hwsrc=source, psrc="172.16.1.9", pdst=target)


def test_tagged_host_and_flat_host(trunk):
    """The same addresses on both networks of one uplink; neither hears the other."""
    flat, tagged = trunk.host("h1", "172.16.1.2"), trunk.host("h2", "172.16.1.2", 1001)
    _, capture = trunk.raw()
    assert trunk.vlan.ping("172.16.1.2", size=1472, df=True)
    assert trunk.flat.ping("172.16.1.2", size=1472, df=True)
    frames = capture.matching(lambda p: IP in p)
    assert {p[Dot1Q].vlan if Dot1Q in p else None for p in frames
            if p.src == trunk.vlan.hwaddr} == {1001}
    assert {p[Dot1Q].vlan if Dot1Q in p else None for p in frames
            if p.src == trunk.flat.hwaddr} == {None}
    assert max(len(p) for p in frames) == 1518
    trunk.weft.wait_fdb("vlan1001", tagged.hwaddr, "uplink provider")
    trunk.weft.wait_fdb("flat", flat.hwaddr, "uplink provider")
    assert trunk.weft.fdb("flat", tagged.hwaddr) is None


def test_tag_form(trunk):
    """Exactly one tag, TPID 0x8100, priority 0; nothing of it at the instance."""
    sender, capture = trunk.raw()
    inside = Capture(trunk.vlan)
    sender.send(Ether(src=STRANGER, dst=BROADCAST) / Dot1Q(vlan=1001, prio=5) / arp())
    request, = inside.wait(lambda p: ARP in p, "the request")
    assert bytes(request)[12:14] == b"\x08\x06"
    reply, = capture.wait(lambda p: ARP in p and p[ARP].op == 2, "the reply")
    assert bytes(reply)[12:18] == b"\x81\x00" + (1001).to_bytes(2, "big") + b"\x08\x06"
    assert len(reply) >= 60


def test_priority_tag_is_no_tag(trunk):
    sender, capture = trunk.raw()
    sender.send(Ether(src=STRANGER, dst=BROADCAST) / Dot1Q(vlan=0, prio=5) / arp())
    reply, = capture.wait(lambda p: ARP in p and p[ARP].op == 2, "the reply")
    assert Dot1Q not in reply


@pytest.mark.parametrize("reason,tags", [
    ("vlan_unknown", Dot1Q(vlan=1002)),
    ("vlan_nested", Dot1AD(vlan=1001)),
    ("vlan_nested", Dot1Q(vlan=1001) / Dot1Q(vlan=1001)),
])
def test_refused_from_the_trunk(trunk, reason, tags):
    sender, _ = trunk.raw()
    captures = Capture(trunk.vlan), Capture(trunk.flat)
    sender.send(Ether(src=STRANGER, dst=BROADCAST) / tags / arp())
    trunk.weft.wait_drop(reason)
    # A frame that passes, sent behind it, proves that nothing is still under way.
    for tag, capture in ((Dot1Q(vlan=1001), captures[0]), (None, captures[1])):
        ether = Ether(src=STRANGER, dst=BROADCAST)
        sender.send((ether / tag if tag else ether) / arp())
        capture.wait(lambda p: ARP in p, "the second frame")
        assert len(capture.matching(lambda p: p.src == STRANGER)) == 1


@pytest.mark.parametrize("port", ["vlan", "flat"])
def test_instances_do_not_tag(trunk, port):
    """A tagged frame from an instance would leave in another network: refused."""
    _, capture = trunk.raw()
    instance = getattr(trunk, port)
    Port(instance).send(Ether(src=instance.hwaddr, dst=BROADCAST) / Dot1Q(vlan=1001) / arp())
    trunk.weft.wait_drop("vlan_from_port")
    instance.announce()
    capture.wait(lambda p: ARP in p, "the untagged frame")
    assert len(capture.matching(lambda p: ARP in p)) == 1


def test_untagged_without_a_flat_network(trunk):
    sender, _ = trunk.raw()
    trunk.weft.rpc("port.del", name="flat")
    trunk.weft.rpc("network.del", name="flat")
    sender.send(Ether(src=STRANGER, dst=BROADCAST) / arp())
    trunk.weft.wait_drop("no_flat_network")


def test_link_local_stays(trunk):
    """Spanning tree and LLDP are between neighbours: never bridged."""
    sender, capture = trunk.raw()
    for last in (0x00, 0x0e):
        sender.send(Ether(src=STRANGER, dst=f"01:80:c2:00:00:{last:02x}", type=0x88cc) / Raw(bytes(46)))
    trunk.weft.wait_drop("link_local", 2)
    assert not capture.matching(lambda p: p.dst.startswith("01:80"))


def test_two_nodes_on_one_trunk(trunk):
    """The other host may be weft itself."""
    other_ns = trunk.lab.ns("other")
    trunk.lab.veth(trunk.wire, "p1", other_ns, "trunk0")
    trunk.wire.ip("link set dev p1 master wire")
    other = Weft(other_ns, {
        "uplinks": {"lan": {"device": "packet:trunk0", "vlans": "1001"}},
        "networks": {"net": {"segments": [{"type": "vlan", "uplink": "lan"}]}}})
    guest = trunk.lab.instance("guest", "172.16.1.3", mtu=1500)
    other.port("guest", guest, "net")
    assert trunk.vlan.ping("172.16.1.3", size=1472, df=True)
    assert other.rpc("config.get")["networks"]["net"]["segments"][0]["id"] == 1001
    trunk.lab.iperf_tcp(trunk.vlan, guest)


def test_trunk_port_carries_several_networks(lab):
    """One TAP device of a guest that tags by itself: a port for each VLAN."""
    guest = lab.instance("guest", "172.16.1.1", mtu=1500)
    peer = lab.instance("peer", "172.16.1.2", mtu=1500)
    weft = Weft(lab.ns("weft"), {
        "networks": {"red": {"segments": [{"type": "flat", "uplink": "u1"}]},
                     "blue": {"segments": [{"type": "flat", "uplink": "u2"}]}},
        "uplinks": {"u1": {"device": "vdev:net_null0,no-rx=1"}, "u2": {"device": "vdev:net_null1,no-rx=1"}},
        "ports": {"guest-red": {"network": "red", "device": "tap:guest", "vlan": 10,
                                "mac": guest.hwaddr, "port-security": False},
                  "guest-blue": {"network": "blue", "device": "tap:guest", "vlan": 20,
                                 "port-security": False},
                  "peer": {"network": "red", "device": "tap:peer", "mac": peer.hwaddr,
                           "port-security": False}}})
    weft.give("peer", peer)
    weft.ns.ip(f"link set dev guest netns {guest.name} name eth0")
    guest.vlan("eth0", 10)
    guest.configure()
    assert guest.ping("172.16.1.2")
    Port(guest).send(Ether(src=guest.hwaddr, dst=BROADCAST) / Dot1Q(vlan=30) / arp())
    weft.wait_drop("vlan_unknown")
