"""What the client programs share: one scenario is run, and its result told as one line of JSON."""

import asyncio
import inspect
import json
import sys


def run(scenarios, failures):
    """Runs the scenario that the command line names with what follows it; `failures` are the library's errors."""
    name, *rest = sys.argv[1:]
    try:
        result = scenarios[name](*rest)
        if inspect.iscoroutine(result):
            result = asyncio.run(result)
    except failures as error:
        result = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(result))
