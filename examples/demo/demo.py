#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Two weft nodes, a plain Linux VTEP and a VLAN trunk, in network namespaces of one machine.

Run by scripts/demo, as root. Prints what it does and what it sees; exits 0 only if every step worked.
"""

import json
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))

# pylint: disable=wrong-import-position
from story import Story, tell  # noqa: E402
from capture import Port  # noqa: E402
from node import Weft  # noqa: E402
from peers import LinuxVtep  # noqa: E402
from scapy.all import Dot1Q, Ether  # noqa: E402

PICTURE = """
     web 10.0.0.1        db 10.0.0.2        old 10.0.0.3
        |                   |                   |
     [node1: weft]       [node2: weft]      [linux: bridge + vxlan device]
      |     | 192.0.2.1     | 192.0.2.2         | 192.0.2.3
      |     +---------------+-------------------+      underlay: VXLAN 1 on UDP 8472
      |
      +--- trunk: VLAN 1001 --- host 10.0.0.4          no VXLAN here
"""


class Demo(Story):
    """Learning, a gateway, drops, and the ledger."""

    parts = ("build", "learning", "on_the_wire", "gateway", "drops", "ledger", "stop")

    def build(self):
        self.step("Two weft nodes and a Linux VTEP on one underlay, a host on a VLAN trunk")
        print(PICTURE)
        self.say("Everything is a network namespace. The underlay cable is a kernel bridge; nothing else")
        self.say("of the kernel carries traffic of node1 and node2: their interfaces belong to weft.")
        lab = self.lab
        node1, node2, linux = lab.ns("node1"), lab.ns("node2"), lab.ns("linux")
        self.underlay = lab.wire("underlay", (node1, "under0"), (node2, "under0"), (linux, "eth0"))
        self.host = lab.instance("host", "10.0.0.4")
        lab.veth(node1, "trunk0", self.host, "eth0")
        self.host.vlan("eth0", 1001)
        self.host.configure()
        self.old = lab.instance("old", "10.0.0.3")
        vtep = LinuxVtep(linux, "192.0.2.3", remotes=["192.0.2.1", "192.0.2.2"]).network(1)
        vtep.plug(1, self.old)
        self.web = lab.instance("web", "10.0.0.1", mac="fa:16:3e:00:01:01")
        self.db = lab.instance("db", "10.0.0.2", mac="fa:16:3e:00:01:02")
        self.node1, self.node2 = (self.start(ns) for ns in (node1, node2))
        self.node1.give("web", self.web)
        self.node2.give("db", self.db)
        for node in (self.node1, self.node2):
            self.weft(node, "network", "show")
        self.check("both nodes answer on their control socket", True)

    def start(self, ns):
        path = os.path.join(HERE, f"{ns.short}.json")
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        self.show(ns.short, f"weftd -c examples/demo/{ns.short}.json -s {ns.short}.sock", "")
        return Weft(ns, config, cores=None)

    def learning(self):
        self.step("Learning: who is where is found out from traffic")
        self.weft(self.node1, "fdb", "show")
        self.ping(self.web, self.db)
        self.ping(self.web, self.old)
        self.ping(self.old, self.db)
        self.weft(self.node1, "fdb", "show")
        for instance, remote in ((self.db, "192.0.2.2"), (self.old, "192.0.2.3")):
            entry = self.node1.fdb("office", instance.hwaddr)
            self.check(f"node1 has learned {instance.short} behind {remote}",
                       entry and entry["at"] == f"remote {remote}")

    def on_the_wire(self):
        self.step("VXLAN on the wire: web on node1 talks to old behind the Linux VTEP")
        lines = self.wire(self.underlay, "p0", ["-T", "vxlan", "udp", "port", "8472"],
                          lambda: self.ping(self.web, self.old))
        text = "\n".join(lines)
        self.check("both directions are VXLAN, VNI 1, to UDP port 8472",
                   re.search(r"192\.0\.2\.1\.\d+ > 192\.0\.2\.3\.8472: VXLAN, .*vni 1\b", text)
                   and re.search(r"192\.0\.2\.3\.\d+ > 192\.0\.2\.1\.8472: VXLAN, .*vni 1\b", text))

    def gateway(self):
        self.step("Gateway: the network of node1 has a vxlan and a vlan segment, bridged by weft")
        lines = self.wire(self.host, "eth0", ["vlan"], lambda: self.ping(self.host, self.old))
        self.check("the trunk carries the same ping with tag 1001", "vlan 1001" in "\n".join(lines))
        self.ping(self.db, self.host)
        self.ping(self.web, self.host)
        self.weft(self.node1, "fdb", "show", "network", "office")
        self.check("node1 has learned host at the trunk",
                   self.node1.fdb("office", self.host.hwaddr)["at"] == "uplink trunk")

    def drops(self):
        self.step("Drops: nothing disappears without a reason")
        self.say("web sends a frame with a VLAN tag; a frame with an unknown VLAN comes from the trunk.")
        Port(self.web).send(Ether(dst="ff:ff:ff:ff:ff:ff", src=self.web.hwaddr)
                            / Dot1Q(vlan=1001) / bytes(46))
        Port(self.host).send(Ether(dst="ff:ff:ff:ff:ff:ff", src=self.host.hwaddr)
                             / Dot1Q(vlan=1002) / bytes(46))
        for reason in ("vlan_from_port", "vlan_unknown"):
            self.node1.wait_drop(reason)
        self.weft(self.node1, "drops")
        self.check("each frame is counted under its reason", True)

    def ledger(self):
        self.step("Ledger: received + made here + copies = sent + used here + dropped")
        for node in (self.node1, self.node2):
            node.balanced()
            self.weft(node, "audit")
            self.check(f"the ledger of {node.ns.short} closes", True)

    def stop(self):
        self.step("Stop")
        for node in (self.node1, self.node2):
            begin = time.monotonic()
            node.stop()
            self.check(f"{node.ns.short} stopped in {time.monotonic() - begin:.2f} s", True)


sys.exit(tell(Demo))
