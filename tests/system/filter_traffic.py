# SPDX-License-Identifier: BSD-3-Clause
"""Traffic for the differential test of the filters, the same for the same seed.

A flow is a generator of steps: what one or both of its sides send before they look for an answer. Many
flows go on at a time; a round is one step of each of them. A flow never looks at what became of its
packets: sides that answer what did not come are a part of the test.
"""

import random
import struct

import filter_packets as fp
from filter_packets import ACK, FIN, PSH, RST, SYN, URG
from filter_scenario import GUESTS, HOSTS, OUTSIDERS
from filter_world import FABRIC, Packet

FLOWS_AT_ONCE = 150
TCP_PORTS = (22, 80, 443, 999, 1000, 1500, 2000, 2001, 8080, 9000)
UDP_PORTS = (53, 67, 68, 4999, 5000, 5010, 5011, 7000, 7009, 7010)
# Ports at which something is let in, to which something is let out.
OPEN_PORTS = {"a": (22,), "b": (1000, 1500, 2000, 8080), "c": (80,), FABRIC: (80, 443, 9000)}
BUSY = {"a": 6, "b": 2, "c": 2, "d": 1, "m": 3}  # b has three hosts
GUEST_WEIGHTS = [BUSY[host.end] for host in GUESTS]
MASK = 0xffffffff


class Traffic:
    """Makes packets, each unlike any other: its number is in the IP header and, where there is room,
    in the payload."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.serial = 0
        self.next_port = 20000

    def chance(self, probability):
        return self.rng.random() < probability

    def port(self):
        self.next_port += 1
        return self.next_port

    def data(self, low=0, high=200):
        return b"weft" + struct.pack("!I", self.serial) + self.rng.randbytes(self.rng.randint(low, high))

    def number_mac(self):
        """A MAC that is nobody's: for ARP, which has no other room for a number."""
        self.serial += 1
        return (b"\x02\0" + struct.pack("!I", self.serial)).hex(":")

    def pair(self):
        """Two hosts behind different ends, at least one of them an instance."""
        while True:
            one, = self.rng.choices(GUESTS, GUEST_WEIGHTS)
            other = self.rng.choice(GUESTS + 2 * OUTSIDERS)
            if one.end != other.end:
                return (one, other) if self.chance(0.5) else (other, one)

    def family(self):
        return 6 if self.chance(0.3) else 4

    def wrap(self, family, src, dst, protocol, payload, **wrong):
        """An IP packet between two addresses."""
        self.serial += 1
        if family == 4:
            return fp.ip4(src, dst, protocol, payload, self.serial & 0xffff, **wrong)
        return fp.ip6(src, dst, protocol, payload, self.serial & 0xfffff, **wrong)

    def packet(self, host, to, family, protocol, payload, note, deviation=None, **how):
        """A packet from one host to another. `how`: source (another address), tags, and what ip4() or
        ip6() take."""
        tags = how.pop("tags", ())
        l3 = self.wrap(family, how.pop("source", host.address(family)), to.address(family), protocol,
                       payload, **how)
        return self.frame(host.end, host.mac, to.mac, l3, note, deviation, tags)

    @staticmethod
    def frame(end, src, dst, l3, note, deviation=None, tags=()):
        ethertype = fp.ETH_IP if l3[0] >> 4 == 4 else fp.ETH_IP6
        return Packet(end, [fp.ethernet(src, dst, ethertype, l3, tags)], note, deviation)


def _l3(packet):
    return packet.frames[0][14:]


# ---- ICMP errors -------------------------------------------------------------------------------

def icmp_error(t, packet, family, sender, to):
    """An ICMP error of `sender` about a packet that `to` has sent, or something like it."""
    rng = t.rng
    how = rng.choices(("right", "short", "altered", "csum", "other host", "no error"),
                      (60, 8, 10, 8, 10, 4))[0]
    quote = bytearray(_l3(packet)[:rng.choice((28, 40, 60, 128))] if family == 4
                      else _l3(packet)[:rng.choice((48, 60, 100, 300))])
    head = 20 if family == 4 else 40
    if how == "short":
        del quote[rng.choice((0, 10, head, head + 4)):]
    if how == "altered" and len(quote) > head + 3:
        quote[rng.choice((head - 1, head, head + 3))] ^= 0x11
    wrong = {"csum": 0x0101 if how == "csum" else 0}
    if how == "other host":
        to = rng.choice([host for host in GUESTS if host.end != sender.end])
    if family == 4:
        kind, code = rng.choice(((3, 0), (3, 1), (3, 3), (3, 4), (4, 0), (5, 1), (11, 0), (12, 0)))
        kind = rng.choice((6, 14, 40)) if how == "no error" else kind
        body = fp.icmp(kind, code, rng.choice((0, 1400)), bytes(quote), **wrong)
    else:
        kind, code = rng.choice(((1, 0), (1, 4), (2, 0), (3, 0), (4, 1)))
        kind = rng.choice((150, 254)) if how == "no error" else kind
        body = fp.icmp6(sender.address(6), to.address(6), kind, code, 1400, bytes(quote), **wrong)
    note = f"ICMP error {kind}/{code}, {how}, about: {packet.note}"
    return t.packet(sender, to, family, fp.ICMP if family == 4 else fp.ICMP6, body, note)


def _maybe_error(t, packet, family, receiver, sender, chance=0.08):
    """Now and then a step with an ICMP error about the packet, from its receiver or a router."""
    if not t.chance(chance):
        return
    by = receiver
    if t.chance(0.3) and sender.end != FABRIC:
        by = HOSTS["router"]
    yield [icmp_error(t, packet, family, by, sender)]


# ---- TCP ---------------------------------------------------------------------------------------

class TcpSide:
    """What one side of a connection knows."""

    def __init__(self, t, host, port):
        self.host = host
        self.port = port
        self.seq = t.rng.choice((t.rng.getrandbits(32), MASK - 50))
        self.peer = None
        self.ack = 0  # what it has got of the other side
        self.scale = t.rng.choice((None, 0, 2, 7))
        self.window = t.rng.choice((512, 8192, 65535))
        self.quirks = t.chance(0.4)

    def limit(self):
        """Behind the last byte the other side lets it send."""
        both = self.scale is not None and self.peer.scale is not None
        return self.ack_of_peer() + (self.peer.window << (self.peer.scale if both else 0))

    def ack_of_peer(self):
        return self.peer.ack


class TcpFlow:
    """A connection, from any beginning to any end."""

    def __init__(self, t, client, server, family):
        self.t = t
        self.family = family
        wanted = OPEN_PORTS.get(server.end, TCP_PORTS) if t.chance(0.6) else TCP_PORTS
        sport, dport = t.port(), t.rng.choice(wanted)
        self.client, self.server = TcpSide(t, client, sport), TcpSide(t, server, dport)
        self.client.peer, self.server.peer = self.server, self.client
        self.last = None
        self.reset = False  # one of them may have ended it: no SYN then, see syn_after_reset_flow()

    def segment(self, side, flags, data=b"", note="", **how):
        """What a side sends next; with seq= or still=True, its numbers stay as they are."""
        t, peer = self.t, side.peer
        self.reset |= bool(flags & RST)
        seq = how.pop("seq", None)
        still = how.pop("still", seq is not None)
        seq = side.seq if seq is None else seq
        ack = how.pop("ack", side.ack) if flags & ACK else 0
        cut = how.pop("cut", 0)
        window = how.pop("window", side.window)
        src, dst = side.host.address(self.family), peer.host.address(self.family)
        body = fp.tcp(src, dst, (side.port, peer.port), seq, ack, flags, data, window, **how)
        text = "".join(letter for bit, letter in zip((SYN, FIN, RST, PSH, ACK, URG), "SFRPAU")
                       if flags & bit) or "none"
        arrow = f"{side.host.name}:{side.port} > {peer.host.name}:{peer.port}"
        packet = t.packet(side.host, peer.host, self.family, fp.TCP, body[:len(body) - cut] if cut else
                          body, f"tcp{self.family} {arrow} {text} seq {seq:#x} ack {ack:#x} "
                          f"len {len(data)} win {window}{' ' + note if note else ''}")
        if not still:
            side.seq = (seq + len(data) + bool(flags & SYN) + bool(flags & FIN)) & MASK
        self.last = (packet, side)
        return packet

    def syn(self, side, flags=SYN, **how):
        options = b"\x02\x04\x05\xb4"
        if side.scale is not None:
            options += struct.pack("!BBBB", 1, 3, 3, side.scale)
        if self.t.chance(0.5):
            options += b"\x01\x01\x04\x02"
        return self.segment(side, flags, options=options, **how)

    @staticmethod
    def got(side):
        """A side has received all that the other has sent."""
        side.ack = side.peer.seq

    def steps(self):
        start = self.t.rng.choices(
            (self._handshake, self._pick_up, self._stray, self._both_open), (72, 12, 12, 4))[0]
        yield from start()
        yield from self._talk()
        yield from self._close()
        yield from self._after()

    def _handshake(self):
        c, s = self.client, self.server
        yield [self.syn(c)]
        if self.t.chance(0.1):
            yield [self.syn(c, seq=(c.seq - 1) & MASK, note="again")]
        yield from self._error()
        self.got(s)
        if self.t.chance(0.06):  # nobody listens
            yield [self.segment(s, RST | ACK)]
        yield [self.syn(s, SYN | ACK)]
        self.got(c)
        if self.t.chance(0.08):
            yield [self.syn(s, SYN | ACK, seq=(s.seq - 1) & MASK, note="again")]
        yield [self.segment(c, ACK)]

    def _pick_up(self):
        """Begins in the middle."""
        side = self.t.rng.choice((self.client, self.server))
        side.ack = self.t.rng.getrandbits(32)
        side.peer.seq = side.ack
        yield [self.segment(side, ACK | self.t.rng.choice((0, PSH)), self.t.data())]
        self.got(side.peer)
        yield [self.segment(side.peer, ACK, note="answer to a pick-up")]

    def _stray(self):
        """Begins with what begins nothing."""
        side = self.t.rng.choice((self.client, self.server))
        flags = self.t.rng.choice((SYN | ACK, FIN, FIN | ACK, RST, RST | ACK, 0, FIN | PSH | URG,
                                   SYN | FIN, SYN | RST, SYN | PSH, PSH, URG | ACK, SYN | URG,
                                   FIN | RST, ACK | SYN | FIN))
        yield [self.segment(side, flags, note="stray")]
        if self.t.chance(0.5):
            yield from self._handshake()

    def _both_open(self):
        c, s = self.client, self.server
        yield [self.syn(c, note="both open")]
        yield [self.syn(s, note="both open")]
        self.got(s)
        self.got(c)
        yield [self.syn(c, SYN | ACK, seq=(c.seq - 1) & MASK), self.syn(s, SYN | ACK, seq=(s.seq - 1) & MASK)]
        yield [self.segment(c, ACK)]

    def _talk(self):
        rng = self.t.rng
        for _ in range(rng.choice((0, 1, 2, 4, 6))):
            side = rng.choice((self.client, self.server))
            if rng.random() < 0.25:
                yield from self._noise(side)
            before = side.seq
            data = self.t.data(0, rng.choice((20, 400, 1300)))
            step = [self.segment(side, ACK | PSH, data)]
            if rng.random() < 0.2:
                step.append(self.segment(side, ACK, self.t.data()))
            yield step
            yield from self._error()
            if rng.random() < 0.15:
                yield [self.segment(side, ACK | PSH, data, seq=before, note="retransmission")]
            if rng.random() < 0.8:
                self.got(side.peer)
                yield [self.segment(side.peer, ACK)]

    def _noise(self, side):
        """Something that may or may not belong to the connection."""
        rng = self.t.rng
        kinds = [self._far_seq, self._far_ack, self._edge, self._reset, self._flags, self._broken,
                 self._options, self._window]
        if not self.reset:
            kinds.append(self._syn_again)
        yield [rng.choice(kinds)(side)]

    def _far_seq(self, side):
        seq = side.seq + self.t.rng.choice((-1, 1)) * self.t.rng.choice((1 << 30, 10 << 20, 2 << 20))
        return self.segment(side, ACK, self.t.data(), seq=seq & MASK, note="far seq")

    def _far_ack(self, side):
        ack = side.ack + self.t.rng.choice((1 << 30, 1 << 20, 100000, 1, -100000, -(1 << 30)))
        return self.segment(side, ACK, self.t.data(), still=True, ack=ack & MASK, note="far ack")

    def _edge(self, side):
        data = self.t.data()
        seq = side.limit() - len(data) + self.t.rng.choice((-1, 0, 1, len(data) - 1, len(data)))
        return self.segment(side, ACK, data, seq=seq & MASK, note="at the edge of the window")

    def _reset(self, side):
        seq = side.seq + self.t.rng.choice((0, 0, 1, -1, 100, -100, 1 << 28))
        flags = RST | self.t.rng.choice((0, ACK))
        return self.segment(side, flags, seq=seq & MASK, note="reset")

    def _flags(self, side):
        flags = self.t.rng.choice((0, FIN, PSH, URG, FIN | PSH | URG, SYN | FIN, SYN | RST, URG | ACK,
                                   URG | PSH | ACK, SYN | ACK | FIN, RST | FIN | ACK, 63))
        return self.segment(side, flags, still=True, note="odd flags")

    def _broken(self, side):
        wrong = self.t.rng.choice(({"csum": 0x5555}, {"offset": 4}, {"offset": 0}, {"offset": 15},
                                   {"cut": 2}, {"cut": 10}))
        cut = {"cut": wrong.get("cut", 0)}
        data = b"" if "cut" in wrong or wrong.get("offset") == 15 else self.t.data()
        return self.segment(side, ACK, data, still=True, note=f"broken: {wrong}", **{**wrong, **cut})

    def _syn_again(self, side):
        flags = self.t.rng.choice((SYN, SYN, SYN | ACK))
        seq = side.seq + self.t.rng.choice((0, -1, 5000, -5000, 1 << 29))
        return self.syn(side, flags, seq=seq & MASK, note="inside a connection")

    def _options(self, side):
        sack = struct.pack("!BBBBII", 1, 1, 5, 10, (side.ack + 100) & MASK, (side.ack + 200) & MASK)
        stamp = struct.pack("!BBBBII", 1, 1, 8, 10, self.t.serial, 7)
        bad = b"\x05\x00\x00\x00"
        options = self.t.rng.choice((sack, stamp, stamp + sack, bad, b"\x03\x01\x01\x00"))
        return self.segment(side, ACK, still=True, options=options, note=f"options {options.hex()}")

    def _window(self, side):
        side.window = self.t.rng.choice((0, 1, 100, 65535))
        return self.segment(side, ACK, note="window")

    def _error(self):
        packet, side = self.last
        yield from _maybe_error(self.t, packet, self.family, side.peer.host, side.host)

    def _close(self):
        rng = self.t.rng
        first = rng.choice((self.client, self.server))
        how = rng.choices(("fin", "half", "reset", "open", "both"), (50, 10, 20, 12, 8))[0]
        if how == "reset":
            yield [self.segment(first, RST | rng.choice((0, ACK)))]
        if how in ("open", "reset"):
            return
        yield [self.segment(first, FIN | ACK)]
        if how == "both":
            yield [self.segment(first.peer, FIN | ACK)]
        self.got(first.peer)
        yield [self.segment(first.peer, ACK)]
        if how == "half":
            yield [self.segment(first.peer, PSH | ACK, self.t.data(), note="half closed")]
            self.got(first)
            yield [self.segment(first, ACK)]
            return
        if how == "fin":
            yield [self.segment(first.peer, FIN | ACK)]
        self.got(first)
        yield [self.segment(first, ACK)]

    def _after(self):
        """When the connection is over, or is said to be."""
        rng = self.t.rng
        for _ in range(rng.choice((0, 0, 1, 2))):
            side = rng.choice((self.client, self.server))
            what = rng.choice((ACK, ACK | PSH, FIN | ACK, RST, SYN | ACK))
            yield [self.segment(side, what, still=True, note="after the end")]
        if rng.random() < 0.3 and not self.reset:
            self.client.seq = (self.client.seq + rng.choice((100000, 1 << 30, -5000, 1))) & MASK
            self.server.seq = rng.getrandbits(32)
            yield from self._handshake()
            yield from self._talk()


def tcp_flow(t):
    client, server = t.pair()
    yield from TcpFlow(t, client, server, t.family()).steps()


def syn_after_reset_flow(t):
    """A reset, and a SYN of the side that had not opened: for weft the old connection is over then."""
    flow = TcpFlow(t, HOSTS["b"], HOSTS["stranger"], t.family())
    client, server = flow.client, flow.server
    server.port = 80
    yield [flow.syn(client)]
    flow.got(server)
    yield [flow.syn(server, SYN | ACK)]
    flow.got(client)
    yield [flow.segment(client, ACK)]
    yield [flow.segment(server, RST | ACK)]
    yield [flow.syn(server, seq=server.seq + 1000)]
    packet = flow.segment(server, ACK, note="after the SYN of a server")
    packet.deviation = "4.4 SYN after a reset"
    yield [packet]


# ---- UDP, ICMP and others ----------------------------------------------------------------------

def udp_flow(t):
    rng, family = t.rng, t.family()
    client, server = t.pair()
    ports = t.port(), rng.choice(UDP_PORTS)
    for _ in range(rng.randint(1, 5)):
        back = rng.random() < 0.45
        src, dst = (server, client) if back else (client, server)
        wrong = rng.choices(({}, {"csum": "zero"}, {"csum": 0x1234}, {"length": 7}, {"length": 3000}),
                            (80, 8 if family == 4 else 0, 5, 2, 2))[0]
        body = fp.udp(src.address(family), dst.address(family), ports[::-1] if back else ports,
                      t.data(), **wrong)
        if rng.random() < 0.02:
            body, wrong = body[:6], {"cut": 6}
        note = f"udp{family} {src.name} > {dst.name} {'reply ' if back else ''}{ports} {wrong or ''}"
        packet = t.packet(src, dst, family, fp.UDP, body, note)
        yield [packet]
        yield from _maybe_error(t, packet, family, dst, src, 0.2)


def echo_flow(t):
    rng, family = t.rng, t.family()
    client, server = t.pair()
    ident = t.port()
    kinds = ((8, 0), (13, 14), (15, 16), (17, 18)) if family == 4 else ((128, 129),)
    request, reply = rng.choices(kinds, (85, 5, 5, 5))[0] if family == 4 else kinds[0]
    for i in range(rng.randint(1, 5)):
        back = rng.random() < 0.4
        src, dst = (server, client) if back else (client, server)
        kind = reply if back else request
        rest = (ident << 16) | i
        wrong = {"csum": 0x0100} if rng.random() < 0.05 else {}
        code = 1 if rng.random() < 0.05 else 0
        if family == 4:
            body = fp.icmp(kind, code, rest, t.data(56), **wrong)
        else:
            body = fp.icmp6(src.ip6, dst.ip6, kind, code, rest, t.data(56), **wrong)
        note = f"icmp{family} {kind}/{code} {src.name} > {dst.name} id {ident} {wrong or ''}"
        packet = t.packet(src, dst, family, fp.ICMP if family == 4 else fp.ICMP6, body, note)
        yield [packet]
        yield from _maybe_error(t, packet, family, dst, src)


def icmp_stray(t):
    """ICMP of any type that belongs to nothing."""
    src, dst = t.pair()
    family = t.family()
    kind = t.rng.randrange(256) if t.chance(0.3) else t.rng.choice(
        (0, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 17, 18, 30, 40) if family == 4
        else (1, 2, 3, 4, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 143, 144, 160))
    if family == 4:
        body = fp.icmp(kind, 0, t.rng.getrandbits(32), t.data())
    else:
        body = fp.icmp6(src.ip6, dst.ip6, kind, 0, t.rng.getrandbits(32), t.data())
    # A match on the type is another thing for each version of iptables when there is no whole header.
    cut = t.rng.choice((0, 0, 0, 3)) if family == 4 and "b" not in (src.end, dst.end) else 0
    body = body[:cut] if cut else body
    yield [t.packet(src, dst, family, fp.ICMP if family == 4 else fp.ICMP6, body,
                    f"icmp{family} type {kind} alone {src.name} > {dst.name} {'cut' if cut else ''}")]


def other_flow(t):
    """Protocols without ports."""
    client, server = t.pair()
    family = t.family()
    protocol = t.rng.choice((fp.ESP, 89, 99, 4, 41, 253))
    for _ in range(t.rng.randint(1, 4)):
        src, dst = (server, client) if t.chance(0.5) else (client, server)
        packet = t.packet(src, dst, family, protocol, t.data(),
                          f"protocol {protocol} family {family} {src.name} > {dst.name}")
        yield [packet]
        yield from _maybe_error(t, packet, family, dst, src)


def unassigned_error_flow(t):
    """ICMPv6 types below 128 are errors, but few of them have a meaning."""
    client, server = HOSTS["b"], HOSTS["stranger"]
    body = fp.udp(client.ip6, server.ip6, (t.port(), 53), t.data())
    request = t.packet(client, server, 6, fp.UDP, body, "udp6 b > stranger 53")
    yield [request]
    kind = t.rng.choice((5, 100, 127))
    body = fp.icmp6(server.ip6, client.ip6, kind, 0, 0, _l3(request))
    yield [t.packet(server, client, 6, fp.ICMP6, body, f"ICMPv6 error of type {kind}",
                    "2.4 ICMPv6 error types")]


KINDS = {tcp_flow: 90, udp_flow: 50, echo_flow: 30, icmp_stray: 15, other_flow: 12,
         syn_after_reset_flow: 2, unassigned_error_flow: 2}


# ---- the mix -----------------------------------------------------------------------------------

def rounds_of(t, flows, n_packets):
    """Rounds of packets of endless `flows`, until there are enough; then those under way end."""
    active, count = [], 0
    while active or count < n_packets:
        while len(active) < FLOWS_AT_ONCE and count < n_packets:
            active.append(next(flows))
        now, going = [], []
        for flow in active:
            step = next(flow, None)
            if step is not None:
                now += step
                going.append(flow)
        active = going
        count += len(now)
        if now:
            yield now


def mix(t, kinds):
    """Endless flows; kinds: {flow: weight}."""
    names, weights = list(kinds), list(kinds.values())
    while True:
        yield t.rng.choices(names, weights)[0](t)
