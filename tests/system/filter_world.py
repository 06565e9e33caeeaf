# SPDX-License-Identifier: BSD-3-Clause
"""A switch with instances on one side and a fabric on the other, and what it lets through.

A World is a switch in a namespace and another namespace with the far ends of all its cables: one for
each instance port of the configuration, and `fabric`. run() sends packets and says for each where it
came out. What makes that quick and yet exact: packets go in batches of one end, each followed by a
barrier, a frame that every other end must get; since a switch keeps the order of what comes from one
end, all that can come out of the batch has come out then. Frames are known again by their bytes.
"""

import contextlib
import os
import select
import socket
import struct
import time
from dataclasses import dataclass

import filter_packets as fp
from capture import PACKET_QDISC_BYPASS, SO_RCVBUFFORCE, SOL_PACKET, ETH_P_ALL
from netlab import wait_for
from node import Weft

FABRIC = "fabric"
NETWORK = "net"
PACKET_IGNORE_OUTGOING = 23
BARRIER_TYPE = 0x88b5  # IEEE local experimental
BEGINNING = 100  # bytes that tell a fragmented datagram from any other
BATCH = 96  # frames: less than any queue on the way holds


@dataclass(eq=False)
class Packet:
    """What one end sends: a frame, or the fragments of one datagram."""
    end: str
    frames: list
    note: str  # what it is, for people
    deviation: str = None


class End:
    """The far end of a cable: a pair of raw sockets."""

    def __init__(self, hosts, name, hwaddr):
        self.name = name
        self.hwaddr = hwaddr
        hosts.ip(f"link set dev {name} arp off up")
        with hosts.entered():
            self.tx = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.tx.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
            self.tx.bind((name, 0))
            self.rx = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.rx.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
            self.rx.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            self.rx.bind((name, ETH_P_ALL))
        self.rx.setblocking(False)
        hosts.lab.closers += [self.tx.close, self.rx.close]

    def drain(self):
        """The frames that have come."""
        with contextlib.suppress(BlockingIOError):
            while True:
                yield self.rx.recv(65536)


class Verdicts:
    """Where packets came out: a set of ends for each."""

    def __init__(self, packets):
        self.packets = packets
        self.strange = []  # (end, frame) that nobody sent
        self._out = [set() for _ in packets]
        self._frames = {}
        self._datagrams = {}
        self._beginnings = {}  # of datagrams: a switch that makes fragments anew may number them anew
        for i, packet in enumerate(packets):
            for frame in packet.frames:
                key = fp.identity(frame)
                other = self._frames.setdefault(key, i)
                assert other == i, f"the same frame twice: {packet.note}, {packets[other].note}"
            if len(packet.frames) > 1:
                self._expect_datagram(i, packet)

    def _expect_datagram(self, i, packet):
        """What must come out of a fragmented datagram: every byte, in whatever pieces."""
        sent = [fp.fragment_of(frame) for frame in packet.frames]
        # Without its last fragment, a datagram never comes out whole.
        missing = all(more for _, _, more, _ in sent)
        data = bytearray(missing + max(offset + len(payload) for _, offset, _, payload in sent))
        for _, offset, _, payload in sent:
            data[offset:offset + len(payload)] = payload
        assert sent[0][0] not in self._datagrams, f"the same datagram twice: {packet.note}"
        pieces = {(offset, payload) for _, offset, _, payload in sent}
        self._datagrams[sent[0][0]] = (i, bytes(data), pieces, {})
        self._beginnings[bytes(data[:BEGINNING])] = sent[0][0]

    def came(self, end, frame):
        fragment = fp.fragment_of(frame)
        if fragment and fragment[1] == 0 and fragment[0] not in self._datagrams:
            known = self._beginnings.get(fragment[3][:BEGINNING])
            if known:
                self._datagrams[fragment[0]] = self._datagrams[known]
        if fragment and fragment[0] in self._datagrams:
            i, data, pieces, seen = self._datagrams[fragment[0]]
            offset, payload = fragment[1], fragment[3]
            if payload != data[offset:offset + len(payload)] and (offset, payload) not in pieces:
                self.strange.append((end, frame))
            holes = seen.setdefault(end, bytearray(len(data)))
            holes[offset:offset + len(payload)] = b"\1" * len(payload)
            if all(holes):
                self._out[i].add(end)
            return
        i = self._frames.get(fp.identity(frame))
        if i is None:
            self.strange.append((end, frame))
        elif len(self.packets[i].frames) == 1:
            self._out[i].add(end)

    def __getitem__(self, i):
        return frozenset(self._out[i])


class World:
    """A switch, its cables, its far ends."""

    def __init__(self, hosts, document):
        hwaddrs = {name: port["mac"] for name, port in document["ports"].items()}
        hwaddrs[FABRIC] = "02:00:00:00:0f:ab"
        self.ends = {name: End(hosts, name, hwaddr) for name, hwaddr in hwaddrs.items()}
        self.barriers = 0

    def announce(self, places):
        """Lets the switch learn where MACs are: (end, MAC) each."""
        frames = [fp.ethernet(hwaddr, fp.BROADCAST, BARRIER_TYPE, b"here".ljust(46, b"\0"))
                  for _, hwaddr in places]
        for (end, _), frame in zip(places, frames):
            self.ends[end].tx.send(frame)
            self._barrier(self.ends[end], None)

    def run(self, rounds):
        """Sends rounds of packets, each end's in turn; Verdicts."""
        verdicts = Verdicts([packet for packets in rounds for packet in packets])
        with one_cpu():
            for packets in rounds:
                for name, end in self.ends.items():
                    self._send(end, [p for p in packets if p.end == name], verdicts)
        return verdicts

    def _send(self, end, packets, verdicts):
        waiting = 0
        for packet in packets:
            for frame in packet.frames:
                send(end.tx, frame)
            waiting += len(packet.frames)
            if waiting >= BATCH:
                self._barrier(end, verdicts)
                waiting = 0
        if waiting:
            self._barrier(end, verdicts)

    def _barrier(self, end, verdicts):
        self.barriers += 1
        body = struct.pack("!8sI", b"barrier", self.barriers).ljust(46, b"\0")
        barrier = fp.ethernet(end.hwaddr, fp.BROADCAST, BARRIER_TYPE, body)
        send(end.tx, barrier)
        missing = {other.rx: other for other in self.ends.values() if other is not end}
        deadline = time.monotonic() + 10
        while missing:
            left = deadline - time.monotonic()
            assert left > 0, f"a barrier from {end.name} did not come out at " \
                             f"{[other.name for other in missing.values()]}"
            for sock in select.select(list(missing), [], [], left)[0]:
                if self._take(missing[sock], barrier, verdicts):
                    del missing[sock]

    @staticmethod
    def _take(end, barrier, verdicts):
        """Takes in what has come; whether the barrier was there."""
        found = False
        for frame in end.drain():
            if frame[:60] == barrier:
                found = True
            elif verdicts:
                verdicts.came(end.name, frame)
        return found


@contextlib.contextmanager
def one_cpu():
    """Keeps this process on one CPU: the kernel keeps the order of frames on a cable only for each
    sending CPU."""
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cpus)


def send(sock, frame):
    while True:
        try:
            return sock.send(frame)
        except OSError as failure:  # ENOBUFS: a queue on the way is full for a moment
            if failure.errno != 105:
                raise
            time.sleep(0.001)


class WeftWorld(World):
    """weft as the switch: instances on TAP devices, the fabric on an AF_PACKET uplink."""

    def __init__(self, lab, document):
        ns, hosts = lab.ns("weft"), lab.ns("whosts")
        lab.veth(ns, "wfabric", hosts, FABRIC)
        ports = {name: {**port, "network": NETWORK, "device": f"tap:w{name}"}
                 for name, port in document["ports"].items()}
        self.weft = Weft(ns, {
            **document, "ports": ports,
            "uplinks": {"fabric": {"device": "packet:wfabric"}},
            "networks": {NETWORK: {"segments": [{"type": "flat", "uplink": "fabric"}]}}})
        for name in ports:
            wait_for(lambda tap=f"w{name}": ns.has(tap), f"TAP device w{name}")
            ns.ip(f"link set dev w{name} netns {hosts.name} name {name}")
        super().__init__(hosts, document)

    def announce(self, places):
        super().announce(places)
        for end, hwaddr in places:
            at = "uplink fabric" if end == FABRIC else f"port {end}"
            self.weft.wait_fdb(NETWORK, hwaddr, at)
