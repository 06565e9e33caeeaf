# SPDX-License-Identifier: BSD-3-Clause
"""dpdk-testpmd: the cost of the source (rxonly) and of forwarding without looking (io)."""

import os
import re
import subprocess
import time

from host import (CONTROL_CPU, WORKER_CPU, BenchError, counted, eal_memory, end_process, measure)

PROMPT = "testpmd> "


class Testpmd:
    """One testpmd that is driven by its prompt."""

    def __init__(self, vdevs, mode, hugepages, buffers=32768, worker_cpu=WORKER_CPU, args=(), prefix=()):
        # line buffered: it writes its prompt past stdio, before what stdio still holds
        command = [*prefix, "stdbuf", "-oL", "dpdk-testpmd", "--lcores", f"0@{CONTROL_CPU},1@{worker_cpu}", "--main-lcore", "0",
            "--no-pci", "--no-telemetry", "--file-prefix", f"weft-bench-{os.getpid()}-{id(self)}",
            *eal_memory(hugepages)]
        for vdev in vdevs:
            command += ["--vdev", vdev]
        command += ["--", "-i", f"--forward-mode={mode}", "--nb-cores=1", "--no-mlockall",
            f"--total-num-mbufs={buffers}", *args]
        # stays open until close()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        try:
            self._wait_prompt(60)
        except BenchError:
            self.close()
            raise

    def _wait_prompt(self, seconds):
        output = ""
        deadline = time.monotonic() + seconds
        while not output.endswith(PROMPT):
            chunk = os.read(self.process.stdout.fileno(), 65536).decode(errors="replace")
            output += chunk
            if chunk == "" or time.monotonic() > deadline:
                raise BenchError(f"testpmd does not answer:\n{output[-2000:]}")
        return output

    def command(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()
        return self._wait_prompt(20)

    def counters(self):
        """{port: {"RX-packets": n, "TX-packets": n, "TX-dropped"…}}"""
        ports = {}
        for block in self.command("show port stats all").split("NIC statistics for port")[1:]:
            found = re.findall(r"([RT]X-[a-z]+):\s+(\d+)", block)
            ports[int(block.split()[0])] = {name: int(value) for name, value in found}
        return ports

    def close(self):
        try:
            self.process.stdin.write(b"stop\nquit\n")
            self.process.stdin.close()
        except BrokenPipeError: # it is gone already
            pass
        while os.read(self.process.stdout.fileno(), 65536):
            pass
        self.process.stdout.close()
        end_process(self.process)


def replay_once(mode, capture, n_frames, hugepages):
    """Plays a capture through testpmd once; the time is that of bursts that had packets."""
    vdevs = [f"net_pcap0,rx_pcap={capture}"]
    if mode == "io":
        vdevs.append("net_null0,no-rx=1")
    testpmd = Testpmd(vdevs, mode, hugepages, args=["--record-core-cycles", "--no-flush-rx"])
    try:
        testpmd.command("start")
        deadline = time.monotonic() + 30
        while testpmd.counters()[0]["RX-packets"] < n_frames and time.monotonic() < deadline:
            time.sleep(0.05)
        shown = testpmd.command("show fwd stats all")
        match = re.search(r"total cycles=(\d+) / total \w+ packets=(\d+)", shown)
        if match is None or int(match[2]) != n_frames:
            raise BenchError(f"testpmd has not played {n_frames} frames:\n{shown}")
        return counted(n_frames, int(match[1]))
    finally:
        testpmd.close()


def replay(mode, capture, n_frames, hugepages, seconds):
    """Replays a capture through testpmd: mode "rxonly" or "io"."""
    vdevs = [f"net_pcap0,rx_pcap={capture},infinite_rx=1"]
    if mode == "io":
        vdevs.append("net_null0,no-rx=1")
    testpmd = Testpmd(vdevs, mode, hugepages, buffers=n_frames + 16384)
    try:
        testpmd.command("start")
        time.sleep(0.3)
        port, counter = (1, "TX-packets") if mode == "io" else (0, "RX-packets")
        return measure(testpmd.process.pid, lambda: testpmd.counters()[port][counter], seconds)
    finally:
        testpmd.close()
