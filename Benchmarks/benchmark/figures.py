"""The figures that are compared: rows of the tables of the report."""

from typing import NamedTuple

from .traffic import RATES


class Figure(NamedTuple):
    """A row. `decimals` is how it is printed; `ratio`, whether it is compared with HAProxy."""

    key: str
    title: str
    decimals: int
    ratio: bool = True


def _of_exchange(kind):
    return [
        Figure(f"{kind}.cpu", "CPU per exchange, µs", 1),
        Figure(f"{kind}.cpu_user", "of it in user space", 1),
        Figure(f"{kind}.cpu_system", "of it in the kernel", 1),
        Figure(f"{kind}.syscalls", "system calls per exchange", 2),
        Figure(f"{kind}.instructions", "instructions in user space per exchange", 0),
        Figure(f"{kind}.rate", "exchanges/s", 0),
        Figure(f"{kind}.busy", "proxy's core busy, %", 0, ratio=False),
        Figure(f"{kind}.p50", "latency p50, µs", 0),
        Figure(f"{kind}.p99", "latency p99, µs", 0),
        Figure(f"{kind}.p999", "latency p99.9, µs", 0),
    ]


def _of_volume(kind):
    return [
        Figure(f"{kind}.cpu", "CPU per GB, ms", 0),
        Figure(f"{kind}.cpu_user", "of it in user space", 0),
        Figure(f"{kind}.cpu_system", "of it in the kernel", 0),
        Figure(f"{kind}.rate", "GB/s", 2),
    ]


def _of_rate(rate):
    return [
        figure
        for quantile, title in (("p50", "p50"), ("p99", "p99"), ("p999", "p99.9"))
        for figure in (
            Figure(f"open_{rate}.{quantile}", f"{rate:,}/s: {title}, µs", 0),
            Figure(f"open_{rate}.{quantile}.added", "added to direct", 0),
        )
    ]


GROUPS = [
    ("Keep-alive GET, 64 bytes, 64 connections, closed loop", _of_exchange("keep_alive")),
    ("One-shot GET, a client connection for each, closed loop", _of_exchange("one_shot")),
    ("CONNECT set-up: connect, CONNECT, one small GET through the tunnel, close", _of_exchange("connect")),
    ("Bodies of 64 KiB, 16 connections", _of_volume("body_64k")),
    ("Bodies of 1 MiB, 8 connections", _of_volume("body_1m")),
    ("Tunnels, 8 of them, bodies of 1 MiB through each", _of_volume("tunnel")),
    ("Keep-alive GET at fixed rates, open loop", [figure for rate in RATES for figure in _of_rate(rate)]),
    ("Memory", [
        Figure("idle.resident", "idle: VmRSS, MiB", 2),
        Figure("idle.anonymous", "idle: RssAnon, MiB", 2),
        Figure("parked.bytes", "per parked client connection: RssAnon, bytes", 0),
        Figure("tunnel.bytes", "per quiet tunnel: RssAnon, bytes", 0),
        Figure("upstream.bytes", "per idle upstream connection and its parked client: RssAnon, bytes", 0),
    ]),
    ("Start and size", [
        Figure("start", "start to first answer, ms", 1),
        Figure("binary", "stripped program, MiB (without its libraries)", 1, ratio=False),
    ]),
]
