"""Limits on one message that take time to reach, on real sockets, and their metrics."""

import re

from eventually import observe
from harness import WeirTestCase, request


class LimitTests(WeirTestCase):
    def reached(self, limit):
        text = self.weir.admin("/metrics").content.decode()
        return int(re.search(rf'^weir_limits_reached_total{{limit="{limit}"}} (\d+)$', text, re.M).group(1))

    def upload(self, origin):
        """A POST of which only the head has come, and the origin's end of it."""
        client = self.client()
        client.send(f"POST {origin.url()} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        upstream = origin.accept()
        upstream.read_head()
        return client, upstream

    def test_content_that_stands_still_is_408(self):
        self.start({"client.write_timeout": "300ms"})
        client, upstream = self.upload(self.origin())
        self.assert_refusal(client.read_response(), 408)
        upstream.wait_for_end()
        self.assertEqual(self.reached("write_timeout"), 1)

    def test_content_that_trickles_is_408(self):
        self.start({"client.write_timeout": "500ms", "client.min_progress": "1KiB"})
        client, upstream = self.upload(self.origin())
        for _ in range(100):
            client.send("x")
            if client.readable(0.02):
                break
        self.assert_refusal(client.read_response(), 408)
        upstream.wait_for_end()
        self.assertEqual(self.reached("min_progress"), 1)

    def test_content_that_comes_slowly_but_comes_is_served(self):
        self.start({"client.write_timeout": "500ms", "client.min_progress": "1KiB"})
        client, upstream = self.upload(self.origin())
        for _ in range(10):
            client.send(b"x" * 1024)
            observe(0.1)
        client.send(b"x" * (100000 - 10240))
        upstream.receive_exactly(100000)
        upstream.send("HTTP/1.1 204 No Content\r\n\r\n")
        self.assertEqual(client.read_response().status, 204)

    def test_a_head_that_trickles_is_408(self):
        self.start({"client.header_timeout": "400ms"})
        client = self.client()
        for byte in request("http://10.77.0.1:8080/")[:-4].decode():
            client.send(byte)
            if client.readable(0.02):
                break
        self.assert_refusal(client.read_response(), 408)
        self.assertEqual(self.reached("header_timeout"), 1)

    def test_a_lower_limit_of_extensions(self):
        self.start({"limits.chunk_extensions": "16B"})
        origin = self.origin()
        client = self.client()
        client.send(f"POST {origin.url()} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "1;0123456789abcde\r\nx\r\n")
        upstream = origin.accept()
        upstream.read_head()
        client.send("1;y\r\nx\r\n")
        self.assert_refusal(client.read_response(), 400)
        upstream.wait_for_end()
        self.assertEqual(self.reached("request_chunk_extensions"), 1)
