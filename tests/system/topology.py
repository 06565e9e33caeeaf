# SPDX-License-Identifier: BSD-3-Clause
"""Topologies that several tests use."""

from node import Weft
from peers import LinuxVtep

UNDERLAY = "192.0.2."


class Pair:
    """One weft node and one Linux VTEP on a wire, VNI 1 on both, an instance behind each."""

    def __init__(self, lab, tunnel=None, group=None, remotes=(UNDERLAY + "1",), port=8472, **weft):
        self.lab = lab
        weft_ns, linux_ns = lab.ns("weft"), lab.ns("linux")
        self.uplink = "under0"
        lab.veth(weft_ns, self.uplink, linux_ns, "eth0")
        self.vtep = LinuxVtep(linux_ns, UNDERLAY + "2", port, group, remotes).network(1)
        self.a = lab.instance("a", "10.0.0.1")
        self.b = lab.instance("b", "10.0.0.2")
        self.vtep.plug(1, self.b)
        self.weft = Weft(weft_ns, pair_config(self, tunnel or {}, port), **weft)
        if self.weft.process:
            self.weft.give("a", self.a)


def pair_config(pair, tunnel, port):
    tunnel = {"uplink": "underlay", "port": port, "remotes": [UNDERLAY + "2"], **tunnel}
    return {
        "uplinks": {"underlay": {"device": f"packet:{pair.uplink}", "address": UNDERLAY + "1/24"}},
        "tunnel": {key: value for key, value in tunnel.items() if value is not None},
        "networks": {"vxlan1": {"segments": [{"type": "vxlan", "id": 1}]}},
        "ports": {"a": {"network": "vxlan1", "device": "tap:a", "mac": pair.a.hwaddr,
                        "port-security": False}},
    }
