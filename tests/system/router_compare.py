# SPDX-License-Identifier: BSD-3-Clause
"""What came out of two routers, compared header by header."""

from dataclasses import dataclass

import filter_packets as fp
import router_packets as rp
from router_scenario import NETS

# Numbers that a router chooses for packets of its own.
CHOSEN = ("id",)


@dataclass
class Arrival:
    """A packet that came out."""
    end: str
    ip: rp.Ip
    fields: dict

    @property
    def is_redirect(self):
        return self.ip.is_error and self.ip.l4[0] == rp.REDIRECT


def is_routers_own(ip, shot):
    """Whether the router has made a packet: an ICMP error, an answer to what was for the router."""
    if ip.is_error:
        return not shot.ip.is_error
    if ip.protocol == fp.ICMP:
        return ip.l4[0] == rp.ECHO_REPLY and shot.ip.l4[0] == rp.ECHO
    return ip.protocol == fp.TCP and not ip.offset and bool(ip.l4[13] & fp.RST) \
        and not shot.ip.l4[13] & fp.RST


class Outcome:
    """What came of the shots of a flow in one world."""

    def __init__(self, flow, any_port=False):
        self.shots = flow.shots
        self.names = rp.Names(any_port)
        self.reached = set()  # addresses and ports
        for shot in flow.shots:
            self._learn_ports(shot)
        self.arrivals = [self._arrivals(shot) for shot in flow.shots]

    def _learn_ports(self, shot):
        """Ports that the router has chosen for those that the client has."""
        port = shot.ip.ports[0]
        for _, frame in shot.arrivals:
            ip = rp.ip_of(frame)
            if ip.is_error or shot.ip.is_error or ip.offset or is_routers_own(ip, shot):
                continue
            is_answer = (shot.ip.src, port) in self.reached
            if ip.src != shot.ip.src and not is_answer:
                self.names.chosen(port, ip.ports[0], ip.protocol)
            self.reached.add((ip.dst, ip.ports[1]))

    def _arrivals(self, shot):
        assembly, arrivals = {}, []
        for end, frame in shot.arrivals:
            if rp.ip_of(frame).is_fragment:
                assembly.setdefault(end, rp.Assembly()).add(frame)
            else:
                arrivals.append(self._arrival(end, frame, {}))
        for end, pieces in assembly.items():
            whole = pieces.whole()
            if whole:
                arrivals.append(self._arrival(end, whole, {"fragments": pieces.problem(NETS[end].mtu)}))
            else:
                arrivals += [self._arrival(end, frame, {}) for frame in pieces.frames]
        return sorted(arrivals, key=lambda arrival: (
            is_routers_own(arrival.ip, shot), arrival.ip.is_error, arrival.end, arrival.ip.offset))

    def _arrival(self, end, frame, more):
        fields = rp.frame_fields(frame, self.names) | more | {"end": end}
        return Arrival(end, rp.ip_of(frame), fields)


def differences(shot, linux, weft):
    """Names of the headers in which the arrivals of a shot differ; None when already their number
    does."""
    if len(linux) != len(weft):
        return None
    names = set()
    for one, other in zip(linux, weft):
        own = is_routers_own(one.ip, shot) and is_routers_own(other.ip, shot)
        names |= {key for key in one.fields.keys() | other.fields.keys()
                  if one.fields.get(key) != other.fields.get(key) and not (own and key in CHOSEN)}
    return names


def describe(arrivals):
    if not arrivals:
        return "nothing"
    return "; ".join(f"{a.end}: {a.ip.src} > {a.ip.dst} ttl {a.ip.ttl} tos {a.ip.tos:#x} "
                     f"{a.fields.get('icmp', a.ip.ports)} {len(a.ip.raw)} bytes" for a in arrivals)


def explain(shot, linux, weft):
    """The difference, for people."""
    names = differences(shot, linux, weft)
    detail = ""
    if names:
        key = sorted(names)
        detail = ", ".join(
            f"{name}: {next((short(a.fields.get(name)) for a in linux), None)} / "
            f"{next((short(a.fields.get(name)) for a in weft), None)}" for name in key)
    return f"{shot.note}\n    linux: {describe(linux)}\n    weft:  {describe(weft)}\n    {detail}"


def short(value):
    return f"{value[:24].hex()}…({len(value)})" if isinstance(value, bytes) else value
