#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes the corpus of the fuzz targets: real frames for every device and path of the pipeline, and
requests and configurations for every method and key. The files in the tree were made by it.

    mkcorpus.py [DIRECTORY]
"""

import json
import os
import struct
import sys

from scapy.all import (ARP, ICMP, IP, TCP, UDP, Dot1AD, Dot1Q, Ether, IPv6, Raw, VXLAN, raw)
from scapy.contrib.igmp import IGMP

# As fuzz_pipeline.c lists and names them.
PROVIDER, INSIDE, UNDERLAY, A, FULL, C, D, E, TRUNK = range(9)
MORE, STRIPPED, CHAINED, LATER = 0x10, 0x20, 0x40, 0x80

OUR_MAC = "02:00:00:00:00:75" # of fake:underlay
OUR_IP, REMOTE, STRANGER = "192.0.2.1", "192.0.2.2", "192.0.2.77"
REMOTE_MAC = "52:54:00:00:00:02"
BROADCAST = "ff:ff:ff:ff:ff:ff"


def port_mac(last):
    return f"fa:16:3e:00:00:{last:02x}"


def record(device, frame, flags=0, option=0):
    data = raw(frame)
    return struct.pack("<BBH", device | flags, option, len(data)) + data


def udp(source, destination, length=32, **ip):
    return Ether(src=source, dst=destination) / IP(src="10.0.0.1", dst="10.0.0.2", **ip) / \
        UDP(sport=1234, dport=80) / Raw(bytes(length))


def tunnel(inner, vni=1, source=REMOTE, destination=OUR_IP, to=OUR_MAC, vxlan_flags="Instance", **ip):
    return Ether(src=REMOTE_MAC, dst=to) / IP(src=source, dst=destination, **ip) / \
        UDP(sport=40000, dport=8472) / VXLAN(vni=vni, flags=vxlan_flags) / inner


def arp(op, source_mac, source, target, to=BROADCAST):
    return Ether(src=source_mac, dst=to) / ARP(op=op, hwsrc=source_mac, psrc=source, pdst=target)


def no_checksum(frame):
    frame[UDP].chksum = 0
    return frame


RESOLVED = record(UNDERLAY, arp(1, REMOTE_MAC, REMOTE, OUR_IP)) + \
    record(UNDERLAY, arp(2, REMOTE_MAC, REMOTE, OUR_IP, OUR_MAC)) + \
    record(UNDERLAY, arp(2, REMOTE_MAC, "192.0.2.254", OUR_IP, OUR_MAC))


def pipeline():
    tcp = Ether(src=port_mac(10), dst="02:00:00:00:00:01") / IP(src="10.0.0.1", dst="10.0.0.2", tos=3) / \
        TCP(sport=1, dport=22, flags="S")
    six = Ether(src=port_mac(12), dst="02:00:00:00:00:03") / IPv6(src="fd00::1", dst="fd00::2", tc=2) / \
        UDP(sport=1, dport=2) / Raw(bytes(40))
    inner = udp("02:00:00:00:00:01", port_mac(10))
    return {
        "bridge": b"".join(record(A, udp(port_mac(10), to)) for to in (port_mac(11), BROADCAST, port_mac(10))),
        "burst": b"".join(record(A, udp(port_mac(10), port_mac(11)), MORE) for _ in range(6)) +
            record(A, udp(port_mac(10), "02:00:00:00:00:99")),
        "encap": RESOLVED + record(A, tcp) + record(A, udp(port_mac(10), "02:00:00:00:00:02")) +
            record(A, udp(port_mac(10), BROADCAST, 1400)) + record(C, six),
        "encap-big": RESOLVED + record(C, udp(port_mac(12), BROADCAST, 1450)) +
            record(C, udp(port_mac(12), BROADCAST, 1450, flags="DF")),
        "unresolved": record(A, tcp) + record(A, tcp, LATER, 20) + record(A, tcp, LATER, 40) + RESOLVED,
        "decap": record(UNDERLAY, tunnel(inner)) + record(UNDERLAY, no_checksum(tunnel(inner))) +
            record(UNDERLAY, tunnel(inner, source=STRANGER)) + record(UNDERLAY, tunnel(inner, vni=9)),
        "decap-group": record(UNDERLAY, tunnel(inner, destination="224.0.0.1", to="01:00:5e:00:00:01")) +
            record(UNDERLAY, tunnel(inner, destination="239.1.0.1", to="01:00:5e:01:00:01")),
        "decap-odd": record(UNDERLAY, tunnel(inner, vxlan_flags=0)) + record(UNDERLAY, tunnel(inner, tos=3)) +
            record(UNDERLAY, tunnel(inner, flags="MF")) + record(UNDERLAY, tunnel(inner, source=OUR_IP)),
        "decap-ecn": record(UNDERLAY, tunnel(udp("02:00:00:00:00:01", port_mac(10), tos=2), tos=3)) +
            record(UNDERLAY, tunnel(six, vni=2, tos=1)),
        "decap-tagged": record(UNDERLAY, tunnel(Ether(src=REMOTE_MAC, dst=port_mac(12)) / Dot1Q(vlan=5) /
            IP(), vni=2)) + record(UNDERLAY, tunnel(Ether() / Dot1Q(vlan=5) / IP(), vni=1)),
        "host": record(UNDERLAY, arp(1, REMOTE_MAC, REMOTE, OUR_IP)) +
            record(UNDERLAY, Ether(src=REMOTE_MAC, dst=OUR_MAC) / IP(src=REMOTE, dst=OUR_IP) / ICMP() / Raw(b"x" * 56)) +
            record(UNDERLAY, Ether(src=REMOTE_MAC, dst="01:00:5e:00:00:01") /
                IP(src=REMOTE, dst="224.0.0.1", ttl=1, proto=2) / IGMP(type=0x11, gaddr="0.0.0.0"), LATER, 100) +
            record(UNDERLAY, Ether(src=REMOTE_MAC, dst=OUR_MAC) / IP(src=REMOTE, dst=OUR_IP) / UDP(dport=53)),
        "icmp-error": RESOLVED + record(UNDERLAY, Ether(src=REMOTE_MAC, dst=OUR_MAC) /
            IP(src="192.0.2.254", dst=OUR_IP) / ICMP(type=3, code=4, nexthopmtu=1300) /
            IP(src=OUR_IP, dst=REMOTE) / UDP(sport=40000, dport=8472) / VXLAN(vni=1)),
        "vlan": record(PROVIDER, Ether(src=REMOTE_MAC, dst=BROADCAST) / Dot1Q(vlan=1001) / IP()) +
            record(PROVIDER, Ether(src=REMOTE_MAC, dst=BROADCAST) / Dot1Q(vlan=1999) / IP()) +
            record(PROVIDER, Ether(src=REMOTE_MAC, dst=BROADCAST) / Dot1Q(vlan=0) / IP()) +
            record(PROVIDER, Ether(src=REMOTE_MAC, dst=port_mac(12)) / Dot1Q(vlan=1003) / Dot1Q(vlan=7) / IP()) +
            record(PROVIDER, Ether(src=REMOTE_MAC, dst=BROADCAST) / Dot1AD(vlan=1001) / IP()),
        "vlan-stripped": record(PROVIDER, udp(REMOTE_MAC, BROADCAST), STRIPPED, 1) +
            record(A, udp(port_mac(10), BROADCAST), STRIPPED, 1) + record(C, six, STRIPPED, 3),
        "trunk": record(TRUNK, Ether(src=port_mac(17), dst=BROADCAST) / Dot1Q(vlan=1001) / IP()) +
            record(TRUNK, Ether(src=port_mac(18), dst=port_mac(10)) / Dot1Q(vlan=1002) / IP()) +
            record(TRUNK, udp(port_mac(17), BROADCAST)),
        "gateway": RESOLVED + record(INSIDE, Ether(src="02:00:00:00:01:01", dst="02:00:00:00:00:01") /
            Dot1Q(vlan=1002) / IP()) + record(UNDERLAY, tunnel(udp("02:00:00:00:00:01", "02:00:00:00:01:01"))),
        "strict": record(D, udp(port_mac(13), "02:00:00:00:00:77")) +
            record(D, Ether(src=port_mac(13), dst=BROADCAST, type=0x88cc) / Raw(bytes(50))) +
            record(D, Ether(src="02:00:00:00:00:04", dst=BROADCAST) / ARP()),
        "down": record(E, udp(port_mac(14), BROADCAST)) + record(UNDERLAY, Ether() / Dot1Q(vlan=7) / IP()),
        "full": b"".join(record(A, udp(port_mac(10), port_mac(11)), MORE * (i < 5)) for i in range(6)),
        "chained": record(A, udp(port_mac(10), port_mac(11), 900), CHAINED, 99) +
            record(UNDERLAY, tunnel(inner), CHAINED, 13),
        "short": record(A, Raw(b"\x01\x02\x03")) + record(A, Raw(b"")) + record(PROVIDER, Raw(bytes(14))) +
            record(UNDERLAY, Raw(raw(tunnel(inner))[:44])),
        "spoof": record(PROVIDER, udp(port_mac(10), BROADCAST)) + record(A, udp("01:00:00:00:00:01", BROADCAST)) +
            record(A, Ether(src=port_mac(10), dst="01:80:c2:00:00:00") / Raw(bytes(46))),
        "move": record(PROVIDER, udp("02:00:00:00:02:01", BROADCAST)) + record(UNDERLAY,
            tunnel(udp("02:00:00:00:02:01", BROADCAST), vni=2)) + record(C, udp("02:00:00:00:02:01", BROADCAST)) +
            record(C, udp("02:00:00:00:02:01", port_mac(12)), LATER, 255),
    }


UPLINKS = {"up": {"device": "fake:up", "vlans": "100-200,300", "mtu": 9000, "vlan-priority": 3},
    "under": {"device": "fake:under", "address": "192.0.2.1/24", "gateway": "192.0.2.254", "vlan": 5}}
TUNNEL = {"uplink": "under", "port": 4789, "vnis": "1-1000", "group": "239.0.0.1", "mode": "both",
    "remotes": ["192.0.2.2", "192.0.2.3"], "source-port-min": 1000, "source-port-max": 2000, "ttl": 7,
    "tos": "inherit", "df": "set", "udp-checksum": False, "strict-remotes": True, "reserved-bits": "ignore",
    "ageing": 60, "path-mtu": 1450}
NETWORKS = {"n1": {"segments": [{"type": "vxlan", "id": 7}, {"type": "vlan", "uplink": "up", "id": 100}],
    "fdb-limit": 10, "ageing": 20, "remotes": ["192.0.2.9"], "shared": True, "owner": "me"},
    "n2": {"segments": [{"type": "flat", "uplink": "up"}], "mtu": 1400, "unknown-unicast": "drop",
    "other-ethertypes": "drop", "vlan-transparent": True, "external": True, "admin-state": "down"},
    "n3": {"segments": [{"type": "vxlan"}]}}
PORTS = {"p1": {"network": "n1", "device": "fake:p1", "mac": "fa:16:3e:00:00:01", "addresses": ["10.0.0.1"],
    "fdb-limit": 4}, "p2": {"network": "n2", "device": "fake:t", "vlan": 9, "vlan-transparent": True},
    "p3": {"network": "n1", "device": "fake:t", "vlan": 10, "admin-state": "down"}}
FDB = {"n1/02:00:00:00:00:01": {"remote": "192.0.2.2"}, "n1/02:00:00:00:00:02": {"port": "p1"},
    "n2/02:00:00:00:00:03": {"uplink": "up"}}
WHOLE = {"workers": {"idle": "spin"}, "uplinks": UPLINKS, "tunnel": TUNNEL, "networks": NETWORKS, "ports": PORTS,
    "fdb": FDB}


def requests(*calls):
    return "\n".join(json.dumps({"jsonrpc": "2.0", "id": i, "method": m, "params": p})
        for i, (m, p) in enumerate(calls)) + "\n"


def control():
    apply_whole = ("config.apply", {"config": WHOLE})
    bad = json.loads(json.dumps(WHOLE))
    bad["ports"]["p1"].update({"device": "fake:broken", "mac": "01:00:00:00:00:00", "colour": 1})
    bad["networks"]["n1"]["segments"][0]["id"] = 0
    return {
        "whole": "#" + json.dumps(WHOLE, indent=1),
        "bad": "#" + json.dumps(bad),
        "no-json": "#{\"uplinks\":",
        "add": requests(*[("uplink.add", {"name": n, **v}) for n, v in UPLINKS.items()], ("tunnel.set", TUNNEL),
            *[("network.add", {"name": n, **v}) for n, v in NETWORKS.items()],
            *[("port.add", {"name": n, **v}) for n, v in PORTS.items()],
            *[("fdb.add", {"name": n, **v}) for n, v in FDB.items()]),
        "edit": requests(apply_whole, ("port.set", {"name": "p1", "fdb-limit": None, "admin-state": "down"}),
            ("network.set", {"name": "n1", "segments": []}), ("port.del", {"name": "p2"}),
            ("network.del", {"name": "n2"}), ("fdb.del", {"name": "n1/02:00:00:00:00:01"}),
            ("remote.add", {"address": "192.0.2.50"}), ("remote.del", {"address": "192.0.2.9", "network": "n1"}),
            ("uplink.set", {"name": "up", "mtu": 1500}), ("tunnel.set", {"ttl": "auto", "group": None}),
            ("workers.set", {"idle": "adaptive"})),
        "show": requests(apply_whole, *[(m, {}) for m in ("config.get", "stats.get", "drops.get", "audit.run",
            "status.get", "rpc.methods", "fdb.list", "remote.list", "uplink.list", "network.list", "port.list",
            "tunnel.list", "workers.list")], ("stats.get", {"attachment": "port p1"}), ("drops.get", {"all": True}),
            ("fdb.list", {"network": "n1", "limit": 1}), ("fdb.flush", {"network": "n1"}), ("fdb.flush", {})),
        "check": requests(apply_whole, ("config.check", {"config": {}}), ("config.apply", {"config": {}}), apply_whole),
        "batch": json.dumps([{"jsonrpc": "2.0", "id": "a", "method": "status.get"}, {"jsonrpc": "2.0",
            "method": "fdb.flush"}, 7]) + "\n",
        "wrong": "{\n[]\n7\n\"x\"\n{\"jsonrpc\":\"1.0\"}\n" + requests(("port.add", {"name": 7}), ("no.such", {}),
            ("port.add", {"name": "x", "network": "none", "device": "tap"}), ("config.apply", {})),
    }


def main():
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
    directory = sys.argv[1] if len(sys.argv) > 1 else here
    for target, inputs in (("pipeline", pipeline()), ("control", control())):
        os.makedirs(os.path.join(directory, target), exist_ok=True)
        for name, data in inputs.items():
            with open(os.path.join(directory, target, name), "wb") as file:
                file.write(data if isinstance(data, bytes) else data.encode())


if __name__ == "__main__":
    main()
