# SPDX-License-Identifier: BSD-3-Clause
"""Virtual machines: QEMU, a Debian kernel, and an initramfs made of busybox when it is needed.

A guest has one network card, by vhost-user: QEMU listens on guest.socket, weft's port vhost:SOCKET
connects to it. QEMU waits for that before the guest boots. (Or it has none, and programs of this tree
run in it: it is another kernel.) The guest's shell is on a serial line, which is a socket too:
guest.sh("ping -c 1 10.0.0.1").

The kernel is unpacked, not installed, by scripts/setup."""

import glob
import lzma
import os
import re
import shutil
import socket
import stat
import time

from netlab import run

KERNEL_DIR = "/var/cache/weft/guest-kernel"
# The order in which they can be loaded.
MODULES = ("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci",
           "failover", "net_failover", "virtio_net", "veth")
MEMORY = "128M"

INIT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in @MODULES@; do
	[ ! -e /modules/$module.ko ] || insmod /modules/$module.ko
done
ip link set lo up
ip link set eth0 up
stty -echo
PS1= PS2= exec setsid cttyhack sh
"""

# What busybox' DHCP client calls.
DHCP_SCRIPT = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr replace "$ip/$mask" dev eth0
[ -z "$mtu" ] || ip link set eth0 mtu "$mtu"
for gateway in $router; do ip route replace default via "$gateway"; done
for server in $dns; do echo "nameserver $server"; done >/etc/resolv.conf
"""


class Archive:
    """A cpio archive as the kernel takes it for its first file system."""

    def __init__(self):
        self.data = bytearray()
        self.names = set()

    def entry(self, name, mode, content=b"", device=(0, 0)):
        parent = os.path.dirname(name)
        if parent and parent not in self.names:
            self.entry(parent, stat.S_IFDIR | 0o755)
        self.names.add(name)
        path = name.encode() + b"\0"
        fields = (len(self.names), mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(path), 0)
        self.data += b"070701" + b"".join(b"%08X" % field for field in fields) + path
        self.data += bytes(-len(self.data) % 4)
        self.data += content
        self.data += bytes(-len(self.data) % 4)

    def file(self, name, content, mode=0o755):
        self.entry(name, stat.S_IFREG | mode, content)

    def copy(self, path, name=None):
        with open(path, "rb") as file:
            content = file.read()
        if path.endswith(".xz"):
            content = lzma.decompress(content)
        self.file(name or path.lstrip("/"), content)

    def program(self, path, name):
        """With the libraries it needs."""
        self.copy(path, name)
        for library in re.findall(r"(/\S+) \(0x", run("ldd", path, check=False)):
            if library.lstrip("/") not in self.names:
                self.copy(library)

    def bytes(self):
        self.entry("TRAILER!!!", 0)
        return bytes(self.data)


def kernel():
    """The newest kernel there is: its image, and the folder of its modules."""
    images = sorted(glob.glob(f"{KERNEL_DIR}/boot/vmlinuz-*"))
    assert images, f"no kernel for guests in {KERNEL_DIR}: scripts/setup puts one there"
    return images[-1], glob.glob(f"{KERNEL_DIR}/**/modules/{images[-1].split('vmlinuz-')[1]}",
                                 recursive=True)[0]


def initramfs(programs=()):
    """Busybox, the modules of network cards, a start script; programs get into /bin."""
    archive = Archive()
    archive.program(shutil.which("busybox"), "bin/busybox")
    archive.entry("bin/sh", stat.S_IFLNK | 0o777, b"busybox")
    for path in programs:
        archive.program(path, f"bin/{os.path.basename(path)}")
    for name in MODULES:  # some kernels have them built in
        for path in glob.glob(f"{kernel()[1]}/**/{name}.ko*", recursive=True):
            archive.copy(path, f"modules/{name}.ko")
    for name in ("proc", "sys", "tmp", "etc", "www"):
        archive.entry(name, stat.S_IFDIR | 0o755)
    archive.entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    archive.file("init", INIT.replace("@MODULES@", " ".join(MODULES)).encode())
    archive.file("dhcp", DHCP_SCRIPT.encode())
    return archive.bytes()


class QemuGuest:
    """A virtual machine of a lab. One that has `programs` has no card."""

    def __init__(self, lab, name, mac=None, path=None, programs=()):
        self.lab = lab
        self.name = name
        self.mac = mac or lab.next_mac()
        self.socket = path or lab.path(f"{name}.vhost")
        self.programs = programs
        self.process = None
        self.console = None
        self.serial = 0
        self.received = ""
        lab.closers.append(self._hang_up)

    @property
    def device(self):
        """What the port's `device` is."""
        return f"vhost:{self.socket}"

    def start(self):
        """Starts QEMU. The guest boots once weft has connected: wait with booted()."""
        image = self.lab.path(f"{self.name if self.programs else 'guest'}.initramfs")
        console = self.lab.path(f"{self.name}.console")
        if not os.path.exists(image):
            with open(image, "wb") as file:
                file.write(initramfs(self.programs))
        self.process = self.lab.start(
            ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-cpu", "Nehalem",
             "-machine", "pc,accel=tcg,memory-backend=memory", "-m", MEMORY,
             "-object", f"memory-backend-memfd,id=memory,size={MEMORY},share=on",
             "-kernel", kernel()[0], "-initrd", image,
             "-append", "console=ttyS0 quiet panic=-1", "-no-reboot",
             "-serial", f"unix:{console},server=on,wait=off", *self._card()],
            f"{self.name}-qemu")

    def _card(self):
        if self.programs:
            return []
        # Without message-signalled interrupts (vectors=0): with them, emulated guests with
        # vhost-user crash when their driver starts (QEMU 7.2).
        return ["-chardev", f"socket,id=wire,path={self.socket},server=on",
                "-netdev", "vhost-user,id=card,chardev=wire",
                "-device", f"virtio-net-pci,netdev=card,mac={self.mac},vectors=0,romfile="]

    def booted(self, timeout=90):
        """Waits for the guest's shell."""
        deadline = time.monotonic() + timeout
        while not self.console:
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                line.connect(self.lab.path(f"{self.name}.console"))
                self.console = line
            except OSError:
                line.close()
                self._check(deadline, "a serial line")
                time.sleep(0.05)
        # The shell says nothing by itself, and what is typed before it is there may be lost.
        while True:
            try:
                self.sh("true", timeout=1)
                return
            except TimeoutError:
                self._check(deadline, "a shell")

    def _check(self, deadline, what):
        assert self.process.running(), f"{self.name}: QEMU ended:\n{self.process.output()}"
        assert time.monotonic() < deadline, f"{self.name} has not got {what}:\n{self.received}"

    def sh(self, command, timeout=30):
        """Runs a command in the guest; (exit status, output)."""
        self.serial += 1
        mark = f"done-{self.serial}"
        # The mark is put together by the shell, so that an echo of the line is not taken for it.
        self.console.sendall(f"{command}\necho done''-{self.serial} $?\n".encode())
        begin, text, deadline = len(self.received), "", time.monotonic() + timeout
        while not (found := re.search(rf"{mark} (\d+)\r?\n", text)):
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{self.name}: {command}: no end after {timeout} s:\n{text}")
            self.console.settimeout(left)
            try:
                data = self.console.recv(65536)
            except TimeoutError:
                continue
            assert data, f"{self.name}: QEMU closed the serial line:\n{self.process.output()}"
            self.received += data.decode(errors="replace")
            text = self.received[begin:]
        return int(found[1]), text[:found.start()].replace("\r\n", "\n")

    def run(self, command, timeout=30):
        """Runs a command that must succeed; its output."""
        status, text = self.sh(command, timeout)
        assert status == 0, f"{self.name}: {command}: exit status {status}:\n{text}"
        return text

    def dhcp(self, timeout=30):
        """Takes a lease, which the client then goes on to renew; the address with prefix length."""
        self.run("udhcpc -i eth0 -s /dhcp -O mtu -n -t 20 -T 1 -A 1 >/tmp/dhcp 2>&1 || cat /tmp/dhcp",
                 timeout)
        return self.address()

    def address(self):
        found = re.search(r"inet (\S+)", self.run("ip -4 addr show dev eth0"))
        return found[1] if found else None

    def ping(self, address, count=3, size=56):
        """True when all echo requests are answered."""
        _, text = self.sh(f"ping -c {count} -W 2 -s {size} {address}", timeout=10 + 3 * count)
        return f"{count} packets transmitted, {count} packets received" in text

    def serve(self, text, port=80):
        """A web server with one page: a word."""
        self.run(f"echo '{text}' >/www/index.html && httpd -p {port} -h /www")

    def fetch(self, address, port=80):
        """The page of another guest's web server, by TCP; None when there is no answer."""
        request = r"printf 'GET /index.html HTTP/1.0\r\n\r\n'"
        status, text = self.sh(f"{request} | nc -w 5 {address} {port}")
        return text.split()[-1] if status == 0 and " 200 OK" in text else None

    def _hang_up(self):
        if self.console:
            self.console.close()
            self.console = None
