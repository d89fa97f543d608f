"""System calls per exchange, counted by strace in a run of its own: tracing distorts all other figures."""

import os
import re
import signal
import subprocess
import time


class NotTraced(Exception):
    """strace did not do it; the reason is the text."""


def by_name(strace, load, instance, scenario, count, core, directory):
    """Calls per exchange by name, the most frequent first: what `count` exchanges take beyond a quarter of them, so
    that opening the load's connections is not in it."""
    load.run([*scenario.arguments(instance), "-count", scenario.connections * 4])
    few, many = (_counts(strace, load, instance, scenario, number, core, directory) for number in (count // 4, count))
    calls = {name: (many[name] - few.get(name, 0)) / (count - count // 4) for name in many}
    return {name: max(0, calls[name]) for name in sorted(calls, key=calls.get, reverse=True)}


def _counts(strace, load, instance, scenario, count, core, directory):
    summary = directory / "strace.txt"
    summary.unlink(missing_ok=True)
    with _traced(strace, instance, summary, core, directory):
        report = load.run([*scenario.arguments(instance), "-count", count])
    if report.faults:
        raise NotTraced("; ".join(report.faults))
    rows = re.findall(r"^(\w+)\s+(\d+)$", summary.read_text(), re.MULTILINE)
    return {name: int(calls) for name, calls in rows if name != "total"}


class _traced:
    """Whatever runs inside is traced from the first call on."""

    def __init__(self, strace, instance, summary, core, directory):
        self._targets = [argument for pid in instance.child.pids() for argument in ("-p", str(pid))]
        options = ["-f", "-c", "-U", "name,calls", "-o", str(summary)]
        self._command = ["taskset", "-c", str(core), strace, *options, *self._targets]
        self._said = directory / "strace.log"

    def __enter__(self):
        with open(self._said, "wb") as output:
            self._tracer = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        # The load begins only when every process is traced: no exchange may go uncounted.
        deadline = time.monotonic() + 5
        while self._said.read_text().count(" attached") < len(self._targets) // 2:
            if self._tracer.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise NotTraced(self._said.read_text().strip() or "strace does not attach")
            time.sleep(0.01)

    def __exit__(self, *_):
        if self._tracer.poll() is None:
            os.kill(self._tracer.pid, signal.SIGINT)
        self._tracer.wait()
