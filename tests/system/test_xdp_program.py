# SPDX-License-Identifier: BSD-3-Clause
"""The BPF programs of a shared uplink, frame by frame: the kernel has to be allowed to run them."""

import os

import netlab
from netlab import run


def test_verdicts():
    text = run(os.path.join(netlab.tests_build_dir(), "tests/unit/test_uplink_bpf"))
    assert "100%: Checks: 5, Failures: 0, Errors: 0" in text, text
