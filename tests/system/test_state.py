# SPDX-License-Identifier: BSD-3-Clause
"""The state directory: what weftd chose itself is the same after a restart, however it ended."""

import json
import os
import signal

import pytest

from node import Weft, weftd_output

# Everything that is left to weft.
CONFIG = {
    "uplinks": {"u": {"device": "tap:u", "vlans": "100-199"}},
    "networks": {"outside": {"segments": [{"type": "flat", "uplink": "u"}], "external": True},
                 "inside": {"segments": [{"type": "vlan", "uplink": "u"}]}},
    "subnets": {"outside": {"network": "outside", "cidr": "10.1.0.0/24"},
                "inside": {"network": "inside", "cidr": "172.16.1.0/24",
                           "dhcp": {"mode": "responder"}}},
    "ports": {"web": {"network": "inside", "device": "tap:web"}, "far": {"network": "inside"}},
    "routers": {"r": {"interfaces": ["inside"], "gateway": {"network": "outside"}}},
    "floating-ips": {"site": {"network": "outside", "port": "web"}},
}


@pytest.fixture(name="weft")
def running_weft(lab):
    return Weft(lab.ns("weft"), CONFIG)


def state_file(weft):
    return os.path.join(weft.state_dir, "running.json")


def test_the_document_in_force_is_kept(weft):
    with open(state_file(weft), encoding="utf-8") as file:
        assert json.load(file) == weft.rpc("config.get")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_item_124_generated_values_stay(weft, end):
    """Also those of objects that came by request and are added again, and with a newcomer that is
    first in every order."""
    weft.rpc("port.add", name="db", network="inside", device="tap:db")
    before = weft.rpc("config.get")
    weft.process.stop(sig=end)
    weft.config["ports"]["db"] = {"network": "inside", "device": "tap:db"}
    weft.config["ports"]["a"] = {"network": "inside"}
    with open(weft.file, "w", encoding="utf-8") as file:
        json.dump(weft.config, file)
    weft.start()
    after = weft.rpc("config.get")
    newcomer = after["ports"].pop("a")
    assert after == before
    assert newcomer["addresses"] not in [port["addresses"] for port in after["ports"].values()]


def test_what_the_file_says_wins(weft):
    weft.stop()
    weft.config["ports"]["far"] = {"network": "inside", "addresses": ["172.16.1.77"],
                                   "mac": "fa:16:3e:00:00:77"}
    with open(weft.file, "w", encoding="utf-8") as file:
        json.dump(weft.config, file)
    weft.start()
    far = weft.rpc("port.list", name="far")[0]
    assert (far["addresses"], far["mac"]) == (["172.16.1.77"], "fa:16:3e:00:00:77")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"ports": 7, "new-kind": {}}'])
def test_a_spoilt_file_does_no_harm(weft, text):
    weft.stop()
    with open(state_file(weft), "w", encoding="utf-8") as file:
        file.write(text)
    weft.start()
    with open(state_file(weft), encoding="utf-8") as file:
        assert json.load(file) == weft.rpc("config.get")
    assert "last process left" in weft.process.output()


def test_a_directory_that_can_not_be_made_is_named(lab):
    ns = lab.ns("weft")
    weft = Weft(ns, CONFIG, start=False)
    status, output = weftd_output(ns, "-c", weft.file, "-s", weft.sock,
                                  "--state-dir", "/proc/weft")
    assert status == 1
    assert "state directory /proc/weft can not be made" in output and "--state-dir" in output


def test_a_directory_is_for_one_daemon(weft):
    ns = weft.lab.ns("second")
    second = Weft(ns, {"networks": {}}, start=False)
    directory = weft.state_dir
    status, output = weftd_output(ns, "-c", second.file, "-s", second.sock,
                                  "--state-dir", directory)
    assert status == 1
    assert f"another weftd uses state directory {directory}" in output


def test_check_needs_no_directory(lab):
    ns = lab.ns("weft")
    weft = Weft(ns, CONFIG, start=False)
    directory = lab.path("none")
    status, output = weftd_output(ns, "-c", weft.file, "--state-dir", directory, "--check")
    assert (status, os.path.exists(directory)) == (0, False), output
