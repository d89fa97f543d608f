"""HAProxy: one fixed server, as it is no forward proxy; a second frontend relays bytes for want of CONNECT."""

from .peer import Can, Peer, write

CONFIGURATION = """
global
    nbthread 1
    maxconn {connections}
    maxpipes 64
defaults
    mode http
    http-reuse always
    option splice-auto
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    timeout http-keep-alive 600s
    timeout http-request 30s
frontend proxy
    bind 127.0.0.1:{port}
    default_backend origin
backend origin
    server origin {origin} pool-max-conn -1
frontend relay
    mode tcp
    bind 127.0.0.1:{relay_port}
    default_backend tunnel
backend tunnel
    mode tcp
    server origin {origin}
"""


def _command(values):
    return ["-db", "-f", write(values, "haproxy.conf", CONFIGURATION)]


PEER = Peer(
    "haproxy", "haproxy", Can.PERSIST | Can.RELAY | Can.EVENTS | Can.CALLGRIND, _command,
    "with nbthread 1, http-reuse always, option splice-auto and one fixed server; it cannot do CONNECT, so its tunnels"
    " are a relay in mode tcp to that server",
)
