#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""mac_flood.py IFNAME COUNT MAC: sends COUNT small frames to a MAC, each from a source of its own."""

import socket
import struct
import sys

ETHERTYPE = b"\x88\xb5"  # IEEE local experimental


def main(ifname, count, destination):
    frame = bytearray(bytes.fromhex(destination.replace(":", "")) + b"\x02" + bytes(5) + ETHERTYPE
                      + bytes(46))
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    raw.bind((ifname, 0))
    for i in range(count):
        struct.pack_into("!I", frame, 8, i)
        try:
            raw.send(frame)
        except OSError:  # the queue of the device is full: that frame is lost
            pass


main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
