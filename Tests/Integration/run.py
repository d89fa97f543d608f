"""Runs the integration tests, several classes at a time, each class in a process of its own.

Most of a test's time is waiting for limits to pass, so classes overlap well on two cores. Output: one
line per test with its time, the details of failures, and at the end `N passed, N failed`.
"""

import argparse
import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import threading
import time
import unittest

import weirprocess

HERE = os.path.dirname(os.path.abspath(__file__))
#: Longest first, so that the last to finish is not the last to start.
SLOW_FIRST = ["Collateral", "Reap", "DeadFlow", "Leak"]
#: These take whole cores. Beside them a TLS handshake of the leak tests lasts seconds, so they run by
#: themselves, at the end.
GREEDY = re.compile("Streaming|Backpressure|Parked|Greedy")
CLASS_TIMEOUT = 330


class Reporter(unittest.TestResult):
    """One parsable line per test as soon as it ends."""

    def __init__(self):
        super().__init__()
        self.began = 0.0
        self.verdicts = {}

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def _fail(self, test, error):
        test = getattr(test, "test_case", test)
        self.verdicts[test.id()] = "FAIL"
        print(self._exc_info_to_string(error, test), flush=True)

    def addError(self, test, err):
        self._fail(test, err)

    def addFailure(self, test, err):
        self._fail(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            print(f"in {subtest}")
            self._fail(test, err)

    def addSkip(self, test, reason):
        # A test that cannot run has not passed.
        self.verdicts[test.id()] = "FAIL"
        print(f"{test.id()} cannot run here: {reason}", flush=True)

    def stopTest(self, test):
        super().stopTest(test)
        verdict = self.verdicts.get(test.id(), "ok")
        print(f"@@ {verdict} {time.monotonic() - self.began:.2f} {test.id()}", flush=True)


def tests_in(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_in(item)
        else:
            yield item


def discover(pattern):
    """The ids of the tests that match, by class."""
    groups = {}
    for test in tests_in(unittest.defaultTestLoader.discover(HERE, "test_*.py")):
        if isinstance(test, unittest.loader._FailedTest):
            raise SystemExit(f"cannot load {test.id()}: {test._exception}")
        if re.search(pattern, test.id()):
            groups.setdefault(test.id().rsplit(".", 1)[0], []).append(test.id())
    return groups


def run_here(ids):
    """In a worker: runs the named tests and reports."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    reporter = Reporter()
    unittest.defaultTestLoader.loadTestsFromNames(ids).run(reporter)
    sys.exit(0 if not reporter.verdicts else 1)


def remove_namespaces(pid):
    """What a worker that died could not remove itself."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False).stdout
    for line in listed.splitlines():
        name = line.split()[0]
        if name.startswith(f"weir-{pid}-"):
            subprocess.run(["ip", "netns", "del", name], check=False)


def run_class(ids, lock):
    """Runs the tests of one class in a process; returns {id: passed}."""
    worker = subprocess.Popen([sys.executable, __file__, "--here", *ids], cwd=HERE, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    results, details = {}, []
    timer = threading.Timer(CLASS_TIMEOUT, worker.kill)
    timer.start()
    for line in worker.stdout:
        if not line.startswith("@@ "):
            details.append(line)
            continue
        _, verdict, seconds, identifier = line.split()
        results[identifier] = verdict == "ok"
        with lock:
            print(f"{verdict:4} {float(seconds):7.2f} s  {identifier}", flush=True)
            if details:
                print("".join("    " + text for text in details), end="", flush=True)
        details = []
    worker.wait()
    timer.cancel()
    remove_namespaces(worker.pid)
    for identifier in ids:
        if identifier not in results:
            results[identifier] = False
            with lock:
                print(f"FAIL           {identifier} (its process ended early)")
                print("".join("    " + text for text in details), end="", flush=True)
            details = []
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("-j", "--jobs", type=int, default=4, help="classes at a time")
    parser.add_argument("filter", nargs="?", default="", help="regular expression on test names")
    options = parser.parse_args()
    if options.here:
        run_here(options.here)
    began = time.monotonic()
    try:
        print(f"weir under test: {weirprocess.binary()}", flush=True)
    except FileNotFoundError as error:
        sys.exit(f"run-integration: {error}")
    groups = discover(options.filter)
    order = sorted(groups, key=lambda name: min(
        [index for index, word in enumerate(SLOW_FIRST) if word in name], default=len(SLOW_FIRST)))
    lock, results = threading.Lock(), {}
    for greedy, jobs in ((False, options.jobs), (True, 1)):
        names = [name for name in order if bool(GREEDY.search(name)) == greedy]
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for done in pool.map(lambda name: run_class(groups[name], lock), names):
                results.update(done)
    failed = sum(not passed for passed in results.values())
    for identifier, passed in results.items():
        if not passed:
            print(f"failed: {identifier}")
    print(f"{time.monotonic() - began:.0f} s in all")
    print(f"{len(results) - failed} passed, {failed} failed")
    sys.exit(1 if failed or not results else 0)


if __name__ == "__main__":
    main()
