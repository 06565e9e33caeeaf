# SPDX-License-Identifier: BSD-3-Clause
"""The pair mode: another process offers traffic to weft and counts what comes back.

    generator port 0 --memif--> weft --memif--> generator port 1

With --weft-devices and --generator-devices real ports, or anything else DPDK has, take the place of
the two memifs. Generators: Pktgen-DPDK, driven by examples/pktgen/rate.lua, or dpdk-testpmd, whose
rate is set by making it read memory between packets.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from typing import NamedTuple

import mkpcap
import weft
from host import CONTROL_CPU, MEMORY_MB, BenchError, eal_memory, read
from replay import Row
from testpmd import Testpmd

SEARCH_STEPS = 6
IN_FLIGHT = 8192 # packets that rings may hold between two counters
SETTLE_S = 0.5
LUA = os.path.join(weft.ROOT, "examples/pktgen/rate.lua")


class Flow(NamedTuple):
    """What a generator saw."""
    offered: int
    sent: int
    received: int
    seconds: float


class Probe:
    """What weft drops while a generator counts."""

    def __init__(self, daemon):
        self.weft = daemon
        self.before = {}
        self.drops = {}

    def begin(self):
        self.before = self.weft.drops()

    def end(self):
        self.drops = weft.grown(self.before, self.weft.drops())
        self.weft.close()


class TestpmdGenerator:
    """testpmd replays the capture to port 0 and sinks what port 1 gets.

    Noisy-neighbour mode paces it: the reads for a wanted rate follow from two measured ones.
    """

    READS = 100 # of the run that calibrates

    def __init__(self, _directory, capture, devices, announce, hugepages):
        # ports 0 and 1, 2 and 3 forward to each other
        back = f"net_pcap1,rx_pcap={announce}" if announce else "net_null0,no-rx=1"
        self.n_frames = len(frame_lengths(capture))
        self.vdevs = [f"net_pcap0,rx_pcap={capture},infinite_rx=1"]
        self.vdevs += [devices[0], devices[1], back]
        self.hugepages = hugepages
        self.full_s = None # a packet takes at full speed
        self.read_s = None # a read per packet adds

    def _run(self, reads, seconds, probe):
        # flushing would throw the announcement away
        args = ["--no-flush-rx"]
        args += ["--noisy-lkup-memory=1", f"--noisy-lkup-num-reads={reads}"] if reads else []
        pmd = Testpmd(self.vdevs, "noisy" if reads else "io", self.hugepages, self.n_frames + 32768,
            CONTROL_CPU, args)
        try:
            time.sleep(SETTLE_S) # memif connects
            pmd.command("start")
            time.sleep(SETTLE_S)
            probe.begin()
            start_s, before = time.monotonic(), pmd.counters()
            time.sleep(seconds)
            wall_s, after = time.monotonic() - start_s, pmd.counters()
            probe.end()
        finally:
            pmd.close()
        grown = lambda port, name: after[port][name] - before[port][name]
        return Flow(grown(0, "RX-packets"), grown(1, "TX-packets"), grown(2, "RX-packets"), wall_s)

    def run(self, mpps, seconds, probe):
        if mpps is None:
            flow = self._run(0, seconds, probe)
            self.full_s = flow.seconds / max(flow.offered, 1)
            return flow
        if self.read_s is None:
            reads = self.READS
        else:
            reads = max(1, round((1e-6 / mpps - self.full_s) / self.read_s))
        flow = self._run(reads, seconds, probe)
        self.read_s = max(flow.seconds / max(flow.offered, 1) - self.full_s, 1e-12) / reads
        return flow


class PktgenGenerator:
    """Pktgen-DPDK without a terminal. A Lua error leaves it running, so every run is bounded."""

    def __init__(self, directory, capture, devices, announce, hugepages):
        self.directory = directory
        self.capture = capture
        self.announce = announce
        self.eal = ["--lcores", f"0@{CONTROL_CPU},1@{CONTROL_CPU}", "--no-pci", "--file-prefix",
            f"weft-bench-{os.getpid()}", *eal_memory(hugepages)]
        for device in devices:
            self.eal += ["--vdev", device]
        lengths = frame_lengths(capture)
        self.mean_len = sum(lengths) / len(lengths)

    def _wait_result(self, pktgen, result, seconds):
        deadline = time.monotonic() + seconds
        while not os.path.exists(result):
            if pktgen.poll() is not None or time.monotonic() > deadline:
                said = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", read(f"{self.directory}/pktgen.log"))
                raise BenchError(f"pktgen gave no result:\n{said[-1500:]}")
            time.sleep(0.05)

    def run(self, mpps, seconds, probe):
        result = f"{self.directory}/pktgen.result"
        if os.path.exists(result):
            os.unlink(result)
        command = ["pktgen", *self.eal, "--", "-P", "-m", "1.[0-1]", "-s", f"0:{self.capture}"]
        if self.announce:
            command += ["-s", f"1:{self.announce}"]
        env = dict(os.environ, WEFT_SECONDS=str(seconds), WEFT_RESULT=result,
            WEFT_MPPS=str(mpps or "full"), WEFT_LENGTH=str(round(self.mean_len)),
            WEFT_ANNOUNCE="yes" if self.announce else "no", TERM="dumb")
        with open(f"{self.directory}/pktgen.log", "wb") as log, \
                subprocess.Popen([*command, "-f", LUA], env=env, stdin=subprocess.DEVNULL, stdout=log,
                    stderr=log) as pktgen:
            try:
                self._wait_result(pktgen, result, seconds + 30)
                probe.end()
            finally:
                pktgen.kill() # it has nothing left to do, or does not end
        sent, received, took_s = map(float, re.findall(r"(?:sent|received|seconds) ([\d.]+)", read(result)))
        return Flow(round(mpps * 1e6 * took_s) if mpps else sent, sent, received, took_s)


def frame_lengths(capture):
    with open(capture, "rb") as file:
        data = file.read()
    lengths, at = [], 24
    while at < len(data):
        lengths.append(int.from_bytes(data[at + 8:at + 12], "little"))
        at += 16 + lengths[-1]
    return lengths


class Pair:
    """weft and a generator, for one row."""

    def __init__(self, cleanup, args, row):
        self.directory = cleanup.work_directory()
        captures = args.captures or self.directory
        capture = mkpcap.make(captures, row.capture)
        announce = mkpcap.make(captures, mkpcap.Capture("arp")) if row.case == "encap" else None
        ours, theirs = self._devices(args, self.directory)
        self.document = weft.document(row.case, *ours, row.macs, row.udp_checksum)
        kind = PktgenGenerator if args.generator == "pktgen" else TestpmdGenerator
        self.generator = kind(self.directory, capture, theirs, announce,
            cleanup.hugepages(2 * MEMORY_MB))
        self.seconds = args.seconds

    @staticmethod
    def _devices(args, directory):
        if args.weft_devices:
            return args.weft_devices.split(" "), args.generator_devices.split(" ")
        sockets = [f"{directory}/in.memif", f"{directory}/out.memif"]
        # tunnel packets are addressed to the MAC that captures have for us
        ours = [f"memif:{path},mac={mkpcap.LOCAL_VTEP_MAC}" for path in sockets]
        theirs = [f"net_memif{i},role=client,socket={path},socket-abstract=no"
            for i, path in enumerate(sockets)]
        return ours, theirs

    def run(self, mpps):
        """(Flow, drops by reason); mpps None: as fast as the generator goes.

        weft is new each time and ends before the generator does: memif of DPDK 22.11 unmaps what it
        shares with a peer that leaves while a worker may still be reading it.
        """
        probe = Probe(weft.Weft(self.directory, self.document))
        try:
            return self.generator.run(mpps, self.seconds, probe), probe.drops
        finally:
            probe.weft.close()


def is_lossless(flow, drops, max_loss):
    # what weft says itself before the generator is there has no peer to go to
    dropped = sum(count for reason, count in drops.items() if reason != "tx_no_peer")
    missing = flow.offered - flow.received
    return dropped <= max_loss * flow.offered and missing <= max_loss * flow.offered + IN_FLIGHT


def show(flow, drops):
    lost = ", ".join(f"{reason} {count}" for reason, count in sorted(drops.items())) or "none"
    rates = [n / flow.seconds / 1e6 for n in (flow.offered, flow.sent, flow.received)]
    print("  offered %.3f  sent %.3f  received %.3f Mpps, dropped: %s" % (*rates, lost), flush=True)


def search(pair, max_loss):
    """The highest rate without loss in Mpps, and whether the generator was the limit."""
    flow, drops = pair.run(None)
    show(flow, drops)
    if flow.sent == 0:
        raise BenchError("the generator could not send")
    full = flow.sent / flow.seconds / 1e6
    if is_lossless(flow, drops, max_loss):
        return full, True
    low, high, best = 0.0, full, 0.0
    for _ in range(SEARCH_STEPS):
        middle = (low + high) / 2
        flow, drops = pair.run(middle)
        show(flow, drops)
        if is_lossless(flow, drops, max_loss):
            low, best = middle, max(best, flow.received / flow.seconds / 1e6)
        else:
            high = middle
    return best, False


def run(cleanup, args):
    """Returns the exit code."""
    if bool(args.weft_devices) != bool(args.generator_devices):
        sys.exit("bench: --weft-devices and --generator-devices go together")
    args.generator = args.generator or ("pktgen" if shutil.which("pktgen") else "testpmd")
    try:
        rows = [Row(text) for text in (args.cases or "l2,encap,decap").split(",")]
    except ValueError as error:
        sys.exit(f"bench: no case \"{error}\"")
    if any(row.rules for row in rows):
        sys.exit("bench: pair has no cases with a filtered port; replay has")
    what = f"with at most {args.max_loss:g} % loss" if args.max_loss else "without loss"
    args.result["generator"] = args.generator
    args.result["rows"] = []
    for row in rows:
        print(f"{row.name}, {args.generator}:", flush=True)
        with type(cleanup)() as one:
            best, limited = search(Pair(one, args, row), args.max_loss / 100)
        limit = " (as fast as the generator goes)" if limited else ""
        print(f"  highest rate {what}: {best:.3f} Mpps{limit}", flush=True)
        args.result["rows"].append({"case": row.name, "max_loss_percent": args.max_loss, "mpps": round(best, 3),
            "generator_limited": limited})
    return 0
