"""Network namespaces that are always cleaned up.

A socket belongs to the namespace of the thread that created it, for its whole life. So the tests stay
one ordinary process: `Namespace.entered` moves the calling thread in, a socket is made, and the thread
moves back. weir itself is started inside with `ip netns exec`.
"""

import atexit
import contextlib
import ctypes
import itertools
import os
import shutil
import socket
import subprocess

CLONE_NEWNET = 0x40000000
ORIGIN_ADDRESS = "10.77.0.1"

_libc = ctypes.CDLL(None, use_errno=True)
_counter = itertools.count(1)
_alive = {}


def _setns(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _run(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Namespace:
    """One network namespace with a loopback device that also carries `ORIGIN_ADDRESS`.

    That second address is there because Go never sends localhost or 127.0.0.0/8 through a proxy.
    `ports` limits the ephemeral ports, for example (20000, 20499). `ip netns exec` puts a /sys of its own
    over the host's, in which no cgroup can be found; with `host_files` programs keep the host's, and
    `write_etc` has no effect.
    """

    def __init__(self, ports=None, prefix="weir", host_files=False):
        self.host_files = host_files
        self.name = f"{prefix}-{os.getpid()}-{next(_counter)}"
        self._etc = os.path.join("/etc/netns", self.name)
        _run("ip", "netns", "add", self.name)
        _alive[self.name] = self
        try:
            self._handle = os.open(os.path.join("/run/netns", self.name), os.O_RDONLY | os.O_CLOEXEC)
            self.run("sh", "-c", f"ip link set lo up && ip address add {ORIGIN_ADDRESS}/32 dev lo")
            if ports:
                self.set_port_range(*ports)
        except BaseException:
            self.close()
            raise

    def close(self):
        """Removes the namespace and its files in /etc/netns; may be called twice."""
        if _alive.pop(self.name, None) is None:
            return
        if hasattr(self, "_handle"):
            os.close(self._handle)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)
        shutil.rmtree(self._etc, ignore_errors=True)

    def command(self, *argv):
        """The command line that runs `argv` inside; `ip` execs, so the pid is that of `argv` itself, and
        so does `nsenter`."""
        if self.host_files:
            return ["nsenter", f"--net=/run/netns/{self.name}", "--", *argv]
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, *argv):
        return _run(*self.command(*argv))

    def set_port_range(self, first, last):
        self.run("sysctl", "-qw", f"net.ipv4.ip_local_port_range={first} {last}")

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is inside for the duration; sockets made here stay inside."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(self._handle)
            try:
                yield self
            finally:
                _setns(home)
        finally:
            os.close(home)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM):
        with self.entered():
            return socket.socket(family, kind)

    def write_etc(self, name, text):
        """A file that `ip netns exec` mounts over /etc/`name` (hosts, resolv.conf); before weir starts."""
        os.makedirs(self._etc, exist_ok=True)
        with open(os.path.join(self._etc, name), "w", encoding="ascii") as file:
            file.write(text)

    def connect_to(self, other, here, there, prefix_length=24):
        """A veth pair between two namespaces with the addresses `here` and `there`."""
        number = next(_counter)
        near, far = f"v{number}a", f"v{number}b"
        _run("ip", "-n", self.name, "link", "add", near, "type", "veth", "peer", "name", far,
             "netns", other.name)
        for space, device, address in ((self, near, here), (other, far, there)):
            _run("ip", "-n", space.name, "address", "add", f"{address}/{prefix_length}", "dev", device)
            _run("ip", "-n", space.name, "link", "set", device, "up")

    def nft(self, script):
        """Feeds `script` to nft inside the namespace."""
        done = subprocess.run(self.command("nft", "-f", "-"), input=script, text=True,
                              capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"nft: {done.stderr.strip()}")


class PacketDropper:
    """Drops in a namespace, without a word, what belongs to chosen TCP flows: what a NAT or a firewall
    does that forgot them. Flows that start later pass."""

    def __init__(self, namespace):
        self.namespace = namespace
        namespace.nft("table inet lost {\n"
                      " set flows { type inet_service; }\n set refused { type inet_service; }\n"
                      " chain in { type filter hook input priority 0;"
                      " tcp sport @flows drop; tcp dport @flows drop; tcp dport @refused drop; }\n"
                      " chain out { type filter hook output priority 0;"
                      " tcp sport @flows drop; tcp dport @flows drop; }\n}\n")

    def forget_ports(self, ports):
        """`ports`: the dialling side's local ports of the flows to lose, both directions."""
        self.namespace.nft(f"add element inet lost flows {{ {', '.join(map(str, ports))} }}\n")

    def black_hole(self, port):
        """From now on nothing that arrives for `port` is answered, SYNs included."""
        self.namespace.nft(f"add element inet lost refused {{ {port} }}\n")


@atexit.register
def _remove_all():
    for namespace in list(_alive.values()):
        namespace.close()
