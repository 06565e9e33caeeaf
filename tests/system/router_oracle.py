# SPDX-License-Identifier: BSD-3-Clause
"""The oracle of routers: the Linux kernel, set up as OpenStack's L3 agent sets up a qrouter namespace:
forwarding, addresses, and the chains neutron-l3-agent-* in their order."""

from router_scenario import DEFAULT_HOP, FLOATING, GATEWAY, NETS, OUTSIDE, SESSIONS, STATIC_HOP, \
    STATIC_PREFIX
from router_world import RouterWorld

from filter_oracle import CONNTRACK, TIMEOUTS

CHAIN = "neutron-l3-agent"
FROM_OUTSIDE, METADATA = "0x2/0xffff", "0x1/0xffff"
SYSCTLS = ("net.ipv4.ip_forward=1", "net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2",
           "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
           "net.ipv4.conf.all.send_redirects=1", "net.ipv4.conf.default.send_redirects=1",
           # How many errors it sends is another test's, and so are those about fragments that it has
           # waited for: on a slow machine they would come before the end.
           "net.ipv4.icmp_ratelimit=0", "net.ipv4.icmp_ratemask=0", "net.ipv4.ipfrag_time=900")


def rules(random_fully):
    """The text of iptables-restore. `random_fully`: the agent's use_random_fully, its default."""
    outward = NETS[OUTSIDE].device
    chance = " --random-fully" if random_fully else ""
    mangle = [
        f"-A PREROUTING -j {CHAIN}-PREROUTING",
        f"-A {CHAIN}-PREROUTING -j {CHAIN}-mark",
        f"-A {CHAIN}-PREROUTING -d 169.254.169.254/32 -i qr-+ -p tcp -m tcp --dport 80 "
        f"-j MARK --set-xmark {METADATA}",
        f"-A {CHAIN}-mark -i {outward} -j MARK --set-xmark {FROM_OUTSIDE}"]
    nat = [
        *(f"-A {hook} -j {CHAIN}-{hook}" for hook in ("PREROUTING", "OUTPUT", "POSTROUTING")),
        "-A POSTROUTING -j neutron-postrouting-bottom",
        *(f"-A {CHAIN}-OUTPUT -d {host.floating}/32 -j DNAT --to-destination {host.ip}"
          for host in FLOATING),
        f"-A {CHAIN}-POSTROUTING ! -o {outward} -m conntrack ! --ctstate DNAT -j ACCEPT",
        f"-A {CHAIN}-PREROUTING -d 169.254.169.254/32 -i qr-+ -p tcp -m tcp --dport 80 "
        "-j REDIRECT --to-ports 9697",
        *(f"-A {CHAIN}-PREROUTING -d {host.floating}/32 -j DNAT --to-destination {host.ip}"
          for host in FLOATING),
        *(f"-A {CHAIN}-float-snat -s {host.ip}/32 -j SNAT --to-source {host.floating}{chance}"
          for host in FLOATING),
        f"-A {CHAIN}-snat -j {CHAIN}-float-snat",
        f"-A {CHAIN}-snat -o {outward} -j SNAT --to-source {GATEWAY}{chance}",
        f"-A {CHAIN}-snat -m mark ! --mark {FROM_OUTSIDE} -m conntrack --ctstate DNAT "
        f"-j SNAT --to-source {GATEWAY}{chance}",
        f"-A neutron-postrouting-bottom -j {CHAIN}-snat"]
    own = [f"-A INPUT -j {CHAIN}-INPUT",
           f"-A {CHAIN}-INPUT -m mark --mark {METADATA} -j ACCEPT",
           f"-A {CHAIN}-INPUT -p tcp -m tcp --dport 9697 -j DROP"]
    tables = {
        "mangle": ([f"{CHAIN}-PREROUTING", f"{CHAIN}-mark"], mangle),
        "nat": ([*(f"{CHAIN}-{name}" for name in ("PREROUTING", "OUTPUT", "POSTROUTING", "float-snat",
                                                  "snat")), "neutron-postrouting-bottom"], nat),
        "filter": ([f"{CHAIN}-INPUT"], own)}
    lines = []
    for table, (chains, body) in tables.items():
        lines += [f"*{table}", *(f":{chain} - [0:0]" for chain in chains), *body, "COMMIT"]
    return "\n".join(lines) + "\n"


class LinuxRouter(RouterWorld):
    """The kernel as the router."""

    def __init__(self, lab, random_fully=False):
        name = "qrandom" if random_fully else "qrouter"
        self.ns, hosts = lab.ns(name), lab.ns(f"{name}-hosts")
        timeouts = [f"{CONNTRACK}_{TIMEOUTS[key]}={value}" for key, value in SESSIONS.items()]
        self.ns.run("sysctl", "-q", "-w", *SYSCTLS, *timeouts)
        self.ns.run("iptables-nft-restore", stdin=rules(random_fully))
        for net in NETS.values():
            lab.veth(self.ns, net.device, hosts, net.name, net.mtu)
            self.ns.ip(f"link set dev {net.device} address {net.router_mac}\n"
                       f"addr add {net.router}/24 dev {net.device}")
        for host in FLOATING:
            self.ns.ip(f"addr add {host.floating}/32 dev {NETS[OUTSIDE].device}")
        self.ns.ip(f"route add default via {DEFAULT_HOP}\nroute add {STATIC_PREFIX} via {STATIC_HOP}")
        super().__init__(hosts)
