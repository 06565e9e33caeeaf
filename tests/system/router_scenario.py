# SPDX-License-Identifier: BSD-3-Clause
"""The router, networks and hosts of the differential test of routers: one router on three internal
networks, a gateway to an external one, floating IPs, a static route."""

from dataclasses import dataclass, field

INSIDE = ("red", "blue", "green")
OUTSIDE = "out"
FAR_MAC = "02:00:00:00:00:01"  # of the way to everything behind the external network
STATIC_MAC = "02:00:00:02:00:09"
STATIC_PREFIX, STATIC_HOP = "10.9.0.0/16", "172.16.2.9"
DEFAULT_HOP = "10.1.0.1"
GATEWAY = "10.1.0.83"


@dataclass(frozen=True)
class Net:
    """A network that the router is on."""
    name: str
    prefix: str  # the first three octets
    router: str
    router_mac: str
    mtu: int
    segment: dict = field(hash=False)
    vid: int = 0
    device: str = ""  # of Linux's router


NETS = {net.name: net for net in (
    Net("red", "172.16.1", "172.16.1.1", "fa:16:3e:dd:e1:a2", 1450, {"type": "vxlan", "id": 1},
        device="qr-5855715d-db"),
    Net("blue", "172.16.2", "172.16.2.1", "fa:16:3e:a9:bd:74", 1450, {"type": "vxlan", "id": 2},
        device="qr-a374532d-00"),
    Net("green", "172.17.0", "172.17.0.1", "fa:16:3e:00:11:00", 1500,
        {"type": "vlan", "uplink": "provider", "id": 1001}, vid=1001, device="qr-00001001-00"),
    Net(OUTSIDE, "10.1.0", GATEWAY, "fa:16:3e:ce:1a:6b", 1500, {"type": "flat", "uplink": OUTSIDE},
        device="qg-adbbc7d0-4e"))}


@dataclass(frozen=True)
class Host:
    """Somebody with an address on a network or behind it."""
    net: str
    mac: str
    ip: str
    floating: str = None


def _hosts(name, number, n):
    net = NETS[name]
    return [Host(name, f"02:00:00:{number:02x}:01:{i:02x}", f"{net.prefix}.{100 + i}") for i in range(n)]


def _floating(name, number, n, first):
    net = NETS[name]
    return [Host(name, f"fa:16:3e:{number:02x}:02:{i:02x}", f"{net.prefix}.{20 + i}", f"10.1.0.{first + i}")
            for i in range(n)]


PLAIN = _hosts("red", 1, 30) + _hosts("blue", 2, 25) + _hosts("green", 3, 20)
FLOATING = _floating("red", 1, 12, 20) + _floating("blue", 2, 8, 40) + _floating("green", 3, 8, 60)
NEAR = _hosts(OUTSIDE, 4, 25)
BARRIERS = {name: Host(name, f"02:00:00:0b:00:{i:02x}", f"{net.prefix}.250")
            for i, (name, net) in enumerate(NETS.items())}
HOPS = [Host(OUTSIDE, FAR_MAC, DEFAULT_HOP), Host("blue", STATIC_MAC, STATIC_HOP)]
ON_LINK = [*PLAIN, *FLOATING, *NEAR, *BARRIERS.values(), *HOPS]


def far(number):
    """A host far outside."""
    return Host(OUTSIDE, FAR_MAC, f"8.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")


def behind_static(number):
    """A host behind the static route."""
    return Host("blue", STATIC_MAC, f"10.9.{number >> 8 & 255}.{number & 255}")


# Time-outs do not count here: on a slow machine they would decide by the clock.
SESSIONS = {key: 900 for key in (
    "tcp-syn-sent", "tcp-syn-received", "tcp-established", "tcp-fin-wait", "tcp-close-wait",
    "tcp-last-ack", "tcp-time-wait", "tcp-close", "tcp-unacknowledged", "udp", "udp-stream", "icmp",
    "other")}


def document():
    """The configuration of weft, but for its devices."""
    def subnet(net):
        return {"network": net.name, "cidr": f"{net.prefix}.0/24",
                "gateway": net.router if net.name != OUTSIDE else DEFAULT_HOP,
                "pools": [f"{net.prefix}.10-{net.prefix}.254"]}
    return {
        "sessions": SESSIONS,
        "networks": {name: {"segments": [net.segment], **({"external": True} if name == OUTSIDE else {})}
                     for name, net in NETS.items()},
        "subnets": {name: subnet(net) for name, net in NETS.items()},
        "ports": {port_name(host): {"network": host.net, "mac": host.mac, "addresses": [host.ip]}
                  for host in FLOATING},
        "routers": {"r": {
            "interfaces": [{"subnet": name, "mac": NETS[name].router_mac} for name in INSIDE],
            "gateway": {"network": OUTSIDE, "address": GATEWAY, "mac": NETS[OUTSIDE].router_mac},
            "routes": [{"destination": STATIC_PREFIX, "nexthop": STATIC_HOP}]}},
        "floating-ips": {host.floating: {"network": OUTSIDE, "port": port_name(host)}
                         for host in FLOATING}}


def port_name(host):
    return "p" + host.ip.replace(".", "-")
