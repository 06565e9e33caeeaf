# SPDX-License-Identifier: BSD-3-Clause
"""DHCP messages: random ones of clients, right and wrong, and replies taken apart into fields."""

import dataclasses
import random
import socket
import struct

BROADCAST_MAC = b"\xff" * 6
COOKIE = bytes.fromhex("63825363")
DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
NAMES = dict(enumerate("DISCOVER OFFER REQUEST DECLINE ACK NAK RELEASE INFORM".split(), 1))
REQUESTED, LEASE, TYPE, SERVER, WANTED, MAX_SIZE, CLIENT_ID = 50, 51, 53, 54, 55, 57, 61
BROADCAST_FLAG = 0x8000

# Parameter request lists of real clients.
LISTS = {
    "udhcpc": (1, 3, 6, 12, 15, 28, 42),
    "dhclient": (1, 28, 2, 3, 15, 6, 119, 12, 44, 47, 26, 121, 42),
    "cirros": (1, 3, 6, 12, 15, 26, 28, 42, 121),
    "networkd": (1, 3, 12, 15, 6, 33, 121),
    "windows": (1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252),
    "netmask": (1,),
    "lease": (51, 58, 59, 54),
}
LISTED = (1, 2, 3, 6, 12, 15, 26, 28, 33, 42, 43, 50, 51, 53, 54, 55, 58, 59, 61, 119, 121, 249, 252)
WISHES = (0, 1, 100, 119, 120, 121, 3600, 86399, 86400, 86401, 10**7, 2**32 - 1)
SIZES = (0, 68, 300, 548, 575, 576, 577, 600, 1200, 1500, 65535)


def address(text):
    return socket.inet_aton(text)


RELAY = address("172.16.1.250")


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def udp4(source, destination, ports, payload, **how):
    """An IPv4 packet; how: csum "wrong" or "none", frag (the field as it is)."""
    length = 8 + len(payload)
    header = struct.pack("!HHHH", *ports, length, 0)
    csum = checksum(source + destination + struct.pack("!HH", socket.IPPROTO_UDP, length) + header +
                    payload) or 0xffff
    csum = {"wrong": csum ^ 0x1111, "none": 0}.get(how.get("csum"), csum)
    header = header[:6] + struct.pack("!H", csum)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 0x1234, how.get("frag", 0), 64,
                     socket.IPPROTO_UDP, 0, source, destination)
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + header + payload


@dataclasses.dataclass
class Host:
    """A client, and what is reserved for it."""
    name: str
    mac: bytes
    address: bytes  # None: it is not known to the servers
    client_id: bytes = None


@dataclasses.dataclass
class Place:
    """The network as the server has it."""
    server: bytes
    server_mac: bytes
    broadcast: bytes
    stranger: bytes  # another server
    foreign: bytes   # an address of another network


@dataclasses.dataclass(eq=False)
class Message:
    """What a client says. Odd ones have a note that says how."""
    host: Host
    type: int
    options: dict
    xid: bytes = b"\0\0\0\0"
    ciaddr: bytes = bytes(4)
    giaddr: bytes = bytes(4)
    chaddr: bytes = None
    flags: int = 0
    secs: int = 0
    hops: int = 0
    op: int = 1
    hlen: int = 6
    cookie: bytes = COOKIE
    unicast: bool = False
    destination: bytes = b"\xff" * 4
    tail: bytes = b"\xff"
    length: int = 300
    how: dict = dataclasses.field(default_factory=dict)
    note: str = ""

    def __post_init__(self):
        if self.chaddr is None:
            self.chaddr = self.host.mac

    def frame(self, place):
        body = struct.pack("!BBBB4sHH4s4s4s4s16s64x128x4s", self.op, 1, self.hlen, self.hops, self.xid,
                           self.secs, self.flags, self.ciaddr, bytes(4), bytes(4), self.giaddr,
                           self.chaddr, self.cookie)
        for code, value in self.options.items():
            body += bytes((code, len(value))) + value
        body = (body + self.tail).ljust(self.length, b"\0")
        destination = place.server if self.unicast else self.destination
        packet = udp4(self.source(place), destination, (68, 67), body, **self.how)
        mac = place.server_mac if self.unicast else BROADCAST_MAC
        return mac + self.host.mac + b"\x08\x00" + packet

    def source(self, place):
        """A server's stack takes none of its own addresses, and no unset one to the subnet's broadcast."""
        if self.destination == place.broadcast:
            return self.host.address or address("172.16.1.222")
        return self.ciaddr if self.unicast and self.ciaddr not in (place.server, place.broadcast) else bytes(4)

    def requested(self):
        return self.options.get(REQUESTED)

    def server(self):
        return self.options.get(SERVER)

    def wanted(self):
        return self.options.get(WANTED)

    def __str__(self):
        options = " ".join(f"{code}={value.hex()}" for code, value in self.options.items() if code != TYPE)
        return (f"{NAMES[self.type]} of {self.host.name} {self.note} ciaddr={self.ciaddr.hex()} flags={self.flags:04x} "
                f"unicast={self.unicast} length={self.length} {options}")


@dataclasses.dataclass
class Reply:
    """A server's frame: `fields` by name, `options` by code."""
    fields: dict
    options: dict

    @property
    def type(self):
        """None: BOOTP."""
        return self.options[TYPE][0] if TYPE in self.options else None

    def __str__(self):
        fields = " ".join(f"{name}={self.fields[name].hex()}" for name in ("ciaddr", "yiaddr", "destination"))
        options = " ".join(f"{code}={value.hex()}" for code, value in self.options.items() if code != TYPE)
        return f"{NAMES.get(self.type, 'BOOTP')} {fields} {options}"


def read_reply(frame):
    """A DHCP reply taken apart; None when the frame is something else."""
    if len(frame) < 14 + 20 + 8 + 240 or frame[12:14] != b"\x08\x00" or frame[23] != socket.IPPROTO_UDP:
        return None
    packet = frame[14:14 + struct.unpack("!H", frame[16:18])[0]]
    ip, udp, body = packet[:20], packet[20:28], packet[28:]
    source_port, destination_port, length, csum = struct.unpack("!HHHH", udp)
    if source_port != 67:
        return None
    pseudo = ip[12:20] + struct.pack("!HH", socket.IPPROTO_UDP, length)
    names = ("op", "htype", "hlen", "hops", "xid", "secs", "flags", "ciaddr", "yiaddr", "siaddr", "giaddr",
             "chaddr", "sname", "file", "cookie")
    fields = dict(zip(names, struct.unpack("!BBBB4sHH4s4s4s4s16s64s128s4s", body[:240])))
    fields.update({
        "ether destination": frame[:6], "ether source": frame[6:12],
        "ip version": ip[0], "tos": ip[1], "df": ip[6:8], "ttl": ip[8], "source": ip[12:16],
        "destination": ip[16:20], "ip checksum right": checksum(ip) == 0,
        "destination port": destination_port, "udp length right": length == len(packet) - 20,
        "udp checksum right": csum != 0 and checksum(pseudo + udp + body) == 0,
        "length": len(body),
    })
    options, at = {}, 240
    while body[at] != 255:
        code = body[at]
        if code != 0:
            assert code not in options, f"option {code} twice"
            options[code] = body[at + 2:at + 2 + body[at + 1]]
            at += body[at + 1] + 1
        at += 1
    fields["padding"] = set(body[at + 1:])
    return Reply(fields, options)


class Client:
    """Random messages of hosts."""

    def __init__(self, seed, place, hosts):
        self.rng = random.Random(seed)
        self.place = place
        self.hosts = hosts
        self.n_sent = 0

    def message(self, host):
        """One message, of any kind."""
        kinds = {self.discover: 20, self.selecting: 20, self.init_reboot: 12, self.renewing: 16,
                 self.release: 6, self.inform: 8, self.odd: 18, self.decline: 3}
        kind = self.rng.choices(list(kinds), kinds.values())[0]
        message = kind(host)
        self.n_sent += 1
        message.xid = struct.pack("!I", self.rng.getrandbits(16) << 16 | self.n_sent)
        return message

    def probably(self, chance=0.8):
        return self.rng.random() < chance

    def base(self, host, kind, **more):
        """A message with what any may have beside its kind."""
        rng = self.rng
        options = {TYPE: bytes((kind,))}
        if host.client_id:
            options[CLIENT_ID] = host.client_id
        if self.probably(0.4):
            options[12] = rng.choice((b"cirros", b"WIN-7", b"host-172-16-1-1", b"x" * 63))
        if self.probably(0.4):
            options[60] = rng.choice((b"udhcp 1.35.0", b"MSFT 5.0", b"dhcpcd-9.4"))
        if self.probably(0.35):
            options[LEASE] = struct.pack("!I", rng.choice(WISHES))
        if self.probably(0.4):
            options[MAX_SIZE] = struct.pack("!H", rng.choice(SIZES))
        if self.probably(0.85):
            options[WANTED] = bytes(rng.choice(list(LISTS.values())) if self.probably(0.6) else
                                    rng.sample(LISTED, rng.randrange(1, 12)))
        flags = BROADCAST_FLAG if self.probably(0.35) else 0
        return Message(host, kind, options, flags=flags, secs=rng.choice((0, 1, 17)),
                       length=rng.choice((0, 300, 300, 300, 548, 576, 1100)), **more)

    def own(self, host):
        return host.address or self.place.foreign

    def wrong(self, host):
        """An address that is not the host's."""
        others = [other.address for other in self.hosts if other.address and other is not host]
        return self.rng.choice((self.rng.choice(others), self.place.foreign, self.place.server,
                                self.place.broadcast, bytes(4), address("172.16.1.222")))

    def discover(self, host):
        message = self.base(host, DISCOVER)
        if self.probably(0.5):
            message.options[REQUESTED] = self.own(host) if self.probably(0.5) else self.wrong(host)
        return message

    def selecting(self, host):
        message = self.base(host, REQUEST)
        message.options[REQUESTED] = self.own(host) if self.probably(0.7) else self.wrong(host)
        message.options[SERVER] = self.place.server if self.probably(0.8) else self.place.stranger
        return message

    def init_reboot(self, host):
        message = self.base(host, REQUEST)
        message.options[REQUESTED] = self.own(host) if self.probably(0.7) else self.wrong(host)
        return message

    def renewing(self, host):
        """By unicast, or by broadcast when that was not answered."""
        right = self.probably(0.75)
        message = self.base(host, REQUEST)
        message.unicast = self.probably(0.6)
        message.ciaddr = self.own(host) if right else self.wrong(host)
        if self.probably(0.1):
            message.options[SERVER] = self.rng.choice((self.place.server, self.place.stranger))
        return message

    def release(self, host):
        message = self.base(host, RELEASE)
        message.unicast = True
        message.ciaddr = self.own(host) if self.probably(0.8) else self.wrong(host)
        if self.probably(0.9):
            message.options[SERVER] = self.place.server if self.probably(0.8) else self.place.stranger
        return message

    def decline(self, host):
        message = self.base(host, DECLINE)
        message.options[REQUESTED] = self.own(host) if self.probably(0.8) else self.wrong(host)
        if self.probably(0.9):
            message.options[SERVER] = self.place.server if self.probably(0.9) else self.place.stranger
        return message

    def inform(self, host):
        message = self.base(host, INFORM)
        message.unicast = self.probably(0.3)
        message.ciaddr = self.own(host) if self.probably(0.9) else bytes(4)
        return message

    def odd(self, host):
        """What a server must not take, or must take although it looks strange."""
        message = self.rng.choice((self.discover, self.selecting, self.init_reboot))(host)
        how = self.rng.choice(ODD)
        message.note = how
        getattr(self, "odd_" + how.replace(" ", "_"))(message)
        return message

    def odd_relayed(self, message):
        message.giaddr = RELAY
        message.hops = 1

    def odd_chaddr(self, message):
        message.chaddr = self.rng.choice([h for h in self.hosts if h is not message.host]).mac
        message.options.pop(CLIENT_ID, None)

    def odd_bootp(self, message):
        del message.options[TYPE]

    def odd_op(self, message):
        message.op = 2

    def odd_hlen(self, message):
        message.hlen = self.rng.choice((5, 7, 16, 17, 255))

    def odd_cookie(self, message):
        message.cookie = bytes(4)

    def odd_option_past_the_end(self, message):
        message.tail = bytes((42, 200)) + b"\x0a\0\0\1"
        message.length = 0

    def odd_type(self, message):
        message.options[TYPE] = bytes((self.rng.choice((0, OFFER, ACK, NAK, 9, 13, 200)),))

    def odd_udp_checksum(self, message):
        message.how["csum"] = "wrong"

    def odd_no_udp_checksum(self, message):
        message.how["csum"] = "none"

    def odd_fragment(self, message):
        message.how["frag"] = self.rng.choice((0x2000, 0x0040))

    def odd_no_end_option(self, message):
        message.tail = b""
        message.length = 0

    def odd_subnet_broadcast(self, message):
        message.destination = self.place.broadcast

    def odd_empty_list(self, message):
        message.options[WANTED] = b""

    def odd_pads(self, message):
        message.options = {TYPE: message.options.pop(TYPE), 0x2b: b"\0\0\xff\0", **message.options}


ODD = ("relayed", "chaddr", "bootp", "op", "hlen", "cookie", "option past the end", "type", "udp checksum",
       "no udp checksum", "fragment", "no end option", "subnet broadcast", "empty list", "pads")
