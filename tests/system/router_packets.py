# SPDX-License-Identifier: BSD-3-Clause
"""IPv4 packets taken apart, for the differential test of routers: header by header, and in a form in
which two packets that were translated to different ports are the same."""

import struct
from dataclasses import dataclass

import filter_packets as fp

ECHO_REPLY, UNREACHABLE, QUENCH, REDIRECT, ECHO, TIME_EXCEEDED, PROBLEM = 0, 3, 4, 5, 8, 11, 12
ERRORS = (UNREACHABLE, QUENCH, REDIRECT, TIME_EXCEEDED, PROBLEM)
SCTP = 132


def text(address):
    return ".".join(map(str, address))


def _add(*words):
    """The ones' complement sum of 16-bit words."""
    s = sum(words)
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return s


@dataclass
class Ip:
    """An IPv4 packet, or what is quoted of one."""
    raw: bytes

    def __post_init__(self):
        self.head_len = (self.raw[0] & 15) * 4
        self.tos = self.raw[1]
        self.length, self.ident, fragment = struct.unpack_from("!HHH", self.raw, 2)
        self.df, self.more, self.offset = bool(fragment & 0x4000), bool(fragment & 0x2000), \
            (fragment & 0x1fff) * 8
        self.ttl, self.protocol, self.csum = struct.unpack_from("!BBH", self.raw, 8)
        self.src, self.dst = text(self.raw[12:16]), text(self.raw[16:20])
        self.options = self.raw[20:self.head_len]
        self.l4 = self.raw[self.head_len:self.length]

    @property
    def is_fragment(self):
        return self.more or self.offset != 0

    @property
    def is_error(self):
        return self.protocol == fp.ICMP and not self.offset and len(self.l4) >= 8 \
            and self.l4[0] in ERRORS

    @property
    def quote(self):
        """What an ICMP error quotes, None when that is no IPv4 header."""
        body = self.l4[8:]
        return Ip(body) if len(body) >= 20 and body[0] >> 4 == 4 and body[0] & 15 >= 5 else None

    @property
    def ports(self):
        """Source and destination; of ICMP the id, twice."""
        if self.protocol in (fp.TCP, fp.UDP, SCTP) and len(self.l4) >= 4:
            return struct.unpack_from("!HH", self.l4)
        if self.protocol == fp.ICMP and len(self.l4) >= 6:
            ident, = struct.unpack_from("!H", self.l4, 4)
            return ident, ident
        return 0, 0

    @property
    def header_sum(self):
        """0xffff when the header checksum is right."""
        return fp.total(self.raw[:self.head_len])


def ip_of(frame):
    """The IPv4 packet in a frame, without what pads the frame; None of anything else."""
    if frame[12:14] != b"\x08\x00" or len(frame) < 34:
        return None
    return Ip(frame[14:14 + struct.unpack_from("!H", frame, 16)[0]])


class Names:
    """Ports that a translation chose for itself: of those only the class counts (below 512, below 1024,
    above), and of ids of ICMP nothing. With `any_port` it may have chosen the client's own, too."""

    def __init__(self, any_port=False):
        self.any_port = any_port
        self.of = {}
        self.changed = 0

    def chosen(self, asked, given, protocol):
        name = "chosen" if protocol == fp.ICMP else f"chosen of {port_class(given)}"
        if given != asked:
            self.changed += 1
        if given != asked or self.any_port:
            self.of[given] = name
        if self.any_port:
            self.of[asked] = name

    def __getitem__(self, port):
        return self.of.get(port, port)


def port_class(port):
    return "0-511" if port < 512 else "512-1023" if port < 1024 else "1024-65535"


def _l4_sum(ip, at, names):
    """What must be the same of a checksum however addresses and ports were translated. `at`: where it
    is; packets whose ports were chosen are the same then too."""
    if len(ip.l4) < at + 2:
        return None
    csum, = struct.unpack_from("!H", ip.l4, at)
    if ip.protocol == fp.UDP and csum == 0:
        return "none"
    addresses = struct.unpack_from("!4H", ip.raw, 12)
    ports = [port for port in ip.ports if names[port] != port]
    return _add(csum, *addresses, *ports) % 0xffff


def _full_sum(ip):
    """Whether the L4 checksum of a whole packet is right."""
    if ip.protocol == fp.ICMP:
        return fp.total(ip.l4) == 0xffff
    if ip.protocol == fp.UDP and ip.l4[6:8] == b"\0\0":
        return True
    return fp.total(ip.l4, fp.pseudo(ip.src, ip.dst, ip.protocol, len(ip.l4))) == 0xffff


def _l4(ip, names, whole):
    """Headers and payload behind the IP header as {name: value}."""
    l4, fields = ip.l4, {}
    if ip.offset or (ip.more and whole):
        return {"data": l4}
    if ip.protocol in (fp.TCP, fp.UDP) and len(l4) >= 8:
        fields["sport"], fields["dport"] = (names[port] for port in ip.ports)
        at = 16 if ip.protocol == fp.TCP else 6
        fields["l4 sum"] = _l4_sum(ip, at, names)
        fields["l4"] = l4[4:at] + b"\0\0" + l4[at + 2:] if len(l4) >= at + 2 else l4[4:]
        if whole:
            fields["sum right"] = _full_sum(ip)
    elif ip.protocol == fp.ICMP and len(l4) >= 8:
        fields["icmp"] = f"{l4[0]}/{l4[1]}"
        if whole:
            fields["sum right"] = _full_sum(ip)
        if ip.is_error:
            fields["rest"] = l4[4:8]
            fields |= {f"quoted {key}": value for key, value in _quote(ip, names).items()}
        else:
            ident = ip.ports[0]
            fields["id of ICMP"] = names[ident]
            fields["l4 sum"] = _add(struct.unpack_from("!H", l4, 2)[0],
                                    ident if names[ident] != ident else 0) % 0xffff
            fields["l4"] = l4[6:]
    else:
        fields["data"] = l4
    return fields


def _quote(ip, names):
    quote = ip.quote
    return fields_of(quote, names, whole=False) if quote else {"data": ip.l4[8:]}


def fields_of(ip, names, whole=True):
    """An IPv4 packet as {name: value}. `whole` is false for what is quoted."""
    fields = {
        "tos": ip.tos, "length": ip.length, "df": ip.df, "ttl": ip.ttl, "protocol": ip.protocol,
        "src": ip.src, "dst": ip.dst, "options": ip.options, "id": ip.ident,
        "header sum": ip.header_sum}
    if ip.is_fragment:
        fields["fragment"] = (ip.offset, ip.more)
    return fields | _l4(ip, names, whole)


def frame_fields(frame, names):
    """A frame with IPv4 as {name: value}."""
    return {"to": frame[0:6].hex(":"), "from": frame[6:12].hex(":")} | fields_of(ip_of(frame), names)


class Assembly:
    """The fragments of one datagram, as they come."""

    def __init__(self):
        self.pieces = {}
        self.frames = []
        self.end = None

    def add(self, frame):
        ip = ip_of(frame)
        self.frames.append(frame)
        self.pieces[ip.offset] = ip.l4
        if not ip.more:
            self.end = ip.offset + len(ip.l4)

    def whole(self):
        """The datagram in one frame, None when a part is missing."""
        data = b""
        while len(data) in self.pieces and self.pieces[len(data)]:
            data += self.pieces[len(data)]
        if self.end is None or len(data) != self.end:
            return None
        first = next(frame for frame in self.frames if ip_of(frame).offset == 0)
        ip = ip_of(first)
        head = bytearray(ip.raw[:ip.head_len])
        struct.pack_into("!H", head, 2, ip.head_len + len(data))
        struct.pack_into("!H", head, 6, 0x4000 if ip.df else 0)
        struct.pack_into("!H", head, 10, 0)
        struct.pack_into("!H", head, 10, fp.checksum(bytes(head)))
        return first[:14] + bytes(head) + data

    def problem(self, mtu):
        """What is wrong with the fragments themselves."""
        for frame in self.frames:
            ip = ip_of(frame)
            if ip.header_sum != 0xffff:
                return "the header checksum of a fragment is wrong"
            if ip.length > mtu:
                return f"a fragment of {ip.length} bytes"
            if ip.more and len(ip.l4) % 8:
                return "a fragment that is no multiple of 8 bytes long"
        heads = {(ip.tos, ip.ttl, ip.df, ip.src, ip.dst) for ip in map(ip_of, self.frames)}
        return "fragments with different headers" if len(heads) > 1 else None
