# SPDX-License-Identifier: BSD-3-Clause
"""Traffic that needs no session, for the differential test of the filters: spoofs, ARP, DHCP,
neighbour discovery, fragments, malformed headers, tags, broadcasts. Flows as in filter_traffic.
"""

import filter_packets as fp
from filter_scenario import ALIAS_MAC, E, GUESTS, HOSTS, OUTSIDERS, ROUTER_MAC
from filter_world import FABRIC, Packet

ZERO = "00:00:00:00:00:00"
ANY_PROTOCOL = 254
WHOLE = ("in order", "reversed", "shuffled")  # ways in which all of a datagram comes
LOCAL_TYPE = 0x88b6  # IEEE local experimental
SPECIAL_SOURCES = {4: ["0.0.0.0", "255.255.255.255", "224.0.0.5", "10.9.0.255", "172.16.1.201"],
                   6: ["::", "::1", "fe80::1", "ff02::1", "2001:db8:9::ffff"]}


def _guest(t):
    return t.rng.choice(GUESTS)


def _udp(t, family, src, dst, ports):
    return fp.udp(src, dst, ports, t.data())


# ---- anti-spoofing -----------------------------------------------------------------------------

def spoof_flow(t):
    """An instance sends from addresses that may be its own or not, with MACs that may be."""
    host, family = _guest(t), t.family()
    to = t.rng.choice(OUTSIDERS)
    special = SPECIAL_SOURCES[family] + ([fp.link_local(host.mac)] if family == 6 else [])
    others = [other.address(family) for other in HOSTS.values() if other is not host]
    source = t.rng.choice(others + special)
    mac = t.rng.choice((host.mac, host.mac, ALIAS_MAC, "fa:16:3e:11:22:33", ROUTER_MAC,
                        "01:00:5e:00:00:01", ZERO))
    l3 = t.wrap(family, source, to.address(family), fp.UDP,
                _udp(t, family, source, to.address(family), (t.port(), 443)))
    yield [t.frame(host.end, mac, to.mac, l3, f"spoof: {host.end} sends from {source}, {mac}")]


def ethertype_flow(t):
    """Frames that are not IP, from right and wrong MACs."""
    host = t.rng.choice(list(HOSTS.values()))
    mac = t.rng.choice((host.mac, host.mac, "fa:16:3e:11:22:33")) if host.end != FABRIC else host.mac
    to = t.rng.choice((fp.BROADCAST, "01:80:c2:00:00:0e", "01:80:c2:00:00:01", "01:80:c2:00:00:00",
                       "09:00:2b:00:00:05", t.rng.choice(list(HOSTS.values())).mac))
    ethertype = t.rng.choice((LOCAL_TYPE, 0x8035, 0x88cc, 0x8863, 0x8864, 100))
    t.serial += 1
    deviation = "P1.4 link-local" if to.endswith("00:00:00") and mac == host.mac else None
    if to in {other.mac for other in HOSTS.values() if other.end == host.end}:
        to = fp.BROADCAST
    yield [Packet(host.end, [fp.ethernet(mac, to, ethertype, t.data(80, 100))],
                  f"ethertype {ethertype:#06x} {host.end} {mac} > {to}", deviation)]


# ---- ARP ---------------------------------------------------------------------------------------

def arp_flow(t):
    host = t.rng.choice(GUESTS + OUTSIDERS[:4])
    op = t.rng.choice((1, 2))
    other = t.rng.choice([h for h in HOSTS.values() if h.end != host.end])
    spa = t.rng.choice((host.ip4, host.ip4, other.ip4, "10.9.0.9", "172.16.1.200", "172.16.1.34"))
    target = t.rng.choice((other.ip4, spa, f"10.20.{t.rng.randrange(256)}.{t.rng.randrange(256)}"))
    mac = host.mac if t.chance(0.9) or host.end == FABRIC else "fa:16:3e:11:22:33"
    to = fp.BROADCAST if t.chance(0.7) else other.mac
    frame = fp.ethernet(mac, to, fp.ETH_ARP, fp.arp(op, mac, spa, t.number_mac(), target))
    yield [Packet(host.end, [frame], f"ARP op {op} {host.end} {mac} spa {spa} tpa {target} > {to}")]


def _arp(t, host, note, deviation=None, **fields):
    """A broadcast of a host; fields: op, sha, spa, tpa, and what fp.arp() takes."""
    body = fp.arp(fields.pop("op", 1), fields.pop("sha", host.mac), fields.pop("spa", host.ip4),
                  t.number_mac(), fields.pop("tpa", HOSTS["stranger"].ip4), **fields)
    return Packet(host.end, [fp.ethernet(host.mac, fp.BROADCAST, fp.ETH_ARP, body)],
                  f"ARP {note} from {host.name}", deviation)


def arp_deviation_flow(t):
    """What weft looks at and ebtables does not, and what is close to it."""
    host = t.rng.choice([h for h in GUESTS if h.name in ("a", "b", "vip", "c", "d")])
    kind = t.rng.choice(("sender", "probe", "foreign probe", "probe answered", "form", "foreign form"))
    form = t.rng.choice(({"op": 3}, {"op": 0}, {"op": 9}, {"htype": 6}))
    if kind == "sender":
        yield [_arp(t, host, kind, "P4.3 ARP sender", op=2, sha="fa:16:3e:11:22:33")]
    elif kind == "probe":
        yield [_arp(t, host, kind, "P4.4 ARP probe", spa="0.0.0.0", tpa=host.ip4)]
    elif kind == "foreign probe":
        yield [_arp(t, host, kind, spa="0.0.0.0")]
    elif kind == "probe answered":
        yield [_arp(t, host, kind, op=2, spa="0.0.0.0", tpa=host.ip4)]
    elif kind == "form":
        yield [_arp(t, host, f"{kind} {form}", "P4.1 ARP form", **form)]
    else:  # nobody looks at the fabric's
        yield [_arp(t, HOSTS["stranger"], f"{kind} {form}", **form)]


# ---- DHCP --------------------------------------------------------------------------------------

def dhcp_flow(t):
    """Both roles on both sides, IPv4."""
    host = t.rng.choice(GUESTS + 2 * [HOSTS["dhcp"]])
    guest = _guest(t)
    while guest.end == host.end:
        guest = _guest(t)
    client = t.chance(0.5)
    ports = t.rng.choice(((68, 67), (68, 67), (68, 6767), (6868, 67))) if client else \
        t.rng.choice(((67, 68), (67, 68), (67, 6868), (6767, 68)))
    source = t.rng.choice((host.ip4, "0.0.0.0", "172.16.1.222"))
    dst, mac = t.rng.choice((("255.255.255.255", fp.BROADCAST), (guest.ip4, guest.mac),
                             (guest.ip4, fp.BROADCAST), ("172.16.1.223", guest.mac),
                             ("172.16.1.255", fp.BROADCAST)))
    l3 = t.wrap(4, source, dst, fp.UDP, _udp(t, 4, source, dst, ports))
    yield [t.frame(host.end, host.mac, mac, l3, f"DHCP {host.end} {source} > {dst} {mac} {ports}")]


def dhcp6_flow(t):
    host = t.rng.choice(GUESTS + 3 * [HOSTS["router"]])
    guest = _guest(t)
    while guest.end == host.end:
        guest = _guest(t)
    ports = t.rng.choice(((546, 547), (547, 546), (547, 5460), (5470, 546)))
    source = t.rng.choice((fp.link_local(host.mac), host.ip6, "::"))
    dst, mac = t.rng.choice((("ff02::1:2", fp.multicast_mac("ff02::1:2")), (guest.ip6, guest.mac),
                             (fp.link_local(guest.mac), guest.mac), ("2001:db8:1::222", guest.mac)))
    l3 = t.wrap(6, source, dst, fp.UDP, _udp(t, 6, source, dst, ports))
    yield [t.frame(host.end, host.mac, mac, l3, f"DHCPv6 {host.end} {source} > {dst} {ports}")]


# ---- IPv6 neighbours, routers, groups ----------------------------------------------------------

def neighbour_flow(t):
    host = t.rng.choice(GUESTS + 2 * OUTSIDERS[:3])
    other = t.rng.choice([h for h in HOSTS.values() if h.end != host.end])
    kind = t.rng.choice((130, 131, 132, 133, 134, 134, 135, 135, 136, 137, 143))
    source = t.rng.choice((host.ip6, fp.link_local(host.mac), fp.link_local(host.mac), "::", other.ip6,
                           "fe80::1"))
    dst, mac = t.rng.choice((("ff02::1", fp.multicast_mac("ff02::1")), (other.ip6, other.mac),
                             (fp.solicited_node(other.ip6), fp.multicast_mac(fp.solicited_node(other.ip6))),
                             ("ff02::16", fp.multicast_mac("ff02::16"))))
    body = fp.icmp6(source, dst, kind, 0, 0, fp.ip(other.ip6) + t.data(),
                    csum=0x1111 if t.chance(0.05) else 0)
    if t.chance(0.3):  # as MLD is sent: behind a hop-by-hop header
        l3 = t.wrap(6, source, dst, fp.HOP_OPTIONS, fp.extension(fp.ICMP6, b"\x05\x02\0\0\1\0") + body)
    else:
        l3 = t.wrap(6, source, dst, fp.ICMP6, body, ttl=255)
    yield [t.frame(host.end, host.mac, mac, l3, f"ICMPv6 {kind} {host.end} {source} > {dst}")]


def extension_flow(t):
    """TCP and UDP behind extension headers."""
    client, server = t.pair()
    protocol = t.rng.choice((fp.TCP, fp.UDP))
    ports = t.port(), t.rng.choice((22, 80, 443, 53, 7000))
    body = fp.tcp(client.ip6, server.ip6, ports, t.rng.getrandbits(32), 0, fp.SYN) \
        if protocol == fp.TCP else _udp(t, 6, client.ip6, server.ip6, ports)
    chain = t.rng.sample((fp.HOP_OPTIONS, fp.DESTINATION_OPTIONS, fp.ROUTING), t.rng.randint(1, 3))
    chain.sort(key=lambda header: header != fp.HOP_OPTIONS)
    after = protocol
    for header in reversed(chain):
        content = b"\x04\0\0\0\0\0" if header == fp.ROUTING else b"\x01\x04\0\0\0\0"
        body = fp.extension(after, content) + body
        after = header
    yield [t.packet(client, server, 6, after, body, f"IPv6 headers {chain} protocol {protocol} "
                    f"{client.name} > {server.name}:{ports[1]}")]


# ---- broadcast, multicast, unknown destinations ------------------------------------------------

def flood_flow(t):
    """One packet, several receivers, each with a chain of its own."""
    host = t.rng.choice(list(HOSTS.values()))
    family = t.family()
    if family == 4:
        dst = t.rng.choice(("255.255.255.255", "172.16.1.255", "224.0.0.251", "172.16.1.250"))
        mac = {"172.16.1.255": fp.BROADCAST, "172.16.1.250": "fa:16:3e:00:0f:fe"}.get(
            dst, fp.multicast_mac(dst))
    else:
        dst = t.rng.choice(("ff02::fb", "ff05::2", "2001:db8:1::250"))
        mac = "fa:16:3e:00:0f:fe" if dst.startswith("2001") else fp.multicast_mac(dst)
    port = t.rng.choice((53, 7000, 7005, 5353, 137, 5000))
    source = host.address(family)
    protocol = fp.IGMP if family == 4 and t.chance(0.1) else fp.UDP
    body = t.data() if protocol == fp.IGMP else _udp(t, family, source, dst, (t.port(), port))
    l3 = t.wrap(family, source, dst, protocol, body)
    yield [t.frame(host.end, host.mac, mac, l3, f"flood {host.name} > {dst}:{port} protocol {protocol}")]


# ---- headers that can not be true --------------------------------------------------------------

def malformed_flow(t):
    client, server = t.pair()
    family = t.family()
    ports = t.port(), t.rng.choice((22, 80, 443, 53, 7000))
    src, dst = client.address(family), server.address(family)
    protocol = t.rng.choice((fp.TCP, fp.UDP))
    body = _udp(t, family, src, dst, ports) if protocol == fp.UDP else \
        fp.tcp(src, dst, ports, t.rng.getrandbits(32), 0, fp.SYN, t.data())
    if family == 4:
        wrong = t.rng.choice(({"csum": 1}, {"ihl": 4}, {"ihl": 15}, {"version": 6}, {"length": 19},
                              {"length": 20 + len(body) + 1}, {"version": 5}, {"length": 3000},
                              {"options": b"\x01\x01\x01\x00"}, {"options": b"\x94\x04\0\0"},
                              {"options": b"\x83\x07\x04\x0a\x01\x00\x01\x00"}, {"df": True}, {"ttl": 1},
                              {"ttl": 0}))
    else:
        wrong = t.rng.choice(({"version": 4}, {"version": 7}, {"length": len(body) + 1}, {"ttl": 0},
                              {"length": 60000}))
    l3 = t.wrap(family, src, dst, protocol, body, **wrong)
    if t.chance(0.1):
        l3 = l3[:t.rng.choice((12, 19, 39))]
    pad = b"\xa5" * 7 if t.chance(0.2) else b""
    frame = fp.ethernet(client.mac, server.mac, fp.ETH_IP if family == 4 else fp.ETH_IP6, l3 + pad)
    yield [Packet(client.end, [frame],
                  f"IPv{family} header {wrong} {len(l3)} bytes {client.name} > {server.name}:{ports[1]} "
                  f"protocol {protocol}")]


def tag_flow(t):
    """Tagged frames of instances."""
    host = t.rng.choice([h for h in GUESTS if h.name != "alias"])
    tags = t.rng.choice((((fp.ETH_VLAN, 1001),), ((fp.ETH_QINQ, 7),),
                         ((fp.ETH_VLAN, 0x2005), (fp.ETH_VLAN, 6))))
    to = HOSTS["stranger"]
    src = t.rng.choice((host.ip4, "172.16.1.34"))
    body = _udp(t, 4, src, to.ip4, (t.port(), 443))
    yield [t.packet(host, to, 4, fp.UDP, body, f"tags {tags} from {host.name}, {src}", "P2.2 tag",
                    tags=tags, source=src)]


def priority_tag_flow(t):
    """A tag with VID 0 is none: the chains decide."""
    host = HOSTS["a"]
    to = HOSTS["stranger"]
    right = t.chance(0.5)
    src = host.ip4 if right else "172.16.1.34"
    body = _udp(t, 4, src, to.ip4, (t.port(), 443))
    yield [t.packet(host, to, 4, fp.UDP, body, f"priority tag from a, {src}",
                    None if right else "P2.1 priority tag", tags=((fp.ETH_VLAN, 0x6000),), source=src)]


# ---- IPv6 of an instance without ---------------------------------------------------------------

def ip6_source_flow(t):
    """An instance that has no IPv6 address uses one."""
    to = HOSTS["stranger"]
    yield [t.packet(E, to, 6, fp.UDP, _udp(t, 6, E.ip6, to.ip6, (t.port(), 443)),
                    "IPv6 from an instance without", "2.3 IPv6 source")]


# ---- fragments ---------------------------------------------------------------------------------

def fragment_flow(t):
    """A datagram in pieces, in any order, perhaps not all of them."""
    client, server = t.pair()
    family = t.family()
    port = t.rng.choice((22, 53, 7000, 5000, 443))
    src, dst = client.address(family), server.address(family)
    kind = t.rng.choice((fp.UDP, fp.UDP, fp.ICMP, fp.TCP, ANY_PROTOCOL))
    data = t.rng.randbytes(t.rng.randint(2700, 4000))
    if kind == fp.UDP:
        body = fp.udp(src, dst, (t.port(), port), data)
    elif kind == fp.TCP:
        body = fp.tcp(src, dst, (t.port(), port), t.rng.getrandbits(32), 0, fp.SYN, data)
    elif kind == fp.ICMP:
        body = fp.icmp(8, 0, t.port() << 16, data) if family == 4 else \
            fp.icmp6(src, dst, 128, 0, t.port() << 16, data)
        kind = kind if family == 4 else fp.ICMP6
    else:
        body = data
    how = t.rng.choice(WHOLE + ("no first", "no middle", "no last", "overlap"))
    if kind == ANY_PROTOCOL:  # weft lets a part go by and has a session then; here others would meet it
        how = t.rng.choice(WHOLE)
    yield [datagram(t, client, server, family, kind, body, how, port)]


def datagram(t, client, server, family, protocol, body, how, port):
    size = 1232  # of IPv6, Linux takes no smaller ones
    pieces = [(offset, body[offset:offset + size], offset + size < len(body))
              for offset in range(0, len(body), size)]
    if how == "reversed":
        pieces.reverse()
    elif how == "shuffled":
        t.rng.shuffle(pieces)
    elif how == "twice":
        pieces.insert(2, pieces[1])
    elif how == "no first":
        del pieces[0]
    elif how == "no middle":
        del pieces[1]
    elif how == "no last":
        del pieces[-1]
    elif how == "overlap":
        pieces.insert(1, (size - 8, bytes(size), True))
    t.serial += 1
    src, dst = client.address(family), server.address(family)
    frames = []
    for offset, piece, more in pieces:
        if family == 4:
            l3 = fp.ip4(src, dst, protocol, piece, t.serial & 0xffff, fragment=(offset, more))
        else:
            l3 = fp.ip6(src, dst, fp.FRAGMENT,
                        fp.fragment_header(protocol, offset, more, t.serial) + piece)
        frames.append(fp.ethernet(client.mac, server.mac, fp.ETH_IP if family == 4 else fp.ETH_IP6, l3))
    return Packet(client.end, frames, f"fragments {how} of protocol {protocol} IPv{family} "
                  f"{client.name} > {server.name}:{port}")


def tiny_fragment_flow(t):
    """The first fragment ends inside the TCP header."""
    client = HOSTS["a"]
    server = HOSTS["stranger"]
    t.serial += 1
    body = fp.tcp(client.ip4, server.ip4, (t.port(), 443), 1, 0, fp.SYN, t.data(40, 60))
    frames = [fp.ethernet(client.mac, server.mac, fp.ETH_IP,
                          fp.ip4(client.ip4, server.ip4, fp.TCP, piece, t.serial & 0xffff,
                                 fragment=(offset, more)))
              for offset, piece, more in ((0, body[:16], True), (16, body[16:], False))]
    yield [Packet(client.end, frames, "tiny first fragment", "4.5 tiny fragment")]


def repeated_fragment_flow(t):
    """A fragment comes twice."""
    host, to = HOSTS["a"], HOSTS["stranger"]
    body = fp.udp(host.ip4, to.ip4, (t.port(), 443), t.rng.randbytes(3000))
    packet = datagram(t, host, to, 4, fp.UDP, body, "twice", 443)
    packet.deviation = "4.5 repeated fragment"
    yield [packet]


KINDS = {spoof_flow: 12, ethertype_flow: 8, arp_flow: 14, arp_deviation_flow: 8, dhcp_flow: 14,
         dhcp6_flow: 10, neighbour_flow: 14, extension_flow: 6, flood_flow: 12, malformed_flow: 12,
         tag_flow: 4, priority_tag_flow: 4, fragment_flow: 12, tiny_fragment_flow: 2,
         repeated_fragment_flow: 2, ip6_source_flow: 2}
