# SPDX-License-Identifier: BSD-3-Clause
"""The instances, security groups and hosts of the differential test of the filters."""

from dataclasses import dataclass

import filter_packets as fp
from filter_world import FABRIC

# Time-outs do not count here: on a slow machine they would decide by the clock.
SESSIONS = {key: 900 for key in (
    "tcp-syn-sent", "tcp-syn-received", "tcp-established", "tcp-fin-wait", "tcp-close-wait",
    "tcp-last-ack", "tcp-time-wait", "tcp-close", "tcp-unacknowledged", "udp", "udp-stream", "icmp",
    "other")}


def _rules(direction, *rules):
    return [{"direction": direction, **rule} for rule in rules]


def _both(*rules):
    """The same rules for both families."""
    return [{**rule, "ethertype": family} for rule in rules for family in ("ipv4", "ipv6")]


DOCUMENT = {
    "sessions": SESSIONS,
    "security-groups": {
        "default": {"members": ["172.16.1.60", "2001:db8:1::60"]},
        "ssh": {"rules": _rules("ingress", {"protocol": "tcp", "ports": "22"}, {"protocol": "icmp"},
                                {"ethertype": "ipv6", "protocol": "tcp", "ports": "22"},
                                {"ethertype": "ipv6", "protocol": "icmpv6"})},
        # Little may leave, so that replies need their session.
        "service": {"rules": [
            *_rules("egress",
                    *_both({"protocol": "tcp", "ports": "80"}, {"protocol": "tcp", "ports": "443"},
                           {"protocol": "udp", "ports": "53"},
                           {"protocol": "tcp", "ports": "9000", "remote-group": "default"}),
                    {"protocol": "udp", "ports": "5000-5010", "remote-prefix": "10.0.0.0/8"},
                    {"protocol": "udp", "ports": "5000-5010", "remote-prefix": "2001:db8:2::/48",
                     "ethertype": "ipv6"},
                    {"protocol": "icmp", "icmp-type": 8, "icmp-code": 0}),
            *_rules("ingress",
                    *_both({"protocol": "udp", "ports": "7000-7009"},
                           {"protocol": 50},
                           {"remote-group": "default", "protocol": "tcp", "ports": "8080"}),
                    {"protocol": "tcp", "ports": "1000-2000", "remote-prefix": "10.0.0.0/8"},
                    {"protocol": "tcp", "ports": "1000-2000", "remote-prefix": "2001:db8:2::/48",
                     "ethertype": "ipv6"},
                    {"protocol": "icmp", "icmp-type": 8, "remote-prefix": "172.16.1.0/24"},
                    {"protocol": "icmpv6", "icmp-type": 128, "ethertype": "ipv6"})]},
        "plain": {"stateful": False, "rules": [
            *_rules("egress", *_both({"protocol": "tcp"}, {"protocol": "udp", "ports": "53"}),
                    {"protocol": "icmp"}),
            *_rules("ingress", *_both({"protocol": "tcp", "ports": "80"}), {"protocol": "icmp"},
                    {"ethertype": "ipv6", "protocol": "icmpv6"})]},
        "roam": {"rules": _rules("egress", *_both({})) + _rules("ingress", {"protocol": "icmp"})}},
    "ports": {
        "a": {"mac": "fa:16:3e:de:6e:86", "addresses": ["172.16.1.33", "2001:db8:1::33"],
              "security-groups": ["default", "ssh"]},
        "b": {"mac": "fa:16:3e:74:ad:39", "addresses": ["172.16.1.17", "2001:db8:1::17"],
              "security-groups": ["service"],
              "allowed-address-pairs": [{"address": "172.16.1.200"},
                                        {"address": "10.9.0.0/24", "mac": "fa:16:3e:00:09:01"},
                                        {"address": "2001:db8:9::/64", "mac": "fa:16:3e:00:09:01"}]},
        "c": {"mac": "fa:16:3e:00:00:0c", "addresses": ["172.16.1.12", "2001:db8:1::12"],
              "security-groups": ["plain"]},
        "d": {"mac": "fa:16:3e:00:00:0d", "addresses": ["172.16.1.13", "2001:db8:1::13"],
              "security-groups": []},
        "e": {"mac": "fa:16:3e:00:00:0f", "addresses": ["172.16.1.15"], "security-groups": ["roam"]},
        "m": {"mac": "fa:16:3e:00:00:0e", "security-groups": ["roam"],
              "allowed-address-pairs": [{"address": "0.0.0.0/0"}]}},
}


@dataclass(frozen=True)
class Host:
    """Somebody with addresses, behind an end."""
    name: str
    end: str
    mac: str
    ip4: str
    ip6: str

    def address(self, family):
        return self.ip4 if family == 4 else self.ip6


ROUTER_MAC = "fa:16:3e:dd:e1:a2"
ALIAS_MAC = "fa:16:3e:00:09:01"
HOSTS = {host.name: host for host in (
    Host("a", "a", "fa:16:3e:de:6e:86", "172.16.1.33", "2001:db8:1::33"),
    Host("b", "b", "fa:16:3e:74:ad:39", "172.16.1.17", "2001:db8:1::17"),
    Host("alias", "b", "fa:16:3e:74:ad:39", "172.16.1.200", fp.link_local("fa:16:3e:74:ad:39")),
    Host("vip", "b", ALIAS_MAC, "10.9.0.5", "2001:db8:9::5"),
    Host("c", "c", "fa:16:3e:00:00:0c", "172.16.1.12", "2001:db8:1::12"),
    Host("d", "d", "fa:16:3e:00:00:0d", "172.16.1.13", "2001:db8:1::13"),
    Host("m", "m", "fa:16:3e:00:00:0e", "172.16.1.99", "2001:db8:1::99"),
    Host("router", FABRIC, ROUTER_MAC, "172.16.1.1", "2001:db8:1::1"),
    Host("dhcp", FABRIC, "fa:16:3e:31:14:a6", "172.16.1.10", "2001:db8:1::10"),
    Host("member", FABRIC, "fa:16:3e:00:00:60", "172.16.1.60", "2001:db8:1::60"),
    Host("stranger", FABRIC, "fa:16:3e:00:00:70", "172.16.1.70", "2001:db8:1::70"),
    Host("ten", FABRIC, ROUTER_MAC, "10.1.0.1", "2001:db8:2::1"),
    Host("far", FABRIC, ROUTER_MAC, "8.8.8.8", "2001:4860::8"))}
E = Host("e", "e", "fa:16:3e:00:00:0f", "172.16.1.15", "2001:db8:1::15")  # the IPv6 one is not its own
GUESTS = [host for host in HOSTS.values() if host.end != FABRIC]
OUTSIDERS = [host for host in HOSTS.values() if host.end == FABRIC]
PLACES = sorted({(host.end, host.mac) for host in [*HOSTS.values(), E]})

# What weft does on purpose otherwise than a Linux bridge: name → what, and whether weft lets through
# what the bridge stops (else the other way round).
DEVIATIONS = {
    "P1.4 link-local": ("01:80:c2:00:00:00 ends at weft; a bridge without STP forwards it", False),
    "P2.1 priority tag": ("weft filters what is behind a tag with VID 0; br_netfilter does not", False),
    "P2.2 tag": ("an instance's tag ends at weft; it takes a frame past every filter of a bridge", False),
    "P4.1 ARP form": ("ARP that is none for Ethernet and IPv4 ends at weft", False),
    "P4.3 ARP sender": ("the sender's hardware address must be that of the frame; ebtables does not look",
                        False),
    "P4.4 ARP probe": ("a probe for an address of one's own passes; ebtables stops any from 0.0.0.0", True),
    "2.3 IPv6 source": ("an instance without an IPv6 address has its link-local one; the agent checks "
                        "none", False),
    "2.4 ICMPv6 error types": ("only types 1 to 4 are RELATED; Linux takes all below 128", False),
    "4.4 SYN after a reset": ("a SYN of either side begins anew; in Linux, of the side that opened", False),
    "4.5 tiny fragment": ("a first fragment without its L4 header ends at weft; Linux reassembles it",
                          False),
    "4.5 repeated fragment": ("a fragment that overlaps another, be it the same again, ends its datagram; "
                              "Linux forgives the same again", False),
}
