// SPDX-License-Identifier: BSD-3-Clause
// An uplink on a veth interface, as the kernel that runs this lets it be: the programs loaded and
// attached by a link, in the driver and before the stack, frames led to AF_XDP sockets. Needs root:
// tests/system/test_xdp_program.py runs it, on this kernel and on an older one in a virtual
// machine. In a network namespace of its own.

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include <libmnl/libmnl.h>

#include "base/util.h"
#include "io/netif.h"
#include "io/uplink.h"
#include "io/xsk.h"
#include "suite.h"

#define NEAR	  "near0" // has the uplink
#define FAR	  "far0"
#define PORT	  8472
#define OUR_IP	  "192.0.2.1"
#define FRAME_LEN 92
#define N_QUEUES  2
#define ATTEMPTS  200 // of 10 ms
#define WAIT_US	  10000

static struct uplink *uplink;
static struct xsk sockets[N_QUEUES];
static int far_fd;

// ---- the interface ----------------------------------------------------------------------------

static void put_queues(struct nlmsghdr *request)
{
	mnl_attr_put_u32(request, IFLA_NUM_TX_QUEUES, N_QUEUES);
	mnl_attr_put_u32(request, IFLA_NUM_RX_QUEUES, N_QUEUES);
}

static void make_veth(void)
{
	char buffer[1024];
	struct mnl_socket *nl = mnl_socket_open(NETLINK_ROUTE);
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct nlattr *info, *data, *peer;
	ssize_t len;

	ck_assert_ptr_nonnull(nl);
	ck_assert_int_eq(mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID), 0);
	request->nlmsg_type = RTM_NEWLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, NEAR);
	put_queues(request);
	info = mnl_attr_nest_start(request, IFLA_LINKINFO);
	mnl_attr_put_str(request, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(request, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, FAR);
	put_queues(request);
	mnl_attr_nest_end(request, peer);
	mnl_attr_nest_end(request, data);
	mnl_attr_nest_end(request, info);
	ck_assert_int_gt(mnl_socket_sendto(nl, request, request->nlmsg_len), 0);
	len = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
	ck_assert_msg(mnl_cb_run(buffer, (size_t)len, 0, 0, NULL, NULL) >= 0, "no veth: %s",
		strerror(errno));
	mnl_socket_close(nl);
	ck_assert_int_eq(netif_up(NEAR), 0);
	ck_assert_int_eq(netif_up(FAR), 0);
}

static int index_of(const char *name)
{
	int index;

	ck_assert_int_eq(netif_index(name, &index), 0);
	return index;
}

static void wait_until_running(void)
{
	bool running = false;

	for (int i = 0; i < ATTEMPTS && !running; i++) {
		ck_assert_int_eq(netif_is_running(FAR, &running), 0);
		usleep(WAIT_US);
	}
	ck_assert(running);
}

static void open_far(void)
{
	const struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = index_of(FAR)};

	far_fd = socket(AF_PACKET, SOCK_RAW, 0);
	ck_assert_int_ge(far_fd, 0);
	ck_assert_int_eq(bind(far_fd, (const struct sockaddr *)&address, sizeof(address)), 0);
}

static void set_up(void)
{
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	make_veth();
	wait_until_running();
	open_far();
	uplink = uplink_new(index_of(NEAR));
	ck_assert_msg(uplink != NULL, "the programs are not loaded: %s", strerror(errno));
	for (size_t i = 0; i < N_QUEUES; i++)
		sockets[i].fd = -1;
}

static void tear_down(void)
{
	uplink_free(uplink);
	for (size_t i = 0; i < N_QUEUES; i++)
		xsk_close(&sockets[i]);
	close(far_fd);
}

// ---- what is done with it ---------------------------------------------------------------------

static void open_sockets(void)
{
	for (uint32_t i = 0; i < N_QUEUES; i++) {
		const struct xsk_request request = {
			.index = index_of(NEAR), .queue = i, .frame_len = 1522};

		ck_assert_int_eq(xsk_open(&sockets[i], &request), 0);
		ck_assert_int_eq(uplink_set_socket(uplink, i, sockets[i].fd), 0);
	}
}

static void share_tunnel(void)
{
	struct ip_addr address;
	const struct device_share share = {.port = PORT, .addresses = &address, .n_addresses = 1};

	ck_assert_int_eq(ip_parse(OUR_IP, &address), 0);
	uplink_share(uplink, &share, 0, false);
}

static void attach(bool native)
{
	char reason[128];
	int ret = uplink_attach(uplink, native, reason, sizeof(reason));

	ck_assert_msg(ret == 0, "not attached: %s", reason);
}

// A datagram to the tunnel, marked by one byte of it.
static void send_datagram(uint8_t mark)
{
	uint8_t frame[FRAME_LEN] = {
		[12] = 0x08, [14] = 0x45, [17] = FRAME_LEN - 14, [22] = 64, [23] = IPPROTO_UDP};
	const uint16_t port = htons(PORT);

	memset(frame, 0xff, 6);
	frame[6] = 0x02;
	ck_assert_int_eq(inet_pton(AF_INET, OUR_IP, frame + 30), 1);
	memcpy(frame + 36, &port, sizeof(port));
	frame[39] = FRAME_LEN - 34;
	frame[FRAME_LEN - 1] = mark;
	ck_assert_int_eq(send(far_fd, frame, sizeof(frame), 0), sizeof(frame));
}

// The next frame of the socket, on whichever queue it came.
static uint8_t receive_mark(void)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		for (size_t q = 0; q < N_QUEUES; q++) {
			struct xsk_ring *rx = &sockets[q].rx;
			const struct xdp_desc *descriptor = (struct xdp_desc *)rx->entries + rx->at;

			if (__atomic_load_n(rx->producer, __ATOMIC_ACQUIRE) == rx->at)
				continue;
			ck_assert_uint_eq(descriptor->len, FRAME_LEN);
			rx->at++;
			return sockets[q].memory[descriptor->addr + FRAME_LEN - 1];
		}
		usleep(WAIT_US);
	}
	ck_abort_msg("no frame came");
	return 0;
}

static uint64_t counted(enum uplink_counter what)
{
	uint64_t counters[N_UPLINK_COUNTERS];

	uplink_read_counters(uplink, counters);
	return counters[what];
}

static void check_mode(bool native)
{
	open_sockets();
	attach(native);
	send_datagram(1); // nothing is ours yet
	share_tunnel();
	send_datagram(2);
	ck_assert_uint_eq(receive_mark(), 2);
	ck_assert_uint_eq(counted(UPLINK_TUNNEL), 1);
	ck_assert_int_eq(uplink_renew(uplink), 0);
	send_datagram(3);
	ck_assert_uint_eq(receive_mark(), 3);
	ck_assert_uint_eq(counted(UPLINK_NO_SOCKET), 0);
	uplink_detach(uplink);
	send_datagram(4);
	ck_assert_uint_eq(counted(UPLINK_TUNNEL), 2);
}

START_TEST(in_the_driver)
{
	check_mode(true);
}
END_TEST

START_TEST(before_the_stack)
{
	check_mode(false);
}
END_TEST

// Who holds the interface is told from what was left there.
START_TEST(second_user)
{
	struct uplink *second = uplink_new(index_of(NEAR));
	char reason[128];

	ck_assert_ptr_nonnull(second);
	ck_assert_int_eq(uplink_clear(second, reason, sizeof(reason)), 0);
	attach(true);
	ck_assert_int_eq(uplink_clear(second, reason, sizeof(reason)), -EADDRINUSE);
	uplink_detach(uplink);
	ck_assert_int_eq(uplink_clear(second, reason, sizeof(reason)), 0);
	uplink_free(second);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {in_the_driver, before_the_stack, second_user};

	return suite_main_with("uplink_attach", tests, ARRAY_SIZE(tests), set_up, tear_down);
}
