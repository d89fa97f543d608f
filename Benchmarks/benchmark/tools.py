"""The programs that measuring needs."""

import os
import pathlib
import sys

from .peers.peer import find

TOOLS = ("nginx", "go", "taskset", "strace", "strip", "valgrind", "vgdb")


def find_tools(bootstrap):
    """Their paths; `bootstrap` is what scripts/bootstrap is to be told when one is missing."""
    tools = {name: find(name) for name in TOOLS}
    missing = [name for name, path in tools.items() if not path]
    if missing:
        print(f"benchmark: {', '.join(missing)} missing: scripts/bootstrap {bootstrap} installs them", file=sys.stderr)
        sys.exit(2)
    return tools


def find_binary():
    binary = pathlib.Path(os.environ.get("WEIR_BINARY", ".build/release/weir")).absolute()
    if not os.access(binary, os.X_OK):
        print(f"benchmark: no weir at {binary}: run 'make build', or set WEIR_BINARY", file=sys.stderr)
        sys.exit(2)
    return binary
