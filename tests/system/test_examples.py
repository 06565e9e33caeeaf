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


@pytest.mark.parametrize("path", EXAMPLES, ids=os.path.basename)
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
        assert ns.has(port["device"].split(":")[1])
