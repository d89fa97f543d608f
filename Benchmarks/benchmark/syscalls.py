"""System calls per request, counted by strace in a run of its own: tracing distorts all other figures."""

import os
import re
import signal
import subprocess
import time

from .load import wrk


def per_request(strace, wrk_program, instance, origin, core, directory, seconds, one_shot):
    """Calls per request and the most frequent ones by name, or None and the reason."""
    summary = directory / "strace.txt"
    said = directory / "strace.log"
    summary.unlink(missing_ok=True)
    targets = [argument for pid in instance.child.pids() for argument in ("-p", str(pid))]
    options = ["-f", "-c", "-U", "name,calls", "-o", str(summary)]
    command = ["taskset", "-c", str(core), strace, *options, *targets]
    with open(said, "wb") as output:
        tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        # The load begins only when every thread is traced: no request may go uncounted.
        deadline = time.monotonic() + 3
        while said.read_text().count(" attached") < len(targets) // 2:
            if tracer.poll() is not None or time.monotonic() > deadline:
                return None, said.read_text().strip() or "strace does not attach"
            time.sleep(0.01)
        report = wrk(wrk_program, instance, origin, seconds, one_shot)
    finally:
        if tracer.poll() is None:
            os.kill(tracer.pid, signal.SIGINT)
        tracer.wait()
    if report.faults:
        return None, "; ".join(report.faults)
    rows = re.findall(r"^(\w+)\s+(\d+)$", summary.read_text(), re.MULTILINE)
    counts = {name: int(calls) for name, calls in rows if name != "total"}
    total = sum(counts.values())
    names = sorted(counts, key=counts.get, reverse=True)
    shares = {name: counts[name] / report.requests for name in names}
    frequent = [f"{name} {share:.2f}" for name, share in shares.items() if share >= 0.05]
    return total / report.requests, ", ".join(frequent)
