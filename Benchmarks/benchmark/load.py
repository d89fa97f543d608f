"""One wrk run against a proxy: what it cost, how fast it was, and whether anything failed."""

import pathlib
import re
import subprocess

CONNECTIONS = 64
SCRIPT = pathlib.Path(__file__).with_name("load.lua")
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


class WrkReport:
    """What wrk printed. `faults` says in words why the figures may not be used; empty when they may."""

    def __init__(self, text, persistent):
        self.requests = int(_found(r"(\d+) requests in", text, "0"))
        self.per_second = float(_found(r"Requests/sec:\s+([\d.]+)", text, "0"))
        self.p50 = _milliseconds(_found(r"^\s+50%\s+(\S+)", text, ""))
        self.p99 = _milliseconds(_found(r"^\s+99%\s+(\S+)", text, ""))
        self.faults = []
        if self.requests == 0:
            self.faults.append("no request was answered")
        not_ok = _found(r"Non-2xx or 3xx responses: (\d+)", text, "")
        if not_ok:
            self.faults.append(f"{not_ok} answers other than 2xx")
        errors = _found(r"Socket errors: (.*)", text, "")
        counts = [int(count) for count in re.findall(r"\d+", errors)]
        # An end of the connection that the response did not announce is a read error to wrk.
        only_ends = sum(counts) == counts[1] <= self.requests if counts else True
        if not only_ends or errors and persistent:
            self.faults.append(f"socket errors: {errors}")


def _found(pattern, text, otherwise):
    match = re.search(pattern, text, re.MULTILINE)
    return match.group(1) if match else otherwise


def _milliseconds(text):
    match = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    return float(match.group(1)) * MILLISECONDS[match.group(2)] if match else None


def wrk(program, instance, origin, seconds, one_shot):
    """Runs wrk for whole `seconds` on the caller's core. One-shot means a new connection for each request."""
    command = [
        program, "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "--latency", "-s", str(SCRIPT),
        f"http://127.0.0.1:{instance.port}/", "--", origin.uri, origin.authority,
    ]
    if one_shot:
        command.append("close")
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30)
    report = WrkReport(done.stdout, instance.proxy.persistent)
    if done.returncode != 0:
        report.faults.append(f"wrk: {done.stderr.strip()}")
    return report


def measure(program, instance, origin, plan, one_shot):
    """Figures of one run by their names in `figures.py`, and the faults. Only upstream counts the warm-up."""
    accepted = origin.accepted()
    wrk(program, instance, origin, plan.warm_up, one_shot)
    before = instance.child.cpu_time()
    report = wrk(program, instance, origin, plan.seconds, one_shot)
    spent = instance.child.cpu_time().since(before)
    faults = list(report.faults)
    if not instance.child.alive():
        faults.append(f"the proxy ended: {instance.child.last_words()}")
    if faults:
        return {}, faults
    kind = "one_shot" if one_shot else "keep_alive"
    microseconds = 1e6 / report.requests
    return {
        f"{kind}.cpu": spent.total * microseconds,
        f"{kind}.cpu_user": spent.user * microseconds,
        f"{kind}.cpu_system": spent.system * microseconds,
        f"{kind}.rate": report.per_second,
        f"{kind}.busy": 100 * spent.total * report.per_second / report.requests,
        f"{kind}.p50": report.p50,
        f"{kind}.p99": report.p99,
        f"{kind}.upstream": origin.accepted() - accepted,
    }, []
