"""The proxies under test: weir, started here once per group of settings, or one that is there already."""

import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

import weirprocess

#: Settings by group. Shortened times are kept to the groups that need them: a busy machine must not run into them.
GROUPS = {
    "default": {},
    "brief-expect": {"upstream.expect_continue_timeout": "150ms"},
    "impatient": {"client.header_timeout": "300ms", "client.write_timeout": "400ms",
                  "client.request_timeout": "600ms", "upstream.response_timeout": "400ms"},
    "named": {"pseudonym": "edge-7"},
    "tunnels-443": {"tunnel.allowed_ports": "443"},
    "one-request": {"client.max_requests": "2"},
    "small-heads": {"limits.head_size": "2KiB", "limits.fields": "8", "limits.uri_size": "256B"},
}


class Proxy:
    """A proxy that runs already, held to the RFCs alone."""

    is_weir = False

    def __init__(self, address):
        self.address = address

    def stop(self):
        pass


class Weir(Proxy):
    """A weir on a port the kernel chose."""

    is_weir = True

    def __init__(self, settings):
        self._pseudonym = None
        self._lock = threading.Lock()
        self._log = tempfile.TemporaryFile()
        command = [weirprocess.binary(), "run", "--listen", "127.0.0.1:0", "--admin", "off"]
        for key, value in settings.items():
            command += ["--set", f"{key}={value}"]
        # weir takes every WEIR_* variable for a setting, and refuses those that are none.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
                                        env=environment)
        super().__init__(("127.0.0.1", self._port()))

    def log(self):
        return os.pread(self._log.fileno(), 1 << 20, 0).decode("utf-8", "replace")

    def _port(self):
        """What weir logs when it serves."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            found = re.search(r"serving\b.*\blisten=127\.0\.0\.1:(\d+)", self.log())
            if found:
                return int(found[1])
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        self.stop()
        raise RuntimeError(f"weir does not serve: {self.log().strip()[-500:]}")

    def pseudonym(self):
        """The name weir gives itself in Via, learnt from a response that passed through it."""
        with self._lock:
            if self._pseudonym is None:
                self._pseudonym = self._learn()
            return self._pseudonym

    def _learn(self):
        with socket.create_server(("127.0.0.1", 0)) as origin:
            origin.settimeout(2)
            authority = f"127.0.0.1:{origin.getsockname()[1]}"
            with socket.create_connection(self.address, timeout=2) as client:
                client.sendall(f"GET http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
                upstream, _ = origin.accept()
                with upstream:
                    upstream.settimeout(2)
                    upstream.recv(65536)
                    upstream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    answer = b""
                    while b"\r\n\r\n" not in answer:
                        answer += client.recv(65536) or b"\r\n\r\n"
        found = re.search(rb"(?i)\r\nvia:(?:.*,)? *1\.1 (\S+)", answer)
        if not found:
            raise RuntimeError(f"no Via in {answer!r}")
        return found[1].decode()

    def stop(self):
        """What was wrong with its end, or None."""
        if self.process.poll() is not None:
            return f"weir ended by itself with {self.process.returncode}: {self.log()[-2000:]}"
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "weir did not end after SIGTERM"
        return f"weir ended with {code} after SIGTERM: {self.log()[-2000:]}" if code else None
