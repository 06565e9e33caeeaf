# SPDX-License-Identifier: BSD-3-Clause
"""The uplink mode: tunnel packets that come by an interface of the kernel, and are taken out of the
tunnel: by weft on an xdp: device in each of its ways, by weft on a packet: device, and by the kernel's own
vxlan device. One generator offers to each the same capture over veth, as fast as it can.

What is delivered is counted where the frame has come out of the tunnel: at weft's port, at the kernel's
vxlan device. The kernel's part of the work is done on the CPU of the generator, as veth does, one packet
at a time; for its vxlan device it is moved to the worker's CPU as well ("kernel,rps"), where it gets many
at a time.

So the generator may be what limits the packets per second. What a packet costs the receiver does not
depend on that: the cycles in which the worker was not idle, as weft counts them, and the time that all
CPUs spent in interrupts of the kernel, in which veth hands over what was sent, the XDP program runs and
packet sockets are filled. The generator sends in its own time, which is not among them.
"""

import json
import os
import statistics
import sys
import time

import mkpcap
import testpmd
import weft
from host import CONTROL_CPU, WORKER_CPU, BenchError, read, tsc_hz, run as command

SYSTEMS = ["xdp:,mode=copy", "xdp:,mode=generic", "xdp:,mode=packet", "packet:", "kernel", "kernel,rps"]
SIZES = ["64", "1400"]
MACS = 1000
SETTLE_S = 1.0
GENERATOR, UPLINK = "gen0", "under0"
IRQ, SOFTIRQ = 6, 7 # words of the first line of /proc/stat


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


class Sample:
    """What was seen in an interval, in the order of COLUMNS."""

    COLUMNS = ("offered_pps", "delivered_pps", "worker_cycles", "kernel_cycles", "cycles")

    def __init__(self, before, after):
        seconds, offered, delivered, worker, kernel_s = (b - a for a, b in zip(before, after))
        if delivered <= 0:
            raise BenchError("no packet came through")
        worker_cycles = worker / delivered
        kernel_cycles = kernel_s * tsc_hz() / delivered
        self.values = (offered / seconds, delivered / seconds, worker_cycles, kernel_cycles,
            worker_cycles + kernel_cycles)


def interrupts_s():
    """CPU time spent in interrupts since the machine was started, soft ones above all."""
    words = read("/proc/stat").split()
    return (int(words[IRQ]) + int(words[SOFTIRQ])) / os.sysconf("SC_CLK_TCK")


class Kernel:
    """The kernel's own vxlan device."""

    def __init__(self, wire, on_worker_cpu):
        self.wire = wire
        command("ip", "-n", wire.dut, "link", "add", "vx1", "type", "vxlan", "id", str(mkpcap.VNI), "dev", UPLINK,
            "local", mkpcap.LOCAL_VTEP, "dstport", str(mkpcap.VXLAN_PORT))
        command("ip", "-n", wire.dut, "link", "set", "vx1", "up")
        if on_worker_cpu:
            command("ip", "netns", "exec", wire.dut, "sh", "-c",
                f"echo {1 << WORKER_CPU:x} > /sys/class/net/{UPLINK}/queues/rx-0/rps_cpus")

    def delivered(self):
        return self.wire.counter(self.wire.dut, "vx1", "rx")

    def busy_cycles(self):
        return 0 # all of its work is done in interrupts

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

    def busy_cycles(self):
        return self.weft.worker()["busy-cycles"]

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
        capture = mkpcap.Capture("vxlan", size, MACS)
        path = mkpcap.make(self.captures, capture)
        self.wire.connect()
        try:
            under_test = Kernel(self.wire, system.endswith("rps")) if system.startswith("kernel") \
                else Switch(self.wire, system, self.directory)
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
            before = self.counts(under_test)
            time.sleep(self.seconds)
            return Sample(before, self.counts(under_test))
        finally:
            generator.close()

    def counts(self, under_test):
        return (time.monotonic(), self.wire.counter(self.wire.gen, GENERATOR, "tx"), under_test.delivered(),
            under_test.busy_cycles(), interrupts_s())


def table(rows):
    """The ratio says how many times less a packet costs than with the kernel's device."""
    lines = [f"{'system':18} {'size':>5} {'offered kpps':>13} {'delivered kpps':>15} {'worker cycles':>14} "
             f"{'kernel cycles':>14} {'cycles':>7} {'kernel / it':>12}"]
    base = {row["size"]: row["cycles"] for row in rows if row["system"] == "kernel"}
    for row in rows:
        ratio = f"{base[row['size']] / row['cycles']:.2f}" if row["size"] in base else "-"
        lines.append(f"{row['system']:18} {row['size']:>5} {row['offered_pps'] / 1e3:13.0f} "
                     f"{row['delivered_pps'] / 1e3:15.0f} {row['worker_cycles']:14.0f} "
                     f"{row['kernel_cycles']:14.0f} {row['cycles']:7.0f} {ratio:>12}")
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
                samples.setdefault((system, size), []).append(sample.values)
                print(f"[{repetition + 1}/{args.repetitions}] {system} {size}: "
                    f"{sample.values[1] / 1e3:.0f} kpps, {sample.values[-1]:.0f} cycles", file=sys.stderr, flush=True)
    rows = [{"system": system, "size": size,
             **dict(zip(Sample.COLUMNS, (statistics.median(values) for values in zip(*found))))}
            for (system, size), found in samples.items()]
    print(table(rows))
    args.result["rows"] = rows
    return 1 if failed else 0
