# SPDX-License-Identifier: BSD-3-Clause
"""The lab itself: what the other tests lean on must be true without weft in it, and nothing of it may
stay behind, however a run ends."""

import os
import signal
import subprocess
import sys

import pytest
from scapy.all import ARP, Dot1Q, Ether, IP, UDP, VXLAN

import netlab
from capture import Capture, Port
from netlab import wait_for
from peers import ALL_HOSTS, LinuxVtep, Ovs

INTERRUPTED = """
import sys
sys.path.insert(0, sys.argv[1])
from netlab import Lab
try:
    with Lab() as lab:
        a, b = lab.ns("a"), lab.ns("b")
        lab.veth(a, "eth0", b, "eth0")
        lab.start(a.command("sleep", "1000"), "sleep")
        print(lab.processes[0].pid, flush=True)
        lab.processes[0].wait(1000)
except KeyboardInterrupt:
    sys.exit(130)
"""


def interrupted_lab(sig):
    """Starts a process with a lab, ends it with a signal; its pid and that of its child."""
    child = subprocess.Popen([sys.executable, "-c", INTERRUPTED, netlab.HERE],
                             stdout=subprocess.PIPE, text=True)
    try:
        sleeper = int(child.stdout.readline())
        namespaces, directories = netlab.left_behind(child.pid)
        assert len(namespaces) == 2 and len(directories) == 1
        child.send_signal(sig)
        child.wait(10)
    finally:
        child.kill()
        child.wait()
    child.stdout.close()
    wait_for(lambda: not os.path.exists(f"/proc/{sleeper}"), "the lab's process to go")
    return child.pid


def test_interrupt_leaves_nothing():
    pid = interrupted_lab(signal.SIGINT)
    assert netlab.left_behind(pid) == ([], [])


def test_kill_leaves_nothing_after_the_next_start():
    pid = interrupted_lab(signal.SIGKILL)
    assert netlab.left_behind(pid) != ([], [])
    netlab.sweep()
    assert netlab.left_behind(pid) == ([], [])


def test_capture_shows_tags_and_direction(lab):
    a, b = lab.ns("a"), lab.instance("b", "10.0.0.2")
    lab.veth(a, "eth0", b, "eth0")
    b.configure()
    inward, both = Capture(b), Capture(b, outgoing=True)
    Port(a).send(Ether(dst="ff:ff:ff:ff:ff:ff") / Dot1Q(vlan=1001, prio=3) / ARP(pdst="10.0.0.1"))
    b.announce()
    frame, = inward.wait(lambda p: ARP in p, "ARP")
    assert frame[Dot1Q].vlan == 1001 and frame[Dot1Q].prio == 3
    both.wait(lambda p: ARP in p, "ARP", n=2)
    assert len(inward.matching(lambda p: True)) == 1


def test_vlan_hosts_meet_in_their_vlan_only(lab):
    hosts = [lab.instance(name, address, mtu=1500)
             for name, address in (("a", "10.0.0.1"), ("b", "10.0.0.2"), ("c", "10.0.0.3"))]
    wire = lab.wire("wire", *((host, "eth0") for host in hosts))
    for host, vid in zip(hosts, (1001, 1001, 1002)):
        host.vlan("eth0", vid)
        host.configure()
    capture = Capture(wire, "p0")
    assert hosts[0].ping("10.0.0.2", size=1472, df=True)
    assert hosts[0].unreachable("10.0.0.3")
    assert {p[Dot1Q].vlan for p in capture.matching(lambda p: Dot1Q in p)} == {1001}


@pytest.mark.parametrize("port", [8472, 4789])
@pytest.mark.parametrize("modes", ["headend", "group", "mixed"])
def test_linux_vteps_meet(lab, modes, port):
    """The peers understand each other in every mode that weft is tested with."""
    ends = [lab.ns("v1"), lab.ns("v2")]
    wire = lab.wire("wire", *((end, "eth0") for end in ends))
    group = {"headend": (None, None), "group": (ALL_HOSTS, ALL_HOSTS), "mixed": (ALL_HOSTS, None)}
    remotes = {"headend": (["192.0.2.2"], ["192.0.2.1"]), "group": ([], []),
               "mixed": ([], ["192.0.2.1"])}
    vteps = [LinuxVtep(end, f"192.0.2.{i + 1}", port, group[modes][i], remotes[modes][i]).network(1)
             for i, end in enumerate(ends)]
    a, b = lab.instance("a", "10.0.0.1"), lab.instance("b", "10.0.0.2")
    vteps[0].plug(1, a)
    vteps[1].plug(1, b)
    capture = Capture(wire, "p0")
    assert a.ping("10.0.0.2", size=1422, df=True)
    assert vteps[0].knows(1, b.hwaddr) == "192.0.2.2"
    for frame in capture.wait(lambda p: VXLAN in p or (UDP in p and p[UDP].dport == port), "VXLAN"):
        assert frame[UDP].dport == port
        assert frame[IP].dst == ("192.0.2.2" if modes == "headend" else ALL_HOSTS)


def test_ovs_switches_vlans(lab):
    ovs_ns, trunk = lab.ns("ovs"), lab.ns("trunk")
    host = lab.instance("host", "10.0.0.1", mtu=1500)
    lab.veth(ovs_ns, "eth0", trunk, "eth0")
    lab.veth(ovs_ns, "tap0", host, "eth0")
    host.configure()
    Ovs(ovs_ns).bridge("br0", "eth0 trunks=1001", "tap0 tag=1001")
    capture = Capture(trunk)
    host.announce()
    frame, = capture.wait(lambda p: ARP in p, "ARP with a tag")
    assert frame[Dot1Q].vlan == 1001
