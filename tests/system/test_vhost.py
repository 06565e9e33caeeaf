# SPDX-License-Identifier: BSD-3-Clause
"""Virtual machines by vhost-user: QEMU guests, DPDK's own virtio driver, and a frontend that plays
by no rules."""

import random
import struct

import pytest

from cloud import PLANS, dhcp
from frontend import (BUFFER, ENTRIES, FROM_GUEST, HEADER, INDIRECT_TABLE, MEMORY, NEXT, OFFLOADS,
                      SET_FEATURES, SET_MEM_TABLE, SET_VRING_ADDR, SET_VRING_ENABLE, SET_VRING_NUM,
                      TO_GUEST, USER, VERSION_1, WRITE, Frontend)
from guest import QemuGuest
from netlab import wait_for
from node import Weft
from peers import VirtioUser

VXLAN1 = PLANS["vxlan1"]


def link_is(weft, text, state):
    def there():
        devices = {device["device"]: device["link"] for device in weft.rpc("status.get")["devices"]}
        return devices[text] == state
    wait_for(there, f"{text} to be {state}")


# ---- QEMU


class Cloud:
    """A node with two guests on a network, whose addresses it gives out."""

    def __init__(self, lab):
        self.guests = [QemuGuest(lab, f"vxlan1-{i}") for i in (1, 2)]
        self.addresses = [f"{VXLAN1.net}.{33 + i}" for i in range(2)]
        ssh_and_web = [{"direction": "ingress", "protocol": "icmp"},
                       {"direction": "ingress", "protocol": "tcp", "ports": "80"}]
        self.weft = Weft(lab.ns("node"), {
            "networks": {"vxlan1": {"segments": [{"type": "flat", "uplink": "up"}], "mtu": 1450}},
            "uplinks": {"up": {"device": "vdev:net_null0,no-rx=1"}},
            "security-groups": {"web": {"rules": ssh_and_web}},
            "subnets": {"vxlan1": dhcp(VXLAN1)},
            "ports": {guest.name: {"network": "vxlan1", "device": guest.device, "mac": guest.mac,
                                   "addresses": [address], "security-groups": ["default", "web"]}
                      for guest, address in zip(self.guests, self.addresses)}})
        for guest in self.guests:
            guest.start()
        for guest in self.guests:
            guest.booted()

    def check_traffic(self):
        one, two = self.guests
        assert one.ping(self.addresses[1]) and two.ping(self.addresses[0])
        assert one.fetch(self.addresses[1]) == "two"
        assert two.fetch(self.addresses[0]) == "one"


def test_qemu_guests(lab):
    """They get their leases, talk, and live on when weftd is killed and started again."""
    cloud = Cloud(lab)
    one, two = cloud.guests
    for guest, address in zip(cloud.guests, cloud.addresses):
        assert guest.dhcp() == f"{address}/24"
        assert "mtu 1450" in guest.run("ip link show eth0")
    one.serve("one")
    two.serve("two")
    cloud.check_traffic()
    assert one.ping(cloud.addresses[1], size=1422)

    cloud.weft.kill()
    assert not one.ping(cloud.addresses[1], count=1)
    cloud.weft.start()
    for guest in cloud.guests:
        link_is(cloud.weft, guest.device, "up")
    # the guest that asked in vain may give up its last ARP request only now
    wait_for(lambda: one.ping(cloud.addresses[1], count=1), "an answer", timeout=20)
    cloud.check_traffic()
    assert one.dhcp() == f"{cloud.addresses[0]}/24"
    assert cloud.weft.stats(f"port {one.name}")["tx"] > 0


# ---- DPDK's own virtio driver


@pytest.mark.parametrize("options", ["", ",mrg_rxbuf=0,in_order=1,packed_vq=1"])
def test_virtio_user(lab, options):
    """It comes and goes, and weft too."""
    ns = lab.ns("node")
    peer = VirtioUser(ns, "peer", "02:00:00:00:00:09", options=options)
    weft = Weft(ns, {
        "uplinks": {"up": {"device": "vdev:net_null0,no-rx=1"}},
        "networks": {"lan": {"segments": [{"type": "flat", "uplink": "up"}]}},
        "ports": {"peer": {"network": "lan", "device": peer.device, "mac": peer.mac,
                           "addresses": ["10.1.0.9"], "security-groups": ["default"]},
                  "a": {"network": "lan", "device": "tap:a", "port-security": False}},
        "security-groups": {"default": {"rules": [
            {"direction": "ingress", "protocol": "icmp"}, {"direction": "egress"}]}}})
    a = lab.instance("a", "10.1.0.1", mtu=1500)
    weft.give("a", a)
    assert a.unreachable("10.1.0.9")
    weft.wait_drop("tx_no_peer")
    for _ in range(2):
        peer.start()
        link_is(weft, peer.device, "up")
        wait_for(lambda: a.ping("10.1.0.9", count=1, patience=0.5), "an answer", timeout=20)
        assert a.ping("10.1.0.9", count=20, size=1472, df=True)
        peer.stop()
        link_is(weft, peer.device, "down")
    peer.start()
    wait_for(lambda: a.ping("10.1.0.9", count=1, patience=0.5), "an answer", timeout=20)
    for end in (weft.stop, weft.kill):
        ping = a.start_ping("10.1.0.9", interval=0.01)
        ping.more()
        end()
        weft.start()
        weft.give("a", a)
        link_is(weft, peer.device, "up")
        assert a.ping("10.1.0.9", count=20, size=1472, df=True)
        ping.stop()


# ---- a frontend of our own


def frame(source, destination, payload=b"payload"):
    """An Ethernet frame from one of the ports to another, by number."""
    return bytes((2, 0, 0, 0, 0, destination, 2, 0, 0, 0, 0, source, 0x88, 0xb5)) + payload.ljust(50)


class Ports:
    """A node whose ports are frontends."""

    def __init__(self, lab, n):
        self.fronts = [Frontend(lab, f"front{i}") for i in range(n)]
        self.weft = Weft(lab.ns("node"), {
            "uplinks": {"up": {"device": "vdev:net_null0,no-rx=1"}},
            "networks": {"lan": {"segments": [{"type": "flat", "uplink": "up"}]}},
            "ports": {f"p{i}": {"network": "lan", "device": front.device, "port-security": False}
                      for i, front in enumerate(self.fronts)}})
        for i in range(n):
            self.connect(i)

    def connect(self, i):
        """Port i has a guest, a new one if it had one."""
        if self.fronts[i].peer:
            self.fronts[i].disconnect()
            link_is(self.weft, self.fronts[i].device, "down")
        self.fronts[i].connect()
        link_is(self.weft, self.fronts[i].device, "up")

    def pass_frame(self, source, destination, serial=0):
        sent = frame(source, destination, b"%d" % serial)
        self.fronts[source].send(sent)
        self.fronts[destination].wait_frame(sent)

    def errors(self, i):
        devices = {device["device"]: device for device in self.weft.rpc("status.get")["devices"]}
        return devices[self.fronts[i].device]["rx-errors"]


def test_what_is_offered(lab):
    """Nothing by which a guest leaves checksums or segmentation to weft, or weft to it."""
    ports = Ports(lab, 1)
    assert ports.fronts[0].features & OFFLOADS == 0


def test_many_ports(lab):
    """200 guests, many more than DPDK has room for; all come and go and come back."""
    ports = Ports(lab, 200)
    for serial in range(3):
        for i in range(200):
            ports.pass_frame(i, (i + 1) % 200, serial)
    for front in ports.fronts:
        front.disconnect()
    for front in ports.fronts:
        link_is(ports.weft, front.device, "down")
    ports.weft.kill()
    ports.weft.start()
    for i in range(200):
        ports.connect(i)
    for i in range(200):
        ports.pass_frame(i, (i + 7) % 200)
    for i in range(200):
        ports.weft.rpc("port.del", name=f"p{i}")
        ports.fronts[i].disconnect()


def test_nobody_there(lab):
    ports = Ports(lab, 2)
    ports.pass_frame(0, 1)
    ports.pass_frame(1, 0)
    ports.fronts[1].disconnect()
    link_is(ports.weft, ports.fronts[1].device, "down")
    ports.fronts[0].send(frame(0, 1))
    ports.weft.wait_drop("tx_no_peer")
    ports.connect(1)
    ports.pass_frame(0, 1)
    before = ports.weft.drops().get("tx_full", 0)
    for _ in range(2 * ENTRIES):  # more than its ring has room for, and it takes none
        wait_for(lambda: ports.fronts[0].used(FROM_GUEST) == ports.fronts[0].next[FROM_GUEST],
                 "the frame before to be taken")
        ports.fronts[0].send(frame(0, 1))
    ports.weft.wait_drop("tx_full", before + 1)


def lies(front):
    """{what: what it does to the ring of a guest that sends}. Each ends with an error counted."""
    def plain(address, length, flags=0, after=0):
        def run():
            front.descriptor(FROM_GUEST, 0, address, length, flags, after)
            front.offer(FROM_GUEST, 0)
        return run

    def table(*entries, length=None):
        def run():
            data = b"".join(struct.pack("<QIHH", *entry) for entry in entries)
            front.put(here, data)
            plain(here, len(data) if length is None else length, INDIRECT_TABLE)()
        return run

    def head(number):
        return lambda: front.offer(FROM_GUEST, number)

    def run_ahead():
        plain(MEMORY, 100)()
        front.jump(FROM_GUEST, 40000)

    here = front.buffer(FROM_GUEST, 0)
    return {
        "an address outside": plain(1 << 40, 100),
        "an address at the end": plain(MEMORY, 100),
        "an address that wraps": plain(0xFFFFFFFFFFFFFFF0, 100),
        "a length beyond the end": plain(MEMORY - 50, 100),
        "the greatest length": plain(here, 0xFFFFFFFF),
        "no length": plain(here, 0),
        "a header alone": plain(here, len(HEADER)),
        "less than a header": plain(here, 5),
        "a frame too long": plain(here, 60000),
        "a chain to itself": plain(here, 100, NEXT, 0),
        "a chain out of the ring": plain(here, 100, NEXT, 60000),
        "a head outside the ring": head(ENTRIES),
        "the greatest head": head(0xFFFF),
        "a table outside": plain(MEMORY + 4096, 64, INDIRECT_TABLE),
        "a table across the end": plain(MEMORY - 16, 64, INDIRECT_TABLE),
        "an empty table": table(length=0),
        "a table of half an entry": table((here, 100, 0, 0), length=8),
        "a table greater than the ring": table((here, 100, 0, 0), length=(ENTRIES + 1) * 16),
        "a chain to itself in a table": table((here, 100, NEXT, 0)),
        "a chain out of a table": table((here, 100, NEXT, 5)),
        "an address outside in a table": table((1 << 50, 100, 0, 0)),
        "frames that are not there": run_ahead,
    }


def test_guest_that_lies(lab):
    """Each lie counts, and harms nobody but the liar, who has his port again after a reset."""
    ports = Ports(lab, 64)
    liar = ports.fronts[0]
    for what, lie in lies(liar).items():
        before = ports.errors(0)
        lie()
        wait_for(lambda: ports.errors(0) > before, f"{what} to be counted")
        ports.pass_frame(1, 2)
        ports.connect(0)
        ports.pass_frame(0, 1)
    assert ports.errors(1) == ports.errors(2) == 0


def test_headers_are_not_believed(lab):
    """No feature allows them: frames pass as they are, whatever their header says."""
    ports = Ports(lab, 2)
    for header in (bytes([1, 0]) + b"\xff" * 10, b"\xff" * 12, bytes([1, 1]) + bytes(10),
                   struct.pack("<BBHHHHH", 1, 4, 0xFFFF, 1, 0xFFFF, 0xFFFF, 0xFFFF)):
        sent = frame(0, 1, header)
        ports.fronts[0].send(sent, header=header)
        ports.fronts[1].wait_frame(sent)


def test_frames_in_pieces(lab):
    """As many descriptors as bytes, in the ring and in a table; a header that is cut up."""
    ports = Ports(lab, 2)
    front = ports.fronts[0]
    sent = frame(0, 1, b"in pieces")
    data, at = HEADER + sent, front.buffer(FROM_GUEST, 0)
    front.put(at, data)
    for i in range(len(data)):
        last = i == len(data) - 1
        front.descriptor(FROM_GUEST, i, at + i, 1, 0 if last else NEXT, i + 1)
    front.offer(FROM_GUEST, 0)
    ports.fronts[1].wait_frame(sent)

    sent = frame(0, 1, b"in a table")
    data, entries = HEADER + sent, front.buffer(FROM_GUEST, 1)
    front.put(at, data)
    for i in range(len(data)):
        last = i == len(data) - 1
        front.put(entries + 16 * i, struct.pack("<QIHH", at + i, 1, 0 if last else NEXT, i + 1))
    front.descriptor(FROM_GUEST, 0, entries, 16 * len(data), INDIRECT_TABLE)
    front.offer(FROM_GUEST, 0)
    ports.fronts[1].wait_frame(sent)


def test_guest_that_takes_badly(lab):
    """A receive queue that leads nowhere: what can not be put there is dropped and counted."""
    ports = Ports(lab, 2)
    bad = ports.fronts[1]
    for spoil in (lambda entry: bad.descriptor(TO_GUEST, entry, 1 << 40, BUFFER, WRITE),
                  lambda entry: bad.descriptor(TO_GUEST, entry, MEMORY - 10, BUFFER, WRITE),
                  lambda entry: bad.descriptor(TO_GUEST, entry, 0, 0, WRITE),
                  lambda entry: bad.descriptor(TO_GUEST, entry, 0, BUFFER, NEXT, entry),
                  lambda entry: bad.descriptor(TO_GUEST, entry, 0, 64, NEXT, 0xFFFF),
                  lambda entry: bad.descriptor(TO_GUEST, entry, MEMORY, 64, INDIRECT_TABLE)):
        ports.pass_frame(0, 1)
        for entry in range(ENTRIES):
            spoil(entry)
        before = ports.weft.drops().get("tx_full", 0)
        ports.fronts[0].send(frame(0, 1, b"lost"))
        ports.weft.wait_drop("tx_full", before + 1)
        ports.connect(1)


def test_noise(lab):
    """Rings, tables and headers of random bytes."""
    ports = Ports(lab, 64)
    noise = random.Random(1)
    for _ in range(20):
        for front in ports.fronts[:2]:
            for queue in (TO_GUEST, FROM_GUEST):
                for _ in range(50):
                    front.descriptor(queue, noise.randrange(ENTRIES), noise.choice(
                        (noise.randrange(MEMORY), noise.getrandbits(64))), noise.choice(
                        (noise.randrange(4096), noise.getrandbits(32))), noise.randrange(8),
                        noise.choice((noise.randrange(ENTRIES), noise.getrandbits(16))))
                    front.offer(queue, noise.randrange(ENTRIES + 2))
                front.put(front.buffer(queue, 0), noise.randbytes(BUFFER))
            for _ in range(10):
                front.offer(FROM_GUEST, noise.randrange(ENTRIES))
        ports.fronts[2].send(frame(2, 0))
        ports.fronts[2].send(frame(2, 1))
        ports.connect(0)
        ports.connect(1)
    wait_for(lambda: ports.errors(0) > 0, "an error to be counted")
    ports.pass_frame(0, 2)
    ports.pass_frame(2, 1)


@pytest.mark.parametrize("request_, payload", [
    (99, b""),
    (SET_MEM_TABLE, struct.pack("<II", 9, 0)),
    (SET_MEM_TABLE, struct.pack("<IIQQQQ", 1, 0, 0, 1 << 62, USER, 1 << 62)),
    (SET_VRING_NUM, struct.pack("<II", 0, 3)),
    (SET_VRING_NUM, struct.pack("<II", 0, 1 << 30)),
    (SET_VRING_NUM, struct.pack("<II", 60000, 256)),
    (SET_VRING_ADDR, struct.pack("<IIQQQQ", 60000, 0, 0, 0, 0, 0)),
    (SET_VRING_ENABLE, struct.pack("<II", 1 << 31, 1)),
    (SET_FEATURES, struct.pack("<Q", (1 << 64) - 1)),
    (SET_FEATURES, struct.pack("<Q", OFFLOADS | VERSION_1)),
])
def test_frontend_that_lies(lab, request_, payload):
    """The connection ends; a better one is made."""
    ports = Ports(lab, 2)
    front = ports.fronts[0]
    front.message(request_, payload)
    wait_for(lambda: front.peer.recv(1) == b"", "weft to hang up")
    ports.connect(0)
    ports.pass_frame(0, 1)
