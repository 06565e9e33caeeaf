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

from scapy.all import (ARP, BOOTP, DHCP, DNS, DNSQR, DNSRROPT, ICMP, IP, TCP, UDP, Dot1AD, Dot1Q, Ether, ICMPv6ND_NA,
    ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPOption_NOP, IPv6, IPv6ExtHdrHopByHop, Raw,
    VXLAN, raw)
from scapy.contrib.igmp import IGMP

# As fuzz_pipeline.c lists and names them.
PROVIDER, INSIDE, UNDERLAY, A, FULL, C, D, E, TRUNK, F, G = range(11)
MORE, STRIPPED, CHAINED, LATER = 0x10, 0x20, 0x40, 0x80

OUR_MAC = "02:00:00:00:00:75" # of fake:underlay
OUR_IP, REMOTE, STRANGER = "192.0.2.1", "192.0.2.2", "192.0.2.77"
REMOTE_MAC = "52:54:00:00:00:02"
BROADCAST = "ff:ff:ff:ff:ff:ff"
SERVICE_MAC = "fa:16:3e:00:00:03" # of network gateway


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


def from_f(src="10.0.0.15", dst="10.0.0.2", **ip):
    return Ether(src=port_mac(15), dst=port_mac(10)) / IP(src=src, dst=dst, **ip)


def to_f(src="10.0.0.1", **ip):
    return Ether(src=port_mac(10), dst=port_mac(15)) / IP(src=src, dst="10.0.0.15", **ip)


def six_from_f():
    return Ether(src=port_mac(15), dst=port_mac(10)) / IPv6(src="fd00::f", dst="fd00::1")


def arp(op, source_mac, source, target, to=BROADCAST):
    return Ether(src=source_mac, dst=to) / ARP(op=op, hwsrc=source_mac, psrc=source, pdst=target)


def dhcp(*options, source="0.0.0.0", to="255.255.255.255"):
    mac = port_mac(15)
    return Ether(src=mac, dst=BROADCAST if to.startswith("255") else SERVICE_MAC) / IP(src=source, dst=to) / \
        UDP(sport=68, dport=67) / BOOTP(chaddr=bytes.fromhex(mac.replace(":", "")), xid=7,
            ciaddr=source) / DHCP(options=[*options, "end"])


def to_service(address="10.0.0.3"):
    return Ether(src=port_mac(15), dst=SERVICE_MAC) / IP(src="10.0.0.15", dst=address)


def solicit(source, target):
    return Ether(src=port_mac(10), dst="33:33:ff:00:00:01") / IPv6(src=source, dst="ff02::1:ff00:1") / \
        ICMPv6ND_NS(tgt=target)


ROUTER_MAC, FAR_MAC, GATEWAY_MAC = "fa:16:3e:00:01:01", "fa:16:3e:00:01:02", "fa:16:3e:00:01:03"
GATEWAY, FLOATING = "203.0.113.83", "203.0.113.50"
OUTSIDE_MAC = "02:00:00:00:02:01"


def to_router(dst="8.8.8.8", src="10.0.0.9", **ip):
    return Ether(src=port_mac(10), dst=ROUTER_MAC) / IP(src=src, dst=dst, **ip)


def from_outside(dst=GATEWAY, src="8.8.8.8", **ip):
    return Ether(src=OUTSIDE_MAC, dst=GATEWAY_MAC) / IP(src=src, dst=dst, **ip)


def no_checksum(frame):
    frame[UDP].chksum = 0
    return frame


RESOLVED = record(UNDERLAY, arp(1, REMOTE_MAC, REMOTE, OUR_IP)) + \
    record(UNDERLAY, arp(2, REMOTE_MAC, REMOTE, OUR_IP, OUR_MAC)) + \
    record(UNDERLAY, arp(2, REMOTE_MAC, "192.0.2.254", OUR_IP, OUR_MAC))


# Everybody around the router has asked for its MAC.
ROUTED = record(A, arp(1, port_mac(10), "10.0.0.9", "10.0.0.1")) + \
    record(F, arp(1, port_mac(15), "10.0.0.15", "10.0.0.1")) + \
    record(D, arp(1, port_mac(13), "10.1.0.7", "10.1.0.1")) + \
    record(INSIDE, arp(1, OUTSIDE_MAC, "203.0.113.1", GATEWAY))


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
        "router": ROUTED + record(A, to_router() / UDP(sport=1000, dport=53) / Raw(bytes(30))) +
            record(INSIDE, from_outside() / UDP(sport=53, dport=1000) / Raw(bytes(30))) +
            record(A, to_router() / ICMP(id=7) / Raw(bytes(56))) +
            record(INSIDE, from_outside() / ICMP(type=0, id=7) / Raw(bytes(56))) +
            record(INSIDE, from_outside(FLOATING) / TCP(sport=9, dport=22, flags="S")) +
            record(A, to_router(FLOATING) / TCP(sport=9, dport=22, flags="S")) +
            record(A, to_router("10.1.0.7", ttl=1) / UDP()) + record(A, to_router("10.1.0.7") / UDP()) +
            record(A, to_router("10.2.0.1", options=[IPOption_NOP()] * 4) / UDP()) +
            record(A, to_router("10.0.0.1") / ICMP()),
        "router-errors": ROUTED + record(A, to_router() / UDP(sport=1000, dport=53) / Raw(bytes(30))) +
            record(INSIDE, from_outside(src="203.0.113.1") / ICMP(type=11) / IP(src=GATEWAY, dst="8.8.8.8") /
                UDP(sport=1000, dport=53) / Raw(bytes(30))) +
            record(INSIDE, from_outside(FLOATING) / UDP(sport=9, dport=2000) / Raw(bytes(30))) +
            record(F, Ether(src=port_mac(15), dst=ROUTER_MAC) / IP(src="10.0.0.15", dst="8.8.8.8") /
                ICMP(type=3, code=3) / IP(src="8.8.8.8", dst="10.0.0.15") / UDP(sport=9, dport=2000) / Raw(bytes(30))) +
            record(INSIDE, from_outside(FLOATING, flags="DF") / UDP(sport=9, dport=2000) / Raw(bytes(1400))),
        "router-fragments": ROUTED +
            record(INSIDE, from_outside(FLOATING, id=5, proto=17, flags="MF", frag=100) / Raw(bytes(800))) +
            record(INSIDE, from_outside(FLOATING, id=5, flags="MF") / UDP(sport=9, dport=2000, len=1640) /
                Raw(bytes(792))) + record(INSIDE, from_outside(FLOATING, id=5, proto=17, frag=200) / Raw(bytes(40))) +
            record(D, Ether(src=port_mac(13), dst=FAR_MAC) / IP(src="10.1.0.7", dst="10.0.0.15") / UDP() /
                Raw(bytes(1400))) +
            record(A, to_router("10.0.0.77") / UDP() / Raw(bytes(30))) +
            record(A, to_router("10.0.0.77") / UDP() / Raw(bytes(30)), LATER, 20) +
            record(A, to_router("10.0.0.77") / UDP() / Raw(bytes(30)), LATER, 10) +
            record(A, to_router("10.0.0.77") / UDP() / Raw(bytes(30)), LATER, 10),
        "strict": record(D, udp(port_mac(13), "02:00:00:00:00:77")) +
            record(D, Ether(src=port_mac(13), dst=BROADCAST, type=0x88cc) / Raw(bytes(50))) +
            record(D, Ether(src="02:00:00:00:00:04", dst=BROADCAST) / ARP()),
        "down": record(E, udp(port_mac(14), BROADCAST)) + record(UNDERLAY, Ether() / Dot1Q(vlan=7) / IP()),
        "full": b"".join(record(A, udp(port_mac(10), port_mac(11)), MORE * (i < 5)) for i in range(6)),
        "chained": record(A, udp(port_mac(10), port_mac(11), 900), CHAINED, 99) +
            record(UNDERLAY, tunnel(inner), CHAINED, 13),
        "filtered": b"".join(record(F, from_f() / body) for body in (
                UDP(sport=1234, dport=53) / Raw(bytes(20)), TCP(sport=1, dport=2, flags="S"),
                ICMP() / Raw(bytes(56)), ICMP(type=3, code=3) / IP(src="10.0.0.2", dst="10.0.0.15") /
                UDP(sport=53, dport=1234), Raw(bytes(8)))) +
            record(F, from_f(src="10.0.0.1") / UDP()) + record(F, from_f(src="10.0.9.7") / UDP()) +
            record(F, Ether(src="00:00:5e:00:01:01", dst=BROADCAST) / IP(src="10.0.0.99", dst="10.0.0.2") / UDP()) +
            record(F, Ether(src="02:00:00:00:00:55", dst=BROADCAST) / ARP()),
        "filtered-dhcp": record(F, from_f(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67)) +
            record(F, from_f() / UDP(sport=67, dport=68)) + record(A, to_f() / UDP(sport=67, dport=68)),
        "filtered-arp": record(F, arp(1, port_mac(15), "10.0.0.15", "10.0.0.2")) +
            record(F, arp(2, port_mac(15), "10.0.0.1", "10.0.0.2")) +
            record(F, arp(1, port_mac(15), "0.0.0.0", "10.0.0.15")),
        "filtered-in": b"".join(record(A, to_f() / body) for body in (
                TCP(sport=1, dport=22, flags="S"), TCP(sport=1, dport=80, flags="S"), UDP(sport=9, dport=1000),
                ICMP(), ICMP(type=0), TCP(flags="SR"))) +
            record(UNDERLAY, tunnel(to_f() / TCP(sport=7, dport=22, flags="S"))),
        "filtered-tcp": record(F, from_f() / TCP(sport=5, dport=6, flags="S", seq=1)) +
            record(A, to_f(src="10.0.0.2") / TCP(sport=6, dport=5, flags="SA", seq=1, ack=2)) +
            record(F, from_f() / TCP(sport=5, dport=6, flags="A", seq=2, ack=2), LATER, 5) +
            record(F, from_f() / TCP(sport=5, dport=6, flags="FA", seq=2, ack=2)) +
            record(A, to_f(src="10.0.0.2") / TCP(sport=6, dport=5, flags="R", seq=2)),
        "filtered-six": record(F, six_from_f() / UDP(sport=1, dport=2)) + record(F, six_from_f() / ICMPv6ND_RA()) +
            record(F, Ether(src=port_mac(15), dst="33:33:00:00:00:16") / IPv6(src="::", dst="ff02::16") / ICMPv6ND_NS()) +
            record(F, six_from_f() / IPv6ExtHdrHopByHop() / UDP(sport=547, dport=546)),
        "filtered-fragments": b"".join(record(F, from_f(flags="MF" if at < 2 else 0, frag=2 * at, id=7) /
                Raw((raw(UDP(sport=1, dport=2, len=48)) + bytes(40))[16 * at:16 * at + 16])) for at in (1, 0, 2)) +
            record(F, from_f(flags="MF", id=8) / Raw(bytes(4))) + record(F, from_f(frag=1, id=9) / Raw(bytes(8))) +
            record(A, to_f(flags="MF", id=10) / UDP(sport=9, dport=1000) / Raw(bytes(16))) +
            record(A, to_f(frag=2, id=10) / Raw(bytes(16)), LATER, 255),
        "service-dhcp": b"".join(record(F, frame) for frame in (
                dhcp(("message-type", "discover"), ("param_req_list", [1, 3, 6, 12, 15, 26, 28, 42, 121])),
                dhcp(("message-type", "request"), ("server_id", "10.0.0.3"), ("requested_addr", "10.0.0.15")),
                dhcp(("message-type", "request"), source="10.0.0.15", to="10.0.0.3"),
                dhcp(("message-type", "inform"), ("max_dhcp_size", 300), source="10.0.0.15", to="10.0.0.3"),
                dhcp(("message-type", "request"), ("server_id", "10.0.0.3"), ("requested_addr", "10.0.0.77")),
                dhcp(("message-type", "decline"), ("server_id", "10.0.0.3"), ("requested_addr", "10.0.0.15")),
                dhcp(("message-type", "release"), ("server_id", "10.0.0.3"), source="10.0.0.15", to="10.0.0.3"),
                dhcp(("message-type", "discover"), ("hostname", "x" * 40)))) +
            record(A, from_f(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67) / Raw(bytes(300))),
        "service-arp": record(A, arp(1, port_mac(10), "10.0.0.1", "10.0.0.3")) +
            record(A, arp(1, port_mac(10), "10.0.0.1", "10.0.0.15")) +
            record(A, arp(1, port_mac(10), "0.0.0.0", "169.254.169.254")) +
            record(A, arp(2, port_mac(10), "10.0.0.3", "10.0.0.3")) +
            record(UNDERLAY, tunnel(arp(1, "02:00:00:00:00:01", "10.0.0.9", "10.0.0.3"))) +
            record(A, solicit("fd00::1", "fe80::a9fe:a9fe")) + record(A, solicit("::", "fd00::f")) +
            record(A, Ether(src=port_mac(10), dst="33:33:00:00:00:01") / IPv6(src="fd00::1", dst="ff02::1") /
                ICMPv6ND_NA(tgt="fe80::a9fe:a9fe")),
        "service-ip": b"".join(record(F, frame) for frame in (
                to_service() / ICMP() / Raw(bytes(56)), to_service() / UDP(sport=5, dport=9),
                to_service() / UDP(sport=5, dport=53) / DNS(qd=DNSQR(qname="host-10-0-0-15.openstacklocal")),
                to_service() / UDP(sport=5, dport=53) / DNS(qd=DNSQR(qname="15.0.0.10.in-addr.arpa", qtype="PTR")),
                to_service("169.254.169.254") / TCP(sport=5, dport=80, flags="S"), to_service("10.0.0.9") / ICMP())),
        "stateless": record(G, Ether(src=port_mac(16), dst=BROADCAST) / IP(src="10.0.0.16", dst="10.0.0.2") /
                UDP(sport=1, dport=53)) + record(C, Ether(src=port_mac(12), dst=port_mac(16)) /
                IP(src="10.0.0.2", dst="10.0.0.16") / UDP(sport=53, dport=1)),
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
    "fdb-limit": 4, "security-groups": ["default", "web"], "allowed-address-pairs": [{"address": "10.0.0.0/24"},
    {"address": "fd00::1", "mac": "00:00:5e:00:01:01"}]}, "p2": {"network": "n2", "device": "fake:t", "vlan": 9, "vlan-transparent": True,
    "port-security": False},
    "p3": {"network": "n1", "device": "fake:t", "vlan": 10, "admin-state": "down"}}
GROUPS = {"default": {"stateful": True, "rules": [{"direction": "egress"}]}, "web": {"members": ["10.9.0.1",
    "10.8.0.0/16"], "rules": [{"direction": "ingress", "protocol": "tcp", "ports": "1000-2000",
    "remote-prefix": "10.0.0.0/8"}, {"direction": "ingress", "protocol": "icmp", "icmp-type": 8, "icmp-code": 0,
    "remote-group": "web"}, {"direction": "egress", "ethertype": "ipv6", "protocol": 58}]}}
SESSIONS = {"limit": 1000, "port-quota": 100, "tcp-established": 600, "udp": 60, "other": 10}
FDB = {"n1/02:00:00:00:00:01": {"remote": "192.0.2.2"}, "n1/02:00:00:00:00:02": {"port": "p1"},
    "n2/02:00:00:00:00:03": {"uplink": "up"}}
WHOLE = {"workers": {"idle": "spin"}, "uplinks": UPLINKS, "tunnel": TUNNEL, "networks": NETWORKS,
    "security-groups": GROUPS, "ports": PORTS, "fdb": FDB, "sessions": SESSIONS}


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
            ("security-group.set", {"name": "default", **GROUPS["default"]}),
            ("security-group.add", {"name": "web", **GROUPS["web"]}), ("sessions.set", SESSIONS),
            *[("port.add", {"name": n, **v}) for n, v in PORTS.items()],
            *[("fdb.add", {"name": n, **v}) for n, v in FDB.items()]),
        "edit": requests(apply_whole, ("port.set", {"name": "p1", "fdb-limit": None, "admin-state": "down"}),
            ("network.set", {"name": "n1", "segments": []}), ("port.del", {"name": "p2"}),
            ("network.del", {"name": "n2"}), ("fdb.del", {"name": "n1/02:00:00:00:00:01"}),
            ("remote.add", {"address": "192.0.2.50"}), ("remote.del", {"address": "192.0.2.9", "network": "n1"}),
            ("uplink.set", {"name": "up", "mtu": 1500}), ("tunnel.set", {"ttl": "auto", "group": None}),
            ("workers.set", {"idle": "adaptive"}), ("security-group.set", {"name": "default", "rules": None}),
            ("rule.add", {"group": "web", "direction": "ingress", "protocol": "udp", "ports": 53}),
            ("rule.del", {"group": "web", "direction": "ingress", "protocol": 17, "ports": "53"}),
            ("port.set", {"name": "p1", "security-groups": [], "allowed-address-pairs": None}),
            ("port.set", {"name": "p1", "port-security": False}), ("security-group.del", {"name": "web"}),
            ("sessions.set", {"udp": None})),
        "show": requests(apply_whole, *[(m, {}) for m in ("config.get", "stats.get", "drops.get", "audit.run",
            "status.get", "rpc.methods", "fdb.list", "remote.list", "uplink.list", "network.list", "port.list",
            "tunnel.list", "workers.list", "security-group.list", "sessions.list", "session.list", "session.flush")],
            ("port.chains", {"name": "p1"}), ("session.list", {"network": "n1", "port": "p1", "ethertype": "ipv4",
            "protocol": "tcp", "address": "10.0.0.0/8", "l4-port": 22, "state": "established", "limit": 3}), ("stats.get", {"attachment": "port p1"}), ("drops.get", {"all": True}),
            ("fdb.list", {"network": "n1", "limit": 1}), ("fdb.flush", {"network": "n1"}), ("fdb.flush", {})),
        "check": requests(apply_whole, ("config.check", {"config": {}}), ("config.apply", {"config": {}}), apply_whole),
        "batch": json.dumps([{"jsonrpc": "2.0", "id": "a", "method": "status.get"}, {"jsonrpc": "2.0",
            "method": "fdb.flush"}, 7]) + "\n",
        "wrong": "{\n[]\n7\n\"x\"\n{\"jsonrpc\":\"1.0\"}\n" + requests(("port.add", {"name": 7}), ("no.such", {}),
            ("port.add", {"name": "x", "network": "none", "device": "tap"}), ("config.apply", {})),
    }


def dhcp_message(*options, chaddr=bytes.fromhex("fa163ede6e86"), flags=0, ciaddr="0.0.0.0", **fields):
    return raw(BOOTP(chaddr=chaddr, xid=7, flags=flags, ciaddr=ciaddr, **fields) / DHCP(options=[*options, "end"]))


def clients():
    """Behind a byte that chooses the configuration, see fuzz_dhcp.c."""
    ours, us = ("requested_addr", "172.16.1.33"), ("server_id", "172.16.1.10")
    wanted = ("param_req_list", [1, 3, 6, 12, 15, 26, 28, 42, 121, 249])

    def kind(name):
        return ("message-type", name)

    messages = {
        "discover": dhcp_message(kind("discover"), wanted, ("max_dhcp_size", 576)),
        "discover-all": dhcp_message(kind("discover"), flags=0x8000),
        "selecting": dhcp_message(kind("request"), ours, us, ("lease_time", 100)),
        "selecting-other": dhcp_message(kind("request"), ours, ("server_id", "172.16.1.9")),
        "selecting-wrong": dhcp_message(kind("request"), ("requested_addr", "10.0.0.1"), us),
        "reboot": dhcp_message(kind("request"), ours, wanted),
        "renew": dhcp_message(kind("request"), ciaddr="172.16.1.33"),
        "renew-wrong": dhcp_message(kind("request"), ciaddr="172.16.1.34"),
        "decline": dhcp_message(kind("decline"), ours, us),
        "release": dhcp_message(kind("release"), us, ciaddr="172.16.1.33"),
        "inform": dhcp_message(kind("inform"), wanted, ciaddr="172.16.1.33"),
        "relayed": dhcp_message(kind("discover"), giaddr="172.16.1.250"),
        "chaddr": dhcp_message(kind("discover"), chaddr=b"\2\0\0\0\0\1"),
        "bootp": dhcp_message(),
        "overload": dhcp_message(("dhcp-option-overload", 3), sname=b"\x32\4\xac\x10\1\x21\xff", file=b"\x35\1\3\xff"),
        "past": dhcp_message(kind("discover"))[:-1] + b"\x2a\xc8\1",
    }
    inputs = {name: b"\0" + message for name, message in messages.items()}
    inputs.update({f"config-{flags:02x}": bytes((flags,)) + messages["discover-all"] for flags in (1, 2, 4, 8, 0x10, 0x2c)})
    frame = Ether(src="fa:16:3e:de:6e:86", dst=BROADCAST) / IP(src="0.0.0.0", dst="255.255.255.255") / \
        UDP(sport=68, dport=67) / Raw(messages["discover"])
    return {**inputs, "frame": b"\x80" + raw(frame)}


def queries():
    def query(name, kind="A", **more):
        return raw(DNS(id=7, rd=1, qd=DNSQR(qname=name, qtype=kind), **more))

    host = "host-172-16-1-33"
    return {
        "a": query(host), "a-domain": query(host + ".openstacklocal"), "aaaa": query(host, "AAAA"),
        "any": query(host, "ANY"), "mx": query(host, "MX"), "ptr": query("33.1.16.172.in-addr.arpa", "PTR"),
        "ptr-long": query("255.1.16.172.in-addr.arpa", "PTR"), "foreign": query("example.com"),
        "edns": query(host, ar=DNSRROPT(rclass=4096)), "edns-long": query("250.1.16.172.in-addr.arpa", "PTR",
            ar=DNSRROPT(rclass=1232)),
        "loop": query("a")[:12] + b"\xc0\x0c\0\1\0\1", "answer": query(host, qr=1), "root": query("."),
        "two": raw(DNS(qd=DNSQR(qname="a") / DNSQR(qname="b"), qdcount=2)), "cut": query(host)[:20],
    }


def neighbours():
    """Behind a byte that says what it is, see fuzz_neighbour.c."""
    six = IPv6(src="fe80::1", dst="fe80::2", hlim=255)
    solicit = ICMPv6ND_NS(tgt="fe80::2")
    mac = "fa:16:3e:de:6e:86"
    packet = IP(src="172.16.1.33", dst="172.16.1.10")
    return {
        "arp": b"\0" + raw(ARP(op=1, hwsrc=mac, psrc="172.16.1.33", pdst="172.16.1.10")),
        "arp-reply": b"\0" + raw(ARP(op=2, hwsrc=mac, psrc="172.16.1.33", pdst="172.16.1.10")),
        "arp-hlen": b"\0" + raw(ARP(hwlen=8)),
        "ns": b"\x81" + raw(six / solicit / ICMPv6NDOptSrcLLAddr(lladdr=mac)),
        "ns-checksum": b"\1" + raw(six / solicit / ICMPv6NDOptSrcLLAddr(lladdr=mac)),
        "na": b"\x81" + raw(six / ICMPv6ND_NA(tgt="fe80::1", R=1, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=mac)),
        "dad": b"\x81" + raw(IPv6(src="::", dst="ff02::1:ff00:2", hlim=255) / solicit),
        "ra": b"\x81" + raw(six / ICMPv6ND_RA()),
        "udp": b"\x82" + raw(packet / UDP(sport=1, dport=9) / Raw(b"weft")),
        "udp-long": b"\x82" + raw(packet / UDP(sport=1, dport=9) / Raw(bytes(900))),
        "ping": b"\x82" + raw(packet / ICMP()), "options": b"\x82" + raw(IP(src="172.16.1.33", dst="172.16.1.10",
            options=[IPOption_NOP()] * 4) / UDP()),
        "error": b"\x82" + raw(packet / ICMP(type=3, code=3) / IP(src="172.16.1.10", dst="172.16.1.33") / UDP()),
        "fragment": b"\x82" + raw(IP(src="172.16.1.33", dst="172.16.1.10", frag=3) / UDP()),
    }


def main():
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
    directory = sys.argv[1] if len(sys.argv) > 1 else here
    for target, inputs in (("pipeline", pipeline()), ("control", control()), ("dhcp", clients()), ("dns", queries()),
            ("neighbour", neighbours())):
        os.makedirs(os.path.join(directory, target), exist_ok=True)
        for name, data in inputs.items():
            with open(os.path.join(directory, target, name), "wb") as file:
                file.write(data if isinstance(data, bytes) else data.encode())


if __name__ == "__main__":
    main()
