# SPDX-License-Identifier: BSD-3-Clause
"""The router against the Linux kernel's, set up as OpenStack's L3 agent sets up a qrouter namespace: the
same flows through both, and what comes out compared header by header, but for what weft does otherwise
on purpose (router_deviations.py)."""

from collections import Counter

import pytest

import filter_packets as fp
import router_compare as rc
import router_deviations as rd
import router_packets as rp
import router_scenario as rs
import router_traffic as rt
from router_oracle import LinuxRouter
from router_world import Flow, WeftRouter

SEED = 20221024
FLOWS, LATE_FLOWS = 2500, 40
RANDOM_FLOWS = 400
TRANSLATED = {rt.udp_flow: 3, rt.echo_flow: 2, rt.tcp_flow: 3, rt.collision: 1, rt.expired: 1}

RED, BLUE = (next(host for host in rs.PLAIN if host.net == name) for name in ("red", "blue"))
RED_FLOATING = next(host for host in rs.FLOATING if host.net == "red")
FAR, NEAR = rs.far(8), rs.NEAR[0]


# Who sends to what; what it arrives as at whom: the examples of the specification's table T1 to T5.
DECISIONS = {
    "T1 no floating IP": (BLUE, RED.ip, RED, BLUE.ip),
    "T1 floating IP": (RED_FLOATING, BLUE.ip, BLUE, RED_FLOATING.ip),
    "T2": (RED_FLOATING, FAR.ip, FAR, RED_FLOATING.floating),
    "T2 its own": (RED_FLOATING, RED_FLOATING.floating, RED_FLOATING, RED_FLOATING.floating),
    "T3": (BLUE, FAR.ip, FAR, rs.GATEWAY),
    "T4": (BLUE, RED_FLOATING.floating, RED_FLOATING, rs.GATEWAY),
    "T5": (NEAR, RED_FLOATING.floating, RED_FLOATING, NEAR.ip),
    "untranslated": (NEAR, BLUE.ip, BLUE, NEAR.ip),
}


def decision(t, sender, to, receiver, source):
    """One flow each way: the answer comes from where the question went."""
    arrivals, = yield [t.udp(sender, to, (5000, 53), df=False, ttl=64)]
    assert [end for end, _ in arrivals] == [receiver.net]
    got = rp.ip_of(arrivals[0][1])
    assert (got.src, got.dst, got.ports, got.ttl) == (source, receiver.ip, (5000, 53), 63)
    assert arrivals[0][1][:6] == fp.mac(receiver.mac)
    arrivals, = yield [t.udp(receiver, got.src, got.ports[::-1], df=False, ttl=64)]
    assert [end for end, _ in arrivals] == [sender.net]
    back = rp.ip_of(arrivals[0][1])
    assert (back.src, back.dst, back.ports, back.ttl) == (to, sender.ip, (53, 5000), 63)


@pytest.mark.parametrize("world", (LinuxRouter, WeftRouter))
def test_decisions_by_hand(lab, world):
    """The oracle says what the specification of the router says, and so does weft."""
    routed = world(lab)
    for i, (name, what) in enumerate(DECISIONS.items()):
        flow, = routed.run([Flow(name, decision(rt.Traffic(SEED, i), *what))])
        assert len(flow.shots) == 2
    assert not routed.strange


class Comparison:
    """The outcomes of two worlds, flow by flow."""

    def __init__(self, any_port=False):
        self.any_port = any_port
        self.deviations = Counter()
        self.wrong = []
        self.same = 0

    def flow(self, one, other):
        linux, weft = rc.Outcome(one, self.any_port), rc.Outcome(other, self.any_port)
        if linux.names.changed > weft.names.changed:
            self.deviations[rd.PORTS] += self.any_port
        explained = True
        for shot, ours, theirs in zip(linux.shots, linux.arrivals, weft.arrivals):
            found, explained = rd.judge(shot, ours, theirs)
            self.deviations.update(found)
            if not explained:
                self.wrong.append(f"{one.name}: {rc.explain(shot, ours, theirs)}")
                break
            self.same += not found
        if explained and len(linux.shots) != len(weft.shots):
            self.wrong.append(f"{one.name}: {len(linux.shots)} packets sent through Linux, "
                              f"{len(weft.shots)} through weft")

    def check(self, flows):
        shots = self.same + sum(self.deviations.values())
        print(f"{flows} flows, {shots} packets, {self.same} alike; deviations: "
              + ", ".join(f"{name} {n}" for name, n in sorted(self.deviations.items())))
        assert not self.wrong, f"{len(self.wrong)} flows differ:\n" + "\n".join(self.wrong[:40])


def compare(worlds, make_flows, any_port=False):
    """Runs the same flows in two worlds."""
    ran = [world.run(make_flows()) for world in worlds]
    for world in worlds:
        assert not world.strange, [(end, frame[:80].hex()) for end, frame in world.strange[:3]]
    comparison = Comparison(any_port)
    for one, other in zip(*ran):
        comparison.flow(one, other)
    comparison.check(len(ran[0]))
    return comparison


def test_differential(lab):
    comparison = compare((LinuxRouter(lab), WeftRouter(lab)), lambda: (
        rt.flows(SEED, FLOWS) + rt.late_flows(SEED, FLOWS, LATE_FLOWS)))
    assert set(comparison.deviations) == rd.ALL - {rd.PORTS}
    assert comparison.same > 4 * FLOWS * 0.75


def test_ports_of_the_agent(lab):
    """The agent has Linux choose ports at random; weft keeps them while it can."""
    comparison = compare((LinuxRouter(lab, random_fully=True), WeftRouter(lab)),
                         lambda: rt.flows(SEED, RANDOM_FLOWS, TRANSLATED), any_port=True)
    assert comparison.deviations[rd.PORTS] > RANDOM_FLOWS / 4
