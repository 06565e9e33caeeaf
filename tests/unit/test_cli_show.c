// SPDX-License-Identifier: BSD-3-Clause
// What weft(1) shows of the daemon's answers, and with which status it ends.

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "cli/cli.h"
#include "test_cli_env.h"

// A command line, the daemon's answer, what people see. `out` NULL: nothing.
static const struct {
	const char *line, *answer, *out;
} shows[] = {
	{"network show",
		"[{\"name\": \"gw\", \"admin-state\": \"up\", \"mtu\": 1450, \"segments\": ["
		"{\"type\": \"vxlan\", \"id\": 1}, {\"type\": \"vlan\", \"uplink\": \"provider\", "
		"\"id\": 1001}], \"state\": {\"members\": 3, \"learned\": 12}},"
		" {\"name\": \"provider\", \"admin-state\": \"down\", \"mtu\": 1500, \"segments\": "
		"[{\"type\": \"flat\", \"uplink\": \"provider\"}]}]",
		"NAME      ADMIN   MTU  MEMBERS  LEARNED  SEGMENTS\n"
		"gw        up     1450        3       12  vxlan 1, vlan provider 1001\n"
		"provider  down   1500        -        -  flat provider\n"},
	{"port show network n",
		"[{\"name\": \"web\", \"network\": \"n\", \"admin-state\": \"up\", \"mac\": "
		"\"fa:16:3e:00:00:01\", \"device\": \"tap:web\", \"addresses\": [\"10.0.0.1\", "
		"\"10.0.0.2\"], \"state\": {\"link\": \"up\", \"learned\": 0}}]",
		"NAME  NETWORK  ADMIN  LINK  LEARNED  MAC                DEVICE   ADDRESSES\n"
		"web   n        up     up          0  fa:16:3e:00:00:01  tap:web  "
		"10.0.0.1,10.0.0.2\n"},
	{"port show", "[]", ""},
	{"uplink show",
		"[{\"name\": \"u\", \"device\": \"packet:ens19\", \"admin-state\": \"up\", "
		"\"mtu\": 1500, \"vlans\": \"1001-2000\", \"state\": {\"link\": \"down\", "
		"\"mac\": \"52:54:00:00:00:01\", \"interface\": \"gone\"}}]",
		"NAME  DEVICE        ADMIN   MTU  LINK  INTERFACE  MAC                VLANS      "
		"ADDRESS  MODE\n"
		"u     packet:ens19  up     1500  down  gone       52:54:00:00:00:01  1001-2000  "
		"-        -\n"},
	{"uplink show u",
		"[{\"name\": \"u\", \"device\": \"packet:ens19\", \"admin-state\": \"up\", "
		"\"mtu\": 1500, \"vlans\": \"1001-2000\", \"state\": {\"link\": \"down\"}}]",
		"name           u\n"
		"device         packet:ens19\n"
		"vlans          1001-2000\n"
		"address        -\n"
		"gateway        -\n"
		"vlan           untagged  (default)\n"
		"vlan-priority  0  (default)\n"
		"mtu            1500\n"
		"share          tunnel  (default)\n"
		"admin-state    up\n"
		"link           down  (state)\n"},
	{"workers show", "[{\"idle\": \"spin\", \"cores\": \"1\", \"state\": {\"workers\": 1}}]",
		"cores    1\n"
		"idle     spin\n"
		"workers  1  (state)\n"},
	{"tunnel show", "[]", "no tunnel is configured\n"},
	{"remote show",
		"[{\"address\": \"192.0.2.3\", \"configured\": true, \"multicast\": false, "
		"\"networks\": [\"vxlan1\", \"vxlan2\"], \"state\": \"reachable\", \"mac\": "
		"\"52:54:00:00:00:03\", \"path-mtu\": 1500, \"held\": 0}, {\"address\": "
		"\"192.0.2.10\", \"configured\": false, \"networks\": [], \"state\": \"failed\", "
		"\"path-mtu\": 1500}]",
		"ADDRESS     STATE      MAC                 MTU  CONFIGURED  NETWORKS\n"
		"192.0.2.3   reachable  52:54:00:00:00:03  1500  yes         vxlan1,vxlan2\n"
		"192.0.2.10  failed     -                  1500  no          -\n"},
	{"fdb show",
		"[{\"network\": \"n\", \"mac\": \"fa:16:3e:00:00:01\", \"at\": \"port web\", "
		"\"static\": true}, {\"network\": \"n\", \"mac\": \"fa:16:3e:00:00:02\", \"at\": "
		"\"remote 192.0.2.3\", \"static\": false, \"age\": 120}]",
		"NETWORK  MAC                KIND     AGE(s)  AT\n"
		"n        fa:16:3e:00:00:01  static        -  port web\n"
		"n        fa:16:3e:00:00:02  learned     120  remote 192.0.2.3\n"},
	{"fdb show limit 1",
		"[{\"network\": \"n\", \"mac\": \"fa:16:3e:00:00:01\", \"at\": \"port web\", "
		"\"static\": true}]",
		"NETWORK  MAC                KIND    AGE(s)  AT\n"
		"n        fa:16:3e:00:00:01  static       -  port web\n"
		"the first 1 entries; choose by network, port or mac, or see more with limit "
		"(at most 65536)\n"},
	{"subnet show",
		"[{\"name\": \"vxlan1\", \"network\": \"vxlan1\", \"cidr\": \"172.16.1.0/24\", "
		"\"gateway\": \"172.16.1.1\", \"pools\": [\"172.16.1.10-172.16.1.100\"], "
		"\"dhcp\": {\"mode\": \"responder\", \"address\": \"172.16.1.10\"}, "
		"\"state\": {\"addresses\": 2, \"router\": \"r\"}}, {\"name\": \"x\", "
		"\"network\": \"x\", \"cidr\": \"10.2.0.0/16\", \"gateway\": \"none\", "
		"\"pools\": [], \"dhcp\": {\"mode\": \"off\"}, \"state\": {\"addresses\": 0, "
		"\"router\": null}}]",
		"NAME    NETWORK  CIDR           GATEWAY     ROUTER  DHCP       SERVICE      USED  "
		"POOLS\n"
		"vxlan1  vxlan1   172.16.1.0/24  172.16.1.1  r       responder  172.16.1.10     2  "
		"172.16.1.10-172.16.1.100\n"
		"x       x        10.2.0.0/16    none        -       off        -               0  "
		"-\n"},
	{"router show",
		"[{\"name\": \"r\", \"interfaces\": [{\"subnet\": \"vxlan1\", \"address\": "
		"\"172.16.1.1\"}, {\"subnet\": \"vxlan2\", \"address\": \"172.16.2.1\"}], "
		"\"gateway\": {\"network\": \"inside\", \"address\": \"10.1.0.83\", "
		"\"enable-snat\": true}, \"routes\": [{}], \"state\": {\"floating-ips\": "
		"[\"10.1.0.50\"]}}, {\"name\": \"s\", \"interfaces\": [], \"routes\": [], "
		"\"state\": {\"floating-ips\": []}}]",
		"NAME  GATEWAY  ADDRESS    SNAT  ROUTES  FLOATING  INTERFACES\n"
		"r     inside   10.1.0.83  yes        1         1  vxlan1 172.16.1.1, vxlan2 "
		"172.16.2.1\n"
		"s     -        -          -          0         0  -\n"},
	{"router show r",
		"[{\"name\": \"r\", \"interfaces\": [{\"subnet\": \"vxlan1\", \"address\": "
		"\"172.16.1.1\", \"mac\": \"fa:16:3e:dd:e1:a2\"}], \"routes\": [{\"destination\": "
		"\"10.8.0.0/16\", \"nexthop\": \"172.16.1.9\"}], \"gateway\": {\"network\": "
		"\"inside\", \"enable-snat\": false}, \"strict-source\": true, "
		"\"state\": {\"floating-ips\": [\"10.1.0.50\"]}}]",
		"name                   r\n"
		"interfaces             vxlan1 172.16.1.1\n"
		"gateway.network        inside\n"
		"gateway.address        the lowest free one of the network's IPv4 pools  "
		"(default)\n"
		"gateway.mac            fa:16:3e and three random octets  (default)\n"
		"gateway.enable-snat    false\n"
		"routes                 10.8.0.0/16@172.16.1.9\n"
		"block-private-ingress  false  (default)\n"
		"strict-source          true\n"
		"metadata-device        -\n"
		"floating-ips           10.1.0.50  (state)\n"
		"\n"
		"SUBNET  ADDRESS     MAC                PORT\n"
		"vxlan1  172.16.1.1  fa:16:3e:dd:e1:a2  -\n"},
	{"floating-ip show",
		"[{\"name\": \"10.1.0.50\", \"network\": \"inside\", \"external-address\": "
		"\"10.1.0.50\", \"port\": \"web\", \"address\": \"172.16.1.33\", \"state\": "
		"{\"router\": \"r\"}}, {\"name\": \"spare\", \"network\": \"inside\", "
		"\"external-address\": \"10.1.0.2\", \"state\": {\"router\": null}}]",
		"NAME       ADDRESS    NETWORK  PORT  FIXED        ROUTER\n"
		"10.1.0.50  10.1.0.50  inside   web   172.16.1.33  r\n"
		"spare      10.1.0.2   inside   -     -            -\n"},
	{"security-group show",
		"[{\"name\": \"default\", \"stateful\": true, \"rules\": [{}, {}, {}, {}], "
		"\"members\": [], \"state\": {\"ports\": 3}}, {\"name\": \"web\", "
		"\"stateful\": false, \"rules\": [], \"members\": [\"10.0.0.1\", "
		"\"10.1.0.0/16\"], \"state\": {\"ports\": 0}}]",
		"NAME     STATEFUL  RULES  PORTS  MEMBERS\n"
		"default  yes           4      3  -\n"
		"web      no            0      0  10.0.0.1,10.1.0.0/16\n"},
	{"security-group show web",
		"[{\"name\": \"web\", \"stateful\": true, \"members\": [], \"rules\": ["
		"{\"direction\": \"ingress\", \"ethertype\": \"ipv4\", \"protocol\": \"tcp\", "
		"\"ports\": \"22\", \"icmp-type\": \"any\", \"remote-prefix\": \"10.0.0.0/8\"}, "
		"{\"direction\": \"ingress\", \"ethertype\": \"ipv4\", \"protocol\": \"icmp\", "
		"\"icmp-type\": 8, \"icmp-code\": 0, \"remote-group\": \"default\"}, "
		"{\"direction\": \"egress\", \"ethertype\": \"ipv6\", \"protocol\": \"icmpv6\", "
		"\"icmp-type\": 128, \"icmp-code\": \"any\"}, "
		"{\"direction\": \"egress\", \"ethertype\": \"ipv6\", \"protocol\": 253}], "
		"\"state\": {\"ports\": 1}}]",
		"name      web\n"
		"stateful  true\n"
		"rules     4\n"
		"members   -\n"
		"ports     1  (state)\n"
		"\n"
		"DIRECTION  ETHERTYPE  PROTOCOL  PORTS/ICMP     REMOTE\n"
		"ingress    ipv4       tcp       22             10.0.0.0/8\n"
		"ingress    ipv4       icmp      type 8 code 0  group default\n"
		"egress     ipv6       icmpv6    type 128       -\n"
		"egress     ipv6       253       -              -\n"},
	{"port show p",
		"[{\"name\": \"p\", \"network\": \"n\", \"device\": \"tap:p\", "
		"\"port-security\": true, \"security-groups\": [\"default\", \"web\"], "
		"\"allowed-address-pairs\": [{\"address\": \"10.0.0.5\", "
		"\"mac\": \"fa:16:3e:00:00:05\"}, {\"address\": \"10.1.0.0/16\"}]}]",
		"name                   p\n"
		"network                n\n"
		"device                 tap:p\n"
		"vlan                   the whole device  (default)\n"
		"mac                    fa:16:3e and three random octets  (default)\n"
		"addresses              the lowest free one of the network's IPv4 pools, if it has "
		"any  (default)\n"
		"dns-name               host- and the address with dashes  (default)\n"
		"dhcp-options           -\n"
		"admin-state            up  (default)\n"
		"vlan-transparent       false  (default)\n"
		"fdb-limit              the network's  (default)\n"
		"owner                  -\n"
		"port-security          true\n"
		"security-groups        default,web\n"
		"allowed-address-pairs  10.0.0.5@fa:16:3e:00:00:05,10.1.0.0/16\n"},
	{"port show web chains",
		"{\"port\": \"web\", \"filtered\": true, \"chains\": [{\"name\": "
		"\"neutron-linuxbri-i145db8f2-c\", \"ethertype\": \"ipv4\", \"references\": 1, "
		"\"rows\": [{\"packets\": 1298, \"bytes\": 118000, \"target\": \"RETURN\", "
		"\"protocol\": \"all\", \"source\": \"0.0.0.0/0\", \"destination\": "
		"\"0.0.0.0/0\", \"match\": \"state RELATED,ESTABLISHED\", \"comment\": "
		"\"Known.\"}, {\"packets\": 2, \"bytes\": 730, \"target\": \"RETURN\", "
		"\"protocol\": \"udp\", \"source\": \"0.0.0.0/0\", \"destination\": "
		"\"172.16.1.33\", \"match\": \"udp spt:67 dpt:68\"}, {\"packets\": 10000000, "
		"\"bytes\": 123456789012, \"target\": \"neutron-linuxbri-sg-fallback\", "
		"\"protocol\": \"all\", \"source\": \"0.0.0.0/0\", \"destination\": "
		"\"0.0.0.0/0\", \"comment\": \"Send unmatched traffic to the fallback chain.\"}]}, "
		"{\"name\": \"neutron-linuxbri-o145db8f2-c\", \"ethertype\": \"ipv6\", "
		"\"references\": 2, \"rows\": []}]}",
		"Chain neutron-linuxbri-i145db8f2-c (ipv4, 1 reference)\n"
		" pkts bytes target     prot opt in     out     source               "
		"destination\n"
		" 1298  118K RETURN     all  --  *      *       0.0.0.0/0            0.0.0.0/0     "
		" "
		"      state RELATED,ESTABLISHED /* Known. */\n"
		"    2   730 RETURN     udp  --  *      *       0.0.0.0/0            172.16.1.33   "
		" "
		"      udp spt:67 dpt:68\n"
		"  10M  123G neutron-linuxbri-sg-fallback  all  --  *      *       0.0.0.0/0       "
		" "
		"    0.0.0.0/0            /* Send unmatched traffic to the fallback chain. */\n"
		"\n"
		"Chain neutron-linuxbri-o145db8f2-c (ipv6, 2 references)\n"
		" pkts bytes target     prot opt in     out     source               "
		"destination\n"},
	{"port show open chains", "{\"port\": \"open\", \"filtered\": false, \"chains\": []}",
		"port open is not filtered\n"},
	{"lease show network vxlan1",
		"[{\"network\": \"vxlan1\", \"address\": \"172.16.1.17\", \"mac\": "
		"\"fa:16:3e:74:ad:39\", \"declined\": 590}, {\"network\": \"vxlan1\", \"address\": "
		"\"172.16.1.33\", \"mac\": \"fa:16:3e:de:6e:86\", \"expires\": 86400}]",
		"NETWORK  ADDRESS      MAC                EXPIRES(s)  DECLINED(s)\n"
		"vxlan1   172.16.1.17  fa:16:3e:74:ad:39           -          590\n"
		"vxlan1   172.16.1.33  fa:16:3e:de:6e:86       86400            -\n"},
	{"service show",
		"[{\"attachment\": \"service vxlan1\", \"kind\": \"service\", \"network\": "
		"\"vxlan1\", \"mac\": \"fa:16:3e:31:14:a6\", \"addresses\": "
		"[\"172.16.1.10/24\", \"169.254.169.254/32\"], \"metadata-device\": "
		"\"tap:meta\"}]",
		"NETWORK  KIND     MAC                ADDRESSES                          METADATA\n"
		"vxlan1   service  fa:16:3e:31:14:a6  172.16.1.10/24,169.254.169.254/32  "
		"tap:meta\n"},
	{"session show",
		"[{\"network\": \"n\", \"ethertype\": \"ipv4\", \"protocol\": \"tcp\", "
		"\"state\": \"established\", \"source\": \"10.0.0.1\", \"source-port\": 40000, "
		"\"destination\": \"10.0.0.2\", \"destination-port\": 22, \"from\": \"port web\", "
		"\"replied\": true, \"age\": 9, \"idle\": 3, \"expires\": 431997}, "
		"{\"network\": \"n\", \"ethertype\": \"ipv6\", \"protocol\": \"udp\", "
		"\"state\": \"unreplied\", \"source\": \"2001:db8::1\", \"source-port\": 53, "
		"\"destination\": \"2001:db8::2\", \"destination-port\": 53, \"from\": "
		"\"vxlan.1\", \"idle\": 0, \"expires\": 30}, "
		"{\"network\": \"n\", \"ethertype\": \"ipv4\", \"protocol\": 253, "
		"\"state\": \"replied\", \"source\": \"10.0.0.1\", \"destination\": "
		"\"10.0.0.2\", \"from\": \"port web\", \"idle\": 0, \"expires\": 600}]",
		"NETWORK  PROTOCOL  STATE        IDLE(s)  EXPIRES(s)  SOURCE            "
		"DESTINATION       FROM      REPLIES\n"
		"n        tcp       established        3      431997  10.0.0.1:40000    "
		"10.0.0.2:22       port web  -\n"
		"n        udp       unreplied          0          30  [2001:db8::1]:53  "
		"[2001:db8::2]:53  vxlan.1   -\n"
		"n        253       replied            0         600  10.0.0.1          10.0.0.2 "
		"         port web  -\n"},
	{"session show",
		"[{\"router\": \"r\", \"protocol\": \"udp\", \"state\": \"stream\", \"idle\": 0, "
		"\"expires\": 120, \"source\": \"172.16.2.19\", \"source-port\": 1000, "
		"\"destination\": \"8.8.8.8\", \"destination-port\": 53, \"from\": \"port c\", "
		"\"reply\": {\"source\": \"8.8.8.8\", \"source-port\": 53, \"destination\": "
		"\"10.1.0.83\", \"destination-port\": 2000}}]",
		"NETWORK  PROTOCOL  STATE   IDLE(s)  EXPIRES(s)  SOURCE            DESTINATION  "
		"FROM    REPLIES\n"
		"r        udp       stream        0         120  172.16.2.19:1000  8.8.8.8:53   "
		"port c  8.8.8.8:53 > 10.1.0.83:2000\n"},
	{"session show",
		"[{\"router\": \"r\", \"protocol\": \"icmp\", \"state\": \"replied\", \"idle\": 0, "
		"\"expires\": 30, \"source\": \"172.16.2.19\", \"icmp-type\": 8, \"icmp-id\": 7, "
		"\"destination\": \"8.8.8.8\", \"from\": \"port c\", "
		"\"reply\": {\"source\": \"8.8.8.8\", \"destination\": \"10.1.0.83\", "
		"\"icmp-type\": 8, \"icmp-id\": 5001}}]",
		"NETWORK  PROTOCOL  STATE    IDLE(s)  EXPIRES(s)  SOURCE            DESTINATION  "
		"FROM    REPLIES\n"
		"r        icmp      replied        0          30  172.16.2.19 id 7  8.8.8.8      "
		"port c  8.8.8.8 id 5001 > 10.1.0.83\n"},
	{"route show r",
		"[{\"router\": \"r\", \"destination\": \"172.16.1.0/24\", \"source\": "
		"\"connected\", \"network\": \"vxlan1\", \"interface\": \"vxlan1\"}, "
		"{\"router\": \"r\", \"destination\": \"0.0.0.0/0\", \"next-hop\": \"10.1.0.1\", "
		"\"source\": \"gateway\", \"network\": \"inside\", \"interface\": \"gateway\"}]",
		"ROUTER  DESTINATION    NEXT-HOP  SOURCE     NETWORK  INTERFACE\n"
		"r       172.16.1.0/24  -         connected  vxlan1   vxlan1\n"
		"r       0.0.0.0/0      10.1.0.1  gateway    inside   gateway\n"},
	{"neighbour show",
		"[{\"interface\": \"gateway r\", \"network\": \"inside\", \"address\": "
		"\"10.1.0.1\", \"state\": \"stale\", \"held\": 0, \"mac\": "
		"\"52:54:00:00:01:01\"}]",
		"INTERFACE  ADDRESS   MAC                STATE  HELD  NETWORK\n"
		"gateway r  10.1.0.1  52:54:00:00:01:01  stale     0  inside\n"},
	{"session show", "[]", ""},
	{"session show limit 1",
		"[{\"network\": \"n\", \"protocol\": \"icmp\", \"state\": \"unreplied\"}]",
		"NETWORK  PROTOCOL  STATE      IDLE(s)  EXPIRES(s)  SOURCE  DESTINATION  FROM  "
		"REPLIES\n"
		"n        icmp      unreplied        -           -  -       -            -     -\n"
		"the first 1 sessions; choose by network, port, protocol or address, or see more "
		"with limit (at most 65536)\n"},
	{"lease show limit 1",
		"[{\"network\": \"n\", \"address\": \"10.0.0.1\", \"mac\": "
		"\"fa:16:3e:00:00:01\", \"expires\": 60}]",
		"NETWORK  ADDRESS   MAC                EXPIRES(s)  DECLINED(s)\n"
		"n        10.0.0.1  fa:16:3e:00:00:01          60            -\n"
		"the first 1 leases; choose by network or address, or see more with limit (at most "
		"65536)\n"},
	{"session flush", "{\"flushed\": 7}", "7 sessions flushed\n"},
	{"fdb flush", "{\"flushed\": 42}", "42 learned entries flushed\n"},
	{"network add n vxlan 1", "{\"name\": \"n\"}", ""},
	{"config diff -", "{\"changes\": [\"del uplink x\", \"add network n\"]}",
		"del uplink x\nadd network n\n"},
	{"config check -", "{\"changes\": []}",
		"the configuration is good; apply would change nothing\n"},
	{"config check -", "{\"changes\": [\"add network n\"]}",
		"the configuration is good; apply would:\nadd network n\n"},
	{"config apply -", "{\"changes\": []}", "no change\n"},
	{"config show", "{\"networks\": {}}", "{\n  \"networks\": {}\n}\n"},
	{"config save", "{\"file\": \"/etc/weft.conf\"}", "saved to /etc/weft.conf\n"},
	{"drops", "[]", "no packet was dropped\n"},
	{"drops",
		"[{\"reason\": \"runt\", \"class\": \"error\", \"text\": \"too short\", "
		"\"packets\": 12, \"attachments\": {\"port web\": 2, \"vxlan.1\": 10}}]",
		"PACKETS  REASON  CLASS  MEANING    WHERE\n"
		"     12  runt    error  too short  port web 2, vxlan.1 10\n"},
	{"audit",
		"{\"balanced\": true, \"quiet\": true, \"total\": {\"rx\": 10, \"originated\": 1, "
		"\"copies\": 2, \"tx\": 11, \"consumed\": 1, \"drops\": 1, \"difference\": 0, "
		"\"held\": 3}}",
		"rx 10 + originated 1 + copies 2 = 13\n"
		"tx 11 + consumed 1 + drops 1 = 13\n"
		"3 packets wait for an ARP answer\n"
		"balanced: every packet is accounted for\n"},
	{"audit", "{\"balanced\": true, \"quiet\": false, \"total\": {\"rx\": 10, \"tx\": 9}}",
		"rx 10 + originated 0 + copies 0 = 10\n"
		"tx 9 + consumed 0 + drops 0 = 9\n"
		"balanced, as far as can be said while packets pass\n"},
	{"status",
		"{\"version\": \"0.1.0\", \"pid\": 4711, \"uptime\": 7325.5, \"workers\": [{"
		"\"index\": 0, \"cpu\": 1, \"load\": 0.0234, \"packets\": 1234}], \"devices\": [{"
		"\"device\": \"tap:web\", \"link\": \"up\", \"speed-mbps\": 10000, \"mtu\": 1500, "
		"\"rx-queues\": 1, \"tx-queues\": 2, \"rx-missed\": 0, \"rx-errors\": 0, "
		"\"rx-nombuf\": 0, \"tx-errors\": 7}], \"memory\": {\"buffers\": 16384}, \"fdb\": {"
		"\"entries\": 3, \"limit\": 1048576}, \"objects\": {\"ports\": 2}, \"config\": {"
		"\"file\": null, \"unsaved\": true}}",
		"version  0.1.0, pid 4711\n"
		"up for   2 h 2 min\n"
		"config   file -, unsaved yes\n"
		"objects  ports 2\n"
		"fdb      entries 3, limit 1048576\n"
		"memory   buffers 16384\n"
		"\n"
		"WORKER  CPU  LOAD  PACKETS\n"
		"     0    1  2.3%     1234\n"
		"\n"
		"DEVICE   LINK   MBPS   MTU  RXQ  TXQ  RX-MISSED  RX-ERRORS  RX-NOBUF  TX-ERRORS\n"
		"tap:web  up    10000  1500    1    2          0          0         0          "
		"7\n"},
	{"stats",
		"{\"attachments\": [{\"name\": \"port web\", \"kind\": \"port\", \"network\": "
		"\"n\", "
		"\"rx\": 1000, \"rx-bytes\": 64000, \"tx\": 2, \"tx-bytes\": 128, \"drops\": 0, "
		"\"copies\": 1, \"originated\": 0, \"consumed\": 0}, {\"name\": \"uplink u\", "
		"\"rx\": 1, \"rx-bytes\": 60, \"tx\": 0, \"tx-bytes\": 0, \"drops\": 0, "
		"\"copies\": 0, \"originated\": 0, \"consumed\": 1}], \"retired\": {\"rx\": 0}, "
		"\"total\": {\"rx\": 1001}}",
		"  RX  RX-BYTES  TX  TX-BYTES  DROPS  COPIES  ORIGINATED  CONSUMED  NAME      "
		"NETWORK\n"
		"1000     64000   2       128      0       1           0         0  port web  n\n"
		"   1        60   0         0      0       0           0         1  uplink u  -\n"
		"   0         -   -         -      -       -           -         -  retired   -\n"
		"1001         -   -         -      -       -           -         -  total     -\n"},
};

// Where a document is read from standard input, it is an empty one.
static void empty_document_on_stdin(void)
{
	char path[] = "/tmp/test_cli.XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "{}", 2), 2);
	close(fd);
	ck_assert_ptr_nonnull(freopen(path, "r", stdin));
	unlink(path);
}

START_TEST(test_show)
{
	const char *answers[] = {shows[_i].answer, NULL};
	struct cli_env env;

	empty_document_on_stdin();
	env = cli_env_run(shows[_i].line, false, answers);
	ck_assert_str_eq(env.err, "");
	ck_assert_str_eq(env.out, shows[_i].out);
	ck_assert_int_eq(env.status, CLI_OK);
	cli_env_free(&env);
}
END_TEST

// With -j the answer comes out as the daemon gave it.
START_TEST(test_show_json)
{
	const char *answers[] = {shows[_i].answer, NULL};
	json_t *answer = json_loads(shows[_i].answer, 0, NULL);
	struct cli_env env;
	json_t *out;

	empty_document_on_stdin();
	env = cli_env_run(shows[_i].line, true, answers);
	out = json_loads(env.out, JSON_DECODE_ANY, NULL);
	ck_assert_ptr_nonnull(answer);
	if (strcmp(shows[_i].line, "tunnel show") == 0)
		ck_assert(json_is_null(out));
	else
		ck_assert(json_equal(out, answer) || json_equal(out, json_array_get(answer, 0)));
	ck_assert_int_eq(env.status, CLI_OK);
	json_decref(out);
	json_decref(answer);
	cli_env_free(&env);
}
END_TEST

// Every problem on its line, with symbol and path; status 1.
START_TEST(test_refused)
{
	static const char *const answers[] = {
		"{\"code\": 1, \"message\": \"a\", \"data\": {\"problems\": ["
		"{\"symbol\": \"E_NET_VNI_IN_USE\", \"path\": \"networks.n.segments[0].id\", "
		"\"text\": \"vni 1 is used by network m\"},"
		"{\"symbol\": \"E_IO\", \"path\": \"\", \"text\": \"the disk is full\"}]}}",
		NULL,
	};
	struct cli_env env = cli_env_run("network add n vxlan 1", false, answers);

	ck_assert_int_eq(env.status, CLI_REFUSED);
	ck_assert_str_eq(env.out, "");
	ck_assert_str_eq(env.err, "weft: network add: vni 1 is used by network m "
				  "(E_NET_VNI_IN_USE at networks.n.segments[0].id)\n"
				  "weft: network add: the disk is full (E_IO)\n");
	cli_env_free(&env);
}
END_TEST

START_TEST(test_no_such_object)
{
	static const char *const answers[] = {"[]", NULL};
	struct cli_env env = cli_env_run("port show web", false, answers);

	ck_assert_int_eq(env.status, CLI_REFUSED);
	ck_assert_str_eq(env.err, "weft: port show: there is no port 'web'\n");
	cli_env_free(&env);
}
END_TEST

START_TEST(test_ledger_open)
{
	static const char *const answers[] = {
		"{\"balanced\": false, \"quiet\": true, \"total\": {\"rx\": 10, \"originated\": 0, "
		"\"copies\": 0, \"tx\": 7, \"consumed\": 1, \"drops\": 0, \"difference\": 2}, "
		"\"attachments\": [{\"name\": \"port web\", \"rx\": 10, \"difference\": 2}]}",
		NULL,
	};
	struct cli_env env = cli_env_run("audit", false, answers);

	ck_assert_int_eq(env.status, CLI_REFUSED);
	ck_assert_ptr_nonnull(strstr(env.out, "not balanced: 2 packets missing\n"));
	ck_assert_ptr_nonnull(strstr(env.out, "port web\n"));
	cli_env_free(&env);
}
END_TEST

START_TEST(test_unreachable)
{
	struct cli_env env = cli_env_run("status", false, NULL);

	ck_assert_int_eq(env.status, CLI_UNREACHABLE);
	ck_assert_ptr_nonnull(
		strstr(env.err, "weft: status: can not reach weftd at /tmp/test_cli."));
	ck_assert_ptr_nonnull(strstr(env.err, "is weftd running, and with this socket (-s)?"));
	cli_env_free(&env);
}
END_TEST

START_TEST(test_hung_up)
{
	static const char *const answers[] = {NULL};
	struct cli_env env = cli_env_run("status", false, answers);

	ck_assert_int_eq(env.status, CLI_UNREACHABLE);
	ck_assert_ptr_nonnull(strstr(env.err, "weft: status: no answer from weftd at /tmp/"));
	cli_env_free(&env);
}
END_TEST

// ---- rates --------------------------------------------------------------------------------------

// One second between two answers: what grew, by how much.
START_TEST(test_watch)
{
	static const char *const answers[] = {
		"[{\"reason\": \"runt\", \"class\": \"error\", \"text\": \"t\", \"packets\": 100, "
		"\"attachments\": {\"port a\": 100}}]",
		"[{\"reason\": \"hairpin\", \"class\": \"expected\", \"text\": \"t\", "
		"\"packets\": 0, \"attachments\": {}}, {\"reason\": \"runt\", \"class\": "
		"\"error\", "
		"\"text\": \"t\", \"packets\": 100100, \"attachments\": {\"port a\": 100100}}]",
		NULL,
	};
	struct cli_env env = cli_env_run("drops -w 1 -n 1", true, answers);
	json_t *rates = json_loads(env.out, 0, NULL);
	json_int_t runts = json_integer_value(json_object_get(json_array_get(rates, 1), "packets"));

	ck_assert_int_eq(env.status, CLI_OK);
	ck_assert_uint_eq(json_array_size(env.sent), 2);
	ck_assert_uint_eq(json_array_size(rates), 2);
	// the pause is at least a second; on a busy machine it is longer
	ck_assert_int_le(runts, 100000);
	ck_assert_int_gt(runts, 10000);
	json_decref(rates);
	cli_env_free(&env);
}
END_TEST

// ---- batches ------------------------------------------------------------------------------------

static char *batch_file(const char *text)
{
	char *path = strdup("/tmp/test_cli.XXXXXX");
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return path;
}

static struct cli_env batch_run(
	const char *text, const char *options, bool json, const char *const *answers)
{
	char *path = batch_file(text), *line;
	struct cli_env env;

	ck_assert_int_ge(asprintf(&line, "batch %s%s", path, options), 0);
	env = cli_env_run(line, json, answers);
	unlink(path);
	free(path);
	free(line);
	return env;
}

START_TEST(test_batch)
{
	static const char *const answers[] = {"{\"name\": \"a\"}", "{\"name\": \"b\"}", NULL};
	struct cli_env env = batch_run("# two networks\n\n"
				       "network add a vxlan 1 # the first\n"
				       "  network add b vxlan 2 owner 'a \"b\"' \n",
		"", true, answers);

	ck_assert_str_eq(env.err, "");
	ck_assert_int_eq(env.status, CLI_OK);
	ck_assert_str_eq(env.out, "{\n  \"name\": \"a\"\n}\n{\n  \"name\": \"b\"\n}\n");
	ck_assert_str_eq(json_string_value(json_object_get(
				 json_object_get(json_array_get(env.sent, 1), "params"), "owner")),
		"a \"b\"");
	cli_env_free(&env);
}
END_TEST

static const char refusal[] = "{\"code\": 1, \"message\": \"no\", \"data\": {\"problems\": ["
			      "{\"symbol\": \"E_EXISTS\", \"path\": \"networks.b\", \"text\": "
			      "\"there is one\"}]}}";

START_TEST(test_batch_stops)
{
	const char *answers[] = {"{}", refusal, "{}", NULL};
	struct cli_env env = batch_run(
		"network del a\nnetwork add b vxlan\nnetwork del c\n", "", false, answers);

	ck_assert_int_eq(env.status, CLI_REFUSED);
	ck_assert_uint_eq(json_array_size(env.sent), 2);
	ck_assert_ptr_nonnull(
		strstr(env.err, ":2: network add: there is one (E_EXISTS at networks.b)\n"));
	cli_env_free(&env);
}
END_TEST

START_TEST(test_batch_keeps_going)
{
	const char *answers[] = {refusal, "{}", NULL};
	struct cli_env env = batch_run("network add b vxlan\nprot\nnetwork del 'c\nnetwork del c\n",
		" --keep-going", false, answers);

	ck_assert_int_eq(env.status, CLI_REFUSED); // that of the first
	ck_assert_uint_eq(json_array_size(env.sent), 2);
	ck_assert_ptr_nonnull(strstr(env.err, ":1: network add: there is one"));
	ck_assert_ptr_nonnull(strstr(env.err, ":2: there is no object 'prot'"));
	ck_assert_ptr_nonnull(strstr(env.err, ":3: a quote is not closed\n"));
	cli_env_free(&env);
}
END_TEST

START_TEST(test_batch_in_batch)
{
	static const char *const none[] = {NULL};
	struct cli_env env = batch_run("batch x\n", "", false, none);

	ck_assert_int_eq(env.status, CLI_USAGE);
	ck_assert_ptr_nonnull(strstr(env.err, ":1: batch: a batch can not run another one\n"));
	cli_env_free(&env);
}
END_TEST

// A document that is no JSON: where, and nothing sent.
START_TEST(test_document_unreadable)
{
	static const char *const none[] = {NULL};
	char *path = batch_file("{\n  \"networks\": {} # none\n}\n"), *line;
	struct cli_env env;

	ck_assert_int_ge(asprintf(&line, "config check %s", path), 0);
	env = cli_env_run(line, false, none);
	ck_assert_int_eq(env.status, CLI_USAGE);
	ck_assert_ptr_nonnull(strstr(env.err, path));
	ck_assert_ptr_nonnull(strstr(env.err, "line 2"));
	ck_assert_uint_eq(json_array_size(env.sent), 0);
	unlink(path);
	free(path);
	free(line);
	cli_env_free(&env);
}
END_TEST

// ---- help and completion ------------------------------------------------------------------------

static const char *or_empty(const char *text)
{
	return text != NULL ? text : "";
}

// Every command has help that begins with its name and shows each of its verbs.
START_TEST(test_help)
{
	static const char *const none[] = {NULL};
	const struct command *command = &commands[_i];
	char line[64];

	for (int form = 0; form < 2; form++) {
		struct cli_env env;

		if (form == 0 && (command->verbs[0].flags & VERB_RAW))
			continue;
		snprintf(line, sizeof(line), form == 0 ? "%s help" : "help %s", command->name);
		env = cli_env_run(line, false, none);
		ck_assert_int_eq(env.status, CLI_OK);
		ck_assert_uint_eq(json_array_size(env.sent), 0);
		for (size_t i = 0; i < command->n_verbs; i++) {
			const char *verb = command->verbs[i].name;

			snprintf(line, sizeof(line), "weft %s%s%s", command->name,
				verb == NULL ? "" : " ", verb == NULL ? "" : verb);
			ck_assert_ptr_nonnull(strstr(env.out, line));
		}
		cli_env_free(&env);
	}
}
END_TEST

// The option may stand behind any verb, whatever that would want.
START_TEST(test_help_behind_a_verb)
{
	static const char *const none[] = {NULL};
	static const char *const options[] = {"-h", "--help"};
	const struct command *command = &commands[_i];
	char line[64];

	for (size_t i = 0; i < command->n_verbs; i++) {
		const struct verb *verb = &command->verbs[i];
		struct cli_env env;

		if (verb->flags & VERB_RAW)
			continue;
		snprintf(line, sizeof(line), "%s %s %s x %s", command->name, or_empty(verb->group),
			or_empty(verb->name), options[i % 2]);
		env = cli_env_run(line, false, none);
		ck_assert_int_eq(env.status, CLI_OK);
		ck_assert_uint_eq(json_array_size(env.sent), 0);
		ck_assert_ptr_nonnull(strstr(env.out, "Usage:\n  weft "));
		cli_env_free(&env);
	}
}
END_TEST

static const struct {
	const char *line, *answer, *out;
} completions[] = {
	{"complete ne", NULL, "network\nneighbour\n"},
	{"complete network s", NULL, "show\nset\n"},
	{"complete network ''", NULL, "show\nadd\nset\ndel\nhelp\n"},
	{"complete network add ''", NULL, ""},
	{"complete network add x v", NULL, "vlan\nvxlan\nvlan-transparent\n"},
	{"complete network add x vlan p", "[{\"name\": \"provider\"}, {\"name\": \"inside\"}]",
		"provider\n"},
	{"complete network add x vlan p 1001 vx", NULL, "vxlan\n"},
	{"complete network add x vxlan 1 unknown-unicast ''", NULL, "flood\ndrop\n"},
	{"complete network add x shared t", NULL, "true\n"},
	{"complete network add x nonsense 1 m", NULL, ""},
	{"complete network del ''", "[{\"name\": \"a\"}, {\"name\": \"b\"}]", "a\nb\n"},
	{"complete port set web up mt", NULL, ""},
	{"complete port set web up ow", NULL, "owner\n"},
	{"complete port add x network ''", "[{\"name\": \"n\"}]", "n\n"},
	{"complete drops a", NULL, "all\n"},
	{"complete drops all -", NULL, "-w\n-n\n"},
	{"complete security-group ''", NULL, "show\nadd\nset\ndel\nrule\nhelp\n"},
	{"complete security-group rule ''", NULL, "add\ndel\n"},
	{"complete security-group rule add web ingress t", NULL, "tcp\n"},
	{"complete security-group rule add web ingress tcp ports 22 rem", NULL,
		"remote-prefix\nremote-group\n"},
	{"complete security-group rule add w", "[{\"name\": \"web\"}, {\"name\": \"x\"}]", "web\n"},
	{"complete port set p security-groups web,d",
		"[{\"name\": \"web\"}, {\"name\": \"default\"}]", "web,default\n"},
	{"complete help tu", NULL, "tunnel\n"},
	{"complete nonsense ''", NULL, ""},
	{"complete fdb add fa:16:3e:00:00:01 ''", NULL, "network\nremote\nport\nuplink\n"},
};

START_TEST(test_complete)
{
	const char *answers[] = {completions[_i].answer, NULL};
	struct cli_env env = cli_env_run(completions[_i].line, false, answers);

	ck_assert_str_eq(env.out, completions[_i].out);
	ck_assert_str_eq(env.err, "");
	ck_assert_int_eq(env.status, CLI_OK);
	cli_env_free(&env);
}
END_TEST

// Without a daemon there are no names, and no complaints.
START_TEST(test_complete_alone)
{
	struct cli_env env = cli_env_run("complete network del ''", false, NULL);

	ck_assert_str_eq(env.out, "");
	ck_assert_str_eq(env.err, "");
	ck_assert_int_eq(env.status, CLI_OK);
	cli_env_free(&env);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("cli_show");
	TCase *t = tcase_create("all");

	tcase_add_loop_test(t, test_show, 0, ARRAY_SIZE(shows));
	tcase_add_loop_test(t, test_show_json, 0, ARRAY_SIZE(shows));
	tcase_add_test(t, test_refused);
	tcase_add_test(t, test_no_such_object);
	tcase_add_test(t, test_ledger_open);
	tcase_add_test(t, test_unreachable);
	tcase_add_test(t, test_hung_up);
	tcase_add_test(t, test_watch);
	tcase_add_test(t, test_batch);
	tcase_add_test(t, test_batch_stops);
	tcase_add_test(t, test_batch_keeps_going);
	tcase_add_test(t, test_batch_in_batch);
	tcase_add_test(t, test_document_unreadable);
	tcase_add_loop_test(t, test_help, 0, (int)n_commands);
	tcase_add_loop_test(t, test_help_behind_a_verb, 0, (int)n_commands);
	tcase_add_loop_test(t, test_complete, 0, ARRAY_SIZE(completions));
	tcase_add_test(t, test_complete_alone);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
