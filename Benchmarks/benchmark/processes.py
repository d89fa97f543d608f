"""Starting, reading and ending processes: every one is ended by its own pid."""

import os
import pathlib
import resource
import signal
import socket
import subprocess
import time
from typing import NamedTuple

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class CPUTime(NamedTuple):
    """Seconds of CPU spent in user space and in the kernel."""

    user: float
    system: float

    @property
    def total(self):
        return self.user + self.system

    def since(self, earlier):
        return CPUTime(self.user - earlier.user, self.system - earlier.system)


class Memory(NamedTuple):
    """KiB: all resident pages, and the anonymous ones (heap and stacks, without mapped files)."""

    resident: int
    anonymous: int


class Child:
    """One started program with whatever it forks. Output goes to a file that failures are quoted from."""

    _started = []

    def __init__(self, command, core, log, environment=None):
        self.name = os.path.basename(command[0])
        self.log = pathlib.Path(log)
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(core), *command],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env=_environment() | (environment or {}),
            )
        self.pid = self.process.pid
        Child._started.append(self)

    def alive(self):
        return self.process.poll() is None

    def pids(self):
        """The process and all its descendants, parents first."""
        children = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                fields = _stat_fields(int(entry))
                if fields:
                    children.setdefault(int(fields[1]), []).append(int(entry))
        found = [self.pid]
        for pid in found:
            found.extend(children.get(pid, []))
        return found

    def cpu_time(self):
        """utime + stime of all processes; threads are included by the kernel."""
        user = system = 0
        for pid in self.pids():
            fields = _stat_fields(pid)
            if fields:
                user += int(fields[11])
                system += int(fields[12])
        return CPUTime(user / TICKS_PER_SECOND, system / TICKS_PER_SECOND)

    def memory(self):
        resident = anonymous = 0
        for pid in self.pids():
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            values = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
            resident += int(values.get("VmRSS", "0 kB").split()[0])
            anonymous += int(values.get("RssAnon", "0 kB").split()[0])
        return Memory(resident, anonymous)

    def stop(self):
        """SIGTERM, and SIGKILL for what is left after 2 s."""
        if self not in Child._started:
            return
        Child._started.remove(self)
        pids = self.pids() if self.alive() else []
        _signal(pids, signal.SIGTERM)
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline and (self.alive() or any(map(_exists, pids[1:]))):
            time.sleep(0.01)
        _signal([pid for pid in pids if _exists(pid)], signal.SIGKILL)
        self.process.wait()

    def last_words(self):
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return " / ".join(lines[-3:]) or "(no output)"

    @classmethod
    def stop_all(cls):
        for child in list(cls._started):
            child.stop()


def _environment():
    # Settings of whoever starts the benchmark must not change what is measured.
    return {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}


def _stat_fields(pid):
    """Fields of /proc/PID/stat from the state on; None when the process has gone or is a zombie."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command name may contain blanks and parentheses; it ends at the last one.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields


def _exists(pid):
    return _stat_fields(pid) is not None


def _signal(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def raise_descriptors():
    """Raises the limit to the hard one, which the proxies inherit, and returns it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some proxies size tables by the limit; a huge one would count as their idle memory.
    limit = min(hard, 20000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


def free_port():
    """A port below the kernel's ephemeral range, so that no client connection takes it meanwhile."""
    first_ephemeral = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    top = first_ephemeral if first_ephemeral > 20000 else 65536
    while True:
        port = top - 1 - int.from_bytes(os.urandom(2), "big") % 10000
        if port in free_port.given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        free_port.given.add(port)
        return port


free_port.given = set()
