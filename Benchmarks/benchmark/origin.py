"""The origin: nginx on one core, which never closes and counts what it accepted."""

import re
import socket
import time

from .processes import Child, free_port

BODY = "weir" * 16

CONFIGURATION = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/nginx.error.log warn;
worker_rlimit_nofile {descriptors};
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 3600s;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        default_type text/plain;
        location = /get {{ return 200 "{body}"; }}
        location = /counters {{ stub_status; }}
    }}
}}
"""


class Origin:
    """nginx answering `uri` with 64 bytes."""

    def __init__(self, program, core, directory, descriptors):
        self.port = free_port()
        self.authority = f"127.0.0.1:{self.port}"
        self.uri = f"http://{self.authority}/get"
        path = directory / "nginx.conf"
        path.write_text(CONFIGURATION.format(
            directory=directory, port=self.port, body=BODY, descriptors=descriptors,
            connections=min(16384, descriptors - 100),
        ))
        command = [program, "-c", str(path), "-e", str(directory / "nginx.error.log")]
        self.child = Child(command, core, directory / "nginx.log")
        # Asked over one connection for the whole run: asking opens none that would be counted.
        self._counters = self._connect()

    def _connect(self):
        deadline = time.monotonic() + 5
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=5)
            except ConnectionRefusedError:
                if time.monotonic() > deadline or not self.child.alive():
                    raise SystemExit(f"benchmark: the origin does not start: {self.child.last_words()}")
                time.sleep(0.01)

    def accepted(self):
        """Connections accepted since the start."""
        self._counters.sendall(f"GET /counters HTTP/1.1\r\nHost: {self.authority}\r\n\r\n".encode())
        answer = b""
        while b"Waiting:" not in answer:
            piece = self._counters.recv(4096)
            if not piece:
                raise SystemExit("benchmark: the origin closed the connection for its counters")
            answer += piece
        return int(re.search(rb"\n (\d+) \d+ \d+ ", answer).group(1))
