# SPDX-License-Identifier: BSD-3-Clause
"""OVS-DPDK as a peer: its own database, run directory and network namespace, no service."""

import json
import os
import re
import socket
import subprocess
import time

import filters
import mkpcap
import routers
from host import (CONTROL_CPU, MEMORY_MB, WORKER_CPU, BenchError, counted, end_process, measure, run)

VSWITCHD = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
SINK = "net_null_sink,no-rx=1"
REQUESTS_AT_ONCE = 500
FILTERED_PORT, OTHER_PORT = 1, 2 # OpenFlow's numbers
OPENING_PASSES = 3
MAX_MISSING = 0.05 # of the connections


def is_installed():
    return os.access(VSWITCHD, os.X_OK) and os.path.exists(SCHEMA)


class Ovs:
    """One ovsdb-server and one ovs-vswitchd with one PMD thread."""

    def __init__(self, directory, namespace, hugepages):
        self.directory = directory
        self.namespace = namespace
        self.env = dict(os.environ, OVS_RUNDIR=directory, OVS_LOGDIR=directory, OVS_DBDIR=directory,
            OVS_SYSCONFDIR=directory)
        self.db = f"unix:{directory}/db.sock"
        self.children = []
        try:
            self._start(hugepages)
        except BaseException:
            self.close()
            raise

    def _start(self, hugepages):
        database = f"{self.directory}/conf.db"
        if os.path.exists(database):
            os.unlink(database)
        run("ovsdb-tool", "create", database, SCHEMA, env=self.env)
        self._spawn("ovsdb-server", database, f"--remote=p{self.db}", f"--unixctl={self.directory}/db.ctl")
        self._wait(lambda: os.path.exists(f"{self.directory}/db.sock"), "ovsdb-server")
        memory = "--in-memory" if hugepages else "--no-huge"
        size = f"other_config:dpdk-socket-mem={MEMORY_MB}" if hugepages else None
        options = ["dpdk-init=true", f"dpdk-lcore-mask={1 << CONTROL_CPU:#x}",
            f"pmd-cpu-mask={1 << WORKER_CPU:#x}",
            f"dpdk-extra=--no-pci --no-telemetry {memory}" + ("" if hugepages else f" -m {MEMORY_MB}")]
        self.vsctl("--no-wait", "init")
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".", *[f"other_config:{o}" for o in options],
            *([size] if size else []))
        self.vswitchd = self._spawn("ip", "netns", "exec", self.namespace, VSWITCHD, self.db,
            f"--unixctl={self.directory}/ctl")
        self._wait(lambda: os.path.exists(f"{self.directory}/ctl"), "ovs-vswitchd")
        # set once the database has been read and DPDK is up, or has failed
        self._wait(lambda: "true" in self.vsctl("get", "Open_vSwitch", ".", "dpdk_initialized"), "DPDK in OVS")

    def _spawn(self, *command):
        with open(f"{self.directory}/{len(self.children)}.log", "wb") as log:
            child = subprocess.Popen(command, env=self.env, stdout=log, stderr=log)
        self.children.append(child)
        return child

    def _wait(self, condition, what, seconds=30):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline or any(c.poll() is not None for c in self.children):
                raise BenchError(f"{what} does not start:\n{self._log()}")
            time.sleep(0.02)

    def _log(self):
        with open(f"{self.directory}/{len(self.children) - 1}.log", errors="replace",
                encoding="utf-8") as log:
            return log.read()[-2000:]

    def vsctl(self, *args):
        return run("ovs-vsctl", "--timeout=60", f"--db={self.db}", *args, env=self.env)

    def appctl(self, *args):
        return run("ovs-appctl", "-t", f"{self.directory}/ctl", *args, env=self.env)

    def bridge(self, name, *options):
        self.vsctl("add-br", name, "--", "set", "Bridge", name, "datapath_type=netdev",
            "other-config:mac-table-size=1000000", "other-config:mac-aging-time=3600", *options)

    def port(self, bridge, name, devargs, *options, interface=()):
        self.vsctl("add-port", bridge, name, *options, "--", "set", "Interface", name, "type=dpdk",
            f"options:dpdk-devargs={devargs}", *interface)

    def learn(self, bridge, port, vlan, macs):
        """Static FDB entries: many requests at once, since ovs-appctl takes one a process."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
            control.settimeout(30)
            control.connect(f"{self.directory}/ctl")
            for at in range(0, len(macs), REQUESTS_AT_ONCE):
                some = macs[at:at + REQUESTS_AT_ONCE]
                control.sendall("".join(json.dumps({"id": i, "method": "fdb/add",
                    "params": [bridge, port, str(vlan), mac]}) for i, mac in enumerate(some)).encode())
                for answer in self._answers(control, len(some)):
                    if answer["error"]:
                        raise BenchError(f"fdb/add: {answer['error']}")

    @staticmethod
    def _answers(control, n):
        """The next n JSON objects from a socket."""
        decoder = json.JSONDecoder()
        answers, text = [], ""
        while len(answers) < n:
            text += control.recv(65536).decode()
            while text:
                try:
                    answer, end = decoder.raw_decode(text)
                except ValueError: # the rest is on its way
                    break
                answers.append(answer)
                text = text[end:].lstrip()
        return answers

    def underlay(self, devargs, *tunnel_options, vni=mkpcap.VNI):
        """br-phy with the underlay device and our VTEP address, br-int with the tunnel; of any VNI
        for "flow"."""
        self.bridge("br-phy", f"other-config:hwaddr={mkpcap.LOCAL_VTEP_MAC}")
        self.port("br-phy", "underlay", devargs)
        run("ip", "-n", self.namespace, "addr", "add", f"{mkpcap.LOCAL_VTEP}/24", "dev", "br-phy")
        run("ip", "-n", self.namespace, "link", "set", "br-phy", "up")
        self._wait(lambda: mkpcap.LOCAL_VTEP in self.appctl("ovs/route/show"), "the underlay's route")
        self.learn("br-phy", "underlay", 0, [mkpcap.REMOTE_VTEP_MAC])
        self.appctl("tnl/arp/set", "br-phy", mkpcap.REMOTE_VTEP, mkpcap.REMOTE_VTEP_MAC)
        self.vsctl("add-port", "br-int", "tunnel", "--", "set", "Interface", "tunnel", "type=vxlan",
            f"options:remote_ip={mkpcap.REMOTE_VTEP}", f"options:local_ip={mkpcap.LOCAL_VTEP}",
            f"options:key={vni}", f"options:dst_port={mkpcap.VXLAN_PORT}", *tunnel_options)

    def set_up(self, case, capture, n_macs):
        """The bridge of a case, traffic running; returns the name of the port it leaves by."""
        source = f"net_pcap_source,rx_pcap={capture},infinite_rx=1"
        macs = [mkpcap.host_mac(1, i) for i in range(n_macs)]
        self.bridge("br-int")
        if case == "encap":
            self.underlay(SINK)
            self.learn("br-int", "tunnel", 0, macs)
            self.port("br-int", "source", source)
            return "underlay"
        vlan = mkpcap.VID if case in ("push", "pop") else 0
        if case == "push":
            self.port("br-int", "sink", SINK)
            options = [f"tag={vlan}"]
        elif case == "pop":
            self.port("br-int", "sink", SINK, f"tag={vlan}")
            options = [f"trunks={vlan}"]
        else:
            self.port("br-int", "sink", SINK)
            options = []
        self.learn("br-int", "sink", vlan, macs)
        if case == "decap":
            self.underlay(source)
        else:
            self.port("br-int", "source", source, *options)
        return "sink"

    def openflow(self, bridge, flows):
        path = f"{self.directory}/flows"
        with open(path, "w", encoding="ascii") as file:
            file.write(flows)
        run("ovs-ofctl", "del-flows", bridge, env=self.env)
        run("ovs-ofctl", "add-flows", bridge, path, env=self.env)

    def filtered_port(self, capture):
        self.port("br-int", "filtered", f"net_pcap_filtered,rx_pcap={capture}",
            interface=[f"ofport_request={FILTERED_PORT}"])

    def check_connections(self, n):
        found = int(self.appctl("dpctl/ct-get-nconns"))
        # it refuses some, and loses packets while it sets up its flows
        if abs(found - n) > n * MAX_MISSING:
            raise BenchError(f"OVS has {found} connections for {n} flows")

    def _pmd(self):
        """(packets received, cycles that the PMD thread was not idle)"""
        shown = self.appctl("dpif-netdev/pmd-stats-show")
        worker = shown[shown.index("pmd thread"):]
        return [int(re.search(rf"{what}: (\d+)", worker)[1]) for what in ("packets received", "processing cycles")]

    def measure_opening(self, row, capture):
        """Plays a capture once, each packet of which opens a connection. The first pass is for
        memory and flows to be there."""
        packets = cycles = 0
        for i in range(1 + OPENING_PASSES):
            self.appctl("dpif-netdev/pmd-stats-clear")
            self.filtered_port(capture)
            self._wait(lambda: self._pmd()[0] >= row.macs, f"the end of {row.macs} frames", 120)
            time.sleep(0.1)
            received, spent = self._pmd()
            self.check_connections(row.macs)
            if i > 0:
                packets += received
                cycles += spent
            self.vsctl("del-port", "br-int", "filtered")
            self.appctl("dpctl/flush-conntrack")
        return counted(packets, cycles)

    def sent(self, port):
        """Packets that a port's device has sent."""
        shown = self.appctl("dpctl/show", "-s")
        match = re.search(rf"port \d+: {port} .*?TX packets:(\d+)", shown, re.DOTALL)
        if match is None:
            raise BenchError(f"OVS does not count port {port}:\n{shown}")
        return int(match[1])

    def close(self):
        if os.path.exists(f"{self.directory}/ctl"):
            subprocess.run(["ovs-appctl", "-t", f"{self.directory}/ctl", "exit", "--cleanup"],
                env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20, check=False)
        for child in reversed(self.children):
            if child is not self.children[-1] or len(self.children) == 1:
                child.terminate()
            end_process(child)
        self.children = []


def replay(row, captures, where, seconds):
    """One row; where = (directory, namespace, hugepages)."""
    ovs = Ovs(*where)
    try:
        if row.is_two_way or row.opens:
            return replay_tracked(ovs, row, captures, seconds)
        if row.is_routed:
            return replay_route(ovs, row, captures, seconds)
        port = ovs.set_up(row.case, captures["forward"], row.macs)
        time.sleep(8 if row.macs > 10000 else 1.5)
        return measure(ovs.vswitchd.pid, lambda: ovs.sent(port), seconds)
    finally:
        ovs.close()


def replay_route(ovs, row, captures, seconds):
    ovs.bridge("br-int")
    ovs.underlay(f"net_pcap_other,rx_pcap={captures['forward']},infinite_rx=1",
        f"ofport_request={OTHER_PORT}", vni="flow")
    ovs.openflow("br-int", routers.openflow_route(row, OTHER_PORT))
    time.sleep(8 if row.macs > 10000 else 2)
    return measure(ovs.vswitchd.pid, lambda: ovs.sent("underlay"), seconds)


def replay_tracked(ovs, row, captures, seconds):
    other = SINK if row.opens else f"net_pcap_other,rx_pcap={captures['reverse']},infinite_rx=1"
    hosts = [mkpcap.host_mac(1, i) for i in range(row.n_hosts)]
    ovs.bridge("br-int")
    if row.is_encap:
        ovs.underlay(other, f"ofport_request={OTHER_PORT}")
        ovs.learn("br-int", "tunnel", 0, hosts)
    else:
        ovs.port("br-int", "other", other, interface=[f"ofport_request={OTHER_PORT}"])
        ovs.learn("br-int", "other", 0, hosts)
    if row.is_routed:
        flows = routers.openflow_nat(row, FILTERED_PORT, OTHER_PORT)
    else:
        flows = filters.openflow(row.rules, FILTERED_PORT, OTHER_PORT)
    ovs.openflow("br-int", flows)
    if row.opens:
        return ovs.measure_opening(row, captures["forward"])
    ovs.filtered_port(f"{captures['forward']},infinite_rx=1")
    ways = ["underlay" if row.is_encap else "other", "filtered"]
    time.sleep(8 if row.macs > 10000 else 2)
    sample = measure(ovs.vswitchd.pid, lambda: sum(ovs.sent(way) for way in ways), seconds)
    ovs.check_connections(row.n_sessions)
    return sample
