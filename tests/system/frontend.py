# SPDX-License-Identifier: BSD-3-Clause
"""The other end of vhost-user, as QEMU and a guest's driver are: listens on a socket, shares memory,
fills rings. It can send and receive frames, and write into the rings what no driver would.

Memory: the rings of queue q at q * RING_SPACE, then a buffer for each entry of each ring."""

import mmap
import os
import select
import socket
import struct

from netlab import PATIENCE, wait_for

# Messages.
GET_FEATURES, SET_FEATURES, SET_OWNER, SET_MEM_TABLE = 1, 2, 3, 5
SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE = 8, 9, 10
SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ENABLE = 12, 13, 18
WITH_ANSWER = (GET_FEATURES,)
VERSION = 1

# Features.
MRG_RXBUF, INDIRECT, PROTOCOL, VERSION_1 = 1 << 15, 1 << 28, 1 << 30, 1 << 32
# Those by which the two leave work to each other: checksums, segmentation.
OFFLOADS = sum(1 << bit for bit in (0, 1, 6, 7, 8, 9, 10, 11, 12, 13, 14))

TO_GUEST, FROM_GUEST = 0, 1
NEXT, WRITE, INDIRECT_TABLE = 1, 2, 4  # flags of a descriptor
ENTRIES = 256
RING_SPACE = 0x4000
AVAIL, USED = 0x1000, 0x2000  # in that space
BUFFERS = 2 * RING_SPACE
BUFFER = 2048
MEMORY = BUFFERS + 2 * ENTRIES * BUFFER
USER = 0x7F0000000000  # where the frontend pretends to have its memory
HEADER = bytes(12)  # of a frame


class Frontend:
    """Keeps its socket over several connections; connect() begins a new one with empty rings."""

    def __init__(self, lab, name):
        self.path = lab.path(f"{name}.vhost")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen()
        self.listener.settimeout(PATIENCE)
        self.peer = None
        self.memfd = self.memory = None
        self.features = 0
        self.eventfds = []
        lab.closers.append(self.close)

    @property
    def device(self):
        return f"vhost:{self.path}"

    def close(self):
        self.disconnect()
        self.listener.close()

    def disconnect(self):
        if self.peer:
            self.peer.close()
            self.memory.close()
            os.close(self.memfd)
            for fd in self.eventfds:
                os.close(fd)
        self.peer, self.eventfds = None, []

    # ---- the protocol

    def message(self, request, payload=b"", fds=()):
        socket.send_fds(self.peer, [struct.pack("<III", request, VERSION, len(payload)) + payload], fds)
        if request not in WITH_ANSWER:
            return None
        answer = self.peer.recv(12, socket.MSG_WAITALL)
        return self.peer.recv(struct.unpack("<III", answer)[2], socket.MSG_WAITALL)

    def accept(self):
        """Waits for weft and shares the memory."""
        self.disconnect()
        self.peer, _ = self.listener.accept()
        # What readable means of one that speaks only when it is asked: it was killed as it waited.
        waiting = select.poll()  # select() knows no more than 1024 descriptors
        waiting.register(self.peer, select.POLLIN)
        while waiting.poll(0):
            self.peer.close()
            self.peer, _ = self.listener.accept()
        self.peer.settimeout(PATIENCE)
        self.memfd = os.memfd_create("guest")
        os.ftruncate(self.memfd, MEMORY)
        self.memory = mmap.mmap(self.memfd, MEMORY)
        self.next = [0, 0]  # of the ring of what is offered
        self.seen = [0, 0]  # of the ring of what came back

    def connect(self):
        """Brings both queues up. Entries of the guest's receive queue have their buffers."""
        self.accept()
        self.features = struct.unpack("<Q", self.message(GET_FEATURES))[0]
        wanted = MRG_RXBUF | INDIRECT | VERSION_1
        assert self.features & wanted == wanted, f"{self.features:x}"
        self.message(SET_OWNER)
        self.message(SET_FEATURES, struct.pack("<Q", wanted))
        self.message(SET_MEM_TABLE, struct.pack("<IIQQQQ", 1, 0, 0, MEMORY, USER, 0), [self.memfd])
        for queue in (TO_GUEST, FROM_GUEST):
            base = USER + queue * RING_SPACE
            self.message(SET_VRING_NUM, struct.pack("<II", queue, ENTRIES))
            self.message(SET_VRING_BASE, struct.pack("<II", queue, 0))
            self.message(SET_VRING_ADDR, struct.pack("<IIQQQQ", queue, 0, base, base + USED,
                                                     base + AVAIL, 0))
            for request in (SET_VRING_CALL, SET_VRING_KICK):
                self.eventfds.append(os.eventfd(0, os.EFD_NONBLOCK))
                self.message(request, struct.pack("<Q", queue), [self.eventfds[-1]])
        for entry in range(ENTRIES):
            self.descriptor(TO_GUEST, entry, self.buffer(TO_GUEST, entry), BUFFER, WRITE)
            self.offer(TO_GUEST, entry)

    # ---- the rings

    def buffer(self, queue, entry):
        return BUFFERS + (queue * ENTRIES + entry) * BUFFER

    def put(self, address, data):
        self.memory[address:address + len(data)] = data

    def descriptor(self, queue, entry, address, length, flags=0, after=0):
        self.put(queue * RING_SPACE + entry * 16, struct.pack("<QIHH", address, length, flags, after))

    def offer(self, queue, head):
        ring = queue * RING_SPACE + AVAIL
        self.put(ring + 4 + self.next[queue] % ENTRIES * 2, struct.pack("<H", head))
        self.jump(queue, 1)

    def jump(self, queue, n):
        """Says that n more entries are offered."""
        self.next[queue] = (self.next[queue] + n) & 0xFFFF
        self.put(queue * RING_SPACE + AVAIL + 2, struct.pack("<H", self.next[queue]))

    def used(self, queue):
        return struct.unpack_from("<H", self.memory, queue * RING_SPACE + USED + 2)[0]

    # ---- frames

    def send(self, frame, header=HEADER):
        """Offers one frame, without waiting."""
        entry = self.next[FROM_GUEST] % ENTRIES
        address = self.buffer(FROM_GUEST, entry)
        self.put(address, header + frame)
        self.descriptor(FROM_GUEST, entry, address, len(header) + len(frame))
        self.offer(FROM_GUEST, entry)

    def receive(self):
        """The frames that came since the last call. Each is in one buffer, which is offered again."""
        frames = []
        while self.seen[TO_GUEST] != self.used(TO_GUEST):
            at = TO_GUEST * RING_SPACE + USED + 4 + self.seen[TO_GUEST] % ENTRIES * 8
            entry, length = struct.unpack_from("<II", self.memory, at)
            begin = self.buffer(TO_GUEST, entry)
            frames.append(self.memory[begin + len(HEADER):begin + length])
            self.offer(TO_GUEST, entry)
            self.seen[TO_GUEST] = (self.seen[TO_GUEST] + 1) & 0xFFFF
        return frames

    def wait_frame(self, frame):
        wait_for(lambda: frame in self.receive(), f"a frame at {self.path}")
