"""What weir is to reach, and whether it does."""

from typing import NamedTuple

from .peers import PEERS
from .peers.peer import Can

WEIR, HAPROXY = "weir", "haproxy"
TERMINATORS = [peer.name for peer in PEERS if Can.CONNECT in peer.can and peer.name != WEIR]


class Bar(NamedTuple):
    """A figure's bar: `times` the lowest value of the proxies named, or an absolute value where there are none."""

    key: str
    title: str
    unit: str
    times: float
    than: tuple = ()


class Verdict(NamedTuple):
    """`reference` names the proxy whose value sets the bar; None stands for what was not measured."""

    bar: Bar
    value: float | None
    limit: float | None
    reference: str

    @property
    def reached(self):
        return None if self.value is None or self.limit is None else self.value <= self.limit


HAPROXY_ONLY = (HAPROXY,)

BARS = [
    Bar("keep_alive.cpu", "CPU per keep-alive GET", "µs", 0.9, HAPROXY_ONLY),
    Bar("keep_alive.cpu_user", "CPU per keep-alive GET, user space", "µs", 0.5, HAPROXY_ONLY),
    Bar("one_shot.cpu", "CPU per one-shot GET", "µs", 0.9, HAPROXY_ONLY),
    Bar("connect.cpu", "CPU per CONNECT set-up", "µs", 1.0, tuple(TERMINATORS)),
    Bar("body_64k.cpu", "CPU per GB, bodies of 64 KiB", "ms", 1.0, HAPROXY_ONLY),
    Bar("body_1m.cpu", "CPU per GB, bodies of 1 MiB", "ms", 1.0, HAPROXY_ONLY),
    Bar("tunnel.cpu", "CPU per GB, tunnels", "ms", 1.0, tuple(TERMINATORS)),
    Bar("open_500.p50.added", "added latency at 500/s, p50", "µs", 1.0, HAPROXY_ONLY),
    Bar("open_500.p99.added", "added latency at 500/s, p99", "µs", 1.1, HAPROXY_ONLY),
    Bar("idle.resident", "resident memory, idle", "MiB", 8),
    Bar("parked.bytes", "user memory per parked connection", "bytes", 512),
    Bar("tunnel.bytes", "user memory per quiet tunnel", "bytes", 1024),
    Bar("start", "start to first answer", "ms", 20),
    Bar("binary", "stripped binary, static Swift runtime", "MiB", 12),
]


def judge(bar, results):
    value = results.median(WEIR, bar.key)
    if not bar.than:
        return Verdict(bar, value, bar.times, "")
    known = {name: results.median(name, bar.key) for name in bar.than}
    known = {name: value for name, value in known.items() if value is not None}
    if not known:
        return Verdict(bar, value, None, "")
    best = min(known, key=known.get)
    return Verdict(bar, value, known[best] * bar.times, best)


def verdicts(results):
    """One for each bar of which weir has a value."""
    return [verdict for verdict in (judge(bar, results) for bar in BARS) if verdict.value is not None]
