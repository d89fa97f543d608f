"""Names: /etc/hosts, the name server with its troubles, and the race between IPv6 and IPv4."""

import unittest

from harness import ORIGIN_ADDRESS, Stopwatch, WeirTestCase, eventually, request, response
from nameserver import NameServer

IPV6_ADDRESS = "fd00:77::1"


class NameTestCase(WeirTestCase):
    def serve_names(self, **answers):
        """A name server for `name`.test; before weir starts."""
        names = {f"{name}.test": addresses for name, addresses in answers.items()}
        server = NameServer(self.namespace, names)
        self.addCleanup(server.close)
        return server

    def ask(self, host, port=8080):
        client = self.client()
        client.send(request(f"http://{host}:{port}/named"))
        return client

    def assert_served(self, origin, host, timeout=5.0):
        watch, client = Stopwatch(), self.ask(host, origin.port)
        eventually(lambda: origin.pending() or client.readable(), timeout, f"a connection to {host}")
        if client.readable():
            self.fail(f"{host} was not reached: {client.read_response()}")
        upstream, seen = origin.accept_request(timeout)
        seconds = watch.seconds
        self.assertEqual(seen.field("Host").lower(), f"{host.lower()}:{origin.port}")
        upstream.send(response(b"found"))
        self.assertEqual(client.read_response().content, b"found")
        return seconds


class LookUpTests(NameTestCase):
    def test_a_name_from_the_hosts_file(self):
        self.namespace.write_etc("hosts", f"{ORIGIN_ADDRESS} origin.test\n")
        self.start()
        self.assert_served(self.origin(), "Origin.TEST")

    def test_a_name_from_the_name_server_is_asked_for_once(self):
        server = self.serve_names(plain=[ORIGIN_ADDRESS])
        self.start()
        self.assert_served(self.origin(8080), "plain.test")
        asked = len(server.queries)
        # Another port is another pool, but the same name: it comes from the cache.
        self.assert_served(self.origin(8081), "plain.test")
        self.assertEqual(len(server.queries), asked)

    def test_a_truncated_answer_is_asked_for_again_over_tcp(self):
        server = self.serve_names(truncated=[ORIGIN_ADDRESS])
        self.start()
        self.assert_served(self.origin(), "truncated.test")
        self.assertIn(("tcp", "truncated.test", 1), server.queries)

    def test_an_unknown_host(self):
        server = self.serve_names()
        self.start()
        answer = self.ask("no-such-host.test").read_response()
        self.assert_refusal(answer, 502)
        self.assertIn("dns_error", answer.field("Proxy-Status"))
        self.assertIn(("udp", "no-such-host.test", 1), server.queries)

    def test_a_tunnel_to_an_unknown_host(self):
        self.serve_names()
        self.start()
        client = self.client()
        client.send("CONNECT no-such-host.test:443 HTTP/1.1\r\nHost: no-such-host.test:443\r\n\r\n")
        answer = client.read_response()
        self.assert_refusal(answer, 502)
        self.assertIn("dns_error", answer.field("Proxy-Status"))

    def test_a_name_server_that_is_silent(self):
        self.serve_names()
        self.start({"dns.timeout": "1s"})
        watch, client = Stopwatch(), self.ask("silent.test")
        answer = client.read_response(timeout=8)
        self.assert_refusal(answer, 502, 504)
        self.assertIn("dns_timeout", answer.field("Proxy-Status"))
        self.assertLess(watch.seconds, 3)

    def test_many_clients_wait_for_one_look_up(self):
        server = self.serve_names(plain=[ORIGIN_ADDRESS])
        self.start()
        origin = self.origin()
        clients = [self.ask("plain.test") for _ in range(20)]
        for _ in clients:
            origin.next_request()[0].send(response())
        for client in clients:
            self.assertEqual(client.read_response().status, 200)
        self.assertEqual(sum(kind == 1 for _, _, kind in server.queries), 1)


class AddressRaceTests(NameTestCase):
    """RFC 8305: IPv6 first, IPv4 after 250 ms, the first that connects wins."""

    def setUp(self):
        super().setUp()
        self.namespace.run("ip", "address", "add", f"{IPV6_ADDRESS}/128", "dev", "lo", "nodad")
        self.serve_names(dual=[ORIGIN_ADDRESS, IPV6_ADDRESS])

    def test_ipv6_is_taken_when_it_works(self):
        self.start()
        old, new = self.origin(8080), self.origin(8080, address=IPV6_ADDRESS)
        self.assert_served(new, "dual.test")
        old.expect_no_connection()

    def test_ipv4_when_ipv6_is_refused(self):
        self.start()
        self.assertLess(self.assert_served(self.origin(), "dual.test"), 1)

    def test_ipv4_soon_when_ipv6_is_a_black_hole(self):
        self.namespace.nft("table ip6 hole { chain in { type filter hook input priority 0;"
                           f" ip6 daddr {IPV6_ADDRESS} tcp dport 8080 drop; }}\n}}\n")
        self.start()
        seconds = self.assert_served(self.origin(), "dual.test")
        self.assertGreater(seconds, 0.2)
        self.assertLess(seconds, 1)
        eventually(lambda: not [row for row in self.owned_connections() if row.state == "SYN-SENT"], 5,
                   "the attempt that lost is given up")

    def test_an_ipv6_literal(self):
        self.start()
        self.assert_served(self.origin(8080, address=IPV6_ADDRESS), f"[{IPV6_ADDRESS}]")


if __name__ == "__main__":
    unittest.main()
