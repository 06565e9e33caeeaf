# SPDX-License-Identifier: BSD-3-Clause
"""The BPF programs of a shared uplink, frame by frame, and their loader: the kernel has to be allowed to
run them. The kernel of this machine, and an older one in a virtual machine."""

import os

import pytest

import netlab
from guest import QemuGuest
from netlab import run

TESTS = {"test_uplink_bpf": 4, "test_uplink_attach": 3}


def path(name):
    return os.path.join(netlab.tests_build_dir(), "tests/unit", name)


def check(name, text):
    assert f"100%: Checks: {TESTS[name]}, Failures: 0, Errors: 0" in text, text


@pytest.mark.parametrize("name", TESTS)
def test_this_kernel(name):
    check(name, run(path(name)))


def test_older_kernel(lab):
    """Another verifier takes the programs too, they sort the same frames alike, and veth and AF_XDP let
    them be used: Linux 6.1."""
    guest = QemuGuest(lab, "older", programs=[path(name) for name in TESTS])
    guest.start()
    guest.booted()
    assert guest.run("uname -r").startswith("6.1.")
    for name in TESTS:
        check(name, guest.run(f"{name} || true", timeout=120))
