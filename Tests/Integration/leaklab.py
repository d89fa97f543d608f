"""Leaky apps, origins that never close, a namespace with few ports, and weir between or not."""

import dataclasses
import fcntl
import json
import os
import subprocess
import threading
import time

import sockettable
from eventually import eventually, observe
from leakyclients import KINDS, PROGRAMS, SMALL, SOURCES
from message import Truncated
from netns import ORIGIN_ADDRESS, Namespace
from peer import connect
from sockdiag import Held, SocketCounter
from weirprocess import PROXY_PORT, REPOSITORY, Weir

#: Four destinations for each scheme; most apps here know only the first.
ORIGIN_PORTS = {"http": (8080, 8180, 8280, 8380), "https": (8443, 8543, 8643, 8743)}
CONTROL_PORT = 8081
PORTS = (20000, 20499)
#: Seconds after the end of the load when what is left is counted.
AFTERWARDS = 5
#: The settings that README recommends beside an app known to leak.
KNOWN_LEAKER = os.path.join(REPOSITORY, "config", "known-leaker.yaml")


def build(java=False):
    """Compiles the programs, once for all processes that ask at the same time."""
    os.makedirs(PROGRAMS, exist_ok=True)
    with open(os.path.join(PROGRAMS, ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        environment = dict(os.environ, GOFLAGS="-mod=mod", GOPROXY="off")
        subprocess.run(["go", "build", "-o", PROGRAMS + "/", "./origin", "./leaky", "./healthy"], cwd=SOURCES,
                       env=environment, check=True)
        if java:
            _build_java()


def _build_java():
    source = os.path.join(SOURCES, "java", "Leaky.java")
    made = os.path.join(PROGRAMS, "java", "Leaky.class")
    # javac, unlike go, would compile again each time.
    if not os.path.exists(made) or os.path.getmtime(made) < os.path.getmtime(source):
        subprocess.run(["javac", "-d", os.path.join(PROGRAMS, "java"), source], check=True)


def url(scheme, path=SMALL, origin=0):
    return f"{scheme}://{ORIGIN_ADDRESS}:{ORIGIN_PORTS[scheme][origin]}{path}"


@dataclasses.dataclass
class Result:
    """What happened; counts of connections are those of the dialling end. `app_hop` is app → weir, or
    app → origin without weir; `upstream_hop` is weir → origin. `held` counts every state that keeps a
    port from others but TIME-WAIT, which is counted apart; the rest only what is ESTABLISHED."""

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
    left_upstream_states: dict = dataclasses.field(default_factory=dict)
    peak_held_app_hop: int = 0
    peak_held_upstream_hop: int = 0
    peak_time_wait_app_hop: int = 0
    peak_time_wait_upstream_hop: int = 0
    origin_connections: int = 0

    @property
    def failures(self):
        return self.requests - self.ok

    @property
    def left_held_app_hop(self):
        return _held(self.left_states)

    @property
    def left_held_upstream_hop(self):
        return _held(self.left_upstream_states)


def _held(states):
    return sum(count for state, count in states.items() if state != "TIME-WAIT")


class Sampler:
    """Keeps the highest counts of what a hop, given as the ports that it dials, holds; 5 samples a second."""

    def __init__(self, namespace, hops):
        self.counter = SocketCounter(namespace)
        self.peaks = {hop: Held(0, 0, 0) for hop in hops}
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.stopped.wait(0.2):
            for hop, held in self.counter.held(self.peaks).items():
                self.peaks[hop] = Held(*map(max, self.peaks[hop], held))

    def stop(self):
        self.stopped.set()
        self.thread.join()
        self.counter.close()


class Lab:
    """`with Lab(via_weir=True) as lab: lab.run_go("https", "none")`. One run per lab: counters start at 0.
    Without a `config_file` weir has its default settings."""

    def __init__(self, via_weir, settings=None, config_file=KNOWN_LEAKER, ports=PORTS):
        self.via_weir, self.settings = via_weir, settings
        self.config_file = config_file
        self.ports = ports
        self.processes = []
        self.weir = None

    def __enter__(self):
        # weir looks up cgroups in the file system of the host.
        self.namespace = Namespace(ports=self.ports, host_files=True)
        try:
            listeners = {scheme: ",".join(f"{ORIGIN_ADDRESS}:{port}" for port in ports)
                         for scheme, ports in ORIGIN_PORTS.items()}
            # The first of the processes, and the last to end.
            self.spawn([os.path.join(PROGRAMS, "origin"), "-http", listeners["http"],
                        "-https", listeners["https"], "-control", f"127.0.0.1:{CONTROL_PORT}"])
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
            process.wait()
            process.stdin.close()
            process.stdout.close()
        if self.weir:
            self.weir.destroy()
        self.namespace.close()

    def spawn(self, argv, environment=None, cgroup=None):
        """Starts a program inside; its standard input is a pipe, its output another."""
        command = self.namespace.command(*argv)
        process = subprocess.Popen(cgroup.command(*command) if cgroup else command, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True,
                                   env=dict(os.environ, **(environment or {})))
        self.processes.append(process)
        return process

    def stop(self):
        """Ends the apps, which may hold half an answer for ever, and then weir, in good order."""
        for process in self.processes[1:]:
            process.kill()
            process.wait()
        if self.weir:
            self.weir.stop()

    def control(self, path):
        """What the origin tells; None while it does not answer yet."""
        try:
            peer = connect(self.namespace, "127.0.0.1", CONTROL_PORT, timeout=2)
        except OSError:
            return None
        try:
            return json.loads(peer.exchange(f"GET {path} HTTP/1.1\r\nHost: counters\r\n\r\n").content)
        except Truncated:
            return None
        finally:
            peer.close()

    def counters(self):
        """The origin's own counts by scheme."""
        return self.control("/")

    def environment(self):
        """The variables that lead an app through weir, or surely not."""
        proxy = f"http://127.0.0.1:{PROXY_PORT}" if self.via_weir else ""
        names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
        return {**dict.fromkeys(names, proxy), "NO_PROXY": "", "no_proxy": ""}

    def run_go(self, scheme, remedy="none", requests=2000, rate=200):
        return self.measure(scheme, [os.path.join(PROGRAMS, "leaky"), "-url", url(scheme), "-remedy", remedy,
                                     "-n", str(requests), "-rate", str(rate), "-hold"])

    def run_kind(self, name, requests=None, rate=200):
        """One of the apps of `leakyclients`."""
        kind = KINDS[name]
        urls = [url(kind.scheme, kind.path, origin) for origin in range(kind.origins)]
        return self.measure(kind.scheme, kind.command(urls, requests or kind.requests, rate))

    def run_requests(self, requests=300, rate=100):
        return self.run_kind("requests-http", requests, rate)

    def app_hop(self, scheme):
        """The ports that the app dials."""
        return (PROXY_PORT,) if self.via_weir else ORIGIN_PORTS[scheme]

    def measure(self, scheme, argv):
        """Runs the app, which afterwards holds what it holds, and counts what is left after 5 s."""
        upstream_hop = ORIGIN_PORTS[scheme]
        app_hop = self.app_hop(scheme)
        sampler = Sampler(self.namespace, {app_hop, upstream_hop})
        app = self.spawn(argv, self.environment())
        line = app.stdout.readline()
        ended = time.monotonic()
        sampler.stop()
        if not line:
            raise AssertionError(f"{argv[0]} ended with {app.wait()}")
        said = json.loads(line)
        observe(max(0, ended + AFTERWARDS - time.monotonic()))
        table = sockettable.rows(self.namespace)
        app_left = sockettable.states(row for row in table if row.peer_port in app_hop)
        upstream_left = sockettable.states(
            row for row in table if self.via_weir and row.peer_port in upstream_hop)
        app_peak = sampler.peaks[app_hop]
        upstream_peak = sampler.peaks[upstream_hop] if self.via_weir else Held(0, 0, 0)
        return Result(
            requests=said["requests"], ok=said["ok"], failed=dict(said["failed"]),
            first_failure=said["first_failure"], seconds=said["seconds"],
            slowest_ms=said.get("slowest_ms", 0.0),
            peak_app_hop=app_peak.established, peak_upstream_hop=upstream_peak.established,
            peak_held_app_hop=app_peak.sockets, peak_held_upstream_hop=upstream_peak.sockets,
            peak_time_wait_app_hop=app_peak.time_wait, peak_time_wait_upstream_hop=upstream_peak.time_wait,
            left_app_hop=app_left.get("ESTAB", 0), left_upstream_hop=upstream_left.get("ESTAB", 0),
            left_states=app_left, left_upstream_states=upstream_left,
            origin_connections=self.counters()[scheme]["connections"])
