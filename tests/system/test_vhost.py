# SPDX-License-Identifier: BSD-3-Clause
"""Virtual machines by vhost-user: QEMU guests, DPDK's own virtio driver, and a frontend that plays
by no rules."""

import signal

import pytest

from cloud import PLANS, dhcp
from guest import QemuGuest
from netlab import wait_for
from node import Weft

VXLAN1 = PLANS["vxlan1"]


def link_is(weft, text, state, timeout=10):
    def there():
        devices = {device["device"]: device["link"] for device in weft.rpc("status.get")["devices"]}
        return devices[text] == state
    wait_for(there, f"{text} to be {state}", timeout)


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
    cloud.check_traffic()
    assert one.dhcp() == f"{cloud.addresses[0]}/24"
    assert cloud.weft.stats(f"port {one.name}")["tx"] > 0
