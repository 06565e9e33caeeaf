// SPDX-License-Identifier: BSD-3-Clause
// Two netlink sockets: one for questions that the kernel answers at once, one for what it tells by
// itself, and for answers about neighbours, which are the same messages. When the kernel had more
// to tell than the socket holds, everything is asked for again.
//
// The addresses are those of the interface, or of the kernel's VLAN interface on it when the
// underlay is tagged. Routes count only where they leave by it.

#define LOG_MODULE "kernel"

#include "slowpath/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/icmp.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <libmnl/libmnl.h>

#include "base/log.h"
#include "base/util.h"
#include "net/ipv4.h"

#define EVENT_BUFFER (1 << 20)
#define EVENT_BUDGET 64 // datagrams of events in one poll
#define ROUTE_BUDGET 256
#define ERROR_BUDGET 16
#define MESSAGE_SIZE 32768
#define REQUEST_SIZE 256
#define SOCKETS_MAX  512 // for groups: the kernel allows 20 on one
#define ICMP_FILTER  1	 // socket option of raw ICMP sockets
#define MAC_LEN	     6

struct kernel {
	struct mnl_socket *events;
	struct mnl_socket *questions;
	int index;
	int link; // that has the addresses
	uint16_t vlan;
	bool changed;	     // link or addresses, since slowpath_underlay_changed()
	bool routes_changed; // all remotes are to be routed again
	unsigned next_route; // remote to route next, MAX_REMOTES: none
	int errors;	     // raw ICMP socket, -1: none
	int endpoint;	     // UDP socket, -1: none
	uint32_t endpoint_address;
	uint16_t endpoint_port;
	int groups[SOCKETS_MAX];
	unsigned n_groups;
};

// What one message or dump is looked through for.
struct search {
	int index;
	uint16_t vlan;
	const struct ip_addr *wanted;
	struct kernel_link *link;
	int found; // link
};

// ---- netlink ----------------------------------------------------------------------------------

static struct mnl_socket *netlink_open(void)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (nl != NULL && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		int error = errno;

		mnl_socket_close(nl);
		errno = error;
		return NULL;
	}
	return nl;
}

static struct nlmsghdr *request_begin(char buffer[REQUEST_SIZE], uint16_t type, uint16_t flags)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | flags;
	return request;
}

// Asks, and gives each message of the answer to `take`. The kernel answers within the calls.
static int ask(struct mnl_socket *nl, struct nlmsghdr *request, mnl_cb_t take, void *arg)
{
	static uint32_t sequence;
	char buffer[MESSAGE_SIZE];
	int ret;

	request->nlmsg_seq = ++sequence;
	if (mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t len = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));

		if (len < 0)
			return -errno;
		ret = mnl_cb_run(
			buffer, len, request->nlmsg_seq, mnl_socket_get_portid(nl), take, arg);
	} while (ret > MNL_CB_STOP && (request->nlmsg_flags & NLM_F_DUMP) != 0);
	return ret < 0 ? -errno : 0;
}

// The attributes of a message by type, in `table` of highest + 1 entries.
struct attributes {
	const struct nlattr **table;
	uint16_t highest;
};

static int put_attribute(const struct nlattr *attribute, void *arg)
{
	const struct attributes *a = arg;

	if (mnl_attr_get_type(attribute) <= a->highest)
		a->table[mnl_attr_get_type(attribute)] = attribute;
	return MNL_CB_OK;
}

static void read_attributes(const struct nlmsghdr *message, size_t header_len,
	const struct nlattr **table, uint16_t highest)
{
	struct attributes a = {table, highest};

	mnl_attr_parse(message, header_len, put_attribute, &a);
}

static bool holds(const struct nlattr *attribute, size_t len)
{
	return attribute != NULL && mnl_attr_get_payload_len(attribute) >= len;
}

// ---- links and addresses ----------------------------------------------------------------------

static bool is_vlan(const struct nlattr *info, uint16_t vlan)
{
	const struct nlattr *table[IFLA_INFO_MAX + 1] = {0};
	const struct nlattr *data[IFLA_VLAN_MAX + 1] = {0};
	struct attributes a = {table, IFLA_INFO_MAX};
	struct attributes b = {data, IFLA_VLAN_MAX};

	mnl_attr_parse_nested(info, put_attribute, &a);
	if (table[IFLA_INFO_KIND] == NULL || table[IFLA_INFO_DATA] == NULL ||
		strcmp(mnl_attr_get_str(table[IFLA_INFO_KIND]), "vlan") != 0)
		return false;
	mnl_attr_parse_nested(table[IFLA_INFO_DATA], put_attribute, &b);
	return holds(data[IFLA_VLAN_ID], sizeof(uint16_t)) &&
	       mnl_attr_get_u16(data[IFLA_VLAN_ID]) == vlan;
}

static int take_vlan_link(const struct nlmsghdr *message, void *arg)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[IFLA_MAX + 1] = {0};
	struct search *search = arg;

	read_attributes(message, sizeof(*link), table, IFLA_MAX);
	if (holds(table[IFLA_LINK], sizeof(uint32_t)) && table[IFLA_LINKINFO] != NULL &&
		(int)mnl_attr_get_u32(table[IFLA_LINK]) == search->index &&
		is_vlan(table[IFLA_LINKINFO], search->vlan))
		search->found = link->ifi_index;
	return MNL_CB_OK;
}

// The interface that has the addresses of the underlay.
static int find_link(struct mnl_socket *nl, int index, uint16_t vlan)
{
	struct search search = {.index = index, .vlan = vlan};
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *request = request_begin(buffer, RTM_GETLINK, NLM_F_DUMP);

	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	if (vlan != 0)
		ask(nl, request, take_vlan_link, &search);
	return search.found != 0 ? search.found : index;
}

static int take_link(const struct nlmsghdr *message, void *arg)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[IFLA_MAX + 1] = {0};
	struct search *search = arg;
	struct mac mac;

	read_attributes(message, sizeof(*link), table, IFLA_MAX);
	if (link->ifi_index != search->found || !holds(table[IFLA_ADDRESS], MAC_LEN))
		return MNL_CB_OK;
	memcpy(mac.b, mnl_attr_get_payload(table[IFLA_ADDRESS]), MAC_LEN);
	search->link->mac = mac_to_u64(&mac);
	return MNL_CB_OK;
}

// Keeps the wanted address, else the first one.
static int take_address(const struct nlmsghdr *message, void *arg)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[IFA_MAX + 1] = {0};
	struct search *search = arg;
	struct ip_prefix *kept = &search->link->address;

	read_attributes(message, sizeof(*header), table, IFA_MAX);
	if ((int)header->ifa_index != search->found || !holds(table[IFA_LOCAL], sizeof(uint32_t)))
		return MNL_CB_OK;
	struct ip_addr address = ip_from_v4(mnl_attr_get_u32(table[IFA_LOCAL]));
	bool usable = (header->ifa_flags & IFA_F_SECONDARY) == 0 &&
		      header->ifa_scope == RT_SCOPE_UNIVERSE;

	if (ip_is_set(search->wanted) ? ip_equal(&address, search->wanted)
				      : usable && !ip_is_set(&kept->addr))
		*kept = (struct ip_prefix){address, header->ifa_prefixlen};
	return MNL_CB_OK;
}

int kernel_link_read(
	int index, uint16_t vlan, const struct ip_addr *wanted, struct kernel_link *link)
{
	struct search search = {.link = link, .wanted = wanted};
	struct mnl_socket *nl = netlink_open();
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *request;
	struct ifinfomsg *info;
	struct ifaddrmsg *address;
	int ret;

	*link = (struct kernel_link){0};
	if (nl == NULL)
		return -errno;
	search.found = find_link(nl, index, vlan);
	link->index = search.found;
	request = request_begin(buffer, RTM_GETLINK, 0);
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->ifi_index = search.found;
	ret = ask(nl, request, take_link, &search);
	if (ret == 0) {
		request = request_begin(buffer, RTM_GETADDR, NLM_F_DUMP);
		address = mnl_nlmsg_put_extra_header(request, sizeof(*address));
		address->ifa_family = AF_INET;
		ret = ask(nl, request, take_address, &search);
	}
	mnl_socket_close(nl);
	return ret;
}

// ---- routes -----------------------------------------------------------------------------------

struct route_answer {
	int link;
	uint32_t gateway;
	bool usable;
};

static int take_route(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[RTA_MAX + 1] = {0};
	struct route_answer *answer = arg;

	read_attributes(message, sizeof(*route), table, RTA_MAX);
	// A gateway of the other family is no next hop that ARP could find.
	answer->usable = route->rtm_type == RTN_UNICAST && table[RTA_VIA] == NULL &&
			 holds(table[RTA_OIF], sizeof(uint32_t));
	if (answer->usable)
		answer->link = (int)mnl_attr_get_u32(table[RTA_OIF]);
	if (holds(table[RTA_GATEWAY], sizeof(uint32_t)))
		answer->gateway = mnl_attr_get_u32(table[RTA_GATEWAY]);
	return MNL_CB_OK;
}

bool kernel_route(struct kernel *k, uint32_t source, uint32_t destination, uint32_t *next_hop)
{
	struct route_answer answer = {0};
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *request = request_begin(buffer, RTM_GETROUTE, 0);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(request, sizeof(*route));

	route->rtm_family = AF_INET;
	route->rtm_dst_len = 32;
	route->rtm_src_len = 32;
	mnl_attr_put_u32(request, RTA_DST, destination);
	mnl_attr_put_u32(request, RTA_SRC, source);
	if (ask(k->questions, request, take_route, &answer) < 0 || !answer.usable ||
		answer.link != k->link)
		return false;
	*next_hop = answer.gateway != 0 ? answer.gateway : destination;
	return true;
}

// Routes some of the remotes again. True when more wait.
static bool reroute(struct slowpath *s)
{
	struct kernel *k = s->kernel;
	unsigned n = 0;

	if (k->routes_changed) {
		k->routes_changed = false;
		k->next_route = 0;
	}
	for (; k->next_route < MAX_REMOTES && n < ROUTE_BUDGET; k->next_route++) {
		struct vtep *v = s->vteps[k->next_route];

		if (v == NULL || ipv4_is_multicast(v->address))
			continue;
		vtep_route(s, v);
		vtep_publish(s, v);
		n++;
	}
	return k->next_route < MAX_REMOTES;
}

// ---- neighbours -------------------------------------------------------------------------------

static void request_neighbour(struct kernel *k, uint16_t type, uint16_t flags, uint32_t address)
{
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *request = request_begin(buffer, type, flags);
	struct ndmsg *neighbour = mnl_nlmsg_put_extra_header(request, sizeof(*neighbour));

	neighbour->ndm_family = AF_INET;
	neighbour->ndm_ifindex = k->link;
	if (type == RTM_NEWNEIGH)
		neighbour->ndm_flags = NTF_USE;
	if (address != 0)
		mnl_attr_put_u32(request, NDA_DST, address);
	if (mnl_socket_sendto(k->events, request, request->nlmsg_len) < 0)
		log_limited(LOG_LEVEL_WARN, 10, "can not ask for a neighbour error=\"%s\"",
			strerror(errno));
}

// The kernel tells of changes only: what it knows already is asked for as well.
void kernel_resolve(struct kernel *k, uint32_t address)
{
	request_neighbour(k, RTM_NEWNEIGH, NLM_F_CREATE, address);
	request_neighbour(k, RTM_GETNEIGH, 0, address);
}

static void take_neighbour(struct slowpath *s, const struct nlmsghdr *message)
{
	const uint16_t certain = NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP;
	const uint16_t usable = certain | NUD_STALE | NUD_DELAY | NUD_PROBE;
	const struct ndmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[NDA_MAX + 1] = {0};
	enum neighbour_news news = NEIGHBOUR_NEWS_FAILED;
	struct mac mac = {{0}};

	read_attributes(message, sizeof(*header), table, NDA_MAX);
	if (header->ndm_family != AF_INET || header->ndm_ifindex != s->kernel->link ||
		!holds(table[NDA_DST], sizeof(uint32_t)))
		return;
	if (message->nlmsg_type == RTM_DELNEIGH)
		news = NEIGHBOUR_NEWS_GONE;
	else if ((header->ndm_state & usable) != 0 && holds(table[NDA_LLADDR], MAC_LEN))
		news = (header->ndm_state & certain) != 0 ? NEIGHBOUR_NEWS_REACHABLE
							  : NEIGHBOUR_NEWS_STALE;
	else if ((header->ndm_state & NUD_FAILED) == 0)
		return; // still being found out
	if (news == NEIGHBOUR_NEWS_REACHABLE || news == NEIGHBOUR_NEWS_STALE)
		memcpy(mac.b, mnl_attr_get_payload(table[NDA_LLADDR]), MAC_LEN);
	neighbour_told(s, mnl_attr_get_u32(table[NDA_DST]), news, mac_to_u64(&mac));
}

// ---- events -----------------------------------------------------------------------------------

static int take_event(const struct nlmsghdr *message, void *arg)
{
	struct slowpath *s = arg;
	struct kernel *k = s->kernel;

	switch (message->nlmsg_type) {
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		take_neighbour(s, message);
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
	case RTM_NEWADDR:
	case RTM_DELADDR:
		k->changed = true;
		k->routes_changed = true;
		break;
	default: // routes, rules, next-hop objects
		k->routes_changed = true;
		break;
	}
	return MNL_CB_OK;
}

// Requests that the kernel refuses, such as for a neighbour it does not know, need no answer.
static int take_error(const struct nlmsghdr *message, void *arg)
{
	return MNL_CB_OK;
}

static void ask_for_all(struct kernel *k)
{
	k->changed = true;
	k->routes_changed = true;
	request_neighbour(k, RTM_GETNEIGH, NLM_F_DUMP, 0);
}

static bool take_events(struct slowpath *s)
{
	static mnl_cb_t control[NLMSG_MIN_TYPE] = {[NLMSG_ERROR] = take_error};
	struct kernel *k = s->kernel;
	char buffer[MESSAGE_SIZE];

	for (int i = 0; i < EVENT_BUDGET; i++) {
		ssize_t len = mnl_socket_recvfrom(k->events, buffer, sizeof(buffer));

		if (len < 0 && errno == ENOBUFS)
			ask_for_all(k);
		else if (len <= 0)
			return false;
		else
			mnl_cb_run2(buffer, (size_t)len, 0, 0, take_event, s, control,
				ARRAY_SIZE(control));
	}
	return true;
}

// ICMP errors about our tunnels: the kernel has no socket that they belong to.
static void take_errors(struct slowpath *s)
{
	uint8_t packet[1500];
	struct ipv4 ip;

	for (int i = 0; i < ERROR_BUDGET && s->kernel->errors >= 0; i++) {
		ssize_t len = recv(s->kernel->errors, packet, sizeof(packet), MSG_DONTWAIT);

		if (len <= 0)
			return;
		if (ipv4_parse(packet, (size_t)len, &ip) == 0)
			host_error_receive(s, packet + ip.header_len, ip.total_len - ip.header_len);
	}
}

bool kernel_poll(struct slowpath *s)
{
	bool more;

	if (s->kernel == NULL)
		return false;
	more = take_events(s);
	take_errors(s);
	return reroute(s) || more;
}

bool slowpath_underlay_changed(struct slowpath *s)
{
	bool changed = s->kernel != NULL && s->kernel->changed;

	if (changed)
		s->kernel->changed = false;
	return changed;
}

// ---- sockets ----------------------------------------------------------------------------------

// A UDP socket that hears nothing.
static int open_deaf(void)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = {.len = 1, .filter = &nothing};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
	return fd;
}

void kernel_set_endpoint(struct kernel *k, uint32_t address, uint16_t port)
{
	const struct sockaddr_in name = {
		.sin_family = AF_INET, .sin_addr.s_addr = address, .sin_port = htons(port)};

	if (k->endpoint_address == address && k->endpoint_port == port)
		return;
	if (k->endpoint >= 0)
		close(k->endpoint);
	k->endpoint = -1;
	k->endpoint_address = address;
	k->endpoint_port = port;
	if (address == 0)
		return;
	k->endpoint = open_deaf();
	if (k->endpoint >= 0 &&
		bind(k->endpoint, (const struct sockaddr *)&name, sizeof(name)) == 0)
		return;
	log_warn("the tunnel's UDP port is in use on this host, by a vxlan device of the kernel? "
		 "What comes to it by this uplink is weft's now port=%u error=\"%s\"",
		port, strerror(errno));
	if (k->endpoint >= 0)
		close(k->endpoint);
	k->endpoint = -1;
}

static int open_errors(void)
{
	const uint32_t filter = ~(1u << ICMP_DEST_UNREACH);
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);

	if (fd >= 0)
		setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter));
	return fd;
}

static int membership(struct kernel *k, int fd, int option, uint32_t group)
{
	const struct ip_mreqn request = {.imr_multiaddr.s_addr = group, .imr_ifindex = k->link};

	return setsockopt(fd, IPPROTO_IP, option, &request, sizeof(request)) < 0 ? -errno : 0;
}

int kernel_join(struct kernel *k, uint32_t group)
{
	int ret = -ENOBUFS; // what the kernel says when a socket has its fill

	if (k->n_groups > 0)
		ret = membership(k, k->groups[k->n_groups - 1], IP_ADD_MEMBERSHIP, group);
	if (ret == -ENOBUFS && k->n_groups < SOCKETS_MAX) {
		int fd = open_deaf();

		if (fd < 0)
			return -errno;
		k->groups[k->n_groups++] = fd;
		ret = membership(k, fd, IP_ADD_MEMBERSHIP, group);
	}
	return ret < 0 ? ret : (int)k->n_groups - 1;
}

void kernel_leave(struct kernel *k, uint32_t group, int handle)
{
	membership(k, k->groups[handle], IP_DROP_MEMBERSHIP, group);
}

// ---- coming and going -------------------------------------------------------------------------

static int follow(struct kernel *k)
{
	const int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV4_RULE, RTNLGRP_NEXTHOP, RTNLGRP_NEIGH};
	const int size = EVENT_BUFFER;

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		if (mnl_socket_setsockopt(k->events, NETLINK_ADD_MEMBERSHIP, (void *)&groups[i],
			    sizeof(groups[i])) < 0)
			return -errno;
	}
	// as much as is allowed, if not that much
	setsockopt(mnl_socket_get_fd(k->events), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return 0;
}

struct kernel *kernel_new(int index, uint16_t vlan)
{
	struct kernel *k = calloc(1, sizeof(*k));
	int error;

	if (k == NULL)
		return NULL;
	k->index = index;
	k->vlan = vlan;
	k->endpoint = -1;
	k->next_route = MAX_REMOTES;
	k->changed = true; // since the commit that this is for has read the address
	k->errors = open_errors();
	k->events = netlink_open();
	k->questions = netlink_open();
	if (k->events != NULL && k->questions != NULL && follow(k) == 0) {
		k->link = find_link(k->questions, index, vlan);
		return k;
	}
	error = errno;
	kernel_free(k);
	errno = error;
	return NULL;
}

void kernel_free(struct kernel *k)
{
	if (k == NULL)
		return;
	if (k->events != NULL)
		mnl_socket_close(k->events);
	if (k->questions != NULL)
		mnl_socket_close(k->questions);
	if (k->errors >= 0)
		close(k->errors);
	if (k->endpoint >= 0)
		close(k->endpoint);
	for (unsigned i = 0; i < k->n_groups; i++)
		close(k->groups[i]);
	free(k);
}

bool kernel_same(const struct kernel *k, int index, uint16_t vlan)
{
	return k != NULL && k->index == index && k->vlan == vlan &&
	       k->link == find_link(k->questions, index, vlan);
}
