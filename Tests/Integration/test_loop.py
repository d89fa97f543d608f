"""Via: a request that comes back is refused, and one that passed another weir is not."""

import re

from harness import Weir, WeirTestCase, request


class LoopTests(WeirTestCase):
    def own_pseudonym(self, origin):
        """The name under which weir stands in Via."""
        client, upstream, answer = self.get(origin)
        client.close()
        upstream.close()
        name = re.fullmatch(r"1\.1 (weir-[0-9a-f]{8})", answer.field("Via"))
        self.assertTrue(name, answer)
        return name.group(1)

    def test_a_request_that_has_been_here_is_508(self):
        self.start()
        name = self.own_pseudonym(self.origin())
        client = self.client()
        answer = client.exchange(request("http://10.77.0.1:8080/", fields=[f"Via: 1.1 other, 1.1 {name}"]))
        self.assert_refusal(answer, 508)
        self.assertIn("error=proxy_loop_detected", answer.field("Proxy-Status"))
        client.wait_for_end()

    def test_two_weirs_in_a_row(self):
        """What the first one sends on is given to the second one as a client would, Via and all."""
        self.start()
        second = Weir(self.namespace, address="127.0.0.2", admin_address="127.0.0.2")
        self.addCleanup(second.destroy)
        second.start()
        between, origin = self.origin(8081), self.origin()
        client = self.client()
        client.send(request(between.url("/a"), fields=["X-Kept: 1"]))
        upstream, seen = between.accept_request()
        follower = second.connect()
        follower.send(request(origin.url("/a"), fields=[f"Via: {seen.field('Via')}", "X-Kept: 1"]))
        last, got = origin.accept_request()
        names = re.findall(r"1\.1 (weir-[0-9a-f]{8})", got.field("Via"))
        self.assertEqual((len(names), len(set(names)), got.field("X-Kept")), (2, 2, "1"))
        last.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                      f"Via: {follower.read_response().field('Via')}\r\n\r\nok")
        answer = client.read_response()
        self.assertEqual(answer.content, b"ok")
        self.assertEqual(re.findall(r"1\.1 (weir-[0-9a-f]{8})", answer.field("Via")), names[::-1])
        for peer in (follower, last):
            peer.close()
        second.stop()

    def test_a_name_of_one_s_own(self):
        self.start({"pseudonym": "front-door"})
        origin = self.origin()
        client = self.client()
        client.send(request(origin.url()))
        upstream, seen = origin.accept_request()
        self.assertEqual(seen.field("Via"), "1.1 front-door")
        upstream.send("HTTP/1.1 204 No Content\r\n\r\n")
        self.assertEqual(client.read_response().field("Via"), "1.1 front-door")
