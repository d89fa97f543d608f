"""Instructions in user space and calls of functions, counted by callgrind: counts do not depend on how busy the
machine is. One life of a proxy is cut into phases by dumps, each of which sets the counters to zero."""

import collections
import re
import subprocess
from typing import NamedTuple

from .instance import Instance

# Under valgrind a proxy starts and answers some fifty times slower.
PATIENCE = 60
DUMP_PATIENCE = 15

ALLOCATIONS = re.compile(r"(malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|memalign)")
RETAINS = re.compile(r"swift_(bridgeObject|unowned|nonatomic_)?[rR]etain(_n|Strong)?")
RELEASES = re.compile(r"swift_(bridgeObject|unowned|nonatomic_)?[rR]elease(_n|Strong)?")


class NotCounted(Exception):
    """callgrind did not do it; the reason is the text."""


class Counted(NamedTuple):
    """What a phase cost: instructions, and calls by the name of the function."""

    instructions: int
    calls: dict

    def calls_of(self, pattern):
        return sum(count for name, count in self.calls.items() if pattern.fullmatch(name))


class Callgrind:
    """A proxy under callgrind."""

    def __init__(self, bench, peer, roomy=False):
        self._out = bench.directory / f"callgrind.{peer.name}"
        self._prefix = bench.directory / "vgdb"
        self._vgdb = bench.tools["vgdb"]
        self._dumps = 0
        for stale in bench.directory.glob(f"{self._out.name}*"):
            stale.unlink()
        wrapper = [
            bench.tools["valgrind"], "--tool=callgrind", f"--callgrind-out-file={self._out}",
            f"--vgdb-prefix={self._prefix}",
        ]
        self.instance = Instance(bench, peer, roomy, wrapper, patience=PATIENCE)

    def exchanges(self, load, scenario, count):
        """Counts what so many exchanges cost, one after the other, once the code for them is warm."""
        arguments = scenario._replace(connections=1).arguments(self.instance)
        load.run([*arguments, "-count", count // 2], 10 * PATIENCE)
        self._dump()
        report = load.run([*arguments, "-count", count], 10 * PATIENCE)
        if report.faults:
            raise NotCounted("; ".join(report.faults))
        return _read(self._dump())

    def _dump(self):
        command = [self._vgdb, f"--vgdb-prefix={self._prefix}", f"--pid={self.instance.child.pid}", "dump"]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=DUMP_PATIENCE)
        except subprocess.SubprocessError as error:
            raise NotCounted("callgrind does not dump what it counted") from error
        self._dumps += 1
        return self._out.with_name(f"{self._out.name}.{self._dumps}")

    def stop(self):
        self.instance.stop()


def _read(path):
    """A dump in callgrind's format: names are given once, numbers stand for them from then on."""
    names, calls, callee, instructions = {}, collections.Counter(), "", 0
    with path.open(errors="replace") as lines:
        for line in lines:
            if line.startswith(("fn=(", "cfn=(")):
                number, _, name = line.partition("=(")[2].rstrip("\n").partition(")")
                if name:
                    # A recursive call has the depth behind its name.
                    names[number] = re.sub(r"'\d+$", "", name.strip())
                callee = number if line.startswith("c") else callee
            elif line.startswith("calls="):
                calls[callee] += int(line[len("calls="):].split()[0])
            elif line.startswith("summary:"):
                instructions = int(line.split()[1])
    by_name = collections.Counter()
    for number, count in calls.items():
        by_name[names.get(number, number)] += count
    return Counted(instructions, by_name)
