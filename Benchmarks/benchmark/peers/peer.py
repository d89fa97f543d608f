"""What a peer is."""

import enum
import pathlib
import re
import shutil
import subprocess
from typing import Callable, NamedTuple


class Can(enum.Flag):
    """What a proxy is able to do; what it cannot is an empty cell."""

    PERSIST = enum.auto()    # keeps client connections
    CONNECT = enum.auto()    # terminates CONNECT
    RELAY = enum.auto()      # relays bytes to a fixed origin, at a port of its own
    EVENTS = enum.auto()     # holds thousands of busy connections, not one thread for each
    CALLGRIND = enum.auto()  # runs under valgrind in reasonable time


class Values(NamedTuple):
    """What a configuration is made from."""

    port: int
    relay_port: int
    origin: str        # address:port
    directory: pathlib.Path
    descriptors: int   # limit of open files
    roomy: bool        # for thousands of parked connections; otherwise as near to the defaults as can be

    @property
    def connections(self):
        return (self.descriptors - 200) // 2


class Peer(NamedTuple):
    """A kind of proxy. `command` writes the configuration and returns the arguments of the program."""

    name: str
    program: str
    can: Can
    command: Callable[[Values], list]
    set_up: str        # a phrase for the report
    environment: Callable[[Values], dict] = lambda values: {}


def write(values, name, template):
    """Fills in a configuration and returns its path."""
    path = values.directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(template.format(connections=values.connections, **values._asdict()).lstrip())
    return str(path)


def find(program):
    """Path of an installed program; daemons are not on every user's PATH."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/sbin")


def version(program):
    """First number that looks like a version in what the program says about itself."""
    for option in ("--version", "-v", "version", "-V"):
        try:
            said = subprocess.run([program, option], capture_output=True, text=True, timeout=5)
        except (OSError, subprocess.TimeoutExpired):
            continue
        found = re.search(r"\d+\.\d+[\w.+-]*", said.stdout + said.stderr)
        if found and said.returncode == 0:
            return found[0]
    return "?"
