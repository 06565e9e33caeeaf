# SPDX-License-Identifier: BSD-3-Clause
"""What weft's router does on purpose otherwise than Linux: names, and how each is known. The tests
count them; a difference that none explains is an error."""

import router_packets as rp
from router_compare import differences, is_routers_own
from router_scenario import FLOATING, GATEWAY, INSIDE, NETS, OUTSIDE

FLOATING_IPS = {host.floating for host in FLOATING}
ROUTERS_OWN = FLOATING_IPS | {GATEWAY}
BROADCASTS = {f"{net.prefix}.255" for net in NETS.values()}
PRIVATE = tuple(f"{NETS[name].prefix}." for name in INSIDE)


def _nothing_of_one(linux, weft):
    return len(linux) == 1 and not weft


def untranslated(shot, linux, weft):
    """Linux lets it out with its private address, or takes it for itself and answers with a reset."""
    if not _nothing_of_one(linux, weft):
        return False
    got = linux[0]
    if got.end == OUTSIDE and got.ip.src == shot.ip.src and got.ip.src.startswith(PRIVATE):
        return True
    return shot.ip.dst in ROUTERS_OWN and is_routers_own(got.ip, shot) and not got.ip.is_error


def zero_net(shot, linux, weft):
    return _nothing_of_one(linux, weft) and (shot.ip.src.startswith("0.") or shot.ip.dst.startswith("0."))


def broadcast_source(shot, linux, weft):
    return _nothing_of_one(linux, weft) and shot.ip.src in BROADCASTS


def link_local(shot, linux, weft):
    return _nothing_of_one(linux, weft) and shot.ip.dst.startswith("169.254.")


def _are_of(shot, weft):
    """Whether these are fragments of the shot, not all of them."""
    sent = {}
    for packet in shot.packets:
        sent.setdefault(rp.Ip(packet).offset, []).append(rp.Ip(packet).l4)
    # The first has the ports, which may be translated.
    return all(a.ip.is_fragment and any(a.ip.l4[8:] == l4[8:] and (not a.ip.offset or a.ip.l4 == l4)
                                        for l4 in sent.get(a.ip.offset, [])) for a in weft)


def incomplete(shot, linux, weft):
    return shot.ip.is_fragment and not linux and bool(weft) and _are_of(shot, weft)


def repeated(shot, linux, weft):
    return len(set(shot.packets)) < len(shot.packets) and len(linux) == 1 and _are_of(shot, weft)


# In these nothing or another packet comes out.
DEVIATIONS = {
    "R3 0.0.0.0/8": (zero_net, "martians all; Linux only 0.0.0.0"),
    "R3 broadcast source": (broadcast_source, "a connected subnet's broadcast address is nobody's"),
    "R4 untranslatable": (untranslated, "what is INVALID and would need translation is dropped; Linux "
                          "lets it out with its private address, or takes it for itself"),
    "3.3 link-local": (link_local, "nothing is forwarded to 169.254.0.0/16"),
    "4.5 incomplete datagram": (incomplete, "fragments go on as soon as the first is known; Linux "
                                "waits for all"),
    "4.5 repeated fragment": (repeated, "a fragment that overlaps another, be it the same again, ends its "
                              "datagram; Linux forgives the same again"),
}


def _only_error(shot, linux, weft):
    return len(linux) == len(weft) == 1 and linux[0].ip.is_error and is_routers_own(linux[0].ip, shot)


def _source(shot, linux, weft):
    return weft[0].ip.src == NETS[weft[0].end].router and linux[0].ip.src in ROUTERS_OWN


def _tos(shot, linux, weft):
    return weft[0].ip.tos == 0xc0 and linux[0].ip.tos == 0xc0 | shot.ip.tos & 0x1f


def _quoted_ttl(shot, linux, weft):
    return linux[0].ip.quote.ttl == shot.ip.ttl - 1 and weft[0].ip.quote.ttl == shot.ip.ttl


# In these the router's own ICMP errors differ in one field.
OF_ERRORS = {
    "4.6 source of errors": ("src", _source, "of the interface they leave by; Linux translates that of "
                             "errors about translated packets"),
    "4.6 quoted TTL": ("quoted ttl", _quoted_ttl, "as the sender wrote it; Linux has counted it down when "
                       "it finds a host unreachable"),
    "4.6 TOS of errors": ("tos", _tos, "0xc0; Linux keeps the lower bits of the packet's"),
}
REDIRECTS = "4.1 redirects"  # none are sent
PORTS = "4.2 kept ports"  # the agent has the kernel choose at random
ALL = {*DEVIATIONS, *OF_ERRORS, REDIRECTS, PORTS}


def judge(shot, linux, weft):
    """(the deviations between what came of a shot, whether they explain all)"""
    found = set()
    if any(a.is_redirect for a in linux) and not shot.ip.is_error:
        linux = [a for a in linux if not a.is_redirect]
        found.add(REDIRECTS)
    names = differences(shot, linux, weft)
    if names == set():
        return found, True
    if names and _only_error(shot, linux, weft):
        for name, (key, matches, _) in OF_ERRORS.items():
            if key in names and matches(shot, linux, weft):
                names.discard(key)
                found.add(name)
        return found, not names
    for name, (matches, _) in DEVIATIONS.items():
        if matches(shot, linux, weft):
            return found | {name}, True
    return found, False
