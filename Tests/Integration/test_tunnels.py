"""CONNECT: bytes both ways, half-close both ways, limits, and what a refused tunnel looks like."""

import unittest

from harness import ORIGIN_ADDRESS, Stopwatch, WeirTestCase, eventually
from peer import refuses


class RelayTests(WeirTestCase):
    # A relayed half-close of the client makes weir close first towards the origin.
    allowed_time_wait = 1

    def test_bytes_pass_both_ways(self):
        self.start()
        client, upstream = self.tunnel(self.origin())
        for number in range(10):
            client.send(b"question %d" % number)
            self.assertEqual(upstream.receive_exactly(10), b"question %d" % number)
            upstream.send(b"answer %d" % number)
            self.assertEqual(client.receive_exactly(8), b"answer %d" % number)

    def test_bytes_sent_along_with_the_connect_are_not_lost(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(f"CONNECT {origin.authority} HTTP/1.1\r\nHost: {origin.authority}\r\n\r\neager bytes")
        upstream = origin.accept()
        self.assertEqual(upstream.receive_exactly(11), b"eager bytes")
        self.assertEqual(client.read_response("CONNECT").status, 200)

    def test_an_origin_that_speaks_first(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(f"CONNECT {origin.authority} HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n")
        origin.accept().send(b"220 hello\r\n")
        self.assertEqual(client.read_response("CONNECT").status, 200)
        self.assertEqual(client.receive_exactly(11), b"220 hello\r\n")

    def test_the_client_half_closes_and_the_origin_goes_on(self):
        self.start()
        client, upstream = self.tunnel(self.origin())
        client.send(b"all I have").half_close()
        self.assertEqual(upstream.receive_to_end(), b"all I have")
        upstream.send(b"x" * 300_000).half_close()
        self.assertEqual(len(client.receive_to_end()), 300_000)

    def test_the_origin_half_closes_and_the_client_goes_on(self):
        self.start()
        client, upstream = self.tunnel(self.origin())
        upstream.send(b"all I have").half_close()
        self.assertEqual(client.receive_to_end(), b"all I have")
        client.send(b"x" * 300_000).half_close()
        self.assertEqual(len(upstream.receive_to_end()), 300_000)

    def test_a_reset_is_passed_on(self):
        self.start()
        for first in ("client", "upstream"):
            with self.subTest(first):
                client, upstream = self.tunnel(self.origin(8080 if first == "client" else 8081))
                client.send(b"x")
                upstream.receive_exactly(1)
                gone, left = (client, upstream) if first == "client" else (upstream, client)
                gone.reset()
                left.wait_for_end()


class LimitTests(WeirTestCase):
    def test_a_quiet_tunnel_is_reaped_on_both_sides(self):
        self.start({"tunnel.idle_timeout": "1s", "client.close_grace": "1s"})
        client, upstream = self.tunnel(self.origin())
        client.send(b"q")
        upstream.receive_exactly(1)
        upstream.send(b"a")
        client.receive_exactly(1)
        watch = Stopwatch()
        # The upstream half goes by RST, so that no port of weir's is left in TIME_WAIT.
        self.assertEqual(upstream.expect_end(4), "rst")
        client.expect_end(4)
        self.assertGreater(watch.seconds, 0.8)

    def test_a_client_that_ignores_the_reaping_loses_its_port_all_the_same(self):
        self.start({"tunnel.idle_timeout": "1s", "client.close_grace": "1s"})
        client, upstream = self.tunnel(self.origin())
        client.send(b"q")
        upstream.receive_exactly(1)
        upstream.send(b"a")
        client.receive_exactly(1)
        # The client never looks at its socket: in CLOSE_WAIT first, gone by RST after the grace.
        eventually(lambda: not self.owned_connections(), 6, "both halves freed")

    def test_a_half_closed_tunnel_does_not_stay_for_ever(self):
        self.start({"tunnel.half_close_timeout": "1s", "client.close_grace": "1s"})
        client, upstream = self.tunnel(self.origin())
        client.half_close()
        self.assertEqual(upstream.receive_to_end(), b"")
        client.expect_end(4)
        eventually(lambda: not self.owned_connections(), 6, "both halves freed")

    def test_tunnel_max(self):
        self.start({"tunnel.max": "2"})
        origin = self.origin()
        first, _ = self.tunnel(origin)
        self.tunnel(origin)
        third = self.client()
        third.send(f"CONNECT {origin.authority} HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n")
        answer = third.read_response()
        self.assert_refusal(answer, 503)
        self.assertTrue(answer.field("Retry-After"))
        third.close()
        first.reset()
        # One tunnel is three sockets in this count: both ends of the client's, weir's towards the origin.
        eventually(lambda: len(self.owned_connections()) <= 3, 5, "the first tunnel is gone")
        self.tunnel(origin)


class RefusalTests(WeirTestCase):
    def connect(self, target):
        client = self.client()
        client.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")
        answer = client.read_response()
        client.close()
        return answer

    def test_allowed_ports(self):
        self.start({"tunnel.allowed_ports": "443"})
        origin = self.origin()
        self.assert_refusal(self.connect(origin.authority), 403)
        origin.expect_no_connection()

    def test_a_refused_dial_is_502(self):
        self.start()
        self.assertTrue(refuses(self.namespace, ORIGIN_ADDRESS, 9))
        answer = self.connect(f"{ORIGIN_ADDRESS}:9")
        self.assert_refusal(answer, 502)
        self.assertIn("connection_refused", answer.field("Proxy-Status"))


if __name__ == "__main__":
    unittest.main()
