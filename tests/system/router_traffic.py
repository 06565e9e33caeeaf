# SPDX-License-Identifier: BSD-3-Clause
"""Flows for the differential test of routers, the same for the same seed.

Each kind of flow is a generator function: it yields the shots of a step and gets what came out of
each, and writes its answers to what it got, as hosts do. Where nothing came it goes on or ends as its
own dice say, never as the other router's did.
"""

import random
import struct

import filter_packets as fp
import router_packets as rp
import router_scenario as rs
from filter_packets import ACK, FIN, PSH, RST, SYN
from router_scenario import FLOATING, GATEWAY, INSIDE, NEAR, NETS, OUTSIDE, PLAIN
from router_world import Flow, Shot

SHOTS_OF_A_FLOW = 24  # at most: each has an IP identification of its own
HEAD = 20
SERVER_PORTS = (513, 520, 543, 587)  # none that the kernel would choose for a client


class Traffic:
    """What makes the packets of one flow."""

    def __init__(self, seed, number):
        self.rng = random.Random(seed * 1000003 + number)
        self.number = number
        self.next_ident = number * SHOTS_OF_A_FLOW + 1
        self.last_ident = self.next_ident + SHOTS_OF_A_FLOW
        assert self.last_ident < 0x10000, "too many flows"

    def chance(self, probability):
        return self.rng.random() < probability

    def data(self, low=0, high=200):
        return self.rng.randbytes(self.rng.randint(low, high))

    def port(self):
        """A source port that no other flow has, of any class."""
        if self.number < 400 and self.chance(0.3):
            return 600 + self.number
        return 2000 + self.number

    def of(self, hosts):
        """One of the hosts, each in turn: the limits of ICMP errors are for each destination."""
        return hosts[(self.number * 7 + self.rng.randrange(2)) % len(hosts)]

    def inside(self, *but):
        """A host inside, with or without a floating IP, not on the networks `but`."""
        return self.of([host for host in (FLOATING if self.chance(0.35) else PLAIN)
                        if host.net not in but])

    def outside(self):
        return self.of(NEAR) if self.chance(0.3) else rs.far(self.number + 256)

    # ---- packets

    def ip(self, host, to, protocol, l4, **how):
        """An IP packet; to: an address."""
        assert self.next_ident < self.last_ident, "too many shots in a flow"
        ident, self.next_ident = self.next_ident, self.next_ident + 1
        how.setdefault("ttl", self.rng.choice((64, 64, 128, 255, 2, 3)))
        tos = how.pop("tos", self.rng.choice((0, 0, 0x10, 0xb8, 0x02)))
        how.setdefault("df", self.chance(0.3))
        source = how.pop("source", host.ip)
        return with_tos(fp.ip4(source, to, protocol, l4, ident, **how), tos)

    def shot(self, host, to, protocol, l4, note, **how):
        extra = {key: how.pop(key) for key in ("provokes", "answer", "patience") if key in how}
        return Shot(host, [self.ip(host, to, protocol, l4, **how)], note, **extra)

    def udp(self, host, to, ports, data=None, **how):
        wrong = {"csum": how.pop("csum", "zero" if self.chance(0.1) else 0)}
        source = how.get("source", host.ip)
        l4 = fp.udp(source, to, ports, self.data() if data is None else data, **wrong)
        note = how.pop("note", f"UDP {host.ip}:{ports[0]} > {to}:{ports[1]}")
        return self.shot(host, to, fp.UDP, l4, note, **how)

    def tcp(self, host, to, ports, seq, ack, flags, **how):
        options = how.pop("options", b"\x02\x04\x05\xb4" if flags & SYN else b"")
        l4 = fp.tcp(how.get("source", host.ip), to, ports, seq, ack, flags, how.pop("data", b""),
                    how.pop("window", 65535), options, csum=how.pop("csum", 0))
        return self.shot(host, to, fp.TCP, l4, f"TCP {flags} {host.ip}:{ports[0]} > {to}:{ports[1]}", **how)

    def icmp(self, host, to, kind, code=0, rest=0, data=None, **how):
        l4 = fp.icmp(kind, code, rest, self.data() if data is None else data, csum=how.pop("csum", 0))
        note = how.pop("note", f"ICMP {kind}/{code} {host.ip} > {to}")
        return self.shot(host, to, fp.ICMP, l4, note, **how)


def with_tos(packet, tos):
    head = bytearray(packet[:(packet[0] & 15) * 4])
    right = fp.total(bytes(head)) == 0xffff
    head[1] = tos
    if right:
        struct.pack_into("!H", head, 10, 0)
        struct.pack_into("!H", head, 10, fp.checksum(bytes(head)))
    return bytes(head) + packet[len(head):]


def came(arrivals):
    """The packet that came out, None when none did, or an ICMP error."""
    for _, frame in arrivals:
        ip = rp.ip_of(frame)
        if ip.protocol != fp.ICMP or not ip.is_error:
            return ip
    return None


# ---- who talks to whom ---------------------------------------------------------------------------

class Way:
    """A client, a server, and the address that the client knows the server by."""

    def __init__(self, client, server, to, name):
        self.client, self.server, self.to, self.name = client, server, to, name


def east_west(t):
    client = t.inside()
    server = rs.behind_static(t.number) if t.chance(0.15) else t.inside(client.net)
    return Way(client, server, server.ip, "east-west")


def turned(t):
    """Back into the network that it came from."""
    client, server = t.of(PLAIN), t.of(PLAIN[::-1])
    if client.net != server.net:
        return east_west(t)
    return Way(client, server, server.ip, "turned")


def snat(t):
    client = t.of(PLAIN)
    server = t.outside()
    return Way(client, server, server.ip, "SNAT")


def floating_out(t):
    server = t.outside()
    return Way(t.of(FLOATING), server, server.ip, "from a floating IP")


def floating_in(t):
    server = t.of(FLOATING)
    return Way(t.outside(), server, server.floating, "to a floating IP")


def hairpin(t):
    client, server = t.inside(), t.of(FLOATING)
    return Way(client, server, server.floating, "hairpin")


def routed_in(t):
    server = t.inside()
    return Way(t.outside(), server, server.ip, "to a private address")


WAYS = (east_west, turned, snat, floating_out, floating_in, hairpin, routed_in)


def way_of(t):
    return t.rng.choices(WAYS, (15, 3, 22, 12, 20, 14, 8))[0](t)


def room(way):
    """The longest packet that passes without fragments, either way."""
    return min(NETS[way.client.net].mtu, NETS[way.server.net].mtu)


# ---- plain flows ---------------------------------------------------------------------------------

def udp_flow(t):
    """Requests and answers."""
    way, ports = way_of(t), (t.port(), t.rng.choice(SERVER_PORTS))
    for _ in range(t.rng.randint(1, 3)):
        arrivals, = yield [t.udp(way.client, way.to, ports)]
        got = came(arrivals)
        if not got:
            return
        if t.chance(0.25):
            yield from error_about(t, way.server, got)
        if t.chance(0.85):
            arrivals, = yield [t.udp(way.server, got.src, got.ports[::-1])]
            if t.chance(0.25) and came(arrivals):
                yield from error_about(t, way.client, came(arrivals))


def echo_flow(t):
    way, ident = way_of(t), t.port()
    for seq in range(t.rng.randint(1, 3)):
        arrivals, = yield [t.icmp(way.client, way.to, rp.ECHO, rest=ident << 16 | seq)]
        got = came(arrivals)
        if not got:
            return
        arrivals, = yield [t.icmp(way.server, got.src, rp.ECHO_REPLY,
                                  rest=got.ports[0] << 16 | seq, data=got.l4[8:])]
        if t.chance(0.2):
            yield from error_about(t, way.server, got)


def other_flow(t):
    """A protocol without ports: addresses are all that is translated."""
    way = way_of(t)
    protocol = t.rng.choice((fp.ESP, 51, 4, 89, 103))
    arrivals, = yield [t.shot(way.client, way.to, protocol, t.data(8), f"protocol {protocol}, {way.name}")]
    got = came(arrivals)
    if got:
        yield [t.shot(way.server, got.src, protocol, t.data(8), f"protocol {protocol} back, {way.name}")]


def tcp_flow(t):
    """A connection: opened, used, sometimes abused, closed or reset."""
    way, ports = way_of(t), (t.port(), t.rng.choice(SERVER_PORTS))
    seq, other = t.rng.getrandbits(32), t.rng.getrandbits(32)
    arrivals, = yield [t.tcp(way.client, way.to, ports, seq, 0, SYN)]
    got = came(arrivals)
    if not got:
        return
    back, at = got.ports[::-1], got.src
    if t.chance(0.08):
        yield [t.tcp(way.server, at, back, 0, seq + 1, RST | ACK)]
        return
    arrivals, = yield [t.tcp(way.server, at, back, other, seq + 1, SYN | ACK)]
    if not came(arrivals):
        return
    seq, other = seq + 1, other + 1
    yield [t.tcp(way.client, way.to, ports, seq, other, ACK)]
    for _ in range(t.rng.randint(1, 3)):
        data = t.data(1, 300)
        arrivals, = yield [t.tcp(way.client, way.to, ports, seq, other, ACK | PSH, data=data)]
        if t.chance(0.15) and came(arrivals):
            yield from error_about(t, way.server, came(arrivals))
        seq += len(data)
        data = t.data(0, 300)
        yield [t.tcp(way.server, at, back, other, seq, ACK | PSH, data=data)]
        other += len(data)
    if t.chance(0.2):
        yield [t.tcp(way.server, at, back, other + (1 << 30), seq, ACK, data=b"out of the window")]
    if t.chance(0.2):
        yield [t.tcp(way.client, way.to, ports, seq + (1 << 30), other, ACK, data=b"out of the window")]
    if t.chance(0.3):
        yield [t.tcp(way.client, way.to, ports, seq, other, RST)]
        return
    yield [t.tcp(way.client, way.to, ports, seq, other, FIN | ACK)]
    yield [t.tcp(way.server, at, back, other, seq + 1, FIN | ACK)]
    yield [t.tcp(way.client, way.to, ports, seq + 1, other + 1, ACK)]


# ---- ICMP errors of hosts ------------------------------------------------------------------------

def error_about(t, host, got):
    """A step with an ICMP error about a packet that a host has got, from the host, or a router before
    it where there is one; sometimes not as it should be."""
    how = t.rng.choices(("right", "short", "csum", "unknown"), (80, 6, 7, 7))[0]
    quote = bytearray(got.raw[:t.rng.choice((28, 40, 128, 548))])
    kind, code = t.rng.choice(((3, 0), (3, 1), (3, 3), (3, 4), (3, 13), (4, 0), (11, 0), (12, 0)))
    if how == "short":
        del quote[t.rng.choice((HEAD, HEAD + 4)):]
    if how == "unknown" and len(quote) >= HEAD + 4:
        struct.pack_into("!H", quote, HEAD, 1)
        struct.pack_into("!H", quote, HEAD + 2, 2)
    rest = 1300 if (kind, code) == (3, 4) else 0
    source = {}
    if host.net == OUTSIDE and t.chance(0.5):
        source = {"source": f"9.9.{t.number >> 8}.{t.number & 255}"}
    yield [t.icmp(host, got.src, kind, code, rest, bytes(quote), csum=0x0101 if how == "csum" else 0,
                  note=f"ICMP error {kind}/{code} of {source.get('source', host.ip)} to {got.src}, {how}",
                  **source)]


# ---- what a router refuses, by ICMP error --------------------------------------------------------

def expired(t):
    """TTL 1: first packets and later ones."""
    way, ports = way_of(t), (t.port(), SERVER_PORTS[1])
    how = {"ttl": 1, "provokes": True}
    if t.chance(0.5):
        arrivals, = yield [t.udp(way.client, way.to, ports, ttl=5)]
        got = came(arrivals)
        if got and t.chance(0.5):
            yield [t.udp(way.server, got.src, got.ports[::-1], **how)]
    if t.chance(0.3):
        yield [t.icmp(way.client, way.to, rp.ECHO, rest=t.port() << 16, data=t.data(0, 900), **how)]
    else:
        yield [t.udp(way.client, way.to, ports, data=t.data(0, 900), **how)]
    if t.chance(0.5):
        yield [t.udp(way.client, way.to, ports)]


def too_large(t):
    """Up to 1500 bytes into networks of 1450, with DF and without."""
    client = t.of([host for host in PLAIN + FLOATING if host.net == "green"])
    ways = [Way(client, server, server.ip, "east-west")
            for server in (t.inside("green"),)]
    target = t.of([host for host in FLOATING if host.net != "green"])
    ways += [Way(t.outside(), target, target.floating, "to a floating IP"),
             Way(t.outside(), target, target.ip, "to a private address"),
             Way(client, target, target.floating, "hairpin")]
    way, ports = t.rng.choice(ways), (t.port(), 7000)
    df = t.chance(0.6)
    if t.chance(0.5):
        yield [t.udp(way.client, way.to, ports, data=b"small")]
    size = t.rng.choice((1450, 1451, 1452, 1476, 1500, t.rng.randint(1400, 1500)))
    options = t.rng.choice((b"", b"", b"\x94\x04\0\0", b"\x01\x01\x01\0"))
    if options:
        size = size // 4 * 4
    arrivals, = yield [t.udp(way.client, way.to, ports, data=t.data(size - 28 - len(options),
                                                                   size - 28 - len(options)),
                             df=df, options=options, provokes=df and size > 1450,
                             note=f"{size} bytes{', DF' * df} {way.name}")]
    got = came(arrivals)
    if got and not got.is_fragment:
        yield [t.udp(way.server, got.src, got.ports[::-1])]


def local(t):
    """For the router itself, by all its addresses."""
    host = t.inside() if t.chance(0.6) else t.outside()
    to = t.rng.choice([NETS[host.net].router, GATEWAY, *(NETS[name].router for name in INSIDE)])
    port = t.port()
    kind = t.rng.choice(("echo", "echo", "udp", "tcp", "other", "ttl"))
    if kind in ("echo", "ttl"):
        yield [t.icmp(host, to, rp.ECHO, rest=port << 16 | 1, answer=(fp.ICMP, host.ip, port),
                      ttl=1 if kind == "ttl" else 64)]
    elif kind == "udp":
        yield [t.udp(host, to, (port, 9999), provokes=True)]
    elif kind == "tcp":
        flags = t.rng.choice((SYN, ACK, SYN | ACK, FIN | ACK))
        yield [t.tcp(host, to, (port, 9999), 1000, 2000 if flags & ACK else 0, flags,
                     answer=(fp.TCP, host.ip, port))]
    else:
        yield [t.shot(host, to, t.rng.choice((200, 201)), t.data(8), f"unknown protocol to {to}",
                      provokes=True)]


def dead(t):
    """To an address that nobody has: 3/1 when nobody has answered ARP."""
    host = t.inside()
    net = t.rng.choice([name for name in INSIDE if name != host.net])
    yield [t.udp(host, f"{NETS[net].prefix}.{200 + t.number % 30}", (t.port(), 53), patience=9, ttl=64,
                 provokes=True)]


# ---- what a router does not take -----------------------------------------------------------------

def martian(t):
    host = t.inside() if t.chance(0.6) else t.outside()
    to = t.inside(host.net).ip
    source = t.rng.choice(("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.9.9.9", "224.1.1.1", "255.255.255.255",
                           GATEWAY, *(NETS[name].router for name in INSIDE), "172.16.2.255"))
    yield [t.udp(host, to, (t.port(), 53), source=source, note=f"source {source} of {host.net}")]


def bad_destination(t):
    host = t.inside() if t.chance(0.6) else t.outside()
    others = [name for name in INSIDE if name != host.net]
    to = t.rng.choice(("0.0.0.0", "0.1.2.3", "127.0.0.1", "224.1.1.1", "255.255.255.255",
                       f"{NETS[t.rng.choice(others)].prefix}.255"))
    yield [t.udp(host, to, (t.port(), 53), note=f"destination {to} of {host.net}")]


def with_options(t):
    way, ports = way_of(t), (t.port(), 53)
    options = t.rng.choice((b"\x83\x07\x04\x08\x08\x08\x08\x00", b"\x89\x07\x04\x08\x08\x08\x08\x00",
                            b"\x94\x04\0\0", b"\x01\x01\x01\0"))
    yield [t.udp(way.client, way.to, ports, options=options, note=f"options {options.hex()}, {way.name}")]


def broken(t):
    """Headers that are wrong."""
    way, ports = way_of(t), (t.port(), 53)
    how = t.rng.choice(({"csum": 0x0101}, {"version": 5}, {"ihl": 4}, {"length": 19}, {"length": 1400}))
    l4 = fp.udp(way.client.ip, way.to, ports, t.data())
    yield [t.shot(way.client, way.to, fp.UDP, l4, f"{how}, {way.name}", tos=0, **how)]


def bad_sum(t):
    """L4 checksums that are wrong: no connection begins, nothing is translated."""
    way, port = way_of(t), t.port()
    if t.chance(0.5):
        yield [t.udp(way.client, way.to, (port, 53), csum=0x0101)]
    else:
        yield [t.tcp(way.client, way.to, (port, 22), 1000, 0, SYN, csum=0x0101)]


def unasked(t):
    """What can not begin a connection."""
    way, port = way_of(t), t.port()
    kind = t.rng.choice(("syn ack", "reset", "echo reply", "error"))
    if kind == "syn ack":
        yield [t.tcp(way.client, way.to, (port, 22), 1000, 1000, SYN | ACK)]
    elif kind == "reset":
        yield [t.tcp(way.client, way.to, (port, 22), 1000, 1000, RST)]
    elif kind == "echo reply":
        yield [t.icmp(way.client, way.to, rp.ECHO_REPLY, rest=port << 16)]
    else:
        never_sent = fp.udp(way.to, way.client.ip, (53, port), b"never sent")
        quote = fp.ip4(way.to, way.client.ip, fp.UDP, never_sent)
        yield [t.icmp(way.client, way.to, 3, 3, 0, quote)]


# ---- fragments -----------------------------------------------------------------------------------

def fragmented(t):
    way, ports = way_of(t), (t.port(), 7000)
    size = t.rng.choice((1600, 2900, 4000))
    how = t.rng.choice(("in order", "reversed", "shuffled", "no first", "no last", "overlapping",
                        "repeated", "tiny first"))
    shot = t.udp(way.client, way.to, ports, data=t.data(size, size), df=False,
                 note=f"fragments, {how}, {way.name}", csum=0)
    whole = shot.packets[0]
    shot.packets = pieces_of(t, whole, how, t.rng.choice((1000, 1200, 1400)))
    arrivals, = yield [shot]
    if how in ("in order", "reversed", "shuffled") and arrivals:
        got = came(arrivals)
        yield [t.udp(way.server, got.src, first_ports(arrivals)[::-1])]


def first_ports(arrivals):
    return next(ip.ports for ip in (rp.ip_of(frame) for _, frame in arrivals) if not ip.offset)


def pieces_of(t, packet, how, step):
    """A packet as fragments."""
    ip = rp.Ip(packet)
    step = step // 8 * 8
    cuts = [*range(0, len(ip.l4), step), len(ip.l4)]
    if how == "tiny first":
        cuts = [0, *range(8, len(ip.l4), step), len(ip.l4)]
    ranges = list(zip(cuts, cuts[1:]))
    if how == "tiny first":  # the UDP header is there, just so
        how = "in order"
    pieces = [piece(ip, start, end) for start, end in ranges]
    if how == "reversed":
        pieces.reverse()
    elif how == "shuffled":
        t.rng.shuffle(pieces)
    elif how == "no first":
        del pieces[0]
    elif how == "no last":
        del pieces[-1]
    elif how == "overlapping":
        pieces[1] = piece(ip, ranges[1][0] - 8, ranges[1][1])
    elif how == "repeated":
        pieces.insert(1, pieces[0])
    return pieces


def piece(ip, start, end):
    return with_tos(fp.ip4(ip.src, ip.dst, ip.protocol, ip.l4[start:end], ip.ident, ttl=ip.ttl,
                           fragment=(start, end < len(ip.l4))), ip.tos)


# ---- collisions of ports -------------------------------------------------------------------------

def collision(t):
    """Several hosts send from the same port to the same address and port: answers find their way."""
    hosts = [PLAIN[(t.number * 5 + i * 7) % len(PLAIN)] for i in range(t.rng.randint(2, 4))]
    server = rs.far(t.number + 256)
    port = t.rng.choice((300 + t.number % 200, 700 + t.number % 300, 40000 + t.number))
    got = []
    kind = t.rng.choice((fp.UDP, fp.TCP, fp.ICMP))
    for host in hosts:
        if kind == fp.UDP:
            arrivals, = yield [t.udp(host, server.ip, (port, SERVER_PORTS[0]))]
        elif kind == fp.TCP:
            arrivals, = yield [t.tcp(host, server.ip, (port, SERVER_PORTS[0]), 1000, 0, SYN)]
        else:
            arrivals, = yield [t.icmp(host, server.ip, rp.ECHO, rest=port << 16)]
        got.append(came(arrivals))
    for ip in got:
        if not ip:
            continue
        if kind == fp.UDP:
            yield [t.udp(server, ip.src, ip.ports[::-1])]
            yield from error_about(t, server, ip)
        elif kind == fp.TCP:
            yield [t.tcp(server, ip.src, ip.ports[::-1], 7000, 1001, SYN | ACK)]
        else:
            yield [t.icmp(server, ip.src, rp.ECHO_REPLY, rest=ip.ports[0] << 16)]


def to_link_local(t):
    host = t.inside()
    yield [t.udp(host, f"169.254.{t.number >> 8}.{t.number & 255 or 1}", (t.port(), 53))]


KINDS = {udp_flow: 26, echo_flow: 14, tcp_flow: 22, other_flow: 4, expired: 9, too_large: 8, local: 8,
         martian: 3, bad_destination: 2, with_options: 3, broken: 2, bad_sum: 3, unasked: 4, fragmented: 14,
         collision: 5, to_link_local: 1}


def flows(seed, n, kinds=None):
    """n flows of all kinds, the same for the same seed."""
    kinds = kinds or KINDS
    rng = random.Random(seed)
    names = rng.choices(list(kinds), list(kinds.values()), k=n)
    return [Flow(f"{i} {kind.__name__}", kind(Traffic(seed, i))) for i, kind in enumerate(names)]


def late_flows(seed, first, n):
    """Flows that are about hosts that are not there: they take seconds."""
    return [Flow(f"{i} dead", dead(Traffic(seed, i))) for i in range(first, first + n)]
