# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures of the system tests. They need root; everything happens in network namespaces."""

import os
import resource

import pytest

import netlab
from netlab import Lab
from topology import Pair


def pytest_configure(config):
    netlab.interruptible()


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("the system tests make network namespaces: run them as root", returncode=4)
    if not os.access(os.path.join(netlab.tests_build_dir(), "datapath/weftd"), os.X_OK):
        pytest.exit(f"no weftd in {netlab.tests_build_dir()}: build first, or set WEFT_BUILD",
                    returncode=4)
    # Hundreds of guests are hundreds of sockets.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    netlab.sweep()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows what the processes of a failed test said."""
    outcome = yield
    report = outcome.get_result()
    lab = getattr(item, "funcargs", {}).get("lab")
    if report.failed and lab:
        for node in lab.nodes:
            if node.process:
                text = node.process.output()
                report.sections.append((f"weftd of {node.ns.short}", text[-6000:]))


@pytest.fixture
def lab():
    """A lab. At the end of the test every daemon must still run, its ledger close, and it must stop
    cleanly on SIGTERM; then all is removed, whatever happened."""
    with Lab() as the_lab:
        yield the_lab
        for node in the_lab.nodes:
            node.check()


@pytest.fixture
def pair(lab):
    """A headend pair with default settings."""
    return Pair(lab)
