"""Options, order of the rounds, and the exit status."""

import argparse
import os
import pathlib
import signal
import sys
import tempfile

from . import machine, report
from .load import Load
from .notes import notes
from .origin import Origin
from .peers import PEERS
from .peers.peer import find, version
from .processes import Child, raise_descriptors
from .results import DIRECT, Results
from .rounds import ONCE, ROUNDS, Bench, Plan
from .tools import find_binary, find_tools

FULL = Plan(rounds=3, seconds=1.5, open_seconds=2.5, warm_up=0.4, traced=6000, counted=1000, parked=10000, tunnels=9500,
            upstream=1000)
QUICK = FULL._replace(rounds=1, seconds=1, open_seconds=1.5, warm_up=0.3, traced=2000, counted=300, parked=2000,
                      tunnels=2000, upstream=500)


def parse():
    groups = [*ROUNDS, *ONCE]
    names = [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(
        prog="Benchmarks/run",
        description="Compares weir with the proxies that are installed (scripts/bootstrap bench installs them).",
        epilog="The binary is .build/release/weir, or what WEIR_BINARY names. Exit status: 0 when all is"
        " well, 1 when weir failed an exchange, 2 when nothing can be measured.",
    )
    parser.add_argument("--quick", action="store_true", help="one short round instead of three")
    parser.add_argument("--rounds", type=int, metavar="N", help="number of interleaved rounds")
    parser.add_argument("--only", action="append", choices=groups, metavar="GROUP",
                        help=f"only these figures; may be repeated: {', '.join(groups)}")
    parser.add_argument("--peer", action="append", choices=names, metavar="NAME",
                        help=f"only these proxies; may be repeated: {', '.join(names)}")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="FILE", help="write the report there too")
    options = parser.parse_args()
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds is at least 1")
    return options


def find_programs(binary, directory, names):
    """Paths by name of the peers that are installed. weir comes without debug information, which Debian 12's valgrind
    cannot read of every compiler; it changes nothing else."""
    programs = {"weir": machine.without_debug_information(binary, directory)}
    programs |= {peer.name: find(peer.program) for peer in PEERS if peer.name != "weir"}
    missing = [name for name, program in programs.items() if not program]
    if missing:
        print(f"benchmark: goes on without {', '.join(missing)}: scripts/bootstrap bench installs", file=sys.stderr)
    return {name: str(program) for name, program in programs.items() if program and (not names or name in names)}


def measure(bench, groups, tell):
    peers = [peer for peer in PEERS if peer.name in bench.programs]
    for number in range(bench.plan.rounds):
        # Another one begins each time, so that none is always the first on a cold machine.
        turn = number % len(peers)
        for group, work in ROUNDS.items():
            for peer in (*peers[turn:], *peers[:turn]) if group in groups else ():
                tell(f"round {number + 1} of {bench.plan.rounds}: {group}, {peer.name}")
                work(bench, peer)
    for group, work in ONCE.items():
        for peer in peers if group in groups else ():
            tell(f"{group}, {peer.name}")
            work(bench, peer)
    for peer in peers if "start" in groups else ():
        size = machine.stripped_mebibytes(bench.programs[peer.name], bench.directory)
        bench.results.add(peer.name, {"binary": size})


def run(options, tools, binary, directory):
    """The results, and the notes on them."""
    plan = QUICK if options.quick else FULL
    plan = plan._replace(rounds=options.rounds or plan.rounds)
    usable = sorted(os.sched_getaffinity(0))
    cores = machine.choose_cores(usable)
    os.sched_setaffinity(0, {cores.load})
    results = Results()
    programs = find_programs(binary, directory, options.peer)
    bench = Bench(plan, tools, programs, cores, directory, raise_descriptors(), results)
    bench.load = Load(tools["go"], directory, cores.load)
    bench.origin = Origin(tools["nginx"], cores.origin, directory, bench.descriptors)
    versions = {name: version(program) for name, program in programs.items()}
    versions |= {"origin nginx": version(tools["nginx"]), "go": version(tools["go"])}
    description = machine.describe(versions, usable)
    strangers = machine.Strangers()
    tell = (lambda text: print(f"  {text}", file=sys.stderr, flush=True)) if sys.stderr.isatty() else lambda text: None
    try:
        measure(bench, options.only or [*ROUNDS, *ONCE], tell)
    finally:
        Child.stop_all()
    return results, notes(results, [*programs], description, cores, plan, strangers.remark())


def main():
    options = parse()
    tools = find_tools("bench")
    binary = find_binary()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="weir-benchmark-") as name:
        directory = pathlib.Path(name)
        # Daemons that give up root write there too.
        directory.chmod(0o777)
        results, lines = run(options, tools, binary, directory)
    columns = [peer.name for peer in PEERS] + [DIRECT]
    print(report.terminal(results, columns), *lines, *results.remarks, sep="\n")
    if options.markdown:
        options.markdown.write_text(report.markdown(results, columns, lines))
    if "weir" in results.failed:
        print("benchmark: weir failed an exchange", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
