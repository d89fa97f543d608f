"""Requests and responses pass through whole, in every framing, with only the hop-by-hop fields changed."""

import socket
import unittest

from harness import Stopwatch, Truncated, WeirTestCase, request, response

CHUNKS = b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n"


class FramingTests(WeirTestCase):
    """Every way in which content is delimited."""

    def roundtrip(self, sent, answer, method="GET"):
        """One exchange on connections of its own: (what the origin got, what the client got)."""
        origin = self.origin(port=8080 + len(self.origin_ports))
        client = self.client()
        client.send(sent(origin.url("/path?query=1")))
        upstream, seen = origin.accept_request()
        upstream.send(answer)
        if b"Connection: close" in answer or b"HTTP/1.0" in answer:
            upstream.close()
        got = client.read_response(method)
        client.close()
        return seen, got

    def test_every_method_arrives_as_sent(self):
        self.start()
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "QUERY", "M-SEARCH"):
            with self.subTest(method):
                content = b"content" if method in ("POST", "PUT", "PATCH", "QUERY") else None
                seen, got = self.roundtrip(lambda url: request(url, method, content=content),
                                           response(b"yes"))
                self.assertEqual((seen.method, seen.target), (method, "/path?query=1"))
                self.assertEqual(seen.content, content or b"")
                self.assertEqual((got.status, got.content), (200, b"yes"))

    def test_a_response_with_a_length(self):
        self.start()
        for size in (0, 1, 65535, 1 << 20):
            with self.subTest(size):
                _, got = self.roundtrip(request, response(b"x" * size))
                self.assertEqual((got.framing, len(got.content)), ("length", size))

    def test_a_chunked_response_with_trailers(self):
        self.start()
        answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" + CHUNKS
        _, got = self.roundtrip(request, answer + b"X-Sum: 11\r\n\r\n")
        self.assertEqual((got.framing, got.content), ("chunked", b"hello world"))
        self.assertEqual(got.trailers, [("X-Sum", "11")])

    def test_a_chunked_request_with_trailers(self):
        self.start()
        origin, client = self.origin(), self.client()
        head = request(origin.url(), "POST", ("Transfer-Encoding: chunked",))
        client.send(head, CHUNKS, "X-Sum: 11\r\n\r\n")
        upstream, seen = origin.accept_request()
        self.assertEqual((seen.framing, seen.content), ("chunked", b"hello world"))
        self.assertEqual(seen.trailers, [("X-Sum", "11")])
        upstream.send(response())
        self.assertEqual(client.read_response().status, 200)

    def test_a_response_until_close_ends_whole(self):
        self.start()
        for version in ("1.0", "1.1"):
            with self.subTest(version):
                answer = f"HTTP/{version} 200 OK\r\nConnection: close\r\n\r\n".encode() + b"z" * 100_000
                _, got = self.roundtrip(request, answer)
                self.assertEqual(got.content, b"z" * 100_000)
                self.assertIn(got.framing, ("chunked", "close"))

    def test_responses_that_end_with_their_head(self):
        self.start()
        cases = [("HEAD", "200 OK", "Content-Length: 1000"), ("HEAD", "200 OK", "Transfer-Encoding: chunked"),
                 ("GET", "204 No Content", "X-A: 1"), ("GET", "304 Not Modified", "Content-Length: 1000"),
                 ("HEAD", "404 Not Found", "Content-Length: 9")]
        for method, status, field in cases:
            with self.subTest(f"{method} {status} {field}"):
                answer = f"HTTP/1.1 {status}\r\n{field}\r\n\r\n".encode()
                origin, client = self.origin(port=8080 + len(self.origin_ports)), self.client()
                client.send(request(origin.url(), method))
                upstream, seen = origin.accept_request()
                self.assertEqual(seen.method, method)
                upstream.send(answer)
                got = client.read_response(method)
                self.assertEqual(got.start_line, f"HTTP/1.1 {status}")
                self.assertEqual(got.content, b"")
                # Both connections are still in step: a second exchange goes over the same two.
                client.send(request(origin.url("/next")))
                self.assertEqual(upstream.read_request().target, "/next")
                upstream.send(response(b"next"))
                self.assertEqual(client.read_response().content, b"next")

    def test_keep_alive_on_both_sides(self):
        self.start()
        origin = self.origin()
        client, upstream, _ = self.get(origin)
        for number in range(20):
            client.send(request(origin.url(f"/{number}")))
            self.assertEqual(upstream.read_request().target, f"/{number}")
            upstream.send(response(str(number).encode()))
            self.assertEqual(client.read_response().content, str(number).encode())
        origin.expect_no_connection()

    def test_content_behind_its_head_is_not_held_back_by_nagle(self):
        self.start()
        origin = self.origin()
        client, upstream, _ = self.get(origin)
        upstream.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        watch = Stopwatch()
        for _ in range(25):
            client.send(request(origin.url()))
            upstream.read_request()
            upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
            upstream.send(b"weir")
            self.assertEqual(client.read_response().content, b"weir")
        # A delayed acknowledgement takes 40 ms or more.
        self.assertLess(watch.seconds, 0.5)

    def test_one_byte_at_a_time_both_ways(self):
        self.start()
        origin, client = self.origin(), self.client()
        for byte in request(origin.url("/slowly"), "POST", content=b"abc"):
            client.send(bytes([byte]))
        upstream, seen = origin.accept_request()
        self.assertEqual((seen.target, seen.content), ("/slowly", b"abc"))
        for byte in response(b"answer"):
            upstream.send(bytes([byte]))
        self.assertEqual(client.read_response().content, b"answer")


class OldVersionTests(WeirTestCase):
    """HTTP/1.0 on either side."""

    def test_a_1_0_client_gets_its_answer_and_the_close(self):
        self.start()
        origin = self.origin()
        for fields in ((), ("Connection: keep-alive",)):
            with self.subTest(fields):
                client = self.client()
                client.send(request(origin.url(), version="1.0", fields=fields))
                upstream = origin.accept() if not origin.accepted else origin.accepted[0]
                seen = upstream.read_request()
                self.assertTrue(seen.start_line.endswith("HTTP/1.1"))
                upstream.send(response(b"old"))
                self.assertEqual(client.read_response().content, b"old")
                # RFC 9112 §9.3: a proxy does not keep a connection with an HTTP/1.0 client.
                self.assertEqual(client.expect_end(), "fin")

    def test_a_1_0_client_never_sees_chunks(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(request(origin.url(), version="1.0"))
        upstream, _ = origin.accept_request()
        upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNKS, "\r\n")
        got = client.read_response()
        self.assertEqual((got.framing, got.content), ("close", b"hello world"))

    def test_a_1_0_client_does_not_take_a_cut_answer_for_a_whole_one(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(request(origin.url(), version="1.0"))
        upstream, _ = origin.accept_request()
        upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        client.read_head()
        upstream.close()
        # Without framing a FIN would say "complete": only a reset says that it is not.
        with self.assertRaises(Truncated) as caught:
            client.receive_to_end()
        self.assertTrue(caught.exception.reset)

    def test_a_1_0_request_without_host(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(f"GET {origin.url('/x')} HTTP/1.0\r\n\r\n")
        upstream, seen = origin.accept_request()
        self.assertEqual(seen.all("Host"), [origin.authority])
        upstream.send(response())
        self.assertEqual(client.read_response().status, 200)


class FieldTests(WeirTestCase):
    """What weir takes away, adds and rewrites."""

    def test_hop_by_hop_fields_of_the_request_are_removed(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(request(origin.url(), fields=(
            "Connection: keep-alive, X-Mine", "X-Mine: 1", "Keep-Alive: timeout=9",
            "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic eDp5", "X-Kept: 2", "X-Kept: 3",
            "Cookie: a=b")))
        upstream, seen = origin.accept_request()
        for name in ("X-Mine", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization"):
            self.assertEqual(seen.all(name), [], name)
        self.assertNotIn("x-mine", seen.tokens("Connection"))
        self.assertEqual((seen.all("X-Kept"), seen.all("Cookie")), (["2", "3"], ["a=b"]))
        upstream.send(response())
        client.read_response()

    def test_hop_by_hop_fields_of_the_response_are_removed(self):
        self.start()
        _, _, got = self.get_with_fields("Connection: X-Secret", "X-Secret: 1", "Keep-Alive: timeout=77",
                                         "Proxy-Authenticate: Basic", "Set-Cookie: a", "Set-Cookie: b")
        self.assertEqual((got.all("X-Secret"), got.all("Set-Cookie")), ([], ["a", "b"]))
        self.assertNotIn("timeout=77", got.field("Keep-Alive") or "")
        self.assertNotIn("x-secret", got.tokens("Connection"))

    def get_with_fields(self, *fields):
        origin, client = self.origin(), self.client()
        client.send(request(origin.url()))
        upstream, seen = origin.accept_request()
        upstream.send(response(b"x", fields=fields))
        return upstream, seen, client.read_response()

    def test_via_is_added_in_both_directions(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(request(origin.url(), fields=("Via: 1.0 before",)))
        upstream, seen = origin.accept_request()
        self.assertRegex(seen.field("Via"), r"^1\.0 before, 1\.1 \S+")
        upstream.send(response(fields=("Via: 1.1 origin-side",)))
        self.assertRegex(client.read_response().field("Via"), r"^1\.1 origin-side, 1\.1 \S+")

    def test_host_comes_from_the_target(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(request(origin.url("/x"), host="somebody.else.test"))
        upstream, seen = origin.accept_request()
        self.assertEqual(seen.all("Host"), [origin.authority])
        upstream.send(response())
        client.read_response()

    def test_the_target_goes_upstream_in_origin_form(self):
        self.start()
        origin, client = self.origin(), self.client()
        cases = [("GET", "", "/"), ("GET", "?a=b", "/?a=b"), ("GET", "/a%20b?c=//d", "/a%20b?c=//d"),
                 ("OPTIONS", "", "*"), ("OPTIONS", "/x", "/x"), ("GET", "/" + "p" * 8000, "/" + "p" * 8000)]
        for method, path, expected in cases:
            client.send(request(origin.url(path), method))
            upstream = origin.accepted[0] if origin.accepted else origin.accept()
            self.assertEqual(upstream.read_request().target, expected)
            upstream.send(response())
            self.assertEqual(client.read_response().status, 200)

    def test_connection_close_of_the_client_is_obeyed(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(request(origin.url(), fields=("Connection: close",)))
        upstream, _ = origin.accept_request()
        upstream.send(response(b"last"))
        got = client.read_response()
        self.assertIn("close", got.tokens("Connection"))
        self.assertEqual(client.expect_end(), "fin")
        # The upstream side is weir's own: it stays, and serves the next client.
        second = self.client()
        second.send(request(origin.url("/second")))
        self.assertEqual(upstream.read_request().target, "/second")
        upstream.send(response())
        second.read_response()

    def test_keep_alive_off_closes_after_each_answer(self):
        self.start({"client.keep_alive": "off"})
        client, _, got = self.get(self.origin())
        self.assertIn("close", got.tokens("Connection"))
        self.assertEqual(client.expect_end(), "fin")


class PipeliningTests(WeirTestCase):
    def test_answers_come_in_the_order_of_the_requests(self):
        self.start()
        origin, other, client = self.origin(8080), self.origin(8081), self.client()
        client.send(request(origin.url("/1")) + request(other.url("/2"), "POST", content=b"two")
                    + request(origin.url("/3"), "HEAD") + request(origin.url("/4")))
        upstreams = {}
        for listener, path, method in ((origin, "/1", "GET"), (other, "/2", "POST"), (origin, "/3", "HEAD"),
                                       (origin, "/4", "GET")):
            upstream = upstreams.get(listener) or upstreams.setdefault(listener, listener.accept())
            self.assertEqual(upstream.read_request().target, path)
            upstream.send(response(path.encode()) if method != "HEAD"
                          else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        for path, method in (("/1", "GET"), ("/2", "POST"), ("/3", "HEAD"), ("/4", "GET")):
            got = client.read_response(method)
            self.assertEqual(got.content, b"" if method == "HEAD" else path.encode())

    def test_a_client_that_half_closed_still_gets_its_answer(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(request(origin.url())).half_close()
        upstream, _ = origin.accept_request()
        upstream.send(response(b"still here"))
        self.assertEqual(client.read_response().content, b"still here")
        self.assertEqual(client.expect_end(), "fin")


if __name__ == "__main__":
    unittest.main()
