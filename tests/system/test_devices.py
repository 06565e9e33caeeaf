# SPDX-License-Identifier: BSD-3-Clause
"""Every kind of device: opens, passes frames, closes, and does no harm when it breaks."""

import os
import stat

import pytest
from scapy.all import ICMP, IP, Ether, Raw, rdpcap, wrpcap

from netlab import wait_for
from node import RpcError, Weft

LAN = {"lan": {"segments": [{"type": "flat", "uplink": "up"}]}}


def lan_config(device="packet:eth0", mtu=1500):
    return {"uplinks": {"up": {"device": device, "mtu": mtu}}, "networks": LAN,
            "ports": {"a": {"network": "lan", "device": "tap:a", "port-security": False}}}


class Lan:
    """A node with instance a on a TAP device, and a host behind its uplink, an AF_PACKET device."""

    def __init__(self, lab, mtu=1500, **keys):
        self.lab = lab
        self.ns = lab.ns("node")
        self.host = lab.instance("host", "10.1.0.2", mtu=mtu)
        lab.veth(self.ns, "eth0", self.host, "eth0", mtu)
        self.host.configure()
        self.weft = Weft(self.ns, lan_config(mtu=mtu), **keys)
        self.a = lab.instance("a", "10.1.0.1", mtu=mtu)
        self.weft.give("a", self.a, keep_mtu=True)


@pytest.fixture
def lan(lab):
    return Lan(lab)


@pytest.fixture
def empty(lab):
    """A node with a network that has no devices yet but the uplink."""
    ns = lab.ns("node")
    config = lan_config("vdev:net_null0,no-rx=1")
    del config["ports"]
    return Weft(ns, config)


def device(weft, text):
    return next(d for d in weft.rpc("status.get")["devices"] if d["device"] == text)


def link_is(weft, text, state):
    wait_for(lambda: device(weft, text)["link"] == state, f"{text} to be {state}")


# ---- interfaces of the kernel


def test_fragments_pass_as_they_are(lan):
    assert lan.a.ping("10.1.0.2", size=4000)
    assert lan.host.ping("10.1.0.1", size=4000)
    assert lan.weft.stats("port a")["rx"] >= 2 * 3 * 3  # three fragments each, not one datagram


def test_checksums_that_the_sender_left_open(lan):
    """A kernel on the same machine leaves the checksum to the network card; there is none."""
    lan.host.run("ethtool", "-K", "eth0", "tx", "on")
    lan.lab.iperf_tcp(lan.host, lan.a)
    lan.lab.iperf_udp(lan.host, lan.a, "-b", "20M", "-l", "1000", most=1)


def test_merged_frames_are_counted(lan):
    """Frames that the sender's kernel did not cut up can not be had whole: an error, and a word."""
    lan.host.run("ethtool", "-K", "eth0", "tx", "on", "tso", "on", "gso", "on")
    listener = lan.a.start("iperf3", "-s", "-1", "--forceflush")
    listener.wait_output("Server listening")
    lan.host.start("iperf3", "-c", "10.1.0.1", "-t", "1")
    wait_for(lambda: device(lan.weft, "packet:eth0")["rx-errors"] > 0, "an error to be counted")
    assert "ethtool -K" in lan.weft.process.wait_output("longer than the MTU.*")[0]
    listener.stop()


def test_jumbo_frames(lab):
    lan = Lan(lab, mtu=9000)
    assert lan.a.mtu() == 9000
    assert lan.a.ping("10.1.0.2", size=8972, df=True)


def test_buffers_are_made_once(lan):
    error = lan.weft.refused("uplink.add", name="big", device="vdev:net_null7,no-rx=1", mtu=9000)
    assert error.symbols == ["E_DEV_OPEN"] and "restart" in str(error)


def test_packet_interface_vanishes(lan):
    assert lan.a.ping("10.1.0.2")
    ping = lan.a.start_ping("10.1.0.2")
    ping.more()
    lan.ns.ip("link del eth0")
    lan.weft.wait_drop("tx_no_peer")
    link_is(lan.weft, "packet:eth0", "down")
    ping.stop()

    # the device is opened anew when the configuration names it anew
    lan.weft.rpc("port.del", name="a")
    lan.weft.rpc("network.del", name="lan")
    lan.weft.rpc("uplink.del", name="up")
    lan.lab.veth(lan.ns, "eth0", lan.host, "eth0")
    lan.host.configure()
    lan.weft.rpc("uplink.add", name="up", device="packet:eth0")
    lan.weft.rpc("network.add", name="lan", **LAN["lan"])
    lan.weft.rpc("port.add", name="a", **lan_config()["ports"]["a"])
    wait_for(lambda: not lan.a.has("eth0"), "the old TAP device to go")
    lan.weft.give("a", lan.a)
    assert lan.a.ping("10.1.0.2")


def test_tap_interface_vanishes(lan):
    guest = lan.lab.instance("guest", "10.1.0.3", mtu=1500)
    lan.weft.port("guest", guest, "lan")
    assert guest.ping("10.1.0.2")
    guest.ip("link set eth0 down")
    lan.a.run("ping", "-c", "1", "-W", "1", "10.1.0.3", check=False)
    lan.weft.wait_drop("tx_no_peer")
    guest.ip("link set eth0 up")
    assert guest.ping("10.1.0.2"), "up again, as before"
    guest.ip("link del eth0")
    link_is(lan.weft, "tap:guest", "down")
    assert lan.a.ping("10.1.0.2")
    lan.weft.rpc("port.del", name="guest")


def test_hundred_taps(lan):
    """More than DPDK has room for."""
    for i in range(100):
        lan.weft.rpc("port.add", name=f"t{i}", network="lan", device=f"tap:t{i}")
    assert lan.a.ping("10.1.0.2")
    for i in range(100):
        lan.weft.rpc("port.del", name=f"t{i}")
    wait_for(lambda: not lan.ns.has("t99"), "the last one to go")


# ---- devices that DPDK drives


def test_memif(lab):
    """Two nodes by shared memory; one of them comes and goes."""
    path = lab.path("memif.sock")
    node = Weft(lab.ns("server"), lan_config(f"memif:{path}"))
    a = lab.instance("a", "10.1.0.1", mtu=1500)
    node.give("a", a)
    assert a.unreachable("10.1.0.2")
    node.wait_drop("tx_no_peer")
    link_is(node, f"memif:{path}", "down")

    peer = Weft(lab.ns("client"), lan_config(f"memif:{path},role=client"))
    for i in range(2):
        b = lab.instance(f"b{i}", "10.1.0.2", mtu=1500)
        peer.give("a", b)
        link_is(node, f"memif:{path}", "up")
        a.forget_neighbours()  # b has another MAC each time
        assert a.ping("10.1.0.2", size=1472, df=True)
        if i == 0:
            before = node.drops().get("tx_no_peer", 0)
            peer.stop()
            assert a.unreachable("10.1.0.2")
            node.wait_drop("tx_no_peer", before + 1)
            peer.start()
    assert stat.S_ISSOCK(os.stat(path).st_mode)
    node.stop()
    assert not os.path.exists(path)


def test_memif_stale_socket(empty):
    path = empty.lab.path("stale.sock")
    holder = empty.ns.start("/usr/bin/python3", "-c",
        "import socket, time\n"
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        f"s.bind({path!r}); s.listen()\n"
        "print('listening', flush=True); time.sleep(60)")
    holder.wait_output("listening")
    error = empty.refused("port.add", name="m", network="lan", device=f"memif:{path}")
    assert error.symbols == ["E_DEV_OPEN"] and "Address already in use" in str(error)
    holder.stop()
    assert os.path.exists(path)
    empty.rpc("port.add", name="m", network="lan", device=f"memif:{path}")
    empty.rpc("port.del", name="m")
    wait_for(lambda: not os.path.exists(path), "the socket to be removed with the device")


def frame(i):
    return (Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01") /
            IP(src="10.1.0.1", dst="10.1.0.2") / ICMP(seq=i) / Raw(bytes(i)))


def test_pcap(lab):
    """From one file to another, in order, unchanged."""
    frames = [frame(i) for i in range(20, 200)]
    wrpcap(lab.path("in.pcap"), frames)
    config = lan_config(f"pcap:,{lab.path('out.pcap')}")
    config["ports"]["a"]["device"] = f"pcap:{lab.path('in.pcap')}"
    weft = Weft(lab.ns("node"), config)
    wait_for(lambda: weft.stats("port a")["rx"] == len(frames), "all frames to be read")
    weft.balanced()
    weft.stop()
    assert [bytes(f) for f in rdpcap(lab.path("out.pcap"))] == [bytes(f) for f in frames]


def test_pcap_for_ever(lab):
    wrpcap(lab.path("in.pcap"), [frame(30)])
    config = lan_config("vdev:net_null0,no-rx=1")
    config["ports"]["a"]["device"] = f"pcap:{lab.path('in.pcap')},infinite_rx=1"
    weft = Weft(lab.ns("node"), config)
    wait_for(lambda: weft.stats("uplink up")["tx"] > 100000 or weft.stats("up.flat")["tx"] > 100000,
             "many copies of the frame")
    weft.rpc("port.del", name="a")


def test_only_so_many_ethdevs(empty):
    """DPDK has room for 32; the refused one changes nothing."""
    for i in range(1, 32):
        empty.rpc("port.add", name=f"n{i}", network="lan", device=f"vdev:net_null{i},no-rx=1")
    error = empty.refused("port.add", name="n32", network="lan", device="vdev:net_null32,no-rx=1")
    assert error.symbols == ["E_DEV_LIMIT"] and "32" in str(error)
    empty.rpc("port.del", name="n1")

    def room():
        try: # a device is closed when no worker can use it any more
            return empty.rpc("port.add", name="n32", network="lan", device="vdev:net_null32,no-rx=1")
        except RpcError:
            return None
    wait_for(room, "room for another device")


@pytest.mark.parametrize("text, symbol, says", [
    ("bogus:x", "E_CFG_DEVICE", "drivers are tap, packet, vhost, xdp, memif, pcap, vdev, pci"),
    ("tap:a-name-that-is-too-long", "E_CFG_DEVICE", "1 to 15 characters"),
    ("tap:lo", "E_DEV_OPEN", "exists and is not a TAP"),
    ("packet:missing0", "E_DEV_OPEN", "no such interface"),
    ("vhost:relative", "E_CFG_DEVICE", "absolute path"),
    ("vhost:/run/guest,server=1", "E_CFG_DEVICE", "vhost:PATH"),
    ("memif:/missing/dir/sock", "E_DEV_OPEN", "Invalid socket directory"),
    ("memif:/tmp/weft-never.sock,role=boss", "E_DEV_OPEN", "Unknown role: boss"),
    ("pcap:/missing.pcap", "E_DEV_OPEN", "can not read /missing.pcap"),
    ("pcap:,", "E_CFG_DEVICE", "no file to read and none to write"),
    ("vdev:net_bogus0", "E_DEV_OPEN", "no driver for it"),
    ("pci:ffff:00:00.0", "E_DEV_OPEN", "no PCI device ffff:00:00.0"),
])
def test_what_can_not_be_opened(empty, text, symbol, says):
    before = empty.rpc("config.get")
    error = empty.refused("port.add", name="x", network="lan", device=text)
    assert error.symbols == [symbol], str(error)
    assert says in str(error)
    assert empty.rpc("config.get") == before
