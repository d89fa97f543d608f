"""Requests that are malformed, oversized or ambiguous, and targets that cannot be reached."""

import unittest

from harness import ORIGIN_ADDRESS, Stopwatch, Truncated, WeirTestCase, request
from netns import PacketDropper

GET = "GET http://{o}/ HTTP/1.1\r\nHost: {o}\r\n"
POST = "POST http://{o}/ HTTP/1.1\r\nHost: {o}\r\n"

#: What is wrong, the bytes ({o} is the origin's authority), the statuses that are right.
MALFORMED = [
    ("a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", [400]),
    ("no request line", "hello there, proxy\r\n\r\n", [400]),
    ("HTTP/0.9", "GET http://{o}/\r\n\r\n", [400]),
    ("two spaces", "GET  http://{o}/ HTTP/1.1\r\nHost: {o}\r\n\r\n", [400]),
    ("a space in the target", "GET http://{o}/a b HTTP/1.1\r\nHost: {o}\r\n\r\n", [400]),
    ("a method that is no token", "GE(T http://{o}/ HTTP/1.1\r\nHost: {o}\r\n\r\n", [400]),
    ("a version that is none", "GET http://{o}/ HTTX/1.1\r\nHost: {o}\r\n\r\n", [400]),
    ("HTTP/2.0", "GET http://{o}/ HTTP/2.0\r\nHost: {o}\r\n\r\n", [505]),
    ("the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400, 505]),
    ("no Host", "GET http://{o}/ HTTP/1.1\r\n\r\n", [400]),
    ("two Hosts", GET + "Host: {o}\r\n\r\n", [400]),
    ("a Host that is none", "GET http://{o}/ HTTP/1.1\r\nHost: a b\r\n\r\n", [400]),
    ("a space before the colon", GET + "X-A : 1\r\n\r\n", [400]),
    ("a field without a colon", GET + "X-A\r\n\r\n", [400]),
    ("a field without a name", GET + ": 1\r\n\r\n", [400]),
    ("a folded field", GET + "X-A: 1\r\n 2\r\n\r\n", [400]),
    ("white space before the first field", "GET http://{o}/ HTTP/1.1\r\n Host: {o}\r\n\r\n", [400]),
    ("NUL in a field", GET + "X-A: a\x00b\r\n\r\n", [400]),
    ("a bare CR in a field", GET + "X-A: a\rb\r\n\r\n", [400]),
    ("bare LF line ends", "GET http://{o}/ HTTP/1.1\nHost: {o}\n\n", [400]),
    ("origin form", "GET / HTTP/1.1\r\nHost: {o}\r\n\r\n", [400]),
    ("asterisk form with GET", "GET * HTTP/1.1\r\nHost: {o}\r\n\r\n", [400]),
    ("a fragment", "GET http://{o}/#x HTTP/1.1\r\nHost: {o}\r\n\r\n", [400]),
    ("no host in the target", "GET http:///x HTTP/1.1\r\nHost: {o}\r\n\r\n", [400]),
    ("user information", "GET http://me@{o}/ HTTP/1.1\r\nHost: {o}\r\n\r\n", [400]),
    ("port 0", "GET http://10.77.0.1:0/ HTTP/1.1\r\nHost: {o}\r\n\r\n", [400]),
    ("port 65536", "GET http://10.77.0.1:65536/ HTTP/1.1\r\nHost: {o}\r\n\r\n", [400]),
    ("an unclosed bracket", "GET http://[::1/ HTTP/1.1\r\nHost: {o}\r\n\r\n", [400]),
    ("another scheme", "GET ftp://{o}/ HTTP/1.1\r\nHost: {o}\r\n\r\n", [400, 501]),
    ("CONNECT without a port", "CONNECT 10.77.0.1 HTTP/1.1\r\nHost: {o}\r\n\r\n", [400]),
    ("CONNECT to a path", "CONNECT / HTTP/1.1\r\nHost: {o}\r\n\r\n", [400]),
    ("CONNECT to a URL", "CONNECT http://{o}/ HTTP/1.1\r\nHost: {o}\r\n\r\n", [400]),
    ("CONNECT with content", "CONNECT {o} HTTP/1.1\r\nHost: {o}\r\nContent-Length: 3\r\n\r\nabc", [400]),
]

AMBIGUOUS = [
    ("both framings", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400]),
    ("both, the other way", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", [400]),
    ("two lengths", "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", [400]),
    ("two lengths in a list", "Content-Length: 3, 4\r\n\r\nabcd", [400]),
    ("a negative length", "Content-Length: -1\r\n\r\n", [400]),
    ("a signed length", "Content-Length: +3\r\n\r\nabc", [400]),
    ("a hexadecimal length", "Content-Length: 0x3\r\n\r\nabc", [400]),
    ("a length with a space", "Content-Length: 3 3\r\n\r\nabc", [400]),
    ("an empty length", "Content-Length: \r\n\r\n", [400]),
    ("a length beyond all numbers", "Content-Length: 99999999999999999999\r\n\r\n", [400, 413]),
    ("chunked twice", "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", [400]),
    ("chunked in two fields",
     "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400]),
    ("chunked not last", "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", [400, 501]),
    ("an unknown coding", "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", [501]),
    ("an obfuscated coding", "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", [400]),
    ("a coding that only looks like it", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", [400, 501]),
]

OVERSIZED = [
    ("a long target", "GET http://{o}/" + "a" * 200_000 + " HTTP/1.1\r\nHost: {o}\r\n\r\n", [414]),
    ("a large field", GET + "X-A: " + "a" * 200_000 + "\r\n\r\n", [431]),
    ("many fields", GET + "X-A: 1\r\n" * 3000 + "\r\n", [431]),
    ("a head without an end", GET + "X-A: 1\r\n" * 30_000, [431]),
]

#: Content that turns out bad when its head has long been passed on.
BAD_CHUNKS = [
    ("a size that is none", "zz\r\nabc\r\n0\r\n\r\n"), ("a negative size", "-1\r\nabc\r\n0\r\n\r\n"),
    ("no CRLF behind a chunk", "3\r\nabcX\r\n0\r\n\r\n"), ("a size beyond all numbers", "f" * 20 + "\r\nabc"),
    ("a bare LF", "3\nabc\n0\n\n"), ("an endless extension", "3;" + "x" * 200_000 + "\r\nabc\r\n0\r\n\r\n"),
]


class RefusedRequestTests(WeirTestCase):
    def check_table(self, table):
        self.start()
        origin = self.origin()
        for name, text, statuses in table:
            with self.subTest(name):
                client = self.client()
                client.send(text.replace("{o}", origin.authority))
                answer = client.read_response()
                self.assert_refusal(answer, *statuses)
                self.assertIn("close", answer.tokens("Connection"))
                client.half_close()
                client.expect_end()
                client.close()
                origin.expect_no_connection()

    def test_malformed(self):
        self.check_table(MALFORMED)

    def test_ambiguous_framing(self):
        self.check_table([(name, POST + text, statuses) for name, text, statuses in AMBIGUOUS])

    def test_chunked_in_http_1_0(self):
        head = "POST http://{o}/ HTTP/1.0\r\nHost: {o}\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.check_table([("1.0", head + "0\r\n\r\n", [400])])

    def test_oversized(self):
        self.check_table(OVERSIZED)

    def test_a_bad_request_behind_a_good_one(self):
        self.start()
        origin = self.origin()
        client, upstream, _ = self.get(origin)
        client.send(request(origin.url("/good")) + b"BAD\r\n\r\n" + request(origin.url("/never")))
        self.assertEqual(upstream.read_request().target, "/good")
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
        self.assertEqual(client.read_response().content, b"good")
        self.assert_refusal(client.read_response(), 400)
        client.half_close().expect_end()
        upstream.expect_silence(0.1)
        origin.expect_no_connection()

    def test_bad_chunks_never_make_a_complete_request(self):
        self.start()
        origin = self.origin()
        for name, text in BAD_CHUNKS:
            with self.subTest(name):
                client = self.client()
                head = POST + "Transfer-Encoding: chunked\r\n\r\n"
                client.send(head.replace("{o}", origin.authority), text)
                if origin.pending(0.3):
                    upstream = origin.accept()
                    # What the origin has seen so far must end in a way that nobody takes for the end.
                    with self.assertRaises(Truncated):
                        upstream.read_request()
                    upstream.close()
                try:
                    self.assertEqual(client.read_response().status, 400)
                except (Truncated, ConnectionResetError):
                    pass
                client.wait_for_end()
                client.close()

    def test_a_head_that_never_comes(self):
        self.start({"client.request_timeout": "500ms"})
        client = self.client()
        client.receive_to_end(3)

    def test_a_head_that_never_ends(self):
        self.start({"client.header_timeout": "500ms"})
        origin, client = self.origin(), self.client()
        client.send(GET.replace("{o}", origin.authority))
        self.assert_refusal(client.read_response(timeout=3), 408)
        client.expect_end()
        origin.expect_no_connection()

    def test_a_client_that_leaves_amid_its_head(self):
        self.start()
        origin = self.origin()
        for end in ("half_close", "close", "reset"):
            client = self.client()
            client.send(GET.replace("{o}", origin.authority))
            getattr(client, end)()
            if end == "half_close":
                client.wait_for_end()
        origin.expect_no_connection()


class UnreachableTests(WeirTestCase):
    def failed_get(self, target, timeout=5.0):
        watch, client = Stopwatch(), self.client()
        client.send(request(target))
        answer = client.read_response(timeout=timeout)
        return answer, watch.seconds

    def test_refused(self):
        self.start()
        answer, seconds = self.failed_get(f"http://{ORIGIN_ADDRESS}:9/")
        self.assert_refusal(answer, 502)
        self.assertIn("connection_refused", answer.field("Proxy-Status"))
        self.assertLess(seconds, 1)

    def test_unreachable(self):
        self.start()
        answer, seconds = self.failed_get("http://192.0.2.1/")
        self.assert_refusal(answer, 502, 504)
        self.assertRegex(answer.field("Proxy-Status"), "destination_(unavailable|ip_unroutable)|unreachable")
        self.assertLess(seconds, 1)

    def test_the_connection_survives_a_refused_dial(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(request(f"http://{ORIGIN_ADDRESS}:9/"))
        if "close" not in client.read_response().tokens("Connection"):
            self.assertEqual(self.get(origin, client=client)[2].status, 200)

    def test_a_black_hole_ends_at_connect_timeout(self):
        self.start({"upstream.connect_timeout": "1s"})
        PacketDropper(self.namespace).black_hole(8099)
        answer, seconds = self.failed_get(f"http://{ORIGIN_ADDRESS}:8099/")
        self.assert_refusal(answer, 504)
        self.assertIn("connection_timeout", answer.field("Proxy-Status"))
        self.assertGreater(seconds, 0.8)
        self.assertLess(seconds, 2.5)

    def test_an_abandoned_dial_ends_with_connect_timeout_at_the_latest(self):
        self.start({"upstream.connect_timeout": "1500ms"})
        PacketDropper(self.namespace).black_hole(8099)
        self.origin_ports.add(8099)
        client = self.client()
        client.send(f"CONNECT {ORIGIN_ADDRESS}:8099 HTTP/1.1\r\nHost: x\r\n\r\n")
        client.expect_silence(0.2)
        client.reset()
        self.assert_back_to_baseline(3)


if __name__ == "__main__":
    unittest.main()
