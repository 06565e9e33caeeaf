# SPDX-License-Identifier: BSD-3-Clause
"""What weft puts on the underlay wire and accepts from it, as the kernel at the other end sees it."""

import pytest
from scapy.all import ARP, Ether, ICMP, IP, Raw, UDP

from capture import Capture, Port
from topology import UNDERLAY, Pair

WEFT, LINUX = UNDERLAY + "1", UNDERLAY + "2"
ECT0, CE = 2, 3


def is_tunnel(packet):
    return IP in packet and UDP in packet and packet[UDP].dport == 8472


def outer(packet):
    """(IP, UDP, 8 bytes of VXLAN, inner frame) of a tunnel datagram; the inner frame from raw bytes."""
    payload = bytes(packet[UDP].payload)
    return packet[IP], packet[UDP], payload[:8], payload[8:]


def udp_checksum_right(packet):
    given = packet[UDP].chksum
    copy = IP(bytes(packet[IP]))
    del copy[UDP].chksum
    return IP(bytes(copy))[UDP].chksum == given


def unicasts(capture, n=1, tos=0):
    """The first n tunnel datagrams with an IP packet of that TOS inside."""
    begin = b"\x08\x00\x45" + bytes([tos])
    return capture.wait(lambda p: is_tunnel(p) and bytes(p[UDP].payload)[20:24] == begin,
                        "tunnel datagrams", n)


def vxlan(inner, vni=1, flags=0x08, last=0, **ip):
    """A tunnel datagram's IP packet, from LINUX to WEFT unless said."""
    header = bytes([flags, 0, 0, 0]) + vni.to_bytes(3, "big") + bytes([last])
    ip = {"src": LINUX, "dst": WEFT, **ip}
    return IP(**ip) / UDP(sport=40000, dport=8472) / Raw(header + bytes(inner))


@pytest.fixture
def wire(pair):
    """Sends frames to weft as a VTEP on the underlay."""
    assert pair.a.ping("10.0.0.2")
    port = Port(pair.vtep.ns)
    ether = Ether(src=pair.vtep.ns.mac(), dst=pair.weft.ns.mac(pair.uplink))
    pair.inject = lambda packet: port.send(ether / packet)
    return pair


def test_every_field(pair):
    sent = Capture(pair.a, outgoing=True)
    capture = Capture(pair.vtep.ns)
    assert pair.a.ping("10.0.0.2", count=5)
    frames = unicasts(capture, 5)
    inside = sent.matching(lambda p: ICMP in p and p[Ether].src == pair.a.hwaddr)
    for frame, original in zip(frames, inside):
        ip, udp, header, inner = outer(frame)
        assert frame[Ether].src == pair.weft.ns.mac(pair.uplink)
        assert frame[Ether].dst == pair.vtep.ns.mac()
        assert (ip.version, ip.ihl, ip.tos, ip.ttl, ip.proto) == (4, 5, 0, 64, 17)
        assert (ip.src, ip.dst) == (WEFT, LINUX)
        assert not ip.flags.DF and ip.frag == 0
        assert ip.len == len(inner) + 36 and udp.len == len(inner) + 16
        assert 32768 <= udp.sport <= 60999
        assert udp.chksum != 0 and udp_checksum_right(frame)
        assert header == bytes([8, 0, 0, 0, 0, 0, 1, 0])
        assert inner == bytes(original)
    assert len({frame[UDP].sport for frame in frames}) == 1, "one flow, one source port"
    assert len({frame[IP].id for frame in frames}) == 5, "identification never constant"


def test_flows_spread_over_source_ports(pair):
    assert pair.a.ping("10.0.0.2", count=1)
    capture = Capture(pair.vtep.ns)
    port = Port(pair.a)
    flows = range(1000, 1200)
    for sport in flows:
        port.send(Ether(src=pair.a.hwaddr, dst=pair.b.hwaddr)
                  / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=sport, dport=9) / b"x")
    frames = unicasts(capture, len(flows))
    assert len({frame[UDP].sport for frame in frames}) > 150


def test_udp_checksum_off(lab):
    pair = Pair(lab, {"udp-checksum": False})
    capture = Capture(pair.vtep.ns)
    assert pair.a.ping("10.0.0.2")
    assert {frame[UDP].chksum for frame in unicasts(capture, 3)} == {0}


def test_large_packets_keep_a_right_checksum(pair):
    """The outer checksum is derived from the inner one where there is one: TCP and UDP data."""
    assert pair.a.ping("10.0.0.2")
    capture = Capture(pair.vtep.ns)
    pair.lab.iperf(pair.a, pair.b, "-b", "5M")
    pair.lab.iperf(pair.a, pair.b, "-u", "-b", "5M", "-l", "1400")
    frames = [p for p in capture.matching(is_tunnel) if len(p) > 1000]
    assert len(frames) > 300
    assert all(udp_checksum_right(frame) for frame in frames)


@pytest.mark.parametrize("tos,outer_dscp", [(None, 0), ("inherit", 46), (0x28, 10)])
def test_dscp_and_ecn(lab, tos, outer_dscp):
    pair = Pair(lab, {"tos": tos})
    assert pair.a.ping("10.0.0.2")
    capture = Capture(pair.vtep.ns)
    for ecn in range(4):
        inner_tos = 46 << 2 | ecn
        assert pair.a.ping("10.0.0.2", "-Q", str(inner_tos), count=1)
        frame, = unicasts(capture, tos=inner_tos)
        assert frame[IP].tos >> 2 == outer_dscp
        assert frame[IP].tos & 3 == ecn


@pytest.mark.parametrize("ttl,df,expect", [(None, None, (64, False)), (9, "set", (9, True))])
def test_ttl_and_df(lab, ttl, df, expect):
    pair = Pair(lab, {"ttl": ttl, "df": df})
    capture = Capture(pair.vtep.ns)
    assert pair.a.ping("10.0.0.2")
    frame = unicasts(capture)[0]
    assert (frame[IP].ttl, bool(frame[IP].flags.DF)) == expect


def test_congestion_mark_reaches_the_instance(wire):
    """CE set by a router of the underlay must not be lost at decapsulation."""
    capture = Capture(wire.a)
    inner = Ether(src=wire.b.hwaddr, dst=wire.a.hwaddr) / IP(src="10.0.0.2", dst="10.0.0.1")
    inner[IP].tos = ECT0
    wire.inject(vxlan(inner / UDP(sport=7, dport=7) / b"marked", tos=CE))
    frame, = capture.wait(lambda p: UDP in p, "the marked packet")
    assert frame[IP].tos == CE
    checksum = frame[IP].chksum
    del frame[IP].chksum
    assert IP(bytes(frame[IP])).chksum == checksum

    inner[IP].tos = 0
    wire.inject(vxlan(inner / UDP(sport=7, dport=7), tos=CE))
    wire.weft.wait_drop("vxlan_ecn")


INNER = Ether(src="02:00:00:00:00:99", dst="ff:ff:ff:ff:ff:ff") / ARP(psrc="10.0.0.9",
                                                                    pdst="10.0.0.1")
BAD = {
    "vxlan_no_i": vxlan(INNER, flags=0),
    "vxlan_reserved": vxlan(INNER, last=1),
    "vxlan_unknown_vni": vxlan(INNER, vni=77),
    "vxlan_short": IP(src=LINUX, dst=WEFT) / UDP(sport=40000, dport=8472) / Raw(b"\x08" + bytes(7)),
    "vxlan_self": vxlan(INNER, src=WEFT),
    "vxlan_unknown_remote": vxlan(INNER, src=UNDERLAY + "250"),
    "vxlan_ip_options": vxlan(INNER, options=[b"\x01\x01\x01\x00"]),
    "vxlan_fragment": vxlan(INNER, frag=1),
}


@pytest.mark.parametrize("reason", BAD)
def test_refused_datagram(wire, reason):
    """A datagram that must not be believed reaches nobody, teaches nothing, has its own counter."""
    capture = Capture(wire.a)
    wire.inject(BAD[reason])
    wire.weft.wait_drop(reason)
    assert wire.a.ping("10.0.0.2"), "good traffic goes on"
    assert not capture.matching(lambda p: p.src == INNER.src)
    assert wire.weft.fdb("vxlan1", INNER.src) is None


def test_wrong_udp_checksum(wire):
    packet = vxlan(INNER)
    packet[UDP].chksum = 0x1234
    wire.inject(packet)
    wire.weft.wait_drop("vxlan_udp_csum")
    packet[UDP].chksum = 0
    wire.inject(packet)
    wire.weft.wait_fdb("vxlan1", INNER.src, f"remote {LINUX}")


def test_unknown_sender_is_believed_unless_strict(lab):
    """As the kernel does it: any VTEP on the underlay may join, if not told otherwise."""
    pair = Pair(lab, {"strict-remotes": False})
    assert pair.a.ping("10.0.0.2")
    Port(pair.vtep.ns).send(Ether(src=pair.vtep.ns.mac(), dst=pair.weft.ns.mac(pair.uplink))
                            / vxlan(INNER, src=UNDERLAY + "250"))
    pair.weft.wait_fdb("vxlan1", INNER.src, f"remote {UNDERLAY}250")
