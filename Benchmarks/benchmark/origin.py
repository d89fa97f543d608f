"""The origin: nginx on one core, which never closes, with bodies of several sizes."""

import socket
import time

from .processes import Child, free_port

SMALL = "weir" * 16
# On each of so many loopback addresses, as each has a range of ports of its own for those who connect to it.
ADDRESSES = 8
BODIES = {"/64k": 64 << 10, "/1m": 1 << 20}

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
    client_header_timeout 3600s;
    sendfile on;
    open_file_cache max=16;
    open_file_cache_valid 3600s;
    server {{
        {listen}
        default_type text/plain;
        root {directory}/www;
        location = /get {{ return 200 "{body}"; }}
    }}
}}
"""


class Origin:
    """nginx answering `uri` with 64 bytes, and the paths of BODIES with more."""

    def __init__(self, program, core, directory, descriptors):
        self.port = free_port()
        self.authority = f"127.0.0.1:{self.port}"
        self.uri = f"http://{self.authority}/get"
        (directory / "www").mkdir()
        for path, size in BODIES.items():
            (directory / f"www{path}").write_bytes(b"w" * size)
        listen = " ".join(f"listen 127.0.0.{n + 1}:{self.port} backlog=4096;" for n in range(ADDRESSES))
        path = directory / "nginx.conf"
        path.write_text(CONFIGURATION.format(
            directory=directory, listen=listen, body=SMALL, descriptors=descriptors,
            connections=min(16384, descriptors - 100),
        ))
        command = [program, "-c", str(path), "-e", str(directory / "nginx.error.log")]
        self.child = Child(command, core, directory / "nginx.log")
        self._await_listening()

    def _await_listening(self):
        deadline = time.monotonic() + 5
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            except ConnectionRefusedError:
                if time.monotonic() > deadline or not self.child.alive():
                    raise SystemExit(f"benchmark: the origin does not start: {self.child.last_words()}")
                time.sleep(0.01)
