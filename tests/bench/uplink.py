# SPDX-License-Identifier: BSD-3-Clause
"""The uplink mode: tunnel packets that come by an interface of the kernel, and are taken out of the
tunnel: by weft on an xdp: device in each of its ways, by weft on a packet: device, and by the kernel's own
vxlan device. One generator offers to each the same capture over veth, as fast as it can.

What is delivered is counted where the frame has come out of the tunnel: at weft's port, at the kernel's
vxlan device. The kernel's part of the work is done on the CPU of the generator, as veth does; for its
vxlan device it is moved to the worker's CPU.
"""

import json
import os
import statistics
import sys
import time

import mkpcap
import testpmd
import weft
from host import CONTROL_CPU, WORKER_CPU, BenchError, run as command

SYSTEMS = ["xdp:,mode=copy", "xdp:,mode=generic", "xdp:,mode=packet", "packet:", "kernel"]
SIZES = ["64", "1400"]
MACS = 1000
SETTLE_S = 1.0
GENERATOR, UPLINK = "gen0", "under0"


class Wire:
    """Two namespaces with a cable: the generator's, and that of the system under test."""

    def __init__(self, cleanup):
        self.gen, self.dut = (f"weft-bench-{end}-{os.getpid()}" for end in ("gen", "dut"))
        for ns in (self.gen, self.dut):
            cleanup.namespace(ns)
            command("ip", "netns", "exec", ns, "sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1",
                "net.ipv6.conf.default.disable_ipv6=1")

    def connect(self):
        """A new cable, so that no system finds what another one has set."""
        command("ip", "link", "add", GENERATOR, "netns", self.gen, "type", "veth", "peer", "name", UPLINK,
            "address", mkpcap.LOCAL_VTEP_MAC, "netns", self.dut)
        command("ip", "-n", self.dut, "addr", "add", f"{mkpcap.LOCAL_VTEP}/24", "dev", UPLINK)
        for ns, name in ((self.gen, GENERATOR), (self.dut, UPLINK)):
            command("ip", "-n", ns, "link", "set", name, "up")

    def cut(self):
        command("ip", "-n", self.gen, "link", "del", GENERATOR)

    def counter(self, ns, name, which):
        link = json.loads(command("ip", "-n", ns, "-j", "-s", "link", "show", name))[0]
        return link["stats64"][which]["packets"]


class Kernel:
    """The kernel's own vxlan device."""

    def __init__(self, wire):
        self.wire = wire
        command("ip", "-n", wire.dut, "link", "add", "vx1", "type", "vxlan", "id", str(mkpcap.VNI), "dev", UPLINK,
            "local", mkpcap.LOCAL_VTEP, "dstport", str(mkpcap.VXLAN_PORT))
        command("ip", "-n", wire.dut, "link", "set", "vx1", "up")
        command("ip", "netns", "exec", wire.dut, "sh", "-c",
            f"echo {1 << WORKER_CPU:x} > /sys/class/net/{UPLINK}/queues/rx-0/rps_cpus")

    def delivered(self):
        return self.wire.counter(self.wire.dut, "vx1", "rx")

    def close(self):
        command("ip", "-n", self.wire.dut, "link", "del", "vx1")


class Switch:
    """weft with a device of one kind."""

    def __init__(self, wire, system, directory):
        driver, _, options = system.partition(":")
        if driver == "packet": # all of the interface is weft's: the kernel must not take part
            command("ip", "-n", wire.dut, "addr", "flush", "dev", UPLINK)
        device = f"{driver}:{UPLINK}{options}"
        doc = weft.base_document([{"type": "vxlan", "id": mkpcap.VNI}])
        doc["uplinks"]["underlay"] = {"device": device, "address": f"{mkpcap.LOCAL_VTEP}/24"}
        doc["tunnel"] = {"uplink": "underlay", "remotes": [mkpcap.REMOTE_VTEP], "port": mkpcap.VXLAN_PORT}
        doc["ports"]["out"] = {"network": "bench", "device": weft.SINK, "port-security": False}
        weft.add_macs(doc, MACS, {"port": "out"})
        self.weft = weft.Weft(directory, doc, ["ip", "netns", "exec", wire.dut])

    def delivered(self):
        return self.weft.attachments()["port out"]["tx"]

    def close(self):
        self.weft.close()


class Uplink:
    """One run."""

    def __init__(self, cleanup, args):
        self.wire = Wire(cleanup)
        self.directory = cleanup.work_directory()
        self.captures = args.captures or os.path.join(self.directory, "pcap")
        self.seconds = args.seconds

    def sample(self, system, size):
        """(packets a second offered, delivered)"""
        capture = mkpcap.Capture("vxlan", size, MACS)
        path = mkpcap.make(self.captures, capture)
        self.wire.connect()
        try:
            under_test = Kernel(self.wire) if system == "kernel" else Switch(self.wire, system, self.directory)
            try:
                return self.offer(path, mkpcap.n_frames(capture), under_test)
            finally:
                under_test.close()
        finally:
            self.wire.cut()

    def offer(self, path, n_frames, under_test):
        generator = testpmd.Testpmd([f"net_pcap0,rx_pcap={path},infinite_rx=1", f"net_af_packet0,iface={GENERATOR},qdisc_bypass=1"],
            "io", False, buffers=n_frames + 16384, worker_cpu=CONTROL_CPU,
            prefix=["ip", "netns", "exec", self.wire.gen])
        try:
            generator.command("start")
            time.sleep(SETTLE_S)
            before, start = self.counts(under_test), time.monotonic()
            time.sleep(self.seconds)
            after, seconds = self.counts(under_test), time.monotonic() - start
        finally:
            generator.close()
        if after[1] == before[1]:
            raise BenchError("no packet came through")
        return tuple((b - a) / seconds for a, b in zip(before, after))

    def counts(self, under_test):
        return self.wire.counter(self.wire.gen, GENERATOR, "tx"), under_test.delivered()


def table(rows):
    lines = [f"{'system':18} {'size':>5} {'offered kpps':>13} {'delivered kpps':>15} {'of kernel':>10}"]
    base = {size: delivered for system, size, _, delivered in rows if system == "kernel"}
    for system, size, offered, delivered in rows:
        ratio = f"{delivered / base[size]:.2f}" if size in base else "-"
        lines.append(f"{system:18} {size:>5} {offered / 1e3:13.0f} {delivered / 1e3:15.0f} {ratio:>10}")
    return "\n".join(lines)


def run(cleanup, args):
    """Returns the exit code."""
    bench = Uplink(cleanup, args)
    samples, failed = {}, False
    for repetition in range(args.repetitions):
        for size in SIZES[:1] if args.quick else SIZES:
            for system in SYSTEMS:
                try:
                    sample = bench.sample(system, size)
                except BenchError as error:
                    print(f"{system} {size}: {error}", file=sys.stderr)
                    failed = True
                    continue
                samples.setdefault((system, size), []).append(sample)
                print(f"[{repetition + 1}/{args.repetitions}] {system} {size}: {sample[1] / 1e3:.0f} kpps",
                    file=sys.stderr, flush=True)
    rows = [(*key, *(statistics.median(values) for values in zip(*found))) for key, found in samples.items()]
    print(table(rows))
    args.result["rows"] = [dict(zip(("system", "size", "offered_pps", "delivered_pps"), row)) for row in rows]
    return 1 if failed else 0
