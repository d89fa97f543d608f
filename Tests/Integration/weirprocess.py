"""The weir binary under test as a process."""

import os
import signal
import socket
import subprocess
import tempfile

from eventually import Stopwatch, eventually
from message import Truncated
from peer import connect

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROXY_PORT = 3128
ADMIN_PORT = 9128


def binary():
    """WEIR_BINARY, else the release build, else the debug build."""
    chosen = os.environ.get("WEIR_BINARY")
    candidates = [chosen] if chosen else [
        os.path.join(REPOSITORY, ".build", kind, "weir") for kind in ("release", "debug")]
    for path in candidates:
        if os.access(path, os.X_OK):
            return os.path.abspath(path)
    raise FileNotFoundError(f"no weir at {' or '.join(candidates)}: build it, or set WEIR_BINARY")


class Weir:
    """Runs weir inside a namespace on its default ports (the namespace makes them its own).

    `settings` becomes one `--set` each, `config` is the text of a settings file, `config_file` the path of
    one, `prefix` what the command line begins with, `admin` where the admin server is, if not at its port. Standard error is kept and shown when a test fails.
    """

    def __init__(self, namespace, settings=None, config=None, config_file=None, environment=None,
                 arguments=None, address="127.0.0.1", admin_address="127.0.0.1", admin=None, prefix=None):
        self.namespace = namespace
        self.address, self.port = address, PROXY_PORT
        self.admin_address, self.admin_port = admin_address, ADMIN_PORT
        self.directory = tempfile.TemporaryDirectory(prefix="weir-test-")
        self.config_path = config_file
        if config is not None:
            self.config_path = os.path.join(self.directory.name, "weir.yaml")
            self.write_config(config)
        self.command = [*(prefix or []), binary(), "run", "--listen", f"{address}:{PROXY_PORT}",
                        "--admin", admin or f"{admin_address}:{ADMIN_PORT}"]
        if self.config_path:
            self.command += ["--config", self.config_path]
        for key, value in (settings or {}).items():
            self.command += ["--set", f"{key}={value}"]
        self.command += arguments or []
        # weir takes every WEIR_* variable for a setting, and refuses those that are none.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}
        self.environment = {**inherited, **(environment or {})}
        self.process = None
        self.exit_code = None

    def write_config(self, text):
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(text)

    # Life

    def launch(self):
        self._stderr = open(os.path.join(self.directory.name, "stderr"), "w+b")
        self.process = subprocess.Popen(self.namespace.command(*self.command), stdin=subprocess.DEVNULL,
                                        stdout=self._stderr, stderr=self._stderr, env=self.environment)
        return self

    def start(self, timeout=10.0):
        """Launches and waits for GET /healthz to say 200."""
        self.launch()
        eventually(self._ready_or_dead, timeout, lambda: f"weir ready\n{self.stderr()}")
        return self

    def _ready_or_dead(self):
        if self.process.poll() is not None:
            raise AssertionError(f"weir ended with {self.process.returncode} at start\n{self.stderr()}")
        try:
            return self.admin("/healthz").status == 200
        except (OSError, Truncated):
            return False

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=5.0):
        """The exit status, within `timeout`."""
        try:
            self.exit_code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"weir still runs after {timeout:g} s\n{self.stderr()}") from None
        return self.exit_code

    def stop(self, timeout=5.0):
        """SIGTERM must end it with status 0 within `timeout`."""
        if self.exit_code is not None:
            return
        self.signal(signal.SIGTERM)
        code = self.wait(timeout)
        if code != 0:
            raise AssertionError(f"weir ended with {code} after SIGTERM\n{self.stderr()}")

    def destroy(self):
        """For clean-up: gone whatever happened."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if hasattr(self, "_stderr"):
            self._stderr.close()
        self.directory.cleanup()

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def stderr(self, limit=4000):
        with open(os.path.join(self.directory.name, "stderr"), "rb") as file:
            return file.read().decode("utf-8", "replace")[-limit:]

    # Talking to it

    def connect(self, **options):
        """A client connection to the proxy port."""
        return connect(self.namespace, self.address, self.port, **options)

    def admin(self, path, method="GET"):
        """The response of the admin listener to one request."""
        peer = connect(self.namespace, self.admin_address, self.admin_port, timeout=2)
        try:
            return peer.exchange(f"{method} {path} HTTP/1.1\r\nHost: {self.admin_address}\r\nConnection: close\r\n\r\n")
        finally:
            peer.close()

    # What the kernel says about it

    def descriptors(self):
        """Open descriptors but for eventfds: helper threads have theirs from their first task on."""
        return len([name for name in self.descriptor_names() if "eventfd" not in name])

    def descriptor_names(self):
        names = []
        for entry in os.listdir(f"/proc/{self.process.pid}/fd"):
            try:
                names.append(os.readlink(f"/proc/{self.process.pid}/fd/{entry}"))
            except FileNotFoundError:
                continue
        return sorted(names)

    def memory_kib(self, key="VmRSS"):
        """VmRSS or RssAnon (what weir itself allocated) in KiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith(key + ":"):
                    return int(line.split()[1])
        raise KeyError(key)

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def limit_descriptors(self, soft):
        """Lowers or raises the soft RLIMIT_NOFILE of the running process."""
        subprocess.run(["prlimit", f"--pid={self.process.pid}", f"--nofile={soft}:"], check=True)


class NotifySocket:
    """The datagram socket behind NOTIFY_SOCKET; `received` is every line so far."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.lines = []

    def received(self):
        while True:
            try:
                self.lines += self.socket.recv(4096).decode("utf-8").splitlines()
            except BlockingIOError:
                return self.lines

    def wait_for(self, line, timeout=5.0):
        watch = Stopwatch()
        eventually(lambda: line in self.received(), timeout, lambda: f"{line} among {self.lines}")
        return watch.seconds

    def close(self):
        self.socket.close()
