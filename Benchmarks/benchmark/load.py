"""The load program: built once, run as often as needed."""

import json
import pathlib
import subprocess
from typing import NamedTuple

SOURCE = pathlib.Path(__file__).resolve().parent.parent / "load"


class Report(NamedTuple):
    """What a run of it did. Latencies are microseconds; `faults` says in words why the figures may not be used."""

    requests: int
    seconds: float
    bytes: int
    p50: float
    p99: float
    p999: float
    faults: list


class Load:
    """The built program, run on one core."""

    def __init__(self, go, directory, core):
        self._program = directory / "load"
        self._core = core
        # Everything that Go writes goes there too, and nothing is asked of the network.
        environment = {
            "PATH": "/usr/bin:/bin", "HOME": str(directory), "GOCACHE": str(directory / "gocache"),
            "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local",
        }
        built = subprocess.run([go, "build", "-o", str(self._program), "."], cwd=SOURCE, env=environment,
                               capture_output=True, text=True)
        if built.returncode != 0:
            raise SystemExit(f"benchmark: the load program is not built: {built.stderr.strip()}")

    def run(self, arguments, limit=60):
        """Runs with these options; `limit` is in seconds beyond which it is stuck."""
        command = ["taskset", "-c", str(self._core), str(self._program), *map(str, arguments)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired:
            return Report(0, 0, 0, 0, 0, 0, [f"the load is stuck after {limit} s"])
        if done.returncode != 0:
            return Report(0, 0, 0, 0, 0, 0, [done.stderr.strip()])
        said = json.loads(done.stdout)
        faults = [f"{what} ({count} times)" for what, count in said.pop("faults").items()]
        if said["requests"] == 0 and not faults:
            faults = ["no request was answered"]
        return Report(**said, faults=faults)
