# SPDX-License-Identifier: BSD-3-Clause
"""A router between four networks, with a cable into each, and what comes out of it.

A RouterWorld is a router in a namespace and another namespace with the far ends of its cables. Behind
an end are all hosts of a network: the world answers ARP for them. run() drives flows, generators that
send shots (packets of one host) and get back what came out of each, and so can answer as the other
side of a connection would, whatever addresses and ports the router gave it.

What comes out is known by the IP identification, which routers keep, and each shot has its own; of an
ICMP error by that of the quoted packet. Nothing is waited for by the clock: behind the shots of a round
go pings of the router itself, then packets between all pairs of ends. A router that keeps the order
of what comes by one cable is done with the shots when these have come out; the pings go the slow way,
if it has one.
"""

import contextlib
import select
import struct
import time
from dataclasses import dataclass, field

import filter_packets as fp
import router_packets as rp
from filter_world import End, one_cpu, send
from netlab import wait_for
from node import Weft
from router_scenario import BARRIERS, NETS, ON_LINK, OUTSIDE, document

FLOWS_AT_ONCE = 100
BATCH = 120  # frames: less than any queue on the way holds
# Routers limit how many ICMP errors they send: in all, and to one address, one a second.
ERRORS_AT_ONCE = 30
ERRORS_TO_ONE = 5
ARP_AT_ONCE = 40
REFRESH_S = 20  # neighbours that nobody speaks of are forgotten
BARRIER_PORT = 9
ETH_IP = b"\x08\x00"


@dataclass(eq=False)
class Shot:
    """What one host sends, to its router: an IP packet, or the fragments of one."""
    host: object
    packets: list
    note: str  # what it is, for people
    provokes: bool = False  # an ICMP error of the router
    answer: tuple = None  # (protocol, address, port) that an answer of the router itself goes to
    patience: float = 0  # that what comes of it may take, in seconds
    arrivals: list = field(default_factory=list)  # (end, frame)

    @property
    def ip(self):
        return rp.Ip(self.packets[0])

    def frames(self):
        net = NETS[self.host.net]
        return [fp.ethernet(self.host.mac, net.router_mac, fp.ETH_IP, packet) for packet in self.packets]


def is_reset(shot):
    return shot.ip.protocol == fp.TCP and bool(shot.ip.l4[13] & fp.RST)


class Flow:
    """A generator of lists of shots, and all that came of it."""

    def __init__(self, name, steps):
        self.name = name
        self.steps = steps
        self.shots = []  # of all steps so far
        self.current = []

    def go_on(self):
        """The next shots, [] at the end."""
        try:
            self.current = self.steps.send([s.arrivals for s in self.current] if self.shots else None)
        except StopIteration:
            self.current = []
        self.shots += self.current
        return self.current


class RouterWorld:
    """A router, its cables, the hosts behind them."""

    def __init__(self, hosts):
        self.ends = {name: End(hosts, name, BARRIERS[name].mac) for name in NETS}
        self.tags = {}  # VID of an end where frames are tagged
        self.places = {name: {} for name in NETS}
        for host in ON_LINK:
            self.places[host.net][fp.ip(host.ip)] = fp.mac(host.mac)
        self.barriers = 0
        self.shots = {}  # by IP identification
        self.answers = {}  # by Shot.answer
        self.segments = {}  # the last one of a connection's side
        self.strange = []
        self.refreshed = -REFRESH_S
        self.heard = {}  # address → when it can be told of as many errors again
        self.seen = set()  # barriers that have come, (end, serial, from)
        self.known = set()  # (end, address) that has asked and got an answer

    # ---- frames

    def _send(self, name, frame):
        vid = self.tags.get(name)
        if vid:
            frame = frame[:12] + struct.pack("!HH", fp.ETH_VLAN, vid) + frame[12:]
        send(self.ends[name].tx, frame)

    def _take(self, name):
        """Takes in what has come at an end."""
        for frame in self.ends[name].drain():
            if frame[12:14] == b"\x08\x06":
                self._take_arp(name, frame)
            elif frame[12:14] == ETH_IP and len(frame) >= 34:
                ip = rp.ip_of(frame)
                if not self._take_barrier(name, ip):
                    self._take_arrival(name, frame, ip)

    def _take_arp(self, name, frame):
        op, = struct.unpack_from("!H", frame, 20)
        sender, target = frame[28:32], frame[38:42]
        mac = self.places[name].get(target)
        if op == 1 and mac:
            self._send(name, frame[6:12] + mac + b"\x08\x06\0\1\x08\0\6\4\0\2" + mac + target
                       + frame[22:28] + sender)
        elif op == 2:
            self.known.add((name, target))

    def _take_barrier(self, name, ip):
        if ip.protocol == fp.ICMP and ip.l4[8:15] == b"barrier" and ip.l4[0] == rp.ECHO_REPLY:
            self.seen.add((name, ip.l4[15:19], "router"))
        elif ip.protocol == fp.UDP and ip.l4[8:15] == b"barrier":
            self.seen.add((name, ip.l4[15:19], ip.l4[19:].decode()))
        else:
            return False
        return True

    def _take_arrival(self, name, frame, ip):
        shot = self._shot_of(ip)
        if shot:
            shot.arrivals.append((name, frame))
        else:
            self.strange.append((name, frame))

    def _shot_of(self, ip):
        """The shot that a packet came of."""
        port = ip.ports[1]
        if not ip.is_error and (ip.protocol, ip.dst, port) in self.answers:
            return self.answers[ip.protocol, ip.dst, port]
        shot = self.shots.get(ip.ident)
        if ip.protocol == fp.TCP and ip.l4[13] & fp.RST and not (shot and is_reset(shot)):
            return self.segments.get((ip.dst, port, ip.src, ip.ports[0]))
        if not ip.is_error:
            return shot if shot and shot.ip.protocol == ip.protocol else None
        quote = ip.quote
        if shot and shot.ip.is_error and shot.ip.l4[:2] == ip.l4[:2] \
                and (not quote or (shot.ip.quote and shot.ip.quote.ident == quote.ident)):
            return shot
        return self.shots.get(quote.ident) if quote else None

    # ---- waiting

    def _wait(self, missing, what, timeout=10):
        deadline = time.monotonic() + timeout
        sockets = {end.rx: name for name, end in self.ends.items()}
        while True:
            missing -= self.seen
            left = deadline - time.monotonic()
            if not missing:
                return
            assert left > 0, f"{what} did not come: {sorted(missing)}"
            for sock in select.select(list(sockets), [], [], left)[0]:
                self._take(sockets[sock])

    def settle(self):
        """Waits until everything that was sent has come out."""
        self.barriers += 1
        self.seen.clear()
        body = b"barrier" + struct.pack("!I", self.barriers)
        for name, host in BARRIERS.items():
            self._send_barrier(host, NETS[name].router, fp.ICMP, fp.icmp(rp.ECHO, 0, self.barriers, body))
        self._wait({(name, body[7:], "router") for name in NETS}, "answers to pings of the router")
        pairs = [(a, b) for a in NETS for b in NETS if a != b]
        for a, b in pairs:
            host, to = BARRIERS[a], BARRIERS[b]
            self._send_barrier(host, to.ip, fp.UDP, fp.udp(
                host.ip, to.ip, (BARRIER_PORT, BARRIER_PORT), body + a.encode()))
        self._wait({(b, body[7:], a) for a, b in pairs}, "packets through the router")

    def _send_barrier(self, host, to, protocol, l4):
        self._send(host.net, fp.ethernet(host.mac, NETS[host.net].router_mac, fp.ETH_IP,
                                         fp.ip4(host.ip, to, protocol, l4)))

    def linger(self, shots):
        """Waits until something has come of each shot."""
        deadline = time.monotonic() + max(shot.patience for shot in shots)
        while any(not shot.arrivals for shot in shots) and time.monotonic() < deadline:
            for sock in select.select([end.rx for end in self.ends.values()], [], [], 0.1)[0]:
                self._take(next(name for name, end in self.ends.items() if end.rx is sock))

    def greet(self):
        """Every host asks for its router, so that the router knows them."""
        for start in range(0, len(ON_LINK), ARP_AT_ONCE):
            hosts = ON_LINK[start:start + ARP_AT_ONCE]
            self.known.clear()
            for host in hosts:
                self._send(host.net, fp.ethernet(host.mac, fp.BROADCAST, fp.ETH_ARP, fp.arp(
                    1, host.mac, host.ip, "00:00:00:00:00:00", NETS[host.net].router)).ljust(60, b"\0"))
            wait_for(lambda hosts=hosts: self._all_known(hosts), "answers to ARP of the router")
        self.refreshed = time.monotonic()

    def _all_known(self, hosts):
        for name in self.ends:
            self._take(name)
        return all((host.net, fp.ip(host.ip)) in self.known for host in hosts)

    # ---- flows

    def run(self, flows):
        """Drives the flows to their ends, many at a time."""
        waiting, active = list(reversed(flows)), []
        with one_cpu():
            while waiting or active:
                if time.monotonic() >= self.refreshed + REFRESH_S:
                    self.greet()
                while waiting and len(active) < FLOWS_AT_ONCE:
                    active.append(waiting.pop())
                shots = [shot for flow in active for shot in flow.go_on()]
                active = [flow for flow in active if flow.current]
                self._fire(shots)
        for shot in self.shots.values():
            shot.arrivals.sort(key=lambda arrival: arrival[0])
        return flows

    def _fire(self, shots):
        frames = errors = 0
        for shot in shots:
            self._register(shot)
            if shot.provokes:
                self._let_hear(shot.ip.src)
            for frame in shot.frames():
                self._send(shot.host.net, frame)
            frames += len(shot.packets)
            errors += shot.provokes
            if frames >= BATCH or errors >= ERRORS_AT_ONCE:
                self._pause(errors)
                frames = errors = 0
        self._pause(errors)
        patient = [shot for shot in shots if shot.patience]
        if patient:
            self.linger(patient)

    def _pause(self, errors):
        """Until all is done, and the router may send as many ICMP errors again."""
        self.settle()
        time.sleep(errors / 1000)

    def _let_hear(self, address):
        """Until a router may send an address another ICMP error."""
        now = time.monotonic()
        full = self.heard.get(address, 0)
        if full > now + ERRORS_TO_ONE - 1:
            time.sleep(full - now - ERRORS_TO_ONE + 1)
        self.heard[address] = max(full, now) + 1

    def _register(self, shot):
        ident = shot.ip.ident
        assert ident not in self.shots, f"two shots {ident}: {shot.note}, {self.shots[ident].note}"
        self.shots[ident] = shot
        if shot.ip.protocol == fp.TCP:
            self.segments[shot.ip.src, shot.ip.ports[0], shot.ip.dst, shot.ip.ports[1]] = shot
        if shot.answer:
            assert shot.answer not in self.answers, shot.note
            self.answers[shot.answer] = shot


class WeftRouter(RouterWorld):
    """weft as the router: two VXLAN networks with their hosts behind a TAP device, a VLAN on an uplink,
    the external network on another."""

    def __init__(self, lab):
        ns, hosts = lab.ns("weft"), lab.ns("whosts")
        for inside, outside in (("wtrunk", "green"), ("wout", OUTSIDE), ("wunder", "under")):
            lab.veth(ns, inside, hosts, outside)
        config = document()
        for name in ("red", "blue"):
            config["ports"][name] = {"network": name, "device": f"tap:w{name}", "mac": BARRIERS[name].mac,
                                     "addresses": [BARRIERS[name].ip], "port-security": False}
        self.weft = Weft(ns, {
            **config,
            "uplinks": {"provider": {"device": "packet:wtrunk", "vlans": "1001-2000"},
                        OUTSIDE: {"device": "packet:wout"},
                        "under": {"device": "packet:wunder", "address": "192.0.2.1/24"}},
            "tunnel": {"uplink": "under", "remotes": ["192.0.2.2"]}})
        for name in ("red", "blue"):
            wait_for(lambda tap=f"w{name}": ns.has(tap), f"TAP device w{name}")
            ns.ip(f"link set dev w{name} netns {hosts.name} name {name}")
        super().__init__(hosts)
        self.tags = {"green": NETS["green"].vid}

    def greet(self):
        super().greet()
        for host in ON_LINK:
            with contextlib.suppress(KeyError):
                self.weft.wait_fdb(host.net, host.mac, self._place(host.net))

    @staticmethod
    def _place(name):
        return {"red": "port red", "blue": "port blue", "green": "uplink provider",
                OUTSIDE: f"uplink {OUTSIDE}"}[name]
