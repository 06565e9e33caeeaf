# SPDX-License-Identifier: BSD-3-Clause
"""The DHCP responder against dnsmasq, started as OpenStack's DHCP agent starts it: the same messages
to both, the same replies from both, field by field and option by option, but for what weft does
otherwise on purpose (DEVIATIONS)."""

import select
import socket
import time
from collections import Counter

import dhcp_messages as dm
from capture import SO_RCVBUFFORCE
from dhcp_messages import ACK, DECLINE, INFORM, NAK, OFFER, RELEASE, REQUEST, address
from netlab import wait_for
from node import Weft

SEED = 86400
ROUNDS = 14  # less than a port may send at once
NODE_RATE = 1000  # DHCP messages a second that a node takes
N_HOSTS = 40
N_STRANGERS = 2  # that no server knows
NETWORK, SUBNET_TAG = "vxlan1", "subnet-b7cf01d1-1331-4d1b-a86a-00e58a0f3c3a"
SERVER, SERVER_MAC, GATEWAY, MTU = "172.16.1.10", "fa:16:3e:31:14:a6", "172.16.1.1", 1450
ETH_P_ALL = 3

# name: (whether the behaviour specification marks it as weft's own, what differs)
DEVIATIONS = {
    "bootp": (True, "plain BOOTP, without option 53: dnsmasq answers, weft does not"),
    "chaddr": (True, "chaddr is another's: dnsmasq answers to it, weft does not"),
    "relayed": (True, "giaddr is set: dnsmasq answers to it, weft does not"),
    "malformed": (False, "an option runs past the end, or hlen is not 6: dnsmasq may answer, weft does not"),
    "renewal refused": (True, "renewing an address that is not the host's: weft says NAK; dnsmasq says "
                              "nothing to a broadcast"),
    "no lease": (False, "dnsmasq has no lease of the host any more (RELEASE, DECLINE, asked for another "
                        "address): without DISCOVER it says nothing, or NAK; weft says what is right"),
    "stranger": (False, "dnsmasq says NAK to an unknown host that asks it for an address, weft says nothing"),
    "offered name": (False, "dnsmasq does not offer a name (option 12) to a client that tells another, weft "
                            "does"),
    "inform": (False, "dnsmasq tells the lease time (option 51) in answer to INFORM, weft does not"),
    "timers": (False, "dnsmasq takes a random time off T1 and T2 of a renewal, weft does not"),
}


def text_mac(mac):
    return ":".join(f"{octet:02x}" for octet in mac)


def text_ip(ip):
    return socket.inet_ntoa(ip)


def make_hosts():
    hosts = [dm.Host(f"h{i}", bytes((0xfa, 0x16, 0x3e, 1, 0, i)), address(f"172.16.1.{20 + i}"),
                     bytes((1, 0xfa, 0x16, 0x3e, 1, 0, i)) if i % 3 == 0 else None)
             for i in range(N_HOSTS)]
    return hosts + [dm.Host(f"s{i}", bytes((0xfa, 0x16, 0x3e, 1, 0, 200 + i)), None)
                    for i in range(N_STRANGERS)]


PLACE = dm.Place(address(SERVER), bytes.fromhex(SERVER_MAC.replace(":", "")), address("172.16.1.255"),
                 address("172.16.1.9"), address("10.9.9.9"))


def host_name(host):
    return "host-" + text_ip(host.address).replace(".", "-")


class Wire:
    """A raw socket."""

    def __init__(self, ns, ifname):
        with ns.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
            self.socket.bind((ifname, ETH_P_ALL))
        self.socket.setblocking(False)
        ns.lab.closers.append(self.socket.close)

    def frames(self):
        while True:
            try:
                frame, origin = self.socket.recvfrom(65536)
            except BlockingIOError:
                return
            if origin[2] != socket.PACKET_OUTGOING:
                yield frame


class Peer:
    """A server, and the wire of each host to it. run() sends a message of each host, and then something
    that is answered after it: what has not been answered then will not be."""

    def __init__(self, wires):
        self.wires = wires
        self.n_rounds = 0

    def run(self, messages):
        """The replies, in the order of the messages; None for silence."""
        replies = {}
        self.n_rounds += 1
        for message in messages:
            self.wires[message.host.name].socket.send(message.frame(PLACE))
        self.send_last([message.host for message in messages])
        waiting = list({wire.socket for wire in self.wires.values()})
        deadline = time.monotonic() + 10
        while not self.came_last(replies):
            select.select(waiting, [], [], 1)
            assert time.monotonic() < deadline, f"no answer to the last of {len(messages)} messages"
            self.collect(replies)
        return [replies.get(message.xid) for message in messages]

    def collect(self, replies):
        for wire in self.wires.values():
            for frame in wire.frames():
                self.note(frame)
                reply = dm.read_reply(frame)
                # A broadcast is seen by all; what is unicast, by one.
                if reply:
                    known = replies.setdefault(reply.fields["xid"], reply)
                    assert known == reply, f"two replies to one message: {known}, {reply}"

    def note(self, frame):
        pass


class Dnsmasq(Peer):
    """Takes one message after the other. The last is one that it always answers."""

    def __init__(self, wires, host):
        super().__init__(wires)
        self.host = host

    def last(self):
        return dm.Message(self.host, INFORM, {dm.TYPE: bytes((INFORM,))}, ciaddr=self.host.address,
                          xid=b"end" + bytes((self.n_rounds,)), unicast=True)

    def send_last(self, _):
        self.wires[self.host.name].socket.send(self.last().frame(PLACE))

    def came_last(self, replies):
        return self.last().xid in replies


class Node(Peer):
    """Takes what one port sends in order, and answers ARP requests there too; they have a rate limit of
    their own."""

    def send_last(self, hosts):
        self.asking = {host.mac for host in hosts}
        for host in hosts:
            sender = host.address or PLACE.foreign
            self.wires[host.name].socket.send(
                dm.BROADCAST_MAC + host.mac + b"\x08\x06" + bytes.fromhex("0001080006040001") + host.mac +
                sender + bytes(6) + PLACE.server)

    def note(self, frame):
        if frame[12:22] == bytes.fromhex("08060001080006040002") and frame[28:32] == PLACE.server:
            self.asking.discard(frame[:6])

    def came_last(self, _):
        return not self.asking


def start_dnsmasq(lab, hosts):
    """As the OpenStack agent does: it also writes the leases of all ports before the start."""
    server, clients = lab.ns("dnsmasq"), lab.ns("clients")
    lab.veth(server, "ns0", clients, "eth0", MTU)
    server.run("sysctl", "-q", "-w", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
               "net.ipv4.conf.ns0.rp_filter=0")
    known = [host for host in hosts if host.address]
    clients.ip("link set dev eth0 arp off")
    server.ip(f"link set dev ns0 address {SERVER_MAC}\naddr add {SERVER}/24 brd + dev ns0\n"
              "addr add 169.254.169.254/32 dev ns0\nroute add default dev ns0\n"
              f"neigh replace {text_ip(dm.RELAY)} lladdr 02:00:00:00:00:fa dev ns0 nud permanent\n" +
              "".join(f"neigh replace {text_ip(host.address)} lladdr {text_mac(host.mac)} dev ns0 "
                      "nud permanent\n" for host in known))

    def write(name, text):
        path = lab.path(f"dnsmasq-{name}")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    files = {
        "hosts": "".join(f"{text_mac(host.mac)},{host_name(host)}.openstacklocal,{text_ip(host.address)}\n"
                         for host in known),
        "addn": "".join(f"{text_ip(host.address)}\t{host_name(host)}.openstacklocal {host_name(host)}\n"
                        for host in known),
        "opts": f"tag:{SUBNET_TAG},option:classless-static-route,169.254.169.254/32,{SERVER},0.0.0.0/0,"
                f"{GATEWAY}\ntag:{SUBNET_TAG},249,169.254.169.254/32,{SERVER},0.0.0.0/0,{GATEWAY}\n"
                f"tag:{SUBNET_TAG},option:router,{GATEWAY}\n",
        "leases": "".join(f"{int(time.time()) + 86400} {text_mac(host.mac)} {text_ip(host.address)} * *\n"
                          for host in known),
    }
    paths = {name: write(name, text) for name, text in files.items()}
    process = server.start(
        "dnsmasq", "--keep-in-foreground", "--log-facility=-", "--user=root",
        "--no-hosts", "--no-resolv", f"--pid-file={lab.path('dnsmasq-pid')}",
        f"--dhcp-hostsfile={paths['hosts']}", f"--addn-hosts={paths['addn']}",
        f"--dhcp-optsfile={paths['opts']}", f"--dhcp-leasefile={paths['leases']}",
        "--dhcp-match=set:ipxe,175", "--dhcp-userclass=set:ipxe6,iPXE", "--local-service", "--bind-dynamic",
        f"--dhcp-range=set:{SUBNET_TAG},172.16.1.0,static,255.255.255.0,86400s",
        f"--dhcp-option-force=option:mtu,{MTU}", "--dhcp-lease-max=256", "--conf-file=/dev/null",
        "--domain=openstacklocal")
    process.wait_output("read .*dnsmasq-opts")
    wire = Wire(clients, "eth0")
    return Dnsmasq({host.name: wire for host in hosts}, hosts[0])


def start_weft(lab, hosts):
    ns = lab.ns("weft")
    ports = {host.name: {"network": NETWORK, "device": f"tap:{host.name}", "mac": text_mac(host.mac),
                         "addresses": [text_ip(host.address)] if host.address else [],
                         "port-security": False} for host in hosts}
    under = lab.ns("under")
    lab.veth(ns, "under0", under, "under0")
    weft = Weft(ns, {
        "uplinks": {"under": {"device": "packet:under0", "address": "192.0.2.1/24"}},
        "tunnel": {"uplink": "under"},
        "networks": {NETWORK: {"segments": [{"type": "vxlan", "id": 1}], "mtu": MTU}},
        "subnets": {NETWORK: {"network": NETWORK, "cidr": "172.16.1.10/24", "gateway": GATEWAY,
                              "pools": ["172.16.1.10-172.16.1.100"],
                              "dhcp": {"mode": "responder", "address": SERVER, "mac": SERVER_MAC}}},
        "ports": ports})
    for host in hosts:
        wait_for(lambda name=host.name: ns.has(name), f"TAP device {host.name}")
        ns.ip(f"link set dev {host.name} arp off up")
    return weft, Node({host.name: Wire(ns, host.name) for host in hosts})


class Judge:
    """What both said to one message, and what of it differs."""

    def __init__(self, hosts):
        self.hosts = {host.mac: host for host in hosts if host.address}
        self.forgotten = set()  # hosts whose lease dnsmasq does not have
        self.deviations = Counter()
        self.kinds = Counter()  # of replies that are the same in every bit that is compared
        self.failures = []

    def judge(self, message, theirs, ours):
        deviations, differences = self.compare(message, theirs, ours)
        self.follow(message, theirs)
        self.deviations.update(set(deviations))
        if differences:
            self.failures.append(f"{message}\n    " + "\n    ".join(differences))
        elif not deviations:
            self.kinds[ours.type if ours else None] += 1

    def follow(self, message, theirs):
        """Whether dnsmasq has a lease of the host, after this message."""
        host = self.hosts.get(message.chaddr)
        if host is None:
            return
        if theirs and theirs.type in (ACK, None):  # BOOTP has leases too
            if message.type != INFORM:
                self.forgotten.discard(host.name)
            return
        named = message.ciaddr if message.type == RELEASE else message.requested()
        to_it = message.server() == PLACE.server and message.note not in ("bootp", "type")
        if message.type in (RELEASE, DECLINE) and to_it and named == host.address:
            self.forgotten.add(host.name)
        elif message.type == REQUEST and to_it and theirs and named is not None:
            self.forgotten.add(host.name)  # it asked for another address

    def compare(self, message, theirs, ours):
        """(deviations, differences that are none)"""
        if theirs is None and ours is None:
            return [], []
        whole = self.whole_deviation(message, theirs, ours)
        if whole:
            return [whole], []
        if theirs is None or ours is None:
            return [], [f"dnsmasq {'answers' if theirs else 'is silent'}, weft "
                        f"{'answers' if ours else 'is silent'}: {ours or theirs}"]
        deviations, differences = [], []
        for name, value in theirs.fields.items():
            if ours.fields[name] != value and not (name in ("length", "padding") and
                                                   ours.options != theirs.options):
                differences.append(f"{name}: dnsmasq {value!r}, weft {ours.fields[name]!r}")
        for code in sorted({*theirs.options, *ours.options}):
            value, own = theirs.options.get(code), ours.options.get(code)
            if value != own:
                name = self.option_deviation(message, code, theirs, ours)
                if name:
                    deviations.append(name)
                else:
                    differences.append(f"option {code}: dnsmasq {value!r}, weft {own!r}")
        return deviations, differences

    def whole_deviation(self, message, theirs, ours):
        """The name of what makes one answer where the other says nothing, or something else."""
        host = message.host
        if theirs is not None and ours is None:
            if theirs.type is None:
                return "bootp"
            return {"relayed": "relayed", "chaddr": "chaddr", "hlen": "malformed",
                    "option past the end": "malformed"}.get(
                        message.note, "stranger" if host.address is None and theirs.type == NAK else None)
        if message.type != REQUEST:
            return None
        renews = message.requested() is None
        if renews and message.ciaddr != host.address and ours.type == NAK and theirs is None:
            return "renewal refused"
        right = (message.ciaddr if renews else message.requested()) == host.address
        if host.name in self.forgotten and ours.type == (ACK if right else NAK) and (
                theirs is None or (theirs.type == NAK and right)):
            return "no lease"
        return None

    @staticmethod
    def option_deviation(message, code, theirs, ours):
        value, own = theirs.options.get(code), ours.options.get(code)
        if code in (58, 59) and value and own and message.requested() is None and ours.type == ACK:
            # At most an eighth of T1, see rfc2131.c of dnsmasq.
            most = int.from_bytes(ours.options[58], "big") // 8
            return "timers" if 0 <= int.from_bytes(own, "big") - int.from_bytes(value, "big") <= most else None
        if code == 12 and ours.type == OFFER and value is None and 12 in message.options:
            return "offered name"
        if code == 51 and message.type == INFORM and own is None:
            return "inform"
        return None


def exchange(peers, client, judge, hosts):
    for _ in range(ROUNDS):
        messages = [client.message(host) for host in hosts[1:]]
        time.sleep(len(messages) / NODE_RATE)
        for message, theirs, ours in zip(messages, *(peer.run(messages) for peer in peers)):
            judge.judge(message, theirs, ours)
    return judge


def test_same_replies_as_dnsmasq(lab):
    hosts = make_hosts()
    linux = start_dnsmasq(lab, hosts)
    weft, ours = start_weft(lab, hosts)
    client = dm.Client(SEED, PLACE, hosts)
    judge = exchange((linux, ours), client, Judge(hosts), hosts)
    print(f"\n{client.n_sent} messages; the same replies: {dict(judge.kinds)}; "
          f"deviations: {dict(judge.deviations)}")
    for name, n in judge.deviations.items():
        marked, text = DEVIATIONS[name]
        print(f"  {n:4} {name}{'' if marked else ' (not marked)'}: {text}")
    assert weft.drops().get("punt_rate", 0) == 0
    assert not judge.failures, f"{len(judge.failures)} differ:\n" + "\n".join(judge.failures[:20])
    assert client.n_sent >= 300
    # Each of these was there to be compared, and no deviation is listed that is not one.
    assert all(judge.kinds[kind] >= 15 for kind in (OFFER, ACK, NAK, None)), judge.kinds
    assert set(judge.deviations) == set(DEVIATIONS)
