# SPDX-License-Identifier: BSD-3-Clause
"""The machine a benchmark runs on: clock, CPUs, hugepages, children.

Everything that is changed here is given back by Cleanup, also after an error or a signal.
"""

import contextlib
import fcntl
import glob
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

CONTROL_CPU = 0
WORKER_CPU = 1
HUGEPAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/"
LOCK = "/run/lock/weft-bench"
MEMORY_MB = 2048 # for each system under test
QUIET = 0.85 # of the core's best speed
PROBE_MS = 4
PATIENCE_S = 20 # for a core to be quiet


class BenchError(Exception):
    """Something that keeps a measurement from being made; its text is for the user."""


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def tsc_hz():
    """Frequency of the time stamp counter. The kernel prints it as two bogomips a cycle."""
    match = re.search(r"bogomips\s*:\s*([\d.]+)", read("/proc/cpuinfo"))
    if match is None:
        raise BenchError("/proc/cpuinfo says nothing about bogomips: not an x86 CPU?")
    return float(match[1]) * 1e6 / 2


def describe():
    """What the figures depend on, in words."""
    model = re.search(r"model name\s*:\s*(.*)", read("/proc/cpuinfo"))
    return {
        "cpu": model[1] if model else "unknown",
        "cpus": os.cpu_count(),
        "tsc_mhz": round(tsc_hz() / 1e6, 1),
        "virtual": "hypervisor" in read("/proc/cpuinfo"),
        "kernel": os.uname().release.split("-")[0],
        "hugepages": hugepages_free() > 0,
    }


def hugepages_free():
    try:
        return int(read(HUGEPAGES + "free_hugepages"))
    except OSError:
        return 0


def hugepages_reserved():
    """Without those that go when their last user does."""
    return int(read(HUGEPAGES + "nr_hugepages")) - int(read(HUGEPAGES + "surplus_hugepages"))


class Cleanup(contextlib.ExitStack):
    """Undoes what was done, in reverse order, also when SIGTERM or SIGHUP ends the script."""

    def __enter__(self):
        def stop(number, _frame):
            raise SystemExit(128 + number)
        for number in (signal.SIGTERM, signal.SIGHUP):
            self.callback(signal.signal, number, signal.signal(number, stop))
        return super().__enter__()

    def alone(self):
        """Waits until no other benchmark runs on this machine."""
        lock = self.enter_context(open(LOCK, "w", encoding="ascii"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another benchmark to end", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)

    def work_directory(self):
        return self.enter_context(tempfile.TemporaryDirectory(prefix="weft-bench-"))

    def hugepages(self, megabytes):
        """Reserves what is missing of `megabytes`; False when the kernel does not have them."""
        path = HUGEPAGES + "nr_hugepages"
        missing = megabytes // 2 - hugepages_free()
        if missing <= 0:
            return True
        if not os.access(path, os.W_OK):
            return False
        before = hugepages_reserved()
        _write(path, str(before + missing))
        got = hugepages_reserved() - before
        # others may reserve some meanwhile: only ours go back
        self.callback(lambda: _write(path, str(max(0, hugepages_reserved() - got))))
        return hugepages_free() >= megabytes // 2

    def namespace(self, name):
        run("ip", "netns", "add", name)
        self.callback(run, "ip", "netns", "del", name)


def _write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def run(*command, **kwargs):
    """Runs a command that has to succeed; returns what it prints."""
    result = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False, **kwargs)
    if result.returncode != 0:
        raise BenchError(f"{' '.join(command)}: exit status {result.returncode}\n{result.stdout}")
    return result.stdout


def eal_memory(hugepages):
    """EAL arguments for private memory without files left behind."""
    return ["--in-memory"] if hugepages else ["--no-huge", "-m", str(MEMORY_MB)]


class Core:
    """How fast the CPU under test is. On a virtual machine a neighbour on the other thread of its core
    takes up to half of that away, for seconds at a time, of which nothing else tells."""

    def __init__(self):
        self.best = 0.0
        self.tool = None

    def find_best(self, tool, seconds):
        """Looks for its best speed; a better one may be found later."""
        self.tool = tool
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.speed()
            time.sleep(0.1)

    def speed(self):
        """Additions a nanosecond, just now."""
        speed = float(run(self.tool, str(WORKER_CPU), str(PROBE_MS)))
        self.best = max(self.best, speed)
        return speed

    def is_quiet_at(self, speed):
        return speed >= QUIET * self.best

    def wait(self, deadline):
        """Until it is quiet, or the deadline; returns its speed."""
        while not self.is_quiet_at(speed := self.speed()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return speed


CORE = Core()


class Stopwatch:
    """CPU time of the busiest thread of a process between two moments.

    A worker that spins uses its CPU all the time; where others take it away (or the hypervisor
    does), packets per second say less than packets per second of CPU time.
    """

    def __init__(self, pid):
        self.pid = pid
        self.start = self._threads()
        self.start_s = time.monotonic()

    def _threads(self):
        threads = {}
        for path in glob.glob(f"/proc/{self.pid}/task/*/schedstat"):
            with contextlib.suppress(OSError): # the thread has just ended
                threads[path] = int(read(path).split()[0])
        return threads

    def stop(self):
        """(seconds, seconds of CPU time)"""
        wall_s = time.monotonic() - self.start_s
        spent = [ns - self.start.get(path, 0) for path, ns in self._threads().items()]
        return wall_s, max(spent, default=0) / 1e9


class Sample:
    """Packets of a measured interval, and the time they took."""

    def __init__(self, packets, wall_s, cpu_s):
        if packets <= 0:
            raise BenchError("no packet came through")
        self.packets = packets
        self.mpps = packets / wall_s / 1e6
        self.cycles = tsc_hz() * min(cpu_s or wall_s, wall_s) / packets
        self.stolen = max(0.0, 1 - cpu_s / wall_s) if cpu_s else 0.0
        self.core_speed = None # the lower of those before and after; None: not known

    @property
    def is_quiet(self):
        return self.core_speed is None or CORE.is_quiet_at(self.core_speed)


def measure(pid, count, seconds):
    """The growth of count() during `seconds` as a Sample: of an interval between two moments in which
    the core is quiet, if there is one before our patience ends."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        speed = CORE.wait(deadline)
        watch = Stopwatch(pid)
        before = count()
        time.sleep(seconds)
        after = count()
        sample = Sample(after - before, *watch.stop())
        sample.core_speed = min(speed, CORE.speed())
        if sample.is_quiet or time.monotonic() > deadline:
            return sample


def counted(packets, cycles):
    """A Sample from what a system says that packets took: cycles in which it was not idle."""
    seconds = cycles / tsc_hz()
    return Sample(packets, seconds, seconds)


def end_process(process, seconds=10):
    """Ends a child that was asked to go, or has to be."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def is_root_or_exit(name):
    if os.geteuid() != 0:
        sys.exit(f"{name}: has to run as root (CPU pinning, hugepages, namespaces): sudo {name} …")
