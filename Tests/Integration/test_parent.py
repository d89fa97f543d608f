"""A parent proxy: scripted ones, a second weir, and proxies that others wrote."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

from harness import ORIGIN_ADDRESS, Weir, eventually, request, response
from interception import InterceptTestCase

PARENT_PORT = 8888
BASIC = "Basic d2VpcjpwQHNz"


class ParentTestCase(InterceptTestCase):
    def start(self, settings=None, **options):
        settings = {"upstream.proxy": f"http://weir:p%40ss@127.0.0.1:{PARENT_PORT}", "upstream.no_proxy": "none",
                    "log.access": "on", **(settings or {})}
        return super(InterceptTestCase, self).start(settings, **options)

    def parent(self):
        """A parent that says only what the test tells it to."""
        return self.origin(PARENT_PORT, address="127.0.0.1")

    def accept_connect(self, parent, authority):
        """A connection of weir's with a CONNECT for `authority`."""
        upstream = parent.accept()
        head = upstream.receive_until(b"\r\n\r\n").decode("ascii").split("\r\n")
        self.assertEqual(head[:3], [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}",
                                    f"Proxy-Authorization: {BASIC}"])
        return upstream

    def connect(self, authority="tunnel.test:443"):
        client = self.client()
        return client.send(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n")


class ScriptedParentTests(ParentTestCase):
    def test_plain_requests_of_all_origins_share_connections(self):
        self.start()
        parent, client = self.parent(), self.client()
        client.send(request("http://a.test/1", fields=["Proxy-Authorization: Basic eDp5"]))
        upstream, seen = parent.accept_request()
        self.assertEqual((seen.target, seen.field("Host"), seen.all("Proxy-Authorization")),
                         ("http://a.test/1", "a.test", [BASIC]))
        upstream.send(response(b"one"))
        self.assertEqual(client.read_response().content, b"one")
        client.send(request("http://b.test:81/2"))
        seen = upstream.read_request()
        self.assertEqual((seen.target, seen.field("Host")), ("http://b.test:81/2", "b.test:81"))
        upstream.send(response(b"two"))
        self.assertEqual(client.read_response().content, b"two")
        status = self.weir.admin("/status").content
        pool = json.loads(status)["pool"]["by_origin"]
        self.assertEqual([(row["origin"], row["kind"], row["idle"]) for row in pool],
                         [(f"127.0.0.1:{PARENT_PORT}", "parent", 1)])
        for text in (status.decode(), self.weir.admin("/metrics").content.decode(), self.weir.stderr(50_000)):
            self.assertNotIn("p@ss", text)
            self.assertNotIn(BASIC, text)

    def test_a_tunnel_whose_server_speaks_first(self):
        self.start()
        parent, client = self.parent(), self.connect()
        upstream = self.accept_connect(parent, "tunnel.test:443")
        client.expect_silence(0.1)
        # The tunnel's first bytes come with the parent's answer.
        upstream.send("HTTP/1.1 200 fine\r\nX: y\r\n\r\nhello")
        self.assertEqual(client.read_response("CONNECT").status, 200)
        self.assertEqual(client.receive_exactly(5), b"hello")
        client.send(b"x" * 300_000)
        self.assertEqual(upstream.receive_exactly(300_000), b"x" * 300_000)
        upstream.close()
        client.wait_for_end()

    def test_refusals(self):
        self.start({"upstream.connect_timeout": "700ms"})
        parent = self.parent()
        for said, status, error in (("403 No", 403, "http_request_denied"),
                                    ("407 Who", 502, "proxy_configuration_error"),
                                    ("503 Busy", 503, "destination_unavailable")):
            with self.subTest(said):
                client = self.connect()
                upstream = self.accept_connect(parent, "tunnel.test:443")
                upstream.send(f"HTTP/1.1 {said}\r\nContent-Length: 3\r\n\r\nno\n")
                answer = client.read_response("CONNECT")
                self.assert_refusal(answer, status)
                self.assertEqual(answer.field("Proxy-Status"),
                                 f'weir; error={error}; next-hop="127.0.0.1:{PARENT_PORT}"; '
                                 f"received-status={said[:3]}")
                self.assertEqual(upstream.wait_for_end(), "rst")
        client = self.connect()
        self.accept_connect(parent, "tunnel.test:443")
        answer = client.read_response("CONNECT")
        self.assert_refusal(answer, 504)
        self.assertIn(b"tunnel.test:443 through 127.0.0.1:8888", answer.content)

    def test_nobody_listens(self):
        self.start()
        for client in (self.connect(), self.client().send(request("http://a.test/"))):
            answer = client.read_response()
            self.assert_refusal(answer, 502)
            self.assertIn(f'error=connection_refused; next-hop="127.0.0.1:{PARENT_PORT}"',
                          answer.field("Proxy-Status"))

    def test_what_is_exempt_goes_directly(self):
        self.start({"upstream.no_proxy": ORIGIN_ADDRESS})
        self.get(self.origin())
        self.client().send(request("http://10.77.0.2/"))

    def test_access_goes_before_the_parent(self):
        self.start({"access.deny": "bad.test", "access.deny_private": "on"})
        parent, client = self.parent(), self.client()
        for url in ("http://bad.test/", "http://10.0.0.1/", "http://2130706433/"):
            with self.subTest(url):
                self.assert_refusal(client.exchange(request(url)), 403)
        # The parent's own address is private, and not judged.
        client.send(request("http://good.test/"))
        upstream, _ = parent.accept_request()
        upstream.send(response())
        self.assertEqual(client.read_response().status, 200)

    def test_another_parent_by_reload(self):
        config = "upstream:\n  proxy: http://x:{word}@127.0.0.1:{port}\n"
        settings = {"upstream.no_proxy": "none"}
        super(InterceptTestCase, self).start(settings, config=config.format(word="s3cret", port=PARENT_PORT))
        parent, client = self.parent(), self.client()
        client.send(request("http://a.test/"))
        upstream, _ = parent.accept_request()
        upstream.send(response())
        client.read_response()
        other = self.origin(8889, address="127.0.0.1")
        self.weir.write_config(config.format(word="s3cret", port=8889))
        self.weir.signal(signal.SIGHUP)
        self.assertEqual(upstream.wait_for_end(), "rst")
        client.send(request("http://a.test/"))
        second, _ = other.accept_request()
        second.send(response())
        self.assertEqual(client.read_response().status, 200)
        self.assertIn("upstream.proxy", self.weir.stderr(50_000))
        self.assertNotIn("s3cret", self.weir.stderr(50_000))

    def test_redirected_connections(self):
        self.start({"redirect.listen": "on"})
        self.redirect(8080)
        parent = self.parent()
        app = self.app("10.77.0.1", 8080).send(b"GET /a HTTP/1.1\r\nHost: name.test\r\n\r\n")
        upstream = self.accept_connect(parent, "10.77.0.1:8080")
        upstream.send("HTTP/1.1 200 OK\r\n\r\n")
        seen = upstream.read_request()
        self.assertEqual((seen.target, seen.field("Host")), ("/a", "name.test"))
        upstream.send(response(b"through"))
        self.assertEqual(app.read_response().content, b"through")
        raw = self.app("10.77.0.1", 8080).send(b"*1\r\n$4\r\nPING\r\n")
        second = self.accept_connect(parent, "10.77.0.1:8080")
        second.send("HTTP/1.1 200 OK\r\n\r\n")
        self.assertEqual(second.receive_exactly(14), b"*1\r\n$4\r\nPING\r\n")
        second.send(b"+PONG\r\n")
        self.assertEqual(raw.receive_exactly(7), b"+PONG\r\n")


class RealParentTests(ParentTestCase):
    def owned_time_wait(self, table=None):
        # What the parent leaves towards origins is not weir's.
        return [row for row in super().owned_time_wait(table) if row.peer_port == PARENT_PORT]

    def second_weir(self, settings=None):
        second = Weir(self.namespace, settings, address="127.0.0.2", admin_address="127.0.0.2")
        self.addCleanup(second.destroy)
        return second.start()

    def exercise(self):
        """Requests and a tunnel to an origin; with every origin connection closed by the origin afterwards."""
        origin = self.origin()
        client = self.client()
        for number in range(3):
            client.send(request(origin.url(f"/{number}")))
            upstream, seen = origin.next_request()
            self.assertEqual((seen.target, seen.field("Host")), (f"/{number}", origin.authority))
            upstream.send(response(b"%d" % number))
            self.assertEqual(client.read_response().content, b"%d" % number)
        tunnel_client, tunnel_upstream = self.tunnel(self.origin(8443))
        tunnel_client.send(b"ping")
        self.assertEqual(tunnel_upstream.receive_exactly(4), b"ping")
        tunnel_upstream.send(b"pong")
        self.assertEqual(tunnel_client.receive_exactly(4), b"pong")

    def test_a_second_weir(self):
        second = self.second_weir()
        self.start({"upstream.proxy": "http://127.0.0.2:3128"})
        self.exercise()
        rows = json.loads(self.weir.admin("/status").content)["pool"]["by_origin"]
        self.assertEqual({row["kind"] for row in rows}, {"parent", "tunnel"})
        # What the second one refuses comes from it, and is passed on.
        answer = self.client().exchange(request("http://10.77.0.1:9/"))
        self.assertEqual(answer.status, 502)
        client = self.connect("10.77.0.1:9")
        refused = client.read_response("CONNECT")
        self.assert_refusal(refused, 502)
        self.assertIn("received-status=502", refused.field("Proxy-Status"))
        self.close_peers()
        second.stop()

    def test_two_weirs_that_are_each_other_s_parents(self):
        second = self.second_weir({"upstream.proxy": "http://127.0.0.1:3128", "upstream.no_proxy": "none"})
        self.start({"upstream.proxy": "http://127.0.0.2:3128"})
        answer = self.client().exchange(request("http://a.test/"))
        self.assertEqual(answer.status, 508)
        answer = self.connect().read_response("CONNECT")
        self.assertEqual(answer.status, 508)
        second.stop()

    def run_proxy(self, *command):
        process = subprocess.Popen(self.namespace.command(*command), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        eventually(self.listens, 10, f"{command[0]} listens")

    def listens(self):
        return self.namespace.run("ss", "-Htln", f"( sport = :{PARENT_PORT} )").strip()

    @unittest.skipUnless(shutil.which("tinyproxy"), "tinyproxy is not installed")
    def test_tinyproxy_with_credentials(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = os.path.join(directory.name, "tinyproxy.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"Port {PARENT_PORT}\nListen 127.0.0.1\nTimeout 60\nBasicAuth weir pass\n")
        self.run_proxy("tinyproxy", "-d", "-c", path)
        self.start({"upstream.proxy": f"http://weir:pass@127.0.0.1:{PARENT_PORT}"})
        self.exercise()
