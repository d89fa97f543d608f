"""The bounded upstream pool: reuse, exact bounds, the queue, ends of idle connections, retries."""

import unittest

from harness import Stopwatch, WeirTestCase, eventually, observe, request, response

CLOSED = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class PoolTestCase(WeirTestCase):
    def ask(self, origin, path="/", method="GET", content=None):
        """A new client with its request sent."""
        client = self.client()
        client.send(request(origin.url(path), method, content=content))
        return client

    def answer(self, upstream, content=b"ok", fields=()):
        """Reads the next request of an upstream connection and answers it; returns its target."""
        seen = upstream.read_request()
        upstream.send(response(content, fields=fields))
        return seen.target


class ReuseTests(PoolTestCase):
    def test_first_requests_of_new_clients_are_served_from_the_pool(self):
        self.start()
        origin = self.origin()
        _, upstream, _ = self.get(origin)
        for number in range(10):
            client = self.ask(origin, f"/{number}")
            self.assertEqual(self.answer(upstream), f"/{number}")
            client.read_response()
            client.close()
        origin.expect_no_connection()

    def test_the_most_recently_used_connection_goes_first(self):
        self.start()
        origin = self.origin()
        clients = {f"/{number}": self.ask(origin, f"/{number}") for number in range(3)}
        upstreams = [origin.accept() for _ in clients]
        paths = [upstream.read_request().target for upstream in upstreams]
        for upstream, path in zip(upstreams, paths):
            upstream.send(response())
            clients[path].read_response()
        self.ask(origin, "/last")
        self.assertEqual(self.answer(upstreams[-1]), "/last")

    def test_origins_do_not_share_connections(self):
        self.start()
        first, second = self.origin(8080), self.origin(8081)
        self.get(first)
        self.get(second)
        _, upstream, _ = self.get_reused(first)
        self.assertIs(upstream, first.accepted[0])

    def get_reused(self, origin):
        client = self.ask(origin)
        upstream = origin.accepted[0]
        self.answer(upstream)
        return client, upstream, client.read_response()

    def test_a_connection_that_the_origin_ends_is_not_reused(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(request(origin.url()))
        upstream, _ = origin.accept_request()
        upstream.send(CLOSED)
        self.assertEqual(client.read_response().status, 200)
        # It said close but does not close: weir does.
        upstream.wait_for_end()
        self.get(origin, client=client)

    def test_upstream_max_requests(self):
        self.start({"upstream.max_requests": "2"})
        origin = self.origin()
        client, upstream, _ = self.get(origin)
        client.send(request(origin.url()))
        self.answer(upstream)
        client.read_response()
        self.get(origin, client=client)
        self.assertEqual(len(origin.accepted), 2)


class SourceTests(PoolTestCase):
    def test_connections_are_dialled_from_a_range_of_one_s_own(self):
        self.start({"upstream.source_ports": "45000-45009"})
        origin = self.origin()
        ports = set()
        for number in range(5):
            self.ask(origin, f"/{number}")
            ports.add(origin.accept().socket.getpeername()[1])
        self.assertTrue(all(45000 <= port <= 45009 for port in ports), ports)


class BoundTests(PoolTestCase):
    def test_max_per_destination_is_exact_under_a_burst(self):
        bound, burst = 4, 60
        self.start({"upstream.max_per_destination": bound, "upstream.max_dials_per_destination": bound,
                    "upstream.max_idle_per_destination": bound})
        origin = self.origin()
        clients = [self.ask(origin, f"/{number}") for number in range(burst)]
        upstreams = [origin.accept() for _ in range(bound)]
        served = []
        while len(served) < burst:
            origin.expect_no_connection()
            ready = eventually(lambda: [u for u in upstreams if u.readable()], 5, "a request at the origin")
            for upstream in ready:
                served.append(self.answer(upstream))
        origin.expect_no_connection(0.1)
        for client in clients:
            self.assertEqual(client.read_response().status, 200)
        # Dials finish in any order, so the first ones may overtake each other; every one came once.
        self.assertEqual(sorted(served), sorted(f"/{number}" for number in range(burst)))

    def test_waiters_are_served_in_order(self):
        self.start({"upstream.max_per_destination": "1", "upstream.max_idle_per_destination": "1"})
        origin = self.origin()
        clients = []
        for number in range(8):
            clients.append(self.ask(origin, f"/{number}"))
            if number == 0:
                upstream = origin.accept()
            # The next one asks only when this one is in the queue: its client socket is accepted and read.
            eventually(lambda: self.unread_at_weir() == 0, 5, "weir has read the request")
        self.assertEqual([self.answer(upstream) for _ in clients], [f"/{number}" for number in range(8)])
        for client in clients:
            client.read_response()
        origin.expect_no_connection()

    def unread_at_weir(self):
        text = self.namespace.run("ss", "-Htan", "sport", "=", ":3128")
        return sum(int(line.split()[1]) for line in text.splitlines() if not line.startswith("LISTEN"))

    def test_a_dead_wait_in_the_queue_is_503(self):
        self.start({"upstream.max_per_destination": "1", "upstream.max_idle_per_destination": "1",
                    "upstream.queue_timeout": "500ms"})
        origin = self.origin()
        first = self.ask(origin)
        upstream, _ = origin.accept_request()
        watch, second = Stopwatch(), self.ask(origin, "/second")
        answer = second.read_response(timeout=3)
        self.assert_refusal(answer, 503)
        self.assertTrue(answer.field("Retry-After").isdigit())
        self.assertIn("connection_limit_reached", answer.field("Proxy-Status"))
        self.assertGreater(watch.seconds, 0.4)
        self.assertLess(watch.seconds, 1.5)
        upstream.send(response(b"first"))
        self.assertEqual(first.read_response().content, b"first")
        upstream.expect_silence(0.05)

    def test_a_full_queue_is_503_at_once(self):
        self.start({"upstream.max_per_destination": "1", "upstream.max_idle_per_destination": "1",
                    "upstream.max_queue": "1"})
        origin = self.origin()
        self.ask(origin)
        upstream, _ = origin.accept_request()
        waiting = self.ask(origin, "/waiting")
        eventually(lambda: self.unread_at_weir() == 0, 5)
        watch, third = Stopwatch(), self.ask(origin, "/third")
        answer = third.read_response()
        self.assert_refusal(answer, 503)
        self.assertTrue(answer.field("Retry-After"))
        self.assertLess(watch.seconds, 0.5)
        upstream.send(response())
        self.assertEqual(self.answer(upstream), "/waiting")
        waiting.read_response()

    def test_a_client_that_leaves_gives_up_its_place(self):
        self.start({"upstream.max_per_destination": "1", "upstream.max_idle_per_destination": "1"})
        origin = self.origin()
        self.ask(origin)
        upstream, _ = origin.accept_request()
        leaver = self.ask(origin, "/gone")
        eventually(lambda: self.unread_at_weir() == 0, 5)
        stayer = self.ask(origin, "/stays")
        eventually(lambda: self.unread_at_weir() == 0, 5)
        before = self.weir.descriptors()
        leaver.reset()
        # The kernel forgets the connection at once; that weir has noticed shows in its descriptors.
        eventually(lambda: self.weir.descriptors() < before, 5, "weir noticed that its client left")
        upstream.send(response())
        self.assertEqual(self.answer(upstream), "/stays")
        stayer.read_response()

    def test_max_connections_evicts_an_idle_connection_to_another_origin(self):
        self.start({"upstream.max_connections": "1", "upstream.max_per_destination": "1",
                    "upstream.max_idle": "1", "upstream.max_idle_per_destination": "1"})
        first, second = self.origin(8080), self.origin(8081)
        _, idle, _ = self.get(first)
        self.get(second)
        idle.expect_end()

    def test_max_idle_per_destination(self):
        self.start({"upstream.max_idle_per_destination": "1"})
        origin = self.origin()
        clients = [self.ask(origin) for _ in range(3)]
        upstreams = [origin.accept() for _ in clients]
        # All three are in use before the first one is free.
        for upstream in upstreams:
            upstream.read_request()
        for upstream in upstreams:
            upstream.send(response())
        for client in clients:
            client.read_response()
        eventually(lambda: sum(upstream.readable() for upstream in upstreams) == 2, 5, "two are closed")


class EndTests(PoolTestCase):
    def test_idle_connections_are_reaped_by_reset(self):
        self.start({"upstream.idle_timeout": "1s"})
        _, upstream, _ = self.get(self.origin())
        watch = Stopwatch()
        self.assertEqual(upstream.expect_end(3), "rst")
        self.assertGreater(watch.seconds, 0.8)
        self.assertLess(watch.seconds, 2)

    def test_the_origin_s_own_limit_is_kept_below(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(request(origin.url()))
        upstream, _ = origin.accept_request()
        upstream.send(response(fields=("Keep-Alive: timeout=2",)))
        client.read_response()
        watch = Stopwatch()
        upstream.expect_end(4)
        self.assertLess(watch.seconds, 2.1)

    def test_a_connection_that_the_origin_closed_is_noticed(self):
        self.start()
        origin = self.origin()
        client, upstream, _ = self.get(origin)
        upstream.half_close()
        upstream.wait_for_end()
        self.get(origin, client=client)

    def test_max_age(self):
        self.start({"upstream.max_age": "1s"})
        origin = self.origin()
        client, first, _ = self.get(origin)
        watch, upstream = Stopwatch(), first
        while upstream is first:
            self.assertLess(watch.seconds, 3, "older than max_age and still in use")
            observe(0.05)
            client.send(request(origin.url()))
            upstream, _ = origin.next_request()
            upstream.send(response())
            client.read_response()
        self.assertGreater(watch.seconds, 0.7)


class RetryTests(PoolTestCase):
    def test_a_get_on_a_stale_connection_is_retried_once_on_a_fresh_one(self):
        self.start()
        origin = self.origin()
        client, stale, _ = self.get(origin)
        for end in ("close", "reset"):
            with self.subTest(end):
                client.send(request(origin.url("/again")))
                self.assertEqual(stale.read_request().target, "/again")
                getattr(stale, end)()
                fresh, seen = origin.accept_request()
                self.assertEqual(seen.target, "/again")
                fresh.send(response(b"second try"))
                self.assertEqual(client.read_response().content, b"second try")
                stale = fresh

    def test_nothing_is_tried_a_third_time(self):
        self.start()
        origin = self.origin()
        client, stale, _ = self.get(origin)
        client.send(request(origin.url("/again")))
        stale.read_request()
        stale.close()
        fresh, _ = origin.accept_request()
        fresh.close()
        self.assert_refusal(client.read_response(), 502)
        origin.expect_no_connection(0.1)

    def test_nothing_is_retried_when_a_byte_of_the_answer_came(self):
        self.start()
        origin = self.origin()
        client, stale, _ = self.get(origin)
        client.send(request(origin.url("/again")))
        stale.read_request()
        stale.send("HTTP/1.1 2")
        stale.close()
        self.assert_refusal(client.read_response(), 502)
        origin.expect_no_connection(0.1)

    def test_a_post_is_never_sent_twice(self):
        self.start()
        cases = [(end, content) for end in ("close", "reset") for content in (b"money", b"", None)]
        for number, (end, content) in enumerate(cases):
            with self.subTest(f"{end}, {content}"):
                origin = self.origin(8080 + number)
                client, stale, _ = self.get(origin)
                client.send(request(origin.url("/pay"), "POST", content=content))
                # Idle for less than unsafe_reuse_window it may go over the pooled connection.
                upstream = stale if stale.readable(0.5) else origin.accept()
                self.assertEqual(upstream.read_request().content, content or b"")
                getattr(upstream, end)()
                self.assert_refusal(client.read_response(), 502)
                origin.expect_no_connection(0.1)

    def test_a_post_gets_a_fresh_connection_when_the_pooled_one_has_been_idle(self):
        self.start()
        origin = self.origin()
        client, idle, _ = self.get(origin)
        observe(1.1)
        client.send(request(origin.url("/pay"), "POST", content=b"money"))
        fresh, seen = origin.accept_request()
        self.assertEqual(seen.method, "POST")
        fresh.send(response())
        client.read_response()
        idle.expect_silence(0.05)

    def test_a_put_without_content_kept_is_not_replayed_half(self):
        self.start()
        origin = self.origin()
        client, stale, _ = self.get(origin)
        client.send(request(origin.url("/put"), "PUT", content=b"x" * 200_000))
        upstream = stale if stale.readable(0.5) else origin.accept()
        upstream.receive_exactly(1000)
        upstream.reset()
        if origin.pending(0.3):
            # A second try is right only when it is whole.
            again, seen = origin.accept_request()
            self.assertEqual(len(seen.content), 200_000)
            again.send(response())
            self.assertEqual(client.read_response().status, 200)
        else:
            self.assert_refusal(client.read_response(), 502)


if __name__ == "__main__":
    unittest.main()
