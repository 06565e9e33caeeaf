# SPDX-License-Identifier: BSD-3-Clause
"""Two weft nodes with a flat, a VLAN and a VXLAN network between them: node1 has the services of the
networks, node4 the instances. Each network has an address plan of its own."""

import os
import re

from netlab import Instance, wait_for
from node import Weft
from topology import UNDERLAY

NODE1, NODE4 = UNDERLAY + "101", UNDERLAY + "104"


class Plan:
    """A network: its segment, its addresses, and the instance on node4."""

    def __init__(self, name, segment, net, host, mtu):
        self.name = name
        self.segment = segment
        self.net = net
        self.cidr = f"{net}.0/24"
        self.gateway = f"{net}.1"
        self.service = f"{net}.10"
        self.service_mac = {"provider": "fa:16:3e:78:a1:95", "vlan1001": "fa:16:3e:5d:ed:b9",
                            "vxlan1": "fa:16:3e:31:14:a6"}[name]
        self.address = f"{net}.{host}"
        self.mtu = mtu

    @property
    def host_name(self):
        return "host-" + self.address.replace(".", "-")


# provider and vxlan1 have the same addresses: nothing may mix them up.
PLANS = {plan.name: plan for plan in (
    Plan("provider", {"type": "flat", "uplink": "provider"}, "172.16.1", 136, 1500),
    Plan("vlan1001", {"type": "vlan", "uplink": "provider", "id": 1001}, "172.17.0", 46, 1500),
    Plan("vxlan1", {"type": "vxlan", "id": 1}, "172.16.1", 33, 1450))}


class Guest(Instance):
    """An instance that asks for its address instead of having one set."""

    def configure(self, keep_mtu=False):
        self.ip(f"link set dev eth0 address {self.hwaddr}\nlink set eth0 up")

    def udhcpc(self, *options, script=None):
        """Starts a busybox client; it tells what it got in udhcpc_events()."""
        script = script or self.client_script(UDHCPC_SCRIPT)
        return self.start("udhcpc", "-f", "-i", "eth0", "-s", script, "-T", "1", "-t", "5", "-A", "1",
                          "-O", "mtu", "-O", "staticroutes", "-O", "msstaticroutes", *options)

    def dhclient(self, *options):
        """Runs ISC's client until it has a lease."""
        conf = self.file("dhclient.conf", "timeout 10; initial-interval 1;\n")
        return self.start("dhclient", "-d", "-1", "-v", "-cf", conf, "-lf", self.file("leases", ""),
                          "-pf", self.lab.path(f"{self.short}.pid"),
                          "-sf", self.client_script(DHCLIENT_SCRIPT), *options, "eth0")

    def file(self, name, text, mode=0o644):
        path = self.lab.path(f"{self.short}-{name}")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def client_script(self, text):
        events = self.file("events", "")
        return self.file("client.sh", text.replace("EVENTS", events), 0o755)

    def events(self):
        """What the client's script was called with: [{"reason": …, variable: value}]."""
        with open(self.lab.path(f"{self.short}-events"), encoding="utf-8") as file:
            blocks = file.read().split("--\n")[:-1]
        return [dict(line.partition("=")[::2] for line in block.splitlines()) for block in blocks]

    def wait_event(self, *reasons, n=1, timeout=15):
        def there():
            found = [event for event in self.events() if event.get("reason") in reasons]
            return len(found) >= n and found
        return wait_for(there, f"{n} of {reasons}, have {self.events()}", timeout)[-1]


# One write for each event, so that a reader never sees half of one.
UDHCPC_SCRIPT = r"""#!/bin/sh
reason=$1
case $1 in
bound) ip addr replace "$ip/$mask" dev eth0
	[ -z "$mtu" ] || ip link set eth0 mtu "$mtu"
	[ -z "$router" ] || ip route replace default via "${router%% *}" ;;
esac
text=$(echo "reason=$reason"; env | grep -E '^(ip|subnet|broadcast|mtu|router|dns|domain|hostname|lease|serverid|staticroutes|msstaticroutes|siaddr|message)=')
printf '%s\n--\n' "$text" >>EVENTS
"""

DHCLIENT_SCRIPT = r"""#!/bin/sh
case $reason in
BOUND | REBOOT) ip addr replace "$new_ip_address/24" dev eth0
	ip link set eth0 mtu "$new_interface_mtu" ;;
esac
text=$(echo "reason=$reason"; env | grep '^new_')
printf '%s\n--\n' "$text" >>EVENTS
exit 0
"""


def dhcp(plan, mode="responder", **more):
    return {"network": plan.name, "cidr": plan.cidr, "gateway": plan.gateway,
            "pools": [f"{plan.net}.10-{plan.net}.200"],
            "dhcp": {"mode": mode, "address": plan.service, "mac": plan.service_mac, **more}}


class Cloud:
    """The nodes, and a guest on each network."""

    def __init__(self, lab, subnets=None, names=tuple(PLANS)):
        self.lab = lab
        self.plans = [PLANS[name] for name in names]
        one, four = lab.ns("node1"), lab.ns("node4")
        self.under = lab.wire("under", (one, "under0"), (four, "under0"))
        self.trunk = lab.wire("trunk", (one, "trunk0"), (four, "trunk0"), learning=False)
        self.guests = {plan.name: lab.own(Guest(lab, plan.name, plan.address))
                       for plan in self.plans}
        subnets = subnets if subnets is not None else {plan.name: dhcp(plan) for plan in self.plans}
        self.node1 = Weft(one, {**self.config(NODE1, [NODE4]), "subnets": subnets})
        self.node4 = Weft(four, self.config(NODE4, [NODE1], "tap:"))
        for name, guest in self.guests.items():
            self.node4.give(name, guest)

    def config(self, address, remotes, device=None):
        ports = {}
        for plan in self.plans:
            ports[plan.name] = {"network": plan.name, "mac": self.guests[plan.name].hwaddr,
                                "addresses": [plan.address]}
            if device:
                ports[plan.name]["device"] = device + plan.name
        return {
            "uplinks": {"under": {"device": "packet:under0", "address": f"{address}/24"},
                        "provider": {"device": "packet:trunk0", "vlans": "1001-2000"}},
            "tunnel": {"uplink": "under", "remotes": remotes},
            "networks": {plan.name: {"segments": [plan.segment]} for plan in self.plans},
            "ports": ports}


def arping(namespace, address, count=2):
    """The MACs that answer for an address."""
    text = namespace.run("arping", "-I", "eth0", "-c", str(count), "-w", "3", address, check=False)
    return {mac.lower() for mac in re.findall(r"\[([0-9A-Fa-f:]{17})\]", text)}
