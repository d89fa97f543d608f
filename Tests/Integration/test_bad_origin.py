"""Origins that lie: a cut message never looks complete, and the connection is never used again."""

import unittest

from harness import MessageError, Truncated, WeirTestCase, request
from message import read_content

#: Answers that break off: the client must notice.
CUT = [
    ("fewer bytes than its length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"),
    ("no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    ("amid a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"),
    ("amid the trailers",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-A: 1\r\n"),
    ("only the head", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"),
]

#: Chunked content that goes wrong in the middle.
BROKEN = [
    ("a size that is none", "5\r\nhello\r\nzz\r\nworld\r\n0\r\n\r\n"),
    ("no CRLF behind a chunk", "5\r\nhelloXX3\r\nabc\r\n0\r\n\r\n"),
    ("a size beyond all numbers", "5\r\nhello\r\n" + "f" * 20 + "\r\nx"),
]

#: Heads from which nobody can tell where the message ends, or that are no heads at all.
UNREADABLE = [
    ("both framings", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    ("a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello"),
    ("no status line", "hello\r\n\r\n"), ("a status that is none", "HTTP/1.1 2x0 OK\r\n\r\n"),
    ("another version", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    ("a folded field", "HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n"),
    ("NUL in a field", "HTTP/1.1 200 OK\r\nX-A: \x00\r\nContent-Length: 0\r\n\r\n"),
    ("an endless head", "HTTP/1.1 200 OK\r\n" + "X-A: 1\r\n" * 30_000),
]

#: Complete answers with more behind them: the answer counts, the connection does not.
EXTRA = [
    ("behind a length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokEXTRA", b"ok"),
    ("behind the last chunk", "GET",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nEXTRA", b"ok"),
    ("content with 204", "GET", "HTTP/1.1 204 No Content\r\n\r\nEXTRA", b""),
    ("content with 304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nEXTRA", b""),
    ("content with HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nEXTRA", b""),
    ("a second answer", "GET",
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"ok"),
]


class LyingOriginTests(WeirTestCase):
    def fetch(self, origin, method="GET"):
        client = self.client()
        client.send(request(origin.url(), method))
        upstream, _ = origin.accept_request()
        return client, upstream

    def assert_not_reused(self, origin, upstream):
        """weir ends that connection, and the next request comes over another one."""
        upstream.wait_for_end()
        client, _, got = self.get(origin, content=b"fresh")
        self.assertEqual(got.content, b"fresh")
        client.close()
        origin.accepted[-1].reset()

    def test_cut_answers_by_fin_and_by_rst(self):
        self.start()
        origin = self.origin()
        for name, text in CUT:
            for end in ("close", "reset"):
                with self.subTest(f"{name}, {end}"):
                    client, upstream = self.fetch(origin)
                    upstream.send(text)
                    # The head is out before the end comes, or a reset could overtake it.
                    head = client.read_head()
                    getattr(upstream, end)()
                    with self.assertRaises((Truncated, ConnectionResetError)):
                        read_content(client, head, None, until_close=False)
                    client.close()

    def test_broken_chunks(self):
        self.start()
        origin = self.origin()
        for name, text in BROKEN:
            with self.subTest(name):
                client, upstream = self.fetch(origin)
                upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", text)
                try:
                    self.assert_refusal(client.read_response(), 502)
                except (Truncated, ConnectionResetError):
                    pass
                except MessageError as error:
                    self.fail(f"the broken chunk was passed on: {error}")
                client.wait_for_end()
                client.close()
                self.assert_not_reused(origin, upstream)

    def test_unreadable_heads_are_502(self):
        self.start()
        origin = self.origin()
        for name, text in UNREADABLE:
            with self.subTest(name):
                client, upstream = self.fetch(origin)
                try:
                    upstream.send(text)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                self.assert_refusal(client.read_response(), 502)
                client.close()
                self.assert_not_reused(origin, upstream)

    def test_space_before_the_colon_is_removed(self):
        """RFC 9112 §5.1: a proxy removes it from a response; and it hides no field from weir."""
        self.start()
        origin = self.origin()
        client, upstream = self.fetch(origin)
        upstream.send("HTTP/1.1 200 OK\r\nX-A : 1\r\nTransfer-Encoding\t: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
        got = client.read_response()
        self.assertEqual((got.framing, got.content, got.field("X-A")), ("chunked", b"hi", "1"))

    def test_extra_bytes(self):
        self.start()
        origin = self.origin()
        for name, method, text, content in EXTRA:
            with self.subTest(name):
                client, upstream = self.fetch(origin, method)
                upstream.send(text)
                got = client.read_response(method)
                self.assertEqual(got.content, content)
                # Not a byte of the extra ones ever reaches a client.
                if "close" in got.tokens("Connection"):
                    client.expect_end()
                else:
                    client.expect_silence(0.05)
                client.close()
                self.assert_not_reused(origin, upstream)

    def test_bytes_on_an_idle_connection_end_it(self):
        self.start()
        origin = self.origin()
        client, upstream, _ = self.get(origin)
        upstream.send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        upstream.expect_end()
        client.expect_silence(0.05)
        self.assertEqual(self.get(origin, client=client, content=b"new")[2].content, b"new")

    def test_no_answer_at_all_is_502(self):
        self.start()
        origin = self.origin()
        for end in ("close", "reset"):
            with self.subTest(end):
                client, upstream = self.fetch(origin)
                getattr(upstream, end)()
                self.assert_refusal(client.read_response(), 502)
                client.close()
                # That connection was fresh: a retry is not due, whatever the method.
                origin.expect_no_connection(0.05)

    def test_an_answer_before_any_request(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(request(origin.url()))
        upstream = origin.accept()
        upstream.read_request()
        upstream.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok").close()
        self.assertEqual(client.read_response().content, b"ok")

    def test_an_origin_that_answers_too_late(self):
        self.start({"upstream.response_timeout": "500ms"})
        client, upstream = self.fetch(self.origin())
        answer = client.read_response(timeout=3)
        self.assert_refusal(answer, 504)
        self.assertIn("http_response_timeout", answer.field("Proxy-Status"))
        upstream.expect_end()

    def test_a_client_that_leaves_amid_an_answer(self):
        self.start()
        origin = self.origin()
        client, upstream = self.fetch(origin)
        upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x" * 1000)
        client.read_head()
        client.reset()
        # Half an answer is still to come on it: it cannot be pooled.
        upstream.wait_for_end()
        self.assertEqual(self.get(origin, content=b"whole")[2].content, b"whole")


if __name__ == "__main__":
    unittest.main()
