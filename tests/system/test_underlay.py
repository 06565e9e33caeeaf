# SPDX-License-Identifier: BSD-3-Clause
"""weft as a host on the underlay: ARP, ping, next hops, group membership."""

import struct

import pytest
from scapy.all import ARP, IP, UDP

from capture import Capture
from netlab import wait_for
from node import Weft
from peers import LinuxVtep
from topology import UNDERLAY, Pair

WEFT, LINUX, SILENT = UNDERLAY + "1", UNDERLAY + "2", UNDERLAY + "99"
GROUP = "239.1.1.1"
IGMP_REPORTS = (0x16, 0x22)  # version 2, version 3


def test_answers_arp_and_ping(pair):
    assert pair.vtep.ns.ping(WEFT, count=5)
    assert pair.vtep.ns.ping(WEFT, size=1472, df=True)
    neighbour = pair.vtep.ns.run("ip", "neigh", "show", WEFT)
    assert pair.weft.ns.mac(pair.uplink) in neighbour


def test_does_not_answer_for_others(pair):
    pair.vtep.ns.ip("addr add 203.0.113.2/24 dev eth0")
    assert pair.vtep.ns.unreachable("203.0.113.1")
    assert pair.vtep.ns.unreachable(SILENT)


def test_remote_behind_a_gateway(lab):
    """The remote is on another prefix: outer frames go to the router's MAC."""
    weft_ns, router, linux = lab.ns("weft"), lab.ns("router"), lab.ns("linux")
    lab.veth(weft_ns, "under0", router, "eth0")
    lab.veth(router, "eth1", linux, "eth0")
    router.ip(f"addr add {UNDERLAY}254/24 dev eth0\naddr add 198.51.100.254/24 dev eth1")
    router.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    vtep = LinuxVtep(linux, "198.51.100.2", remotes=[WEFT])
    linux.ip("route add default via 198.51.100.254")
    vtep.network(1)
    a, b = lab.instance("a", "10.0.0.1"), lab.instance("b", "10.0.0.2")
    vtep.plug(1, b)
    weft = Weft(weft_ns, {
        "uplinks": {"underlay": {"device": "packet:under0", "address": f"{WEFT}/24",
                                 "gateway": f"{UNDERLAY}254"}},
        "tunnel": {"uplink": "underlay", "remotes": ["198.51.100.2"]},
        "networks": {"vxlan1": {"segments": [{"type": "vxlan", "id": 1}]}}})
    weft.port("a", a, "vxlan1")
    capture = Capture(router)
    assert a.ping("10.0.0.2", size=1422, df=True)
    frame = capture.wait(lambda p: UDP in p, "VXLAN")[0]
    assert frame.dst == router.mac("eth0") and frame[IP].dst == "198.51.100.2"
    # And an answer to somebody off the prefix takes the same way.
    assert linux.ping(WEFT)


def test_silent_remote_harms_nobody(lab):
    """A remote that does not answer ARP is asked for three times; the others go on."""
    pair = Pair(lab, {"remotes": [LINUX, SILENT]})
    capture = Capture(pair.vtep.ns)
    assert pair.a.ping("10.0.0.2", count=5)
    capture.wait(lambda p: ARP in p and p[ARP].pdst == SILENT, "requests", n=3)
    pair.weft.wait_drop("vxlan_no_neigh")

    def settled():
        state = {row["address"]: row["state"] for row in pair.weft.rpc("remote.list")}
        return state[LINUX] == "reachable" and state[SILENT] == "failed"
    wait_for(settled, "one remote to be reachable, the other not")
    assert pair.a.ping("10.0.0.2", count=5)


def test_neighbour_with_a_new_mac(pair):
    """A remote's machine is replaced: traffic follows its gratuitous ARP."""
    assert pair.a.ping("10.0.0.2")
    pair.vtep.ns.ip("link set dev eth0 down\nlink set eth0 address 02:00:00:00:0e:0e\nlink set eth0 up")
    pair.vtep.remote(1, WEFT)
    pair.vtep.ns.run("bridge", "fdb", "show")
    assert pair.vtep.ns.ping(WEFT), "its own request tells the new MAC"
    wait_for(lambda: pair.a.ping("10.0.0.2", count=1), "traffic to the new MAC", timeout=10)


@pytest.mark.parametrize("mode", ["multicast", "headend"])
def test_joins_the_group(lab, mode):
    """A membership report for the group, and its traffic is taken in either mode."""
    remotes = [LINUX] if mode == "headend" else None
    pair = Pair(lab, {"mode": mode, "group": GROUP, "remotes": remotes}, group=GROUP, remotes=[],
                start=False)
    capture = Capture(pair.vtep.ns)
    pair.weft.start()
    pair.weft.give("a", pair.a)
    report = capture.wait(lambda p: IP in p and p[IP].proto == 2, "an IGMP report")[0]
    payload = bytes(report[IP].payload)
    assert payload[0] in IGMP_REPORTS
    groups = payload[4:8] if payload[0] == 0x16 else payload[12:16]
    assert groups == bytes(map(int, GROUP.split(".")))
    assert report[IP].ttl == 1
    checksum = sum(struct.unpack(f"!{len(payload) // 2}H", payload))
    assert checksum % 0xffff == 0
    assert pair.b.ping("10.0.0.1")
