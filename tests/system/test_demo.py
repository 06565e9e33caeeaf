# SPDX-License-Identifier: BSD-3-Clause
"""Both demos, as scripts/demo runs them: they work, and when something is broken they say so."""

import json
import os
import subprocess
import sys

import pytest

from netlab import HERE, left_behind

EXAMPLES = os.path.join(HERE, "../../examples")
NODES = ("node1", "node3", "node4", "node5")


def tell(script, *arguments):
    """(exit status, output) of a demo; nothing may be left behind."""
    with subprocess.Popen([sys.executable, "-B", os.path.join(EXAMPLES, script), *arguments], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        output = process.communicate(timeout=600)[0]
    assert left_behind(process.pid) == ([], [])
    return process.returncode, output


def test_quick():
    status, output = tell("demo/demo.py")
    assert status == 0, output[-3000:]


def test_replay():
    status, output = tell("openstack/replay.py")
    assert status == 0, output[-3000:]
    assert "15. Closing table" in output and "FAILED" not in output


def without_ssh(docs):
    docs["node4"]["security-groups"]["ssh-icmp"]["rules"].pop(0)


def without_controller(docs):
    docs["node4"]["tunnel"]["remotes"].remove("192.168.31.101")


def small_mtu(docs):
    docs["node3"]["networks"]["vxlan1"]["mtu"] = 1400


@pytest.mark.parametrize("spoil, fails_in", [
    (without_ssh, "9. Floating IP"), (without_controller, "4. VXLAN"), (small_mtu, "13. MTU")])
def test_broken_step_is_seen(tmp_path, spoil, fails_in):
    docs = {}
    for node in NODES:
        with open(os.path.join(EXAMPLES, "openstack", f"{node}.json"), encoding="utf-8") as file:
            docs[node] = json.load(file)
    spoil(docs)
    for node, doc in docs.items():
        (tmp_path / f"{node}.json").write_text(json.dumps(doc))
    status, output = tell("openstack/replay.py", str(tmp_path))
    assert status == 1, output[-3000:]
    assert "The demo failed" in output
    last_step = [line for line in output.splitlines() if line[:1].isdigit() and ". " in line[:4]][-1]
    assert last_step.startswith(fails_in), output[-3000:]
