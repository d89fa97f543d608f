"""Interim responses, Expect: 100-continue, and Upgrade."""

import unittest

from harness import WeirTestCase, request, response


class InterimTests(WeirTestCase):
    def test_interim_responses_are_passed_on(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(request(origin.url()))
        upstream, _ = origin.accept_request()
        upstream.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", "HTTP/1.1 102 Processing\r\n\r\n",
                      response(b"final"))
        got = client.read_response()
        self.assertEqual([interim.status for interim in got.interim], [103, 102])
        self.assertEqual(got.interim[0].all("Link"), ["</a.css>"])
        self.assertEqual(got.content, b"final")

    def test_an_interim_response_is_not_held_back(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(request(origin.url()))
        upstream, _ = origin.accept_request()
        upstream.send("HTTP/1.1 103 Early Hints\r\n\r\n")
        self.assertIn("103", client.read_head().start_line)
        upstream.send(response())
        self.assertEqual(client.read_response().status, 200)


class ExpectTests(WeirTestCase):
    def expecting(self, origin, content=b"content"):
        client = self.client()
        client.send(f"POST {origin.url()} HTTP/1.1\r\nHost: {origin.authority}\r\nExpect: 100-continue\r\n"
                    f"Content-Length: {len(content)}\r\n\r\n")
        upstream = origin.accept()
        head = upstream.read_head()
        self.assertEqual(head.tokens("Expect"), ["100-continue"])
        return client, upstream

    def test_an_origin_that_answers_100(self):
        self.start()
        client, upstream = self.expecting(self.origin())
        upstream.send("HTTP/1.1 100 Continue\r\n\r\n")
        self.assertIn(" 100", client.read_head().start_line)
        client.send(b"content")
        self.assertEqual(upstream.receive_exactly(7), b"content")
        upstream.send(response(b"thanks"))
        got = client.read_response()
        self.assertEqual((got.interim, got.content), ([], b"thanks"))

    def test_a_silent_origin_does_not_hold_the_client_up(self):
        self.start({"upstream.expect_continue_timeout": "300ms"})
        client, upstream = self.expecting(self.origin())
        self.assertIn(" 100", client.read_head(3).start_line)
        client.send(b"content")
        self.assertEqual(upstream.receive_exactly(7), b"content")
        # The origin's own 100 comes late, when weir has already answered for it.
        upstream.send("HTTP/1.1 100 Continue\r\n\r\n", response(b"late"))
        got = client.read_response()
        self.assertLessEqual({interim.status for interim in got.interim}, {100})
        self.assertEqual(got.content, b"late")

    def test_a_client_that_does_not_wait_for_100(self):
        self.start()
        client, upstream = self.expecting(self.origin())
        client.send(b"content")
        upstream.send("HTTP/1.1 100 Continue\r\n\r\n")
        self.assertEqual(upstream.receive_exactly(7), b"content")
        upstream.send(response(b"fine"))
        self.assertEqual(client.read_response().content, b"fine")

    def test_an_early_final_answer_ends_that_upstream_connection(self):
        self.start()
        origin = self.origin()
        client, upstream = self.expecting(origin)
        upstream.send(response(b"no", "417 Expectation Failed"))
        got = client.read_response()
        self.assertEqual((got.status, got.content), (417, b"no"))
        # The origin may still take what comes next for content: nothing may follow on that connection.
        upstream.expect_end()
        second, _, again = self.get(origin)
        self.assertEqual(again.status, 200)
        second.close()

    def test_an_early_answer_amid_an_upload_reaches_the_client(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(request(origin.url(), "POST", ("Content-Length: 100000000",)))
        upstream = origin.accept()
        upstream.read_head()
        client.send(b"x" * 10_000)
        upstream.send(response(b"too much", "413 Content Too Large", ("Connection: close",)))
        got = client.read_response()
        self.assertEqual((got.status, got.content), (413, b"too much"))
        self.assertIn("close", got.tokens("Connection"))


class UpgradeTests(WeirTestCase):
    # The client ends these tunnels first, so weir is the one that closes first towards the origin.
    allowed_time_wait = 1

    def upgraded(self, extra=b""):
        origin, client = self.origin(), self.client()
        client.send(request(origin.url("/socket"), fields=(
            "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")))
        upstream, seen = origin.accept_request()
        self.assertEqual(seen.tokens("Upgrade"), ["websocket"])
        self.assertIn("upgrade", seen.tokens("Connection"))
        upstream.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                      b"\r\n" + extra)
        got = client.read_response()
        self.assertEqual((got.status, got.tokens("Upgrade")), (101, ["websocket"]))
        self.assertIn("upgrade", got.tokens("Connection"))
        return client, upstream

    def test_101_turns_the_connection_into_a_tunnel(self):
        self.start()
        client, upstream = self.upgraded(b"first frame")
        self.assertEqual(client.receive_exactly(11), b"first frame")
        for number in range(5):
            client.send(b"ping %d" % number)
            self.assertEqual(upstream.receive_exactly(6), b"ping %d" % number)
            upstream.send(b"pong %d" % number)
            self.assertEqual(client.receive_exactly(6), b"pong %d" % number)
        client.close()
        self.assertIn(upstream.wait_for_end(), ("fin", "rst"))

    def test_bytes_that_the_client_sent_with_its_upgrade_follow_the_101(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(request(origin.url(), fields=("Connection: Upgrade", "Upgrade: echo")) + b"eager")
        upstream, _ = origin.accept_request()
        upstream.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        self.assertEqual(client.read_response().status, 101)
        self.assertEqual(upstream.receive_exactly(5), b"eager")
        client.close()

    def test_an_upgrade_that_is_not_taken_is_an_ordinary_exchange(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(request(origin.url(), fields=("Connection: Upgrade", "Upgrade: h2c")))
        upstream, _ = origin.accept_request()
        upstream.send(response(b"plain"))
        self.assertEqual(client.read_response().content, b"plain")
        client.send(request(origin.url("/again")))
        second, seen = origin.next_request()
        self.assertEqual(seen.target, "/again")
        second.send(response())
        self.assertEqual(client.read_response().status, 200)

    def test_a_101_that_nobody_asked_for_is_a_bad_gateway(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(request(origin.url()))
        upstream, _ = origin.accept_request()
        upstream.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
        self.assert_refusal(client.read_response(), 502)
        upstream.expect_end()


if __name__ == "__main__":
    unittest.main()
