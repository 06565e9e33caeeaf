# SPDX-License-Identifier: BSD-3-Clause
"""The oracle of the filters: the Linux kernel, set up as OpenStack's linuxbridge agent does it.

A bridge with br_netfilter; ebtables chains neutronMAC-*, neutronARP-*; iptables and ip6tables chains
neutron-linuxbri-i*, -o*, -s*; ipset sets of remote groups; one conntrack zone for the network. All of
it is made from the same document that configures weft.
"""

import ipaddress

import filter_packets as fp
from filter_world import FABRIC, World

BRIDGE = "brq"
ZONE = 4097
PREFIX = "neutron-linuxbri"
SYSCTLS = ("net.bridge.bridge-nf-call-arptables=1", "net.bridge.bridge-nf-call-iptables=1",
           "net.bridge.bridge-nf-call-ip6tables=1", "net.bridge.bridge-nf-filter-vlan-tagged=0")
CONNTRACK = "net.netfilter.nf_conntrack"
TIMEOUTS = {"tcp-syn-sent": "tcp_timeout_syn_sent", "tcp-syn-received": "tcp_timeout_syn_recv",
            "tcp-established": "tcp_timeout_established", "tcp-fin-wait": "tcp_timeout_fin_wait",
            "tcp-close-wait": "tcp_timeout_close_wait", "tcp-last-ack": "tcp_timeout_last_ack",
            "tcp-time-wait": "tcp_timeout_time_wait", "tcp-close": "tcp_timeout_close",
            "tcp-unacknowledged": "tcp_timeout_unacknowledged", "udp": "udp_timeout",
            "udp-stream": "udp_timeout_stream", "icmp": "icmp_timeout", "other": "generic_timeout"}
DEFAULT_RULES = [
    {"direction": "egress"}, {"direction": "egress", "ethertype": "ipv6"},
    {"direction": "ingress", "remote-group": "default"},
    {"direction": "ingress", "ethertype": "ipv6", "remote-group": "default"}]
MLD_QUERY, ROUTER_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT = 130, 134, 135, 136


def _family(prefix):
    return ipaddress.ip_network(prefix).version


class Guest:
    """An instance port of the document, with what the agent knows of it."""

    def __init__(self, name, port, groups):
        self.name = name
        self.tap = f"tap{name}"
        self.mac = port["mac"]
        self.addresses = port.get("addresses", [])
        pairs = port.get("allowed-address-pairs", [])
        self.pairs = [(pair.get("mac", self.mac), pair["address"]) for pair in pairs]
        self.macs = sorted({self.mac} | {mac for mac, _ in self.pairs})
        self.groups = port.get("security-groups", ["default"])
        self.stateful = all(groups[g].get("stateful", True) for g in self.groups)

    def own(self, family):
        return [a for a in self.addresses if _family(a) == family]

    def sources(self, family):
        """(MAC, address or None for any) that it may send from, in the order they are tried. None at
        all: the family is not checked."""
        sources = []
        for mac, address in self.pairs + [(self.mac, address) for address in self.addresses]:
            if _family(address) == family:
                own = [(mac, address)] + ([(mac, fp.link_local(mac))] if family == 6 else [])
                sources += [source for source in own if source not in sources]
        return sources if self.addresses else sources + [(self.mac, None)]


class Chains:
    """The text of iptables-restore (family 4) or ip6tables-restore (family 6)."""

    def __init__(self, family, guests, groups):
        self.family = family
        self.guests = guests
        self.groups = groups
        self.chains = [f"{PREFIX}-{name}" for name in ("FORWARD", "sg-chain", "sg-fallback")]
        self.rules = []

    def text(self):
        self._jumps()
        for guest in self.guests:
            self._spoof(guest)
            self._out(guest)
            self._in(guest)
        # Neutron names each device in a rule of its own; on a bridge all of them mean this one.
        raw = ["*raw", f"-A PREROUTING -i {BRIDGE} -j CT --zone {ZONE}", "COMMIT"]
        return "\n".join([*raw, "*filter", *(f":{chain} - [0:0]" for chain in self.chains),
                          *self.rules, "COMMIT", ""])

    def _add(self, chain, rule):
        self.rules.append(f"-A {PREFIX}-{chain} {rule}")

    def _jumps(self):
        self.rules.append(f"-A FORWARD -j {PREFIX}-FORWARD")
        for guest in self.guests:
            for way in ("out", "in"):
                device = f"-m physdev --physdev-{way} {guest.tap} --physdev-is-bridged"
                self._add("FORWARD", f"{device} -j {PREFIX}-sg-chain")
                chain = "i" if way == "out" else "o"
                self._add("sg-chain", f"{device} -j {PREFIX}-{chain}{guest.name}")
            self.chains += [f"{PREFIX}-{kind}{guest.name}" for kind in "ios"]
        self._add("sg-chain", "-j ACCEPT")
        self._add("sg-fallback", "-j DROP")

    def _spoof(self, guest):
        for mac, address in guest.sources(self.family):
            source = f"-s {address} " if address else ""
            self._add(f"s{guest.name}", f"{source}-m mac --mac-source {mac} -j RETURN")
        self._add(f"s{guest.name}", "-j DROP")

    def _out(self, guest):
        chain = f"o{guest.name}"
        if self.family == 4:
            before = ["-s 0.0.0.0/32 -d 255.255.255.255/32 -p udp -m udp --sport 68 --dport 67 -j RETURN"]
            after = ["-p udp -m udp --sport 68 --dport 67 -j RETURN",
                     "-p udp -m udp --sport 67 --dport 68 -j DROP"]
        else:
            before = [f"-s ::/128 -d ff02::/16 -p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j RETURN"
                      for kind in (131, NEIGHBOUR_SOLICITATION, 143)]
            after = [f"-p ipv6-icmp -m icmp6 --icmpv6-type {ROUTER_ADVERTISEMENT} -j DROP",
                     "-p ipv6-icmp -j RETURN",
                     "-p udp -m udp --sport 546 --dport 547 -j RETURN",
                     "-p udp -m udp --sport 547 --dport 546 -j DROP"]
        check = [f"-j {PREFIX}-s{guest.name}"] if guest.sources(self.family) else []
        for rule in [*before, *check, *after]:
            self._add(chain, rule)
        self._judge(chain, guest, "egress", [])

    def _in(self, guest):
        chain = f"i{guest.name}"
        own = guest.own(self.family)
        if self.family == 4:
            provided = [f"-d {address}/32 -p udp -m udp --sport 67 --dport 68 -j RETURN"
                        for address in [*own, "255.255.255.255"]]
        else:
            for kind in (MLD_QUERY, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT):
                self._add(chain, f"-p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j RETURN")
            provided = [f"-p ipv6-icmp -m icmp6 --icmpv6-type {ROUTER_ADVERTISEMENT} -j RETURN"] \
                if own else []
            provided += [f"-d {address} -p udp -m udp --sport 547 --dport 546 -j RETURN"
                         for address in [*own, "fe80::/64"]]
        self._judge(chain, guest, "ingress", provided)

    def _judge(self, chain, guest, direction, provided):
        """Known connections, what is provided for, user rules, the rest."""
        if guest.stateful:
            self._add(chain, "-m state --state RELATED,ESTABLISHED -j RETURN")
        for rule in provided:
            self._add(chain, rule)
        for name in guest.groups:
            for rule in self.groups[name]["rules"]:
                if rule["direction"] == direction and rule.get("ethertype", "ipv4") == f"ipv{self.family}":
                    self._add(chain, f"{self._match(rule)} -j RETURN")
        if guest.stateful:
            self._add(chain, "-m state --state INVALID -j DROP")
        self._add(chain, f"-j {PREFIX}-sg-fallback")

    def _match(self, rule):
        ingress = rule["direction"] == "ingress"
        words = []
        if "remote-prefix" in rule:
            words.append(f"{'-s' if ingress else '-d'} {rule['remote-prefix']}")
        if "remote-group" in rule:
            words.append(f"-m set --match-set {set_name(rule['remote-group'], self.family)} "
                         f"{'src' if ingress else 'dst'}")
        if "protocol" in rule:
            protocol = {"icmpv6": "ipv6-icmp"}.get(rule["protocol"], rule["protocol"])
            words.append(f"-p {protocol}")
        if "icmp-type" in rule:
            kind = str(rule["icmp-type"]) + (f"/{rule['icmp-code']}" if "icmp-code" in rule else "")
            words.append(f"-m icmp --icmp-type {kind}" if self.family == 4
                         else f"-m icmp6 --icmpv6-type {kind}")
        if "ports" in rule:
            low, _, high = rule["ports"].partition("-")
            words.append(f"-m multiport --dports {low}:{high}" if high
                         else f"-m {rule['protocol']} --dport {low}")
        return " ".join(words)


def set_name(group, family):
    return f"NIPv{family}{group}"


def _without_zero(prefix):
    """A set holds no prefix of length 0: two halves instead."""
    net = ipaddress.ip_network(prefix)
    return [str(half) for half in net.subnets()] if net.prefixlen == 0 else [prefix]


def _sets(guests, groups):
    """The text of `ipset restore`: the members of each group."""
    lines = []
    for group, body in groups.items():
        members = [a for guest in guests if group in guest.groups
                   for a in [*guest.addresses, *(address for _, address in guest.pairs)]]
        members += body.get("members", [])
        for family in (4, 6):
            name = set_name(group, family)
            lines.append(f"create {name} hash:net family {'inet' if family == 4 else 'inet6'}")
            own = sorted({a for a in members if _family(a) == family})
            lines += [f"add {name} {part}" for a in own for part in _without_zero(a)]
    return "\n".join(lines) + "\n"


def _ethernet_chains(guests):
    """The text of ebtables-restore."""
    chains, rules = [], []
    for guest in guests:
        mac_chain, arp_chain = f"neutronMAC-{guest.tap}", f"neutronARP-{guest.tap}"
        addresses = guest.own(4) + [a for _, a in guest.pairs if _family(a) == 4]
        chains += [f":{mac_chain} ACCEPT"]
        rules += [f"-A PREROUTING -i {guest.tap} -j {mac_chain}",
                  f"-A {mac_chain} -i {guest.tap} --among-src {','.join(guest.macs)} -j RETURN",
                  f"-A {mac_chain} -j DROP"]
        if any(ipaddress.ip_network(a).prefixlen == 0 for a in addresses):
            continue
        chains += [f":{arp_chain} ACCEPT"]
        rules += [f"-A PREROUTING -p ARP -i {guest.tap} -j {arp_chain}",
                  *(f"-A {arp_chain} -p ARP --arp-ip-src {a} -j ACCEPT" for a in addresses),
                  f"-A {arp_chain} -j DROP"]
    # Nothing is for the bridge itself. Newer kernels would make a session there of a broadcast that
    # every filter stops.
    own = ["*filter", ":INPUT DROP"]
    return "\n".join(["*nat", ":PREROUTING ACCEPT", *chains, *rules, *own, ""])


class LinuxWorld(World):
    """The kernel as the switch."""

    def __init__(self, lab, document):
        self.ns, hosts = lab.ns("linux"), lab.ns("lhosts")
        groups = {"default": {"rules": DEFAULT_RULES}}
        for name, group in document["security-groups"].items():
            groups[name] = {**groups.get(name, {}), **group}
        guests = [Guest(name, port, groups) for name, port in document["ports"].items()]
        self.ns.ip(f"link add {BRIDGE} type bridge forward_delay 0 mcast_snooping 0\n"
                   f"link set {BRIDGE} up")
        cables = [(guest.tap, guest.name) for guest in guests] + [("ens", FABRIC)]
        for inside, outside in cables:
            lab.veth(self.ns, inside, hosts, outside)
        self.ns.run("ipset", "restore", stdin=_sets(guests, groups))
        self.ns.run("iptables-nft-restore", stdin=Chains(4, guests, groups).text())
        self.ns.run("ip6tables-nft-restore", stdin=Chains(6, guests, groups).text())
        self.ns.run("ebtables-nft-restore", stdin=_ethernet_chains(guests))
        timeouts = [f"{CONNTRACK}_{TIMEOUTS[key]}={value}"
                    for key, value in document["sessions"].items()]
        timeouts += [f"{CONNTRACK}_icmpv6_timeout={document['sessions']['icmp']}"]
        self.ns.run("sysctl", "-q", "-w", *SYSCTLS, *timeouts)
        for inside, _ in cables:  # not before: nothing may pass unfiltered
            self.ns.ip(f"link set dev {inside} master {BRIDGE}")
        super().__init__(hosts, document)
