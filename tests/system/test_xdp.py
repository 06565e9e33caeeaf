# SPDX-License-Identifier: BSD-3-Clause
"""An uplink that the kernel goes on using: weft and the kernel on one interface, undisturbed."""

import json
import os
import re
import signal

import pytest
from scapy.all import ARP, ICMP, IP, UDP, Ether, Raw

from capture import Capture, Port
import netlab
from netlab import run, wait_for
from node import Weft, weftd_output
from peers import LinuxVtep
from topology import UNDERLAY

WEFT, LINUX, SILENT = UNDERLAY + "1", UNDERLAY + "2", UNDERLAY + "99"
UPLINK = "under0"
GROUP = "239.1.1.1"
PROGRAM = "weft_uplink"


class Shared:
    """A weft node and a Linux VTEP on a wire, VNI 1 on both, an instance behind each; the kernel of the
    weft node has the underlay address."""

    def __init__(self, lab, device=f"xdp:{UPLINK}", mtu=1500, uplink=None, tunnel=None, group=None,
                 remotes=(WEFT,), start=True, **more):
        self.lab = lab
        self.ns, self.linux = lab.ns("weft"), lab.ns("linux")
        lab.veth(self.ns, UPLINK, self.linux, "eth0", mtu)
        self.ns.ip(f"addr add {WEFT}/24 dev {UPLINK}")
        self.vtep = LinuxVtep(self.linux, LINUX, group=group, remotes=remotes).network(1, mtu - 50)
        self.a = lab.instance("a", "10.0.0.1", mtu=mtu - 50)
        self.b = lab.instance("b", "10.0.0.2", mtu=mtu - 50)
        self.vtep.plug(1, self.b)
        tunnel = {"uplink": "underlay", "remotes": [LINUX], **(tunnel or {})}
        self.weft = Weft(self.ns, {
            "uplinks": {"underlay": {"device": device, "mtu": mtu, **(uplink or {})}},
            "tunnel": {key: value for key, value in tunnel.items() if value is not None},
            "networks": {"vxlan1": {"segments": [{"type": "vxlan", "id": 1}]},
                         **more.pop("networks", {})},
            "ports": {"a": {"network": "vxlan1", "device": "tap:a", "mac": self.a.hwaddr,
                            "port-security": False}}}, start=False)
        if start:
            self.start()

    def start(self):
        self.weft.start()
        self.weft.give("a", self.a)

    def state(self, name="underlay"):
        return self.weft.rpc("uplink.list", name=name)[0]["state"]

    def remote(self, address=LINUX):
        return next(row for row in self.weft.rpc("remote.list") if row["address"] == address)

    def program(self):
        """What XDP program the kernel shows on the interface, None."""
        link = json.loads(self.ns.run("ip", "-j", "link", "show", "dev", UPLINK))[0]
        return link.get("xdp", {}).get("prog", {}).get("name") if link.get("xdp") else None


@pytest.fixture
def shared(lab):
    return Shared(lab)


class Stream:
    """TCP from the peer to the kernel of the weft node, and a ping; neither may lose anything."""

    def __init__(self, shared, seconds):
        self.linux = shared.linux
        listener = shared.ns.start("iperf3", "-s", "-1", "--forceflush")
        listener.wait_output("Server listening")
        self.before = self.counters()
        self.tcp = shared.linux.start("iperf3", "-J", "-c", WEFT, "-b", "20M", "-t", str(seconds))
        self.ping = shared.linux.start_ping(WEFT, interval=0.005)
        self.ping.more()

    def counters(self):
        text = self.linux.run("nstat", "-asz", "TcpRetransSegs", "TcpExtTCPDSACKRecv",
                              "TcpExtTCPLossProbes")
        return {name: int(value) for name, value in re.findall(r"^(\S+)\s+(\d+)", text, re.M)}

    def check(self):
        assert self.ping.lost() == []
        assert self.tcp.wait(60) == 0, self.tcp.output()
        end = json.loads(self.tcp.output())["end"]
        assert end["sum_received"]["bytes"] == end["sum_sent"]["bytes"]
        grown = {name: n - self.before[name] for name, n in self.counters().items()}
        # On a busy machine an acknowledgement may be late; the receiver says so.
        lost = grown["TcpRetransSegs"] - grown["TcpExtTCPDSACKRecv"]
        assert lost <= 0, grown


# ---- ways to work ------------------------------------------------------------------------------

@pytest.mark.parametrize("mode", ["copy", "generic", "packet"])
def test_modes(lab, mode):
    """Each way gives the tunnel to weft and the rest to the kernel, and is told."""
    shared = Shared(lab, f"xdp:{UPLINK},mode={mode}")
    assert shared.a.ping("10.0.0.2", count=5)
    assert shared.b.ping("10.0.0.1", size=1422, df=True)
    assert shared.linux.ping(WEFT, count=5)
    assert shared.ns.ping(LINUX, size=1472, df=True)
    state = shared.state()
    assert state["mode"] == mode and state["refused"] == []
    assert state["frames-tunnel"] >= 8 and state["frames-kernel"] >= 8
    assert state["frames-no-socket"] == 0
    assert shared.program() == (None if mode == "packet" else PROGRAM)
    assert not shared.weft.drops()
    lab.iperf_tcp(shared.a, shared.b)
    lab.iperf_tcp(shared.b, shared.a)
    assert shared.weft.drops().keys() <= {"tx_full"}, "TCP sends what the slowest takes, and more"


def test_fastest_way_is_taken_and_refusals_are_told(shared):
    """veth has no zero-copy: it is tried first, and the reason is in the log and in the state."""
    state = shared.state()
    assert state["mode"] == "copy"
    assert len(state["refused"]) == 1 and state["refused"][0].startswith("zero-copy: ")
    assert 'mode=zero-copy' in shared.weft.process.output()
    text = shared.weft.cli("uplink", "show", "underlay")
    assert re.search(r"^mode +copy", text, re.M) and re.search(r"^frames-tunnel +\d", text, re.M)
    device = next(d for d in shared.weft.rpc("status.get")["devices"] if d["device"].startswith("xdp"))
    assert device["mode"] == "copy" and "frames-kernel" in device


def test_many_queues(lab):
    """Each receive queue has a socket, however many workers there are."""
    for cores in ("1", "0-1"):
        ns, linux = lab.ns(f"weft{cores}"), lab.ns(f"linux{cores}")
        lab.veth(ns, UPLINK, linux, "eth0")
        ns.run("ethtool", "-L", UPLINK, "rx", "2", "tx", "2")
        linux.run("ethtool", "-L", "eth0", "rx", "2", "tx", "2")
        ns.ip(f"addr add {WEFT}/24 dev {UPLINK}")
        vtep = LinuxVtep(linux, LINUX, remotes=[WEFT]).network(1)
        a, b = lab.instance(f"a{cores}", "10.0.0.1"), lab.instance(f"b{cores}", "10.0.0.2")
        vtep.plug(1, b)
        weft = Weft(ns, {
            "uplinks": {"underlay": {"device": f"xdp:{UPLINK},mode=copy"}},
            "tunnel": {"uplink": "underlay", "remotes": [LINUX]},
            "networks": {"vxlan1": {"segments": [{"type": "vxlan", "id": 1}]}}}, cores=cores)
        weft.port("a", a, "vxlan1")
        device, = (d for d in weft.rpc("status.get")["devices"] if d["device"].startswith("xdp:"))
        assert device["rx-queues"] == 3 and device["tx-queues"] == 2
        assert a.ping("10.0.0.2")
        lab.iperf_tcp(b, a, "-P", "8", least=1e6)
        state = weft.rpc("uplink.list")[0]["state"]
        assert state["frames-tunnel"] > 100 and state["frames-no-socket"] == 0
        assert linux.ping(WEFT, count=10)


def test_too_large_for_af_xdp(lab):
    """Frames that fit no AF_XDP socket leave packet sockets as the one way."""
    shared = Shared(lab, mtu=9000, uplink={"mtu": 9000})
    state = shared.state()
    assert state["mode"] == "packet"
    assert [r.split(":")[0] for r in state["refused"]] == ["zero-copy", "copy", "generic"]
    assert shared.a.ping("10.0.0.2", size=8922, df=True)
    assert shared.linux.ping(WEFT)


def test_largest_for_af_xdp(lab):
    """The MTU that a refusal names is the last that goes."""
    shared = Shared(lab, f"xdp:{UPLINK},mode=generic", mtu=3818, start=False)
    shared.start()
    assert shared.a.ping("10.0.0.2", size=3818 - 78, df=True)
    assert shared.b.ping("10.0.0.1", size=3818 - 78, df=True)
    shared.weft.stop()
    for ns, name in ((shared.ns, UPLINK), (shared.linux, "eth0")):
        ns.ip(f"link set {name} mtu 3819")
    shared.weft.config["uplinks"]["underlay"]["mtu"] = 3819
    with open(shared.weft.file, "w", encoding="utf-8") as file:
        json.dump(shared.weft.config, file)
    status, output = weftd_output(shared.ns, "-c", shared.weft.file, "-s", shared.weft.sock)
    assert status == 1 and "an mtu of 3818 at most" in output, output


def test_wrong_devices(lab):
    shared = Shared(lab, start=False)
    for device, uplink, text in (
            (f"xdp:{UPLINK},mode=fast", {}, "zero-copy, copy, generic or packet"),
            ("xdp:nothing", {}, "no such interface"),
            (f"xdp:{UPLINK}", {"mtu": 2000}, 'set "mtu": 1500')):
        config = dict(shared.weft.config, uplinks={"underlay": {"device": device, **uplink}})
        with open(shared.weft.file, "w", encoding="utf-8") as file:
            json.dump(config, file)
        status, output = weftd_output(shared.ns, "-c", shared.weft.file, "-s", shared.weft.sock)
        assert status == 1 and text in output, output
    assert shared.program() is None


# ---- the kernel's own traffic ------------------------------------------------------------------

def test_the_kernel_never_loses_a_frame(lab):
    """Start, commits, stop, start again, kill -9: TCP and ping to the kernel do not notice."""
    shared = Shared(lab, start=False)
    stream = Stream(shared, 20)
    shared.start()
    assert shared.a.ping("10.0.0.2")
    tunnel = shared.a.start_ping("10.0.0.2", interval=0.005)
    tunnel.more()
    for i in range(3):
        shared.weft.rpc("remote.add", address=UNDERLAY + str(70 + i))
        shared.weft.rpc("network.add", name=f"n{i}", segments=[{"type": "vxlan", "id": 100 + i}])
        tunnel.more(5)
    shared.weft.rpc("uplink.set", name="underlay", share="all")
    tunnel.more(5)
    shared.weft.rpc("uplink.set", name="underlay", share=None)
    assert tunnel.lost() == []
    stream.ping.more()
    shared.weft.restart()
    assert shared.program() == PROGRAM
    stream.ping.more()
    shared.weft._hang_up()
    shared.weft.process.stop(signal.SIGKILL)
    stream.ping.more()
    assert shared.program() is None, "the kernel takes it off with the process"
    stream.check()
    shared.weft.start() # what was killed leaves nothing in the way


def test_uplink_comes_and_goes(shared):
    """A commit without the uplink gives the interface back, one with it takes up again."""
    whole = shared.weft.rpc("config.get")
    ping = shared.linux.start_ping(WEFT, interval=0.005)
    for _ in range(2):
        ping.more()
        shared.weft.rpc("config.apply", config={"workers": whole["workers"]})
        wait_for(lambda: shared.program() is None, "the program to go")
        ping.more()
        shared.weft.rpc("config.apply", config=whole)
        assert shared.program() == PROGRAM
        shared.weft.give("a", shared.a)
        assert shared.a.ping("10.0.0.2")
    assert ping.lost() == []


def test_stop_gives_all_back(shared):
    """After weft the kernel answers for the port again; before, weft has it."""
    probe = IP(dst=WEFT) / UDP(sport=40000, dport=8472) / Raw(b"\x08" + b"\0" * 40)
    frame = Ether(dst=shared.ns.mac(UPLINK), src=shared.linux.mac()) / probe
    frame[IP].src = LINUX
    port = Port(shared.linux)
    capture = Capture(shared.linux)
    port.send(frame)
    shared.weft.wait_drop("vxlan_unknown_vni")
    # fragments are the kernel's, which keeps silent
    whole = bytes(probe[UDP])
    port.send(Ether(dst=frame.dst, src=frame.src) / IP(src=LINUX, dst=WEFT, id=7, flags="MF") /
              Raw(whole[:24]) , Ether(dst=frame.dst, src=frame.src) /
              IP(src=LINUX, dst=WEFT, id=7, frag=3, proto=17) / Raw(whole[24:]))
    assert shared.linux.ping(WEFT)
    assert not capture.matching(lambda p: ICMP in p and p[ICMP].type == 3)
    shared.weft.stop()
    assert shared.program() is None
    port.send(frame)
    capture.wait(lambda p: ICMP in p and p[ICMP].type == 3 and p[ICMP].code == 3,
                 "the kernel's refusal")


def bpf_object():
    return os.path.join(netlab.tests_build_dir(), "datapath/io/uplink.bpf.o")


def test_left_over_program_is_replaced(lab):
    """A program of ours that no process holds is recognised; one of anybody else stays."""
    shared = Shared(lab, start=False)
    shared.ns.run("ip", "link", "set", "dev", UPLINK, "xdp", "obj", bpf_object(), "sec", "xdp")
    assert shared.program() == PROGRAM
    assert shared.linux.ping(WEFT), "without sockets all is the kernel's"
    shared.start()
    assert "left on the interface" in shared.weft.process.output()
    assert shared.state()["mode"] == "copy"
    assert shared.a.ping("10.0.0.2") and shared.linux.ping(WEFT)


def test_foreign_program_stays(lab):
    shared = Shared(lab, start=False)
    source, program = lab.path("pass.c"), lab.path("pass.o")
    with open(source, "w", encoding="ascii") as file:
        file.write('__attribute__((section("xdp"), used)) int other(void *ctx) { return 2; }\n'
                   'char text[] __attribute__((section("license"), used)) = "GPL";\n')
    run("clang", "-O2", "-g", "-target", "bpf", "-c", source, "-o", program)
    shared.ns.run("ip", "link", "set", "dev", UPLINK, "xdp", "obj", program, "sec", "xdp")
    shared.start()
    state = shared.state()
    assert state["mode"] == "packet" and "another XDP program" in state["refused"][0]
    assert shared.program() == "other"
    assert shared.a.ping("10.0.0.2") and shared.linux.ping(WEFT)


def test_one_weftd_for_an_interface(shared):
    """A second one is refused at once and harms nobody."""
    with open(shared.weft.file, encoding="utf-8") as file:
        config = json.load(file)
    config["ports"] = {}
    other = shared.lab.path("other.json")
    with open(other, "w", encoding="utf-8") as file:
        json.dump(config, file)
    status, output = weftd_output(shared.ns, "-c", other, "-s", shared.lab.path("other.sock"))
    assert status == 1 and "another weftd" in output, output
    assert shared.a.ping("10.0.0.2")


def test_interface_goes_away(shared):
    """The daemon goes on, says so, and stops cleanly."""
    assert shared.a.ping("10.0.0.2")
    ping = shared.a.start_ping("10.0.0.2")
    ping.more(5)
    shared.linux.ip("link del eth0")
    wait_for(lambda: shared.state()["link"] == "down", "the link to be down")
    wait_for(lambda: shared.remote()["state"] == "no-route", "the remote to have no route")
    shared.weft.wait_drop("port_down")
    ping.stop()


# ---- the kernel's underlay ---------------------------------------------------------------------

def test_configured_address_must_be_the_kernels(lab):
    """With an address in the configuration, the tunnel waits until the kernel has just that one."""
    shared = Shared(lab, uplink={"address": UNDERLAY + "11/24"}, remotes=[UNDERLAY + "11"])
    assert "waits for one" in shared.weft.process.output()
    assert shared.a.unreachable("10.0.0.2")
    shared.ns.ip(f"addr add {UNDERLAY}11/24 dev {UPLINK}")
    wait_for(lambda: shared.a.ping("10.0.0.2", count=1, patience=0.5), "the tunnel")
    capture = Capture(shared.linux)
    assert shared.a.ping("10.0.0.2")
    assert capture.wait(lambda p: UDP in p, "VXLAN")[0][IP].src == UNDERLAY + "11"


def test_address_changes(shared):
    """The kernel gets another address: the tunnel follows."""
    assert shared.a.ping("10.0.0.2")
    shared.ns.ip(f"addr del {WEFT}/24 dev {UPLINK}\naddr add {UNDERLAY}21/24 dev {UPLINK}")
    shared.vtep.remote(1, UNDERLAY + "21")
    wait_for(lambda: shared.weft.rpc("tunnel.list")[0]["state"].get("address") == UNDERLAY + "21",
             "the new address")
    wait_for(lambda: shared.a.ping("10.0.0.2", count=1, patience=0.5), "the tunnel")
    assert shared.linux.ping(UNDERLAY + "21")


def test_mac_changes(shared):
    assert shared.a.ping("10.0.0.2")
    shared.ns.ip(f"link set dev {UPLINK} address 02:00:00:00:0a:0a")
    wait_for(lambda: shared.state()["mac"] == "02:00:00:00:0a:0a", "the new MAC")
    wait_for(lambda: shared.a.ping("10.0.0.2", count=1, patience=0.5), "the tunnel")


def test_link_flaps(shared):
    assert shared.a.ping("10.0.0.2")
    for _ in range(3):
        shared.ns.ip(f"link set dev {UPLINK} down")
        wait_for(lambda: shared.remote()["state"] == "no-route", "no route")
        assert shared.a.unreachable("10.0.0.2")
        shared.ns.ip(f"link set dev {UPLINK} up")
        wait_for(lambda: shared.a.ping("10.0.0.2", count=1, patience=0.5), "the tunnel")
    assert shared.linux.ping(WEFT)


def test_neighbour_moves(shared):
    """The remote's machine is replaced: what the kernel learns of it is followed."""
    assert shared.a.ping("10.0.0.2")
    shared.linux.ip("link set dev eth0 down\nlink set eth0 address 02:00:00:00:0e:0e\nlink set eth0 up")
    shared.vtep.remote(1, WEFT)
    assert shared.linux.ping(WEFT), "its own request tells the new MAC"
    wait_for(lambda: shared.remote().get("mac") == "02:00:00:00:0e:0e", "the new MAC")
    assert shared.a.ping("10.0.0.2")


def test_neighbours_are_forgotten(shared):
    """What the kernel forgets is found out again; packets wait for it."""
    assert shared.a.ping("10.0.0.2")
    ping = shared.a.start_ping("10.0.0.2", interval=0.01)
    for _ in range(5):
        ping.more(10)
        shared.ns.run("ip", "neigh", "flush", "dev", UPLINK)
    assert ping.lost() == []


def test_static_neighbour(shared):
    shared.ns.ip(f"neigh replace {LINUX} lladdr {shared.linux.mac()} nud permanent dev {UPLINK}")
    assert shared.a.ping("10.0.0.2")
    assert shared.remote()["state"] == "reachable"


def test_silent_remote(lab):
    """The kernel is asked to resolve; what does not answer fails, and harms nobody."""
    shared = Shared(lab, tunnel={"remotes": [LINUX, SILENT]})
    capture = Capture(shared.linux)
    assert shared.a.ping("10.0.0.2", count=5)
    capture.wait(lambda p: ARP in p and p[ARP].pdst == SILENT, "requests of the kernel", n=3)
    shared.weft.wait_drop("vxlan_no_neigh")
    wait_for(lambda: shared.remote(SILENT)["state"] == "failed", "the state")
    assert shared.remote()["state"] in ("reachable", "stale")
    assert shared.a.ping("10.0.0.2", count=5)


def test_route_changes(lab):
    """A remote off the prefix: its packets take the kernel's route, and follow it to another gateway."""
    ns, linux = lab.ns("weft"), lab.ns("linux")
    routers = [lab.ns("one"), lab.ns("two")]
    lab.wire("near", (ns, UPLINK), *((r, "eth0") for r in routers))
    lab.wire("far", (linux, "eth0"), *((r, "eth1") for r in routers))
    for i, router in enumerate(routers):
        router.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        router.ip(f"addr add {UNDERLAY}{251 + i}/24 dev eth0\naddr add 198.51.100.{251 + i}/24 dev eth1")
    ns.ip(f"addr add {WEFT}/24 dev {UPLINK}\nroute add 198.51.100.0/24 via {UNDERLAY}251")
    vtep = LinuxVtep(linux, "198.51.100.2", remotes=[WEFT])
    linux.ip("route add default via 198.51.100.251")
    vtep.network(1)
    a, b = lab.instance("a", "10.0.0.1"), lab.instance("b", "10.0.0.2")
    vtep.plug(1, b)
    weft = Weft(ns, {
        "uplinks": {"underlay": {"device": f"xdp:{UPLINK}"}},
        "tunnel": {"uplink": "underlay", "remotes": ["198.51.100.2"]},
        "networks": {"vxlan1": {"segments": [{"type": "vxlan", "id": 1}]}}})
    weft.port("a", a, "vxlan1")
    captures = [Capture(router) for router in routers]
    assert a.ping("10.0.0.2", size=1422, df=True)
    captures[0].wait(lambda p: UDP in p and p[IP].dst == "198.51.100.2", "VXLAN by the first")
    assert not captures[1].matching(lambda p: UDP in p and p[IP].dst == "198.51.100.2")
    ping = a.start_ping("10.0.0.2", interval=0.01)
    ping.more()
    ns.ip(f"route replace 198.51.100.0/24 via {UNDERLAY}252")
    frame, = captures[1].wait(lambda p: UDP in p and p[IP].dst == "198.51.100.2",
                              "VXLAN by the second")
    assert frame.dst == routers[1].mac("eth0")
    assert ping.lost() == []
    ns.ip("route del 198.51.100.0/24")
    wait_for(lambda: a.unreachable("10.0.0.2"), "no route")
    weft.wait_drop("vxlan_no_route")
    ns.ip(f"route add default via {UNDERLAY}251")
    wait_for(lambda: a.ping("10.0.0.2", count=1, patience=0.5), "the default route")


def test_path_mtu(shared):
    """An ICMP error about the tunnel, which the kernel receives, lowers the remote's path MTU."""
    capture = Capture(shared.linux)
    assert shared.a.ping("10.0.0.2", size=1400)
    frame = capture.wait(lambda p: UDP in p and p[UDP].dport == 8472, "VXLAN")[0]
    quote = bytes(frame[IP])[:28]
    error = IP(src=LINUX, dst=WEFT) / ICMP(type=3, code=4, nexthopmtu=1400) / Raw(quote)
    Port(shared.linux).send(Ether(dst=frame.src, src=frame.dst) / error)
    wait_for(lambda: shared.remote()["path-mtu"] == 1400, "the path MTU")


@pytest.mark.parametrize("mode", ["multicast", "headend"])
def test_the_kernel_joins_the_group(lab, mode):
    remotes = [LINUX] if mode == "headend" else None
    shared = Shared(lab, tunnel={"mode": mode, "group": GROUP, "remotes": remotes}, group=GROUP,
                    remotes=[])
    assert GROUP in shared.ns.run("ip", "maddr", "show", "dev", UPLINK)
    assert shared.b.ping("10.0.0.1") and shared.a.ping("10.0.0.2")
    shared.weft.rpc("tunnel.set", group="239.1.1.2")
    wait_for(lambda: "239.1.1.2" in shared.ns.run("ip", "maddr", "show", "dev", UPLINK), "the other")
    assert GROUP not in shared.ns.run("ip", "maddr", "show", "dev", UPLINK)
    shared.weft.stop()
    assert "239." not in shared.ns.run("ip", "maddr", "show", "dev", UPLINK)
    shared.weft.start()


def test_more_groups_than_a_socket_takes(lab):
    """The kernel allows 20 memberships on one socket."""
    networks = {f"n{i}": {"segments": [{"type": "vxlan", "id": i}]} for i in range(2, 52)}
    shared = Shared(lab, tunnel={"mode": "multicast", "group": "239.1.0.0/16", "remotes": None},
                    networks=networks)

    def joined():
        return set(re.findall(r"239\.1\.0\.\d+",
                              shared.ns.run("ip", "maddr", "show", "dev", UPLINK)))
    assert joined() == {f"239.1.0.{i}" for i in range(1, 52)}
    for i in range(2, 52):
        shared.weft.rpc("network.del", name=f"n{i}")
    assert joined() == {"239.1.0.1"}


# ---- sizes, tags, checksums --------------------------------------------------------------------

@pytest.mark.parametrize("mtu", [1400, 1550, 3000])
def test_mtu(lab, mtu):
    shared = Shared(lab, mtu=mtu)
    assert shared.state()["mode"] == "copy"
    assert shared.a.ping("10.0.0.2", size=mtu - 78, df=True)
    assert shared.b.ping("10.0.0.1", size=mtu - 78, df=True)
    assert shared.linux.ping(WEFT, size=mtu - 28, df=True)


def test_tagged_underlay(lab):
    """The underlay is VLAN 100 of the interface; the kernel's untagged traffic there is its own."""
    shared = Shared(lab, uplink={"vlan": 100}, start=False)
    for ns, ifname in ((shared.ns, UPLINK), (shared.linux, "eth0")):
        ns.run("ethtool", "-K", ifname, "txvlan", "off", "rxvlan", "off")
        ns.vlan(ifname, 100)
    shared.start()
    capture = Capture(shared.linux)
    assert shared.a.ping("10.0.0.2")
    frame = capture.wait(lambda p: UDP in p, "VXLAN")[0]
    assert frame.type == 0x8100 and frame.vlan == 100
    assert shared.linux.ping(WEFT)
    assert shared.state()["frames-tunnel"] > 0


@pytest.mark.parametrize("mode", ["copy", "generic", "packet"])
def test_partial_checksums(lab, mode):
    """The peers leave checksums to network cards that are not there."""
    shared = Shared(lab, f"xdp:{UPLINK},mode={mode}")
    for ns in (shared.linux, shared.b):
        ns.run("ethtool", "-K", "eth0", "tx", "on")
    shared.linux.run("ethtool", "-K", "tap0", "tx", "on")
    assert shared.b.ping("10.0.0.1")
    lab.iperf_tcp(shared.b, shared.a)
    assert lab.iperf_udp(shared.b, shared.a, "-b", "5M", "-l", "1000", most=5)["packets"] > 100
    assert "vxlan_udp_csum" not in shared.weft.drops()


# ---- networks on the interface -----------------------------------------------------------------

def segments(kind, **more):
    return [{"type": kind, "uplink": "underlay", **more}]


@pytest.mark.parametrize("mode", ["copy", "packet"])
def test_vlans(lab, mode):
    """share vlans: VLAN 1001 goes to weft, and only while a network has it; live."""
    shared = Shared(lab, f"xdp:{UPLINK},mode={mode}", uplink={"vlans": "1001-1010"})
    refused = shared.weft.refused("network.add", name="v", segments=segments("vlan", id=1001))
    assert refused.symbol == "E_CFG_SHARE"
    shared.weft.rpc("uplink.set", name="underlay", share="vlans")
    shared.weft.rpc("network.add", name="v", segments=segments("vlan", id=1001))
    guest = lab.instance("guest", "172.16.1.1", mtu=1500)
    shared.weft.port("guest", guest, "v")
    port, capture = Port(shared.linux), Capture(shared.linux)

    def request(vid):
        port.send(Ether(dst="ff:ff:ff:ff:ff:ff", src="02:00:00:00:00:77", type=0x8100) /
                  Raw(vid.to_bytes(2, "big") + b"\x08\x06" +
                      bytes(ARP(hwsrc="02:00:00:00:00:77", psrc="172.16.1.2", pdst="172.16.1.1"))))
    request(1001)
    frame = capture.wait(lambda p: ARP in p and p[ARP].psrc == "172.16.1.1", "the guest's answer")[0]
    assert frame.type == 0x8100 and frame.vlan == 1001 and frame.dst == "02:00:00:00:00:77"
    assert shared.state()["frames-vlan"] > 0
    before = shared.state()["frames-vlan"]
    request(1002)
    assert shared.linux.ping(WEFT) and shared.a.ping("10.0.0.2")
    assert shared.state()["frames-vlan"] == before
    shared.weft.rpc("port.del", name="guest")
    shared.weft.rpc("network.del", name="v")
    request(1001)
    assert shared.linux.ping(WEFT)
    assert shared.state()["frames-vlan"] == before


@pytest.mark.parametrize("mode", ["copy", "packet"])
def test_flat(lab, mode):
    """share all: an instance and the kernel, each with its MAC and address, on one untagged wire."""
    shared = Shared(lab, f"xdp:{UPLINK},mode={mode}", uplink={"share": "all"},
                    networks={"flat": {"segments": segments("flat")}})
    guest = lab.instance("guest", UNDERLAY + "31", mtu=1500)
    shared.weft.port("guest", guest, "flat")
    assert guest.ping(LINUX, count=5)
    assert shared.linux.ping(UNDERLAY + "31", size=1472, df=True)
    assert shared.linux.ping(WEFT, count=5), "the kernel answers for itself, once"
    assert shared.a.ping("10.0.0.2", count=5)
    capture = Capture(shared.linux, outgoing=True)
    shared.linux.forget_neighbours()
    assert shared.linux.ping(WEFT)
    asked = capture.matching(lambda p: ARP in p and p[ARP].op == 1 and p[ARP].pdst == WEFT)
    answers = capture.matching(lambda p: ARP in p and p[ARP].op == 2 and p[ARP].psrc == WEFT)
    assert 1 <= len(answers) <= len(asked)
    assert shared.state()["frames-untagged"] > 0
