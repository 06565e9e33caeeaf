#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Four weft nodes do what an OpenStack deployment does with bridges, vxlan devices, iptables, dnsmasq
and qrouter namespaces: flat, VLAN and VXLAN networks, DHCP, security groups, a router, floating IPs.
Names, MACs and addresses are those of the deployment; README.md walks through it.

Run by scripts/demo, as root. Each step prints its evidence; exits 0 only if every step worked.
"""

import copy
import json
import os
import re
import signal
import socket
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))

# pylint: disable=wrong-import-position
from story import Story, tell  # noqa: E402
from capture import Capture, Port  # noqa: E402
from cloud import Guest, arping  # noqa: E402
from guest import QemuGuest  # noqa: E402
from netlab import wait_for  # noqa: E402
from node import Weft  # noqa: E402
from scapy.all import ARP, BOOTP, DHCP, ICMP, IP, UDP, VXLAN, Ether, bind_layers  # noqa: E402

PICTURE = """
                  node1                 node3            node4            node5
          DHCP of every network        test-2           test-1          vxlan2-1
          router vxlan1and2            vlan-test-2      vlan-test-1
          10.1.0.83, 10.1.0.50         vxlan1-2         vxlan1-1
    ens18 192.168.31.101 ------------- .103 ----------- .104 ---------- .105    VXLAN, UDP 8472
    ens19 ------------------------------+----------------+                      flat and VLAN 1001
    ens20 ------- outside 10.1.0.1                                              network inside
"""
NODES = ("node1", "node3", "node4", "node5")
VXLAN_PORT = 8472
MACHINES = (("vm-1", "fa:16:3e:00:01:61"), ("vm-2", "fa:16:3e:00:01:62"))
# What node1 has before the deployment grows.
AT_FIRST = {"networks": ("provider", "inside"), "subnets": ("provider", "inside"),
            "ports": ("test-1", "test-2"), "routers": (), "floating-ips": ()}
bind_layers(UDP, VXLAN, dport=VXLAN_PORT)


def words(value):
    """A value of a DHCP option as text."""
    if not isinstance(value, bytes):
        return " ".join(value) if isinstance(value, list) else str(value)
    return value.decode() if value.isascii() and value.decode().isprintable() else value.hex()


def document(node):
    """The configuration of a node; from the directory given as argument, if there is one."""
    directory = sys.argv[1] if len(sys.argv) > 1 else HERE
    with open(os.path.join(directory, f"{node}.json"), encoding="utf-8") as file:
        return json.load(file)


class Replay(Story):
    """The fifteen steps."""

    parts = ("start", "flat", "vlan", "vxlan", "mixed_modes", "isolation", "routing", "gateway",
             "floating_ip", "dhcp", "security", "foreign_dhcp", "mtu", "restart", "machines", "closing")

    def __init__(self, lab):
        super().__init__(lab)
        self.documents = {name: document(name) for name in NODES}
        self.guests = {}
        self.weftd = {}

    @property
    def node1(self):
        return self.weftd["node1"]

    @property
    def node4(self):
        return self.weftd["node4"]

    def boot(self, *names):
        """Instances ask for their addresses; shows what each was told."""
        for name in names:
            self.guests[name].udhcpc("-q")
        for name in names:
            guest = self.guests[name]
            lease = guest.wait_event("bound")
            self.say(f"{name}: {lease['ip']} mtu {lease['mtu']} router {lease['router']} "
                     f"from {lease['serverid']} for {lease['lease']} s as {lease['hostname']}")
            self.check(f"{name} got its own address", lease["ip"] == guest.address)

    def add(self, *ports):
        """Ports of other nodes that node1 has to know for its DHCP and security groups."""
        for name in ports:
            port = self.documents["node1"]["ports"][name]
            self.weft(self.node1, "port", "add", name, "network", port["network"], "mac", port["mac"],
                      "addresses", ",".join(port["addresses"]),
                      "security-groups", ",".join(port["security-groups"]))

    def refused(self, node, symbol, *words):
        status, _, message = node.cli_status(*words)
        self.show(node.ns.short, "weft " + " ".join(words), message)
        self.check(f"refused: {symbol}", status == 1 and symbol in message)
        return message

    # ---- the steps

    def start(self):
        self.step("Four nodes, three switches, one attachment per instance")
        print(PICTURE)
        namespaces = {name: self.lab.ns(name) for name in NODES}
        self.outside = self.lab.instance("outside", "10.1.0.1", mtu=1500)
        switches = (("ens18", NODES), ("ens19", NODES), ("ens20", NODES))
        self.wires = {}
        for ifname, names in switches:
            ends = [(namespaces[name], ifname) for name in names]
            if ifname == "ens20":
                ends.append((self.outside, "eth0"))
            self.wires[ifname] = self.lab.wire(ifname, *ends, learning=ifname != "ens19")
        self.outside.configure()
        for name, ns in namespaces.items():
            doc = self.documents[name]
            for port, keys in doc["ports"].items():
                if "device" in keys:
                    guest = Guest(self.lab, port, keys["addresses"][0], mac=keys["mac"])
                    self.guests[port] = self.lab.own(guest)
            begin = copy.deepcopy(doc)
            if name == "node1":
                for kind, names in AT_FIRST.items():
                    begin[kind] = {key: begin[kind][key] for key in names}
            self.weftd[name] = Weft(ns, begin)
            for port, keys in doc["ports"].items():
                if "device" in keys:
                    self.weftd[name].give(keys["device"].split(":")[1], self.guests[port])
        self.weft(self.node1, "uplink", "show")
        for name, ns in namespaces.items():
            devices = ns.run("ip", "-d", "link", "show")
            rules = ns.run("iptables-save", check=False)
            self.check(f"no bridge, no vxlan device and no iptables rule on {name}",
                       not re.search(r"^\s+(bridge|vxlan) ", devices, re.M) and "-A " not in rules)

    def flat(self):
        self.step("Flat: test-1 on node4 and test-2 on node3, network provider")
        self.weft(self.node1, "network", "show")
        self.boot("test-1", "test-2")
        lines = self.on_ens19(lambda: self.ping(self.guests["test-1"], self.guests["test-2"]))
        self.check("untagged on ens19", "vlan" not in "".join(lines))
        self.check("mtu 1500", self.guests["test-1"].mtu() == 1500)

    def on_ens19(self, traffic):
        self.say("port p1 of the switch on ens19 is node3's:")
        return self.wire(self.wires["ens19"], "p1", [], traffic, 2)

    def vlan(self):
        self.step("VLAN: network vlan1001 beside the flat one on the same uplink")
        for vid in ("1000", "2001"):
            self.refused(self.node1, "E_NET_VLAN_OUT_OF_RANGE",
                         "network", "add", "vlan1001", "vlan", "provider", vid)
        self.weft(self.node1, "network", "add", "vlan1001", "vlan", "provider", "1001")
        self.subnet("vlan1001", "172.17.0.0/24")
        self.add("vlan-test-1", "vlan-test-2")
        self.boot("vlan-test-1", "vlan-test-2")
        lines = self.on_ens19(
            lambda: self.ping(self.guests["vlan-test-1"], self.guests["vlan-test-2"]))
        self.check("tag 1001 on ens19", "vlan 1001" in "".join(lines))
        self.ping(self.guests["test-1"], self.guests["test-2"])

    def subnet(self, name, cidr):
        keys = self.documents["node1"]["subnets"][name]
        self.weft(self.node1, "subnet", "add", name, "network", name, "cidr", cidr,
                  "gateway", keys["gateway"], "pools", keys["pools"][0], "dhcp.mode", "responder",
                  "dhcp.address", keys["dhcp"]["address"], "dhcp.mac", keys["dhcp"]["mac"])

    def vxlan(self):
        self.step("VXLAN: network vxlan1, its subnet typed as 172.16.1.10/24")
        self.weft(self.node1, "network", "add", "vxlan1", "vxlan", "1", "shared", "true")
        self.subnet("vxlan1", "172.16.1.10/24")
        self.check("host bits are cleared", "172.16.1.0/24" in self.node1.cli("subnet", "show", "vxlan1"))
        self.add("vxlan1-1", "vxlan1-2")
        self.weft(self.node4, "tunnel", "show")
        self.say("on every node, in the words of `ip -d link show vxlan-1`:")
        for node in self.weftd.values():
            self.link(node)
        self.boot("vxlan1-1", "vxlan1-2")
        a, b = self.guests["vxlan1-1"], self.guests["vxlan1-2"]
        self.ping(b, a)
        # As after a while of silence: the kernel asks again, five seconds after traffic began.
        a.ip(f"neigh replace {b.address} lladdr {b.hwaddr} nud stale dev eth0")
        seen = Capture(self.wires["ens18"], "p2", outgoing=True)
        begin = time.monotonic()
        self.say("port p2 of the switch on ens18 is node4's:")
        lines = self.wire(self.wires["ens18"], "p2", ["-T", "vxlan", "udp", "port", str(VXLAN_PORT)],
                          lambda: self.ping(a, b), 4)
        text = "\n".join(lines)
        self.check("VNI 1 in both directions",
                   re.search(r"192\.168\.31\.104\.\d+ > 192\.168\.31\.103\.8472: VXLAN, .*vni 1\b", text)
                   and re.search(r"192\.168\.31\.103\.\d+ > 192\.168\.31\.104\.8472: VXLAN, .*vni 1\b",
                                 text))
        ports = {int(port) for port in re.findall(r"192\.168\.31\.10\d\.(\d+) > ", text)}
        self.check(f"source ports {sorted(ports)} within 32768-60999",
                   all(32768 <= port <= 60999 for port in ports))
        self.say(f"{a.short} verifies its neighbour while they talk:")
        for op, source, target, node, remote in ((1, a, b, "104", "103"), (2, b, a, "103", "104")):
            frame = seen.wait(lambda p, op=op, source=source: VXLAN in p and ARP in p and p[ARP].op == op
                              and p[ARP].psrc == source.address, "unicast ARP", timeout=9)[0]
            words = f"who-has {frame[ARP].pdst} tell" if op == 1 else f"{frame[ARP].hwsrc} is-at"
            self.say(f"{time.monotonic() - begin:.1f} s: {frame[IP].src} > {frame[IP].dst}: VXLAN, vni "
                     f"{frame[VXLAN].vni}, ARP {words} {frame[ARP].psrc}, to {frame[VXLAN][Ether].dst}")
            self.check(f"one copy, from .{node} to .{remote} only",
                       (frame[IP].src, frame[IP].dst, frame[VXLAN][Ether].dst)
                       == (f"192.168.31.{node}", f"192.168.31.{remote}", target.hwaddr))

    def link(self, node):
        """The tunnel in the words of `ip -d link show vxlan-1`."""
        tunnel = json.loads(node.cli("-j", "tunnel", "show"))
        device = node.config["uplinks"][tunnel["uplink"]]["device"].split(":")[1]
        where = f"group {tunnel['group']}" if tunnel["mode"] == "multicast" \
            else f"local {tunnel['state']['address']}"
        mtu = json.loads(node.cli("-j", "network", "show", "vxlan1"))["mtu"]
        self.say(f"{node.ns.short}: mtu {mtu} vxlan id 1 {where} dev {device} srcport "
                 f"{tunnel['source-port-min']} {tunnel['source-port-max']} dstport {tunnel['port']} "
                 f"ttl {tunnel['ttl']} ageing {tunnel['ageing']} "
                 f"{'udpcsum' if tunnel['udp-checksum'] else 'noudpcsum'}")
        self.check("as in the deployment",
                   (device, tunnel["port"], tunnel["ttl"], tunnel["ageing"], tunnel["udp-checksum"])
                   == ("ens18", VXLAN_PORT, "auto", 300, True))

    def mixed_modes(self):
        self.step("Mixed modes: node1 floods to 224.0.0.1, node4 to each remote")
        from1, from4 = (Capture(self.wires["ens18"], port) for port in ("p0", "p2"))
        a = self.guests["vxlan1-1"]
        inside = Capture(a)
        self.say("vxlan1-1 asks for broadcast answers, so that node1 has to flood:")
        a.udhcpc("-q", "-B")
        copies = from4.wait(lambda p: VXLAN in p and DHCP in p and ("message-type", 1) in p[DHCP].options,
                            "copies of the DISCOVER", n=3)
        remotes = sorted(p[IP].dst for p in copies)
        self.check(f"node4 sent the DISCOVER to {', '.join(remotes)}",
                   remotes == ["192.168.31.101", "192.168.31.103", "192.168.31.105"])
        frame = from1.wait(lambda p: VXLAN in p and p[IP].dst == "224.0.0.1" and DHCP in p,
                           "an answer to the group")[0]
        self.check(f"node1's {frame[VXLAN][Ether].src} answered to {frame[IP].dst}, TTL {frame[IP].ttl}",
                   frame[IP].ttl == 1)
        inside.wait(lambda p: DHCP in p and p.dst == "ff:ff:ff:ff:ff:ff", "the answer in vxlan1-1")
        self.check("it reached vxlan1-1 on node4", a.wait_event("bound")["ip"] == a.address)
        service = self.documents["node1"]["subnets"]["vxlan1"]["dhcp"]["mac"]
        node3 = self.weftd["node3"]
        node3.wait_fdb("vxlan1", service, "remote 192.168.31.101")
        for node in (self.node1, node3, self.node4):
            self.weft(node, "fdb", "show", "network", "vxlan1")
        self.check("node1 has learned vxlan1-1 from node4's DISCOVER",
                   self.node1.fdb("vxlan1", a.hwaddr)["at"] == "remote 192.168.31.104")
        self.check("node3, a head-end node, has learned from the group",
                   not node3.fdb("vxlan1", service)["static"])
        static = self.node4.fdb("vxlan1", self.guests["vxlan1-2"].hwaddr)
        self.check("node4 has vxlan1-2 where it was configured",
                   static["static"] and static["at"] == "remote 192.168.31.103")

    def isolation(self):
        self.step("Isolation: vxlan1-1 does not reach vxlan2-1; equal addresses do not meet")
        self.weft(self.node1, "network", "add", "vxlan2", "vxlan", "2", "shared", "true")
        self.subnet("vxlan2", "172.16.2.0/24")
        self.add("vxlan2-1")
        self.boot("vxlan2-1")
        a, c = self.guests["vxlan1-1"], self.guests["vxlan2-1"]
        wire, inside = Capture(self.wires["ens18"], "p2"), Capture(c)
        self.check("vxlan1-1 can not ping vxlan2-1", a.unreachable(c.address))
        vnis = {p[VXLAN].vni for p in wire.matching(lambda p: VXLAN in p)
                if p[VXLAN][Ether].src == a.hwaddr}
        self.check(f"what it sent left node4 in VNI {vnis}", vnis == {1})
        self.check("nothing of it came to vxlan2-1", not inside.matching(lambda p: p.src == a.hwaddr))
        for network, guest in (("provider", "test-1"), ("vxlan1", "vxlan1-1")):
            mac = self.documents["node1"]["subnets"][network]["dhcp"]["mac"]
            self.check(f"172.16.1.10 on {network} is {mac} and nobody else",
                       arping(self.guests[guest], "172.16.1.10") == {mac})
        self.check("vxlan1-1 does not see test-2, which is in 172.16.1.0/24 of provider",
                   arping(a, self.guests["test-2"].address, 1) == set())

    def routing(self):
        self.step("Routing: vxlan1and2 joins 172.16.1.0/24 and 172.16.2.0/24")
        router = self.documents["node1"]["routers"]["vxlan1and2"]
        interfaces = ",".join(f"{i['subnet']}@{i['address']}@{i['mac']}" for i in router["interfaces"])
        self.weft(self.node1, "router", "add", "vxlan1and2", "interfaces", interfaces)
        a, c = self.guests["vxlan1-1"], self.guests["vxlan2-1"]
        seen = Capture(c)
        self.ping(a, c)
        ping = seen.wait(lambda p: ICMP in p and p[IP].src == a.address, "the ping")[0]
        self.check(f"it came from {a.address} with TTL {ping[IP].ttl}", ping[IP].ttl == 63)
        self.weft(self.node1, "router", "show", "vxlan1and2")
        there = {(row["network"], row["mac"], *row["addresses"]) for row in self.node1.rpc("service.list")
                 if row["kind"] == "router"}
        self.check("172.16.1.1/24 and 172.16.2.1/24 are there with their MACs",
                   there == {(i["subnet"], i["mac"], i["address"] + "/24") for i in router["interfaces"]})

    def gateway(self):
        self.step("Gateway: provider overlaps with vxlan1 and is refused, inside is accepted")
        message = self.refused(self.node1, "E_RTR_OVERLAP", "router", "set", "vxlan1and2",
                               "gateway.network", "provider")
        self.check("both are named", message.count("172.16.1.0/24") >= 2)
        seen = Capture(self.outside)
        gateway = self.documents["node1"]["routers"]["vxlan1and2"]["gateway"]
        self.weft(self.node1, "router", "set", "vxlan1and2", "gateway.network", "inside",
                  "gateway.address", gateway["address"], "gateway.mac", gateway["mac"])
        said = seen.wait(lambda p: ARP in p and p[ARP].psrc == p[ARP].pdst == gateway["address"],
                         "its announcements", n=2)
        self.check(f"10.1.0.83 is announced at {said[0][ARP].hwsrc}, as a request and as a reply",
                   {(p[ARP].hwsrc, p[ARP].op) for p in said} == {(gateway["mac"], 1), (gateway["mac"], 2)})
        self.check("10.1.0.83 answers ping", self.outside.ping("10.1.0.83"))

    def floating_ip(self):
        self.step("Floating IP: 10.1.0.50 is vxlan1-1")
        a, c = self.guests["vxlan1-1"], self.guests["vxlan2-1"]
        self.weft(self.node1, "floating-ip", "add", "10.1.0.50", "network", "inside",
                  "port", "vxlan1-1")
        self.check("outside pings 10.1.0.50", self.outside.ping("10.1.0.50"))
        self.tcp(self.outside, "10.1.0.50", a)
        self.servers()
        self.weft(self.node1, "floating-ip", "show")
        rows = self.node1.rpc("floating-ip.list")
        self.check("10.1.0.50 is translated to 172.16.1.33 and back",
                   [(row["external-address"], row["address"]) for row in rows]
                   == [("10.1.0.50", "172.16.1.33")])
        self.weft(self.node1, "session", "show", "address", "10.1.0.50")
        for source, target, at, expected, what in (
                (c, "10.1.0.50", a, "10.1.0.83", "hairpin from vxlan2-1"),
                (a, "10.1.0.1", self.outside, "10.1.0.50", "vxlan1-1's own traffic"),
                (c, "10.1.0.1", self.outside, "10.1.0.83", "vxlan2-1's own traffic")):
            seen = Capture(at)
            self.check(f"{source.short} pings {target}", source.ping(target, count=1))
            ping = seen.wait(lambda p: ICMP in p and p[ICMP].type == 8, "the ping")[0]
            self.check(f"{what} comes from {ping[IP].src}", ping[IP].src == expected)

    def servers(self):
        """The ports in the shape of `openstack server list`."""
        external = {row["port"]: [row["external-address"]] for row in self.node1.rpc("floating-ip.list")}
        networks = {port["name"]: f"{port['network']}="
                    + ", ".join(port["addresses"] + external.get(port["name"], []))
                    for port in self.node1.rpc("port.list")}
        self.say("ports and floating IPs of node1, in the shape of `openstack server list`:")
        for name, addresses in networks.items():
            print(f"     | {name:11} | {addresses:29} |")
        self.check("vxlan1-1 has both", networks["vxlan1-1"] == "vxlan1=172.16.1.33, 10.1.0.50")

    def tcp(self, client, address, server, times=1):
        """Connections to port 22 of an instance, each greeted as sshd would."""
        greeting = b"SSH-2.0-instance\r\n"
        with server.entered():
            listener = socket.create_server(("0.0.0.0", 22))
        with listener:
            for _ in range(times):
                with client.entered():
                    connection = socket.create_connection((address, 22), timeout=5)
                with connection, listener.accept()[0] as accepted:
                    accepted.sendall(greeting)
                    answer = connection.recv(len(greeting))
                self.check(f"{client.short} opens TCP to {address}:22: {answer.decode().strip()}",
                           answer == greeting)

    def dhcp(self):
        self.step("DHCP in detail: the host list, one ACK, and a real dnsmasq in its place")
        self.weft(self.node1, "service", "show")
        self.weft(self.node1, "lease", "show", "network", "vxlan1")
        hosts = self.hosts()
        self.say("ports and router interfaces of vxlan1, as lines of dnsmasq's file of hosts:")
        print("".join(f"     {line}\n" for line in hosts), end="")
        self.check("172.16.1.33, .1 and .17 have the MACs of the deployment", set(hosts) == {
            "fa:16:3e:de:6e:86,host-172-16-1-33.openstacklocal,172.16.1.33",
            "fa:16:3e:dd:e1:a2,host-172-16-1-1.openstacklocal,172.16.1.1",
            "fa:16:3e:74:ad:39,host-172-16-1-17.openstacklocal,172.16.1.17"})
        builtin = self.acknowledged()
        server = self.external("\n".join(hosts) + "\n")
        external = self.acknowledged()
        self.say("the ACK of each, option for option:")
        print(f"     {'':23} {'weft':59} dnsmasq")
        for name in builtin | external:
            print(f"     {name:23} {builtin.get(name, '-'):59} {external.get(name, '-')}")
        self.check("they say the same", builtin == external)
        server.stop()
        self.weft(self.node1, "subnet", "set", "vxlan1", "dhcp.mode", "responder",
                  "dhcp.device", "default")

    def hosts(self):
        """What node1 knows of network vxlan1, in the words of dnsmasq."""
        known = [(port["mac"], port["addresses"][0]) for port in self.node1.rpc("port.list")
                 if port["network"] == "vxlan1"]
        known += [(row["mac"], row["addresses"][0].split("/")[0]) for row in self.node1.rpc("service.list")
                  if row["network"] == "vxlan1" and row["kind"] == "router"]
        return [f"{mac},host-{address.replace('.', '-')}.openstacklocal,{address}" for mac, address in known]

    def acknowledged(self):
        """The options of the ACK that vxlan1-1 gets: {name: text}."""
        guest = self.guests["vxlan1-1"]
        seen = Capture(guest)
        guest.udhcpc("-q", "-O", "broadcast")
        ack = seen.wait(lambda p: DHCP in p and ("message-type", 5) in p[DHCP].options, "an ACK")[0]
        guest.wait_event("bound")
        self.check(f"{ack[IP].src} acknowledges {ack[BOOTP].yiaddr} to {ack[IP].dst}",
                   (ack[IP].src, ack[BOOTP].yiaddr, ack[IP].dst)
                   == ("172.16.1.10", "172.16.1.33", "172.16.1.33"))
        return {str(option[0]): " ".join(words(value) for value in option[1:])
                for option in ack[DHCP].options if option not in ("end", "pad")}

    def external(self, hosts):
        """A real dnsmasq takes the place of node1's responder, behind a TAP device."""
        subnet = self.documents["node1"]["subnets"]["vxlan1"]
        device = "ns-74b9fa42-6a"
        self.weft(self.node1, "subnet", "set", "vxlan1", "dhcp.mode", "external",
                  "dhcp.device", f"tap:{device}")
        qdhcp = self.lab.ns("qdhcp")
        wait_for(lambda: self.node1.ns.has(device), f"TAP device {device}")
        self.node1.ns.ip(f"link set dev {device} netns {qdhcp.name}")
        qdhcp.ip(f"link set dev {device} address {subnet['dhcp']['mac']}\nlink set {device} up\n"
                 f"addr add {subnet['dhcp']['address']}/24 dev {device}")
        routes = "169.254.169.254/32,172.16.1.1,0.0.0.0/0,172.16.1.1"
        server = qdhcp.start(
            "dnsmasq", "--keep-in-foreground", "--log-facility=-", "--user=root", "--log-dhcp",
            "--no-hosts", "--no-resolv", f"--dhcp-hostsfile={self.guests['vxlan1-1'].file('hosts', hosts)}",
            "--local-service", f"--dhcp-leasefile={self.lab.path('leases')}", "--bind-dynamic",
            "--pid-file", "--dhcp-range=172.16.1.0,static,255.255.255.0,86400s",
            "--dhcp-option-force=option:mtu,1450", "--dhcp-option=option:router,172.16.1.1",
            f"--dhcp-option=option:classless-static-route,{routes}", f"--dhcp-option=249,{routes}",
            "--dhcp-lease-max=256", "--conf-file=/dev/null", "--domain=openstacklocal")
        server.wait_output("sockets bound|started")
        return server

    def security(self):
        self.step("Security: what the filter tables of vxlan1-1 have counted, and what they stop")
        a, b = self.guests["vxlan1-1"], self.guests["vxlan1-2"]
        before = self.chains()
        a.ip("addr flush dev eth0")
        a.udhcpc("-q")
        a.wait_event("bound")
        b.udhcpc("-q")
        b.wait_event("bound")
        self.tcp(self.outside, "10.1.0.50", a, times=5)
        self.check("outside pings 10.1.0.50 ten times", self.outside.ping("10.1.0.50", count=10))
        self.spoof(a, b)
        added = self.grown(before)
        for what, row, packets, size in (
                ("DHCP to 172.16.1.33", "i RETURN udp 172.16.1.33", 2, None),
                ("DHCP to 255.255.255.255", "i RETURN udp 255.255.255.255", 0, 0),
                ("five ssh connections", "i RETURN tcp 0.0.0.0/0", 5, 300),
                ("one run of ping", "i RETURN icmp 0.0.0.0/0", 1, 84),
                ("INVALID", "i DROP all 0.0.0.0/0", 0, 0),
                ("DISCOVER and REQUEST of vxlan1-2, in the fallback chain",
                 "i neutron-linuxbri-sg-fallback all 0.0.0.0/0", 2, None),
                ("the forged address", "s DROP all 0.0.0.0/0", 1, 28),
                ("the forged DHCP answer", "o DROP udp 0.0.0.0/0", 1, None)):
            self.check(f"{what}: {added[row][0]} packets, {added[row][1]} bytes",
                       added[row][0] == packets and size in (None, added[row][1]))

    def spoof(self, a, b):
        """What vxlan1-1 must not send; each is dropped for its own reason."""
        wire, seen = Port(a), Capture(b)
        base = Ether(src=a.hwaddr, dst=b.hwaddr)
        fakes = {
            "spoof_ip": base / IP(src="172.16.1.34", dst=b.address) / ICMP(),
            "spoof_mac": Ether(src="02:00:00:00:00:66", dst=b.hwaddr)
            / IP(src=a.address, dst=b.address) / ICMP(),
            "spoof_arp_ip": base / ARP(op=2, hwsrc=a.hwaddr, psrc="172.16.1.1", pdst=b.address),
            "dhcp_spoof": Ether(src=a.hwaddr, dst="ff:ff:ff:ff:ff:ff")
            / IP(src=a.address, dst="255.255.255.255") / UDP(sport=67, dport=68)
            / BOOTP(op=2) / DHCP(options=[("message-type", "offer"), "end"])}
        for reason, frame in fakes.items():
            before = self.node4.drops("port vxlan1-1").get(reason, 0)
            wire.send(frame)
            wait_for(lambda reason=reason, n=before + 1:
                     self.node4.drops("port vxlan1-1").get(reason, 0) == n, f"one more {reason}")
            self.check(f"blocked and counted: {reason}", True)
        self.ping(a, b)
        forged = {bytes(frame) for frame in fakes.values()}
        self.check("vxlan1-2 saw the ping and none of these", seen.matching(lambda p: ICMP in p)
                   and not seen.matching(lambda p: bytes(p) in forged))
        self.weft(self.node4, "drops", "port", "vxlan1-1")

    def chains(self):
        """vxlan1-1's IPv4 chains: [(name, rows)]"""
        return [(chain["name"], chain["rows"])
                for chain in self.node4.rpc("port.chains", name="vxlan1-1")["chains"]
                if chain["ethertype"] == "ipv4"]

    def grown(self, before):
        """Shows how much each row has counted since `before`: {"CHAIN TARGET PROTOCOL DESTINATION":
        (packets, bytes)}; of rows that are told apart by their match only, the first."""
        self.say("node4$ weft port show vxlan1-1 chains: the three of IPv4, what this step has added")
        added = {}
        for (name, rows), (_, earlier) in zip(self.chains(), before):
            print(f"     Chain {name}\n      pkts bytes target      prot source         destination")
            for row, was in zip(rows, earlier):
                packets, size = row["packets"] - was["packets"], row["bytes"] - was["bytes"]
                print(f"     {packets:5} {size:5} {row['target']:11} {row['protocol']:4} "
                      f"{row['source']:14} {row['destination']:15} {row.get('match', '')}".rstrip())
                letter = name.removeprefix("neutron-linuxbri-")[0]
                added.setdefault(f"{letter} {row['target']} {row['protocol']} {row['destination']}",
                                 (packets, size))
        return added

    def foreign_dhcp(self):
        self.step("Foreign DHCP: with the responder off, an outside server gives a useless address")
        self.weft(self.node1, "subnet", "set", "vxlan1", "dhcp.mode", "off")
        foreign = self.lab.own(Guest(self.lab, "foreign", "172.16.1.200"))
        self.weftd["node5"].rpc("port.add", name="foreign", network="vxlan1", device="tap:foreign",
                                mac=foreign.hwaddr, **{"port-security": False})
        self.weftd["node5"].give("foreign", foreign)
        foreign.ip("addr add 172.16.1.200/24 dev eth0")
        server = foreign.start("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-hosts",
                               "--no-resolv", "--port=0", "--user=root", "--no-ping", "--pid-file",
                               "--log-facility=-", f"--dhcp-leasefile={self.lab.path('foreign')}",
                               "--dhcp-authoritative", "--interface=eth0",
                               "--dhcp-range=172.16.1.222,172.16.1.222,300")
        server.wait_output("DHCP")
        a = self.guests["vxlan1-1"]
        a.ip("addr flush dev eth0")
        before = self.node4.drops().get("spoof_arp_ip", 0)
        a.udhcpc("-q", "-B")
        lease = a.wait_event("bound")
        self.check(f"vxlan1-1 took {lease['ip']} from {lease['serverid']}", lease["ip"] == "172.16.1.222")
        self.check("it can not communicate", a.unreachable("172.16.1.17"))
        self.node4.wait_drop("spoof_arp_ip", before + 1)
        self.weft(self.node4, "drops", "port", "vxlan1-1")
        server.stop()
        self.weftd["node5"].rpc("port.del", name="foreign")
        self.weft(self.node1, "subnet", "set", "vxlan1", "dhcp.mode", "responder")
        a.ip("addr flush dev eth0")
        a.udhcpc("-q")
        self.check("with the responder on it has its own address again",
                   a.wait_event("bound")["ip"] == a.address)

    def mtu(self):
        self.step("MTU: 1450 inside, 1500 outside")
        a, b = self.guests["vxlan1-1"], self.guests["vxlan1-2"]
        seen = Capture(self.wires["ens18"], "p2")
        self.check("1422 bytes with DF pass from vxlan1-1 to vxlan1-2",
                   a.ping(b.address, size=1422, df=True))
        outer = max(p[IP].len for p in seen.matching(lambda p: VXLAN in p))
        self.check(f"the outer packet has {outer} bytes", outer == 1500)
        self.check("1423 bytes do not", a.unreachable(b.address, size=1423, df=True))
        text = self.outside.run("ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", "1472",
                                "10.1.0.50", check=False)
        self.show("outside", "ping -M do -s 1472 10.1.0.50", text)
        self.check("outside is told mtu 1450", re.search(r"mtu ?= ?1450", text))

    def restart(self):
        self.step("Kill and restart the weftd of node1")
        self.node1.balanced()
        self.weft(self.node1, "audit")
        self.node1.rpc("config.save")
        leases = {(row["mac"], row["address"]) for row in self.node1.rpc("lease.list")}
        traffic = self.outside.start_ping("10.1.0.50", "-D", count=3000, interval=0.01)
        traffic.more(20)
        self.node1.process.stop(signal.SIGKILL)
        killed = time.time()
        self.node1.start()
        wait_for(lambda: self.after(traffic, killed), "traffic to come back", timeout=10)
        gap = self.after(traffic, killed)[0] - killed
        traffic.stop(signal.SIGINT)
        self.check(f"without traffic for {gap:.2f} s", gap < 5)
        self.weft(self.node1, "lease", "show")
        self.check("every lease is there again",
                   leases == {(row["mac"], row["address"]) for row in self.node1.rpc("lease.list")})
        self.weft(self.node1, "router", "show")
        self.weft(self.node1, "floating-ip", "show")
        self.ping(self.guests["vxlan1-1"], self.guests["vxlan2-1"])
        self.check("outside pings 10.1.0.50", self.outside.ping("10.1.0.50"))

    def machines(self):
        """Part of step 14: instances that outlive their weftd."""
        self.say("Two virtual machines by vhost-user, vm-1 on node3 and vm-2 on node5 (both are chosen):")
        machines = [QemuGuest(self.lab, name, mac) for name, mac in MACHINES]
        for machine, node, host in zip(machines, ("node3", "node5"), (61, 62)):
            words = ["port", "add", machine.name, "network", "vxlan1", "mac", machine.mac,
                     "addresses", f"172.16.1.{host}", "security-groups", "default,ssh-icmp"]
            self.weft(self.node1, *words)
            self.weft(self.weftd[node], *words, "device", machine.device)
            machine.start()
        one, two = machines
        for machine, host in ((one, 61), (two, 62)):
            machine.booted()
            self.check(f"{machine.name} has booted ({machine.run('uname -sr').strip()}) and has its lease",
                       machine.dhcp() == f"172.16.1.{host}/24")
            machine.serve(machine.name, port=22)
        self.talk(one, two)
        self.check("vm-2 pings vxlan2-1 by the router", two.ping("172.16.2.19"))
        self.weftd["node5"].rpc("config.save")
        self.weftd["node5"].balanced()
        self.weftd["node5"].kill()
        self.check("with node5's weftd killed vm-2 is not reached", not one.ping("172.16.1.62", count=1))
        self.weftd["node5"].start()
        wait_for(lambda: one.ping("172.16.1.62", count=1), "vm-2 to be back", timeout=20)
        self.talk(one, two)
        self.check("vm-2 gets the same lease again", two.dhcp() == "172.16.1.62/24")
        for machine, node in ((one, "node3"), (two, "node5")):
            for name in (node, "node1"):
                self.weftd[name].rpc("port.del", name=machine.name)

    def talk(self, one, two):
        self.check("vm-1 pings vm-2", one.ping("172.16.1.62"))
        self.check("TCP from vm-1 to vm-2", one.fetch("172.16.1.62", port=22) == "vm-2")
        self.check("TCP from vm-2 to vm-1", two.fetch("172.16.1.61", port=22) == "vm-1")

    @staticmethod
    def after(ping, when):
        """Times of replies later than `when`."""
        return [stamp for stamp in map(float, re.findall(r"^\[([0-9.]+)\] \d+ bytes", ping.output(), re.M))
                if stamp > when]

    def closing(self):
        self.step("Closing table: every packet is accounted for (of node1 and node5 since their restart)")
        rows = []
        for name, node in self.weftd.items():
            node.balanced()
            total = node.rpc("audit.run")["total"]
            drops = ", ".join(f"{reason} {n}" for reason, n in sorted(node.drops().items()) if n)
            rows.append((name, total, drops))
        print(f"     {'node':6} {'rx':>7} {'originated':>10} {'copies':>7} = {'tx':>7} "
              f"{'consumed':>8} {'drops':>6}   by reason")
        for name, t, drops in rows:
            left = t["rx"] + t["originated"] + t["copies"]
            right = t["tx"] + t["consumed"] + t["drops"]
            print(f"     {name:6} {t['rx']:7} {t['originated']:10} {t['copies']:7} = {t['tx']:7} "
                  f"{t['consumed']:8} {t['drops']:6}   {drops}".rstrip())
            self.check(f"{name}: {left} = {right}", left == right)
        target = {**self.documents["node1"], "workers": self.node1.config["workers"]}
        changes = self.node1.rpc("config.check", config=target)["changes"]
        self.show("node1", "weft config check node1.json", "\n".join(changes))
        self.check("node1 is now what node1.json describes", changes == [])


sys.exit(tell(Replay))
