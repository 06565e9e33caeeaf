# SPDX-License-Identifier: BSD-3-Clause
"""Routing, SNAT and floating IPs with real programs and the kernel's own network stacks."""

import errno
import json
import re
import socket
import threading
import time

import pytest
from scapy.all import ARP, ICMP, IP, UDP, Ether

from capture import Capture, Port
from netlab import wait_for
from router_lab import FAR, FLOATING, GATEWAY, GATEWAY_MAC, NETWORKS, ROUTER, RouterLab

ROUNDS, ROUND_S = 3, 2  # of announcements
ICMP_RATE, ICMP_BURST = 1000, 50


@pytest.fixture
def cloud(lab):
    return RouterLab(lab)


class Server:
    """A TCP server as sshd is one: greets, then says each line again. It lives in a namespace."""

    def __init__(self, ns, port=22):
        self.peers = []
        with ns.entered():
            self.listener = socket.create_server(("0.0.0.0", port))
        ns.lab.closers.append(self.close)
        self.name = ns.short
        self.connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, peer = self.listener.accept()
            except OSError:
                return
            self.peers.append(peer[0])
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            connection.sendall(f"{self.name}\n".encode())
            for line in connection.makefile("rb"):
                connection.sendall(line)
        except OSError:
            return

    def close(self):
        self.listener.close()
        for connection in self.connections:
            connection.close()


class Client:
    """A connection to a Server."""

    def __init__(self, ns, address, port=22, timeout=5):
        with ns.entered():
            self.socket = socket.create_connection((address, port), timeout)
        ns.lab.closers.append(self.socket.close)
        self.lines = self.socket.makefile("rb")
        self.server = self.lines.readline().decode().strip()

    def says_again(self, line=b"hello\n"):
        self.socket.sendall(line)
        return self.lines.readline() == line


def pings(frame):
    return ICMP in frame and frame[ICMP].type == 8


# ---- between networks ----------------------------------------------------------------------------

def test_east_west(lab):
    """Without a router nothing; with one, replies, one hop away, and addresses as they were."""
    cloud = RouterLab(lab, router=False)
    assert cloud.a.unreachable(cloud.c.address)
    cloud.add_router()
    seen = {guest: Capture(guest) for guest in (cloud.a, cloud.c)}
    assert cloud.a.ping(cloud.c.address)
    assert cloud.c.ping(cloud.a.address, size=1422, df=True)
    for to, source in ((cloud.c, cloud.a), (cloud.a, cloud.c)):
        for frame in seen[to].wait(pings, "echo requests", n=3):
            assert (frame[IP].src, frame[IP].dst, frame[IP].ttl) == (source.address, to.address, 63)
    assert cloud.b.ping(cloud.c.address), "an instance on the router's own node"
    for client, server in ((cloud.a, cloud.c), (cloud.c, cloud.b)):
        lab.iperf_tcp(client, server)
    assert lab.iperf_udp(cloud.a, cloud.c, "-b", "10M", most=5)["packets"] > 100


@pytest.mark.parametrize("name", ("tagged", "flat"))
def test_other_networks_need_routes(cloud, name):
    """A VLAN or flat network whose way out is another device: its hosts need a route."""
    host = getattr(cloud, name)
    prefix = NETWORKS[host.network][0]
    interface = {"subnet": host.network, "address": f"{prefix}.2"}
    cloud.node1.rpc("router.set", name="r", interfaces=[*ROUTER["interfaces"], interface])
    seen = Capture(host)
    assert cloud.a.unreachable(host.address)
    request, = seen.wait(pings, "the echo request that nothing leads back for")
    assert request[IP].src == cloud.a.address
    host.ip(f"route add {NETWORKS['vxlan1'][0]}.0/24 via {prefix}.2")
    assert cloud.a.ping(host.address)
    assert host.ping(cloud.a.address)
    # And the other side: what is behind the host needs a route of the router.
    host.ip("addr add 10.99.0.1/32 dev lo")
    assert cloud.a.unreachable("10.99.0.1")
    cloud.node1.rpc("router.set", name="r",
                    routes=[{"destination": "10.99.0.0/16", "nexthop": host.address}])
    assert cloud.a.ping("10.99.0.1")
    # 1500 bytes do not fit a VXLAN network: its hosts learn that.
    assert not host.ping(cloud.a.address, size=1472, df=True, patience=3)
    assert "mtu 1450" in host.run("ip", "route", "get", cloud.a.address)
    assert host.ping(cloud.a.address, size=1472), "in two fragments"
    cloud.lab.iperf_tcp(host, cloud.a)


def test_dead_host(cloud):
    """Who sends to an address that nobody has hears of it after the third request for it."""
    text = cloud.c.run("ping", "-n", "-c", "2", "-i", "0.5", "-W", "6", "172.16.1.99", check=False)
    assert "From 172.16.2.1 icmp_seq=1 Destination Host Unreachable" in text
    assert "From 172.16.2.1 icmp_seq=2 Destination Host Unreachable" in text
    rows = {row["address"]: row for row in cloud.node1.cli_json("neighbour", "show", "r")}
    assert rows[cloud.c.address]["mac"] == cloud.c.hwaddr
    assert rows.get("172.16.1.99", {}).get("state", "failed") == "failed"


# ---- the way out ---------------------------------------------------------------------------------

def test_floating_ip(cloud):
    seen, outside = Capture(cloud.a), Capture(cloud.x)
    assert cloud.x.ping(FLOATING)
    assert {frame[IP].src for frame in seen.wait(pings, "echo requests", n=3)} == {"10.1.0.1"}
    answers = outside.wait(lambda frame: ICMP in frame and frame[ICMP].type == 0, "replies", n=3)
    assert {(frame[Ether].src, frame[IP].src) for frame in answers} == {(GATEWAY_MAC, FLOATING)}
    server = Server(cloud.a)
    for client, source in ((cloud.x, "10.1.0.1"), (cloud.far, FAR)):
        connection = Client(client, FLOATING)
        assert connection.server == "a" and all(connection.says_again() for _ in range(20))
        assert server.peers[-1] == source
    elsewhere = Server(cloud.far)
    assert Client(cloud.a, FAR).says_again() and elsewhere.peers == [FLOATING]
    rows = cloud.node1.cli_json("session", "show", "address", cloud.a.address)
    assert FLOATING in json.dumps(rows), "both sides of the translation"
    cloud.lab.iperf_tcp(cloud.x, Known(cloud.a, FLOATING))
    cloud.lab.iperf_tcp(cloud.a, cloud.far)


class Known:
    """A namespace by another address, as it is known from outside."""

    def __init__(self, ns, address):
        self.address = address
        self.start = ns.start


def test_source_nat(cloud):
    servers = {ns: Server(ns) for ns in (cloud.x, cloud.far)}
    for ns, server in servers.items():
        address = "10.1.0.1" if ns is cloud.x else FAR
        for guest in (cloud.b, cloud.c):
            assert Client(guest, address).says_again()
        assert server.peers == [GATEWAY, GATEWAY]
    assert cloud.c.ping(FAR, size=1422, df=True)
    cloud.lab.iperf_tcp(cloud.c, cloud.far)
    # Turned off: nothing but floating IPs gets out, both ways.
    cloud.node1.rpc("router.set", name="r", gateway={**ROUTER["gateway"], "enable-snat": False})
    assert cloud.c.unreachable(FAR)
    assert cloud.a.ping(FAR)
    assert cloud.far.ping(FLOATING)


def test_hairpin(cloud):
    """An instance by the floating IP of another one, and by its own."""
    server = Server(cloud.a)
    assert Client(cloud.c, FLOATING).says_again()
    assert Client(cloud.b, FLOATING).says_again()
    assert Client(cloud.a, FLOATING).says_again()
    assert server.peers == [GATEWAY, GATEWAY, FLOATING]
    assert cloud.c.ping(FLOATING)


def hops_of(text):
    """[[the address of each answer] of each hop] of traceroute -n."""
    lines = [line for line in text.splitlines() if re.match(r" *\d+ ", line)]
    return [re.findall(r"\d+\.\d+\.\d+\.\d+", line) for line in lines]


@pytest.mark.parametrize("how", ([], ["-I"], ["-T", "-p", "22"]), ids=("udp", "icmp", "tcp"))
def test_traceroute(cloud, how):
    def trace(ns, address):
        return hops_of(ns.run("traceroute", "-n", "-q", "1", "-w", "3", "-m", "6", *how, address))

    assert trace(cloud.c, FAR) == [["172.16.2.1"], ["10.1.0.1"], [FAR]]
    assert trace(cloud.a, FAR) == [["172.16.1.1"], ["10.1.0.1"], [FAR]]
    assert trace(cloud.a, cloud.c.address) == [["172.16.1.1"], [cloud.c.address]]
    assert trace(cloud.x, FLOATING) == [[GATEWAY], [FLOATING]]
    assert trace(cloud.far, FLOATING) == [["8.8.8.1"], [GATEWAY], [FLOATING]]
    assert trace(cloud.c, FLOATING) == [["172.16.2.1"], [FLOATING]]


def test_pings_of_the_router_in_fragments(cloud):
    """Answered as Linux does, and in fragments of what each network carries."""
    for guest, address in ((cloud.a, cloud.a.gateway), (cloud.a, cloud.c.gateway), (cloud.c, GATEWAY),
                           (cloud.b, cloud.b.gateway), (cloud.x, GATEWAY)):
        seen = Capture(guest)
        assert guest.ping(address, size=3000), f"{guest.short} to {address}"
        answers = seen.matching(lambda f, address=address: IP in f and f[IP].src == address)
        assert len(answers) == 9, "three for each ping"
        assert {f[IP].len for f in answers if f[IP].flags.MF} == {1500 if guest is cloud.x else 1444}
    assert cloud.x.ping(GATEWAY, count=1, size=65507), "the largest that there is"


def test_mtr(cloud):
    for ns, to, hops in ((cloud.c, FAR, ["172.16.2.1", "10.1.0.1", FAR]),
                         (cloud.far, FLOATING, ["8.8.8.1", GATEWAY, FLOATING])):
        text = ns.run("mtr", "--json", "-n", "-c", "4", "-i", "0.5", to)
        report = json.loads(text)["report"]["hubs"]
        assert [hub["host"] for hub in report] == hops, text
        assert all(hub["Loss%"] == 0 for hub in report), text


def test_announcements(cloud):
    """A new floating IP is told of in three rounds; one that is gone is nobody's."""
    outside = Capture(cloud.x)
    cloud.node1.rpc("floating-ip.add", name="10.1.0.60", network="inside", port="c")

    def is_told(frame):
        return ARP in frame and frame[ARP].psrc == frame[ARP].pdst == "10.1.0.60"
    frames = outside.wait(is_told, "announcements", n=2 * ROUNDS, timeout=ROUNDS * ROUND_S + 5)
    assert sorted(frame[ARP].op for frame in frames) == [1] * ROUNDS + [2] * ROUNDS
    assert {(frame[Ether].src, frame[Ether].dst, frame[ARP].hwsrc) for frame in frames} \
        == {(GATEWAY_MAC, "ff:ff:ff:ff:ff:ff", GATEWAY_MAC)}
    assert cloud.x.ping("10.1.0.60")
    cloud.node1.rpc("floating-ip.del", name="10.1.0.60")
    cloud.x.forget_neighbours()
    assert cloud.x.unreachable("10.1.0.60")
    assert len(outside.matching(is_told)) == 2 * ROUNDS, "one series"


def test_path_mtu(cloud):
    """1500 bytes to a floating IP in a network of 1450: with DF the sender learns what fits, without it
    they come in two fragments."""
    outside = Capture(cloud.x)
    assert not cloud.x.ping(FLOATING, count=1, size=1472, df=True, patience=1)
    error, = outside.wait(lambda f: ICMP in f and f[ICMP].type == 3, "the error")
    assert (error[IP].src, error[ICMP].code, error[ICMP].nexthopmtu) == (GATEWAY, 4, 1450)
    assert (error["IPerror"].src, error["IPerror"].dst) == ("10.1.0.1", FLOATING)
    assert "mtu 1450" in cloud.x.run("ip", "route", "get", FLOATING)
    cloud.x.ip("route flush cache")
    seen = Capture(cloud.a)
    assert cloud.x.ping(FLOATING, count=2, size=1472)
    pieces = seen.matching(lambda f: IP in f and (f[IP].flags.MF or f[IP].frag))
    assert [f[IP].frag != 0 for f in pieces[:4]] == [False, True] * 2
    assert all(f[IP].len <= 1450 for f in pieces)
    # TCP finds the way by itself, from near and from afar, if the instance says it takes 1500 bytes.
    cloud.a.ip("link set dev eth0 mtu 1500")
    for client in (cloud.x, cloud.far):
        client.ip("route flush cache")
        cloud.lab.iperf_tcp(client, Known(cloud.a, FLOATING))
        assert "mtu 1450" in client.run("ip", "route", "get", FLOATING)


def test_floating_ip_moves(cloud):
    """From one instance to another: old connections end, new ones go where it points now."""
    for guest in (cloud.a, cloud.b):
        Server(guest)
    old = Client(cloud.x, FLOATING, timeout=2)
    assert old.server == "a" and old.says_again()
    wait_for(lambda: cloud.node1.cli_json("session", "show", "address", cloud.a.address), "sessions")
    def is_told(frame):
        return ARP in frame and frame[ARP].psrc == frame[ARP].pdst == FLOATING
    outside = Capture(cloud.x)
    time.sleep(ROUNDS * ROUND_S)  # until it has been told of
    outside.matching(is_told)
    outside.clear()
    cloud.node1.rpc("floating-ip.set", name=FLOATING, port="b")
    assert Client(cloud.x, FLOATING).server == "b"
    with pytest.raises(OSError):
        assert not old.says_again()
        raise ConnectionResetError("nothing comes back")
    elsewhere = Server(cloud.x)
    assert Client(cloud.b, "10.1.0.1").says_again() and elsewhere.peers == [FLOATING]
    outside.wait(is_told, "announcements", n=2 * ROUNDS, timeout=ROUNDS * ROUND_S + 5)
    time.sleep(ROUND_S + 0.5)  # what would be a fourth round
    assert len(outside.matching(is_told)) == 2 * ROUNDS, "one series"


def test_gateway_goes(cloud):
    """Hosts hear at once that there is no way out any more, and their connections have ended; when there
    is one again, so can they."""
    for ns in (cloud.c, cloud.far):
        Server(ns)
    old = Client(cloud.c, FAR, timeout=2)
    assert old.says_again()
    status, _, err = cloud.node1.cli_status("router", "set", "r", "gateway", "default")
    assert status != 0 and "E_RTR_GW_IN_USE" in err and FLOATING in err, err
    assert old.says_again()
    cloud.node1.cli("floating-ip", "del", FLOATING)
    cloud.node1.cli("router", "set", "r", "gateway", "default")
    assert cloud.node1.cli_json("session", "show", "address", FAR) == []
    text = cloud.c.run("ping", "-n", "-c", "1", "-W", "2", FAR, check=False)
    assert "From 172.16.2.1 icmp_seq=1 Destination Net Unreachable" in text
    with pytest.raises(OSError) as failure:
        Client(cloud.c, FAR)
    assert failure.value.errno == errno.ENETUNREACH
    with pytest.raises(OSError):
        assert not old.says_again()
        raise ConnectionResetError("nothing comes back")
    cloud.x.forget_neighbours()
    assert cloud.x.unreachable(GATEWAY)
    assert cloud.node1.refused("floating-ip.add", name=FLOATING, network="inside",
                               port="a").symbol == "E_FIP_UNREACHABLE"
    assert Client(cloud.a, cloud.c.address).says_again(), "between networks all is as it was"
    cloud.node1.rpc("router.set", name="r", gateway=ROUTER["gateway"])
    assert cloud.c.ping(FAR)
    assert Client(cloud.c, FAR).says_again()


# ---- floods --------------------------------------------------------------------------------------

def received(ns):
    """Packets that eth0 has got."""
    link, = json.loads(ns.run("ip", "-j", "-s", "link", "show", "eth0"))
    return link["stats64"]["rx"]["packets"]


class Flood:
    """Paced packets from the external network: for an instance, and with a TTL of 1 from many sources."""
    BURST, PAUSE, SECONDS = 20, 0.002, 3

    def __init__(self, cloud):
        self.cloud = cloud
        self.port = Port(cloud.x)
        router = Ether(src=cloud.x.hwaddr, dst=GATEWAY_MAC)
        good = router / IP(src="10.1.0.1", dst=cloud.b.address) / UDP(sport=9, dport=9) / b"good"
        self.good = bytes(good)
        self.bad = [bytes(router / IP(src=f"9.9.{i >> 8}.{i & 255}", dst=cloud.b.address, ttl=1)
                          / UDP(sport=9, dport=9)) for i in range(1000)]

    def run(self, bad):
        """(share of the good packets that came, ICMP errors, seconds)"""
        before = received(self.cloud.b), received(self.cloud.x)
        begin = time.monotonic()
        sent = at = 0
        while time.monotonic() < begin + self.SECONDS:
            self.port.send(*[self.good] * self.BURST)
            sent += self.BURST
            for _ in range(bad * self.BURST):
                self.port.send(self.bad[at % len(self.bad)])
                at += 1
            time.sleep(self.PAUSE)
        took = time.monotonic() - begin
        last = None
        while last != (last := received(self.cloud.b)):
            time.sleep(0.2)
        return (last - before[0]) / sent, received(self.cloud.x) - before[1], took


def test_flood_of_expired_packets(cloud):
    """No more than 1000 ICMP errors a second, and other traffic passes as before. A machine with other
    work to do may lose packets of either run: the best of some counts."""
    # Closed ports of instances would answer each packet.
    cloud.node1.rpc("security-group.set", name="all", rules=[
        {"direction": "egress"}, {"direction": "ingress", "protocol": "udp"}])
    cloud.b.run("iptables", "-A", "INPUT", "-p", "udp", "-j", "DROP")
    assert cloud.b.ping("10.1.0.1"), "both know their next hops"
    flood = Flood(cloud)
    for _ in range(4):
        calm, _, _ = flood.run(bad=0)
        share, errors, took = flood.run(bad=4)
        print(f"good packets {share:.1%} (alone {calm:.1%}), {errors / took:.0f} ICMP errors a second")
        assert errors <= (ICMP_RATE * took + ICMP_BURST) * 1.05
        assert errors > 100
        if share > 0.95 * calm > 0.9:
            break
    else:
        raise AssertionError("the flood slows other traffic down")
    assert sum(cloud.node1.drops().get(reason, 0) for reason in ("icmp_err_rate", "punt_rate")) > 0


# ---- configuration -------------------------------------------------------------------------------

REFUSED = (
    ("E_RTR_GW_IN_USE", "router set r gateway default"),
    ("E_RTR_IF_IN_USE_FIP", "router set r interfaces vxlan2"),
    ("E_RTR_IN_USE", "router del r"),
    ("E_RTR_ROUTE_NEXTHOP", "router set r routes 10.9.0.0/16@172.16.3.1"),
    ("E_RTR_ROUTE_SELF", "router set r routes 10.9.0.0/16@172.16.1.1"),
    ("E_RTR_GW_NOT_EXTERNAL", "router add s gateway.network flat"),
    ("E_RTR_GW_IP", "router add s gateway.network inside gateway.address 10.1.0.1"),
    ("E_RTR_IF_DUP", "router add s interfaces flat,flat"),
    ("E_FIP_UNREACHABLE", "floating-ip add 10.1.0.61 network inside port f"),
    ("E_FIP_DUP", "floating-ip add 10.1.0.61 network inside port a"),
    ("E_FIP_NOT_EXTERNAL", "floating-ip add 172.18.0.61 network flat port a"),
    ("E_FIP_ADDRESS", "floating-ip add 10.2.0.61 network inside port a"),
    ("E_SUB_GW_IN_USE", "subnet set vxlan1 gateway 172.16.1.7"),
)


def test_errors_of_the_command_line(cloud):
    """What a change may not do is refused with one clear message, and nothing changes."""
    cloud.node1.rpc("port.add", name="f", network="flat", addresses=["172.18.0.7"])
    before = cloud.node1.cli_json("config", "show")
    for symbol, words in REFUSED:
        status, out, err = cloud.node1.cli_status(*words.split())
        assert status != 0 and symbol in err, f"weft {words}: {status}\n{out}{err}"
    assert cloud.node1.cli_json("config", "show") == before
    assert cloud.x.ping(FLOATING)


def test_overlap_names_both_subnets(lab):
    """The error of a router between two subnets that are the same: on setting the gateway, and on
    attaching an interface after it."""
    cloud = RouterLab(lab, router=False)
    weft = cloud.node1
    weft.cli("network", "set", "flat", "external", "true")
    weft.cli("subnet", "del", "flat")
    weft.cli("subnet", "add", "provider", "network", "flat", "cidr", "172.16.1.0/24", "pools",
             "172.16.1.20-172.16.1.30")
    weft.cli("router", "add", "r", "interfaces", "vxlan1")
    before = weft.cli_json("config", "show")
    status, _, err = weft.cli_status("router", "set", "r", "gateway.network", "flat")
    assert status != 0 and "E_RTR_OVERLAP" in err
    assert all(word in err for word in ("172.16.1.0/24", "provider", "vxlan1")), err
    assert weft.cli_json("config", "show") == before
    weft.cli("router", "set", "r", "gateway.network", "inside")
    weft.cli("subnet", "add", "half", "network", "vlan1001", "cidr", "10.1.0.0/25", "gateway", "10.1.0.2")
    status, _, err = weft.cli_status("router", "set", "r", "interfaces", "vxlan1,half")
    assert status != 0 and "E_RTR_OVERLAP" in err
    assert all(word in err for word in ("10.1.0.0/24", "10.1.0.0/25", "inside", "half")), err


def test_shown(cloud):
    """Routes and neighbours of a router, for people and for programs."""
    cloud.node1.rpc("router.set", name="r", routes=[
        {"destination": "10.9.0.0/16", "nexthop": cloud.c.address}])
    assert cloud.c.ping(FAR)
    routes = {row["destination"]: row for row in cloud.node1.cli_json("route", "show", "r")}
    assert {"0.0.0.0/0", "172.16.1.0/24", "172.16.2.0/24", "10.1.0.0/24", "10.9.0.0/16"} <= set(routes)
    text = cloud.node1.cli("route", "show", "r")
    assert "10.9.0.0/16" in text and cloud.c.address in text
    neighbours = {row["address"]: row["mac"] for row in cloud.node1.cli_json("neighbour", "show", "r")}
    assert neighbours[cloud.c.address] == cloud.c.hwaddr and neighbours["10.1.0.1"] == cloud.x.hwaddr
    assert cloud.c.hwaddr in cloud.node1.cli("neighbour", "show", "r")
