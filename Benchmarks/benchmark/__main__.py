"""Options, order of the rounds, and the exit status."""

import argparse
import os
import pathlib
import resource
import shlex
import signal
import sys
import tempfile

from . import machine, report, verdict
from .figures import Results
from .origin import Origin
from .processes import Child
from .proxies import find, installed, version
from .rounds import Bench, Plan

PACKAGES = {"nginx": "nginx-light"}
SPARE_DESCRIPTORS = 500


def parse():
    parser = argparse.ArgumentParser(
        prog="Benchmarks/run",
        description="Compares weir with the forward proxies that are installed.",
        epilog="The binary is .build/release/weir, or what WEIR_BINARY names. Exit status: 0 when all is"
        " well, 1 when weir failed a request or (with --check) a bound, 2 when nothing can be measured.",
    )
    parser.add_argument("--quick", action="store_true", help="one short round instead of three")
    parser.add_argument("--rounds", type=int, metavar="N", help="number of interleaved rounds")
    parser.add_argument("--parked", type=int, default=5000, metavar="N", help="parked connections (5000)")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="FILE", help="write the report there too")
    parser.add_argument("--check", action="store_true", help="fail when weir breaks a bound it has promised")
    options = parser.parse_args()
    if options.rounds is not None and options.rounds < 1 or not 1 <= options.parked <= 5500:
        parser.error("--rounds is at least 1, --parked between 1 and 5500")
    return options


def apt_line(programs):
    packages = [PACKAGES.get(name, name) for name in programs]
    return f"apt-get install --no-install-recommends {' '.join(packages)}"


def find_tools():
    tools = {name: find(name) for name in ("wrk", "nginx", "strace", "taskset")}
    if not tools["taskset"]:
        sys.exit("benchmark: taskset is missing (util-linux)")
    missing = [name for name in ("wrk", "nginx") if not tools[name]]
    if missing:
        print(f"benchmark: no load without {' and '.join(missing)}: {apt_line(missing)}", file=sys.stderr)
        sys.exit(2)
    return tools


def find_binary():
    binary = pathlib.Path(os.environ.get("WEIR_BINARY", ".build/release/weir")).absolute()
    if not os.access(binary, os.X_OK):
        print(f"benchmark: no weir at {binary}: run 'make build', or set WEIR_BINARY", file=sys.stderr)
        sys.exit(2)
    return binary


def raise_descriptors(wanted):
    """Raises the limit to the hard one, which the proxies inherit; returns it and how many may be parked."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Some proxies size tables by the limit; a huge one would count as their idle memory.
    limit = min(hard, 20000)
    if limit < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit, min(wanted, limit // 3 - SPARE_DESCRIPTORS // 3)


def measure(options, tools, proxies, cores, directory, results):
    descriptors, parked = raise_descriptors(options.parked)
    if parked < options.parked:
        results.remarks.append(f"only {parked} connections are parked: the descriptor limit is {descriptors}")
    rounds = options.rounds or (1 if options.quick else 3)
    plan = Plan(rounds, 2, 1, 1, parked) if options.quick else Plan(rounds, 4, 1, 2, parked)
    origin = Origin(tools["nginx"], cores.origin, directory, descriptors)
    bench = Bench(plan, tools, origin, cores, directory, descriptors, results)
    tell = (lambda text: print(f"  {text}", file=sys.stderr)) if sys.stderr.isatty() else lambda text: None
    for number in range(rounds):
        tell(f"round {number + 1} of {rounds}")
        # Another one begins each time, so that none is always the first on a cold machine.
        turn = number % len(proxies)
        bench.round(proxies[turn:] + proxies[:turn], tell)
    if tools["strace"]:
        bench.trace(proxies, tell)
    return rounds


def conclude(options, results):
    """Exit status, with the reasons on stderr."""
    reasons = ["weir failed a request"] if "weir" in results.failed else []
    if options.check:
        reasons += verdict.broken(results)
    for reason in reasons:
        print(f"benchmark: {reason}", file=sys.stderr)
    return 1 if reasons else 0


def main():
    options = parse()
    tools = find_tools()
    binary = find_binary()
    proxies, missing = installed(binary)
    missing += [] if tools["strace"] else ["strace"]
    if missing:
        print(f"benchmark: goes on without {', '.join(missing)}: {apt_line(missing)}", file=sys.stderr)
    usable = sorted(os.sched_getaffinity(0))
    cores = machine.choose_cores(usable)
    os.sched_setaffinity(0, {cores.load})
    results = Results()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="weir-benchmark-") as name:
        directory = pathlib.Path(name)
        # Daemons that give up root write there too.
        directory.chmod(0o777)
        versions = {proxy.name: version(proxy.program) for proxy in proxies}
        versions |= {name: version(tools[name]) for name in ("nginx", "wrk")}
        description = machine.describe(versions, usable)
        try:
            strangers = machine.Strangers()
            rounds = measure(options, tools, proxies, cores, directory, results)
        finally:
            Child.stop_all()
        others = strangers.remark()
        results.add("weir", {"binary": machine.stripped_mebibytes(binary, directory)})
    names = [proxy.name for proxy in proxies]
    notes = report.notes(results, names, description, cores, rounds, others)
    print(report.terminal(results, names), "", *notes, sep="\n")
    if options.markdown:
        command = shlex.join(["Benchmarks/run", *sys.argv[1:]])
        options.markdown.write_text(report.markdown(results, names, notes, command))
    return conclude(options, results)


if __name__ == "__main__":
    sys.exit(main())
