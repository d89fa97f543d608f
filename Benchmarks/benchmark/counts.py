"""Counts of weir that do not depend on how fast or how busy the machine is, by the keys of thresholds.toml."""

import time

from . import machine, memory, syscalls
from .callgrind import ALLOCATIONS, RELEASES, RETAINS, Callgrind
from .instance import Instance
from .peers import weir
from .scenarios import EXCHANGES, KEEP_ALIVE

SHARED = {"epoll_wait", "epoll_pwait", "epoll_pwait2"}
# System calls that a steady exchange has no use for.
NEEDLESS = ("ioctl", "epoll_ctl", "clock_gettime", "timerfd_settime", "fcntl", "setsockopt")
FEW, MANY = 100, 10000
TRACED, COUNTED = 4000, 1000
PARKED, TUNNELS = 10000, 9500
SETTLE = 0.3

SYSTEM_CALLS = [f"{scenario.key}.syscalls" for scenario in EXCHANGES] + [f"keep_alive.{name}" for name in NEEDLESS]
COSTS = [f"{scenario.key}.{cost}" for scenario in EXCHANGES
         for cost in ("instructions", "allocations", "retains", "releases")]
CROWDS = [f"beside_{FEW}.instructions", f"beside_{MANY}.instructions", "beside.growth"]
SIZES = ["parked.bytes", "tunnel.bytes", "idle.resident", "binary"]


def system_calls(bench):
    """Per exchange, beyond the wait that exchanges share."""
    values, instance = {}, Instance(bench, weir.PEER)
    try:
        for scenario in EXCHANGES:
            calls = syscalls.by_name(bench.tools["strace"], bench.load, instance, scenario, TRACED, bench.cores.load,
                                     bench.directory)
            own = {name: share for name, share in calls.items() if name not in SHARED}
            values[f"{scenario.key}.syscalls"] = sum(own.values())
            if scenario is KEEP_ALIVE:
                values |= {f"keep_alive.{name}": own.get(name, 0) for name in NEEDLESS}
    finally:
        instance.stop()
    return values


def costs(bench):
    """Instructions, heap allocations and reference counting per exchange."""
    values, run = {}, Callgrind(bench, weir.PEER)
    try:
        for scenario in EXCHANGES:
            counted = run.exchanges(bench.load, scenario, COUNTED)
            values |= {
                f"{scenario.key}.instructions": counted.instructions / COUNTED,
                f"{scenario.key}.allocations": counted.calls_of(ALLOCATIONS) / COUNTED,
                f"{scenario.key}.retains": counted.calls_of(RETAINS) / COUNTED,
                f"{scenario.key}.releases": counted.calls_of(RELEASES) / COUNTED,
            }
    finally:
        run.stop()
    return values


def beside_crowds(bench):
    """Instructions per keep-alive exchange while others are parked, few or many."""
    values, run = {}, Callgrind(bench, weir.PEER, roomy=True)
    try:
        for count in (FEW, MANY):
            with memory.standing_by(run.instance, count):
                counted = run.exchanges(bench.load, KEEP_ALIVE, COUNTED)
                values[f"beside_{count}.instructions"] = counted.instructions / COUNTED
    finally:
        run.stop()
    values["beside.growth"] = values[f"beside_{MANY}.instructions"] / values[f"beside_{FEW}.instructions"]
    return values


def sizes(bench):
    """Memory and the program's own size."""
    values = {"binary": machine.stripped_mebibytes(bench.programs["weir"], bench.directory)}
    idle = Instance(bench, weir.PEER)
    try:
        time.sleep(SETTLE)
        values["idle.resident"] = idle.child.memory().resident / 1024
    finally:
        idle.stop()
    for key, measure, count in (("parked", memory.parked, PARKED), ("tunnel", memory.quiet_tunnels, TUNNELS)):
        instance = Instance(bench, weir.PEER, roomy=True)
        try:
            value, reason = measure(instance, count)
        finally:
            instance.stop()
        if value is None:
            raise memory.Fault(f"{key}: {reason}")
        values[f"{key}.bytes"] = value
    return values


GROUPS = {
    "syscalls": (system_calls, SYSTEM_CALLS),
    "callgrind": (costs, COSTS),
    "crowds": (beside_crowds, CROWDS),
    "sizes": (sizes, SIZES),
}
