# SPDX-License-Identifier: BSD-3-Clause
"""weftd under test: its configuration for each case, and its control socket."""

import json
import os
import socket
import subprocess
import sys
import time

import filters
import mkpcap
import routers
from host import WORKER_CPU, BenchError, counted, end_process, measure, run

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
SINK = "vdev:net_null_sink,no-rx=1"
MAX_LOSS = 0.0001
OPENING_PASSES = 3
TEACHER_MAC = "02:dd:00:00:00:01"
NEIGHBOURS_AT_ONCE = 50


def built(target):
    """Path of a program in $WEFT_BUILD, or the tree's own build directory; built when it is not there."""
    build = os.path.abspath(os.environ.get("WEFT_BUILD", os.path.join(ROOT, "build")))
    path = os.path.join(build, target)
    if not os.path.exists(path):
        print(f"building {path}", file=sys.stderr)
        if not os.path.exists(os.path.join(build, "build.ninja")):
            run("meson", "setup", build, ROOT)
        run("ninja", "-C", build, target)
    return path


def binary():
    return built("datapath/weftd")


def base_document(segments):
    return {
        "workers": {"cores": str(WORKER_CPU), "idle": "spin"},
        "uplinks": {},
        "networks": {"bench": {"segments": segments, "fdb-limit": 1048576}},
        "ports": {},
        "fdb": {},
    }


def document(case, source, sink, n_macs, udp_checksum=False):
    """The configuration of a case between two devices."""
    vid, vni = mkpcap.VID, mkpcap.VNI
    vlan = {"type": "vlan", "uplink": "trunk", "id": vid}
    port_in = {"network": "bench", "device": source, "port-security": False}
    port_out = {"network": "bench", "device": sink, "port-security": False}
    place = {"port": "out"}
    if case == "l2":
        doc = base_document([{"type": "flat", "uplink": "flat"}])
        doc["uplinks"]["flat"] = {"device": source}
        doc["ports"]["out"] = port_out
    elif case == "pop":
        doc = base_document([vlan])
        doc["uplinks"]["trunk"] = {"device": source, "vlans": str(vid)}
        doc["ports"]["out"] = port_out
    elif case == "push":
        doc = base_document([vlan])
        doc["uplinks"]["trunk"] = {"device": sink, "vlans": str(vid)}
        doc["ports"]["in"] = port_in
        place = {"uplink": "trunk"}
    else:
        doc = base_document([{"type": "vxlan", "id": vni}])
        add_tunnel(doc, sink if case == "encap" else source, udp_checksum)
        if case == "decap":
            doc["ports"]["out"] = port_out
        else:
            doc["ports"]["in"] = port_in
            place = {"remote": mkpcap.REMOTE_VTEP}
    add_macs(doc, n_macs, place)
    return doc


def add_macs(doc, n, place):
    for i in range(n):
        doc["fdb"][f"bench/{mkpcap.host_mac(1, i)}"] = place


def add_tunnel(doc, device, udp_checksum=False):
    doc["tunnel"] = {"uplink": "underlay", "remotes": [mkpcap.REMOTE_VTEP],
        "port": mkpcap.VXLAN_PORT, "udp-checksum": udp_checksum}
    doc["uplinks"]["underlay"] = {"device": device, "address": f"{mkpcap.LOCAL_VTEP}/24"}


def shut_tunnel(doc):
    """Until a router knows its neighbours: what comes by the tunnel meanwhile would keep the slow
    path busy. The device must not change, it has the MAC that the capture is for."""
    doc["tunnel"]["port"] = mkpcap.VXLAN_PORT + 1


def open_tunnel(weft):
    weft.call("tunnel.set", port=mkpcap.VXLAN_PORT)


def side_document(row, other):
    """The configuration of a case with a filtered or translated port, but for that port. The device
    of the other side is `other`."""
    if row.is_encap:
        segment, place = {"type": "vxlan", "id": mkpcap.VNI}, {"remote": mkpcap.REMOTE_VTEP}
    else:
        segment, place = {"type": "flat", "uplink": "flat"}, {"uplink": "flat"}
    doc = base_document([segment])
    if row.is_routed:
        doc.update(routers.nat_objects(row, segment, place))
        doc["uplinks"]["spare"] = {"device": "vdev:net_null_spare,no-rx=1"}
    else:
        add_macs(doc, row.n_hosts, place)
        doc.update(filters.weft_objects(row.rules))
    if row.is_encap:
        add_tunnel(doc, other)
    else:
        doc["uplinks"]["flat"] = {"device": other}
    return doc


def side_port(row, device):
    return routers.port(row, device) if row.is_routed else filters.weft_port(device)


def way_out(case):
    """The attachment that the packets of a case leave by."""
    return {"push": f"trunk.{mkpcap.VID}", "encap": f"vxlan.{mkpcap.VNI}"}.get(case, "port out")


class Weft:
    """One weftd, started with a document; `prefix` is a command that runs it elsewhere."""

    def __init__(self, directory, doc, prefix=()):
        self.directory = directory
        self.path = f"{directory}/weft.sock"
        self.log = f"{directory}/weft.log"
        config = f"{directory}/weft.json"
        with open(config, "w", encoding="ascii") as file:
            json.dump(doc, file)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*prefix, binary(), "-c", config, "-s", self.path,
                                             "--state-dir", f"{directory}/weft.state"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    def _connect(self):
        deadline = time.monotonic() + 60
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        while True:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"weftd does not start:\n{self._tail()}")
            try:
                self.socket.connect(self.path)
                break
            except OSError: # not there yet, or left by the one before
                time.sleep(0.02)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.call("status.get")

    def _tail(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()[-2000:]

    def call(self, method, **params):
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            self.socket.sendall(json.dumps(request).encode() + b"\n")
            line = self.lines.readline()
        except OSError:
            line = ""
        if not line:
            end_process(self.process)
            raise BenchError(f"weftd has ended with status {self.process.returncode}:\n{self._tail()}")
        answer = json.loads(line)
        if "error" in answer:
            raise BenchError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def attachments(self):
        return {a["name"]: a for a in self.call("stats.get")["attachments"]}

    def drops(self):
        """{reason: packets} since the start."""
        return {d["reason"]: d["packets"] for d in self.call("drops.get")}

    def learned(self):
        return self.call("status.get")["fdb"]["entries"]

    def sessions(self):
        return self.call("status.get")["sessions"]["entries"]

    def worker(self):
        return self.call("stats.get")["workers"][0]

    def wait_sessions(self, n):
        _wait(lambda: self.sessions() == n, lambda: f"weft has {self.sessions()} sessions, not {n}; "
            f"it dropped {self.drops()}")

    def wait_packets(self, n):
        """Until the worker has received n packets since it started."""
        _wait(lambda: self.worker()["packets"] >= n,
            lambda: f"weft has received {self.worker()['packets']} packets, not {n}")

    def wait_resolved(self):
        """Until the remote's MAC is known."""
        _wait(lambda: all(r["state"] == "reachable" for r in self.call("remote.list")),
            lambda: f"the remote is not known: {self.call('remote.list')}")

    def wait_ready(self, n_macs, leaves, seconds=30):
        """Until `n_macs` are known and packets leave by an attachment."""
        deadline = time.monotonic() + seconds
        while self.learned() < n_macs or self.attachments()[leaves]["tx"] == 0:
            if time.monotonic() > deadline:
                raise BenchError(f"weft has learned {self.learned()} MACs of {n_macs}, dropped {self.drops()}")
            time.sleep(0.05)

    def teach(self, network, router, neighbours):
        """Tells a router, (MAC, address), on a network of its neighbours there: some at a time, since
        so many ARP packets in a row of one port are heard, and again those that were not heard."""
        deadline = time.monotonic() + 30
        while neighbours:
            if time.monotonic() > deadline:
                raise BenchError(f"{len(neighbours)} neighbours are not reachable, such as "
                    f"{neighbours[0]}; dropped: {self.drops()}")
            for at in range(0, len(neighbours), NEIGHBOURS_AT_ONCE):
                self._speak_for(network, router, neighbours[at:at + NEIGHBOURS_AT_ONCE])
            known = {n["address"] for n in self.call("neighbour.list") if n["state"] == "reachable"}
            neighbours = [(mac, address) for mac, address in neighbours if address not in known]

    def _speak_for(self, network, router, neighbours):
        """They speak by a port of the moment; twice, because only the second answer says that a
        neighbour is reachable."""
        path = f"{self.directory}/neighbours.pcap"
        mkpcap.write(path, [mkpcap.arp_frame(2, neighbour, router, (router[0], TEACHER_MAC))
            for _ in range(2) for neighbour in neighbours])
        self.call("port.add", name="teacher", network=network, device=f"pcap:{path}",
            **{"port-security": False})
        _wait(lambda: self.attachments()["port teacher"]["rx"] == 2 * len(neighbours),
            lambda: f"of neighbours: {self.attachments()['port teacher']}")
        self.call("port.del", name="teacher")

    def close(self):
        self.process.terminate()
        end_process(self.process)
        if hasattr(self, "socket"):
            self.socket.close()


def _wait(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise BenchError(what())
        time.sleep(0.02)


def grown(before, after):
    """Drops between two looks, by reason."""
    return {reason: n - before.get(reason, 0) for reason, n in after.items() if n > before.get(reason, 0)}


def check_loss(drops, sent):
    if sum(drops.values()) > sent * MAX_LOSS:
        raise BenchError(f"weft dropped packets: {drops}, and sent {sent}")


def replay(row, captures, directory, seconds):
    """One row through weft. Fails when what was measured is not what was meant."""
    if row.opens:
        return replay_opening(row, captures, directory)
    if row.is_two_way:
        return replay_both_ways(row, captures, directory, seconds)
    if row.is_routed:
        return replay_route(row, captures, directory, seconds)
    sink = SINK
    if row.case == "encap":
        # an underlay that reads the remote's ARP packets once, then only sends
        sink = f"pcap:{captures['arp']}"
    source = f"pcap:{captures['forward']},infinite_rx=1"
    weft = Weft(directory, document(row.case, source, sink, row.macs, row.udp_checksum))
    leaves = way_out(row.case)
    try:
        weft.wait_ready(2 * row.macs, leaves)
        time.sleep(0.3)
        before = weft.drops()
        sample = measure(weft.process.pid, lambda: weft.attachments()[leaves]["tx"], seconds)
        check_loss(grown(before, weft.drops()), sample.packets)
        return sample
    finally:
        weft.close()


def side_ways(row):
    """The attachments that packets leave by, forth and back."""
    return [f"vxlan.{mkpcap.VNI}" if row.is_encap else "flat.flat", "port in"]


def teach_router(weft, row):
    for network, mac, address, neighbours in routers.neighbours(row):
        weft.teach(network, (mac, address), neighbours)


def measure_ways(weft, ways, seconds):
    """What leaves by some attachments."""
    def sent():
        attachments = weft.attachments()
        return sum(attachments[way]["tx"] for way in ways)

    before = weft.drops()
    sample = measure(weft.process.pid, sent, seconds)
    drops = grown(before, weft.drops())
    # the capture's ARP answer comes round too often for the slow path
    drops.pop("punt_rate", None)
    check_loss(drops, sample.packets)
    return sample


def replay_route(row, captures, directory, seconds):
    """Between two networks of one tunnel, in both directions."""
    doc = base_document([])
    doc.update(routers.route_objects(row, mkpcap.REMOTE_VTEP))
    add_tunnel(doc, f"pcap:{captures['forward']},infinite_rx=1")
    shut_tunnel(doc)
    weft = Weft(directory, doc)
    ways = [f"vxlan.{vni}" for vni in routers.VNIS]
    try:
        teach_router(weft, row)
        open_tunnel(weft)
        for way in ways:
            weft.wait_ready(2 * row.n_hosts, way)
        time.sleep(0.5)
        return measure_ways(weft, ways, seconds)
    finally:
        weft.close()


def shut(row, doc):
    """Keeps the traffic of snat or fip away while a router gets to know its neighbours. Answers that
    nobody asked for, which come by a flat uplink, are no burden."""
    doc["ports"]["in"]["admin-state"] = "down"
    if row.is_encap:
        shut_tunnel(doc)


def let_in(weft, row):
    weft.call("port.set", name="in", **{"admin-state": "up"})
    if row.is_encap:
        open_tunnel(weft)


def replay_both_ways(row, captures, directory, seconds):
    """Flows that have been answered, in both directions at once."""
    doc = side_document(row, f"pcap:{captures['reverse']},infinite_rx=1")
    doc["ports"]["in"] = side_port(row, f"pcap:{captures['forward']},infinite_rx=1")
    if row.is_routed:
        doc["floating-ips"] = routers.floating_ips(row)
        shut(row, doc)
    weft = Weft(directory, doc)
    ways = side_ways(row)
    try:
        if row.is_routed:
            teach_router(weft, row)
            let_in(weft, row)
        for way in ways:
            weft.wait_ready(1 + row.n_hosts, way)
        weft.wait_sessions(row.n_sessions)
        time.sleep(0.5)
        sample = measure_ways(weft, ways, seconds)
        if weft.sessions() != row.n_sessions:
            raise BenchError(f"{weft.sessions()} sessions for {row.macs} flows")
        return sample
    finally:
        weft.close()


def replay_opening(row, captures, directory):
    """A capture is played once: each of its packets opens a session. The first pass is for memory
    to be there; sessions are forgotten between the passes."""
    weft = Weft(directory, side_document(row, f"pcap:{captures['arp']}" if row.is_encap else SINK))
    leaves = side_ways(row)[0]
    port = side_port(row, f"pcap:{captures['forward']}")
    packets = cycles = 0
    try:
        if row.is_encap:
            weft.wait_resolved()
        for i in range(1 + OPENING_PASSES):
            if row.is_routed:
                teach_router(weft, row)
            before, sent = weft.worker(), weft.attachments()[leaves]["tx"]
            weft.call("port.add", name="in", **port)
            weft.wait_packets(before["packets"] + row.macs)
            time.sleep(0.1) # what it counts at the end of a round
            grown_packets = weft.attachments()[leaves]["tx"] - sent
            opened = weft.sessions()
            check_loss({"all": row.macs - grown_packets}, row.macs)
            if abs(opened - grown_packets) > row.macs * MAX_LOSS:
                raise BenchError(f"{grown_packets} packets opened {opened} sessions")
            if i > 0:
                packets += grown_packets
                cycles += weft.worker()["busy-cycles"] - before["busy-cycles"]
            weft.call("port.del", name="in")
            weft.call("session.flush")
            weft.wait_sessions(0)
            time.sleep(1) # until their ids can be used again
        return counted(packets, cycles)
    finally:
        weft.close()
