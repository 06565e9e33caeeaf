// SPDX-License-Identifier: BSD-3-Clause
// What TCP segments do to a session: the state machine and window check of Linux nf_conntrack.
// Called by conntrack.c only.

#pragma once

#include "pipeline/inet.h"
#include "tables/session.h"

enum tcp_verdict {
	TCP_TAKEN,  // it is part of the connection
	TCP_PASSED, // it may go on, but says nothing sure about the connection
	TCP_WRONG,  // INVALID
	TCP_ENDED,  // it refused the connection: the session goes
	TCP_REOPEN, // it starts a new one with the same ports: the session goes, the packet is NEW
};

// Whether a header can be true: length, offset, flags.
bool tcp_valid(const struct inet *ip);
// Whether a session can begin with it: a SYN, or an ACK in the middle of a connection.
bool tcp_begins(const struct inet *ip);
// Fills in the TCP members of a session that begins with it.
void tcp_begin(const struct session_table *table, struct session *s, const struct inet *ip);
// Takes a further segment into a session that is locked. `reply`: it goes to the originator.
enum tcp_verdict tcp_continue(
	const struct session_table *table, struct session *s, const struct inet *ip, bool reply);
