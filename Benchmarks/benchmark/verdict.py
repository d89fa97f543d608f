"""The bounds weir has promised to keep."""

from .report import REFERENCE

CPU_TIMES_HAPROXY = 1.2
IDLE_MEBIBYTES = 10
PARKED_BYTES = 1024


def broken(results):
    """A line for each bound that does not hold or could not be measured."""
    bounds = [
        ("idle.resident", IDLE_MEBIBYTES, "MiB idle"),
        ("parked.bytes", PARKED_BYTES, "bytes per parked connection"),
    ]
    cpu = results.median(REFERENCE, "keep_alive.cpu")
    lines = []
    if cpu is None:
        lines.append("CPU per keep-alive request has nothing to be compared with: HAProxy was not measured")
    else:
        bounds.insert(0, ("keep_alive.cpu", cpu * CPU_TIMES_HAPROXY, "µs of CPU per keep-alive request"))
    for key, bound, unit in bounds:
        value = results.median("weir", key)
        if value is None:
            lines.append(f"{unit}: not measured")
        elif value > bound:
            lines.append(f"{value:.1f} {unit}: more than {bound:.1f}")
    return lines
