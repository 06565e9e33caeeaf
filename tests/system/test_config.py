# SPDX-License-Identifier: BSD-3-Clause
"""Whole configurations: applied as one, refused as one, kept over a restart."""

import json

import pytest

from netlab import wait_for
from node import Weft, weftd_output
from topology import Pair

BROKEN = {
    "uplinks": {"provider": {"device": "vdev:net_null0,no-rx=1", "vlans": "1001-2000", "colour": "red"}},
    "networks": {"n1": {"segments": [{"type": "vlan", "uplink": "provider", "id": 1000}]},
                 "n2": {"segments": [{"type": "vlan", "uplink": "provider", "id": 4095}]},
                 "n3": {"segments": [{"type": "vlan", "uplink": "nowhere", "id": 1001}]}},
    "ports": {"p": {"network": "n9", "device": "tap:p"}},
}
WRONG = {
    "uplinks.provider.colour": "E_KEY_UNKNOWN",
    "networks.n1.segments[0].id": "E_NET_VLAN_OUT_OF_RANGE",
    "networks.n2.segments[0].id": "E_NET_VLAN_INVALID",
    "networks.n3.segments[0].uplink": "E_NET_PHYSNET_UNKNOWN",
    "ports.p.network": "E_REFERENCE",
}


def test_daemon_refuses_a_broken_file(lab):
    """Everything wrong is reported at once, each with its path; nothing is left running."""
    ns = lab.ns("weft")
    with open(lab.path("broken.json"), "w", encoding="utf-8") as file:
        json.dump(BROKEN, file)
    status, output = weftd_output(ns, "-c", file.name, "-s", lab.path("sock"))
    assert status not in (0, None) and status > 0
    for path, symbol in WRONG.items():
        lines = [line for line in output.splitlines() if path in line]
        assert lines and symbol in lines[0], output


@pytest.mark.parametrize("text", ["", "{", "[]", '{"networks": []}', "{} trailing", '{"a": 1}'])
def test_daemon_refuses_what_is_no_configuration(lab, text):
    ns = lab.ns("weft")
    with open(lab.path("bad.json"), "w", encoding="utf-8") as file:
        file.write(text)
    status, output = weftd_output(ns, "-c", file.name, "-s", lab.path("sock"))
    assert status > 0 and "E_" in output and "bad.json" in output, output


def test_daemon_refuses_a_missing_file(lab):
    status, output = weftd_output(lab.ns("weft"), "-c", "/nowhere/weft.json", "-s", lab.path("sock"))
    assert status > 0 and "/nowhere/weft.json" in output


def test_second_daemon_on_a_socket(pair):
    """The first one keeps its socket and its traffic."""
    with open(pair.lab.path("empty.json"), "w", encoding="utf-8") as file:
        file.write("{}")
    status, output = weftd_output(pair.lab.ns("second"), "-c", file.name, "-s", pair.weft.sock)
    assert status > 0 and pair.weft.sock in output
    assert pair.weft.rpc("status.get")["pid"] == pair.weft.process.pid
    assert pair.weft.cli("status")


def test_refused_apply_changes_nothing(pair):
    """One wrong key in a document of good changes: no object of it appears, no packet is lost."""
    assert pair.a.ping("10.0.0.2")
    before = pair.weft.rpc("config.get")
    document = json.loads(json.dumps(before))
    document["networks"]["vxlan2"] = {"segments": [{"type": "vxlan", "id": 2}]}
    document["networks"]["vxlan3"] = {"segments": [{"type": "vxlan", "id": 2}]}
    document["ports"]["extra"] = {"network": "vxlan2", "device": "tap:extra"}
    del document["ports"]["a"]
    ping = pair.a.start_ping("10.0.0.2", interval=0.005)
    ping.more()
    for method in ("config.check", "config.apply"):
        error = pair.weft.refused(method, config=document)
        assert error.symbols == ["E_NET_VNI_IN_USE"]
        assert error.path.startswith("networks.vxlan")
    assert ping.lost() == []
    assert pair.weft.rpc("config.get") == before
    assert not pair.weft.ns.has("extra"), "no device of a refused change stays"


def test_device_failure_changes_nothing(pair):
    """A device that can not be opened refuses the change, beside one that can."""
    before = pair.weft.rpc("config.get")
    document = json.loads(json.dumps(before))
    document["ports"]["good"] = {"network": "vxlan1", "device": "tap:good"}
    document["ports"]["wrong"] = {"network": "vxlan1", "device": "packet:missing0"}
    error = pair.weft.refused("config.apply", config=document)
    assert error.symbols == ["E_DEV_OPEN"] and error.path == "ports.wrong.device"
    assert "missing0" in str(error)
    assert pair.weft.rpc("config.get") == before
    wait_for(lambda: not pair.weft.ns.has("good"), "the opened device to go again")
    assert pair.a.ping("10.0.0.2")


def test_check_tells_and_apply_does(pair):
    document = pair.weft.rpc("config.get")
    document["networks"]["vxlan2"] = {"segments": [{"type": "vxlan", "id": 2}]}
    document["tunnel"]["ageing"] = 60
    told = pair.weft.rpc("config.check", config=document)["changes"]
    assert len(told) == 2 and "add network vxlan2" in told
    assert "vxlan2" not in pair.weft.rpc("config.get")["networks"]
    assert pair.weft.rpc("config.apply", config=document)["changes"] == told
    assert pair.weft.rpc("config.get")["networks"]["vxlan2"]["segments"][0]["id"] == 2
    assert pair.weft.rpc("config.apply", config=pair.weft.rpc("config.get"))["changes"] == []


def test_saved_configuration_survives_a_restart(lab):
    """What was added by hand is there again, generated values included."""
    pair = Pair(lab)
    assert pair.a.ping("10.0.0.2")
    pair.weft.rpc("network.add", name="vxlan2", segments=[{"type": "vxlan"}])
    added = pair.weft.rpc("port.add", name="c", network="vxlan2", device="tap:c")
    saved = pair.weft.rpc("config.save")
    assert saved["file"] == pair.weft.file
    before = pair.weft.rpc("config.get")
    pair.weft.restart()
    assert pair.weft.rpc("config.get") == before
    assert pair.weft.rpc("port.list")[1]["mac"] == added["mac"]

    # The old TAP device went with the daemon; the instance gets the new one.
    wait_for(lambda: not pair.a.has("eth0"), "the old TAP device to go")
    pair.weft.give("a", pair.a)
    assert pair.a.ping("10.0.0.2")


def test_save_elsewhere(pair):
    path = pair.lab.path("copy.json")
    assert pair.weft.rpc("config.save", file=path) == {"file": path}
    with open(path, encoding="utf-8") as file:
        assert json.load(file) == pair.weft.rpc("config.get")
    assert pair.weft.refused("config.save", file="/nowhere/x.json").code == 2


def test_node_without_anything(lab):
    """An empty document is a node that waits to be told."""
    weft = Weft(lab.ns("weft"), {})
    a, b = (lab.instance(name, address, mtu=1500)
            for name, address in (("a", "10.0.0.1"), ("b", "10.0.0.2")))
    weft.rpc("uplink.add", name="nothing", device="vdev:net_null0,no-rx=1")
    weft.rpc("network.add", name="local", segments=[{"type": "flat", "uplink": "nothing"}])
    weft.port("a", a, "local")
    weft.port("b", b, "local")
    assert a.ping("10.0.0.2", size=1472, df=True)
