# SPDX-License-Identifier: BSD-3-Clause
"""Two weft nodes with two VXLAN networks, a VLAN and a flat one, and a router on node1 that leads to an
external network. Behind that a Linux router, and a host far away behind it."""

from netlab import Instance
from node import Weft
from topology import UNDERLAY

NODE1, NODE4 = UNDERLAY + "101", UNDERLAY + "104"
GATEWAY, FLOATING, FAR = "10.1.0.83", "10.1.0.50", "8.8.8.8"
GATEWAY_MAC = "fa:16:3e:ce:1a:6b"
ROUTER = {
    "interfaces": [{"subnet": "vxlan1", "mac": "fa:16:3e:dd:e1:a2"},
                   {"subnet": "vxlan2", "mac": "fa:16:3e:a9:bd:74"}],
    "gateway": {"network": "inside", "address": GATEWAY, "mac": GATEWAY_MAC}}
GROUP = {"rules": [{"direction": "egress"}, {"direction": "ingress", "remote-prefix": "0.0.0.0/0"}]}
# name → (prefix, gateway, segment). The way out of the VLAN and the flat network is not the router.
NETWORKS = {
    "vxlan1": ("172.16.1", "172.16.1.1", {"type": "vxlan", "id": 1}),
    "vxlan2": ("172.16.2", "172.16.2.1", {"type": "vxlan", "id": 2}),
    "vlan1001": ("172.17.0", "172.17.0.1", {"type": "vlan", "uplink": "provider", "id": 1001}),
    "flat": ("172.18.0", "172.18.0.1", {"type": "flat", "uplink": "provider"}),
    "inside": ("10.1.0", "10.1.0.1", {"type": "flat", "uplink": "inside"})}


class Guest(Instance):
    """An instance with its default route."""

    def __init__(self, lab, name, network, host, **kwargs):
        self.network = network
        prefix, self.gateway, _ = NETWORKS[network]
        super().__init__(lab, name, f"{prefix}.{host}", **kwargs)

    def configure(self, keep_mtu=False):
        super().configure(keep_mtu)
        self.ip(f"route add default via {self.gateway}")


class RouterLab:
    """a and c on node4, b on node1, instances of the VXLAN networks, with a security group each;
    `tagged` and `flat`, hosts on the trunk; x on the external network, `far` behind it."""

    def __init__(self, lab, router=True, floating=True):
        self.lab = lab
        one, four = lab.ns("node1"), lab.ns("node4")
        self.under = lab.wire("under", (one, "under0"), (four, "under0"))
        self.a, self.b, self.c = (lab.own(Guest(lab, name, network, host)) for name, network, host in (
            ("a", "vxlan1", 33), ("b", "vxlan1", 17), ("c", "vxlan2", 19)))
        self.tagged, self.flat = (lab.own(Guest(lab, name, network, 46, mtu=1500))
                                  for name, network in (("tagged", "vlan1001"), ("flat", "flat")))
        self.trunk = lab.wire("trunk", (one, "trunk0"), (four, "trunk0"), (self.tagged, "eth0"),
                              (self.flat, "eth0"), learning=False)
        self.tagged.vlan("eth0", 1001)
        self.tagged.configure()
        self.flat.configure()
        self._outside(one)
        self.node4 = Weft(four, self.config(NODE4, [NODE1], (self.a, self.c)))
        self.node1 = Weft(one, self.config(NODE1, [NODE4], (self.b,), gateway=True))
        for node, guests in ((self.node4, (self.a, self.c)), (self.node1, (self.b,))):
            for guest in guests:
                node.give(guest.short, guest)
        if router:
            self.add_router()
            if floating:
                self.node1.rpc("floating-ip.add", name=FLOATING, network="inside", port="a")

    def _outside(self, one):
        self.x = self.lab.instance("x", "10.1.0.1", mtu=1500)
        self.far = self.lab.instance("far", FAR, mtu=1500)
        self.lab.veth(one, "inside0", self.x, "eth0")
        self.lab.veth(self.x, "far0", self.far, "eth0")
        self.x.configure()
        self.x.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv4.icmp_ratemask=0")
        self.x.ip(f"addr add 8.8.8.1/24 dev far0\nlink set far0 up\nroute add {NETWORKS['vxlan1'][0]}.0/24 "
                  f"via {GATEWAY}")
        self.far.configure()
        self.far.ip("route add default via 8.8.8.1")

    def config(self, address, remotes, here, gateway=False):
        uplinks = {"under": {"device": "packet:under0", "address": f"{address}/24"},
                   "provider": {"device": "packet:trunk0", "vlans": "1001-2000"}}
        if gateway:
            uplinks["inside"] = {"device": "packet:inside0"}
        networks = [name for name in NETWORKS if gateway or name != "inside"]
        return {
            "uplinks": uplinks,
            "tunnel": {"uplink": "under", "remotes": remotes},
            "networks": {name: {"segments": [NETWORKS[name][2]], "external": name == "inside"}
                         for name in networks},
            "subnets": {name: {"network": name, "cidr": f"{NETWORKS[name][0]}.0/24",
                               "gateway": NETWORKS[name][1]} for name in networks},
            "security-groups": {"all": GROUP},
            "ports": {guest.short: {"network": guest.network, "mac": guest.hwaddr,
                                    "addresses": [guest.address], "security-groups": ["all"],
                                    **({"device": f"tap:{guest.short}"} if guest in here else {})}
                      for guest in (self.a, self.b, self.c)}}

    def add_router(self, **more):
        self.node1.rpc("router.add", name="r", **{**ROUTER, **more})
