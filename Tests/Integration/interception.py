"""Apps that know of no proxy: rules that redirect what they dial to weir, in the test's own namespace."""

import contextlib
import re
import socket

import sockettable
from harness import ADMIN_PORT, PROXY_PORT, WeirTestCase
from peer import Peer

INTERCEPT_PORT = 3129
#: What redirect.mark is by default.
MARK = 12407


def redirect_rules(ports, exemption=f"meta mark {MARK} return"):
    """Everything dialled from the namespace to `ports` goes to weir, but for what is exempt."""
    return (f"table inet intercept {{\n chain out {{\n type nat hook output priority -100;\n {exemption}\n"
            f" tcp dport {{ {', '.join(map(str, ports))} }} redirect to :{INTERCEPT_PORT}\n }}\n}}\n")


class InterceptTestCase(WeirTestCase):
    """weir with redirect.listen on; `self.redirect(ports)` installs the rules, `self.app(address, port)` is an app's
    connection. The apps' own sockets lead to the origins too, as the kernel has it, and are not weir's."""

    def setUp(self):
        super().setUp()
        self.app_ends = set()

    def start(self, settings=None, **options):
        return super().start({"redirect.listen": "on", "log.access": "on", **(settings or {})}, **options)

    def redirect(self, *ports, **options):
        self.namespace.nft(redirect_rules(ports, **options))

    def app(self, address, port, source_port=0, reads=True):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = self.namespace.socket(family)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, source_port))
        sock.settimeout(5)
        with contextlib.ExitStack() as stack:
            stack.callback(sock.close)
            sock.connect((address, port))
            stack.pop_all()
        peer = Peer(sock)
        self.app_ends.add((sock.getsockname()[1], port))
        self.peers.append(peer)
        return peer

    def call(self, origin, host="origin.test", path="/", content=b"ok\n", upstream=None):
        """One GET of an app: (app, upstream, request, response)."""
        app = self.app(origin.address, origin.port)
        app.send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")
        if upstream is None:
            upstream, request = origin.accept_request()
        else:
            request = upstream.read_request()
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)
        return app, upstream, request, app.read_response()

    def intercepted(self):
        """The metric of intercepted connections by kind."""
        text = self.weir.admin("/metrics").content.decode("ascii")
        found = re.findall(r'^weir_intercepted_connections_total\{kind="(\w+)"\} (\d+)$', text, re.MULTILINE)
        return {kind: int(count) for kind, count in found}

    # What is left

    def owned_connections(self, table=None):
        table = sockettable.rows(self.namespace) if table is None else table
        here = (PROXY_PORT, ADMIN_PORT, INTERCEPT_PORT)
        return [row for row in table if row.state != "TIME-WAIT" and not self._is_app(row)
                and (row.local_port in here or row.peer_port in here or row.peer_port in self.origin_ports)]

    def owned_time_wait(self, table=None):
        return [row for row in super().owned_time_wait(table) if not self._is_app(row)]

    def _is_app(self, row):
        return (row.local_port, row.peer_port) in getattr(self, "app_ends", ())
