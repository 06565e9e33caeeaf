# SPDX-License-Identifier: BSD-3-Clause
"""Every configuration below examples/ is accepted as it stands, by the daemon and by `config check`."""

import glob
import json
import os
import re

import pytest

from netlab import HERE
from node import Weft

EXAMPLES = os.path.normpath(os.path.join(HERE, "../../examples"))
PATHS = sorted(glob.glob(os.path.join(EXAMPLES, "**/*.json"), recursive=True))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: os.path.relpath(path, EXAMPLES))
def test_example(lab, path):
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    ns, outside = lab.ns("weft"), lab.ns("outside")
    for i, ifname in enumerate(sorted(set(re.findall(r"(?:packet|xdp):([^\",]+)", json.dumps(config))))):
        lab.veth(ns, ifname, outside, f"eth{i}")
    weft = Weft(ns, config, cores=None)
    for document in (config, weft.rpc("config.get")):
        assert weft.rpc("config.apply", config=document)["changes"] == []
    for port in config.get("ports", {}).values():
        driver, _, name = port.get("device", "").partition(":")
        if driver == "tap":
            assert ns.has(name)
