# SPDX-License-Identifier: BSD-3-Clause
"""Frames as bytes, built by struct: right in everything that is not said to be wrong.

scapy would take a minute for what the differential test sends.
"""

import ipaddress
import struct

ETH_IP, ETH_ARP, ETH_IP6, ETH_VLAN, ETH_QINQ = 0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8
ICMP, IGMP, TCP, UDP, GRE, ESP, ICMP6, UDPLITE = 1, 2, 6, 17, 47, 50, 58, 136
HOP_OPTIONS, ROUTING, FRAGMENT, NO_NEXT, DESTINATION_OPTIONS = 0, 43, 44, 59, 60
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
BROADCAST = "ff:ff:ff:ff:ff:ff"


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ip(text):
    return ipaddress.ip_address(text).packed


def link_local(hwaddr):
    """The EUI-64 link-local address of a MAC."""
    m = mac(hwaddr)
    eui = bytes([m[0] ^ 2]) + m[1:3] + b"\xff\xfe" + m[3:]
    return str(ipaddress.ip_address(b"\xfe\x80" + bytes(6) + eui))


def multicast_mac(address):
    """The MAC of a multicast or broadcast address."""
    raw = ip(address)
    if address == "255.255.255.255":
        return BROADCAST
    if len(raw) == 4:
        return (b"\x01\x00\x5e" + bytes([raw[1] & 0x7f]) + raw[2:]).hex(":")
    return (b"\x33\x33" + raw[12:]).hex(":")


def solicited_node(address):
    return str(ipaddress.ip_address(ip("ff02::1:ff00:0")[:13] + ip(address)[13:]))


def total(data, start=0):
    """The ones' complement sum, not inverted."""
    if len(data) % 2:
        data += b"\0"
    s = start + sum(struct.unpack(f"!{len(data) // 2}H", data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return s


def checksum(data, start=0):
    return total(data, start) ^ 0xffff


def pseudo(src, dst, protocol, length):
    return total(ip(src) + ip(dst) + struct.pack("!II", length, protocol))


def ethernet(src, dst, ethertype, payload, tags=()):
    """tags: (TPID, TCI) of each, outermost first."""
    head = mac(dst) + mac(src)
    for tag in tags:
        head += struct.pack("!HH", *tag)
    return head + struct.pack("!H", ethertype) + payload


def ip4(src, dst, protocol, payload, ident=0, **wrong):
    """An IPv4 packet. df, fragment (offset in bytes, more), options, ttl; and what may be wrong:
    version, ihl (as written), length (as written), csum (xor)."""
    options = wrong.get("options", b"")
    offset, more = wrong.get("fragment", (0, False))
    head = bytearray(struct.pack(
        "!BBHHHBBH4s4s", (wrong.get("version", 4) << 4) | wrong.get("ihl", 5 + len(options) // 4), 0,
        wrong.get("length", 20 + len(options) + len(payload)), ident,
        (0x4000 if wrong.get("df") else 0) | (0x2000 if more else 0) | offset // 8,
        wrong.get("ttl", 64), protocol, 0, ip(src), ip(dst))) + options
    struct.pack_into("!H", head, 10, checksum(bytes(head)) ^ wrong.get("csum", 0))
    return bytes(head) + payload


def ip6(src, dst, protocol, payload, label=0, **wrong):
    """An IPv6 packet; `protocol` is the next header. What may be wrong: version, length."""
    return struct.pack("!IHBB", (wrong.get("version", 6) << 28) | label,
                       wrong.get("length", len(payload)), protocol, wrong.get("ttl", 64)) \
        + ip(src) + ip(dst) + payload


def extension(protocol, body=b"\x01\x04\0\0\0\0"):
    """An extension header that says what comes next."""
    assert (len(body) + 2) % 8 == 0
    return bytes([protocol, (len(body) + 2) // 8 - 1]) + body


def fragment_header(protocol, offset, more, ident):
    return struct.pack("!BBHI", protocol, 0, offset | (1 if more else 0), ident)


def udp(src, dst, ports, data=b"", **wrong):
    """A datagram. What may be wrong: csum ("zero", or xor), length (as written)."""
    head = struct.pack("!HHH", *ports, wrong.get("length", 8 + len(data)))
    protocol = wrong.get("protocol", UDP)
    csum = checksum(head + b"\0\0" + data, pseudo(src, dst, protocol, 8 + len(data))) or 0xffff
    how = wrong.get("csum", 0)
    return head + struct.pack("!H", 0 if how == "zero" else csum ^ how) + data


def tcp(src, dst, ports, seq, ack, flags, data=b"", window=65535, options=b"", **wrong):
    """A segment. What may be wrong: csum (xor), offset (words, as written)."""
    assert len(options) % 4 == 0
    offset = wrong.get("offset", 5 + len(options) // 4)
    head = bytearray(struct.pack("!HHIIBBHHH", *ports, seq & 0xffffffff, ack & 0xffffffff,
                                 offset << 4, flags, window, 0, 0)) + options
    length = len(head) + len(data)
    csum = checksum(bytes(head) + data, pseudo(src, dst, TCP, length))
    struct.pack_into("!H", head, 16, csum ^ wrong.get("csum", 0))
    return bytes(head) + data


def icmp(kind, code, rest=0, data=b"", **wrong):
    head = struct.pack("!BBHI", kind, code, 0, rest)
    csum = checksum(head + data) ^ wrong.get("csum", 0)
    return struct.pack("!BBHI", kind, code, csum, rest) + data


def icmp6(src, dst, kind, code=0, rest=0, data=b"", **wrong):
    head = struct.pack("!BBHI", kind, code, 0, rest)
    csum = checksum(head + data, pseudo(src, dst, ICMP6, len(head) + len(data)))
    return struct.pack("!BBHI", kind, code, csum ^ wrong.get("csum", 0), rest) + data


def arp(op, sha, spa, target_mac, tpa, **wrong):
    """What may be wrong: htype, ptype, hlen, plen, cut (bytes at the end)."""
    body = struct.pack("!HHBBH", wrong.get("htype", 1), wrong.get("ptype", ETH_IP),
                       wrong.get("hlen", 6), wrong.get("plen", 4), op) \
        + mac(sha) + ip(spa) + mac(target_mac) + ip(tpa)
    return body[:len(body) - wrong.get("cut", 0)]


def identity(frame):
    """What is the same of a frame before and after a switch: without tags, and without what follows
    the IP packet, since switches may take both off."""
    at = 12
    while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    frame = frame[:12] + frame[at:]
    ethertype = frame[12:14]
    if ethertype == b"\x08\x00" and len(frame) >= 18:
        return frame[:14 + max(20, struct.unpack_from("!H", frame, 16)[0])]
    if ethertype == b"\x86\xdd" and len(frame) >= 54:
        return frame[:54 + struct.unpack_from("!H", frame, 18)[0]]
    if ethertype == b"\x08\x06":
        return frame[:42]
    return frame


def fragment_of(frame):
    """(datagram's key, offset, more, payload) of an IP fragment, None of anything else."""
    if frame[12:14] == b"\x08\x00" and len(frame) >= 34:
        ihl, = struct.unpack_from("!B", frame, 14)
        length, ident, offset = struct.unpack_from("!HHH", frame, 16)
        if not offset & 0x3fff:
            return None
        head = (ihl & 15) * 4
        return ((frame[:12], frame[26:34], frame[23], ident), (offset & 0x1fff) * 8,
                bool(offset & 0x2000), frame[14 + head:14 + length])
    if frame[12:14] == b"\x86\xdd" and len(frame) >= 62 and frame[20] == FRAGMENT:
        length, = struct.unpack_from("!H", frame, 18)
        offset, ident = struct.unpack_from("!HI", frame, 56)
        return ((frame[:12], frame[22:54], frame[54], ident), offset & 0xfff8, bool(offset & 1),
                frame[62:54 + length])
    return None
