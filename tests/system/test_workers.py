# SPDX-License-Identifier: BSD-3-Clause
"""Several workers: devices are spread, one flow stays in order, the ledger closes over all."""

import os
import time

from netlab import wait_for
from topology import Pair


def test_two_workers(lab):
    pair = Pair(lab, cores="0,1")
    assert pair.a.ping("10.0.0.2", size=1422, df=True)
    workers = pair.weft.rpc("status.get")["workers"]
    assert [worker["cpu"] for worker in workers] == [0, 1]
    for client, server in ((pair.a, pair.b), (pair.b, pair.a)):
        lab.iperf_tcp(client, server)
    lab.iperf_udp(pair.a, pair.b, "-b", "20M", "-l", "1000", most=1)
    workers = pair.weft.rpc("status.get")["workers"]
    assert all(worker["packets"] > 0 for worker in workers), workers


def test_ports_of_two_workers(lab):
    """Ports come and go with two workers running, whatever worker polls them."""
    pair = Pair(lab, cores="0,1")
    guests = [lab.instance(f"g{i}", f"10.0.0.{10 + i}") for i in range(4)]
    for guest in guests:
        pair.weft.port(guest.short, guest, "vxlan1")
    for guest in guests:
        assert guest.ping("10.0.0.2") and guest.ping("10.0.0.10")
    for guest in guests[1:]:
        pair.weft.rpc("port.del", name=guest.short)
    assert guests[0].ping("10.0.0.2")


def test_idle_worker_sleeps(pair):
    """Adaptive idling: no traffic, (almost) no CPU time. What else goes on makes each awakening dearer, now
    and then."""
    def ticks():
        with open(f"/proc/{pair.weft.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def share():
        """Of a CPU."""
        before, begin = ticks(), time.monotonic()
        time.sleep(1)  # the measured interval, not a wait for something
        return (ticks() - before) / (time.monotonic() - begin)
    assert pair.a.ping("10.0.0.2")
    wait_for(lambda: share() < 0.3, "a second in which an idle node sleeps")
    assert pair.a.ping("10.0.0.2", count=20)
