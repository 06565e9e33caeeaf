# SPDX-License-Identifier: BSD-3-Clause
"""The filters of instance ports against the Linux kernel's, set up as OpenStack's linuxbridge agent
sets them up: the same packets through both, the same verdict for each, but for what weft does
otherwise on purpose (filter_scenario.DEVIATIONS)."""

from collections import Counter

import filter_packets as fp
import filter_singles
import filter_traffic as ft
from filter_oracle import LinuxWorld
from filter_packets import ACK, FIN, PSH, RST, SYN, URG
from filter_scenario import DEVIATIONS, DOCUMENT, HOSTS, PLACES
from filter_world import FABRIC, Packet, WeftWorld

SEED = 20221024
PACKETS = 30000
KINDS = {**ft.KINDS, **filter_singles.KINDS}


class Script:
    """Packets written by hand, each with the ends where it must come out."""

    def __init__(self):
        self.t = ft.Traffic(1)
        self.steps = []

    def expect(self, where, packet):
        self.steps.append((packet, frozenset(where.split())))

    def tcp(self, where, src, dst, sport, dport, flags, seq=1000, ack=5000, **how):
        a, b = HOSTS[src], HOSTS[dst]
        body = fp.tcp(a.ip4, b.ip4, (sport, dport), seq, ack if flags & ACK else 0, flags,
                      how.pop("data", b""), csum=how.pop("csum", 0))
        self.expect(where, self.t.packet(a, b, 4, fp.TCP, body, f"TCP {flags} {src}:{sport} > "
                                         f"{dst}:{dport}", **how))

    def udp(self, where, src, dst, sport, dport, family=4, csum=0, **how):
        a, b = HOSTS[src], HOSTS[dst]
        source = how.get("source", a.address(family))
        body = fp.udp(source, b.address(family), (sport, dport), self.t.data(), csum=csum)
        packet = self.t.packet(a, b, family, fp.UDP, body, f"UDP {src}:{sport} > {dst}:{dport}", **how)
        self.expect(where, packet)
        return packet

    def icmp(self, where, src, dst, kind, code=0, rest=0x10001, data=b"weft"):
        a, b = HOSTS[src], HOSTS[dst]
        self.expect(where, self.t.packet(a, b, 4, fp.ICMP, fp.icmp(kind, code, rest, data),
                                         f"ICMP {kind}/{code} {src} > {dst}"))

    def arp(self, where, src, spa, op=1, mac=None):
        host = HOSTS[src]
        mac = mac or host.mac
        frame = fp.ethernet(mac, fp.BROADCAST, fp.ETH_ARP,
                            fp.arp(op, mac, spa, self.t.number_mac(), "172.16.1.1"))
        self.expect(where, Packet(host.end, [frame], f"ARP {op} of {src}, {mac} {spa}"))

    def to(self, where, src, dst_mac, source, destination, ports):
        """UDP to an address that nobody has."""
        host = HOSTS[src]
        l3 = self.t.wrap(6 if ":" in source else 4, source, destination, fp.UDP,
                         fp.udp(source, destination, ports, self.t.data()))
        self.expect(where, self.t.frame(host.end, host.mac, dst_mac, l3,
                                        f"UDP {src} {source} > {destination} {ports}"))

    def icmp6(self, where, src, source, destination, kind):
        host = HOSTS[src]
        l3 = self.t.wrap(6, source, destination, fp.ICMP6,
                         fp.icmp6(source, destination, kind, 0, 0, self.t.data(20, 20)))
        self.expect(where, self.t.frame(host.end, host.mac, fp.multicast_mac(destination), l3,
                                        f"ICMPv6 {kind} {src} {source} > {destination}"))

    def datagram(self, where, src, dst, dport, how):
        a, b = HOSTS[src], HOSTS[dst]
        body = fp.udp(a.ip4, b.ip4, (self.t.port(), dport), self.t.rng.randbytes(3000))
        self.expect(where, filter_singles.datagram(self.t, a, b, 4, fp.UDP, body, how, dport))


def everybody_but(end):
    return " ".join(name for name in (*DOCUMENT["ports"], FABRIC) if name != end)


def anti_spoofing(s):
    s.udp("", "a", "stranger", 1, 443, source="172.16.1.34")
    s.to("fabric", "a", fp.BROADCAST, "0.0.0.0", "255.255.255.255", (68, 67))
    s.expect("", s.t.frame("a", HOSTS["b"].mac, HOSTS["stranger"].mac, s.t.wrap(
        4, "172.16.1.33", "172.16.1.70", fp.ESP, b"with the MAC of b"), "another's MAC"))
    s.arp("", "a", "172.16.1.1")
    s.arp("", "a", "172.16.1.1", op=2)
    s.arp("", "a", "172.16.1.33", mac="fa:16:3e:74:ad:39")
    s.arp(everybody_but("a"), "a", "172.16.1.33")
    s.udp("fabric", "alias", "stranger", 1, 53)
    s.arp(everybody_but("b"), "alias", "172.16.1.200")
    s.udp("fabric", "vip", "stranger", 1, 53)
    s.udp("", "b", "stranger", 1, 53, source="10.9.0.5")  # with b's own MAC
    s.arp(everybody_but("m"), "m", "172.16.1.1")  # a pair 0.0.0.0/0
    s.udp("", "a", "stranger", 67, 68)
    s.udp("fabric", "a", "dhcp", 68, 67)
    s.udp("fabric", "a", "stranger", 1, 443, family=6)
    s.udp("", "a", "stranger", 1, 443, family=6, source="2001:db8:1::34")
    s.udp("fabric", "a", "stranger", 1, 443, family=6, source=fp.link_local(HOSTS["a"].mac))
    s.udp("", "a", "stranger", 547, 546, family=6)
    s.icmp6("", "a", fp.link_local(HOSTS["a"].mac), "ff02::1", 134)
    s.icmp6(everybody_but("a"), "a", "::", "ff02::1:ff00:33", 135)
    s.icmp6("", "a", "::", "ff02::1", 136)


def foreign_dhcp_server(s):
    s.to("a b c d e m", "dhcp", fp.BROADCAST, "172.16.1.10", "255.255.255.255", (67, 68))
    s.udp("a", "dhcp", "a", 67, 68)
    s.udp("d", "dhcp", "d", 67, 68)
    s.to("", "dhcp", HOSTS["a"].mac, "172.16.1.10", "172.16.1.222", (67, 68))
    s.udp("", "a", "stranger", 1, 443, source="172.16.1.222")


def security_groups(s):
    s.tcp("a", "stranger", "a", 1, 22, SYN)
    s.tcp("", "stranger", "a", 1, 80, SYN)
    s.tcp("a", "member", "a", 1, 80, SYN)
    s.icmp("a", "stranger", "a", 8)
    s.udp("", "d", "stranger", 1, 53)
    s.icmp("", "stranger", "d", 8)
    for port, where in ((999, ""), (1000, "b"), (2000, "b"), (2001, "")):
        s.tcp(where, "ten", "b", 2, port, SYN)
    s.tcp("", "stranger", "b", 2, 1000, SYN)
    s.icmp("fabric", "b", "stranger", 8, 0)
    s.icmp("", "b", "stranger", 8, 1)
    s.icmp("b", "a", "b", 8)
    s.icmp("", "ten", "b", 8)
    s.tcp("fabric", "c", "stranger", 3, 80, SYN)  # stateless: no reply without a rule
    s.tcp("", "stranger", "c", 80, 3, SYN | ACK)
    s.datagram("b", "stranger", "b", 7000, "reversed")
    s.datagram("", "stranger", "b", 6999, "in order")
    s.datagram("", "stranger", "b", 7000, "no first")


def connections(s):
    s.tcp("fabric", "a", "stranger", 4, 8080, SYN)
    s.tcp("a", "stranger", "a", 8080, 4, SYN | ACK, seq=9000, ack=1001)
    s.tcp("fabric", "a", "stranger", 4, 8080, ACK, seq=1001, ack=9001)
    s.tcp("a", "stranger", "a", 8080, 4, ACK | PSH, seq=9001, ack=1001, data=b"hello")
    s.tcp("", "stranger", "a", 8080, 4, ACK | PSH, seq=9001 + (1 << 30), ack=1001, data=b"out of window")
    s.tcp("", "stranger", "a", 8080, 4, ACK | PSH, seq=9006, ack=1001, data=b"wrong sum", csum=1)
    s.udp("b", "stranger", "b", 5, 7000)
    s.udp("fabric", "b", "stranger", 7000, 5)
    s.udp("", "b", "stranger", 7000, 5, csum=1)
    s.udp("", "b", "stranger", 7000, 6)
    s.icmp("a", "stranger", "a", 0, rest=7)  # INVALID, but behind the rule that accepts ICMP
    s.icmp("", "stranger", "b", 0, rest=7)
    s.tcp("", "stranger", "b", 8, 1001, SYN)
    s.tcp("", "b", "stranger", 1001, 8, SYN | ACK)  # what was dropped left nothing
    request = s.udp("fabric", "b", "ten", 9, 5001)
    s.icmp("b", "ten", "b", 3, 3, rest=0, data=request.frames[0][14:14 + 28])
    other = s.udp("", "b", "ten", 9, 4999)
    s.icmp("", "ten", "b", 3, 3, rest=0, data=other.frames[0][14:14 + 28])


def first_packets(s):
    """Which first packet makes a session: the answer passes for nothing else."""
    makes = {SYN: True, ACK: True, PSH | ACK: True, SYN | ACK: False, FIN: False, FIN | ACK: False,
             RST: False, RST | ACK: False, 0: False, FIN | PSH | URG: False, SYN | FIN: False,
             SYN | RST: False}
    for i, (flags, made) in enumerate(makes.items()):
        s.tcp("b", "ten", "b", 100 + i, 1000, flags, seq=5000, ack=7000)
        answer = SYN | ACK if flags == SYN else ACK
        s.tcp("fabric" if made else "", "b", "ten", 1000, 100 + i, answer, seq=7000, ack=5001)
    s.tcp("b", "ten", "b", 200, 1000, SYN, csum=1)
    s.tcp("", "b", "ten", 1000, 200, SYN | ACK, ack=1001)
    s.expect("b", s.t.packet(HOSTS["ten"], HOSTS["b"], 4, fp.ESP, b"x" * 30, "ESP"))
    s.expect("fabric", s.t.packet(HOSTS["b"], HOSTS["ten"], 4, fp.ESP, b"y" * 30, "ESP reply"))


def check_by_hand(world):
    world.announce(PLACES)
    script = Script()
    for part in (anti_spoofing, foreign_dhcp_server, security_groups, connections, first_packets):
        part(script)
    verdicts = world.run([[packet] for packet, _ in script.steps])
    wrong = [f"{packet.note}: came out at {sorted(verdicts[i])}, not at {sorted(where)}"
             for i, (packet, where) in enumerate(script.steps) if verdicts[i] != where]
    assert not wrong, "\n".join(wrong)
    assert not verdicts.strange


def test_linux_by_hand(lab):
    """The oracle says what the specification of the filters says."""
    check_by_hand(LinuxWorld(lab, DOCUMENT))


def test_weft_by_hand(lab):
    check_by_hand(WeftWorld(lab, DOCUMENT))


def deviates(name, linux, weft):
    """Whether two verdicts differ in just the way of a deviation."""
    passes = DEVIATIONS[name][1]
    return bool(weft) == passes and bool(linux) != passes


def test_differential(lab):
    traffic = ft.Traffic(SEED)
    rounds = list(ft.rounds_of(traffic, ft.mix(traffic, KINDS), PACKETS))
    packets = [packet for sent in rounds for packet in sent]
    verdicts = []
    for world in (LinuxWorld(lab, DOCUMENT), WeftWorld(lab, DOCUMENT)):
        world.announce(PLACES)
        verdicts.append(world.run(rounds))
        assert not verdicts[-1].strange, verdicts[-1].strange[0]
    wrong, deviations, passed = [], Counter(), 0
    for i, packet in enumerate(packets):
        linux, weft = verdicts[0][i], verdicts[1][i]
        passed += bool(linux)
        if packet.deviation and deviates(packet.deviation, linux, weft):
            deviations[packet.deviation] += 1
        elif packet.deviation or linux != weft:
            wrong.append(f"{i}: {packet.note}{' [' + packet.deviation + ']' if packet.deviation else ''}"
                         f": linux {sorted(linux)}, weft {sorted(weft)}")
    print(f"{len(packets)} packets, {passed} of them let through by Linux; deviations: "
          + ", ".join(f"{name} {n}" for name, n in sorted(deviations.items())))
    assert not wrong, f"{len(wrong)} verdicts differ:\n" + "\n".join(wrong[:50])
    assert set(deviations) == set(DEVIATIONS)
    assert len(packets) >= 10000 and len(packets) / 4 < passed < len(packets) * 3 / 4
