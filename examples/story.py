# SPDX-License-Identifier: BSD-3-Clause
"""What the demos share: a lab whose steps are told on the terminal. Any step that does not work ends
the demo with exit status 1."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/system"))

# pylint: disable=wrong-import-position
from netlab import Lab, interruptible, sweep  # noqa: E402

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


class Failed(Exception):
    """A step that did not work."""


class Story:
    """The lab, and what is printed."""

    parts = ()  # names of the methods that are the steps, in order

    def __init__(self, lab):
        self.lab = lab
        self.steps = 0

    def step(self, title):
        self.steps += 1
        print(f"\n{paint('1;36', f'{self.steps}. {title}')}")

    def say(self, text):
        print(f"   {text}")

    def check(self, what, worked):
        print(f"   {paint('32', 'ok') if worked else paint('1;31', 'FAILED')}: {what}", flush=True)
        if not worked:
            raise Failed(what)

    def show(self, where, command, output):
        print(paint("2", f"   {where}$ {command}"))
        for line in output.rstrip().splitlines():
            print(f"     {line}")

    def weft(self, node, *words):
        """Runs the CLI on a node and shows what it says, which it returns."""
        text = node.cli(*words)
        self.show(node.ns.short, "weft " + " ".join(words), text)
        return text

    def ping(self, source, target):
        self.check(f"{source.short} pings {target.short} ({target.address})",
                   source.ping(target.address))

    def wire(self, ns, ifname, options, traffic, lines=4):
        """What tcpdump sees on an interface while traffic() runs, from the first ping on."""
        command = ["tcpdump", "-n", "-e", "-l", "--immediate-mode", "-i", ifname, *options]
        dump = ns.start(*command)
        dump.wait_output("listening on")
        traffic()
        dump.wait_output("(?s)" + "ICMP echo.*" * 2)
        dump.stop()
        seen = [line for line in dump.output().splitlines() if " > " in line]
        # With -T vxlan a packet is two lines, the outer headers and the inner packet.
        first = next(i for i, line in enumerate(seen) if "ICMP echo" in line)
        seen = seen[max(0, first - ("-T" in options)):]
        self.show(ns.short, " ".join(command), "\n".join(seen[:lines]))
        return seen

    def run(self):
        for part in self.parts:
            getattr(self, part)()


def tell(story):
    """Runs a Story from beginning to end; the exit status."""
    interruptible()
    sweep()
    begin = time.monotonic()
    try:
        with Lab() as lab:
            story(lab).run()
    except KeyboardInterrupt:
        print("\ninterrupted; everything is removed again")
        return 130
    except (Failed, AssertionError, RuntimeError, OSError) as failure:
        print(f"\n{paint('1;31', 'The demo failed')}: {failure}")
        return 1
    took = time.monotonic() - begin
    print(f"\n{paint('1;32', 'Every step worked')} ({took:.0f} s). Nothing is left running.")
    return 0
