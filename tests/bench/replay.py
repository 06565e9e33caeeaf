# SPDX-License-Identifier: BSD-3-Clause
"""The replay mode: captures replayed inside each system's own process by net_pcap.

No core is spent on a generator, the source never overruns and the sink is free, so what is measured
is the switch. Systems take turns within each repetition, so that whatever disturbs the machine for a
while disturbs all of them.
"""

import itertools
import os
import sys

import filters
import mkpcap
import ovs_dpdk
import report
import testpmd
import weft
from host import CORE, MEMORY_MB, BenchError

# case: kinds of captures, forth and back
CASES = {"l2": ["l2"], "push": ["l2"], "pop": ["vlan"], "encap": ["l2"], "decap": ["vxlan"],
    "filter": ["flow", "flow"], "filter+encap": ["flow", "flowx"],
    "filter-new": ["open"], "filter+encap-new": ["open"],
    "route": ["route"], "snat": ["nat", "nat"], "fip": ["nat", "natx"], "snat-new": ["natopen"]}
FILTERED_CASES = ["filter", "filter+encap", "filter-new", "filter+encap-new", "fip"]
ROUTED_CASES = ["route", "snat", "fip", "snat-new"]
OPEN_CASES = [case for case in CASES if case not in FILTERED_CASES + ROUTED_CASES]
NEEDED_MB = 2 * MEMORY_MB # one system at a time, but others on the machine use hugepages as well
LISTENING_S = 5 # for the core's best speed
MACS = [1, 1000, 100000]
SIZES = ["64", "1400", "imix"]


class Row:
    """One line of the table: a case at a number of MACs and a size of frames. Where a port is
    filtered or a router is on the way, flows take the place of MACs; where it is filtered, rules can
    be told."""

    def __init__(self, text):
        parts = text.split(":")
        checksum = parts[0].endswith("+csum")
        self.case = parts[0].removesuffix("+csum")
        if self.case not in CASES or (checksum and self.case != "encap"):
            raise ValueError(text)
        is_filtered = self.case in FILTERED_CASES
        self.opens = self.case.endswith("-new")
        self.is_routed = self.case in ROUTED_CASES
        self.is_encap = "encap" in self.case or self.case == "fip"
        self.is_two_way = len(CASES[self.case]) > 1
        default = filters.NEW_FLOWS if self.opens else 1000
        self.macs = int(parts[1]) if len(parts) > 1 else default
        self.size = parts[2] if len(parts) > 2 else "64"
        self.rules = int(parts[3]) if len(parts) > 3 else 10 if is_filtered else 0
        if self.size not in SIZES or len(parts) > 3 + is_filtered or \
                not 1 <= self.macs <= 1000000 or not 0 <= self.rules <= 1000 or \
                self.rules < is_filtered:
            raise ValueError(text)
        # on the network at the other side
        self.n_hosts = min(self.macs, mkpcap.FLOW_HOSTS)
        if self.opens or self.case in ("snat", "fip"):
            self.n_hosts = 1 # a router, who has the rest behind it
        # a port and a router have one each
        self.n_sessions = self.macs * (2 if self.case == "fip" else 1)
        self.udp_checksum = checksum
        self.name = f"{parts[0]}:{self.macs}:{self.size}" + f":{self.rules}" * is_filtered
        kinds = CASES[self.case]
        self.captures = {"forward": mkpcap.Capture(kinds[0], self.size, self.macs),
            "arp": mkpcap.Capture("arp")}
        if len(kinds) > 1:
            self.captures["reverse"] = mkpcap.Capture(kinds[1], self.size, self.macs, True)


FILTER_ROWS = [f"{case}:{flows}:64:10" for flows, case in itertools.product([1000, 100000],
    ["filter", "filter+encap"])] + ["filter-new", "filter-new:1000000:64:1000", "filter+encap-new"]

ROUTER_ROWS = [f"{case}:{flows}" for flows, case in itertools.product([1000, 100000],
    ["route", "snat", "fip"])] + ["snat-new"]


def all_rows():
    rows = [f"{c}:{m}:{s}" for m, s, c in itertools.product(MACS, SIZES, OPEN_CASES)]
    return rows + [f"encap+csum:1000:{s}" for s in SIZES] + FILTER_ROWS + ROUTER_ROWS


QUICK_ROWS = [f"{case}:1000:64"
    for case in OPEN_CASES + ["filter", "filter+encap", "route", "snat", "fip"]]


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
        captures = {name: mkpcap.make(self.captures, c) for name, c in row.captures.items()}
        # others on the machine may have taken some meanwhile
        if self.hugepages and not self.cleanup.hugepages(NEEDED_MB):
            raise BenchError("the hugepages are gone")
        if system in ("rxonly", "io"):
            key = (system, captures["forward"])
            if key not in shared:
                shared[key] = self.measure_source(row, system, captures["forward"])
            return shared[key]
        if system == "ovs":
            where = (self.directory, self.namespace, self.hugepages)
            return ovs_dpdk.replay(row, captures, where, self.seconds)
        return weft.replay(row, captures, self.directory, self.seconds)

    def measure_source(self, row, system, capture):
        n_frames = mkpcap.n_frames(row.captures["forward"])
        if row.opens:
            return testpmd.replay_once(system, capture, n_frames, self.hugepages)
        return testpmd.replay(system, capture, n_frames, self.hugepages, self.seconds)

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
                cycles = [f"{s} {v.samples[-1].cycles:.1f}{'' if v.samples[-1].is_quiet else '!'}"
                    for s, v in series.items() if v.samples]
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
        sys.exit(f"bench: no case \"{error}\"; a case is CASE[:MACS[:SIZE]], or "
            f"CASE[:FLOWS[:SIZE[:RULES]]] of a filtered port, CASE[:FLOWS[:SIZE]] of a router, with CASE one of {', '.join(CASES)}, "
            f"encap+csum, SIZE one of {', '.join(SIZES)}, at most 1000000 MACs or flows and 1000 rules")
    CORE.find_best(weft.built("tests/bench/core_speed"), LISTENING_S)
    results = Replay(cleanup, args).run(rows, args.repetitions)
    print(report.table(results))
    text = report.quiet(results, CORE.best)
    if text:
        print(text)
    args.result["rows"] = report.as_json(results)
    failed = [name for name, series in results if any(s.error for s in series.values())]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0
