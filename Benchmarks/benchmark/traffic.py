"""CPU, rates and latencies under load. Each function returns figures by key, and the faults that forbid their use."""

from .scenarios import KEEP_ALIVE

# Exchanges due per second in the open loop.
RATES = (500, 2000, 5000)


def _run(load, instance, scenario, options, limit):
    """The report of a run, the CPU time it took the proxy, and the faults."""
    before = instance.child.cpu_time()
    report = load.run([*scenario.arguments(instance), *options], limit)
    spent = instance.child.cpu_time().since(before)
    faults = list(report.faults)
    if not instance.child.alive():
        faults.append(f"the proxy ended: {instance.child.last_words()}")
    return report, spent, faults


def closed_loop(load, instance, scenario, plan):
    """As fast as the proxy answers, for the figures of an exchange."""
    load.run([*scenario.arguments(instance), "-duration", f"{plan.warm_up}s"])
    report, spent, faults = _run(load, instance, scenario, ["-duration", f"{plan.seconds}s"], plan.seconds + 30)
    if faults:
        return {}, faults
    microseconds, key = 1e6 / report.requests, scenario.key
    return {
        f"{key}.cpu": spent.total * microseconds,
        f"{key}.cpu_user": spent.user * microseconds,
        f"{key}.cpu_system": spent.system * microseconds,
        f"{key}.rate": report.requests / report.seconds,
        f"{key}.busy": 100 * spent.total / report.seconds,
        f"{key}.p50": report.p50,
        f"{key}.p99": report.p99,
        f"{key}.p999": report.p999,
    }, []


def volume(load, instance, scenario, plan):
    """Bodies as fast as the proxy passes them on, for the figures of a gigabyte (10⁹ bytes)."""
    load.run([*scenario.arguments(instance), "-duration", f"{plan.warm_up}s"])
    report, spent, faults = _run(load, instance, scenario, ["-duration", f"{plan.seconds}s"], plan.seconds + 30)
    if faults:
        return {}, faults
    per_gigabyte, key = 1e3 / (report.bytes / 1e9), scenario.key
    return {
        f"{key}.cpu": spent.total * per_gigabyte,
        f"{key}.cpu_user": spent.user * per_gigabyte,
        f"{key}.cpu_system": spent.system * per_gigabyte,
        f"{key}.rate": report.bytes / 1e9 / report.seconds,
    }, []


def open_loop(load, arguments, rate, plan):
    """Microseconds from the instant a keep-alive GET was due to the end of its response."""
    options = ["-rate", rate, "-duration", f"{plan.open_seconds}s", "-warm", f"{plan.warm_up}s"]
    report = load.run([*arguments, *options], plan.open_seconds + 30)
    if report.faults:
        return {}, report.faults
    return {f"open_{rate}.{quantile}": getattr(report, quantile) for quantile in ("p50", "p99", "p999")}, []


def direct(origin):
    """Options of the load program for keep-alive GETs without a proxy."""
    return ["-proxy", origin.authority, "-origin", origin.authority, "-path", KEEP_ALIVE.path,
            "-connections", KEEP_ALIVE.connections]
