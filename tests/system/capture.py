# SPDX-License-Identifier: BSD-3-Clause
"""Raw frames in and out of a namespace's interface.

A Capture is an AF_PACKET socket: it is capturing when its constructor returns, and the kernel keeps the
frames until they are asked for, so there is nothing to wait for and no thread. 802.1Q tags, which the
kernel moves beside the frame, are put back where they were on the wire.
"""

import select
import socket
import struct
import time

from scapy.config import conf

from netlab import PATIENCE

conf.verb = 0

from scapy.all import Ether  # noqa: E402 pylint: disable=wrong-import-position

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_AUXDATA = 8
PACKET_OUTGOING = 4
PACKET_QDISC_BYPASS = 20
SO_RCVBUFFORCE = 33
TP_STATUS_VLAN_VALID = 1 << 4
TP_STATUS_VLAN_TPID_VALID = 1 << 6
AUXDATA = struct.Struct("=IIIHHHH")


class Port:
    """A raw socket on an interface: sends frames as they are, past any tc filter."""

    def __init__(self, ns, ifname="eth0"):
        with ns.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.socket.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
            self.socket.bind((ifname, 0))
        ns.lab.closers.append(self.socket.close)

    def send(self, *frames):
        for frame in frames:
            self.socket.send(bytes(frame))


class Capture:
    """Everything an interface receives (or also sends, with outgoing=True) from now on."""

    def __init__(self, ns, ifname="eth0", outgoing=False):
        self.outgoing = outgoing
        self.frames = []
        with ns.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
            self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            self.socket.bind((ifname, ETH_P_ALL))
        self.socket.setblocking(False)
        ns.lab.closers.append(self.socket.close)

    def _drain(self):
        while True:
            try:
                data, extra, _, address = self.socket.recvmsg(65536, 256)
            except BlockingIOError:
                return
            if address[2] == PACKET_OUTGOING and not self.outgoing:
                continue
            self.frames.append(Ether(_with_tag(data, extra)))

    def clear(self):
        self.frames = []

    def matching(self, predicate):
        """What has been seen so far."""
        self._drain()
        return [frame for frame in self.frames if predicate(frame)]

    def wait(self, predicate, what, n=1, timeout=PATIENCE):
        """The first n frames that match; AssertionError when they do not come in time."""
        deadline = time.monotonic() + timeout
        while True:
            found = self.matching(predicate)
            if len(found) >= n:
                return found[:n]
            left = deadline - time.monotonic()
            if left <= 0:
                seen = "\n".join(frame.summary() for frame in self.frames[:20])
                raise AssertionError(f"waited {timeout:g} s for {n} of {what}; "
                                     f"{len(found)} came. Seen:\n{seen}")
            select.select([self.socket], [], [], left)


def _with_tag(data, extra):
    for level, kind, value in extra:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tci, tpid = AUXDATA.unpack(value[:AUXDATA.size])
            if status & TP_STATUS_VLAN_VALID:
                tpid = tpid if status & TP_STATUS_VLAN_TPID_VALID else 0x8100
                return data[:12] + struct.pack("!HH", tpid, tci) + data[12:]
    return data
