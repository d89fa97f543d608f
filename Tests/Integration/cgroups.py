"""Control groups of the tests' own, in the unified hierarchy: what weir tells owners apart by, beside users."""

import itertools
import os

from eventually import eventually

_counter = itertools.count(1)


def mount_point():
    """Where the unified hierarchy is: /sys/fs/cgroup, or beside the old ones in /sys/fs/cgroup/unified."""
    with open("/proc/mounts", encoding="utf-8") as file:
        for line in file:
            fields = line.split()
            if fields[2] == "cgroup2":
                return fields[1]
    raise RuntimeError("no cgroup2 file system is mounted")


class Cgroup:
    """`with Cgroup("leaker") as group: subprocess.Popen(group.command(...))`. Its processes must have
    ended, and been waited for, before it ends."""

    def __init__(self, name):
        #: As /proc/PID/cgroup has it.
        self.path = f"/weir-test-{os.getpid()}-{next(_counter)}-{name}"
        self.directory = mount_point() + self.path

    def __enter__(self):
        os.mkdir(self.directory)
        return self

    def __exit__(self, *_):
        eventually(self._removed, 5, f"{self.directory} is empty")

    def _removed(self):
        try:
            os.rmdir(self.directory)
        except OSError:
            return False
        return True

    @property
    def identity(self):
        """The kernel's number of it."""
        return os.stat(self.directory).st_ino

    def command(self, *argv):
        """The command line that runs `argv` in it, from its first instruction on."""
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', os.path.join(self.directory, "cgroup.procs"), *argv]
