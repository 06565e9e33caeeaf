# SPDX-License-Identifier: BSD-3-Clause
"""The gateway of examples/gateway: its configuration is generated, applied to a node that carries
traffic, and carries traffic itself."""

import json
import os
import subprocess
import sys

from scapy.all import ICMP, IP, Dot1Q

from capture import Capture
from netlab import HERE
from node import Weft
from peers import LinuxVtep

GENERATE = os.path.join(HERE, "../../examples/gateway/generate.py")
COUNT = 100
ROUTED = 1000
CHOSEN = (1, COUNT // 2, COUNT)  # of the bridged networks


def generate(*options):
    return json.loads(subprocess.run([sys.executable, "-B", GENERATE, *options], check=True,
                                     stdout=subprocess.PIPE).stdout)


class Site:
    """The gateway between a Linux VTEP with an instance on some networks, a trunk with a host on the
    VLAN of each of them, and a host outside."""

    def __init__(self, lab, config):
        self.lab = lab
        node, linux = lab.ns("gateway"), lab.ns("linux")
        self.outside = lab.instance("outside", "203.0.113.1")
        lab.veth(node, "ens18", linux, "eth0")
        lab.veth(node, "ens20", self.outside, "eth0")
        self.outside.configure()
        self.inside = {i: lab.instance(f"in{i}", f"10.0.{i}.1") for i in CHOSEN}
        self.hosts = {i: lab.instance(f"host{i}", f"10.0.{i}.2") for i in CHOSEN}
        self.inside[ROUTED] = lab.instance("routed", "10.1.0.7")
        self.trunk = lab.wire("trunk", (node, "ens19"), *((h, "eth0") for h in self.hosts.values()),
                              learning=False)
        for i, host in self.hosts.items():
            host.vlan("eth0", 1000 + i)
            host.configure()
        vtep = LinuxVtep(linux, "192.168.31.101", remotes=["192.168.31.110"])
        for i, instance in self.inside.items():
            vtep.network(i).plug(i, instance)
        self.weft = Weft(node, config)


def test_generated_configuration_is_applied_under_traffic(lab):
    config = generate()
    assert sum(len(network["segments"]) for network in config["networks"].values()) == 2 * COUNT + 2
    site = Site(lab, generate("--networks", "1"))
    first, last = site.inside[1], site.inside[COUNT]
    assert last.unreachable(f"10.0.{COUNT}.2"), "before the network is there"
    ping = first.start_ping("10.0.1.2", interval=0.01)
    ping.more()
    path = lab.path("hundred.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**config, "workers": site.weft.config["workers"]}, file)
    site.weft.cli("config", "apply", path)
    assert len(site.weft.rpc("network.list")) == COUNT + 2
    assert ping.lost() == [], "while the other networks were added"

    wire = Capture(site.trunk, "p0")
    for i in CHOSEN:
        assert site.inside[i].ping(f"10.0.{i}.2")
        assert site.hosts[i].ping(f"10.0.{i}.1", size=1422, df=True)
        site.weft.wait_fdb(f"net{i:03}", site.inside[i].hwaddr, "remote 192.168.31.101")
        site.weft.wait_fdb(f"net{i:03}", site.hosts[i].hwaddr, "uplink trunk")
    tags = {p[Dot1Q].vlan for p in wire.matching(lambda p: Dot1Q in p and IP in p)}
    assert tags == {1000 + i for i in CHOSEN}

    instance = site.inside[ROUTED]
    instance.ip("route add default via 10.1.0.1")
    seen = Capture(site.outside)
    assert instance.ping("203.0.113.1")
    request = seen.wait(lambda p: ICMP in p and p[ICMP].type == 8, "the ping")[0]
    assert (request[IP].src, request[IP].ttl) == ("203.0.113.2", 63)
