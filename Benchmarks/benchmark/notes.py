"""How the figures came about, in sentences."""

from .peers import PEERS


def notes(results, names, machine, cores, plan, others):
    count = "one round" if plan.rounds == 1 else f"medians of {plan.rounds} interleaved rounds"
    lines = [
        f"Machine: {machine}.",
        f"Pinned: {cores}. {count[0].upper()}{count[1:]}, another proxy first in each.",
        others,
        "Origin: nginx on loopback. Load: Benchmarks/load, one thread on raw sockets. Requests are in absolute form"
        " over plain HTTP; the small body has 64 bytes; larger ones are taken out of the client's socket without copying.",
        "CPU is utime + stime of all processes of the proxy, which the kernel scales to the exact run time; the split"
        " into user space and kernel is sampled at each tick. A GB is 10⁹ bytes.",
        "Open loop: a latency is counted from the instant a request was due, so that a stall is not left out; added is"
        " the difference between the median of a quantile and that of the same load without a proxy (direct).",
        "System calls come from a run of their own under strace, instructions from one under callgrind.",
        f"Memory: anonymous pages (RssAnon) that {plan.parked:,} parked connections, {plan.tunnels:,} tunnels or"
        f" {plan.upstream:,} idle upstream connections add. Buffers in the kernel are not in it.",
        "Set up: " + "; ".join(f"{peer.name} {peer.set_up}" for peer in PEERS if peer.name in names) + ".",
    ]
    for name in names:
        spread = results.spread(name, "keep_alive.cpu")
        if plan.rounds > 1 and spread:
            low, high = spread
            lines.append(f"CPU per keep-alive GET of {name} by round: {low:.1f} to {high:.1f} µs.")
    return lines
