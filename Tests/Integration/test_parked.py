"""Thousands of parked clients and quiet tunnels at once. Benchmarks/scale has more of them."""

import resource
import time
import unittest

import sockettable
from harness import PROXY_PORT, WeirTestCase, request, response

COUNT = 10_000
TUNNELS = 3000


class ParkedTests(WeirTestCase):
    def setUp(self):
        super().setUp()
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.assertGreaterEqual(hard, COUNT + 200, "the hard limit on descriptors is too low for this test")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def test_ten_thousand_parked_clients(self):
        self.start({"client.max_parked_per_owner": "unlimited", "client.max_connections": str(COUNT * 6 // 5),
                    "client.idle_timeout": "300s",
                    # One test that opens them all and leaves them lying is what a leak looks like.
                    "client.leak_cure": "off"})
        origin = self.origin()
        first, upstream, _ = self.get(origin)
        before = self.weir.memory_kib("RssAnon")
        self.clients = [first]
        ask, answer = request(origin.url("/park")), response()
        while len(self.clients) < COUNT:
            client = self.client()
            self.exchange(client, upstream, ask, answer)
            self.clients.append(client)
        per_client = (self.weir.memory_kib("RssAnon") - before) * 1024 / COUNT
        print(f"{per_client:.0f} bytes of user memory per parked client")

        held = sockettable.toward(sockettable.rows(self.namespace), PROXY_PORT, "ESTAB")
        self.assertEqual(len(held), COUNT)
        # Every single one still works.
        for client in self.clients:
            self.exchange(client, upstream, ask, answer)
        origin.expect_no_connection()
        self.assertLess(per_client, 512)
        self.reap_all()

    def reap_all(self):
        """All at once, by order. Whoever comes meanwhile is answered between two of the steps, not behind them all."""
        self.assertEqual(self.weir.admin("/drain", "POST").status, 200)
        slowest = 0.0
        while self.parked_connections():
            began = time.monotonic()
            self.assertEqual(self.weir.admin("/healthz").status, 503)
            slowest = max(slowest, time.monotonic() - began)
        print(f"{slowest * 1000:.1f} ms was the longest that /healthz took while {COUNT} were reaped")
        # Ten thousand resets alone take longer, one behind the other.
        self.assertLess(slowest, 0.1)
        for client in self.clients:
            client.close()

    def parked_connections(self):
        return sockettable.toward(sockettable.rows(self.namespace), PROXY_PORT, "ESTAB")

    def test_thousands_of_quiet_tunnels(self):
        self.start({"client.max_connections": str(TUNNELS * 2), "tunnel.max": str(TUNNELS * 2),
                    "upstream.max_connections": str(TUNNELS * 2), "upstream.max_per_destination": str(TUNNELS * 2),
                    "tunnel.max_quiet_per_destination": "unlimited", "client.leak_cure": "off"})
        origin = self.origin()
        pairs = [self.tunnel_with_an_exchange(origin) for _ in range(50)]
        before = self.weir.memory_kib("RssAnon")
        pairs += [self.tunnel_with_an_exchange(origin) for _ in range(TUNNELS)]
        per_tunnel = (self.weir.memory_kib("RssAnon") - before) * 1024 / TUNNELS
        print(f"{per_tunnel:.0f} bytes of user memory per quiet tunnel")
        # Two sockets, with an event of libevent's each.
        self.assertLess(per_tunnel, 1280)
        for client, upstream in pairs:
            for peer in (client, upstream):
                peer.reset()

    def tunnel_with_an_exchange(self, origin):
        client, upstream = self.tunnel(origin)
        client.send("ping")
        upstream.receive_until(b"ping")
        upstream.send("pong")
        client.receive_until(b"pong")
        return client, upstream

    def exchange(self, client, upstream, ask, answer):
        client.socket.sendall(ask)
        upstream.receive_until(b"\r\n\r\n")
        upstream.socket.sendall(answer)
        got = client.receive_until(b"ok\n")
        if not got.startswith(b"HTTP/1.1 200"):
            self.fail(f"client {len(self.clients)}: {got!r}")


if __name__ == "__main__":
    unittest.main()
