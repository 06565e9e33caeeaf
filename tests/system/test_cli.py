# SPDX-License-Identifier: BSD-3-Clause
"""The weft command against a live node: everything a person does by hand."""

import json

import pytest

from netlab import wait_for
from node import Weft
from topology import UNDERLAY

OK, REFUSED, USAGE, UNREACHABLE = range(4)


@pytest.fixture
def empty(lab):
    """A node that knows nothing yet, and two instances waiting."""
    weft = Weft(lab.ns("weft"), {"uplinks": {"lan": {"device": "vdev:net_null0,no-rx=1",
                                                     "vlans": "1001-2000"}}})
    weft.guests = [lab.instance(name, address, mtu=1500)
                   for name, address in (("a", "10.0.0.1"), ("b", "10.0.0.2"))]
    return weft


def test_network_by_hand(empty):
    a, b = empty.guests
    empty.cli("network", "add", "vlan1001", "vlan", "lan", "1001")
    for guest in (a, b):
        empty.cli("port", "add", guest.short, "network", "vlan1001", "device", f"tap:{guest.short}",
                  "mac", guest.hwaddr, "addresses", guest.address)
        empty.give(guest.short, guest)
    assert a.ping("10.0.0.2")

    table = empty.cli("port", "show")
    assert all(word in table for word in ("a", "b", "vlan1001", "tap:a", a.hwaddr))
    rows = {row["name"]: row for row in empty.cli_json("port", "show")}
    assert rows["a"]["mac"] == a.hwaddr and rows["b"]["network"] == "vlan1001"
    assert a.hwaddr in empty.cli("fdb", "show", "network", "vlan1001")
    assert "port a" in empty.cli("stats")
    assert "balanced" in empty.cli("audit")
    assert "worker" in empty.cli("status").lower()

    empty.cli("port", "set", "a", "admin-state", "down")
    assert a.unreachable("10.0.0.2")
    assert "port_down" in empty.cli("drops")
    empty.cli("port", "set", "a", "admin-state", "default")
    assert a.ping("10.0.0.2")
    for words in (("port", "del", "a"), ("port", "del", "b"), ("network", "del", "vlan1001")):
        empty.cli(*words)
    assert empty.cli_json("network", "show") == []


def test_security_groups_by_hand(empty):
    """What a group lets in, as seen by who pings; its sessions and its rows in the chains."""
    a, b = empty.guests
    empty.cli("network", "add", "vlan1001", "vlan", "lan", "1001")
    for guest, groups in ((a, "default"), (b, "none")):
        empty.cli("port", "add", guest.short, "network", "vlan1001", "device", f"tap:{guest.short}",
                  "mac", guest.hwaddr, "addresses", guest.address, "security-groups", groups)
        empty.give(guest.short, guest)
    assert a.unreachable("10.0.0.2")
    assert "sg_ingress" in empty.cli("drops")

    empty.cli("security-group", "add", "ping")
    empty.cli("security-group", "rule", "add", "ping", "ingress", "icmp", "icmp-type", "8")
    empty.cli("port", "set", "b", "security-groups", "ping")
    assert a.ping("10.0.0.2")
    assert "type 8" in empty.cli("security-group", "show", "ping")
    assert "icmptype 8" in empty.cli("port", "show", "b", "chains")
    assert [(row["source"], row["destination"]) for row in empty.cli_json("session", "show", "icmp")] \
        == [("10.0.0.1", "10.0.0.2")]
    assert "1 sessions flushed" in empty.cli("session", "flush", "address", "10.0.0.1")
    # An echo request more than was waited for may begin another one.
    wait_for(lambda: empty.cli("session", "flush") and empty.cli_json("session", "show") == [],
             "the sessions to go")

    status, _, err = empty.cli_status("security-group", "del", "ping")
    assert status == REFUSED and "E_SG_IN_USE" in err and "port b" in err
    empty.cli("security-group", "rule", "del", "ping", "ingress", "protocol", "1", "icmp-type", "8")
    assert a.unreachable("10.0.0.2")
    empty.cli("port", "set", "b", "port-security", "off", "security-groups", "none")
    assert a.ping("10.0.0.2")
    assert "not filtered" in empty.cli("port", "show", "b", "chains")
    empty.cli("security-group", "del", "ping")
    assert "balanced" in empty.cli("audit")


def test_tunnel_and_remotes(empty):
    empty.cli("uplink", "add", "under", "device", "vdev:net_null1,no-rx=1", "address", "192.0.2.1/24")
    empty.cli("tunnel", "set", "uplink", "under", "vnis", "1-1000", "mode", "headend")
    empty.cli("network", "add", "vxlan1", "vxlan", "1")
    empty.cli("remote", "add", UNDERLAY + "2")
    empty.cli("remote", "add", UNDERLAY + "3", "network", "vxlan1")
    assert {row["address"] for row in empty.cli_json("remote", "show")} == {
        UNDERLAY + "2", UNDERLAY + "3"}
    empty.cli("fdb", "add", "vxlan1/02:00:00:00:00:01", "remote", UNDERLAY + "2")
    assert UNDERLAY + "2" in empty.cli("fdb", "show")
    empty.cli("fdb", "del", "vxlan1/02:00:00:00:00:01")
    assert empty.cli_json("fdb", "show") == []
    empty.cli("remote", "del", UNDERLAY + "2")
    assert empty.cli_json("tunnel", "show")["remotes"] == []


def test_static_entry_by_flush(empty):
    """Flushing forgets what was learned and nothing else."""
    a, b = empty.guests
    empty.cli("network", "add", "net", "vlan", "lan", "1001")
    for guest in (a, b):
        empty.port(guest.short, guest, "net")
    b.ip("link set dev eth0 address 02:00:00:00:00:0b")
    assert a.ping("10.0.0.2")
    empty.wait_fdb("net", "02:00:00:00:00:0b", "port b")

    def forgotten():
        empty.cli("fdb", "flush", "network", "net")
        return empty.fdb("net", "02:00:00:00:00:0b") is None
    wait_for(forgotten, "a flush that nothing is heard behind")
    assert empty.fdb("net", a.hwaddr)["static"]
    assert a.ping("10.0.0.2")


@pytest.mark.parametrize("words,status,says", [
    (("network", "add", "x", "vlan", "lan", "1000"), REFUSED, ["E_NET_VLAN_OUT_OF_RANGE", "1001-2000"]),
    (("network", "add", "x", "vlan", "lan", "4095"), REFUSED, ["E_NET_VLAN_INVALID", "4094"]),
    (("network", "add", "x", "vlan", "nowhere", "1001"), REFUSED, ["E_NET_PHYSNET_UNKNOWN", "nowhere"]),
    (("network", "add", "x", "vxlan", "1"), REFUSED, ["vxlan", "tunnel"]),
    (("network", "del", "x"), REFUSED, ["E_NOT_FOUND", "x"]),
    (("port", "add", "p", "network", "x", "device", "tap:p"), REFUSED, ["E_REFERENCE", "x"]),
    (("uplink", "add", "u", "device", "floppy:p"), REFUSED, ["E_CFG_DEVICE", "floppy"]),
    (("port", "add", "p", "device", "tap:p"), USAGE, ["network"]),
    (("port", "add", "p", "colour", "red"), USAGE, ["colour"]),
    (("port", "add", "p", "mac", "zz"), USAGE, ["zz"]),
    (("prot", "show"), USAGE, ["prot", "port"]),
    (("port", "shov"), USAGE, ["shov", "show"]),
    (("config", "apply", "/nowhere/x.json"), USAGE, ["/nowhere/x.json"]),
])
def test_wrong_input(empty, words, status, says):
    """One sentence that says what is wrong, where, and what would be right; nothing changed."""
    before = empty.rpc("config.get")
    got, out, err = empty.cli_status(*words)
    assert got == status and out == "", (out, err)
    assert all(word in err for word in says), err
    assert len(err.splitlines()) == 1, err
    assert empty.rpc("config.get") == before


def test_no_daemon(lab):
    weft = Weft(lab.ns("weft"), {}, start=False)
    status, _, err = weft.cli_status("status")
    assert status == UNREACHABLE and weft.sock in err


def test_batch(empty):
    lines = ["# two networks", "network add n1 vlan lan 1001", "network add n2 vlan lan",
             "network set n2 mtu 1400"]
    assert empty.cli_status("batch", "-", stdin="\n".join(lines) + "\n")[0] == OK
    networks = {row["name"]: row for row in empty.cli_json("network", "show")}
    assert networks["n2"]["segments"][0]["id"] == 1002 and networks["n2"]["mtu"] == 1400

    lines = ["network add n3 vlan lan", "network add n1 vlan lan", "network add n4 vlan lan"]
    status, _, err = empty.cli_status("batch", "-", stdin="\n".join(lines) + "\n")
    assert status == REFUSED and "2" in err and "n1" in err
    assert {row["name"] for row in empty.cli_json("network", "show")} == {"n1", "n2", "n3"}


def test_config_verbs(empty):
    document = json.loads(empty.cli("config", "show"))
    document["networks"] = {"n1": {"segments": [{"type": "flat", "uplink": "lan"}]}}
    path = empty.lab.path("new.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)
    assert "n1" in empty.cli("config", "check", path)
    assert empty.cli_json("network", "show") == []
    assert "n1" in empty.cli("config", "apply", path)
    assert empty.cli_json("network", "show")[0]["name"] == "n1"
    assert empty.file in empty.cli("config", "save")
    with open(empty.file, encoding="utf-8") as file:
        assert "n1" in json.load(file)["networks"]

    document["networks"]["n2"] = document["networks"]["n1"]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)
    status, _, err = empty.cli_status("config", "apply", path)
    assert status == REFUSED and "E_NET_FLAT_IN_USE" in err
