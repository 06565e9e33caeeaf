# SPDX-License-Identifier: BSD-3-Clause
"""The services of networks, with real clients: DHCP, DNS, ARP and ping, over a flat, a VLAN and a
VXLAN network, client and server on different nodes."""

import pytest

from cloud import PLANS, Cloud, arping, dhcp
from netlab import wait_for

NETWORKS = list(PLANS)


@pytest.fixture
def cloud(lab):
    return Cloud(lab)


@pytest.mark.parametrize("network", NETWORKS)
def test_udhcpc_gets_its_lease(cloud, network):
    plan, guest = PLANS[network], cloud.guests[network]
    client = guest.udhcpc()
    lease = guest.wait_event("bound")
    assert lease["ip"] == plan.address
    assert lease["subnet"] == "255.255.255.0"
    assert lease["serverid"] == plan.service
    assert lease["lease"] == "86400"
    assert lease["mtu"] == str(plan.mtu)
    assert lease["router"] == plan.gateway
    assert lease["dns"] == plan.service
    assert lease["domain"] == "openstacklocal"
    assert lease["hostname"] == plan.host_name
    metadata = f"169.254.169.254/32 {plan.service} 0.0.0.0/0 {plan.gateway}"
    assert lease["staticroutes"] == metadata and lease["msstaticroutes"] == metadata
    assert guest.mtu() == plan.mtu
    assert guest.ping(plan.service), "the service address answers"
    assert guest.ping(plan.service, size=3000), "and puts fragments together"
    rows = cloud.node1.rpc("lease.list", network=network)
    assert [(row["address"], row["mac"]) for row in rows] == [(plan.address, guest.hwaddr)]
    assert plan.address in cloud.node1.cli("lease", "show", "network", network)
    # Renewed by unicast, from the address it has.
    client.popen.send_signal(10)
    assert guest.wait_event("renew")["ip"] == plan.address
    # Released, and asked for again.
    client.popen.send_signal(12)
    guest.wait_event("deconfig", n=2)
    wait_for(lambda: not cloud.node1.rpc("lease.list", network=network), "the lease to end")
    client.popen.send_signal(10)
    assert guest.wait_event("bound", n=2)["ip"] == plan.address


@pytest.mark.parametrize("network", NETWORKS)
def test_dhclient_gets_its_lease(cloud, network):
    plan, guest = PLANS[network], cloud.guests[network]
    guest.dhclient()
    lease = guest.wait_event("BOUND")
    assert lease["new_ip_address"] == plan.address
    assert lease["new_interface_mtu"] == str(plan.mtu)
    assert lease["new_dhcp_server_identifier"] == plan.service
    assert lease["new_dhcp_lease_time"] == "43200" or lease["new_dhcp_lease_time"] == "86400"
    assert lease["new_routers"] == plan.gateway
    assert lease["new_domain_name"] == "openstacklocal"
    assert lease["new_host_name"] == plan.host_name
    assert guest.ping(plan.service)


def test_reboot_keeps_the_address(cloud):
    """A client that remembers its lease asks for it without a DISCOVER."""
    plan, guest = PLANS["vxlan1"], cloud.guests["vxlan1"]
    guest.dhclient().wait_output("bound to")
    first = cloud.lab.processes[-1]
    first.stop()
    again = guest.start("dhclient", "-d", "-1", "-v", "-cf", guest.lab.path("vxlan1-dhclient.conf"),
                        "-lf", guest.lab.path("vxlan1-leases"), "-pf", guest.lab.path("vxlan1.pid"),
                        "-sf", guest.lab.path("vxlan1-client.sh"), "eth0")
    again.wait_output("bound to " + plan.address)
    assert "DHCPDISCOVER" not in again.output() and "DHCPNAK" not in again.output()
    assert guest.wait_event("REBOOT")["new_ip_address"] == plan.address


def test_arp_of_the_service_port(cloud):
    for plan in cloud.plans:
        guest = cloud.guests[plan.name]
        guest.ip(f"addr add {plan.address}/24 dev eth0")
        assert arping(guest, plan.service) == {plan.service_mac}
        assert arping(guest, "169.254.169.254") == {plan.service_mac}
        assert arping(guest, f"{plan.net}.99", count=1) == set(), "nobody else is answered for"


def test_names_of_the_network(cloud):
    plan, guest = PLANS["vxlan1"], cloud.guests["vxlan1"]
    guest.ip(f"addr add {plan.address}/24 dev eth0")

    def lookup(*question):
        return guest.run("nslookup", "-timeout=2", "-retry=1", *question, plan.service, check=False)

    assert f"Address: {plan.address}" in lookup(plan.host_name + ".openstacklocal")
    assert f"Address: {plan.address}" in lookup(plan.host_name + ".")
    assert f"name = {plan.host_name}.openstacklocal." in lookup(plan.address)
    assert "REFUSED" in lookup("example.com.")
    assert "REFUSED" in lookup("host-172-17-0-46.openstacklocal."), "a name of another network"


def test_metadata_without_a_backend_is_refused(cloud):
    plan, guest = PLANS["vxlan1"], cloud.guests["vxlan1"]
    guest.udhcpc()
    guest.wait_event("bound")
    guest.ip(f"route replace 169.254.169.254/32 via {plan.service}")
    text = guest.run("nc", "-v", "-z", "-w", "3", "169.254.169.254", "80", check=False)
    assert "refused" in text, text


def test_rogue_server_is_not_heard(cloud, lab):
    """An instance that answers DHCP: nothing of it leaves its port, and the lease stays right."""
    plan, guest = PLANS["vxlan1"], cloud.guests["vxlan1"]
    rogue = lab.instance("rogue", "172.16.1.66")
    cloud.node4.rpc("port.add", name="rogue", network="vxlan1", device="tap:rogue",
                    mac=rogue.hwaddr, addresses=["172.16.1.66"])
    cloud.node4.give("rogue", rogue)
    rogue.start("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-hosts", "--no-resolv", "--port=0",
                "--dhcp-leasefile=" + lab.path("rogue.leases"), "--dhcp-authoritative", "--no-ping",
                "--interface=eth0", "--dhcp-range=172.16.1.150,172.16.1.160,300").wait_output("DHCP")
    cloud.node4.rpc("port.set", name="vxlan1", **{"security-groups": []})
    for n in range(3):
        client = guest.udhcpc("-q")
        assert guest.wait_event("bound")["ip"] == plan.address, f"lease {n}"
        client.wait()
    cloud.node4.wait_drop("sg_ingress")  # the DISCOVERs of others end at the rogue's own filter
    # It speaks without being asked: an OFFER as a server sends it.
    from scapy.all import BOOTP, DHCP, IP, UDP, Ether, sendp
    offer = (Ether(src=rogue.hwaddr, dst="ff:ff:ff:ff:ff:ff") / IP(src="172.16.1.66", dst="255.255.255.255")
             / UDP(sport=67, dport=68) / BOOTP(op=2, yiaddr="172.16.1.150")
             / DHCP(options=[("message-type", "offer"), "end"]))
    with rogue.entered():
        sendp(offer, iface="eth0", count=5, verbose=False)
    cloud.node4.wait_drop("dhcp_spoof", 5)


def test_dhcp_can_be_turned_off(lab):
    """Mode off: nothing is consumed, the DISCOVER travels as any broadcast."""
    plan = PLANS["vxlan1"]
    cloud = Cloud(lab, subnets={"vxlan1": dhcp(plan, mode="off")}, names=["vxlan1"])
    other = lab.instance("other", "172.16.1.50")
    cloud.node1.port("other", other, "vxlan1")
    other.start("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-hosts", "--no-resolv", "--port=0",
                "--dhcp-leasefile=" + lab.path("foreign.leases"), "--no-ping",
                "--dhcp-authoritative", "--interface=eth0",
                "--dhcp-range=172.16.1.222,172.16.1.222,300").wait_output("DHCP")
    guest = cloud.guests["vxlan1"]
    guest.udhcpc("-B")
    assert guest.wait_event("bound")["ip"] == "172.16.1.222"
    # The address is not the port's: the lease is of no use.
    assert guest.unreachable("172.16.1.50")
    cloud.node4.wait_drop("spoof_arp_ip")
