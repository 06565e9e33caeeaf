# SPDX-License-Identifier: BSD-3-Clause
"""What test_cli.py leaves: the other verbs, options, output forms and ends of the weft command."""

import json
import os
import pty
import subprocess

import pytest

from node import Weft, binary
from topology import UNDERLAY

OK, REFUSED, USAGE, UNREACHABLE = range(4)
COMPLETION = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                          "../../cli/completion/weft.bash")


@pytest.fixture
def node(lab):
    """A node with an uplink for VLANs, one with the underlay, and a network of each kind."""
    return Weft(lab.ns("weft"), {
        "uplinks": {"lan": {"device": "vdev:net_null0,no-rx=1", "vlans": "1001-2000"},
                    "under": {"device": "vdev:net_null1,no-rx=1", "address": UNDERLAY + "1/24"}},
        "tunnel": {"uplink": "under", "vnis": "1-1000", "remotes": [UNDERLAY + "2"]},
        "networks": {"gw": {"segments": [{"type": "vxlan", "id": 1},
                                         {"type": "vlan", "uplink": "lan", "id": 1001}]}}})


def weft(*words, **kwargs):
    return subprocess.run([binary("weft"), *words], text=True, capture_output=True, timeout=30,
                          check=False, **kwargs)


# ---- verbs

def test_uplink(node):
    assert node.cli("uplink", "set", "lan", "vlans", "1001-1010", "vlans", "1500") == ""
    assert node.cli_json("uplink", "show", "lan")["vlans"] == "1001-1010,1500"
    assert "1001-1010,1500" in node.cli("uplink", "show")
    status, _, err = node.cli_status("uplink", "set", "lan", "vlans", "default")
    assert status == REFUSED and "E_NET_PHYSNET_UNKNOWN" in err, err
    status, _, err = node.cli_status("uplink", "del", "lan")
    assert status == REFUSED and "networks.gw" in err, err
    node.cli("network", "del", "gw")
    node.cli("uplink", "del", "lan")
    assert [row["name"] for row in node.cli_json("uplink", "show")] == ["under"]


def test_network_of_two_segments(node):
    """One command makes a gateway; what show prints are the words that make it."""
    node.cli("network", "add", "gw2", "vxlan", "2", "vlan", "lan", "1002", "mtu", "1400")
    assert "vxlan 2, vlan lan 1002" in node.cli("network", "show")
    shown = node.cli("network", "show", "gw2").splitlines()
    assert "mtu                  1400".split() in [line.split() for line in shown]
    node.cli("network", "set", "gw2", "mtu", "default", "unknown-unicast", "drop")
    row = node.cli_json("network", "show", "gw2")
    assert row["mtu"] == 1450 and row["unknown-unicast"] == "drop"
    assert [r["name"] for r in node.cli_json("network", "show", "unknown-unicast", "drop")] == ["gw2"]
    node.cli("network", "set", "gw2", "down")
    assert node.cli_json("network", "show", "gw2")["admin-state"] == "down"


def test_short_words(node):
    """What is unique may be short; what is not names the choice."""
    node.cli("net", "a", "short", "vx", "3")
    assert node.cli_json("network")[-1]["name"] == "short"
    status, _, err = node.cli_status("network", "s")
    assert status == USAGE and "show, set" in err


def test_segment_ids_are_found(node):
    node.cli("network", "add", "auto", "vxlan", "vlan", "lan")
    segments = node.cli_json("network", "show", "auto")["segments"]
    assert [segment["id"] for segment in segments] == [2, 1002]


def test_single_objects(node):
    assert node.cli_json("workers", "show")["state"]["workers"] == 1
    assert "adaptive" in node.cli("workers", "show")
    node.cli("workers", "set", "idle", "spin")
    assert node.cli_json("workers", "show")["idle"] == "spin"
    node.cli("tunnel", "set", "ttl", "10", "tos", "inherit", "udp-checksum", "false")
    shown = node.cli_json("tunnel", "show")
    assert (shown["ttl"], shown["tos"], shown["udp-checksum"]) == (10, "inherit", False)


def test_config_diff_speaks_the_command_line(node):
    """Each line of a difference can be given back to weft and makes it."""
    document = json.loads(node.cli("config", "show"))
    document["networks"]["gw"]["mtu"] = 1400
    del document["tunnel"]["remotes"]
    difference = node.cli("config", "diff", "-", stdin=json.dumps(document))
    assert "set network gw mtu 1400" in difference.splitlines()
    node.cli("network", "set", "gw", "mtu", "1400")
    node.cli("tunnel", "set", "remotes", "default")
    assert node.cli("config", "diff", "-", stdin=json.dumps(document)) == "no change\n"


def test_config_save_elsewhere(node):
    """A relative path is meant from where the user is, not the daemon."""
    done = weft("-s", node.sock, "config", "save", "copy.json", cwd=node.lab.path(""))
    path = node.lab.path("copy.json")
    assert done.returncode == OK and done.stdout == f"saved to {path}\n", done
    with open(path, encoding="utf-8") as file:
        assert json.load(file) == json.loads(node.cli("config", "show"))


def test_counters(node):
    assert "vxlan.1" in node.cli("stats")
    assert len(node.cli("stats", "segment", "lan.1001").splitlines()) == 2
    rates = node.cli("stats", "uplink", "under", "-w", "1", "-n", "2")
    assert rates.count("uplink under") == 2
    every = {row["reason"] for row in node.cli_json("drops", "all")}
    assert {"runt", "vxlan_no_i", "tx_full"} <= every
    status, _, err = node.cli_status("stats", "port", "nobody")
    assert status == REFUSED and "nobody" in err


def test_fdb_filters(node):
    node.cli("fdb", "add", "02:00:00:00:00:01", "network", "gw", "remote", UNDERLAY + "2")
    node.cli("fdb", "add", "02:00:00:00:00:02", "network", "gw", "uplink", "lan")
    assert len(node.cli_json("fdb", "show")) == 2
    one = node.cli_json("fdb", "show", "mac", "02:00:00:00:00:02")
    assert [row["at"] for row in one] == ["uplink lan"]
    assert "the first 1 entries" in node.cli("fdb", "show", "limit", "1")
    node.cli("fdb", "del", "02:00:00:00:00:01", "network", "gw")
    assert [row["mac"] for row in node.cli_json("fdb", "show")] == ["02:00:00:00:00:02"]
    assert node.cli("fdb", "flush") == "0 learned entries flushed\n"


def test_every_problem_is_told(node):
    """A refused document: a line for each thing that is wrong, with symbol and path."""
    document = {"networks": {"a": {"segments": [{"type": "vlan", "uplink": "lan", "id": 5000}]},
                             "b": {"segments": [], "mtuu": 3}}}
    status, out, err = node.cli_status("config", "check", "-", stdin=json.dumps(document))
    assert status == REFUSED and out == ""
    assert len(err.splitlines()) >= 3
    for said in ("E_NET_VLAN_INVALID at networks.a.segments[0].id", "E_NET_SEGMENTS",
                 "E_KEY_UNKNOWN at networks.b"):
        assert said in err, err


# ---- batches

def test_batch_json(node):
    lines = "network add n1 vxlan 11\nnetwork show n1\n"
    out = node.cli("-j", "batch", "-", stdin=lines)
    decoder = json.JSONDecoder()
    added, at = decoder.raw_decode(out)
    shown, _ = decoder.raw_decode(out[at:].lstrip())
    assert added["name"] == shown["name"] == "n1"


def test_batch_keeps_going(node):
    path = node.lab.path("lines")
    with open(path, "w", encoding="utf-8") as file:
        file.write("network add n1 vxlan 11\nnetwork add n1 vxlan 12\nnetwork add n3 vxlan 13\n")
    status, _, err = node.cli_status("batch", "--keep-going", path)
    assert status == REFUSED and f"{path}:2: network add: " in err and "E_EXISTS" in err
    assert {"n1", "n3"} <= {row["name"] for row in node.cli_json("network", "show")}


def test_batch_of_a_thousand(node):
    """Many lines over one connection: seconds, not minutes."""
    lines = "".join(f"fdb add 02:00:00:00:{i >> 8:02x}:{i & 255:02x} network gw uplink lan\n"
                    for i in range(1000))
    node.cli("batch", "-", stdin=lines)
    assert len(node.cli_json("fdb", "show")) == 1000


# ---- options, help, completion

def test_options():
    assert weft("-V").stdout.startswith("weft ")
    usage = weft("-h")
    assert usage.returncode == OK and "weft [-j] [-s SOCKET] OBJECT" in usage.stdout
    assert weft().returncode == USAGE
    assert weft("--no-such-option").returncode == USAGE
    late = weft("port", "show", "-j")
    assert late.returncode == USAGE and "-j" in late.stderr


def test_unreachable(node, tmp_path):
    gone = weft("-s", str(tmp_path / "none.sock"), "status")
    assert gone.returncode == UNREACHABLE and "none.sock: No such file or directory" in gone.stderr
    long = weft("-s", "/tmp/" + "x" * 200, "status")
    assert long.returncode == UNREACHABLE and "File name too long" in long.stderr
    batch = weft("-s", str(tmp_path / "none.sock"), "batch", "--keep-going", "-",
                 input="status\nstatus\n")
    assert batch.returncode == UNREACHABLE and len(batch.stderr.splitlines()) == 1


def test_help_of_every_object():
    words = weft("complete", "").stdout.split()
    assert {"network", "port", "fdb", "config", "batch"} <= set(words)
    for word in words:
        shown = weft("help", word)
        assert shown.returncode == OK and shown.stdout.startswith(f"weft {word}: ")


def test_completion(node):
    def complete(*words):
        return node.cli("complete", *words).split()
    assert complete("network", "del", "") == ["gw"]
    assert complete("network", "add", "x", "vlan", "") == ["lan", "under"]
    assert "unknown-unicast" in complete("network", "set", "gw", "unk")


@pytest.mark.parametrize("typed,offered", [
    ("network del g", ["gw"]),
    ("network ", ["show", "add", "set", "del", "help"]),
    ("uplink del u", ["under"]),
    ("fdb add 02:00:00:00:00:01 network ", ["gw"]),
])
def test_completion_in_bash(node, typed, offered):
    """The installed function, as bash calls it."""
    program = binary("weft")
    script = f"""
        source {COMPLETION}
        COMP_LINE='{program} -s {node.sock} {typed}' COMP_POINT=${{#COMP_LINE}}
        _weft && printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], text=True, capture_output=True, timeout=20,
                          check=False)
    assert done.stdout.split() == offered, done


def on_terminal(command, env):
    """What the command writes to a terminal."""
    master, slave = pty.openpty()
    with subprocess.Popen(command, stdout=slave, env={**os.environ, **env}) as process:
        os.close(slave)
        out = b""
        while True:
            try:
                block = os.read(master, 4096)
            except OSError:  # the other end is closed
                break
            if not block:
                break
            out += block
        os.close(master)
        process.wait(10)
    return out.decode()


def test_colour(node):
    """On a terminal only, and there only when it is wanted."""
    command = [binary("weft"), "-s", node.sock, "network", "show"]
    assert "\033[" in on_terminal(command, {"NO_COLOR": ""})
    assert "\033[" not in on_terminal(command, {"NO_COLOR": "1"})
    assert "\033[" not in node.cli("network", "show")
