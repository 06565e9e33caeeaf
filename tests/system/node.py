# SPDX-License-Identifier: BSD-3-Clause
"""A weft node of a lab: the daemon in a namespace, its control socket and its CLI."""

import copy
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from netlab import PATIENCE, run, tests_build_dir, wait_for

STOP_WITHIN = 2.0  # seconds
SANITIZER = re.compile(r"(AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:).*")


class RpcError(Exception):
    """A request that the daemon refused."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.code = error["code"]
        self.symbol = error["data"]["symbol"]
        self.path = error["data"]["path"]
        self.problems = error["data"]["problems"]

    @property
    def symbols(self):
        return sorted({problem["symbol"] for problem in self.problems})


class Rpc:
    """A connection to a control socket: JSON-RPC 2.0, one object a line."""

    def __init__(self, path, timeout=10.0):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.lines = self.socket.makefile("rb")
        self.id = 0

    def call(self, method, **params):
        """The result; RpcError. Keys are written with _ for - and a trailing _ is dropped."""
        self.id += 1
        request = {"jsonrpc": "2.0", "id": self.id, "method": method,
                   "params": {key.rstrip("_").replace("_", "-"): value
                              for key, value in params.items()}}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        line = self.lines.readline()
        if not line:
            raise ConnectionError("the daemon closed the control socket")
        answer = json.loads(line)
        assert answer["id"] == self.id and answer["jsonrpc"] == "2.0", answer
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def close(self):
        self.lines.close()
        self.socket.close()


class Weft:
    """A running weftd. Its uplinks are interfaces of the namespace that nobody else uses."""

    def __init__(self, ns, config, cores="1", start=True):
        self.ns = ns
        self.lab = ns.lab
        self.config = copy.deepcopy(config)
        if cores:
            self.config.setdefault("workers", {"cores": cores, "idle": "adaptive"})
        self.file = self.lab.path(f"{ns.short}.json")
        self.sock = self.lab.path(f"{ns.short}.sock")
        self.state_dir = self.lab.path(f"{ns.short}.state")
        self.process = None
        self.rpc_connection = None
        self.lab.nodes.append(self)
        self.lab.closers.append(self._hang_up)
        with open(self.file, "w", encoding="utf-8") as file:
            json.dump(self.config, file, indent=2)
        if start:
            self.start()

    # ---- the daemon

    def start(self):
        """Starts the daemon and returns when it answers."""
        self.process = self.ns.start(binary("weftd"), "-c", self.file, "-s", self.sock,
                                     "--state-dir", self.state_dir)
        # Of a daemon that is killed; one that stops removes it itself, see stop().
        self.lab.closers.append(lambda path=self.run_dir(): shutil.rmtree(path, ignore_errors=True))
        wait_for(self._answers, f"the control socket of {self.ns.short}")

    def run_dir(self):
        """Where DPDK keeps files of this process."""
        return f"/run/dpdk/weft-{self.process.pid}"

    def _answers(self):
        if not self.process.running():
            raise AssertionError(f"weftd ended at start:\n{self.process.output()}")
        try:
            self.rpc_connection = Rpc(self.sock)
        except OSError:
            return False
        self.rpc("status.get")
        return True

    def _hang_up(self):
        if self.rpc_connection:
            self.rpc_connection.close()
            self.rpc_connection = None

    def stop(self, within=STOP_WITHIN):
        """SIGTERM; checks that the daemon goes in time, with exit status 0, leaving no socket."""
        self._hang_up()
        assert self.process.running(), f"weftd ended by itself:\n{self.process.output()[-4000:]}"
        begin = time.monotonic()
        status = self.process.stop(signal.SIGTERM, timeout=PATIENCE)
        took = time.monotonic() - begin
        self.check_sanitizer()
        assert status == 0, f"exit status {status} on SIGTERM:\n{self.process.output()[-4000:]}"
        assert took < within, f"stopping took {took:.1f} s"
        for path in (self.sock, self.run_dir()):
            assert not os.path.exists(path), f"{path} was left behind"

    def kill(self):
        """As a crash, or kill -9."""
        self._hang_up()
        self.process.stop(signal.SIGKILL)

    def restart(self):
        self.stop()
        self.start()

    def check_sanitizer(self):
        found = SANITIZER.search(self.process.output())
        assert not found, f"{found[0]}\n{self.process.output()[-8000:]}"

    def check(self):
        """What must hold at the end of every test: it runs, the ledger closes, it stops cleanly."""
        if self.process and self.process.popen.returncode is None:
            assert self.process.running(), f"weftd died:\n{self.process.output()[-8000:]}"
            self.balanced()
            # How long that takes is for tests that stop it: some leave hundreds of devices behind.
            self.stop(within=PATIENCE)

    # ---- control

    def rpc(self, method, **params):
        return self.rpc_connection.call(method, **params)

    def refused(self, method, **params):
        """The error of a request that must be refused."""
        try:
            result = self.rpc(method, **params)
        except RpcError as error:
            return error
        raise AssertionError(f"{method} {params} was accepted: {result}")

    def cli(self, *words, stdin=None, check=True):
        """`weft` with these words; its output."""
        return run(binary("weft"), "-s", self.sock, *words, stdin=stdin, check=check)

    def cli_status(self, *words, stdin=None):
        """(exit status, stdout, stderr)"""
        done = subprocess.run([binary("weft"), "-s", self.sock, *words], input=stdin, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
        return done.returncode, done.stdout, done.stderr

    def cli_json(self, *words):
        return json.loads(self.cli("-j", *words))

    def port(self, name, instance, network, **keys):
        """Adds an open instance port on a TAP device and gives the instance its end."""
        keys.setdefault("port-security", False)
        self.rpc("port.add", name=name, network=network, device=f"tap:{name}",
                 mac=instance.hwaddr, **keys)
        self.give(name, instance)

    def give(self, name, instance, keep_mtu=False):
        """The TAP device of a port of the configuration becomes the instance's eth0."""
        wait_for(lambda: self.ns.has(name), f"TAP device {name}")
        instance.adopt(self.ns, name, keep_mtu)

    # ---- state

    def fdb(self, network, mac):
        """The FDB entry of a MAC, None when there is none."""
        entries = self.rpc("fdb.list", network=network, mac=mac)
        assert len(entries) <= 1, entries
        return entries[0] if entries else None

    def wait_fdb(self, network, mac, at):
        def there():
            entry = self.fdb(network, mac)
            return entry and entry["at"] == at
        wait_for(there, f"{mac} in the FDB of {network} at {at}")

    def drops(self, attachment=None):
        """{reason: packets}"""
        params = {"attachment": attachment} if attachment else {}
        return {row["reason"]: row["packets"] for row in self.rpc("drops.get", **params)}

    def wait_drop(self, reason, n=1):
        wait_for(lambda: self.drops().get(reason, 0) >= n, f"{n} {reason}, have {self.drops()}")

    def stats(self, attachment):
        rows = self.rpc("stats.get", attachment=attachment)["attachments"]
        assert len(rows) == 1, rows
        return rows[0]

    def info(self, name):
        return self.rpc("stats.get")["info"].get(name, 0)

    def balanced(self):
        """The ledger closes, exactly: read at a moment when no frame was under way."""
        last = {}

        def closes():
            last.update(self.rpc("audit.run"))
            return last["quiet"] and last["balanced"]
        try:
            wait_for(closes, "the ledger to close")
        except AssertionError as failure:
            raise AssertionError(f"the ledger does not close: {json.dumps(last)}") from failure


def binary(name):
    path = {"weftd": "datapath/weftd", "weft": "cli/weft"}[name]
    return os.path.join(tests_build_dir(), path)


def weftd_output(ns, *arguments, timeout=10):
    """Runs weftd until it ends; (exit status, output)."""
    process = ns.start(binary("weftd"), "--state-dir", ns.lab.path(f"{ns.short}.state"), *arguments)
    status = process.wait(timeout)
    return status, process.output()
