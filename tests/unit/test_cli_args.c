// SPDX-License-Identifier: BSD-3-Clause
// Command lines of weft(1) -> requests, and what is said about those that are none.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cli/cli.h"
#include "test_cli_env.h"

static const struct {
	const char *line, *request;
} requests[] = {
	// networks: segments by the words that name their type
	{"network add vxlan1 vxlan 1", "network.add {\"name\": \"vxlan1\", \"segments\": [{\"id\": "
				       "1, \"type\": \"vxlan\"}]}"},
	{"network add vlan1001 vlan provider 1001",
		"network.add {\"name\": \"vlan1001\", \"segments\": "
		"[{\"id\": 1001, \"type\": \"vlan\", \"uplink\": \"provider\"}]}"},
	{"network add prov flat provider", "network.add {\"name\": \"prov\", \"segments\": "
					   "[{\"type\": \"flat\", \"uplink\": \"provider\"}]}"},
	{"network add gw vxlan 1 vlan provider 1001",
		"network.add {\"name\": \"gw\", \"segments\": [{\"id\": 1, \"type\": \"vxlan\"}, "
		"{\"id\": 1001, \"type\": \"vlan\", \"uplink\": \"provider\"}]}"},
	// without an id the daemon takes the lowest free one
	{"network add a vxlan mtu 1400 vlan provider unknown-unicast drop",
		"network.add {\"mtu\": 1400, \"name\": \"a\", \"segments\": [{\"type\": "
		"\"vxlan\"}, "
		"{\"type\": \"vlan\", \"uplink\": \"provider\"}], \"unknown-unicast\": \"drop\"}"},
	{"network set a mtu default shared true",
		"network.set {\"mtu\": null, \"name\": \"a\", \"shared\": true}"},
	{"network set a down", "network.set {\"admin-state\": \"down\", \"name\": \"a\"}"},
	{"network set a admin-state up", "network.set {\"admin-state\": \"up\", \"name\": \"a\"}"},
	{"network del a", "network.del {\"name\": \"a\"}"},
	{"network show", "network.list {}"},
	{"network", "network.list {}"},
	{"network show a", "network.list {\"name\": \"a\"}"},
	{"network show mtu 1450", "network.list {\"mtu\": 1450}"},
	{"network show vxlan 1", "network.list {\"segments\": [{\"id\": 1, \"type\": \"vxlan\"}]}"},
	// ports: short keys, lists by commas and by repeating
	{"port add web network vxlan1 device tap:web address 172.16.1.33",
		"port.add {\"addresses\": [\"172.16.1.33\"], \"device\": \"tap:web\", "
		"\"name\": \"web\", \"network\": \"vxlan1\"}"},
	{"port add web net n dev tap:w addr 10.0.0.1,10.0.0.2 address 10.0.0.3 mac "
	 "fa:16:3e:00:00:01",
		"port.add {\"addresses\": [\"10.0.0.1\", \"10.0.0.2\", \"10.0.0.3\"], "
		"\"device\": \"tap:w\", \"mac\": \"fa:16:3e:00:00:01\", \"name\": \"web\", "
		"\"network\": \"n\"}"},
	{"port add p network n device memif:/tmp/m,id=0",
		"port.add {\"device\": \"memif:/tmp/m,id=0\", \"name\": \"p\", "
		"\"network\": \"n\"}"},
	// keys of an object inside the object
	{"subnet add s network n cidr 10.0.0.0/24 gateway none dhcp.mode responder dhcp.lease 600",
		"subnet.add {\"cidr\": \"10.0.0.0/24\", \"dhcp\": {\"lease\": 600, \"mode\": "
		"\"responder\"}, \"gateway\": \"none\", \"name\": \"s\", \"network\": \"n\"}"},
	{"subnet set s pools 10.0.0.5-10.0.0.9,10.0.0.20-10.0.0.30 pools 10.0.0.40-10.0.0.40",
		"subnet.set {\"name\": \"s\", \"pools\": [\"10.0.0.5-10.0.0.9\", "
		"\"10.0.0.20-10.0.0.30\", \"10.0.0.40-10.0.0.40\"]}"},
	{"subnet set s dhcp.address default dhcp.force-metadata on",
		"subnet.set {\"dhcp\": {\"address\": null, \"force-metadata\": true}, \"name\": "
		"\"s\"}"},
	{"subnet set s routes 10.9.0.0/16@10.0.0.9,0.0.0.0/0@10.0.0.8",
		"subnet.set {\"name\": \"s\", \"routes\": [{\"destination\": \"10.9.0.0/16\", "
		"\"nexthop\": \"10.0.0.9\"}, {\"destination\": \"0.0.0.0/0\", \"nexthop\": "
		"\"10.0.0.8\"}]}"},
	{"router set r gateway default interfaces a,b@10.0.0.9",
		"router.set {\"gateway\": null, \"interfaces\": [{\"subnet\": \"a\"}, "
		"{\"address\": "
		"\"10.0.0.9\", \"subnet\": \"b\"}], \"name\": \"r\"}"},
	{"router set r gateway '{\"network\":\"e\"}'",
		"router.set {\"gateway\": {\"network\": \"e\"}, \"name\": \"r\"}"},
	{"port set p dhcp-options '26=1400=true,42=10.0.0.1 10.0.0.2'",
		"port.set {\"dhcp-options\": [{\"code\": 26, \"forced\": true, \"value\": "
		"\"1400\"}, {\"code\": 42, \"value\": \"10.0.0.1 10.0.0.2\"}], \"name\": \"p\"}"},
	{"port set web owner 'a b'", "port.set {\"name\": \"web\", \"owner\": \"a b\"}"},
	// an object may be called default; a key that must be given can not be reset
	{"port add p network default device tap:p",
		"port.add {\"device\": \"tap:p\", \"name\": \"p\", \"network\": "
		"\"default\"}"},
	{"port set p network default", "port.set {\"name\": \"p\", \"network\": \"default\"}"},
	{"port set default owner default", "port.set {\"name\": \"default\", \"owner\": null}"},
	{"stats port default", "stats.get {\"attachment\": \"port default\"}"},
	{"port show network vxlan1", "port.list {\"network\": \"vxlan1\"}"},
	{"p sh web", "port.list {\"name\": \"web\"}"},
	// uplinks
	{"uplink add u device packet:ens19 vlans 1-10 vlans 20,30 address 192.0.2.1/24 mtu 9000",
		"uplink.add {\"address\": \"192.0.2.1/24\", \"device\": \"packet:ens19\", "
		"\"mtu\": 9000, \"name\": \"u\", \"vlans\": \"1-10,20,30\"}"},
	{"uplink del u", "uplink.del {\"name\": \"u\"}"},
	{"uplink set u vlans default gateway 192.0.2.254",
		"uplink.set {\"gateway\": \"192.0.2.254\", \"name\": \"u\", \"vlans\": null}"},
	// security groups; a list that is empty is "none"
	{"security-group add web", "security-group.add {\"name\": \"web\"}"},
	{"security-group add web stateful off members 10.0.0.1,10.1.0.0/16 members 2001:db8::1",
		"security-group.add {\"members\": [\"10.0.0.1\", \"10.1.0.0/16\", "
		"\"2001:db8::1\"], \"name\": \"web\", \"stateful\": false}"},
	{"security-group set default rules default stateful on",
		"security-group.set {\"name\": \"default\", \"rules\": null, \"stateful\": true}"},
	{"security-group set web rules none members none",
		"security-group.set {\"members\": [], \"name\": \"web\", \"rules\": []}"},
	{"security-group set web rules [{\"direction\":\"egress\"}]",
		"security-group.set {\"name\": \"web\", \"rules\": [{\"direction\": \"egress\"}]}"},
	{"security-group del web", "security-group.del {\"name\": \"web\"}"},
	{"security-group show stateful false", "security-group.list {\"stateful\": false}"},
	{"security-group", "security-group.list {}"},
	// rules: words that belong to one key need no key
	{"security-group rule add web ingress tcp ports 22",
		"rule.add {\"direction\": \"ingress\", \"group\": \"web\", \"ports\": \"22\", "
		"\"protocol\": \"tcp\"}"},
	{"security-group rule add default direction egress ethertype ipv6 protocol 200 "
	 "remote-prefix 2001:db8::/32",
		"rule.add {\"direction\": \"egress\", \"ethertype\": \"ipv6\", "
		"\"group\": \"default\", \"protocol\": \"200\", "
		"\"remote-prefix\": \"2001:db8::/32\"}"},
	{"security-group rule del web ingress ipv4 icmp icmp-type 8 icmp-code any remote-group "
	 "default",
		"rule.del {\"direction\": \"ingress\", \"ethertype\": \"ipv4\", "
		"\"group\": \"web\", \"icmp-code\": \"any\", \"icmp-type\": 8, "
		"\"protocol\": \"icmp\", \"remote-group\": \"default\"}"},
	{"sec r a web egress udplite ports 1000-2000",
		"rule.add {\"direction\": \"egress\", \"group\": \"web\", "
		"\"ports\": \"1000-2000\", \"protocol\": \"udplite\"}"},
	// what filters a port; the group default is the default
	{"port set p security-groups default", "port.set {\"name\": \"p\", \"security-groups\": "
					       "null}"},
	{"port add p network n device tap:p security-groups default",
		"port.add {\"device\": \"tap:p\", \"name\": \"p\", \"network\": \"n\", "
		"\"security-groups\": [\"default\"]}"},
	{"port set p security-groups default,ssh security-groups web",
		"port.set {\"name\": \"p\", \"security-groups\": [\"default\", \"ssh\", "
		"\"web\"]}"},
	{"port set p port-security off security-groups none",
		"port.set {\"name\": \"p\", \"port-security\": false, "
		"\"security-groups\": []}"},
	{"port set p allowed-address-pairs 10.0.0.5,10.0.0.0/24@fa:16:3e:00:00:05,::/0",
		"port.set {\"allowed-address-pairs\": [{\"address\": \"10.0.0.5\"}, "
		"{\"address\": \"10.0.0.0/24\", \"mac\": \"fa:16:3e:00:00:05\"}, "
		"{\"address\": \"::/0\"}], \"name\": \"p\"}"},
	{"port set p allowed-address-pairs [{\"address\":\"10.0.0.5\"}]",
		"port.set {\"allowed-address-pairs\": [{\"address\": \"10.0.0.5\"}], "
		"\"name\": \"p\"}"},
	{"port set p allowed-address-pairs none",
		"port.set {\"allowed-address-pairs\": [], \"name\": \"p\"}"},
	{"port set p allowed-address-pairs default",
		"port.set {\"allowed-address-pairs\": null, \"name\": \"p\"}"},
	{"port show web chains", "port.chains {\"name\": \"web\"}"},
	{"port show chains", "port.list {\"name\": \"chains\"}"},
	{"network set n arp-probes drop",
		"network.set {\"arp-probes\": \"drop\", \"name\": \"n\"}"},
	// metrics
	{"metrics show", "metrics.list {}"},
	{"metrics set listen 127.0.0.1:9469", "metrics.set {\"listen\": \"127.0.0.1:9469\"}"},
	{"metrics set listen default", "metrics.set {\"listen\": null}"},
	// sessions
	{"sessions show", "sessions.list {}"},
	{"sessions set udp 120 limit 262144 tcp-established default",
		"sessions.set {\"limit\": 262144, \"tcp-established\": null, \"udp\": 120}"},
	{"session show", "session.list {\"limit\": 10000}"},
	{"session", "session.list {\"limit\": 10000}"},
	{"session show network n port p ipv4 tcp address 10.0.0.0/8 l4-port 22 state established "
	 "limit 5",
		"session.list {\"address\": \"10.0.0.0/8\", \"ethertype\": \"ipv4\", "
		"\"l4-port\": 22, \"limit\": 5, \"network\": \"n\", \"port\": \"p\", "
		"\"protocol\": \"tcp\", \"state\": \"established\"}"},
	{"session flush", "session.flush {}"},
	{"session flush port web protocol 50",
		"session.flush {\"port\": \"web\", \"protocol\": \"50\"}"},
	// objects of which there is one
	{"tunnel set uplink u ttl auto tos inherit udp-checksum false port 4789 mode both",
		"tunnel.set {\"mode\": \"both\", \"port\": 4789, \"tos\": \"inherit\", "
		"\"ttl\": \"auto\", \"udp-checksum\": false, \"uplink\": \"u\"}"},
	{"tunnel set ttl 64", "tunnel.set {\"ttl\": 64}"},
	{"tunnel show", "tunnel.list {}"},
	{"workers show", "workers.list {}"},
	{"workers set idle spin", "workers.set {\"idle\": \"spin\"}"},
	// remotes
	{"remote add 192.168.31.103", "remote.add {\"address\": \"192.168.31.103\"}"},
	{"remote add 192.168.31.103 network vxlan1",
		"remote.add {\"address\": \"192.168.31.103\", \"network\": \"vxlan1\"}"},
	{"remote del 192.168.31.103", "remote.del {\"address\": \"192.168.31.103\"}"},
	{"remote show", "remote.list {}"},
	// FDB: a static entry's name is made of its network and its MAC
	{"fdb add FA:16:3e:00:00:01 network vxlan1 remote 192.168.31.101",
		"fdb.add {\"name\": \"vxlan1/fa:16:3e:00:00:01\", "
		"\"remote\": \"192.168.31.101\"}"},
	{"fdb add vxlan1/fa:16:3e:00:00:01 port web",
		"fdb.add {\"name\": \"vxlan1/fa:16:3e:00:00:01\", \"port\": \"web\"}"},
	{"fdb del fa:16:3e:00:00:01 network vxlan1",
		"fdb.del {\"name\": \"vxlan1/fa:16:3e:00:00:01\"}"},
	{"fdb show network vxlan1 port web mac fa:16:3e:00:00:01",
		"fdb.list {\"limit\": 10000, \"mac\": \"fa:16:3e:00:00:01\", "
		"\"network\": \"vxlan1\", \"port\": \"web\"}"},
	{"fdb show limit 5", "fdb.list {\"limit\": 5}"},
	{"fdb flush", "fdb.flush {}"},
	{"fdb flush port web", "fdb.flush {\"port\": \"web\"}"},
	// state
	{"stats", "stats.get {}"},
	{"stats port web", "stats.get {\"attachment\": \"port web\"}"},
	{"stats segment vxlan.1", "stats.get {\"attachment\": \"vxlan.1\"}"},
	{"drops uplink u", "drops.get {\"attachment\": \"uplink u\"}"},
	{"stats trunk packet:eth3", "stats.get {\"attachment\": \"trunk packet:eth3\"}"},
	{"drops all", "drops.get {\"all\": true}"},
	{"audit", "audit.run {}"},
	{"status", "status.get {}"},
	{"config show", "config.get {}"},
	{"config save", "config.save {}"},
	{"config save /etc/weft.json", "config.save {\"file\": \"/etc/weft.json\"}"},
};

START_TEST(test_request)
{
	static const char *const answers[] = {"[{}]", NULL};
	struct cli_env env = cli_env_run(requests[_i].line, true, answers);
	char *request = cli_env_request(&env);

	ck_assert_str_eq(request, requests[_i].request);
	ck_assert_str_eq(env.err, "");
	free(request);
	cli_env_free(&env);
}
END_TEST

static const struct {
	const char *line, *err;
} mistakes[] = {
	{"prot show", "weft: there is no object 'prot'; did you mean 'port'?\n"},
	{"xyzzy", "weft: there is no object 'xyzzy'; there are: workers, uplink, tunnel, remote, "
		  "network, subnet, security-group, port, router, floating-ip, fdb, lease, "
		  "route, neighbour, service, session, sessions, metrics, config, stats, drops, "
		  "audit, "
		  "status, batch, complete, help\n"},
	{"st", "weft: 'st' is short for more than one object: stats, status\n"},
	{"-j network", "weft: '-j' is no object; options stand first: weft [-j] [-s SOCKET] "
		       "OBJECT ...\n"},
	{"network ad x",
		"weft: network add: a segment is missing: flat UPLINK, vlan UPLINK [ID] or "
		"vxlan [ID]\n"},
	{"network shov", "weft: network: there is no verb 'shov'; did you mean 'show'?\n"},
	{"network s", "weft: network: 's' is short for more than one verb: show, set\n"},
	{"network add", "weft: network add: NAME is missing\n"},
	{"network add x mut 1400",
		"weft: network add: there is no key 'mut'; did you mean 'mtu'?\n"},
	{"network add x vxlan 1 mtu", "weft: network add: mtu: the value is missing\n"},
	{"network add x vxlan 1 mtu much",
		"weft: network add: mtu: 'much' is not an integer from 0 to 65535\n"},
	{"network add x vxlan 1 mtu 70000",
		"weft: network add: mtu: '70000' is not an integer from 0 to 65535\n"},
	{"network add x vxlan 1 mtu -5",
		"weft: network add: mtu: '-5' is not an integer from 0 to 65535\n"},
	{"network add x vxlan 1 mtu 18446744073709551616",
		"weft: network add: mtu: '18446744073709551616' is not an integer from 0 to "
		"65535\n"},
	{"network add x vxlan 1 mtu 1400 mtu 1500", "weft: network add: mtu: given twice\n"},
	{"network add x vxlan 1x", "weft: network add: id: '1x' is not a VLAN id (1 to 4094) or a "
				   "VNI (1 to 16777215)\n"},
	{"network add x vlan",
		"weft: network add: vlan: the uplink is missing: vlan UPLINK [ID]\n"},
	{"network add x vxlan 1 shared maybe",
		"weft: network add: shared: 'maybe' is not true or false\n"},
	{"network add x vxlan 1 unknown-unicast drpo",
		"weft: network add: unknown-unicast: 'drpo' is not \"flood\" or \"drop\"; did you "
		"mean 'drop'?\n"},
	{"network set x", "weft: network set: nothing to set: KEY VALUE is missing\n"},
	{"network del", "weft: network del: NAME is missing\n"},
	{"network del x y", "weft: network del: 'y' is one word too many\n"},
	{"security-group rule", "weft: security-group: rule: a verb is missing: add or del\n"},
	{"security-group rule ad web ingress tcp prots 22",
		"weft: security-group rule add: there is no key 'prots'; did you mean 'ports'?\n"},
	{"security-group rule set web ingress",
		"weft: security-group: there is no verb 'set'; there are: add, del\n"},
	{"security-group rul", "weft: security-group: rule: a verb is missing: add or del\n"},
	{"security-group rule add web tcp",
		"weft: security-group rule add: direction is missing\n"},
	{"security-group rule add web ingress tcp udp",
		"weft: security-group rule add: protocol: given twice\n"},
	{"security-group rule add web ingress protocol tpc",
		"weft: security-group rule add: protocol: 'tpc' is not an IP protocol such as "
		"\"tcp\", or its number from 0 to 255; did you mean 'tcp'?\n"},
	{"security-group rule add web ingress tcp ports ssh",
		"weft: security-group rule add: ports: 'ssh' is not an integer from 1 to 65535 or "
		"a range such as \"1000-2000\"\n"},
	{"security-group add web members web1",
		"weft: security-group add: members: 'web1' is not a list of addresses and prefixes "
		"such as 192.0.2.1,198.51.100.0/24\n"},
	{"security-group set web rules all",
		"weft: security-group set: rules: 'all' is not an array of objects\n"},
	{"port set p allowed-address-pairs 10.0.0.5/fa:16:3e:00:00:05",
		"weft: port set: allowed-address-pairs: '10.0.0.5/fa:16:3e:00:00:05' is not a list "
		"of ADDRESS[/LENGTH][@MAC]\n"},
	{"port set p allowed-address-pairs 10.0.0.5@", "weft: port set: allowed-address-pairs: "
						       "'10.0.0.5@' is not a list of "
						       "ADDRESS[/LENGTH][@MAC]\n"},
	{"port set p allowed-address-pairs 10.0.0.5,",
		"weft: port set: allowed-address-pairs: '10.0.0.5,' is not a list of "
		"ADDRESS[/LENGTH][@MAC]\n"},
	{"port show network n chains",
		"weft: port show: chains are shown of one port: port show NAME chains\n"},
	{"session flush limit 5",
		"weft: session flush: there is no key 'limit'; there are: network, port, "
		"ethertype, ipv4, ipv6, protocol, any, tcp, udp, icmp, icmpv6, ipv6-icmp, sctp, "
		"udplite, dccp, esp, ah, gre, igmp, vrrp, ipip, ipv6-encap, ospf, pim, pgm, rsvp, "
		"egp, l2tp, address, l4-port, state\n"},
	{"session show state open",
		"weft: session show: state: 'open' is not \"unreplied\", \"replied\", \"stream\", "
		"\"syn-sent\", \"syn-both\", \"syn-received\", \"established\", \"fin-wait\", "
		"\"close-wait\", \"last-ack\", \"time-wait\" or \"close\"\n"},
	{"subnet set s dhcp.mode on", "weft: subnet set: dhcp.mode: 'on' is not \"off\", "
				      "\"responder\" or \"external\"\n"},
	{"subnet set s dhcp on",
		"weft: subnet set: dhcp: 'on' is not a JSON object; its keys can be given one by "
		"one as dhcp.mode\n"},
	{"subnet set s dhcp '{}' dhcp dhcp.mode",
		"weft: subnet set: dhcp: 'dhcp.mode' is not a JSON object; its keys can be given "
		"one by one as dhcp.mode\n"},
	{"subnet set s dhcp default dhcp.mode off",
		"weft: subnet set: dhcp.mode: the object was given as a whole already\n"},
	{"subnet set s dhcp.mode off dhcp.mode off", "weft: subnet set: dhcp.mode: given twice\n"},
	{"subnet set s pools 10.0.0.5",
		"weft: subnet set: pools: '10.0.0.5' is not a list of ranges such as "
		"192.0.2.10-192.0.2.20,192.0.2.30-192.0.2.40\n"},
	{"port add p device tap:p", "weft: port add: network is missing\n"},
	{"port add p network n device tap:p vlan default",
		"weft: port add: vlan: 'default' is not an integer from 1 to 4094\n"},
	{"port show \xff", "weft: word 3 is not UTF-8 text\n"},
	{"port add p device tap:p", "weft: port add: network is missing\n"},
	{"port add p mac zz",
		"weft: port add: mac: 'zz' is not a unicast MAC such as \"fa:16:3e:de:6e:86\"\n"},
	{"port add p address 10.0.0.1,10.0.0",
		"weft: port add: addresses: '10.0.0.1,10.0.0' is not a list of addresses such as "
		"192.0.2.1,192.0.2.2\n"},
	{"port set p v 1",
		"weft: port set: 'v' is short for more than one key: vlan, vlan-transparent\n"},
	{"uplink add u gateway here",
		"weft: uplink add: gateway: 'here' is not an address such as \"192.0.2.1\"\n"},
	{"tunnel show x", "weft: tunnel show: 'x' is one word too many\n"},
	{"tunnel set ttl 0",
		"weft: tunnel set: ttl: '0' is not an integer from 1 to 255 or \"auto\"\n"},
	{"tunnel set ttl atuo", "weft: tunnel set: ttl: 'atuo' is not an integer from 1 to 255 or "
				"\"auto\"; did you mean 'auto'?\n"},
	{"remote add", "weft: remote add: ADDRESS is missing\n"},
	{"remote add node3",
		"weft: remote add: ADDRESS: 'node3' is not an address such as \"192.0.2.1\"\n"},
	{"remote add 192.0.2.1 mtu 3",
		"weft: remote add: there is no key 'mtu'; there are: network\n"},
	{"fdb add fa:16:3e:00:00:01 port p", "weft: fdb add: network is missing\n"},
	{"fdb add n/fa:16:3e:00:00:01 network n port p", "weft: fdb add: network: given twice\n"},
	{"fdb del web network n", "weft: fdb del: 'web' is neither MAC nor NETWORK/MAC with a MAC "
				  "such as fa:16:3e:00:00:01\n"},
	{"fdb flush network n port p",
		"weft: fdb flush: either a network or a port can be flushed, not both at once\n"},
	{"fdb show limit 65537",
		"weft: fdb show: limit: '65537' is not an integer from 1 to 65536\n"},
	{"stats port a uplink b",
		"weft: stats: only one of port, uplink, segment and trunk can be given\n"},
	{"stats -n 3", "weft: stats: -n: only with -w SECONDS\n"},
	{"drops -w 0", "weft: drops: -w: '0' is not an integer from 1 to 3600\n"},
	{"audit now", "weft: audit: 'now' is one word too many\n"},
	{"config apply", "weft: config apply: FILE is missing\n"},
	{"config apply /nowhere/x.json",
		"weft: config apply: /nowhere/x.json: No such file or directory\n"},
	{"batch", "weft: batch: FILE is missing\n"},
	{"batch /nowhere/x", "weft: batch: /nowhere/x: No such file or directory\n"},
	{"help prot", "weft: help: there is no object 'prot'; did you mean 'port'?\n"},
};

START_TEST(test_mistake)
{
	static const char *const none[] = {NULL};
	struct cli_env env = cli_env_run(mistakes[_i].line, false, none);

	ck_assert_str_eq(env.err, mistakes[_i].err);
	ck_assert_str_eq(env.out, "");
	ck_assert_int_eq(env.status, CLI_USAGE);
	ck_assert_uint_eq(json_array_size(env.sent), 0);
	cli_env_free(&env);
}
END_TEST

// Every form of a segment is a type that the model knows, and the other way round.
START_TEST(test_segment_forms)
{
	const struct field *segments = object_field(object_def_by_kind("network"), "segments");
	const struct field *type = object_field(segments->sub, "type");
	size_t n = 0;

	for (; type->words[n] != NULL; n++)
		ck_assert_str_eq(type->words[n], segment_forms[n].type);
	ck_assert_uint_eq(n, n_segment_forms);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("cli_args");
	TCase *t = tcase_create("all");

	tcase_add_loop_test(t, test_request, 0, ARRAY_SIZE(requests));
	tcase_add_loop_test(t, test_mistake, 0, ARRAY_SIZE(mistakes));
	tcase_add_test(t, test_segment_forms);
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
