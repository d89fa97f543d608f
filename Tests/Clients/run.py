"""Runs the cases, several at a time, against one weir in one namespace.

One line per case, the details of failures, and at the end `N passed, N failed`.
"""

import argparse
import concurrent.futures
import glob
import importlib
import os
import re
import signal
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "Integration")]
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import weirprocess  # noqa: E402
from case import CASES, DOMAIN  # noqa: E402
from lab import Lab  # noqa: E402
from netns import ORIGIN_ADDRESS  # noqa: E402


class Report:
    """One parsable line per case as soon as it ends."""

    def __init__(self):
        self.lock, self.verdicts = threading.Lock(), {}

    def attempt(self, name, action, details=lambda: ""):
        began, trouble = time.monotonic(), None
        try:
            action()
        except AssertionError as error:
            trouble = f"{error}\n{details()}"
        except Exception:  # pylint: disable=broad-except
            trouble = f"{traceback.format_exc()}\n{details()}"
        seconds = time.monotonic() - began
        with self.lock:
            self.verdicts[name] = trouble is None
            print(f"{'ok' if trouble is None else 'FAIL':4} {seconds:7.2f} s  {name}", flush=True)
            if trouble:
                print("".join(f"    {line}\n" for line in trouble.splitlines() if line), end="", flush=True)

    @property
    def failed(self):
        return [name for name, passed in self.verdicts.items() if not passed]


def details(case):
    """What helps to understand a failure: the client's words, the origin's view and weir's."""
    lines = [case.said]
    lines += [f"origin: {arrival}"[:1500] for arrival in case.arrivals()[-6:]]
    lines += [f"weir: {record}" for record in case.records()[-6:]]
    return "\n".join(lines)


def run_case(lab, report, name):
    case = CASES[name](lab)
    report.attempt(name, case.perform, lambda: details(case))


def run_all(lab, report, names, jobs):
    for name in names:
        lab.names[f"{name.replace('.', '-')}.{DOMAIN}"] = [ORIGIN_ADDRESS]
    lab.start()
    compiled = {"go": lab.compile_go, "java": lab.compile_java}
    for word, compiler in compiled.items():
        if any(name.startswith(word) for name in names):
            compiler()
    # Those that wait for a compiler come last.
    names = sorted(names, key=lambda name: name.startswith(tuple(compiled)))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda name: run_case(lab, report, name), names))
    report.attempt("weir.clients-gone", lab.assert_clients_gone)
    report.attempt("weir.nothing-left", lab.assert_nothing_left)
    report.attempt("weir.ends-on-sigterm", lab.weir.stop, lab.weir.stderr)
    for trouble in lab.origin.troubles:
        print(f"trouble in the origin: {trouble}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-j", "--jobs", type=int, default=4, help="cases at a time")
    parser.add_argument("filter", nargs="?", default="", help="regular expression on case names")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    began = time.monotonic()
    try:
        print(f"weir under test: {weirprocess.binary()}", flush=True)
    except FileNotFoundError as error:
        sys.exit(f"clients: {error}")
    for path in sorted(glob.glob(os.path.join(HERE, "cases_*.py"))):
        importlib.import_module(os.path.basename(path)[:-3])
    names = [name for name in CASES if re.search(options.filter, name)]
    if not names:
        sys.exit(f"clients: no case matches {options.filter!r}")
    report, lab = Report(), Lab()
    try:
        run_all(lab, report, names, options.jobs)
    finally:
        lab.destroy()
    for name in report.failed:
        print(f"failed: {name}")
    print(f"{time.monotonic() - began:.0f} s in all")
    print(f"{len(report.verdicts) - len(report.failed)} passed, {len(report.failed)} failed")
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
