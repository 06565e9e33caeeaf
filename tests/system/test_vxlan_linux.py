# SPDX-License-Identifier: BSD-3-Clause
"""weft and the Linux kernel's own vxlan device, in every mix of flood modes that a cluster can have."""

import time

import pytest
from scapy.all import ICMP, IP, UDP

from capture import Capture
from netlab import wait_for
from node import Weft
from peers import ALL_HOSTS, LinuxVtep
from topology import UNDERLAY, Pair

WEFT, LINUX, OTHER = UNDERLAY + "1", UNDERLAY + "2", UNDERLAY + "3"
GROUP = {"mode": "multicast", "group": ALL_HOSTS, "remotes": None}
# weft's tunnel keys; the kernel's group; the kernel's head-end list
MODES = {
    "headend": ({}, None, [WEFT]),
    "group": (GROUP, ALL_HOSTS, []),
    "headend-to-group": ({"mode": "headend", "group": ALL_HOSTS}, ALL_HOSTS, []),
    "group-to-headend": (GROUP, None, [WEFT]),
    "both": ({"mode": "both", "group": ALL_HOSTS}, ALL_HOSTS, []),
}


def broadcasts_go_to(mode):
    return {"multicast": [ALL_HOSTS], "both": [LINUX, ALL_HOSTS]}.get(mode, [LINUX])


@pytest.mark.parametrize("port", [8472, 4789])
@pytest.mark.parametrize("mode", MODES)
def test_instances_meet(lab, mode, port):
    tunnel, group, remotes = MODES[mode]
    pair = Pair(lab, tunnel, group, remotes, port)
    capture = Capture(pair.vtep.ns)
    assert pair.a.ping("10.0.0.2")
    assert pair.b.ping("10.0.0.1", size=1422, df=True)
    pair.weft.wait_fdb("vxlan1", pair.b.hwaddr, f"remote {LINUX}")
    assert pair.vtep.knows(1, pair.a.hwaddr) == WEFT

    # The first thing an instance says is a broadcast: an ARP request, flooded as the mode tells.
    flooded = broadcasts_go_to(tunnel.get("mode"))
    frames = capture.wait(lambda p: UDP in p and p[UDP].dport == port, "VXLAN", n=len(flooded))
    assert sorted(frame[IP].dst for frame in frames) == sorted(flooded)
    for frame in frames:
        assert frame[IP].ttl == (1 if frame[IP].dst == ALL_HOSTS else 64)


@pytest.mark.parametrize("mode", ["headend", "group"])
def test_iperf_both_ways(lab, mode):
    tunnel, group, remotes = MODES[mode]
    pair = Pair(lab, tunnel, group, remotes)
    assert pair.a.ping("10.0.0.2")
    for client, server in ((pair.a, pair.b), (pair.b, pair.a)):
        lab.iperf_tcp(client, server)
        assert lab.iperf_udp(client, server, "-b", "40M", "-l", "1400", most=1)["packets"] > 1000


def test_largest_packet(pair):
    """1450 bytes inside are 1500 outside. One more is refused, however the instance sets its MTU."""
    assert pair.a.mtu() == 1450
    capture = Capture(pair.vtep.ns)
    assert pair.a.ping("10.0.0.2", size=1422, df=True)
    frame, = capture.wait(lambda p: UDP in p and len(p) > 1400, "a full packet")
    assert frame[IP].len == 1500 and len(frame) == 1514 and not frame[IP].flags.DF
    pair.a.ip("link set dev eth0 mtu 1500")
    assert pair.a.unreachable("10.0.0.2", size=1423, df=True)
    pair.weft.wait_drop("oversize_rx")
    assert pair.weft.drops()["oversize_rx"] == 1


def test_mac_moves_between_remotes(lab):
    """An instance that moves to another VTEP is followed with its first frame."""
    weft_ns, one, two = lab.ns("weft"), lab.ns("one"), lab.ns("two")
    lab.wire("wire", (weft_ns, "under0"), (one, "eth0"), (two, "eth0"))
    vteps = [LinuxVtep(ns, address, remotes=[WEFT]).network(1)
             for ns, address in ((one, LINUX), (two, OTHER))]
    weft = Weft(weft_ns, {
        "uplinks": {"underlay": {"device": "packet:under0", "address": f"{WEFT}/24"}},
        "tunnel": {"uplink": "underlay", "remotes": [LINUX, OTHER]},
        "networks": {"vxlan1": {"segments": [{"type": "vxlan", "id": 1}]}}})
    a = lab.instance("a", "10.0.0.1")
    weft.port("a", a, "vxlan1")
    mac = lab.next_mac()
    before, after = (lab.instance(name, "10.0.0.2", mac=mac) for name in ("before", "after"))
    vteps[0].plug(1, before)
    assert a.ping("10.0.0.2")
    weft.wait_fdb("vxlan1", mac, f"remote {LINUX}")
    moved = weft.info("fdb_moved")

    before.ip("link set dev eth0 down")
    vteps[1].plug(1, after)
    after.announce()
    weft.wait_fdb("vxlan1", mac, f"remote {OTHER}")
    assert weft.info("fdb_moved") == moved + 1
    capture = Capture(one)
    assert a.ping("10.0.0.2")
    assert not capture.matching(lambda p: UDP in p), "unicast still goes to the old place"


def test_mac_moves_from_remote_to_port(pair):
    """A MAC first seen behind the tunnel, then behind a local port whose own MAC it is not."""
    wanderer = pair.lab.next_mac()
    pair.b.ip(f"link set dev eth0 down\nlink set eth0 address {wanderer}\nlink set eth0 up")
    assert pair.b.ping("10.0.0.1")
    pair.weft.wait_fdb("vxlan1", wanderer, f"remote {LINUX}")
    c = pair.lab.instance("c", "10.0.0.2")
    pair.weft.port("c", c, "vxlan1")
    pair.b.ip("link set dev eth0 down")
    c.ip(f"link set dev eth0 address {wanderer}")
    c.hwaddr = wanderer
    c.announce()
    pair.weft.wait_fdb("vxlan1", wanderer, "port c")
    pair.a.forget_neighbours()
    assert pair.a.ping("10.0.0.2")


def test_learned_entries_age(lab):
    """A learned entry lives for the ageing time after the last frame, and not much longer."""
    pair = Pair(lab, {"ageing": 10})
    begin = time.monotonic()  # no frame of it is older
    assert pair.a.ping("10.0.0.2")
    pair.weft.wait_fdb("vxlan1", pair.b.hwaddr, f"remote {LINUX}")
    pair.b.ip("link set dev eth0 down")
    wait_for(lambda: pair.weft.fdb("vxlan1", pair.b.hwaddr) is None, "the entry to age", timeout=21)
    assert time.monotonic() - begin > 9
    own = pair.weft.fdb("vxlan1", pair.a.hwaddr)
    assert own and own["static"], "the MAC of a port does not age"


def test_two_vnis_do_not_mix(pair):
    """The same addresses on two networks over one tunnel."""
    pair.weft.rpc("network.add", name="vxlan2", segments=[{"type": "vxlan", "id": 2}])
    pair.vtep.network(2)
    a2 = pair.lab.instance("a2", "10.0.0.1", mac=pair.a.hwaddr)
    b2 = pair.lab.instance("b2", "10.0.0.2", mac=pair.b.hwaddr)
    pair.weft.port("a2", a2, "vxlan2")
    pair.vtep.plug(2, b2)
    captures = Capture(pair.b), Capture(b2)

    def heard(capture):
        """By which processes' pings."""
        return {p[ICMP].id for p in capture.matching(lambda p: ICMP in p)}
    assert a2.ping("10.0.0.2", count=2)
    assert not heard(captures[0])
    first = heard(captures[1])
    assert pair.a.ping("10.0.0.2", count=2)
    assert heard(captures[1]) == first and not heard(captures[0]) & first


def test_inner_ipv6(pair):
    """The inner protocol does not matter: neighbour discovery and ping over IPv6."""
    for instance, address in ((pair.a, "fd00::1"), (pair.b, "fd00::2")):
        instance.run("sysctl", "-q", "-w", "net.ipv6.conf.eth0.disable_ipv6=0")
        instance.ip(f"addr add {address}/64 dev eth0 nodad")
    assert pair.a.ping("fd00::2")
    assert pair.b.ping("fd00::1", size=1402, df=True)
