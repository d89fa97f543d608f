"""Plays systemd for one service: holds its listening sockets and passes them as LISTEN_FDS, listens to sd_notify as
with NotifyAccess=main, follows MAINPID=, and kills what does not feed the watchdog."""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from eventually import eventually
from weirprocess import binary

_PR_SET_CHILD_SUBREAPER = 36
#: Behind all that a process has open at its start.
_HIGH = 100


class Supervisor:
    """`sockets` are (name, listening socket). The settings are the text of a file."""

    def __init__(self, namespace, sockets, config="", watchdog=None, program=None):
        self.namespace, self.sockets, self.watchdog = namespace, sockets, watchdog
        # Whoever is left without a parent becomes a child of this process, as of systemd.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.directory = tempfile.TemporaryDirectory(prefix="weir-supervisor-")
        self.config_path = os.path.join(self.directory.name, "weir.yaml")
        self.write_config(config)
        self.program = program or binary()
        self.notify_path = os.path.join(self.directory.name, "notify")
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.notify.bind(self.notify_path)
        self.log = open(os.path.join(self.directory.name, "log"), "w+b")
        self.main = None
        #: (pid, line) of each message of the main process, and what others said.
        self.messages, self.unheard = [], []
        self.alive_at = None
        self.killed = 0
        self._lock = threading.Lock()
        self._is_over = False
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def write_config(self, text):
        with open(self.config_path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(self.config_path + ".new", self.config_path)

    # Its service

    def start(self, timeout=10.0, keeping=()):
        """Starts it and waits for READY=1, as the start job of a service of Type=notify does."""
        high = [fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD, _HIGH) for _, sock in self.sockets]
        moves = " ".join(f"{3 + index}<&{number}-" for index, number in enumerate(high))
        script = f'exec {moves}\nexport LISTEN_PID=$$\nexec "$@"' if high else 'exec "$@"'
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("WEIR_") or name in keeping}
        environment["NOTIFY_SOCKET"] = self.notify_path
        if high:
            environment |= {"LISTEN_FDS": str(len(high)),
                            "LISTEN_FDNAMES": ":".join(name for name, _ in self.sockets)}
        if self.watchdog:
            environment["WATCHDOG_USEC"] = str(int(self.watchdog * 1e6))
        command = ["bash", "-c", script, "bash", *self.namespace.command(
            self.program, "run", "--config", self.config_path)]
        seen = len(self.messages)
        with self._lock:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                       env=environment, pass_fds=high)
            self.main, self.alive_at = process.pid, None
        for number in high:
            os.close(number)
        # Reaped by number here, as a successor is.
        process.returncode = 0
        self.wait_for("READY=1", seen, timeout)
        return self

    def wait_for(self, line, since=0, timeout=10.0):
        """Until the main process has said so; `since` is an index of `messages`."""
        eventually(lambda: any(text == line for _, text in self.messages[since:]), timeout,
                   lambda: f"{line} among {self.messages[since:]}\n{self.text()}")

    def signal(self, number):
        os.kill(self.main, number)

    def reload(self):
        """SIGHUP, and READY=1 again."""
        seen = len(self.messages)
        self.signal(signal.SIGHUP)
        self.wait_for("RELOADING=1", seen)
        self.wait_for("READY=1", seen)

    def upgrade(self):
        """SIGUSR2, and READY=1 of another process; returns the former."""
        former, seen = self.main, len(self.messages)
        self.signal(signal.SIGUSR2)
        eventually(lambda: any(pid != former and line == "READY=1" for pid, line in self.messages[seen:]), 40,
                   lambda: f"another process is ready: {self.messages[seen:]}\n{self.text()}")
        return former

    def stop(self, timeout=40.0):
        """SIGTERM, and the exit status."""
        with self._lock:
            self.alive_at = None
            pid = self.main
        os.kill(pid, signal.SIGTERM)
        return self.reap(pid, timeout)

    def restart(self):
        status = self.stop()
        self.start()
        return status

    def reap(self, pid, timeout=40.0):
        """The exit status of a process that ends; negative by a signal."""
        result = []

        def ended():
            reaped, status = os.waitpid(pid, os.WNOHANG)
            if reaped:
                result.append(os.waitstatus_to_exitcode(status))
            return reaped
        eventually(ended, timeout, lambda: f"process {pid} ends\n{self.text()}")
        return result[0]

    def text(self, limit=6000):
        with open(self.log.name, "rb") as file:
            return file.read().decode("utf-8", "replace")[-limit:]

    def close(self):
        self._is_over = True
        self._listener.join()
        for pid in children():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self.notify.close()
        self.log.close()
        for _, sock in self.sockets:
            sock.close()
        self.directory.cleanup()

    # What it says

    def _listen(self):
        self.notify.settimeout(0.05)
        while not self._is_over:
            try:
                data, ancillary, _, _ = self.notify.recvmsg(4096, socket.CMSG_SPACE(12))
            except TimeoutError:
                self._watch()
                continue
            sender = struct.unpack("3i", ancillary[0][2])[0]
            self._heard(sender, data.decode("utf-8").splitlines())
            self._watch()

    def _heard(self, sender, lines):
        with self._lock:
            if sender != self.main:
                self.unheard.append((sender, lines))
                return
            for line in lines:
                self.messages.append((sender, line))
                if line == "WATCHDOG=1":
                    self.alive_at = time.monotonic()
                elif line.startswith("MAINPID="):
                    self.main = int(line[8:])

    def _watch(self):
        """What has been silent for longer than the watchdog allows is killed."""
        with self._lock:
            if not self.watchdog or not self.alive_at or not self.main:
                return
            if time.monotonic() - self.alive_at > self.watchdog:
                self.alive_at = None
                self.killed += 1
                os.kill(self.main, signal.SIGABRT)
                os.kill(self.main, signal.SIGKILL)


def children():
    """Processes whose parent is this one."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="ascii") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[1]) == os.getpid():
                found.append(int(name))
    return found
