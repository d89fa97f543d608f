"""Compares counts of weir with committed thresholds, or of two builds with each other."""

import argparse
import os
import pathlib
import signal
import sys
import tempfile

from . import machine, memory, thresholds
from .callgrind import NotCounted
from .counts import GROUPS
from .instance import NotStarted
from .load import Load
from .origin import Origin
from .processes import Child, raise_descriptors
from .rounds import Bench
from .syscalls import NotTraced
from .tools import find_binary, find_tools

THRESHOLDS = pathlib.Path(__file__).resolve().parent.parent / "thresholds.toml"
FIGURES = [key for _, keys in GROUPS.values() for key in keys]


def parse():
    parser = argparse.ArgumentParser(
        prog="Benchmarks/check",
        description="Counts system calls, instructions, allocations and bytes of weir and compares them with"
        " Benchmarks/thresholds.toml.",
        epilog="The binary is .build/release/weir, or what WEIR_BINARY names. Exit status: 0 when every threshold"
        " holds, 1 when one is broken, 2 when something cannot be measured.",
    )
    parser.add_argument("--compare", type=pathlib.Path, metavar="OTHER",
                        help="measure this build as well and show both, without thresholds")
    parser.add_argument("--only", action="append", choices=list(GROUPS), metavar="GROUP",
                        help=f"only these counts; may be repeated: {', '.join(GROUPS)}")
    return parser.parse_args()


def measure(binary, groups, tools, directory):
    """Counts by key."""
    usable = sorted(os.sched_getaffinity(0))
    cores = machine.choose_cores(usable)
    programs = {"weir": str(machine.without_debug_information(binary, directory))}
    bench = Bench(None, tools, programs, cores, directory, raise_descriptors(), None)
    bench.load = Load(tools["go"], directory, cores.load)
    bench.origin = Origin(tools["nginx"], cores.origin, directory, bench.descriptors)
    values = {}
    try:
        for group in groups:
            values |= GROUPS[group][0](bench)
    finally:
        Child.stop_all()
    return values


def in_own_directory(binary, groups, tools):
    with tempfile.TemporaryDirectory(prefix="weir-check-") as name:
        directory = pathlib.Path(name)
        directory.chmod(0o777)
        return measure(binary, groups, tools, directory)


def compare(known, values, others):
    print(f"{'':28} {'weir':>12} {'other':>12} {'weir/other':>12}")
    for threshold in known:
        if threshold.key in values:
            value, other = values[threshold.key], others[threshold.key]
            ratio = f"{value / other:.4f}" if other else ""
            print(f"{threshold.key:28} {threshold.text(value):>12} {threshold.text(other):>12} {ratio:>12}"
                  f"  {threshold.unit}")


def tell(known, values):
    """Prints every figure, then a line on stderr for each that breaks its threshold."""
    for threshold in known:
        if threshold.key in values:
            print(f"{threshold.key:28} {threshold.text(values[threshold.key]):>10}  at most"
                  f" {threshold.text(threshold.most):>10}  {threshold.unit}")
    lines = thresholds.broken(known, values)
    for line in lines:
        print(f"bench-check: {line}", file=sys.stderr)
    return 1 if lines else 0


def main():
    options = parse()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    tools = find_tools("bench-check")
    groups = options.only or list(GROUPS)
    wanted = {key for group in groups for key in GROUPS[group][1]}
    known = [threshold for threshold in thresholds.read(THRESHOLDS.read_text()) if threshold.key in wanted]
    try:
        values = in_own_directory(find_binary(), groups, tools)
        if options.compare:
            compare(known, values, in_own_directory(options.compare.absolute(), groups, tools))
            return 0
    except (NotStarted, NotCounted, NotTraced, memory.Fault) as error:
        print(f"bench-check: {error}", file=sys.stderr)
        return 2
    return tell(known, values)


if __name__ == "__main__":
    sys.exit(main())
