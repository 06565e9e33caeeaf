# SPDX-License-Identifier: BSD-3-Clause
"""Every configuration in examples/ is accepted as it stands, by the daemon and by `config check`."""

import glob
import json
import os
import re

import pytest

from netlab import HERE
from node import Weft

EXAMPLES = sorted(glob.glob(os.path.join(HERE, "../../examples/*.json")))


def contains(whole, part):
    """Every key of part is in whole with that value; whole may have generated ones beside."""
    if isinstance(part, dict):
        return all(key in whole and contains(whole[key], value) for key, value in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(contains, whole, part))
    return part == whole


@pytest.mark.parametrize("path", EXAMPLES, ids=os.path.basename)
def test_example(lab, path):
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    ns, outside = lab.ns("weft"), lab.ns("outside")
    for i, ifname in enumerate(sorted(set(re.findall(r"packet:([^\",]+)", json.dumps(config))))):
        lab.veth(ns, ifname, outside, f"eth{i}")
    weft = Weft(ns, config)
    assert contains(weft.rpc("config.get"), config)
    assert weft.rpc("config.apply", config=weft.rpc("config.get"))["changes"] == []
    for port in config.get("ports", {}).values():
        assert ns.has(port["device"].split(":")[1])
