// SPDX-License-Identifier: BSD-3-Clause
// The chains of a filtered port as people know them from iptables: what each row counter stands
// for. The comments are those that operators of neutron find in their dumps.

#include <stdio.h>

#include "control/filters.h"
#include "net/protocol.h"

#define ANY4 "0.0.0.0/0"
#define ANY6 "::/0"

#define KNOWN "Direct packets associated with a known session to the RETURN chain."
#define INVALID                                                                                    \
	"Drop packets that appear related to an existing connection (e.g. TCP ACK/FIN) but do "    \
	"not have an entry in conntrack."
#define FALLBACK    "neutron-linuxbri-sg-fallback"
#define UNMATCHED   "Send unmatched traffic to the fallback chain."
#define DHCP_CLIENT "Allow DHCP client traffic."
#define DHCP_SPOOF  "Prevent DHCP Spoofing by VM."
#define PAIR_ALLOW  "Allow traffic from defined IP/MAC pairs."
#define PAIR_DROP   "Drop traffic without an IP/MAC allow rule."

struct builder {
	const struct model *model;
	const struct port_config *port;
	struct arena *arena;
	struct chain_rows rows;
	size_t room;
};

static void add(struct builder *b, const struct chain_row *row)
{
	if (b->rows.n == b->room) {
		struct chain_row *list;

		b->room = b->room != 0 ? 2 * b->room : 64;
		list = arena_alloc(b->arena, b->room * sizeof(*list));
		for (size_t i = 0; i < b->rows.n; i++)
			list[i] = b->rows.list[i];
		b->rows.list = list;
	}
	b->rows.list[b->rows.n++] = *row;
	if (row->index >= b->rows.n_counters)
		b->rows.n_counters = row->index + 1;
}

// ---- rows with a counter of their own ----------------------------------------------------------

static const struct chain_row in4_head[] = {
	{"ingress ipv4", ROW_IN_RELATED, "RETURN", "all", ANY4, ANY4, "state RELATED,ESTABLISHED",
		KNOWN},
	{"ingress ipv4", ROW_IN_DHCP, "RETURN", "udp", ANY4, NULL, "udp spt:67 dpt:68", ""},
	{"ingress ipv4", ROW_IN_DHCP_BROADCAST, "RETURN", "udp", ANY4, "255.255.255.255",
		"udp spt:67 dpt:68", ""},
	{NULL},
};

static const struct chain_row in4_tail[] = {
	{"ingress ipv4", ROW_IN_INVALID, "DROP", "all", ANY4, ANY4, "state INVALID", INVALID},
	{"ingress ipv4", ROW_IN_FALLBACK, FALLBACK, "all", ANY4, ANY4, "", UNMATCHED},
	{NULL},
};

static const struct chain_row out4_head[] = {
	{"egress ipv4", ROW_OUT_DISCOVER, "RETURN", "udp", "0.0.0.0", "255.255.255.255",
		"udp spt:68 dpt:67", DHCP_CLIENT},
	{"egress ipv4", ROW_OUT_DHCP, "RETURN", "udp", ANY4, ANY4, "udp spt:68 dpt:67",
		DHCP_CLIENT},
	{"egress ipv4", ROW_OUT_DHCP_SERVER, "DROP", "udp", ANY4, ANY4, "udp spt:67 dpt:68",
		DHCP_SPOOF},
	{"egress ipv4", ROW_OUT_RELATED, "RETURN", "all", ANY4, ANY4, "state RELATED,ESTABLISHED",
		KNOWN},
	{NULL},
};

static const struct chain_row out4_tail[] = {
	{"egress ipv4", ROW_OUT_INVALID, "DROP", "all", ANY4, ANY4, "state INVALID", INVALID},
	{"egress ipv4", ROW_OUT_FALLBACK, FALLBACK, "all", ANY4, ANY4, "", UNMATCHED},
	{NULL},
};

static const struct chain_row spoof4_tail[] = {
	{"spoof ipv4", ROW_OUT_SPOOF, "DROP", "all", ANY4, ANY4, "", PAIR_DROP},
	{NULL},
};

static const struct chain_row in6_head[] = {
	{"ingress ipv6", ROW_IN6_NEIGHBOUR, "RETURN", "ipv6-icmp", ANY6, ANY6,
		"ipv6-icmptype 130,135,136", ""},
	{"ingress ipv6", ROW_IN6_RELATED, "RETURN", "all", ANY6, ANY6, "state RELATED,ESTABLISHED",
		KNOWN},
	{"ingress ipv6", ROW_IN6_RA, "RETURN", "ipv6-icmp", ANY6, ANY6, "ipv6-icmptype 134", ""},
	{"ingress ipv6", ROW_IN6_DHCP, "RETURN", "udp", ANY6, NULL, "udp spt:547 dpt:546", ""},
	{NULL},
};

static const struct chain_row in6_tail[] = {
	{"ingress ipv6", ROW_IN6_INVALID, "DROP", "all", ANY6, ANY6, "state INVALID", INVALID},
	{"ingress ipv6", ROW_IN6_FALLBACK, FALLBACK, "all", ANY6, ANY6, "", UNMATCHED},
	{NULL},
};

static const struct chain_row out6_head[] = {
	{"egress ipv6", ROW_OUT6_UNSPECIFIED, "RETURN", "ipv6-icmp", "::", "ff02::/16",
		"ipv6-icmptype 131,135,143", "Allow IPv6 ICMP traffic."},
	{"egress ipv6", ROW_OUT6_RA, "DROP", "ipv6-icmp", ANY6, ANY6, "ipv6-icmptype 134",
		"Prevent IPv6 RA spoofing by VM."},
	{"egress ipv6", ROW_OUT6_ICMP, "RETURN", "ipv6-icmp", ANY6, ANY6, "",
		"Allow IPv6 ICMP traffic."},
	{"egress ipv6", ROW_OUT6_DHCP, "RETURN", "udp", ANY6, ANY6, "udp spt:546 dpt:547",
		DHCP_CLIENT},
	{"egress ipv6", ROW_OUT6_DHCP_SERVER, "DROP", "udp", ANY6, ANY6, "udp spt:547 dpt:546",
		DHCP_SPOOF},
	{"egress ipv6", ROW_OUT6_RELATED, "RETURN", "all", ANY6, ANY6, "state RELATED,ESTABLISHED",
		KNOWN},
	{NULL},
};

static const struct chain_row out6_tail[] = {
	{"egress ipv6", ROW_OUT6_INVALID, "DROP", "all", ANY6, ANY6, "state INVALID", INVALID},
	{"egress ipv6", ROW_OUT6_FALLBACK, FALLBACK, "all", ANY6, ANY6, "", UNMATCHED},
	{NULL},
};

static const struct chain_row spoof6_tail[] = {
	{"spoof ipv6", ROW_OUT6_SPOOF, "DROP", "all", ANY6, ANY6, "", PAIR_DROP},
	{NULL},
};

static const struct chain_row l2_rows[] = {
	{"mac", ROW_SPOOF_MAC, "DROP", "all", "any", "any", "", "Drop traffic from other MACs."},
	{"arp", ROW_SPOOF_ARP_IP, "DROP", "arp", "any", "any", "",
		"Drop ARP from addresses that are not the port's."},
	{"arp", ROW_SPOOF_ARP_MAC, "DROP", "arp", "any", "any", "",
		"Drop ARP whose hardware address is not its sender's."},
	{NULL},
};

// The fixed addresses of one family, or what else stands for none.
static const char *own_addresses(struct builder *b, bool v4)
{
	const char *text = "";
	char address[IP_TEXT_LEN];

	for (size_t i = 0; i < b->port->addresses.n; i++) {
		const struct ip_addr *ip = &b->port->addresses.list[i];

		if (ip_is_v4(ip) == v4)
			text = arena_printf(b->arena, "%s%s%s", text, *text != '\0' ? "," : "",
				ip_format(ip, address));
	}
	if (!v4)
		return arena_printf(b->arena, "%s%sfe80::/64", text, *text != '\0' ? "," : "");
	return *text != '\0' ? text : "none";
}

static void add_fixed(struct builder *b, const struct chain_row *rows)
{
	for (; rows->chain != NULL; rows++) {
		struct chain_row row = *rows;

		if (row.destination == NULL)
			row.destination = own_addresses(b, row.index == ROW_IN_DHCP);
		add(b, &row);
	}
}

// ---- pairs and rules ---------------------------------------------------------------------------

static void add_pair(struct builder *b, const struct filter_source *source, uint32_t index)
{
	bool v4 = ip_is_v4(&source->prefix.addr);
	char address[PREFIX_TEXT_LEN];
	char mac[MAC_TEXT_LEN];

	if (source->prefix.len == (v4 ? 32 : 128))
		ip_format(&source->prefix.addr, address);
	else
		ip_prefix_format(&source->prefix, address);
	add(b, &(struct chain_row){
		       .chain = v4 ? "spoof ipv4" : "spoof ipv6",
		       .index = index,
		       .target = "RETURN",
		       .protocol = "all",
		       .source = arena_strdup(b->arena, address),
		       .destination = v4 ? ANY4 : ANY6,
		       .match = arena_printf(b->arena, "MAC %s", mac_format(&source->mac, mac)),
		       .comment = PAIR_ALLOW,
	       });
}

static void add_pairs(struct builder *b, const struct filter_sources *sources, bool v4)
{
	for (size_t i = 0; i < sources->n; i++) {
		if (ip_is_v4(&sources->list[i].prefix.addr) == v4)
			add_pair(b, &sources->list[i], N_FILTER_ROWS + i);
	}
}

static const char *rule_protocol(struct builder *b, const struct security_rule *rule)
{
	const char *name = protocol_name(rule->protocol);

	if (rule->protocol == PROTOCOL_ANY)
		return "all";
	return name != NULL ? name : arena_printf(b->arena, "%u", rule->protocol);
}

// The set of a group's addresses, as neutron calls it: "NIPv4" and as much of its id as fits.
static const char *rule_set(struct builder *b, const struct security_rule *rule)
{
	if (rule->remote_group == NULL)
		return "";
	return arena_printf(b->arena, "match-set NIPv%c%.24s %s",
		rule->family == RULE_IPV4 ? '4' : '6', rule->remote_group,
		rule->direction == RULE_INGRESS ? "src" : "dst");
}

// "tcp dpt:22", "icmptype 8 code 0" or nothing.
static const char *rule_kind(struct builder *b, const struct security_rule *rule)
{
	const char *icmp = rule->family == RULE_IPV4 ? "icmptype" : "ipv6-icmptype";
	const char *protocol = rule_protocol(b, rule);

	if (rule->ports_given && rule->ports.min == rule->ports.max)
		return arena_printf(b->arena, "%s dpt:%u", protocol, rule->ports.min);
	if (rule->ports_given)
		return arena_printf(
			b->arena, "%s dpts:%u:%u", protocol, rule->ports.min, rule->ports.max);
	if (rule->icmp_type == ICMP_ANY)
		return "";
	if (rule->icmp_code == ICMP_ANY)
		return arena_printf(b->arena, "%s %u", icmp, rule->icmp_type);
	return arena_printf(b->arena, "%s %u code %u", icmp, rule->icmp_type, rule->icmp_code);
}

// What a rule looks at beside protocol and addresses.
static const char *rule_match(struct builder *b, const struct security_rule *rule)
{
	const char *set = rule_set(b, rule), *kind = rule_kind(b, rule);
	const char *blank = *set != '\0' && *kind != '\0' ? " " : "";

	return arena_printf(b->arena, "%s%s%s", set, blank, kind);
}

// A port without fixed addresses may use any, with its own MAC.
static void add_mac(struct builder *b, bool v4)
{
	char mac[MAC_TEXT_LEN];

	if (b->port->addresses.n != 0)
		return;
	add(b, &(struct chain_row){
		       .chain = v4 ? "spoof ipv4" : "spoof ipv6",
		       .index = v4 ? ROW_OUT_MAC : ROW_OUT6_MAC,
		       .target = "RETURN",
		       .protocol = "all",
		       .source = v4 ? ANY4 : ANY6,
		       .destination = v4 ? ANY4 : ANY6,
		       .match = arena_printf(b->arena, "MAC %s", mac_format(&b->port->mac, mac)),
		       .comment = PAIR_ALLOW,
	       });
}

static void add_rule(
	struct builder *b, const struct security_rule *rule, const char *chain, uint32_t index)
{
	const char *any = rule->family == RULE_IPV4 ? ANY4 : ANY6;
	char prefix[PREFIX_TEXT_LEN];
	const char *remote = any;

	if (rule->remote_prefix_given)
		remote = arena_strdup(b->arena, ip_prefix_format(&rule->remote_prefix, prefix));
	add(b, &(struct chain_row){
		       .chain = chain,
		       .index = index,
		       .target = "RETURN",
		       .protocol = rule_protocol(b, rule),
		       .source = rule->direction == RULE_INGRESS ? remote : any,
		       .destination = rule->direction == RULE_INGRESS ? any : remote,
		       .match = rule_match(b, rule),
		       .comment = "",
	       });
}

static void add_chain_rules(struct builder *b, enum filter_chain chain, const char *name)
{
	uint32_t index = filters_first_rule(b->model, b->port, chain);
	struct filter_rules rules = filters_rules(b->model, b->port, chain, b->arena);

	for (size_t i = 0; i < rules.n; i++)
		add_rule(b, rules.list[i], name, index + i);
}

struct chain_rows filters_rows(
	const struct model *model, const struct port_config *port, struct arena *arena)
{
	struct builder b = {.model = model, .port = port, .arena = arena};
	struct filter_sources sources = filters_sources(port, arena);

	add_fixed(&b, in4_head);
	add_chain_rules(&b, CHAIN_IN4, "ingress ipv4");
	add_fixed(&b, in4_tail);
	add_fixed(&b, out4_head);
	add_chain_rules(&b, CHAIN_OUT4, "egress ipv4");
	add_fixed(&b, out4_tail);
	add_pairs(&b, &sources, true);
	add_mac(&b, true);
	add_fixed(&b, spoof4_tail);
	add_fixed(&b, in6_head);
	add_chain_rules(&b, CHAIN_IN6, "ingress ipv6");
	add_fixed(&b, in6_tail);
	add_fixed(&b, out6_head);
	add_chain_rules(&b, CHAIN_OUT6, "egress ipv6");
	add_fixed(&b, out6_tail);
	add_pairs(&b, &sources, false);
	add_mac(&b, false);
	add_fixed(&b, spoof6_tail);
	add_fixed(&b, l2_rows);
	return b.rows;
}
