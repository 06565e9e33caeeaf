# SPDX-License-Identifier: BSD-3-Clause
"""Metrics, as a monitoring system sees them: over HTTP, read by Prometheus' own parser."""

import collections
import http.client
import os
import re
import socket
import stat
import time

from prometheus_client.openmetrics.parser import text_string_to_metric_families
import pytest

from netlab import HERE, wait_for
from node import weftd_output
from test_xdp import WEFT, Shared

TCP = "127.0.0.1:9469"
CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
CONNECTIONS = 16  # that are accepted at a time
LIFETIME = 5.0  # of a connection
ATTACHMENT = "weft_attachment_"
IN = ("rx", "originated", "copied")
OUT = ("tx", "consumed", "dropped")


def connect(weft, listen):
    """A socket to where a node listens."""
    if listen.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        address = listen[len("unix:"):]
    else:
        host, port = listen.rsplit(":", 1)
        with weft.ns.entered():
            sock = socket.socket(socket.AF_INET6 if "[" in host else socket.AF_INET)
        address = (host.strip("[]"), int(port))
    sock.settimeout(10)
    try:
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


def request(weft, listen=TCP, method="GET", path="/metrics", **kwargs):
    """(response, body)"""
    connection = http.client.HTTPConnection("localhost", timeout=10)
    connection.sock = connect(weft, listen)
    try:
        connection.request(method, path, **kwargs)
        response = connection.getresponse()
        return response, response.read().decode()
    finally:
        connection.close()


class Page:
    """A page of metrics that the parser has taken."""

    def __init__(self, text):
        assert text.endswith("\n# EOF\n")
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples = {(sample.name, frozenset(sample.labels.items())): sample.value
                        for family in self.families.values() for sample in family.samples}
        assert all(family.documentation for family in self.families.values())

    def value(self, name, **labels):
        return self.samples[name, frozenset(labels.items())]

    def rows(self, name):
        """[(labels, value)]"""
        return [(dict(labels), value) for (sample, labels), value in self.samples.items() if sample == name]

    def sums(self, name, label):
        """{value of the label: sum}"""
        sums = collections.Counter()
        for labels, value in self.rows(name):
            sums[labels[label]] += value
        return dict(sums)

    def packets(self, words, attachment=None):
        return sum(value for word in words for labels, value in self.rows(f"{ATTACHMENT}{word}_packets_total")
                   if attachment in (None, labels["attachment"]))

    def balanced(self):
        """The ledger of each attachment and of all."""
        for attachment in self.sums(f"{ATTACHMENT}rx_packets_total", "attachment"):
            if self.packets(IN + ("handed_in",), attachment) != self.packets(OUT + ("handed_out",), attachment):
                return False
        return self.packets(IN) == self.packets(OUT)


def scrape(weft, listen=TCP):
    response, text = request(weft, listen)
    assert response.status == 200, text
    assert response.getheader("Content-Type") == CONTENT_TYPE
    return Page(text)


def served(weft, listen=TCP):
    try:
        return scrape(weft, listen)
    except OSError:
        return None


@pytest.fixture
def shared(lab):
    shared = Shared(lab)
    shared.weft.rpc("metrics.set", listen=TCP)
    return shared


# ---- what is there -----------------------------------------------------------------------------

def test_traffic(shared):
    """Scrapes while frames pass: each one is right, counters only grow, and the ledger closes."""
    weft = shared.weft
    tunnel, kernel = ({"uplink": "underlay", "to": to} for to in ("tunnel", "kernel"))
    pings = [shared.a.start_ping("10.0.0.2", count=100000), shared.linux.start_ping(WEFT, count=100000)]
    for ping in pings:
        ping.more()
    first = last = scrape(weft)
    for _ in range(20):
        page = scrape(weft)
        for key, value in last.samples.items():
            assert not key[0].endswith("_total") or page.samples[key] >= value, key
        last = page
    for ping in pings:
        ping.more()
    page = scrape(weft)
    for labels in (tunnel, kernel):
        assert page.value("weft_uplink_frames_total", **labels) \
            >= first.value("weft_uplink_frames_total", **labels) + 20
    for ping in pings:
        ping.stop()
    wait_for(lambda: scrape(weft).balanced(), "the ledger of the metrics to close")

    def same():
        """Between the two answers a kernel may ask for a neighbour again."""
        page, state = scrape(weft), shared.state()
        frames = page.sums("weft_uplink_frames_total", "to")
        kinds = ("tunnel", "vlan", "untagged", "no-socket")
        return page if all(frames[to] == state[f"frames-{to}"] for to in kinds) else None
    page = wait_for(same, "the same numbers of frames in both")
    assert page.packets(["rx"]) > 80 and page.packets(["rx"], "port a") > 40


def test_same_as_other_answers(shared):
    """The numbers are those of stats.get, drops.get and status.get."""
    weft = shared.weft
    weft.rpc("network.add", name="idle", segments=[{"type": "vxlan", "id": 2}])
    assert shared.a.ping("10.0.0.2", count=5)
    shared.a.unreachable("10.0.0.99")
    weft.rpc("network.del", name="idle")

    def same():
        before, page = weft.rpc("stats.get"), scrape(weft)
        quiet = before["total"] == weft.rpc("stats.get")["total"]
        return (before, page) if quiet and page.packets(["rx"]) == before["total"]["rx"] else None
    stats, page = wait_for(same, "two equal answers")
    for row in stats["attachments"] + [dict(stats["retired"], name="retired", kind="retired")]:
        labels = {"attachment": row["name"], "kind": row["kind"], "network": row.get("network", "")}
        for key, name in (("rx", "rx_packets"), ("rx-bytes", "rx_bytes"), ("tx", "tx_packets"),
                          ("tx-bytes", "tx_bytes"), ("originated", "originated_packets"),
                          ("copies", "copied_packets"), ("consumed", "consumed_packets"),
                          ("handed-in", "handed_in_packets"), ("handed-out", "handed_out_packets")):
            assert page.value(f"{ATTACHMENT}{name}_total", **labels) == row[key], (labels, key)
        assert page.packets(["dropped"], row["name"]) == row["drops"]
    reasons = weft.rpc("drops.get", all=True)
    assert len(page.rows("weft_drop_reason_info")) == len(reasons)
    for row in reasons:
        labels = {"reason": row["reason"], "class": row["class"]}
        assert page.value("weft_dropped_packets_total", **labels) == row["packets"]
        assert page.value("weft_drop_reason_info", reason=row["reason"], text=row["text"]) == 1
    assert page.sums("weft_events_total", "event") == stats["info"]


def test_state_of_the_node(shared):
    weft = shared.weft
    assert shared.a.ping("10.0.0.2", count=5)
    page, status = scrape(weft), weft.rpc("status.get")
    (build, one), = page.rows("weft_build_info")
    assert build["version"] == status["version"] and build["dpdk"].startswith("DPDK ") and one == 1
    assert 0 < page.value("weft_uptime_seconds") <= status["uptime"]
    entries, limits = (page.sums(f"weft_table_{name}", "table") for name in ("entries", "limit_entries"))
    assert entries["fdb"] == status["fdb"]["entries"] and limits["fdb"] == status["fdb"]["limit"]
    assert entries["sessions"] == 0 and limits["sessions"] == status["sessions"]["limit"]
    assert limits["buffers"] == status["memory"]["buffers"]
    assert entries["remotes"] == 1 and entries["neighbours"] == entries["leases"] == 0
    assert entries["attachments"] == len(weft.rpc("stats.get")["attachments"])
    assert set(limits) == set(entries) - {"leases"}
    objects = page.sums("weft_configuration_objects", "kind")
    assert objects["port"] == objects["network"] == objects["uplink"] == 1
    worker = {"worker": "0", "cpu": str(status["workers"][0]["cpu"])}
    busy, idle, cycles = (page.value(f"weft_worker_{name}_total", **worker)
                          for name in ("busy_cycles", "idle_cycles", "cycles"))
    assert busy > 0 and idle > 0 and cycles >= busy + idle
    assert 0 < page.value("weft_worker_packets_total", **worker) <= status["workers"][0]["packets"]
    assert page.rows("weft_uplink_info") == [
        ({"uplink": "underlay", "device": weft.config["uplinks"]["underlay"]["device"], "mode": "copy"}, 1)]
    assert page.value("weft_device_link_up", device="tap:a") == 1
    assert page.value("weft_device_rx_missed_packets_total", device="tap:a") == 0


def test_manual_names_all_families(shared):
    with open(os.path.join(HERE, "../../docs/metrics.md"), encoding="utf-8") as file:
        table = [line.split("|")[1] for line in file if line.startswith("| `weft_")]
    named = re.findall(r"`(weft_\w+)`", " ".join(table))
    assert sorted(named) == sorted(scrape(shared.weft).families)


def test_changes_of_the_node(shared):
    """Version, leases, sessions and the state of an uplink follow."""
    weft = shared.weft
    up = {"uplink": "underlay"}
    before = scrape(weft)
    assert before.value("weft_uplink_up", **up) == 1
    weft.rpc("port.set", name="a", port_security=True, addresses=[shared.a.address])
    assert shared.a.ping("10.0.0.2")
    shared.linux.ip("link set eth0 down")
    wait_for(lambda: scrape(weft).value("weft_uplink_up", **up) == 0, "the uplink to be down")
    page = scrape(weft)
    assert page.value("weft_configuration_version") == before.value("weft_configuration_version") + 1
    assert page.value("weft_table_entries", table="sessions") == 1
    shared.linux.ip("link set eth0 up")
    wait_for(lambda: scrape(weft).value("weft_uplink_up", **up) == 1, "the uplink to be up")
    weft.rpc("uplink.set", name="underlay", admin_state="down")
    assert scrape(weft).value("weft_uplink_up", **up) == 0


# ---- where it is served ------------------------------------------------------------------------

def test_off_by_default_and_changed_live(lab):
    shared = Shared(lab)
    weft = shared.weft
    path = lab.path("deep/metrics.sock")
    file = f"unix:{path}"
    shared.ns.run("sysctl", "-q", "-w", "net.ipv6.conf.lo.disable_ipv6=0")
    assert "nowhere" in weft.cli("metrics", "show")
    assert served(weft) is None
    for listen in (TCP, "[::1]:9469", file):
        weft.cli("metrics", "set", "listen", listen)
        assert re.search(rf"^listen +{re.escape(listen)}$", weft.cli("metrics", "show"), re.M)
        assert [other for other in (TCP, "[::1]:9469", file) if served(weft, other)] == [listen]
        assert weft.rpc("config.get")["metrics"] == {"listen": listen}
        weft.rpc("uplink.set", name="underlay", vlan_priority=1)  # another change leaves it alone
        assert served(weft, listen)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
    weft.cli("metrics", "set", "listen", "default")
    assert not [other for other in (TCP, "[::1]:9469", file) if served(weft, other)]
    assert not os.path.exists(path)


def test_from_the_configuration_file(lab):
    """It listens after a start and after a crash, and leaves no file."""
    shared = Shared(lab)
    weft = shared.weft
    path = lab.path("metrics.sock")
    weft.rpc("metrics.set", listen=f"unix:{path}")
    weft.rpc("config.save")
    weft.kill()
    assert os.path.exists(path)
    weft.start()
    weft.rpc("port.set", name="a", admin_state="up")
    assert served(weft, f"unix:{path}")
    weft.stop()
    assert not os.path.exists(path)


def test_wrong_places(shared):
    """One clear error, and it is served where it was."""
    weft = shared.weft
    version = scrape(weft).value("weft_configuration_version")
    plain = shared.lab.path("plain")
    with open(plain, "w", encoding="utf-8"):
        pass
    with shared.ns.entered(), socket.create_server(("127.0.0.1", 9470)):
        for listen, symbol, text in (
                ("0.0.0.0:9469", "E_VALUE", "is not a loopback address"),
                (f"{WEFT}:9469", "E_VALUE", "is not a loopback address"),
                ("[2001:db8::1]:9469", "E_VALUE", "is not a loopback address"),
                ("localhost:9469", "E_VALUE", "is neither ADDRESS:PORT nor unix:/PATH"),
                ("127.0.0.1", "E_VALUE", "is neither ADDRESS:PORT nor unix:/PATH"),
                ("127.0.0.1:0", "E_VALUE", "a port from 1 to 65535"),
                ("unix:metrics.sock", "E_VALUE", "a path that begins with"),
                ("127.0.0.1:9470", "E_IO", "another program listens there"),
                (f"unix:{weft.sock}", "E_IO", "another program listens there"),
                (f"unix:{plain}", "E_IO", "a file of that name that is no socket"),
                ("unix:/proc/weft/metrics.sock", "E_IO", "No such file or directory")):
            error = weft.refused("metrics.set", listen=listen)
            assert error.symbols == [symbol] and error.path == "metrics.listen", error
            assert text in str(error) and listen in str(error), error
            status, _, err = weft.cli_status("metrics", "set", "listen", listen)
            assert status != 0 and text in err and err.count("\n") == 1, err
    assert os.path.getsize(plain) == 0
    assert scrape(weft).value("weft_configuration_version") == version
    # A change that fails elsewhere does not leave a socket behind.
    path = shared.lab.path("new.sock")
    config = dict(weft.rpc("config.get"), metrics={"listen": f"unix:{path}"})
    config["uplinks"]["more"] = {"device": "packet:nothing"}
    assert "E_DEV_OPEN" in weft.refused("config.apply", config=config).symbols
    assert not os.path.exists(path) and served(weft)


def test_taken_at_start(lab):
    """weftd does not start without what it was asked for."""
    shared = Shared(lab)
    weft = shared.weft
    weft.rpc("metrics.set", listen=TCP)
    weft.rpc("config.save")
    weft.stop()
    with shared.ns.entered(), socket.create_server(("127.0.0.1", 9469)):
        status, output = weftd_output(shared.ns, "-c", weft.file, "-s", weft.sock)
    assert status == 1 and f"metrics.listen: can not listen on {TCP}" in output, output


# ---- HTTP --------------------------------------------------------------------------------------

def test_other_requests(shared):
    weft = shared.weft
    for method, path, status in (("GET", "/", 404), ("GET", "/metrics/", 404), ("GET", "/metrics?a=b", 200),
                                 ("POST", "/metrics", 405), ("PUT", "/", 405), ("DELETE", "/metrics", 405),
                                 ("HEAD", "/metrics", 405), ("OPTIONS", "/metrics", 405),
                                 ("PATCH", "/metrics", 405), ("BREW", "/metrics", 405)):
        response, _ = request(weft, method=method, path=path)
        assert response.status == status, (method, path, response.status)
        assert response.getheader("Allow") == ("GET" if status == 405 else None)
    for body, status in ((b"x" * 100, 405), (b"x" * 100000, 413)):
        assert request(weft, method="POST", body=body)[0].status == status
    for data, answer in ((b"GET /metrics HTTP/1.0\r\n\r\n", b"200"),
                         (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 100000 + b"\r\n\r\n", b"400"),
                         (b"\0\xff\r\n\r\n", b"400"), (b"\r\n" * 10, b"400"), (b"GET", b"")):
        with connect(weft, TCP) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            got = b""
            try:
                while more := sock.recv(65536):
                    got += more
            except ConnectionResetError:
                pass
            assert got.split(b" ")[1:2] == [answer] if answer else not got, (data[:20], got[:100])
    assert served(weft)


def sockets_of(weft):
    """How many sockets the daemon has open."""
    directory = f"/proc/{weft.process.pid}/fd"
    n = 0
    for fd in os.listdir(directory):
        try:
            n += os.readlink(f"{directory}/{fd}").startswith("socket:")
        except FileNotFoundError:
            pass
    return n


def calls(weft, n=50):
    """Seconds that each of some requests on the control socket took."""
    times = []
    for _ in range(n):
        begin = time.monotonic()
        weft.rpc("rpc.methods")
        times.append(time.monotonic() - begin)
    return times


def prompt(times):
    """None had to wait for a connection to end. A busy machine may let any process wait for a while, but
    not again and again."""
    times = sorted(times)
    return times[len(times) * 9 // 10] < 0.2 and times[-1] < LIFETIME / 2


@pytest.mark.parametrize("data", [b"", b"GET /met", b"GET /metrics HTTP/1.1\r\nX: "],
                         ids=["silent", "half a line", "half a header"])
def test_stuck_clients(shared, data):
    """Clients that do not go on keep neither the control socket nor packets waiting, are few, and are
    closed; then others get their turn."""
    weft = shared.weft
    ping = shared.a.start_ping("10.0.0.2", count=100000)
    ping.more()
    before = sockets_of(weft)
    begin = time.monotonic()
    clients = [connect(weft, TCP) for _ in range(CONNECTIONS)]
    try:
        for client in clients:
            client.sendall(data)
        wait_for(lambda: sockets_of(weft) == before + CONNECTIONS, "all to be accepted")
        clients += [connect(weft, TCP) for _ in range(4)]
        times = calls(weft)
        assert prompt(times), times
        assert sockets_of(weft) == before + CONNECTIONS
        ping.more()
        assert scrape(weft) and time.monotonic() - begin > LIFETIME - 0.5
        for client in clients[:CONNECTIONS]:
            assert client.recv(1000) == b"", "a stuck client was answered"
        wait_for(lambda: sockets_of(weft) == before, "all to be closed", timeout=2 * LIFETIME)
    finally:
        for client in clients:
            client.close()
    ping.more()
    ping.stop()


def test_clients_that_do_not_read(shared):
    """A long page waits for them, and not for long."""
    weft = shared.weft
    file = f"unix:{shared.lab.path('metrics.sock')}"
    before = sockets_of(weft)
    config = weft.rpc("config.get")
    config["networks"].update({f"n{i}": {"segments": [{"type": "vxlan", "id": 100 + i}]} for i in range(2000)})
    weft.rpc("config.apply", config=dict(config, metrics={"listen": file}))
    clients = []
    try:
        for _ in range(CONNECTIONS):
            clients.append(connect(weft, file))
            clients[-1].sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        wait_for(lambda: sockets_of(weft) == before + CONNECTIONS, "all to be accepted")
        times = calls(weft)
        assert prompt(times), times
        wait_for(lambda: sockets_of(weft) == before, "all to be closed", timeout=2 * LIFETIME)
        assert len(scrape(weft, file).rows("weft_attachment_rx_packets_total")) > 2000
    finally:
        for client in clients:
            client.close()


def test_many_requests(shared):
    """A client that asks all the time gets its answers, and control does its other work."""
    weft = shared.weft
    times = []
    for n in range(300):
        with connect(weft, TCP) as sock:
            sock.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            assert sock.recv(15) == b"HTTP/1.1 200 OK"
        if n % 10 == 0:
            times += calls(weft, 2)
    assert prompt(times), times
    assert shared.a.ping("10.0.0.2")
