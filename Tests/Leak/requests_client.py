#!/usr/bin/python3
"""A Python app that makes a new requests.Session for every request and keeps every one.

urllib3 never looks at an idle socket, so a proxy's FIN leaves it in CLOSE_WAIT and its port taken. The
result is one JSON line; then the process keeps what it holds until its standard input ends.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import sys
import time

import requests
import urllib3

kept = []


def perform(url, timeout):
    session = requests.Session()
    kept.append(session)
    # The origin's certificate is of its own making.
    answer = session.get(url, timeout=timeout, verify=False)
    if answer.status_code != 200:
        raise RuntimeError(f"status {answer.status_code}")


def failure_class(error):
    text = str(error)
    if "Errno 99" in text:
        return "EADDRNOTAVAIL"
    return text if text.startswith("status") else type(error).__name__


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("-n", type=int, default=300)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--timeout", type=float, default=15)
    options = parser.parse_args()
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    # Reading the system's authorities for every session takes 20 ms of the processor: no rate at all.
    os.environ.update(SSL_CERT_FILE=os.devnull, SSL_CERT_DIR=os.devnull)
    started, futures, failed = time.monotonic(), [], collections.Counter()
    first = None
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for index in range(options.n):
            time.sleep(max(0, started + index / options.rate - time.monotonic()))
            futures.append((time.monotonic() - started, pool.submit(perform, options.url, options.timeout)))
    for index, (second, future) in enumerate(futures):
        error = future.exception()
        if error is not None:
            failed[failure_class(error)] += 1
            first = first or {"index": index, "second": second, "class": failure_class(error),
                              "text": str(error)}
    print(json.dumps({"requests": options.n, "ok": options.n - sum(failed.values()), "failed": failed,
                      "first_failure": first, "seconds": time.monotonic() - started}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
