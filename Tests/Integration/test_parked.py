"""Ten thousand parked clients at once."""

import resource
import unittest

import sockettable
from harness import PROXY_PORT, WeirTestCase, request, response

COUNT = 10_000


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
        self.assertLess(per_client, 1024)

    def exchange(self, client, upstream, ask, answer):
        client.socket.sendall(ask)
        upstream.receive_until(b"\r\n\r\n")
        upstream.socket.sendall(answer)
        got = client.receive_until(b"ok\n")
        if not got.startswith(b"HTTP/1.1 200"):
            self.fail(f"client {len(self.clients)}: {got!r}")


if __name__ == "__main__":
    unittest.main()
