"""The kinds of load: what an exchange is in each, and which proxies can serve it."""

from typing import NamedTuple

from .origin import ADDRESSES
from .peers.peer import Can


class Scenario(NamedTuple):
    """A load of `connections` at the same time. A `fresh` one opens a connection for each exchange."""

    key: str
    title: str
    path: str = "/get"
    connections: int = 64
    fresh: bool = False
    tunnel: bool = False
    needs: Can = Can.PERSIST

    def suits(self, peer):
        # Who relays bytes stands in for a tunnel's body, not for its set-up.
        able = peer.can & self.needs == self.needs
        return able or self.tunnel and not self.fresh and Can.RELAY in peer.can

    def arguments(self, instance):
        """Options of the load program."""
        relays = self.tunnel and Can.CONNECT not in instance.peer.can
        port = instance.relay_port if relays else instance.port
        options = [
            "-proxy", f"127.0.0.1:{port}", "-origin", instance.origin.authority, "-path", self.path,
            "-connections", str(self.connections),
        ]
        if self.fresh:
            options += ["-fresh", "-addresses", str(ADDRESSES)]
        if self.tunnel and not relays:
            options += ["-tunnel"]
        return options


KEEP_ALIVE = Scenario("keep_alive", "keep-alive GET")
ONE_SHOT = Scenario("one_shot", "one-shot GET", fresh=True, needs=Can(0))
CONNECT = Scenario("connect", "CONNECT set-up", fresh=True, tunnel=True, needs=Can.CONNECT)
BODY_64K = Scenario("body_64k", "bodies of 64 KiB", path="/64k", connections=16)
BODY_1M = Scenario("body_1m", "bodies of 1 MiB", path="/1m", connections=8)
TUNNEL = Scenario("tunnel", "tunnels", path="/1m", connections=8, tunnel=True, needs=Can.CONNECT)

EXCHANGES = [KEEP_ALIVE, ONE_SHOT, CONNECT]
VOLUMES = [BODY_64K, BODY_1M, TUNNEL]
