# SPDX-License-Identifier: BSD-3-Clause
"""The replay mode: captures replayed inside each system's own process by net_pcap.

No core is spent on a generator, the source never overruns and the sink is free, so what is measured
is the switch. Systems take turns within each repetition, so that whatever disturbs the machine for a
while disturbs all of them.
"""

import itertools
import os
import sys

import mkpcap
import ovs_dpdk
import report
import testpmd
import weft
from host import MEMORY_MB, BenchError

# case: kind of capture
CASES = {"l2": "l2", "push": "l2", "pop": "vlan", "encap": "l2", "decap": "vxlan"}
NEEDED_MB = 2 * MEMORY_MB # one system at a time, but others on the machine use hugepages as well
MACS = [1, 1000, 100000]
SIZES = ["64", "1400", "imix"]


class Row:
    """One line of the table: a case at a number of MACs and a size of frames."""

    def __init__(self, text):
        parts = text.split(":")
        checksum = parts[0].endswith("+csum")
        self.case = parts[0].removesuffix("+csum")
        self.macs = int(parts[1]) if len(parts) > 1 else 1000
        self.size = parts[2] if len(parts) > 2 else "64"
        if self.case not in CASES or len(parts) > 3 or self.size not in SIZES or \
                not 1 <= self.macs <= 1000000 or (checksum and self.case != "encap"):
            raise ValueError(text)
        self.udp_checksum = checksum
        self.name = f"{parts[0]}:{self.macs}:{self.size}"
        self.capture = mkpcap.Capture(CASES[self.case], self.size, self.macs)


def all_rows():
    rows = [f"{c}:{m}:{s}" for m, s, c in itertools.product(MACS, SIZES, CASES)]
    return rows + [f"encap+csum:1000:{s}" for s in SIZES]


QUICK_ROWS = [f"{case}:1000:64" for case in CASES]


class Replay:
    """One run over some rows."""

    def __init__(self, cleanup, args):
        self.directory = cleanup.work_directory()
        self.captures = args.captures or os.path.join(self.directory, "pcap")
        self.seconds = args.seconds
        self.cleanup = cleanup
        self.hugepages = cleanup.hugepages(NEEDED_MB)
        self.with_ovs = ovs_dpdk.is_installed()
        self.namespace = f"weft-bench-{os.getpid()}"
        if self.with_ovs:
            cleanup.namespace(self.namespace)
        else:
            print("OVS-DPDK is not installed (openvswitch-switch-dpdk): its columns stay empty",
                file=sys.stderr)
        if not self.hugepages:
            print("no hugepages: every system runs without", file=sys.stderr)

    def measure(self, row, system, shared):
        """One sample. Source and io depend on the capture only: taken once a repetition."""
        capture = mkpcap.make(self.captures, row.capture)
        # others on the machine may have taken some meanwhile
        if self.hugepages and not self.cleanup.hugepages(NEEDED_MB):
            raise BenchError("the hugepages are gone")
        if system in ("rxonly", "io"):
            key = (system, capture)
            if key not in shared:
                n_frames = max(row.macs, mkpcap.MIN_FRAMES) + 12
                shared[key] = testpmd.replay(system, capture, n_frames, self.hugepages, self.seconds)
            return shared[key]
        if system == "ovs":
            where = (self.directory, self.namespace, self.hugepages)
            return ovs_dpdk.replay(row.case, capture, row.macs, where, self.seconds)
        return weft.replay(row.case, capture, row.macs, self.directory, self.seconds, row.udp_checksum)

    def run(self, rows, repetitions):
        """[(name, {system: Series})]; prints what it does to stderr."""
        results = [(row.name, {s: report.Series() for s in ("rxonly", "io", "weft", "ovs")})
            for row in rows]
        for repetition in range(repetitions):
            shared = {}
            for row, (name, series) in zip(rows, results):
                for system in series:
                    # OVS always sends checksum 0
                    if system == "ovs" and (not self.with_ovs or row.udp_checksum):
                        continue
                    self._sample(row, system, series[system], shared)
                cycles = [f"{s} {v.samples[-1].cycles:.1f}" for s, v in series.items() if v.samples]
                print(f"[{repetition + 1}/{repetitions}] {name}: {', '.join(cycles)} cycles",
                    file=sys.stderr, flush=True)
        return results

    def _sample(self, row, system, series, shared):
        try:
            series.add(self.measure(row, system, shared))
        except BenchError as error:
            series.error = str(error)
            print(f"{row.name} {system}: {error}", file=sys.stderr)


def run(cleanup, args):
    """Returns the exit code."""
    if args.cases:
        texts = args.cases.split(",")
    else:
        texts = QUICK_ROWS if args.quick else all_rows()
    try:
        rows = [Row(text) for text in texts]
    except ValueError as error:
        sys.exit(f"bench: no case \"{error}\"; a case is CASE[:MACS[:SIZE]] with CASE one of "
            f"{', '.join(CASES)}, encap+csum and SIZE one of {', '.join(SIZES)}")
    results = Replay(cleanup, args).run(rows, args.repetitions)
    print(report.table(results))
    args.result["rows"] = report.as_json(results)
    failed = [name for name, series in results if any(s.error for s in series.values())]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0
