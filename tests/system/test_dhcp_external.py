# SPDX-License-Identifier: BSD-3-Clause
"""Mode external: a real dnsmasq on the service port's TAP device, started as neutron starts it."""

import os

import pytest

from cloud import PLANS, Cloud, arping, dhcp
from netlab import wait_for

NETWORKS = list(PLANS)
SUBNET_TAG = "subnet-b7cf01d1-1331-4d1b-a86a-00e58a0f3c3a"


def start_dnsmasq(lab, cloud, plan):
    """Gives a namespace the service port of a network and starts dnsmasq there."""
    ns = lab.ns(f"qdhcp-{plan.name}")
    device = f"ns-{plan.name}"
    wait_for(lambda: cloud.node1.ns.has(device), f"TAP device {device}")
    cloud.node1.ns.ip(f"link set dev {device} netns {ns.name}")
    ns.ip(f"link set dev {device} address {plan.service_mac}\nlink set {device} up\n"
          f"addr add {plan.service}/24 dev {device}\naddr add 169.254.169.254/32 dev {device}")
    files = lab.path(f"dnsmasq-{plan.name}")
    os.mkdir(files)

    def write(name, text):
        with open(os.path.join(files, name), "w", encoding="utf-8") as file:
            file.write(text)

    mac = cloud.guests[plan.name].hwaddr
    write("host", f"{mac},{plan.host_name}.openstacklocal,{plan.address}\n")
    write("addn_hosts", f"{plan.address}\t{plan.host_name}.openstacklocal {plan.host_name}\n")
    write("opts", f"tag:{SUBNET_TAG},option:dns-server,{plan.service}\n"
          f"tag:{SUBNET_TAG},option:classless-static-route,169.254.169.254/32,{plan.service},"
          f"0.0.0.0/0,{plan.gateway}\ntag:{SUBNET_TAG},option:router,{plan.gateway}\n")
    server = ns.start(
        "dnsmasq", "--keep-in-foreground", "--log-facility=-", "--user=root",
        "--no-hosts", "--no-resolv", f"--pid-file={files}/pid",
        f"--dhcp-hostsfile={files}/host", f"--addn-hosts={files}/addn_hosts",
        f"--dhcp-optsfile={files}/opts", f"--dhcp-leasefile={files}/leases",
        "--dhcp-match=set:ipxe,175", "--dhcp-userclass=set:ipxe6,iPXE", "--local-service",
        "--bind-dynamic",
        f"--dhcp-range=set:{SUBNET_TAG},{plan.net}.0,static,255.255.255.0,86400s",
        f"--dhcp-option-force=option:mtu,{plan.mtu}", "--dhcp-lease-max=256",
        "--conf-file=/dev/null", "--domain=openstacklocal")
    server.wait_output("DHCP, sockets bound|started")
    return server


@pytest.fixture
def cloud(lab):
    return Cloud(lab, subnets={plan.name: dhcp(plan, "external", device=f"tap:ns-{plan.name}")
                               for plan in PLANS.values()})


@pytest.mark.parametrize("network", NETWORKS)
def test_clients_get_the_same_lease(lab, cloud, network):
    """Item 103: the values are those that the built-in responder gives (test_dhcp.py)."""
    plan, guest = PLANS[network], cloud.guests[network]
    start_dnsmasq(lab, cloud, plan)
    client = guest.udhcpc("-q")
    lease = guest.wait_event("bound")
    client.wait()
    assert lease["ip"] == plan.address
    assert lease["serverid"] == plan.service
    assert lease["lease"] == "86400"
    assert lease["mtu"] == str(plan.mtu)
    assert lease["router"] == plan.gateway and lease["dns"] == plan.service
    assert lease["domain"] == "openstacklocal" and lease["hostname"] == plan.host_name
    assert guest.ping(plan.service)
    assert arping(guest, plan.service) == {plan.service_mac}
    guest.dhclient()
    assert guest.wait_event("BOUND", "REBOOT")["new_ip_address"] == plan.address
    assert f"Address: {plan.address}" in guest.run(
        "nslookup", "-type=A", plan.host_name + ".openstacklocal", plan.service)


def test_the_service_port_is_known_from_the_start(lab, cloud):
    """Its MAC is a static entry on its own network, and it may send what it likes."""
    plan = PLANS["vxlan1"]
    start_dnsmasq(lab, cloud, plan)
    entry = cloud.node1.fdb("vxlan1", plan.service_mac)
    assert entry and entry["static"]
