#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the configuration of a gateway to stdout: VXLAN networks bridged to VLANs of a trunk, VNI 1 to
VLAN 1001 and so on, and one more, VNI 1000, that is routed to the outside behind the gateway's own
address."""

import argparse
import json

FIRST_VLAN = 1001
ROUTED_VNI = 1000


def count(text):
    number = int(text)
    if not 0 < number < ROUTED_VNI:
        raise argparse.ArgumentTypeError(f"{text} is not 1 to {ROUTED_VNI - 1}")
    return number


def networks(number):
    """The bridged ones: each is one broadcast domain with a leg in the tunnel and one on the trunk."""
    return {f"net{i:03}": {"segments": [{"type": "vxlan", "id": i},
                                        {"type": "vlan", "uplink": "trunk", "id": FIRST_VLAN + i - 1}]}
            for i in range(1, number + 1)}


def configuration(args):
    return {
        "uplinks": {
            "underlay": {"device": args.underlay, "address": args.address},
            "trunk": {"device": args.trunk, "vlans": f"{FIRST_VLAN}-{FIRST_VLAN + args.networks - 1}"},
            "outside": {"device": args.outside}},
        "tunnel": {"uplink": "underlay", "remotes": args.remotes.split(",")},
        "networks": {
            **networks(args.networks),
            "routed": {"segments": [{"type": "vxlan", "id": ROUTED_VNI}]},
            "outside": {"segments": [{"type": "flat", "uplink": "outside"}], "external": True}},
        "subnets": {
            "routed": {"network": "routed", "cidr": "10.1.0.0/24",
                       "dhcp": {"mode": "responder", "mac": "02:00:00:01:00:02"}},
            "outside": {"network": "outside", "cidr": "203.0.113.0/24", "gateway": "203.0.113.1"}},
        "routers": {
            "edge": {"interfaces": [{"subnet": "routed", "mac": "02:00:00:01:00:01"}],
                     "gateway": {"network": "outside", "address": "203.0.113.2",
                                 "mac": "02:00:00:02:00:02"}}}}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=count, default=100, metavar="N",
                        help="how many are bridged, 1 to 999; default 100")
    parser.add_argument("--address", default="192.168.31.110/24", help="of the tunnel; default %(default)s")
    parser.add_argument("--remotes", default="192.168.31.101,192.168.31.103,192.168.31.104",
                        help="the other ends of the tunnel; default %(default)s")
    for uplink, device in (("underlay", "packet:ens18"), ("trunk", "packet:ens19"),
                           ("outside", "packet:ens20")):
        parser.add_argument(f"--{uplink}", default=device, metavar="DEVICE", help="default %(default)s")
    print(json.dumps(configuration(parser.parse_args()), indent=2))


if __name__ == "__main__":
    main()
