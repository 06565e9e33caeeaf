# SPDX-License-Identifier: BSD-3-Clause
"""The BPF programs of a shared uplink, frame by frame: the kernel has to be allowed to run them."""

import os

import netlab
from guest import QemuGuest
from netlab import run

ALL_PASSED = "100%: Checks: 4, Failures: 0, Errors: 0"


def program():
    return os.path.join(netlab.tests_build_dir(), "tests/unit/test_uplink_bpf")


def test_verdicts():
    text = run(program())
    assert ALL_PASSED in text, text


def test_verdicts_of_an_older_kernel(lab):
    """Another verifier takes the programs too, and they sort the same frames alike: Linux 6.1."""
    guest = QemuGuest(lab, "older", programs=[program()])
    guest.start()
    guest.booted()
    assert guest.run("uname -r").startswith("6.1.")
    text = guest.run("test_uplink_bpf", timeout=120)
    assert ALL_PASSED in text, text
