# SPDX-License-Identifier: BSD-3-Clause
"""Objects come and go while others carry traffic, and the others do not notice."""

import contextlib

import pytest
from scapy.all import UDP

from capture import Capture
from netlab import wait_for
from topology import UNDERLAY, Pair

LINUX = UNDERLAY + "2"
ARP_IN_TUNNEL = 14 + 20 + 8 + 8 + 14 + 28


@contextlib.contextmanager
def lossless(source, address):
    """Pings all the time, also a while before and after; none may be lost."""
    ping = source.start_ping(address)
    ping.more()
    yield
    assert ping.lost() == []


@pytest.fixture
def busy(pair):
    """A pair whose instances have met."""
    assert pair.a.ping("10.0.0.2")
    return pair


def test_ports(busy):
    with lossless(busy.a, "10.0.0.2"):
        for i in range(5):
            guest = busy.lab.instance(f"guest{i}", "10.0.0.9")
            busy.weft.port("guest", guest, "vxlan1")
            assert guest.ping("10.0.0.2", count=1)
            busy.weft.rpc("port.del", name="guest")
            wait_for(lambda: not guest.has("eth0"), "the TAP device to go")
        assert busy.weft.fdb("vxlan1", guest.hwaddr) is None


def test_port_with_its_own_traffic(busy):
    """A port is removed while frames come out of it and go into it."""
    guest = busy.lab.instance("guest", "10.0.0.9")
    with lossless(busy.a, "10.0.0.2"):
        for _ in range(3):
            busy.weft.port("guest", guest, "vxlan1")
            assert guest.ping("10.0.0.2", count=1)
            out = guest.start_ping("10.0.0.2", interval=0.002)
            back = busy.b.start_ping("10.0.0.9", interval=0.002)
            received = busy.weft.stats("port guest")["rx"]
            wait_for(lambda: busy.weft.stats("port guest")["rx"] > received + 20, "its traffic")
            busy.weft.rpc("port.del", name="guest")
            wait_for(lambda: not guest.has("eth0"), "the TAP device to go")
            out.stop()
            back.stop()


def test_networks(busy):
    busy.vtep.network(2)
    b2 = busy.lab.instance("b2", "10.0.0.4")
    busy.vtep.plug(2, b2)
    with lossless(busy.a, "10.0.0.2"):
        for i in range(3):
            busy.weft.rpc("network.add", name="vxlan2", segments=[{"type": "vxlan", "id": 2}])
            guest = busy.lab.instance(f"guest{i}", "10.0.0.3")
            busy.weft.port("guest", guest, "vxlan2")
            assert guest.ping("10.0.0.4")
            assert busy.weft.refused("network.del", name="vxlan2").symbol == "E_NET_IN_USE"
            busy.weft.rpc("port.del", name="guest")
            busy.weft.rpc("network.del", name="vxlan2")
    assert not busy.weft.rpc("fdb.list", network="vxlan1", mac=b2.hwaddr)


def test_remotes(lab):
    """Flood copies follow the list; what was learned goes on."""
    busy = Pair(lab, {"mode": "headend"})
    assert busy.a.ping("10.0.0.2")
    capture = Capture(busy.vtep.ns)
    with lossless(busy.a, "10.0.0.2"):
        for _ in range(3):
            busy.weft.rpc("remote.add", address=UNDERLAY + "77")
            busy.weft.rpc("remote.add", address=UNDERLAY + "78", network="vxlan1")
            known = {row["address"] for row in busy.weft.rpc("remote.list") if row["configured"]}
            assert known == {LINUX, UNDERLAY + "77", UNDERLAY + "78"}
            busy.weft.rpc("remote.del", address=UNDERLAY + "77")
            busy.weft.rpc("remote.del", address=UNDERLAY + "78", network="vxlan1")
    busy.weft.rpc("remote.del", address=LINUX)
    busy.a.announce()
    busy.weft.wait_drop("no_flood_target")
    busy.weft.rpc("remote.add", address=LINUX)
    capture.clear()
    busy.a.announce()
    capture.wait(lambda p: UDP in p and len(p) == ARP_IN_TUNNEL, "the flooded ARP")


def test_uplinks(busy):
    """An uplink with its device, network and hosts, beside the one that carries the tunnel."""
    host = busy.lab.instance("host", "172.16.1.2", mtu=1500)
    busy.lab.veth(busy.weft.ns, "trunk0", host, "eth0")
    host.vlan("eth0", 1001)
    host.configure()
    with lossless(busy.a, "10.0.0.2"):
        for i in range(3):
            busy.weft.rpc("uplink.add", name="provider", device="packet:trunk0", vlans="1001-2000")
            busy.weft.rpc("network.add", name="vlan1001", segments=[
                {"type": "vlan", "uplink": "provider", "id": 1001}])
            guest = busy.lab.instance(f"guest{i}", "172.16.1.1", mtu=1500)
            busy.weft.port("guest", guest, "vlan1001")
            assert guest.ping("172.16.1.2")
            for kind, name in (("port", "guest"), ("network", "vlan1001"), ("uplink", "provider")):
                busy.weft.rpc(f"{kind}.del", name=name)


def test_port_down_and_up(busy):
    """An administratively closed port passes nothing either way, and says why."""
    guest = busy.lab.instance("guest", "10.0.0.9")
    busy.weft.port("guest", guest, "vxlan1")
    assert guest.ping("10.0.0.2")
    with lossless(busy.a, "10.0.0.2"):
        busy.weft.rpc("port.set", name="guest", admin_state="down")
        assert guest.unreachable("10.0.0.2")
        busy.weft.wait_drop("port_down")
        assert busy.weft.fdb("vxlan1", guest.hwaddr) is None
        busy.weft.rpc("port.set", name="guest", admin_state=None)
        assert guest.ping("10.0.0.2")


def test_static_entries(busy):
    """A static entry pins a MAC: the wrong place is refused, and deletion forgets it."""
    mac = "02:00:00:00:00:42"
    name = f"vxlan1/{mac}"
    with lossless(busy.a, "10.0.0.2"):
        busy.weft.rpc("fdb.add", name=name, remote=UNDERLAY + "77")
        assert busy.weft.fdb("vxlan1", mac)["static"]
        busy.b.ip(f"link add v0 link eth0 type macvlan\nlink set v0 address {mac}\n"
                  "addr add 10.0.0.42/24 dev v0\nlink set v0 up")
        busy.b.run("ping", "-c", "1", "-W", "1", "-I", "v0", "10.0.0.1", check=False)
        busy.weft.wait_drop("fdb_static_conflict")
        assert busy.weft.fdb("vxlan1", mac)["at"] == f"remote {UNDERLAY}77"
        busy.weft.rpc("fdb.del", name=name)
        # The new device announces itself to IPv6 at times of its own: it may be learned already.
        learned = busy.weft.fdb("vxlan1", mac)
        assert learned is None or learned["at"] == f"remote {LINUX}"
        busy.b.run("ping", "-c", "1", "-W", "1", "-I", "v0", "10.0.0.1", check=False)
        busy.weft.wait_fdb("vxlan1", mac, f"remote {LINUX}")
