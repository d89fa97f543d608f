"""What is done with each proxy in a round."""

import contextlib
import time
from typing import NamedTuple

from . import memory, syscalls, traffic
from .callgrind import Callgrind, NotCounted
from .instance import Instance, NotStarted
from .peers.peer import Can
from .results import DIRECT
from .scenarios import EXCHANGES, KEEP_ALIVE, VOLUMES

# The processes of a proxy are settled by then.
SETTLE = 0.3


class Plan(NamedTuple):
    """How long and how much is measured. Times are seconds."""

    rounds: int
    seconds: float
    open_seconds: float
    warm_up: float
    traced: int       # exchanges under strace
    counted: int      # exchanges under callgrind
    parked: int
    tunnels: int
    upstream: int


class Bench:
    """The parts that every measurement needs."""

    def __init__(self, plan, tools, programs, cores, directory, descriptors, results):
        self.plan, self.tools, self.programs = plan, tools, programs
        self.cores, self.directory, self.descriptors = cores, directory, descriptors
        self.results = results
        self.origin = self.load = None  # set once they run

    @contextlib.contextmanager
    def running(self, peer, what, **options):
        """A fresh process each time, so that no measurement sees the memory of another; None if it does not start."""
        try:
            instance = Instance(self, peer, **options)
        except NotStarted as error:
            self.results.fail(peer.name, what, error)
            yield None
            return
        try:
            yield instance
        finally:
            instance.stop()

    def note(self, name, what, values, faults):
        if faults:
            self.results.fail(name, what, "; ".join(faults))
        self.results.add(name, values)


def start(bench, peer):
    with bench.running(peer, "start") as instance:
        if instance:
            time.sleep(SETTLE)
            used = instance.child.memory()
            bench.results.add(peer.name, {
                "start": instance.start_to_answer,
                "idle.resident": used.resident / 1024,
                "idle.anonymous": used.anonymous / 1024,
            })


def exchanges(bench, peer):
    _under_load(bench, peer, EXCHANGES, traffic.closed_loop)


def volumes(bench, peer):
    _under_load(bench, peer, VOLUMES, traffic.volume)


def _under_load(bench, peer, scenarios, measure):
    with bench.running(peer, "start") as instance:
        for scenario in scenarios if instance else ():
            if scenario.suits(peer):
                bench.note(peer.name, scenario.title, *measure(bench.load, instance, scenario, bench.plan))


def latency(bench, peer):
    """Fixed rates; before the first proxy of a round, the same load without any."""
    if peer.name == next(iter(bench.programs)):
        for rate in traffic.RATES:
            values, faults = traffic.open_loop(bench.load, traffic.direct(bench.origin), rate, bench.plan)
            bench.note(DIRECT, f"{rate}/s", values, faults)
    if not KEEP_ALIVE.suits(peer):
        return
    with bench.running(peer, "start") as instance:
        for rate in traffic.RATES if instance else ():
            values, faults = traffic.open_loop(bench.load, KEEP_ALIVE.arguments(instance), rate, bench.plan)
            bench.note(peer.name, f"{rate}/s", values, faults)


def connections(bench, peer):
    plan, results = bench.plan, bench.results
    if Can.PERSIST in peer.can:
        with bench.running(peer, "start", roomy=True) as instance:
            _note_bytes(results, instance, "parked", memory.parked, plan.parked)
    if Can.PERSIST | Can.EVENTS in peer.can:
        holding = memory.HoldingOrigin()
        try:
            with bench.running(peer, "start", roomy=True, origin=holding) as instance:
                holding.hold(plan.upstream)
                _note_bytes(results, instance, "upstream", memory.idle_upstream, holding, plan.upstream)
        finally:
            holding.stop()
    if Can.EVENTS in peer.can and peer.can & (Can.CONNECT | Can.RELAY):
        with bench.running(peer, "start", roomy=True) as instance:
            _note_bytes(results, instance, "tunnel", memory.quiet_tunnels, plan.tunnels)


def _note_bytes(results, instance, key, measure, *arguments):
    if instance is None:
        return
    value, reason = measure(instance, *arguments)
    if value is None:
        results.remark(instance.peer.name, f"memory, {key}", reason)
    else:
        results.add(instance.peer.name, {f"{key}.bytes": value})


def traced(bench, peer):
    """System calls: one run, as counts hardly differ between rounds."""
    with bench.running(peer, "start") as instance:
        for scenario in EXCHANGES if instance else ():
            if not scenario.suits(peer):
                continue
            try:
                calls = syscalls.by_name(bench.tools["strace"], bench.load, instance, scenario, bench.plan.traced,
                                         bench.cores.load, bench.directory)
            except syscalls.NotTraced as error:
                bench.results.remark(peer.name, f"system calls, {scenario.title}", error)
                continue
            frequent = ", ".join(f"{name} {share:.2f}" for name, share in calls.items() if share >= 0.05)
            bench.results.add(peer.name, {f"{scenario.key}.syscalls": sum(calls.values())})
            bench.results.system_calls.append([peer.name, scenario.title, frequent])


def counted(bench, peer):
    """Instructions: one run."""
    if Can.CALLGRIND not in peer.can:
        return
    try:
        run = Callgrind(bench, peer)
    except NotStarted as error:
        bench.results.remark(peer.name, "callgrind", error)
        return
    try:
        for scenario in EXCHANGES:
            if scenario.suits(peer):
                value = run.exchanges(bench.load, scenario, bench.plan.counted).instructions
                bench.results.add(peer.name, {f"{scenario.key}.instructions": value / bench.plan.counted})
    except NotCounted as error:
        bench.results.remark(peer.name, "instructions", error)
    finally:
        run.stop()


# What --only names. The first kind is done in every round, the second once.
ROUNDS = {"start": start, "exchanges": exchanges, "volumes": volumes, "latency": latency, "connections": connections}
ONCE = {"syscalls": traced, "instructions": counted}
