"""weir with its defaults, but for what thousands of connections of one owner need."""

from .peer import Can, Peer

ROOM = {
    "client.max_parked_per_owner": "unlimited",
    "client.idle_timeout": "600s",
    "client.leak_cure": "off",
    "tunnel.max_quiet_per_destination": "unlimited",
    "tunnel.idle_timeout": "600s",
    "upstream.max_per_destination": "4000",
    "upstream.max_idle_per_destination": "4000",
    "upstream.max_idle": "4000",
    "upstream.max_dials_per_destination": "1000",
    "upstream.max_queue": "4000",
    "upstream.surplus_timeout": "600s",
    "upstream.idle_timeout": "600s",
}


def _command(values):
    command = ["run", "--listen", f"127.0.0.1:{values.port}", "--admin", "off"]
    if values.roomy:
        # A tunnel takes a descriptor on each side.
        room = ROOM | {
            "client.max_connections": values.connections + 200,
            "upstream.max_connections": values.connections - 200,
            "tunnel.max": values.connections - 200,
        }
        command += [word for key, value in room.items() for word in ("--set", f"{key}={value}")]
    return command


PEER = Peer(
    "weir", "weir", Can.PERSIST | Can.CONNECT | Can.EVENTS | Can.CALLGRIND, _command,
    "with its defaults, but for how much may be parked and how long where thousands of connections are held",
)
