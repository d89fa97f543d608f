"""What the kernel says about the TCP sockets of a namespace."""

import collections
import subprocess

Row = collections.namedtuple("Row", "state local local_port peer peer_port")


def rows(namespace):
    """Every TCP socket inside `namespace` but the listening ones, TIME-WAIT included."""
    text = subprocess.run(namespace.command("ss", "-Htan"), capture_output=True, text=True, check=True).stdout
    found = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 5 or fields[0] == "LISTEN":
            continue
        local, local_port = fields[3].rsplit(":", 1)
        peer, peer_port = fields[4].rsplit(":", 1)
        found.append(Row(fields[0], local, int(local_port), peer, int(peer_port)))
    return found


def toward(table, port, state=None):
    """The dialling ends of connections to `port`, in `state` ('ESTAB', 'CLOSE-WAIT', ...) or in any."""
    return [row for row in table if row.peer_port == port and (state is None or row.state == state)]


def states(table):
    """How many sockets are in which state."""
    return dict(collections.Counter(row.state for row in table))
