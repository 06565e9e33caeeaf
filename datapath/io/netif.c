// SPDX-License-Identifier: BSD-3-Clause

#include "io/netif.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>

#include "net/addr.h"

static int request(const char *name, unsigned long number, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return -errno;
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
	ret = ioctl(fd, number, ifr) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

int netif_index(const char *name, int *index)
{
	struct ifreq ifr = {0};
	int ret = request(name, SIOCGIFINDEX, &ifr);

	*index = ifr.ifr_ifindex;
	return ret;
}

const char *netif_name(int index, char name[IFNAMSIZ])
{
	if (if_indextoname((unsigned)index, name) == NULL)
		name[0] = '\0';
	return name;
}

bool netif_is(const char *name, int index)
{
	int found;

	return netif_index(name, &found) == 0 && found == index;
}

int netif_mac(const char *name, uint64_t *mac)
{
	struct ifreq ifr = {0};
	struct mac m;
	int ret = request(name, SIOCGIFHWADDR, &ifr);

	memcpy(m.b, ifr.ifr_hwaddr.sa_data, sizeof(m.b));
	*mac = mac_to_u64(&m);
	return ret;
}

int netif_mtu(const char *name, int *mtu)
{
	struct ifreq ifr = {0};
	int ret = request(name, SIOCGIFMTU, &ifr);

	*mtu = ifr.ifr_mtu;
	return ret;
}

int netif_set_mtu(const char *name, int mtu)
{
	struct ifreq ifr = {.ifr_mtu = mtu};

	return request(name, SIOCSIFMTU, &ifr);
}

int netif_up(const char *name)
{
	struct ifreq ifr = {0};
	int ret = request(name, SIOCGIFFLAGS, &ifr);

	if (ret < 0 || (ifr.ifr_flags & IFF_UP) != 0)
		return ret;
	ifr.ifr_flags |= IFF_UP;
	return request(name, SIOCSIFFLAGS, &ifr);
}

int netif_is_running(const char *name, bool *yes)
{
	struct ifreq ifr = {0};
	int ret = request(name, SIOCGIFFLAGS, &ifr);

	*yes = ret == 0 && (ifr.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
	return ret;
}

int netif_merging(const char *name, bool *on)
{
	struct ethtool_value value = {.cmd = ETHTOOL_GGRO};
	struct ifreq ifr = {.ifr_data = (void *)&value};
	int ret = request(name, SIOCETHTOOL, &ifr);

	*on = ret == 0 && value.data != 0;
	return ret;
}

int netif_set_merging(const char *name, bool on)
{
	struct ethtool_value value = {.cmd = ETHTOOL_SGRO, .data = on};
	struct ifreq ifr = {.ifr_data = (void *)&value};

	return request(name, SIOCETHTOOL, &ifr);
}

int netif_strips_tags(const char *name, bool *on)
{
	struct ethtool_value value = {.cmd = ETHTOOL_GFLAGS};
	struct ifreq ifr = {.ifr_data = (void *)&value};
	int ret = request(name, SIOCETHTOOL, &ifr);

	*on = ret == 0 && (value.data & ETH_FLAG_RXVLAN) != 0;
	return ret;
}

int netif_set_strips_tags(const char *name, bool on)
{
	struct ethtool_value value = {.cmd = ETHTOOL_GFLAGS};
	struct ifreq ifr = {.ifr_data = (void *)&value};
	int ret = request(name, SIOCETHTOOL, &ifr);

	if (ret < 0)
		return ret;
	value.cmd = ETHTOOL_SFLAGS;
	value.data = on ? value.data | ETH_FLAG_RXVLAN : value.data & ~(uint32_t)ETH_FLAG_RXVLAN;
	return request(name, SIOCETHTOOL, &ifr);
}

int netif_rx_queues(const char *name, uint32_t *n)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq ifr = {.ifr_data = (void *)&channels};
	int ret = request(name, SIOCETHTOOL, &ifr);

	*n = channels.combined_count + channels.rx_count;
	if (ret == -EOPNOTSUPP || (ret == 0 && *n == 0)) {
		*n = 1;
		return 0;
	}
	return ret;
}

bool netif_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '/' || name[i] == ':' || name[i] == '%' ||
			isspace((unsigned char)name[i]))
			return false;
	}
	return true;
}
