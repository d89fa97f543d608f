"""Waiting for a condition, never for a time."""

import time


def eventually(condition, timeout=5.0, message="condition", interval=0.01):
    """Polls `condition` until it returns something true and returns that.

    `timeout` is in seconds. On expiry AssertionError names `message` (a string, or a
    function that describes the last state) and the last value seen.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            text = message() if callable(message) else message
            raise AssertionError(f"not within {timeout:g} s: {text} (last value: {value!r})")
        time.sleep(interval)


def observe(seconds):
    """Lets time pass where the passing of time itself is what is tested: an idle limit, a window over
    which CPU time is measured. Never to be used to wait for somebody else to get something done."""
    time.sleep(seconds)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self):
        self.started = time.monotonic()

    @property
    def seconds(self):
        return time.monotonic() - self.started
