# SPDX-License-Identifier: BSD-3-Clause
"""weftd as a process: it stops at once, whatever goes on, and does not suffer from bad clients."""

import json
import os
import socket
import time

import pytest

from netlab import wait_for
from node import Rpc
from topology import Pair


def test_stops_under_traffic(pair):
    assert pair.a.ping("10.0.0.2")
    pair.a.start_ping("10.0.0.2")
    pair.b.start_ping("10.0.0.1")
    received = pair.weft.stats("port a")["rx"]
    wait_for(lambda: pair.weft.stats("port a")["rx"] > received + 50, "traffic")
    pair.weft.stop()


@pytest.mark.parametrize("idle", ["adaptive", "spin"])
def test_stops_with_open_connections(lab, idle):
    pair = Pair(lab)
    pair.weft.rpc("workers.set", idle=idle)
    with socket.socket(socket.AF_UNIX) as silent, socket.socket(socket.AF_UNIX) as half:
        silent.connect(pair.weft.sock)
        half.connect(pair.weft.sock)
        half.sendall(b'{"jsonrpc": "2.0", "id"')
        pair.weft.stop()


def test_stops_with_a_stopped_reader(pair):
    """A client that asks and never reads must not hold anything up."""
    with socket.socket(socket.AF_UNIX) as greedy:
        greedy.connect(pair.weft.sock)
        greedy.setblocking(False)
        request = b'{"jsonrpc":"2.0","id":1,"method":"drops.get","params":{"all":true}}\n'
        try:
            for _ in range(20000):
                greedy.send(request)
        except BlockingIOError:
            pass
        begin = time.monotonic()
        pair.weft.rpc("status.get")
        assert time.monotonic() - begin < 1
        assert pair.a.ping("10.0.0.2")
        pair.weft.stop()


def test_many_clients(pair):
    connections = [Rpc(pair.weft.sock) for _ in range(50)]
    pids = {connection.call("status.get")["pid"] for connection in connections}
    assert pids == {pair.weft.process.pid}
    for connection in connections:
        connection.close()


def test_nonsense_on_the_socket(pair):
    """Each line gets an error of its own; the connection and the daemon live on."""
    lines = {b"hello": -32700, b"{}": -32600, b"[]": -32600, b"null": -32600,
             b'{"jsonrpc":"2.0","id":1,"method":"no.such"}': -32601,
             b'{"jsonrpc":"2.0","id":1,"method":"port.add","params":[1]}': -32602}
    connection = Rpc(pair.weft.sock)
    for line, code in lines.items():
        connection.socket.sendall(line + b"\n")
        assert json.loads(connection.lines.readline())["error"]["code"] == code, line
    assert connection.call("status.get")["pid"] == pair.weft.process.pid
    connection.close()


def test_socket_is_private(pair):
    assert os.stat(pair.weft.sock).st_mode & 0o777 == 0o660


def test_stale_socket_is_taken_over(lab):
    """After a crash the socket file is still there: the next start must not need a hand."""
    pair = Pair(lab)
    pair.weft.process.stop(sig=9)
    assert os.path.exists(pair.weft.sock)
    pair.weft.start()
    assert pair.weft.rpc("status.get")["pid"] == pair.weft.process.pid


def test_memory_does_not_grow_with_changes(pair):
    """Ports that come and go give back what they took."""
    def resident():
        with open(f"/proc/{pair.weft.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def cycle():
        pair.weft.rpc("port.add", name="p", network="vxlan1", device="tap:p")
        pair.weft.rpc("port.del", name="p")
    for _ in range(10):
        cycle()
    before = resident()
    for _ in range(40):
        cycle()
    assert resident() - before < 4096, "kilobytes for 40 ports"
