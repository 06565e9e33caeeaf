# SPDX-License-Identifier: BSD-3-Clause
"""A lab of network namespaces on one machine.

Lab owns everything it makes: namespaces, processes, files. close() takes all of it away again, in any
state the lab may be in; sweep() does it for a lab whose process was killed. All names carry the pid
of the process that made them, so labs do not meet and nothing of anybody else is touched.

Nothing here sleeps to synchronise: wait_for() polls a condition against a deadline.
"""

import contextlib
import ctypes
import errno
import json
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PREFIX = "sys"
HERE = os.path.dirname(os.path.abspath(__file__))
CLONE_NEWNET = 0x40000000
# Seconds that anything may take on a machine with other work to do. A test that passes never waits so long.
PATIENCE = 15.0
PR_SET_PDEATHSIG = 1
# A kernel that answers by itself what weft should answer, or that fills the wire with router
# solicitations, makes counts unpredictable.
QUIET = (
    "net.ipv6.conf.all.disable_ipv6=1",
    "net.ipv6.conf.default.disable_ipv6=1",
    "net.ipv4.ping_group_range=0 0",
)
# Segments and checksums are made by the kernel, not left to a NIC that does not exist: a userspace
# switch reads frames as they would be on a wire.
OFFLOADS = "tx off tso off gso off gro off"

_libc = ctypes.CDLL(None, use_errno=True)


def wait_for(condition, what, timeout=PATIENCE):
    """The first true value of condition(), polled; AssertionError naming `what` after timeout."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s for {what}")
        time.sleep(0.02)


def run(*command, stdin=None, check=True, timeout=30):
    """Runs a command; its output (stdout and stderr) as text."""
    done = subprocess.run(command, input=stdin, text=True, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def interruptible():
    """Ctrl-C unwinds what runs, also in the background of a script, where it is ignored at first; and
    so does a polite kill."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def tests_build_dir():
    """Where the binaries under test are: $WEFT_BUILD, or the tree's own build directory."""
    return os.path.abspath(os.environ.get("WEFT_BUILD", os.path.join(HERE, "../../build")))


class Process:
    """A command in the background. Its output goes to a file, read with output()."""

    def __init__(self, command, log, **kwargs):
        self.command = command
        self.log = log
        with open(log, "wb") as out:
            kwargs.setdefault("stderr", out)
            self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                          preexec_fn=_die_with_parent, **kwargs)
        self.pid = self.popen.pid

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as text:
            return text.read()

    def running(self):
        return self.popen.poll() is None

    def wait_output(self, pattern, timeout=PATIENCE):
        """Waits until the output has a match of the pattern; fails at once when the process ended."""
        def found():
            match = re.search(pattern, self.output())
            if not match and not self.running():
                match = re.search(pattern, self.output())
                if not match:
                    raise AssertionError(f"{' '.join(self.command)} ended:\n{self.output()}")
            return match
        return wait_for(found, f"{pattern!r} from {' '.join(self.command)}", timeout)

    def wait(self, timeout=30):
        """The exit status."""
        return self.popen.wait(timeout)

    def stop(self, sig=signal.SIGTERM, timeout=5):
        """Ends the process, by force when it does not go; the exit status."""
        if self.running():
            self.popen.send_signal(sig)
            try:
                return self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        return self.popen.wait()


class PingRun(Process):
    """A ping in the background."""

    def replies(self):
        return self.output().count("bytes from")

    def more(self, n=20):
        """Waits for more replies."""
        before = self.replies()
        wait_for(lambda: self.replies() >= before + n, f"{n} more replies")

    def lost(self):
        """Ends it after some more replies; the requests that were not answered. (The last ones may have
        been under way.)"""
        self.more()
        self.stop(signal.SIGINT)
        answered = {int(number) for number in re.findall(r"icmp_seq=(\d+) ttl=", self.output())}
        return sorted(set(range(1, max(answered))) - answered)


class Namespace:
    """One network namespace of a lab."""

    def __init__(self, lab, name):
        self.lab = lab
        self.short = name
        self.name = f"{lab.tag}-{name}"
        run("ip", "netns", "add", self.name)
        self.run("sysctl", "-q", "-w", *QUIET)
        self.ip("link set lo up")

    def command(self, *command):
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command, **kwargs):
        return run(*self.command(*command), **kwargs)

    def start(self, *command, cls=Process, **kwargs):
        return self.lab.start(self.command(*command), f"{self.short}-{os.path.basename(command[0])}", cls, **kwargs)

    def ip(self, lines):
        """`ip` commands, one a line (without the word ip)."""
        run("ip", "-n", self.name, "-batch", "-", stdin=lines)

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is inside: for sockets."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            _setns(there)
            yield
        finally:
            _setns(home)
            os.close(there)
            os.close(home)

    def mac(self, ifname="eth0"):
        return re.search(r"link/ether (\S+)", self.run("ip", "link", "show", ifname))[1]

    def mtu(self, ifname="eth0"):
        return int(re.search(r" mtu (\d+)", self.run("ip", "link", "show", ifname))[1])

    def has(self, ifname):
        return ifname in re.findall(r"^\d+: ([^:@]+)", self.run("ip", "link", "show"), re.M)

    def ping(self, address, *options, count=3, size=None, df=False, patience=PATIENCE):
        """True when all echo requests are answered, the last within `patience` seconds. The first may
        wait for ARP on both sides."""
        command = ["ping", "-n", "-c", str(count), "-i", "0.05", *options]
        # With -W ping leaves two round trips after its last request once anything was answered: too soon
        # on a busy machine. With -w (whole seconds) it goes on until it has `count` answers.
        command += ["-W", str(patience)] if patience < 1 else ["-w", str(math.ceil(patience))]
        command += ["-s", str(size)] if size is not None else []
        command += ["-M", "do" if df else "dont"]
        text = self.run(*command, address, check=False)
        answered = {int(number) for number in re.findall(r"icmp_seq=(\d+) ttl=", text)}
        return answered >= set(range(1, count + 1))

    def unreachable(self, address, **options):
        """True when an echo request is not answered."""
        return not self.ping(address, count=1, patience=0.5, **options)

    def start_ping(self, address, *options, count=100000, interval=0.002):
        command = ["ping", "-n", "-c", str(count), "-i", str(interval), "-W", "1", *options]
        return self.start(*command, address, cls=PingRun)

    def vlan(self, ifname, vid):
        """Makes the host behind the interface a member of one VLAN: tagged on the wire."""
        program = self.lab.vlan_program(vid)
        self.run("tc", "qdisc", "add", "dev", ifname, "clsact")
        for direction in ("ingress", "egress"):
            self.run("tc", "filter", "add", "dev", ifname, direction, "bpf", "da", "obj", program,
                     "sec", direction)

    def udp_overflows(self):
        """Datagrams that came and found the buffer of their socket full."""
        return int(re.search(r"UdpRcvbufErrors +(\d+)", self.run("nstat", "-asz", "UdpRcvbufErrors"))[1])

    def forget_neighbours(self, ifname="eth0"):
        self.ip(f"neigh flush dev {ifname}")


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Instance(Namespace):
    """A guest: a namespace with one interface, eth0. lab.instances counts MACs up."""

    def __init__(self, lab, name, address, mac=None, mtu=1450):
        super().__init__(lab, name)
        self.address = address
        self.mtu_wanted = mtu
        self.hwaddr = mac or lab.next_mac()

    def configure(self, keep_mtu=False):
        """Called when eth0 has arrived."""
        mtu = "" if keep_mtu else f"mtu {self.mtu_wanted}"
        self.ip(f"link set dev eth0 address {self.hwaddr} {mtu}\n"
                f"addr add {self.address}/24 dev eth0\nlink set eth0 up")

    def adopt(self, ns, ifname, keep_mtu=False):
        """Takes an interface of another namespace as its eth0."""
        ns.ip(f"link set dev {ifname} netns {self.name} name eth0")
        self.configure(keep_mtu)

    def announce(self):
        """Gratuitous ARP: tells every switch where this MAC is now."""
        mac = bytes.fromhex(self.hwaddr.replace(":", ""))
        ip = socket.inet_aton(self.address)
        frame = (b"\xff" * 6 + mac + b"\x08\x06" + b"\0\1\x08\0\6\4\0\1" + mac + ip + b"\0" * 6 + ip)
        with self.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as raw:
            raw.bind(("eth0", 0))
            raw.send(frame)


class Lab:
    """Everything a test builds. Use as a context manager."""

    def __init__(self):
        self.tag = f"{PREFIX}{os.getpid()}"
        self.dir = tempfile.mkdtemp(prefix=f"{self.tag}-")
        self.namespaces = []
        self.processes = []
        self.nodes = []
        self.closers = []
        self.macs = 0

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def path(self, name):
        return os.path.join(self.dir, name)

    def next_mac(self):
        self.macs += 1
        return f"fa:16:3e:00:00:{self.macs:02x}"

    def ns(self, name):
        return self.own(Namespace(self, name))

    def instance(self, name, address, **kwargs):
        return self.own(Instance(self, name, address, **kwargs))

    def own(self, namespace):
        self.namespaces.append(namespace)
        return namespace

    def start(self, command, name, cls=Process, **kwargs):
        log = self.path(f"{len(self.processes)}-{name}.log")
        process = cls(command, log, **kwargs)
        self.processes.append(process)
        return process

    def veth(self, a, a_if, b, b_if, mtu=1500):
        """A cable between two namespaces."""
        run("ip", "link", "add", a_if, "mtu", str(mtu), "netns", a.name, "type", "veth",
            "peer", "name", b_if, "mtu", str(mtu), "netns", b.name)
        for ns, ifname in ((a, a_if), (b, b_if)):
            ns.run("ethtool", "-K", ifname, *OFFLOADS.split())
            ns.ip(f"link set dev {ifname} up")

    def wire(self, name, *ends, mtu=1500, learning=True):
        """An Ethernet switch (a kernel bridge in a namespace of its own) with a cable to each end,
        (namespace, interface). It knows nothing of VLANs: where one MAC is seen in several, it must
        not learn."""
        ns = self.ns(name)
        ageing = "" if learning else "ageing_time 0"
        ns.ip(f"link add wire mtu {mtu} type bridge forward_delay 0 mcast_snooping 0 {ageing}\n"
              "link set wire up")
        for i, (end, ifname) in enumerate(ends):
            self.veth(ns, f"p{i}", end, ifname, mtu)
            ns.ip(f"link set dev p{i} master wire")
        return ns

    def vlan_program(self, vid):
        program = self.path(f"vlan{vid}.o")
        if not os.path.exists(program):
            run("clang", "-O2", "-target", "bpf", f"-DVID={vid}",
                f"-I/usr/include/{os.uname().machine}-linux-gnu",
                "-c", os.path.join(HERE, "vlan_host.bpf.c"), "-o", program)
        return program

    def iperf(self, client, server, *options, timeout=20):
        """iperf3 from client to server for a second; the `end` object of its report. (Not for a number
        of bytes: at the end of those it may stall for ten seconds.)"""
        listener = server.start("iperf3", "-s", "-1", "--forceflush")
        listener.wait_output("Server listening")
        sender = client.start("iperf3", "-J", "-c", server.address, "-t", "1", *options,
                              stderr=subprocess.DEVNULL)  # warnings would spoil the JSON
        sender.wait(timeout)
        listener.stop()
        report = json.loads(sender.output())
        assert "error" not in report, report.get("error")
        return report["end"]

    def iperf_tcp(self, client, server, *options, least=5e6):
        """TCP by iperf3 for a second, must bring so many bytes; in five times that where a machine with
        other work to do was too slow."""
        for seconds in ("1", "5"):
            got = self.iperf(client, server, "-t", seconds, *options)["sum_received"]["bytes"]
            if got > least:
                return
        raise AssertionError(f"{got} bytes in {seconds} s")

    def iperf_udp(self, client, server, *options, most):
        """UDP by iperf3 until less than `most` percent is lost on the way, three times at most: a machine
        with other work to do may lose some of any run. (What the server was too slow to take from its
        socket had come.) The sum of the last report."""
        for _ in range(3):
            before = server.udp_overflows()
            total = self.iperf(client, server, "-u", *options)["sum"]
            lost = (total["lost_packets"] - server.udp_overflows() + before) * 100 / total["packets"]
            if lost < most:
                return total
        raise AssertionError(f"{lost:.2f} % of {total['packets']} are lost, not for once")

    def close(self):
        """Ends what still runs and removes everything. Goes on after a failure, reports the first."""
        failures = []
        for closer in reversed(self.closers):
            _attempt(failures, closer)
        for process in reversed(self.processes):
            _attempt(failures, process.stop, signal.SIGKILL)
        for namespace in self.namespaces:
            _attempt(failures, _remove_namespace, namespace.name)
        shutil.rmtree(self.dir, ignore_errors=True)
        self.closers, self.processes, self.namespaces, self.nodes = [], [], [], []
        if failures:
            raise failures[0]


def _attempt(failures, call, *args):
    try:
        call(*args)
    except Exception as failure:  # pylint: disable=broad-except
        failures.append(failure)


def _remove_namespace(name):
    """Ends the processes in a namespace of ours and removes it."""
    for pid in run("ip", "netns", "pids", name, check=False).split():
        if pid.isdigit():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    run("ip", "netns", "del", name)


def left_behind(pid=None):
    """What labs of processes that are gone (or of one pid) left: namespaces and directories."""
    def stale(name):
        match = re.match(rf"{PREFIX}(\d+)-", name)
        if not match:
            return False
        owner = int(match[1])
        return owner == pid if pid is not None else not _alive(owner)
    names = os.listdir("/run/netns") if os.path.isdir("/run/netns") else []
    files = os.listdir(tempfile.gettempdir())
    return ([n for n in names if stale(n)],
            [os.path.join(tempfile.gettempdir(), f) for f in files if stale(f)])


def sweep():
    """Removes what killed labs left behind."""
    namespaces, directories = left_behind()
    for name in namespaces:
        _attempt([], _remove_namespace, name)
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


def _alive(pid):
    try:
        os.kill(pid, 0)
    except OSError as failure:
        return failure.errno == errno.EPERM
    return True
