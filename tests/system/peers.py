# SPDX-License-Identifier: BSD-3-Clause
"""What weft talks to in the tests: the kernel's own vxlan device, Open vSwitch in user space."""

import os
import shutil
import signal

from netlab import run, wait_for

ALL_HOSTS = "224.0.0.1"
OVS_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
# The build without DPDK is enough, and starts faster; either package may be installed.
OVS_DAEMONS = ("/usr/lib/openvswitch-switch/ovs-vswitchd",
               "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk", "/usr/sbin/ovs-vswitchd")


class LinuxVtep:
    """A node as neutron's linuxbridge agent makes it: for each VNI a bridge with a vxlan device, here
    `brN` and `vxN`. The underlay is its interface eth0, which must be there."""

    def __init__(self, ns, address, port=8472, group=None, remotes=(), options=""):
        self.ns = ns
        self.lab = ns.lab
        self.address = address
        self.port = port
        self.group = group
        self.remotes = list(remotes)
        self.options = options
        self.taps = 0
        ns.ip(f"addr add {address}/24 dev eth0")

    def network(self, vni, mtu=1450, ageing=300):
        group = f"group {self.group}" if self.group else ""
        self.ns.ip(f"""
            link add br{vni} mtu {mtu} type bridge forward_delay 0 ageing_time {ageing * 100} \
                mcast_snooping 0
            link add vx{vni} mtu {mtu} type vxlan id {vni} dev eth0 local {self.address} {group} \
                dstport {self.port} ageing {ageing} {self.options}
            link set vx{vni} master br{vni}
            link set vx{vni} up
            link set br{vni} up""".replace("\\\n", " "))
        for remote in self.remotes:
            self.remote(vni, remote)
        return self

    def remote(self, vni, address, verb="append"):
        """A head-end replication target."""
        self.ns.run("bridge", "fdb", verb, "00:00:00:00:00:00", "dev", f"vx{vni}", "dst", address)

    def plug(self, vni, instance):
        """Connects an instance by a cable."""
        tap = f"tap{self.taps}"
        self.taps += 1
        self.lab.veth(self.ns, tap, instance, "eth0", instance.mtu_wanted)
        self.ns.ip(f"link set dev {tap} master br{vni}")
        instance.configure()

    def knows(self, vni, mac):
        """Where the vxlan device has learned a MAC: a remote's address, None."""
        for line in self.ns.run("bridge", "fdb", "show", "dev", f"vx{vni}").splitlines():
            words = line.split()
            if words[0] == mac and "dst" in words:
                return words[words.index("dst") + 1]
        return None


class Ovs:
    """An Open vSwitch in user space (datapath_type=netdev), private to one namespace: own database,
    own sockets, no service."""

    def __init__(self, ns):
        self.ns = ns
        self.dir = ns.lab.path(f"ovs-{ns.short}")
        os.mkdir(self.dir)
        self.env = dict(os.environ, OVS_RUNDIR=self.dir, OVS_LOGDIR=self.dir, OVS_DBDIR=self.dir)
        self.db = f"unix:{self.dir}/db.sock"
        run("ovsdb-tool", "create", f"{self.dir}/conf.db", OVS_SCHEMA)
        server = ns.start("ovsdb-server", f"{self.dir}/conf.db", f"--remote=p{self.db}", "-vsyslog:off",
                          f"--unixctl={self.dir}/db.ctl", env=self.env)
        wait_for(lambda: os.path.exists(f"{self.dir}/db.sock"), f"ovsdb-server: {server.output()}")
        self.vsctl("--no-wait", "init")
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:userspace-tso-enable=false")
        daemon = next(path for path in OVS_DAEMONS if os.path.exists(path))
        self.daemon = ns.start(daemon, self.db, "-vsyslog:off", "--disable-system",
                               f"--unixctl={self.dir}/ctl", env=self.env)
        ns.lab.closers.append(self.daemon.stop)  # politely: it removes its TAP devices

    def vsctl(self, *words):
        return run("ovs-vsctl", "--timeout=10", f"--db={self.db}", *words)

    def appctl(self, *words):
        return run("ovs-appctl", "-t", f"{self.dir}/ctl", *words)

    def bridge(self, name, *ports):
        """Ports: "eth0", "eth0 tag=1001", "vx0 type=vxlan options:key=1"…: an interface, then its
        columns."""
        self.vsctl("add-br", name, "--", "set", "Bridge", name, "datapath_type=netdev")
        for port in ports:
            ifname, *columns = port.split()
            tag = [c for c in columns if c.startswith(("tag=", "trunks="))]
            rest = [c for c in columns if c not in tag]
            words = ["add-port", name, ifname, *tag]
            self.vsctl(*words, *(["--", "set", "Interface", ifname, *rest] if rest else []))


class VirtioUser:
    """A guest without a kernel: DPDK's virtio driver in a process of its own, which answers ARP for
    any address, and ping. Listens on the socket as a virtual machine would."""

    def __init__(self, ns, name, mac, path=None, options=""):
        self.ns = ns
        self.name = name
        self.mac = mac
        self.path = path or ns.lab.path(f"{name}.vhost")
        self.options = options
        self.process = None

    @property
    def device(self):
        return f"vhost:{self.path}"

    def start(self):
        """Returns when it waits for weft, or has it already."""
        prefix = f"{self.ns.name}-{self.name}"
        self.ns.lab.closers.append(
            lambda: shutil.rmtree(f"/run/dpdk/{prefix}", ignore_errors=True))
        self.process = self.ns.start(
            "dpdk-testpmd", "--lcores", "0@0,1@0", "--no-huge", "-m", "128", "--no-pci",
            "--no-telemetry", f"--file-prefix={prefix}",
            f"--vdev=net_virtio_user0,path={self.path},server=1,mac={self.mac}{self.options}",
            "--", "--forward-mode=icmpecho", "--stats-period=60", "--total-num-mbufs=2048")
        wait_for(lambda: os.path.exists(self.path), f"the socket of {self.name}")

    def stop(self):
        """As a virtual machine that crashes."""
        self.process.stop(signal.SIGKILL)
        os.unlink(self.path)
