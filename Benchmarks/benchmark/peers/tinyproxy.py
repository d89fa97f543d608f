"""tinyproxy: a forward proxy with a thread for each connection, of which it keeps none."""

from .peer import Can, Peer, write

CONFIGURATION = """
Listen 127.0.0.1
Port {port}
Timeout 600
LogLevel Critical
MaxClients 100
PidFile "{directory}/tinyproxy.pid"
"""


def _command(values):
    return ["-d", "-c", write(values, "tinyproxy.conf", CONFIGURATION)]


PEER = Peer(
    "tinyproxy", "tinyproxy", Can.CONNECT | Can.CALLGRIND, _command,
    "with its defaults but hardly any log; it keeps no connection",
)
