"""What the figures were measured on, and which cores the parts run on."""

import os
import pathlib
import platform
import subprocess
import time
from typing import NamedTuple


class Cores(NamedTuple):
    """Core of the proxy, of the origin, and of wrk with this program."""

    proxy: int
    origin: int
    load: int

    def __str__(self):
        if self.proxy == self.load:
            return f"everything on core {self.proxy}: there is only one"
        if self.origin == self.load:
            return f"proxy on core {self.proxy}; origin and load on core {self.load}"
        return f"proxy on core {self.proxy}, origin on core {self.origin}, load on core {self.load}"


def choose_cores(usable):
    return Cores(usable[0], usable[min(1, len(usable) - 1)], usable[min(2, len(usable) - 1)])


def describe(versions, usable):
    model = "unknown CPU"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    programs = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"Linux {platform.release()}, {model}, {len(usable)} cores; {programs}"


class Strangers:
    """CPU time that programs other than this benchmark take from now on."""

    def __init__(self):
        self._begin = time.monotonic()
        self._busy, self._own = self._read()

    @staticmethod
    def _read():
        fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()
        user, nice, system, _, _, interrupt, soft_interrupt, steal = map(int, fields[1:9])
        busy = (user + nice + system + interrupt + soft_interrupt + steal) / os.sysconf("SC_CLK_TCK")
        # Children count once they have been waited for, so this is read when all have ended.
        return busy, sum(os.times()[:4])

    def remark(self):
        """What they took, as a line of the report."""
        busy, own = self._read()
        capacity = (time.monotonic() - self._begin) * os.cpu_count()
        share = 100 * max(0, busy - self._busy - (own - self._own)) / capacity
        line = f"Other programs took {share:.0f} % of the machine meanwhile"
        return f"{line}; measure again when it is quiet." if share >= 5 else f"{line}."


def without_debug_information(binary, directory):
    """A copy of the program that keeps its symbols."""
    copy = directory / binary.name
    subprocess.run(["strip", "--strip-debug", "-o", str(copy), str(binary)], check=True)
    return copy


def stripped_mebibytes(binary, directory):
    """Size of the program without symbols."""
    copy = directory / "stripped"
    subprocess.run(["strip", "-o", str(copy), str(binary)], check=True)
    size = copy.stat().st_size / (1 << 20)
    copy.unlink()
    return size
