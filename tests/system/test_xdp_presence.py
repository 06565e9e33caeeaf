# SPDX-License-Identifier: BSD-3-Clause
"""Interfaces that go away under weft and come back, and change their number of queues: weft follows by
itself."""

import json
import re

import pytest
from scapy.all import IP, UDP, Ether, Raw

from capture import PACKET_QDISC_BYPASS, SOL_PACKET, Port
from netlab import OFFLOADS, wait_for
from node import Weft, weftd_output
from test_xdp import LINUX, PROGRAM, UPLINK, WEFT, Shared
from topology import UNDERLAY

GROUP = "239.1.1.1"


@pytest.fixture
def shared(lab):
    return Shared(lab)


def interface(shared):
    return shared.state()["interface"]


def remove(shared):
    """The cable goes, and with it the kernel's vxlan device on the other end."""
    shared.linux.ip("link del eth0")
    wait_for(lambda: interface(shared) == "gone", "weft to know")
    assert shared.state()["link"] == "down"


def put_back(shared, mtu=1500, group=None):
    """A new cable with new MACs, and what an administrator does with it."""
    shared.lab.veth(shared.ns, UPLINK, shared.linux, "eth0", mtu)
    shared.ns.ip(f"addr add {WEFT}/24 dev {UPLINK}")
    restore_vtep(shared, f"group {group}" if group else "")


def restore_vtep(shared, options=""):
    """The kernel's vxlan device on the peer's new interface; its bridge is still there."""
    shared.linux.ip(f"addr add {LINUX}/24 dev eth0\n"
                    f"link add vx1 mtu 1450 type vxlan id 1 dev eth0 local {LINUX} dstport 8472 {options}\n"
                    "link set vx1 master br1\nlink set vx1 up")
    if not options:
        shared.vtep.remote(1, WEFT)


def resumes(shared):
    """Tunnel and kernel."""
    wait_for(lambda: shared.a.ping("10.0.0.2", count=1, patience=0.5), "the tunnel")
    assert shared.b.ping("10.0.0.1", count=5) and shared.a.ping("10.0.0.2", count=5)
    assert shared.linux.ping(WEFT, count=5)
    state = shared.state()
    assert state["interface"] == "running" and state["link"] == "up" and "problem" not in state
    assert state["mac"] == shared.ns.mac(UPLINK)
    assert state["frames-tunnel"] >= 5 and state["frames-no-socket"] == 0


def said(shared, text):
    """How often the log says it."""
    return shared.weft.process.output().count(text)


# ---- going and coming --------------------------------------------------------------------------

@pytest.mark.parametrize("mode", ["copy", "generic", "packet"])
def test_card_comes_back(lab, mode):
    """Another interface of the same name, with another index and MAC, is taken up by itself."""
    shared = Shared(lab, f"xdp:{UPLINK},mode={mode}")
    assert shared.a.ping("10.0.0.2") and interface(shared) == "running"
    for i in range(3):
        mac = shared.ns.mac(UPLINK)
        remove(shared)
        assert shared.a.unreachable("10.0.0.2")
        shared.weft.rpc("network.add", name=f"n{i}", segments=[{"type": "vxlan", "id": 100 + i}])
        put_back(shared)
        assert shared.ns.mac(UPLINK) != mac
        resumes(shared)
        assert shared.program() == (None if mode == "packet" else PROGRAM)
    assert said(shared, "the interface is gone") == 3 and said(shared, "the interface is back") == 3
    devices = [d for d in shared.weft.rpc("status.get")["devices"] if d["device"].startswith("xdp:")]
    assert len(devices) == 1 and devices[0]["interface"] == "running"
    assert re.search(r"^interface +running", shared.weft.cli("uplink", "show", "underlay"), re.M)


def test_replaced_in_a_moment(shared):
    """Gone and back before weft could look: the kernel's index may even be the same."""
    assert shared.a.ping("10.0.0.2")
    index = json.loads(shared.ns.run("ip", "-j", "link", "show", "dev", UPLINK))[0]["ifindex"]
    shared.linux.ip("link del eth0")
    shared.ns.ip(f"link add {UPLINK} index {index} type veth peer name eth0 netns {shared.linux.name}\n"
                 f"link set {UPLINK} up\naddr add {WEFT}/24 dev {UPLINK}")
    for ns, name in ((shared.ns, UPLINK), (shared.linux, "eth0")):
        ns.run("ethtool", "-K", name, *OFFLOADS.split())
    shared.linux.ip("link set eth0 up")
    restore_vtep(shared)
    resumes(shared)


def test_visit_to_another_namespace(shared):
    """An interface that is moved away is let go of, and taken up when it is back."""
    other = shared.lab.ns("other")
    shared.ns.ip(f"link set {UPLINK} netns {other.name}")
    wait_for(lambda: interface(shared) == "gone", "weft to know")
    link = json.loads(other.run("ip", "-j", "link", "show", "dev", UPLINK))[0]
    assert not link.get("xdp", {}).get("prog"), "the program does not go with it"
    other.ip(f"link set {UPLINK} netns {shared.ns.name}")
    shared.ns.ip(f"link set {UPLINK} up\naddr add {WEFT}/24 dev {UPLINK}")
    resumes(shared)
    assert shared.program() == PROGRAM


@pytest.mark.parametrize("driver", ["xdp", "packet"])
def test_renamed(lab, driver):
    """An interface that gets another name stays in use, and is shown as what it is."""
    ns, peer = lab.ns("weft"), lab.ns("peer")
    lab.veth(ns, "old0", peer, "eth0")
    share = {"share": "all"} if driver == "xdp" else {}
    weft = Weft(ns, {"uplinks": {"trunk": {"device": f"{driver}:old0", "vlans": "1-10", **share}},
                     "networks": {"flat": {"segments": [{"type": "flat", "uplink": "trunk"}]}}})
    guest = lab.instance("guest", "172.16.1.1", mtu=1500)
    weft.port("guest", guest, "flat")
    peer.ip("addr add 172.16.1.2/24 dev eth0")

    def state():
        return weft.rpc("uplink.list", name="trunk")[0]["state"]

    def rename(old, new):
        ns.ip(f"link set {old} down\nlink set {old} name {new}\nlink set {new} up")
        wait_for(lambda: state()["link"] == "up", "the link")
    rename("old0", "new0")
    wait_for(lambda: state()["interface"] == "renamed", "weft to know")
    assert "another name" in state()["problem"] and guest.ping("172.16.1.2")
    assert re.search(r"^trunk .* up +renamed ", weft.cli("uplink", "show"), re.M)
    lab.veth(ns, "old0", lab.ns("other"), "eth0")  # is none of weft's
    weft.rpc("network.add", name="more", segments=[{"type": "vlan", "uplink": "trunk", "id": 7}])
    assert state()["interface"] == "renamed" and guest.ping("172.16.1.2")
    ns.ip("link del old0")
    rename("new0", "old0")
    wait_for(lambda: state()["interface"] == "running", "the end of it")
    assert "problem" not in state() and guest.ping("172.16.1.2")


def test_taken_up_by_its_new_name(lab):
    """The device of the old name does not undo what that of the new one needs."""
    ns, peer = lab.ns("weft"), lab.ns("peer")
    lab.veth(ns, "old0", peer, "eth0")
    ns.run("ethtool", "-K", "old0", "gro", "on")
    weft = Weft(ns, {"uplinks": {"trunk": {"device": "packet:old0"}}})
    ns.ip("link set old0 down\nlink set old0 name new0\nlink set new0 up")
    weft.rpc("uplink.set", name="trunk", device="packet:new0")
    wait_for(lambda: "device closed device=packet:old0" in weft.process.output(), "the old device to close")
    assert "generic-receive-offload: off" in ns.run("ethtool", "-k", "new0")
    assert weft.rpc("uplink.list", name="trunk")[0]["state"]["interface"] == "running"


def test_card_comes_back_unfit(lab):
    """What stands in the way is told once in the log and all the time in the state."""
    shared = Shared(lab, mtu=3000)
    remove(shared)
    put_back(shared, mtu=1500)
    wait_for(lambda: "problem" in shared.state(), "the reason")
    state = shared.state()
    assert state["interface"] == "gone" and "its MTU is 1500" in state["problem"]
    for i in range(3): # events of any interface have it try again
        shared.ns.ip(f"link add one{i} type veth peer name other{i}")
    shared.weft.rpc("network.add", name="more", segments=[{"type": "vxlan", "id": 9}])
    assert said(shared, "can not be opened again") == 1
    shared.ns.ip(f"link set {UPLINK} mtu 3000")
    shared.linux.ip("link set eth0 mtu 3000")
    resumes(shared)
    assert shared.state()["mode"] == "copy"


def test_uplink_is_deleted_while_gone(shared):
    """The configuration is free to change; what was away is opened as new."""
    whole = shared.weft.rpc("config.get")
    remove(shared)
    shared.weft.rpc("config.apply", config={"workers": whole["workers"]})
    refused = shared.weft.refused("config.apply", config=whole)
    assert refused.symbol == "E_DEV_OPEN" and "no such interface" in str(refused)
    put_back(shared)
    shared.weft.rpc("config.apply", config=whole)
    shared.weft.give("a", shared.a)
    resumes(shared)


def test_missing_at_start(lab):
    """weftd does not start without the interface, and says which one it wants."""
    shared = Shared(lab, start=False)
    shared.linux.ip("link del eth0")
    with open(shared.weft.file, "w", encoding="utf-8") as file:
        json.dump(shared.weft.config, file)
    status, output = weftd_output(shared.ns, "-c", shared.weft.file, "-s", shared.weft.sock)
    assert status == 1 and f'"xdp:{UPLINK}": there is no such interface' in output, output


def test_groups_are_joined_again(lab):
    shared = Shared(lab, tunnel={"mode": "multicast", "group": GROUP, "remotes": None}, group=GROUP,
                    remotes=[])
    assert shared.a.ping("10.0.0.2")
    remove(shared)
    put_back(shared, group=GROUP)
    resumes(shared)
    assert GROUP in shared.ns.run("ip", "maddr", "show", "dev", UPLINK)


def test_networks_on_a_card_that_comes_back(lab):
    """share all: VLANs and untagged frames are shared again as before."""
    shared = Shared(lab, uplink={"share": "all"},
                    networks={"flat": {"segments": [{"type": "flat", "uplink": "underlay"}]}})
    guest = lab.instance("guest", UNDERLAY + "31", mtu=1500)
    shared.weft.port("guest", guest, "flat")
    assert guest.ping(LINUX)
    remove(shared)
    put_back(shared)
    resumes(shared)
    guest.forget_neighbours()
    assert guest.ping(LINUX) and shared.linux.ping(UNDERLAY + "31")


def test_packet_device_comes_back(lab):
    """An interface that weft has alone, with a VLAN on it."""
    ns, peer = lab.ns("weft"), lab.ns("peer")
    guest = lab.instance("guest", "172.16.1.1", mtu=1500)
    lab.veth(ns, "trunk0", peer, "eth0")
    peer.ip("addr add 172.16.1.2/24 dev eth0")
    weft = Weft(ns, {"uplinks": {"trunk": {"device": "packet:trunk0"}},
                     "networks": {"flat": {"segments": [{"type": "flat", "uplink": "trunk"}]}}})
    weft.port("guest", guest, "flat")

    def state():
        return weft.rpc("uplink.list", name="trunk")[0]["state"]
    for _ in range(2):
        assert guest.ping("172.16.1.2") and state()["interface"] == "running"
        peer.ip("link del eth0")
        wait_for(lambda: state()["interface"] == "gone", "weft to know")
        lab.veth(ns, "trunk0", peer, "eth0")
        peer.ip("addr add 172.16.1.2/24 dev eth0")
        guest.forget_neighbours()
        wait_for(lambda: guest.ping("172.16.1.2", count=1, patience=0.5), "the network")
        assert state()["interface"] == "running" and state()["mac"] == ns.mac("trunk0")
    assert peer.ping("172.16.1.1", count=5)


def test_port_on_an_interface(lab):
    """What is told of uplinks is told of ports as well."""
    ns, peer = lab.ns("weft"), lab.ns("peer")
    lab.veth(ns, "card0", peer, "eth0")
    weft = Weft(ns, {"uplinks": {"trunk": {"device": "vdev:net_null0,no-rx=1"}},
                     "networks": {"flat": {"segments": [{"type": "flat", "uplink": "trunk"}]}},
                     "ports": {"server": {"network": "flat", "device": "packet:card0"}}})

    def interface():
        return weft.rpc("port.list", name="server")[0]["state"]["interface"]
    assert interface() == "running"
    ns.ip("link del card0")
    wait_for(lambda: interface() == "gone", "weft to know")
    lab.veth(ns, "card0", peer, "eth0")
    wait_for(lambda: interface() == "running", "weft to take it up")


# ---- queues ------------------------------------------------------------------------------------

def wide_cable(shared, n):
    """One in place of the lab's, that can have up to `n` queues at each end and begins with one."""
    shared.linux.ip("link del eth0")
    queues = f"numtxqueues {n} numrxqueues {n}"
    shared.ns.ip(f"link add {UPLINK} {queues} type veth peer name eth0 {queues} netns {shared.linux.name}")
    for ns, name in ((shared.ns, UPLINK), (shared.linux, "eth0")):
        set_queues(ns, name, 1)
        ns.run("ethtool", "-K", name, *OFFLOADS.split())
        ns.ip(f"link set {name} up")
    shared.ns.ip(f"addr add {WEFT}/24 dev {UPLINK}")
    restore_vtep(shared)


def set_queues(ns, name, n):
    ns.run("ethtool", "-L", name, "rx", str(n), "tx", str(n))


def probes(shared, n):
    """Tunnel datagrams of `n` flows, of a VNI that nobody has: each is seen where weft drops it."""
    return [Ether(dst=shared.ns.mac(UPLINK), src=shared.linux.mac()) / IP(src=LINUX, dst=WEFT) /
            UDP(sport=50000 + i, dport=8472) / Raw(b"\x08\0\0\0\xff\xff\xff\0" + bytes(60))
            for i in range(n)]


def per_queue(shared):
    """Frames of the receive queues of the interface, as veth counts them."""
    text = shared.ns.run("ethtool", "-S", UPLINK)
    return [int(n) for n in re.findall(r"rx_queue_\d+_xdp_packets: (\d+)", text)]


@pytest.mark.parametrize("cores", ["1", "0-1"])
def test_more_queues(lab, cores):
    """ethtool -L while weft runs: each new queue gets a socket and is polled."""
    shared = Shared(lab, f"xdp:{UPLINK},mode=copy", start=False)
    wide_cable(shared, 4)
    shared.weft.config["workers"] = {"cores": cores, "idle": "adaptive"}
    with open(shared.weft.file, "w", encoding="utf-8") as file:
        json.dump(shared.weft.config, file)
    shared.start()
    assert len(shared.weft.rpc("status.get")["workers"]) == (1 if cores == "1" else 2)
    assert shared.a.ping("10.0.0.2")
    assert (shared.state()["queues"], shared.state()["sockets"]) == (1, 1)
    for n in (2, 4):
        set_queues(shared.ns, UPLINK, n)
        wait_for(lambda: shared.state()["sockets"] == n, "the sockets")
        assert shared.state()["queues"] == n
    assert said(shared, "queues were added") == 2
    set_queues(shared.linux, "eth0", 4)
    before = per_queue(shared)
    port = Port(shared.linux)
    port.socket.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 0) # it would pick the queue by the CPU
    port.send(*probes(shared, 200))
    shared.weft.wait_drop("vxlan_unknown_vni", 200)
    grown = [b - a for a, b in zip(before, per_queue(shared))]
    assert len(grown) == 4 and min(grown) > 10, grown
    assert shared.weft.drops() == {"vxlan_unknown_vni": 200}
    lab.iperf_tcp(shared.b, shared.a, least=1e6)
    state = shared.state()
    assert state["frames-no-socket"] == 0 and "problem" not in state
    # TCP sends what the slowest takes, and more.
    assert shared.weft.drops().keys() <= {"vxlan_unknown_vni", "tx_full"}
    assert shared.linux.ping(WEFT, count=10)


def test_fewer_queues(lab):
    """The kernel keeps the queues that have a socket, and says so; without weft it is free again."""
    shared = Shared(lab, f"xdp:{UPLINK},mode=copy", start=False)
    set_queues(shared.ns, UPLINK, 2)
    shared.start()
    text = shared.ns.run("ethtool", "-L", UPLINK, "rx", "1", check=False)
    assert "AF_XDP" in text and len(per_queue(shared)) == 2, text
    assert shared.state()["sockets"] == 2 and shared.a.ping("10.0.0.2")
    shared.weft.stop()
    set_queues(shared.ns, UPLINK, 1)
    shared.weft.start()
    assert shared.state()["sockets"] == 1


def test_more_queues_than_sockets(lab):
    """What can not be had is told, with what to do; the frames stay with the kernel."""
    shared = Shared(lab, f"xdp:{UPLINK},mode=copy", start=False)
    wide_cable(shared, 80)
    shared.start()
    set_queues(shared.ns, UPLINK, 70)
    wait_for(lambda: shared.state()["sockets"] == 64, "the sockets")
    state = shared.state()
    assert state["queues"] == 70 and "64 queues are the limit" in state["problem"]
    assert f"ethtool -L {UPLINK}" in state["problem"] and said(shared, "no socket (64") == 1
    set_queues(shared.ns, UPLINK, 64)
    wait_for(lambda: "problem" not in shared.state(), "the end of the problem")
