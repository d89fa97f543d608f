"""The figures that are compared, and the collection of their values over the rounds."""

import statistics
from typing import NamedTuple


class Figure(NamedTuple):
    """A row of the table. `decimals` is how it is printed; `ratio`, whether it is compared with HAProxy."""

    key: str
    title: str
    decimals: int
    ratio: bool = True


def _of_load(kind):
    return [
        Figure(f"{kind}.cpu", "CPU per request, µs", 1),
        Figure(f"{kind}.cpu_user", "  of it in user space", 1),
        Figure(f"{kind}.cpu_system", "  of it in the kernel", 1),
        Figure(f"{kind}.rate", "requests/s", 0),
        Figure(f"{kind}.busy", "proxy's core busy, %", 0, ratio=False),
        Figure(f"{kind}.p50", "latency p50, ms", 2),
        Figure(f"{kind}.p99", "latency p99, ms", 2),
        Figure(f"{kind}.upstream", "upstream connections opened", 0, ratio=False),
        Figure(f"{kind}.syscalls", "system calls per request", 2),
    ]


GROUPS = [
    ("Keep-alive GET, 64 connections", _of_load("keep_alive")),
    ("One-shot GET, a client connection for each", _of_load("one_shot")),
    ("Memory and start", [
        Figure("idle.resident", "idle: VmRSS, MiB", 2),
        Figure("idle.anonymous", "idle: RssAnon, MiB", 2),
        Figure("parked.bytes", "per parked connection: RssAnon, bytes", 0),
        Figure("start", "start to first answer, ms", 1),
        Figure("binary", "stripped binary, MiB", 1, ratio=False),
    ]),
]


class Results:
    """Values by proxy and figure, and remarks on what could not be measured."""

    def __init__(self):
        self._values = {}
        self.remarks = []
        self.failed = set()

    def add(self, proxy, values):
        for key, value in values.items():
            if value is not None:
                self._values.setdefault((proxy, key), []).append(value)

    def remark(self, proxy, what, reason):
        text = f"{proxy}, {what}: {reason}"
        if text not in self.remarks:
            self.remarks.append(text)

    def fail(self, proxy, what, reason):
        """A failed request: the values of that run are left out and the proxy is marked."""
        self.failed.add(proxy)
        self.remark(proxy, what, reason)

    def median(self, proxy, key):
        values = self._values.get((proxy, key))
        return statistics.median(values) if values else None

    def spread(self, proxy, key):
        """Lowest and highest value, or None."""
        values = self._values.get((proxy, key))
        return (min(values), max(values)) if values else None
