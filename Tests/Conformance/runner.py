"""Runs the conformance cases against weir, or against a proxy that is there already.

Output: one line per failing case, and at the end `N passed, N failed`.
"""

import argparse
import concurrent.futures
import glob
import importlib
import json
import os
import re
import signal
import socket
import sys
import time

import proxies
from wire import Failure, Satisfied
from world import World

HERE = os.path.dirname(os.path.abspath(__file__))


def load_cases():
    """Every case of every cases_*.py; ids are unique."""
    cases = []
    for path in sorted(glob.glob(os.path.join(HERE, "cases_*.py"))):
        cases += importlib.import_module(os.path.basename(path)[:-3]).CASES
    seen = set()
    for case in cases:
        if case.id in seen or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", case.id):
            raise SystemExit(f"conformance: the id {case.id} is taken or not in kebab case")
        seen.add(case.id)
    return cases


def run_case(case, proxy):
    """None, or what went wrong."""
    world = None
    try:
        world = World(proxy, case.timeout)
        for step in case.steps:
            step(world)
        return None
    except Satisfied:
        return None
    except Failure as failure:
        return str(failure)
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    finally:
        if world:
            world.close()


class Proxies:
    """The proxy for each group of settings: one weir each, or everywhere the one of --proxy."""

    def __init__(self, address, groups):
        self.by_group, self.broken = {}, {}
        if address:
            host, _, port = address.rpartition(":")
            self.by_group = dict.fromkeys(groups, proxies.Proxy((host.strip("[]") or "127.0.0.1", int(port))))
            return
        for group in groups:
            try:
                self.by_group[group] = proxies.Weir(proxies.GROUPS[group])
            except RuntimeError as error:
                self.broken[group] = str(error)

    def run(self, case):
        if case.group in self.broken:
            return f"no proxy for the settings {case.group}: {self.broken[case.group]}"
        return run_case(case, self.by_group[case.group])

    def stop(self):
        """What was wrong with the end of any."""
        return [complaint for complaint in (proxy.stop() for proxy in self.by_group.values()) if complaint]


def parse_arguments():
    parser = argparse.ArgumentParser(prog="run", description=__doc__)
    parser.add_argument("--proxy", metavar="HOST:PORT", help="test this one, by the RFCs alone, and not weir")
    parser.add_argument("--only", metavar="REGEX", default="", help="cases whose id matches")
    parser.add_argument("--json", metavar="FILE", help="write the verdicts there")
    parser.add_argument("-j", "--jobs", type=int, default=8, help="cases at a time")
    parser.add_argument("--list", action="store_true", help="list the cases and run none")
    return parser.parse_args()


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


def select_cases(options):
    cases = [case for case in load_cases() if re.search(options.only, case.id)]
    cases = [case for case in cases if not (options.proxy and case.weir_only)]
    if has_ipv6():
        return cases
    left_out = sum(case.needs_ipv6 for case in cases)
    if left_out:
        print(f"{left_out} cases left out: no IPv6 on loopback")
    return [case for case in cases if not case.needs_ipv6]


def describe(case, problem):
    return f"FAIL {case.id} (RFC {case.section}, {case.severity}) {case.title}: {problem}"


def write_json(path, results):
    rows = [{"id": case.id, "section": case.section, "severity": case.severity, "title": case.title,
             "weir_only": case.weir_only, "passed": problem is None, "problem": problem}
            for case, problem in results]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=1)
        file.write("\n")


def main():
    options = parse_arguments()
    # So that no weir is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    cases = select_cases(options)
    if options.list:
        for case in cases:
            print(f"{case.id:42} {case.section:18} {case.severity:9} {'weir ' if case.weir_only else ''}{case.title}")
        print(f"{len(cases)} cases")
        return 0
    began = time.monotonic()
    try:
        under_test = Proxies(options.proxy, sorted({case.group for case in cases}))
    except FileNotFoundError as error:
        sys.exit(f"conformance: {error}")
    results = []
    try:
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for case, problem in zip(cases, pool.map(under_test.run, cases)):
                results.append((case, problem))
                if problem is not None:
                    print(describe(case, problem), flush=True)
    finally:
        complaints = under_test.stop()
    for complaint in complaints:
        print(f"FAIL {complaint}")
    if options.json:
        write_json(options.json, results)
    failed = sum(problem is not None for _, problem in results)
    print(f"{time.monotonic() - began:.1f} s in all")
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed or complaints or not results else 0


if __name__ == "__main__":
    sys.exit(main())
