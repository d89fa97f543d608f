"""What every integration test stands on: one namespace and one weir per test, and the assertion that
afterwards nothing is left behind."""

import unittest

import sockettable
from eventually import Stopwatch, eventually, observe
from message import MessageError, Truncated, request, response
from netns import ORIGIN_ADDRESS, Namespace
from peer import Listener, Peer
from weirprocess import ADMIN_PORT, PROXY_PORT, Weir

__all__ = ["ADMIN_PORT", "Listener", "MessageError", "Namespace", "ORIGIN_ADDRESS", "PROXY_PORT", "Peer",
           "Stopwatch", "Truncated", "Weir", "WeirTestCase", "eventually", "observe", "request", "response"]


class WeirTestCase(unittest.TestCase):
    """Start weir with `self.start(settings)`. When the test is over its clients and origins are closed,
    weir must be back at its descriptors of the start with no connection left, and end cleanly."""

    #: How many TIME_WAIT sockets weir may own after a test. It reaps by RST and lets origins close first,
    #: so the rule is none; relaying a client's half-close makes weir's end of that tunnel the active one.
    allowed_time_wait = 0

    maxDiff = 2000

    def setUp(self):
        self.peers = []
        self.origin_ports = set()
        self.weir = None
        self.namespace = self.make_namespace()

    def make_namespace(self, **options):
        namespace = Namespace(**options)
        self.addCleanup(namespace.close)
        return namespace

    def start(self, settings=None, **options):
        """weir, ready."""
        weir = Weir(self.namespace, settings, **options)
        self.addCleanup(weir.destroy)
        self.weir = weir.start()
        self.baseline = self.settled_descriptors(weir)
        return weir

    def settled_descriptors(self, weir):
        eventually(lambda: not self.owned_connections(), 5, "the health check's connection is gone")
        return weir.descriptors()

    def origin(self, port=8080, namespace=None, address=ORIGIN_ADDRESS):
        """A listening origin that answers only what the test tells it to."""
        listener = Listener(namespace or self.namespace, address, port)
        self.peers.append(listener)
        self.origin_ports.add(port)
        return listener

    def client(self, **options):
        """A client connection to weir."""
        peer = self.weir.connect(**options)
        self.peers.append(peer)
        return peer

    def get(self, origin, path="/", client=None, content=b"ok\n", fields=()):
        """One whole GET over a new upstream connection; returns (client, upstream, response)."""
        client = client or self.client()
        client.send(request(origin.url(path), fields=fields))
        upstream, _ = origin.accept_request()
        upstream.send(response(content))
        return client, upstream, client.read_response()

    def tunnel(self, origin):
        """An open CONNECT tunnel: (client, upstream)."""
        client = self.client()
        client.send(f"CONNECT {origin.authority} HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n")
        upstream = origin.accept()
        answer = client.read_response("CONNECT")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.all("Content-Length") + answer.all("Transfer-Encoding"), [])
        return client, upstream

    def assert_refusal(self, answer, *statuses):
        """weir's own error answer: status, Proxy-Status that names weir, one line of text."""
        self.assertIn(answer.status, statuses, answer)
        self.assertRegex(answer.field("Proxy-Status") or "", r"^weir\s*;.*\berror=[a-z_]+", answer)
        text = answer.content.decode("utf-8").rstrip("\n")
        self.assertTrue(text and "\n" not in text, f"body is not one line: {answer.content!r}")

    # What is left

    def owned_connections(self, table=None):
        """weir's connections that are not in TIME_WAIT: from clients, admin ones, to origins."""
        table = sockettable.rows(self.namespace) if table is None else table
        here = (PROXY_PORT, ADMIN_PORT)
        return [row for row in table if row.state != "TIME-WAIT"
                and (row.local_port in here or row.peer_port in here or row.peer_port in self.origin_ports)]

    def owned_time_wait(self, table=None):
        """TIME_WAIT that weir left on ports of its own, toward origins."""
        table = sockettable.rows(self.namespace) if table is None else table
        return [row for row in table if row.state == "TIME-WAIT" and row.peer_port in self.origin_ports]

    def assert_back_to_baseline(self, timeout=10.0):
        weir = self.weir
        eventually(lambda: not self.owned_connections(), timeout,
                   lambda: f"every connection gone: {self.owned_connections()}")
        eventually(lambda: weir.descriptors() <= self.baseline, timeout,
                   lambda: f"{self.baseline} descriptors again: {weir.descriptor_names()}")
        left = self.owned_time_wait()
        self.assertLessEqual(len(left), self.allowed_time_wait, f"TIME_WAIT left by weir: {left}")

    def close_peers(self):
        for peer in self.peers:
            peer.close()
        self.peers = []

    def tearDown(self):
        self.close_peers()
        if self.weir is None or self.weir.exit_code is not None:
            return
        if not self.weir.running:
            self.fail(f"weir died with {self.weir.process.returncode}\n{self.weir.stderr()}")
        try:
            self.assert_back_to_baseline()
            self.weir.stop()
        except AssertionError:
            print(self.weir.stderr())
            raise
