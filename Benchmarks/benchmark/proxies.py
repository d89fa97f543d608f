"""The proxies under test: how each is configured and started so that all do the same work."""

import pathlib
import shutil
import socket
import subprocess
import time

from .processes import Child, free_port

HAPROXY = """
global
    nbthread 1
    maxconn {connections}
defaults
    mode http
    http-reuse always
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    timeout http-keep-alive 600s
    timeout http-request 30s
frontend proxy
    bind 127.0.0.1:{port}
    default_backend origin
backend origin
    server origin {origin}
"""

SQUID = """
http_port 127.0.0.1:{port}
workers 1
visible_hostname benchmark
http_access allow all
cache deny all
cache_mem 0
access_log none
cache_log {directory}/squid.cache.log
cache_store_log none
netdb_filename none
pinger_enable off
pid_filename {directory}/squid.pid
coredump_dir {directory}
max_filedescriptors {descriptors}
client_idle_pconn_timeout 600 seconds
shutdown_lifetime 0 seconds
"""

TINYPROXY = """
Listen 127.0.0.1
Port {port}
Timeout 600
LogLevel Critical
MaxClients 100
"""


class Proxy:
    """A kind of proxy that is installed. One that is not `persistent` closes unannounced after a response."""

    def __init__(self, name, program, setup):
        self.name = name
        self.program = program
        self.setup = setup
        self.persistent = name != "tinyproxy"


class Instance:
    """One running proxy, answering since `start_to_answer` milliseconds after it was started."""

    def __init__(self, proxy, core, origin, directory, descriptors):
        self.proxy = proxy
        self.port = free_port()
        values = {
            "port": self.port, "origin": origin.authority, "directory": directory,
            "descriptors": descriptors, "connections": (descriptors - 200) // 2,
        }
        command = [proxy.program, *proxy.setup(values)]
        start = time.perf_counter()
        self.child = Child(command, core, directory / f"{proxy.name}.log")
        self._await_answer(proxy, origin)
        self.start_to_answer = (time.perf_counter() - start) * 1000

    def _await_answer(self, proxy, origin):
        head = f"GET {origin.uri} HTTP/1.1\r\nHost: {origin.authority}\r\nConnection: close\r\n\r\n"
        request = head.encode()
        deadline = time.monotonic() + 10
        answer = b""
        while time.monotonic() < deadline and self.child.alive():
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
                    client.sendall(request)
                    answer = client.recv(4096)
                    if answer.split(b" ", 2)[1:2] == [b"200"]:
                        return
            except OSError:
                pass
            time.sleep(0.0005)
        reason = answer.split(b"\r\n")[0].decode(errors="replace") or self.child.last_words()
        self.child.stop()
        raise RuntimeError(f"{proxy.name} does not answer: {reason}")

    def stop(self):
        self.child.stop()


def _weir(values):
    # The defaults, but for what holding thousands of parked connections of one owner needs.
    return [
        "run", "--listen", f"127.0.0.1:{values['port']}", "--admin", "off",
        "--set", "client.max_parked_per_owner=unlimited",
        "--set", f"client.max_connections={min(6000, values['connections'])}",
        "--set", "client.idle_timeout=600s",
    ]


def _written(name, template, values):
    path = pathlib.Path(values["directory"]) / f"{name}.conf"
    path.write_text(template.format(**values).lstrip())
    return str(path)


def _haproxy(values):
    return ["-db", "-f", _written("haproxy", HAPROXY, values)]


def _squid(values):
    # A service name of its own keeps it apart from an installed squid that runs.
    return ["--foreground", "-n", "weirbenchmark", "-f", _written("squid", SQUID, values)]


def _tinyproxy(values):
    return ["-d", "-c", _written("tinyproxy", TINYPROXY, values)]


PEERS = {"haproxy": _haproxy, "squid": _squid, "tinyproxy": _tinyproxy}


def find(program):
    """Path of an installed program; daemons are not on every user's PATH."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/sbin")


def installed(weir_binary):
    """weir first, then the installed peers; and the names of the missing ones."""
    proxies = [Proxy("weir", str(weir_binary), _weir)]
    missing = []
    for name, setup in PEERS.items():
        program = find(name)
        if program:
            proxies.append(Proxy(name, program, setup))
        else:
            missing.append(name)
    return proxies, missing


def version(program):
    """First number that looks like a version in what the program says about itself."""
    for option in ("--version", "-v"):
        try:
            said = subprocess.run([program, option], capture_output=True, text=True, timeout=5)
        except (OSError, subprocess.TimeoutExpired):
            continue
        for word in (said.stdout + said.stderr).replace("/", " ").split():
            if word[0].isdigit() and "." in word:
                return word.strip(",")
    return "?"
