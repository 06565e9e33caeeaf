// SPDX-License-Identifier: BSD-3-Clause

#include "vhost_frontend.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include <check.h>

// A ring and where its parts are; the buffers follow the rings.
#define RING_SPACE 0x4000
#define AVAILABLE  0x1000
#define USED	   0x2000
#define BUFFERS	   (2 * RING_SPACE)

#define USER_ADDRESS 0x7f0000000000 // where the frontend pretends to have its memory
#define PATIENCE_MS  10000

enum request {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
};

struct message {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct vhost_vring_state state;
		struct vhost_vring_addr address;
		struct {
			uint32_t n, padding;
			uint64_t guest_address, size, user_address, offset;
		} memory;
	};
} __attribute__((packed));

// fd -1: none goes with it
static void say(struct frontend *f, struct message *m, uint32_t size, int fd)
{
	struct iovec part = {m, offsetof(struct message, u64) + size};
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};

	m->flags = 1;
	m->size = size;
	if (fd >= 0) {
		header.msg_control = control;
		header.msg_controllen = sizeof(control);
		CMSG_FIRSTHDR(&header)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&header)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&header)->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&header)), &fd, sizeof(fd));
	}
	ck_assert_int_eq(sendmsg(f->peer, &header, MSG_NOSIGNAL), part.iov_len);
}

static void say_number(struct frontend *f, enum request request, uint64_t number, int fd)
{
	struct message m = {.request = request, .u64 = number};

	say(f, &m, sizeof(m.u64), fd);
}

void frontend_listen(struct frontend *f, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	*f = (struct frontend){.path = path, .peer = -1};
	strcpy(address.sun_path, path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(f->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(f->listener, 1), 0);
}

static void wait_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	ck_assert_msg(poll(&p, 1, PATIENCE_MS) == 1, "nothing came from weft");
}

static void share_memory(struct frontend *f)
{
	struct message m = {.request = SET_MEM_TABLE,
		.memory = {.n = 1, .size = FRONTEND_MEMORY, .user_address = USER_ADDRESS}};

	f->memory_fd = memfd_create("guest", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(f->memory_fd, FRONTEND_MEMORY), 0);
	f->memory = mmap(NULL, FRONTEND_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
		f->memory_fd, 0);
	ck_assert_ptr_ne(f->memory, MAP_FAILED);
	say(f, &m, sizeof(m.memory), f->memory_fd);
}

static void bring_up(struct frontend *f, unsigned queue)
{
	uint64_t ring = USER_ADDRESS + queue * RING_SPACE;
	struct message size = {.request = SET_VRING_NUM, .state = {queue, FRONTEND_ENTRIES}};
	struct message base = {.request = SET_VRING_BASE, .state = {queue, 0}};
	struct message address = {.request = SET_VRING_ADDR,
		.address = {.index = queue,
			.desc_user_addr = ring,
			.avail_user_addr = ring + AVAILABLE,
			.used_user_addr = ring + USED}};
	int *events = &f->events[2 * queue];

	say(f, &size, sizeof(size.state), -1);
	say(f, &base, sizeof(base.state), -1);
	say(f, &address, sizeof(address.address), -1);
	events[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	events[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	say_number(f, SET_VRING_CALL, queue, events[0]);
	say_number(f, SET_VRING_KICK, queue, events[1]);
	f->next[queue] = 0;
}

void frontend_connect(struct frontend *f)
{
	struct message m = {.request = GET_FEATURES};

	wait_readable(f->listener);
	f->peer = accept(f->listener, NULL, NULL);
	ck_assert_int_ge(f->peer, 0);
	say(f, &m, 0, -1);
	wait_readable(f->peer);
	ck_assert_int_eq(recv(f->peer, &m, sizeof(m), 0), offsetof(struct message, u64) + 8);
	f->features = m.u64;
	m = (struct message){.request = SET_OWNER};
	say(f, &m, 0, -1);
	say_number(f, SET_FEATURES,
		1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_NET_F_MRG_RXBUF |
			1ULL << VIRTIO_RING_F_INDIRECT_DESC,
		-1);
	share_memory(f);
	bring_up(f, FRONTEND_TO_GUEST);
	bring_up(f, FRONTEND_FROM_GUEST);
}

void frontend_disconnect(struct frontend *f)
{
	if (f->peer < 0)
		return;
	close(f->peer);
	f->peer = -1;
	munmap(f->memory, FRONTEND_MEMORY);
	close(f->memory_fd);
	for (unsigned i = 0; i < 4; i++)
		close(f->events[i]);
}

void frontend_close(struct frontend *f)
{
	frontend_disconnect(f);
	close(f->listener);
	unlink(f->path);
}

uint64_t frontend_buffer(unsigned queue, unsigned entry)
{
	return BUFFERS + (uint64_t)(queue * FRONTEND_ENTRIES + entry) * FRONTEND_BUFFER;
}

void frontend_set(
	struct frontend *f, unsigned queue, unsigned entry, const struct frontend_entry *value)
{
	const struct vring_desc desc = {value->address, value->len, value->flags, value->next};

	memcpy(f->memory + queue * RING_SPACE + entry * sizeof(desc), &desc, sizeof(desc));
}

void frontend_offer(struct frontend *f, unsigned queue, uint16_t head)
{
	struct vring_avail *ring =
		(struct vring_avail *)(f->memory + queue * RING_SPACE + AVAILABLE);

	ring->ring[f->next[queue]++ % FRONTEND_ENTRIES] = head;
	__atomic_store_n(&ring->idx, f->next[queue], __ATOMIC_RELEASE);
}

void frontend_send(struct frontend *f, const void *frame, size_t len)
{
	unsigned entry = f->next[FRONTEND_FROM_GUEST] % FRONTEND_ENTRIES;
	uint64_t buffer = frontend_buffer(FRONTEND_FROM_GUEST, entry);
	const struct frontend_entry value = {.address = buffer, .len = FRONTEND_HEADER + len};

	ck_assert_uint_le(FRONTEND_HEADER + len, FRONTEND_BUFFER);
	memset(f->memory + buffer, 0, FRONTEND_HEADER);
	memcpy(f->memory + buffer + FRONTEND_HEADER, frame, len);
	frontend_set(f, FRONTEND_FROM_GUEST, entry, &value);
	frontend_offer(f, FRONTEND_FROM_GUEST, entry);
}

uint16_t frontend_used(const struct frontend *f, unsigned queue)
{
	const struct vring_used *ring =
		(const struct vring_used *)(f->memory + queue * RING_SPACE + USED);

	return __atomic_load_n(&ring->idx, __ATOMIC_ACQUIRE);
}
