#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes the pcap files that the benchmarks replay.

A capture holds one UDP flow per pair of MACs: host i of side 0 sends to host i of side 1 (the
reverse capture has the answers). Frame lengths are without the FCS, so "64" on the wire is 60
here; IMIX is 7:4:1 of 60, 590 and 1400 bytes. Kinds:
  l2     untagged
  vlan   the same with an 802.1Q tag (4 bytes more)
  vxlan  the l2 frames in VXLAN, from the remote VTEP to ours, outer UDP checksum 0
  arp    a request to our underlay address and an answer, from the remote VTEP: it is known
         then for the next 20 s or more without being asked
  flow   one instance, which has one MAC and one address, and 1000 hosts: so many UDP flows
  flowx  the flow frames in VXLAN; the first frame is an ARP answer of the remote VTEP
  open   as flow, but all hosts are behind one MAC: of a router
  route  in VXLAN, between hosts of two networks, to the MACs of the router between them; both
         directions; the first frame is an ARP answer of the remote VTEP
  nat    as flow, to the inside MAC of a router; the answers come from the next router outside, to the
         address that the flows are translated to
  natx   the nat frames in VXLAN; the first frame is an ARP answer of the remote VTEP
  natopen  as open, to the inside MAC of a router

    mkpcap.py DIRECTORY [--kinds l2,vlan,…] [--macs 1,1000,100000] [--sizes 64,1400,imix]
"""

import argparse
import itertools
import os
import random
import struct
import sys
from typing import NamedTuple

VID = 100
VNI = 1
OTHER_VNI = 2
VXLAN_PORT = 8472
MIN_FRAMES = 1024
FLOW_HOSTS = 1000
KINDS = ["l2", "vlan", "vxlan", "arp", "flow", "flowx", "open", "route", "nat", "natx", "natopen"]
SIZES = {"64": [60], "1400": [1400], "imix": [60, 590, 60, 60, 590, 60, 1400, 60, 590, 60, 590, 60]}

LOCAL_VTEP = "172.31.0.1"
REMOTE_VTEP = "172.31.0.2"
# What net_pcap gives its first device; the receiver of the tunnel packets.
LOCAL_VTEP_MAC = "02:70:63:61:70:00"
REMOTE_VTEP_MAC = "02:aa:00:00:00:02"

ROUTER_MACS = ["02:bb:00:00:00:00", "02:bb:00:00:00:01"] # on side 0 and on side 1
UPSTREAM_MAC = "02:cc:00:00:00:01" # the next router
UPSTREAM_ADDRESS = "172.30.0.1"
NAT_ADDRESS = "172.30.0.50" # what the flows of one instance have outside


class Capture(NamedTuple):
    """One pcap file."""
    kind: str
    size: str = "64"
    macs: int = 1000 # or flows
    reverse: bool = False

    @property
    def file_name(self):
        if self.kind == "arp":
            return "arp.pcap"
        return f"{self.kind}-{self.size}-{self.macs}{'-reverse' if self.reverse else ''}.pcap"


def host_mac(side, i):
    """MAC of host i of a side, as text."""
    return "02:00:%02x:%02x:%02x:%02x" % (side, i >> 16 & 255, i >> 8 & 255, i & 255)


def host_address(side, i):
    """IPv4 address of host i of a side, as text."""
    return f"{10 + side}.{i + 1 >> 16 & 255}.{i + 1 >> 8 & 255}.{i + 1 & 255}"


def _mac(text):
    return bytes.fromhex(text.replace(":", ""))


def _ip(text):
    return bytes(int(part) for part in text.split("."))


def _sum(data):
    """One's complement sum of 16-bit words, not folded; data of even length."""
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


def _fold(total):
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def _ip_header(source, destination, total_len):
    header = struct.pack("!BBHHHBBH", 0x45, 0, total_len, 0, 0x4000, 64, 17, 0) + source + destination
    return header[:10] + struct.pack("!H", _fold(_sum(header))) + header[12:]


def _udp_header(source_port, port, payload_len, addresses):
    """UDP header with the right checksum over a payload of zeros."""
    length = 8 + payload_len
    checksum = _fold(_sum(addresses) + 17 + length + source_port + port + length) or 0xffff
    return struct.pack("!HHHH", source_port, port, length, checksum)


def _ends(i, capture):
    """Numbers of the MACs and of the addresses of both ends of flow i."""
    if capture.kind in ("open", "natopen"):
        return [0, 0], [0, i]
    if capture.kind == "route":
        return [i % FLOW_HOSTS, i % FLOW_HOSTS], [i % FLOW_HOSTS, i % FLOW_HOSTS]
    if capture.kind in ("flow", "flowx", "nat", "natx"):
        return [0, i % FLOW_HOSTS], [0, i % FLOW_HOSTS]
    return [i, i], [i, i]


def _host_frame(i, length, capture):
    """The frame of flow i; length is that of the untagged frame."""
    macs, ips = _ends(i, capture)
    macs = [b"\x02\x00" + bytes([side]) + n.to_bytes(3, "big") for side, n in enumerate(macs)]
    ips = [bytes([10 + side]) + (n + 1).to_bytes(3, "big") for side, n in enumerate(ips)]
    ports = [1024 + i % 60000, 2000 + i // 60000]
    if capture.reverse:
        macs.reverse()
        ips.reverse()
        ports.reverse()
    if capture.kind.startswith("nat"):
        macs = [_mac(UPSTREAM_MAC), _mac(ROUTER_MACS[1])] if capture.reverse else \
            [macs[0], _mac(ROUTER_MACS[0])]
        ips = [ips[0], _ip(NAT_ADDRESS)] if capture.reverse else ips
    elif capture.kind == "route":
        macs = [macs[0], _mac(ROUTER_MACS[capture.reverse])]
    payload_len = length - 14 - 20 - 8
    tag = struct.pack("!HH", 0x8100, VID) if capture.kind == "vlan" else b""
    return b"".join((macs[1], macs[0], tag, b"\x08\x00", _ip_header(ips[0], ips[1], length - 14),
        _udp_header(ports[0], ports[1], payload_len, ips[0] + ips[1]), bytes(payload_len)))


def _vxlan_frame(i, inner, vni=VNI):
    source_port = 32768 + (i * 2654435761 >> 7) % 28000
    udp_len = 16 + len(inner)
    return b"".join((_mac(LOCAL_VTEP_MAC), _mac(REMOTE_VTEP_MAC), b"\x08\x00",
        _ip_header(_ip(REMOTE_VTEP), _ip(LOCAL_VTEP), 20 + udp_len),
        struct.pack("!HHHHII", source_port, VXLAN_PORT, udp_len, 0, 0x08000000, vni << 8), inner))


def arp_frame(operation, sender, target, macs):
    """sender, target: (MAC, address); macs: destination and source of the frame"""
    return b"".join((_mac(macs[0]), _mac(macs[1]),
        struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, operation), _mac(sender[0]), _ip(sender[1]),
        _mac(target[0]), _ip(target[1]), bytes(18)))


def _vtep_arp_frame(operation):
    return arp_frame(operation, (REMOTE_VTEP_MAC, REMOTE_VTEP), (LOCAL_VTEP_MAC, LOCAL_VTEP),
        ("ff:ff:ff:ff:ff:ff", REMOTE_VTEP_MAC))


def n_frames(capture):
    """How many frames a capture of flows has, besides an ARP answer."""
    if capture.kind in ("open", "natopen"):
        return capture.macs # no flow twice
    count = max(capture.macs, MIN_FRAMES)
    count += -count % len(SIZES[capture.size])
    return 2 * count if capture.kind == "route" else count


def frames(capture):
    """The frames of a capture, in order."""
    if capture.kind == "arp":
        yield _vtep_arp_frame(1)
        yield _vtep_arp_frame(2)
        return
    sizes = SIZES[capture.size]
    order = list(range(capture.macs))
    random.Random(1).shuffle(order)
    if capture.kind in ("flowx", "natx", "route"):
        yield _vtep_arp_frame(2)
    ways = [capture, capture._replace(reverse=True)] if capture.kind == "route" else [capture]
    pairs = zip(itertools.cycle(order), itertools.cycle(sizes))
    for i, length in itertools.islice(pairs, n_frames(capture) // len(ways)):
        for way in ways:
            frame = _host_frame(i, length, way)
            if capture.kind in ("vxlan", "flowx", "natx"):
                frame = _vxlan_frame(i, frame)
            elif capture.kind == "route":
                frame = _vxlan_frame(i, frame, OTHER_VNI if way.reverse else VNI)
            yield frame


def write(path, some_frames):
    """A pcap file, which is whole once it is there."""
    with open(path + ".new", "wb", 1 << 20) as out:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for frame in some_frames:
            out.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
    os.rename(path + ".new", path)


def make(directory, capture):
    """Writes a capture unless it is there already; returns its path."""
    path = os.path.join(directory, capture.file_name)
    if not os.path.exists(path):
        os.makedirs(directory, exist_ok=True)
        write(path, frames(capture))
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--kinds", default="l2,vlan,vxlan,arp")
    parser.add_argument("--macs", default="1,1000,100000")
    parser.add_argument("--sizes", default="64,1400,imix")
    args = parser.parse_args()
    for kind in args.kinds.split(","):
        if kind not in KINDS:
            sys.exit(f"mkpcap.py: no kind {kind!r}; there are {', '.join(KINDS)}")
        if kind == "arp":
            print(make(args.directory, Capture("arp")))
            continue
        for size, macs, reverse in itertools.product(args.sizes.split(","), args.macs.split(","),
                (False, True)):
            if size not in SIZES:
                sys.exit(f"mkpcap.py: no size {size!r}; there are {', '.join(SIZES)}")
            print(make(args.directory, Capture(kind, size, int(macs), reverse)))


if __name__ == "__main__":
    main()
