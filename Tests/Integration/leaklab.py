"""One leaky app, one origin that never closes, a namespace with few ports, and weir between or not."""

import dataclasses
import fcntl
import json
import os
import subprocess
import threading
import time

import sockettable
from eventually import eventually, observe
from message import Truncated
from netns import ORIGIN_ADDRESS, Namespace
from peer import connect
from weirprocess import PROXY_PORT, REPOSITORY, Weir

SOURCES = os.path.join(REPOSITORY, "Tests", "Leak")
PROGRAMS = os.environ.get("WEIR_LEAK_BUILD") or os.path.join(REPOSITORY, ".build", "leak")
ORIGIN_PORTS = {"http": 8080, "https": 8443}
CONTROL_PORT = 8081
PORTS = (20000, 20499)
#: Seconds after the end of the load when what is left is counted.
AFTERWARDS = 5


def build():
    """Compiles the Go programs, once for all processes that ask at the same time."""
    os.makedirs(PROGRAMS, exist_ok=True)
    with open(os.path.join(PROGRAMS, ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        environment = dict(os.environ, GOFLAGS="-mod=mod", GOPROXY="off")
        subprocess.run(["go", "build", "-o", PROGRAMS + "/", "./origin", "./leaky"], cwd=SOURCES,
                       env=environment, check=True)


def known_leaker_config():
    """The settings that README recommends beside an app known to leak."""
    return os.path.join(REPOSITORY, "config", "known-leaker.yaml")


@dataclasses.dataclass
class Result:
    """What happened; counts of connections are those of the dialling end. `app_hop` is app → weir, or
    app → origin without weir; `upstream_hop` is weir → origin."""

    requests: int = 0
    ok: int = 0
    failed: dict = dataclasses.field(default_factory=dict)
    first_failure: dict = None
    seconds: float = 0.0
    slowest_ms: float = 0.0
    peak_app_hop: int = 0
    peak_upstream_hop: int = 0
    left_app_hop: int = 0
    left_upstream_hop: int = 0
    left_states: dict = dataclasses.field(default_factory=dict)
    origin_connections: int = 0

    @property
    def failures(self):
        return self.requests - self.ok


class Sampler:
    """Keeps the highest number of ESTABLISHED connections per port dialled, sampled 5 times a second."""

    def __init__(self, namespace, ports):
        self.namespace, self.peaks = namespace, dict.fromkeys(ports, 0)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.stopped.wait(0.2):
            table = sockettable.rows(self.namespace)
            for port in self.peaks:
                count = len(sockettable.toward(table, port, "ESTAB"))
                self.peaks[port] = max(self.peaks[port], count)

    def stop(self):
        self.stopped.set()
        self.thread.join()


class Lab:
    """`with Lab(via_weir=True) as lab: lab.run_go("https", "none")`. One run per lab: counters start at 0."""

    def __init__(self, via_weir, settings=None, config_file=None, ports=PORTS):
        self.via_weir, self.settings = via_weir, settings
        self.config_file = config_file or known_leaker_config()
        self.ports = ports
        self.processes = []
        self.weir = None

    def __enter__(self):
        self.namespace = Namespace(ports=self.ports)
        try:
            origin = [os.path.join(PROGRAMS, "origin"), "-http", f"{ORIGIN_ADDRESS}:{ORIGIN_PORTS['http']}",
                      "-https", f"{ORIGIN_ADDRESS}:{ORIGIN_PORTS['https']}",
                      "-control", f"127.0.0.1:{CONTROL_PORT}"]
            self.spawn(origin)
            eventually(self.counters, 10, "the origin's counters")
            if self.via_weir:
                self.weir = Weir(self.namespace, self.settings, config_file=self.config_file).start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.communicate()
        if self.weir:
            self.weir.destroy()
        self.namespace.close()

    def spawn(self, argv, environment=None):
        process = subprocess.Popen(self.namespace.command(*argv), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True,
                                   env=dict(os.environ, **(environment or {})))
        self.processes.append(process)
        return process

    def counters(self):
        """The origin's own counts by scheme; None while it does not answer yet."""
        try:
            peer = connect(self.namespace, "127.0.0.1", CONTROL_PORT, timeout=2)
        except OSError:
            return None
        try:
            answer = peer.exchange("GET / HTTP/1.1\r\nHost: counters\r\n\r\n")
            return json.loads(answer.content)
        except Truncated:
            return None
        finally:
            peer.close()

    def environment(self):
        """The variables that lead an app through weir, or surely not."""
        proxy = f"http://127.0.0.1:{PROXY_PORT}" if self.via_weir else ""
        names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
        return {**dict.fromkeys(names, proxy), "NO_PROXY": "", "no_proxy": ""}

    def run_go(self, scheme, remedy="none", requests=2000, rate=200):
        url = f"{scheme}://{ORIGIN_ADDRESS}:{ORIGIN_PORTS[scheme]}/"
        return self.measure(scheme, [os.path.join(PROGRAMS, "leaky"), "-url", url, "-remedy", remedy,
                                     "-n", str(requests), "-rate", str(rate), "-hold"])

    def run_requests(self, requests=300, rate=100):
        url = f"http://{ORIGIN_ADDRESS}:{ORIGIN_PORTS['http']}/"
        script = os.path.join(SOURCES, "requests_client.py")
        return self.measure("http", ["/usr/bin/python3", script, "--url", url, "-n", str(requests),
                                     "--rate", str(rate)])

    def measure(self, scheme, argv):
        """Runs the app, which afterwards holds what it holds, and counts what is left after 5 s."""
        origin_port = ORIGIN_PORTS[scheme]
        app_port = PROXY_PORT if self.via_weir else origin_port
        sampler = Sampler(self.namespace, {origin_port, app_port})
        app = self.spawn(argv, self.environment())
        line = app.stdout.readline()
        ended = time.monotonic()
        sampler.stop()
        if not line:
            raise AssertionError(f"{argv[0]} ended with {app.wait()}")
        said = json.loads(line)
        observe(max(0, ended + AFTERWARDS - time.monotonic()))
        table = sockettable.rows(self.namespace)
        app_side = sockettable.toward(table, app_port)
        return Result(
            requests=said["requests"], ok=said["ok"], failed=dict(said["failed"]),
            first_failure=said["first_failure"], seconds=said["seconds"],
            slowest_ms=said.get("slowest_ms", 0.0),
            peak_app_hop=sampler.peaks[app_port],
            peak_upstream_hop=sampler.peaks[origin_port] if self.via_weir else 0,
            left_app_hop=len([row for row in app_side if row.state == "ESTAB"]),
            left_upstream_hop=len(sockettable.toward(table, origin_port, "ESTAB")) if self.via_weir else 0,
            left_states=sockettable.states(app_side),
            origin_connections=self.counters()[scheme]["connections"])
