"""How weir ends client connections: announced, or FIN, grace, RST; and never over an unread answer."""

import unittest

import sockettable
from harness import PROXY_PORT, Stopwatch, Truncated, WeirTestCase, eventually, observe, request, response


class ClosingTestCase(WeirTestCase):
    def client_states(self):
        """States of the clients' own sockets."""
        return sockettable.states(sockettable.toward(sockettable.rows(self.namespace), PROXY_PORT))

    def parked(self, origin, count):
        """`count` clients, parked one after the other; all served over one upstream connection."""
        clients = []
        for number in range(count):
            client = self.client()
            client.send(request(origin.url(f"/{number}")))
            upstream = origin.accepted[0] if origin.accepted else origin.accept()
            upstream.read_request()
            upstream.send(response())
            got = client.read_response()
            self.assertNotIn("close", got.tokens("Connection"))
            clients.append(client)
        return clients


class ReapingTests(ClosingTestCase):
    def test_a_parked_client_gets_a_fin_and_its_port_is_free_when_it_closes(self):
        self.start({"client.idle_timeout": "1s", "client.close_grace": "5s"})
        client, _, _ = self.get(self.origin())
        watch = Stopwatch()
        self.assertEqual(client.expect_end(3), "fin")
        self.assertGreater(watch.seconds, 0.8)
        client.close()
        eventually(lambda: not self.client_states(), 1, "no TIME_WAIT on the client's port")

    def test_a_client_that_never_looks_is_freed_by_reset(self):
        self.start({"client.idle_timeout": "500ms", "client.close_grace": "1s"})
        client, _, _ = self.get(self.origin())
        eventually(lambda: self.client_states() == {"CLOSE-WAIT": 1}, 3, "the FIN arrived and is ignored")
        watch = Stopwatch()
        eventually(lambda: self.client_states() == {}, 3, "the RST freed the port that the app holds")
        self.assertGreater(watch.seconds, 0.5)
        with self.assertRaises(ConnectionError):
            client.send(b"x").send(b"x")

    def test_a_request_in_the_grace_is_never_half_served(self):
        self.start({"client.idle_timeout": "500ms", "client.close_grace": "1s"})
        origin = self.origin()
        client, upstream, _ = self.get(origin)
        eventually(lambda: self.client_states() == {"CLOSE-WAIT": 1}, 3)
        client.send(request(origin.url("/too-late")))
        with self.assertRaises((Truncated, ConnectionResetError)):
            client.read_response(timeout=3)
        upstream.expect_silence(0.05)
        origin.expect_no_connection()

    def test_an_unread_answer_is_not_destroyed(self):
        self.start({"client.idle_timeout": "500ms", "client.close_grace": "500ms"})
        origin, client = self.origin(), self.client()
        client.send(request(origin.url()))
        upstream, _ = origin.accept_request()
        upstream.send(response(b"precious" * 100))
        # The app is busy elsewhere for longer than idle limit and grace together.
        observe(2.0)
        self.assertEqual(client.read_response().content, b"precious" * 100)

    def test_an_unread_last_answer_is_not_destroyed(self):
        self.start({"client.close_grace": "500ms"})
        # More than the app's receive buffer takes: the rest lies in weir's own, where an RST deletes it.
        origin, client = self.origin(), self.client(receive_buffer=16384)
        client.send(request(origin.url(), fields=("Connection: close",)))
        upstream, _ = origin.accept_request()
        upstream.send(response(b"precious" * 50_000))
        observe(1.5)
        self.assertEqual(client.read_response().content, b"precious" * 50_000)

    def test_a_refusal_survives_the_rest_of_a_long_upload(self):
        self.start()
        client = self.client()
        client.send("POST /not-for-a-proxy HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n")
        for _ in range(30):
            if client.send_some(b"x" * 10_000, 0.2) == 0:
                break
        self.assert_refusal(client.read_response(), 400)

    def test_a_client_busy_with_an_exchange_is_not_idle(self):
        self.start({"client.idle_timeout": "500ms"})
        origin, client = self.origin(), self.client()
        client.send(request(origin.url()))
        upstream, _ = origin.accept_request()
        observe(1.5)
        upstream.send(response(b"patience"))
        self.assertEqual(client.read_response().content, b"patience")


class CapTests(ClosingTestCase):
    def test_over_the_parked_cap_the_longest_parked_goes_first(self):
        self.start({"client.max_parked_per_owner": "4"})
        origin = self.origin()
        clients = self.parked(origin, 4)
        # Long enough that the app does not go round them.
        observe(5.1)
        clients += self.parked(origin, 2)
        eventually(lambda: clients[0].readable() and clients[1].readable(), 3, "the two oldest are ended")
        for client in clients[:2]:
            self.assertIn(client.expect_end(), ("fin", "rst"))
        for client in clients[2:]:
            client.expect_silence(0.02)

    def test_over_the_parked_cap_an_app_that_goes_round_its_connections_is_told(self):
        self.start({"client.max_parked_per_owner": "4"})
        origin = self.origin()
        clients = self.parked(origin, 4)
        late = self.client()
        late.send(request(origin.url()))
        origin.next_request()[0].send(response())
        self.assertIn("close", late.read_response().tokens("Connection"))
        for client in clients:
            client.expect_silence(0.02)

    def test_over_max_connections_a_parked_one_makes_room(self):
        self.start({"client.max_connections": "3"})
        origin = self.origin()
        clients = self.parked(origin, 4)
        eventually(clients[0].readable, 3, "the longest parked is ended")
        clients[3].send(request(origin.url("/more")))
        origin.accepted[0].read_request()
        origin.accepted[0].send(response(b"room"))
        self.assertEqual(clients[3].read_response().content, b"room")

    def test_nothing_busy_is_cut_for_room(self):
        self.start({"client.max_connections": "2"})
        origin = self.origin()
        busy = []
        for _ in range(2):
            client = self.client()
            client.send(request(origin.url()))
            busy.append((client, origin.accept_request()[0]))
        extra = self.client()
        extra.send(request(origin.url("/extra")))
        # Either 503 at once, or it waits in the backlog; never at the cost of the others.
        if extra.readable(0.3):
            answer = extra.read_response()
            self.assert_refusal(answer, 503)
            self.assertTrue(answer.field("Retry-After"))
        for client, upstream in busy:
            upstream.send(response(b"done"))
            self.assertEqual(client.read_response().content, b"done")


class AnnouncementTests(ClosingTestCase):
    def test_max_requests_is_announced(self):
        self.start({"client.max_requests": "3"})
        origin = self.origin()
        client, upstream, got = self.get(origin)
        for _ in range(2):
            self.assertNotIn("close", got.tokens("Connection"))
            client.send(request(origin.url()))
            upstream.read_request()
            upstream.send(response())
            got = client.read_response()
        self.assertIn("close", got.tokens("Connection"))
        self.assertEqual(client.expect_end(), "fin")

    def test_max_age_is_announced(self):
        self.start({"client.max_age": "1s"})
        origin = self.origin()
        client, upstream, got = self.get(origin)
        watch = Stopwatch()
        while "close" not in got.tokens("Connection"):
            self.assertLess(watch.seconds, 3, "older than max_age and still kept")
            observe(0.1)
            client.send(request(origin.url()))
            upstream.read_request()
            upstream.send(response())
            got = client.read_response()
        self.assertEqual(client.expect_end(), "fin")

    def test_the_keep_alive_hint_is_below_what_is_enforced(self):
        self.start({"client.idle_timeout": "10s"})
        _, _, got = self.get(self.origin())
        hint = got.field("Keep-Alive")
        self.assertRegex(hint or "", r"timeout=\d+")
        self.assertIn(int(hint.split("timeout=")[1].split(",")[0]), range(1, 10))


if __name__ == "__main__":
    unittest.main()
