"""Redirected connections of apps that know of no proxy: what they get is what they would get without weir."""

import json
import os
import socket
import ssl
import unittest

import leaklab
import sockettable
import test_leak
from harness import ORIGIN_ADDRESS, PROXY_PORT, Stopwatch, eventually, observe
from interception import INTERCEPT_PORT, MARK, InterceptTestCase, redirect_rules
from peer import Peer

ORIGIN_V6 = "2001:db8:77::1"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#: A line of a protocol that is neither HTTP nor TLS, and whose client speaks first.
REDIS = b"*1\r\n$4\r\nPING\r\n"


def client_hello(name):
    """What OpenSSL says first."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


class InterceptHTTPTests(InterceptTestCase):
    def test_requests_of_one_host_share_connections_and_lead_where_the_app_dialled(self):
        self.start()
        self.redirect(8080, 8081)
        origin, other = self.origin(), self.origin(8081)
        _, upstream, request, answer = self.call(origin, host="liar.example", path="/a?b")
        self.assertEqual((request.target, request.field("Host"), answer.content),
                         ("/a?b", "liar.example", b"ok\n"))
        for number in range(20):
            self.call(origin, host="liar.example", path=f"/{number}", upstream=upstream)
        origin.expect_no_connection()
        # Another Host at the same address, and the same Host at another: connections of their own.
        self.call(origin, host="honest.example")
        self.call(other, host="liar.example")
        self.assertEqual(self.intercepted(), {"http": 23, "tls": 0, "http2": 0, "raw": 0, "refused": 0})
        self.assertIn(f'request="GET http://liar.example/a?b" original={ORIGIN_ADDRESS}:8080 status=200',
                      self.weir.stderr(20_000))

    def test_a_head_in_pieces(self):
        self.start()
        self.redirect(8080)
        origin = self.origin()
        app = self.app(ORIGIN_ADDRESS, 8080)
        for piece in (b"G", b"ET /slow", b"ly HTTP/1.", b"1\r\nHo", b"st: a\r\n\r", b"\n"):
            app.send(piece)
            # Longer than first bytes are waited for, from the second piece on.
            observe(0.04)
        upstream, request = origin.accept_request()
        self.assertEqual(request.target, "/slowly")
        upstream.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.assertEqual(app.read_response().status, 204)

    def test_a_request_without_a_host(self):
        self.start()
        self.redirect(8080)
        origin = self.origin()
        app = self.app(ORIGIN_ADDRESS, 8080).send(b"GET / HTTP/1.0\r\n\r\n")
        upstream, request = origin.accept_request()
        self.assertEqual(request.field("Host"), f"{ORIGIN_ADDRESS}:8080")
        upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
        self.assertEqual(app.receive_to_end().split(b"\r\n\r\n", 1)[1], b"ok")

    def test_a_websocket(self):
        self.start()
        self.redirect(8080)
        origin = self.origin()
        app = self.app(ORIGIN_ADDRESS, 8080)
        app.send(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                 b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
        upstream, request = origin.accept_request()
        self.assertEqual(request.tokens("Upgrade"), ["websocket"])
        upstream.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        self.assertEqual(app.read_head().status, 101)
        app.send(b"\x81\x02hi")
        self.assertEqual(upstream.receive_exactly(4), b"\x81\x02hi")
        upstream.send(b"\x81\x03you")
        self.assertEqual(app.receive_exactly(5), b"\x81\x03you")
        upstream.half_close()
        app.receive_to_end()

    def test_nobody_listens_there(self):
        self.start()
        self.redirect(8090)
        app = self.app(ORIGIN_ADDRESS, 8090).send(b"GET / HTTP/1.1\r\nHost: liar.example\r\n\r\n")
        answer = app.read_response()
        self.assert_refusal(answer, 502)
        self.assertIn(f'next-hop="{ORIGIN_ADDRESS}:8090"', answer.field("Proxy-Status"))

    def test_two_connections_from_one_port(self):
        """The kernel tells them apart by where they lead; behind the rule they lead to the same place."""
        self.start()
        self.redirect(8080, 8081)
        origins = [self.origin(), self.origin(8081)]
        apps = [self.app(ORIGIN_ADDRESS, origin.port, source_port=45678) for origin in origins]
        for origin, app in zip(origins, apps):
            app.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            upstream, _ = origin.accept_request()
            upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n%d" % origin.port)
            self.assertEqual(app.read_response().content, b"%d" % origin.port)

    def test_ipv6(self):
        self.namespace.run("ip", "address", "add", f"{ORIGIN_V6}/128", "dev", "lo")
        self.start()
        self.redirect(8080, 8443)
        _, _, request, answer = self.call(self.origin(address=ORIGIN_V6), host="a.example")
        self.assertEqual((request.field("Host"), answer.content), ("a.example", b"ok\n"))
        tls = self.origin(8443, address=ORIGIN_V6)
        hello = client_hello("b.example")
        self.app(ORIGIN_V6, 8443).send(hello)
        self.assertEqual(tls.accept().receive_exactly(len(hello)), hello)
        owners = json.loads(self.weir.admin("/leaks").content)["owners"]
        self.assertEqual([(owner["kind"], owner["uid"], owner["opened"]) for owner in owners], [("local", 0, 2)])


class InterceptRelayTests(InterceptTestCase):
    # A relayed half-close of the app makes weir close first towards the origin.
    allowed_time_wait = 1

    def relayed(self, first, port=8080):
        """(app, upstream) once `first` has arrived whole."""
        origin = self.origin(port)
        app = self.app(ORIGIN_ADDRESS, port)
        app.send(first)
        upstream = origin.accept()
        self.assertEqual(upstream.receive_exactly(len(first)), first)
        return app, upstream

    def test_tls_goes_where_the_app_dialled_and_is_named_by_its_sni(self):
        self.start()
        self.redirect(8443)
        hello = client_hello("Somewhere.Example")
        app, upstream = self.relayed(hello, 8443)
        upstream.send(b"server hello")
        self.assertEqual(app.receive_exactly(12), b"server hello")
        app.reset()
        self.assertEqual(upstream.wait_for_end(), "rst")
        eventually(lambda: f'request="TLS somewhere.example:8443" original={ORIGIN_ADDRESS}:8443 status=0'
                   in self.weir.stderr(), 5, self.weir.stderr)
        self.assertEqual(self.intercepted()["tls"], 1)

    def test_a_hello_byte_by_byte(self):
        self.start()
        self.redirect(8443)
        hello = client_hello("a.example")
        origin = self.origin(8443)
        app = self.app(ORIGIN_ADDRESS, 8443)
        for index in range(len(hello)):
            app.send(hello[index:index + 1])
        self.assertEqual(origin.accept().receive_exactly(len(hello)), hello)

    def test_http2_with_prior_knowledge(self):
        self.start()
        self.redirect(8080)
        app, upstream = self.relayed(PREFACE + b"\0\0\0\4\0\0\0\0\0")
        upstream.send(b"\0\0\0\4\0\0\0\0\0")
        self.assertEqual(app.receive_exactly(9), b"\0\0\0\4\0\0\0\0\0")
        self.assertEqual(self.intercepted()["http2"], 1)

    def test_connect_to_another_proxy(self):
        self.start()
        self.redirect(8080)
        text = b"CONNECT far.example:443 HTTP/1.1\r\nHost: far.example:443\r\nProxy-Authorization: Basic eA==\r\n\r\n"
        app, upstream = self.relayed(text)
        upstream.send(b"HTTP/1.1 200 OK\r\n\r\n")
        self.assertEqual(app.receive_exactly(19), b"HTTP/1.1 200 OK\r\n\r\n")

    def test_a_server_that_speaks_first(self):
        self.start()
        self.redirect(3306)
        origin = self.origin(3306)
        watch = Stopwatch()
        app = self.app(ORIGIN_ADDRESS, 3306)
        upstream = origin.accept()
        self.assertGreater(watch.seconds, 0.045)
        upstream.send(b"\x4a\0\0\0\x0a8.0.36\0")
        self.assertEqual(app.receive_exactly(12), b"\x4a\0\0\0\x0a8.0.36\0")
        self.assertLess(watch.seconds, 2)
        app.send(b"\x20\0\0\1login")
        self.assertEqual(upstream.receive_exactly(9), b"\x20\0\0\1login")
        self.assertEqual(self.intercepted()["raw"], 1)

    def test_every_byte_and_both_ends(self):
        self.start()
        self.redirect(6379)
        app, upstream = self.relayed(REDIS, 6379)
        noise = os.urandom(1_000_000)
        for sender, receiver in ((app, upstream), (upstream, app)):
            # More than the kernel's buffers hold: neither side may wait for the other.
            sent = received = 0
            got = []
            while received < len(noise):
                sent += sender.send_some(noise[sent:sent + 100_000]) if sent < len(noise) else 0
                if receiver.readable(0.01):
                    got.append(receiver.receive_some())
                    received += len(got[-1])
            self.assertEqual(b"".join(got), noise)
        app.half_close()
        self.assertEqual(upstream.receive_to_end(), b"")
        upstream.send(b"the rest")
        self.assertEqual(app.receive_exactly(8), b"the rest")
        upstream.half_close()
        self.assertEqual(app.expect_end(), "fin")

    def test_bytes_with_the_fin_right_behind(self):
        self.start()
        self.redirect(6379)
        for first in (REDIS, b"no line end", PREFACE[:9]):
            with self.subTest(first):
                origin = self.origin(6379)
                app = self.app(ORIGIN_ADDRESS, 6379)
                app.send(first).half_close()
                upstream = origin.accept()
                self.assertEqual(upstream.receive_to_end(), first)
                upstream.send(b"answer").half_close()
                self.assertEqual(app.receive_to_end(), b"answer")
                origin.close()
                upstream.close()
        self.allowed_time_wait = 3

    def test_a_client_that_only_listens(self):
        self.start()
        self.redirect(1313)
        origin = self.origin(1313)
        app = self.app(ORIGIN_ADDRESS, 1313).half_close()
        upstream = origin.accept()
        upstream.send(b"the time").half_close()
        self.assertEqual(app.receive_to_end(), b"the time")

    def test_resets_are_passed_on(self):
        self.start()
        self.redirect(6379)
        for first in ("app", "upstream"):
            with self.subTest(first):
                app, upstream = self.relayed(REDIS, 6379)
                gone, left = (app, upstream) if first == "app" else (upstream, app)
                gone.reset()
                self.assertEqual(left.wait_for_end(), "rst")
                self.peers.pop(0).close()

    def test_nobody_listens_there(self):
        self.start()
        self.redirect(6380)
        for first in (REDIS, client_hello("a.example")):
            app = self.app(ORIGIN_ADDRESS, 6380).send(first)
            self.assertEqual(app.expect_end(), "rst")
        self.assertEqual(self.app(ORIGIN_ADDRESS, 6380).expect_end(), "rst")


class InterceptRefusalTests(InterceptTestCase):
    def is_reset(self, address, port):
        """Whether a connection ends by RST before any byte; the kernel may tell already of the connect."""
        try:
            return self.app(address, port).send(REDIS).expect_end() == "rst"
        except (ConnectionResetError, BrokenPipeError):
            return True

    def assert_refused(self, address, port):
        before = self.intercepted()["refused"]
        self.assertTrue(self.is_reset(address, port))
        eventually(lambda: self.intercepted()["refused"] == before + 1, 2, "it is counted")

    def test_what_was_not_redirected(self):
        self.start()
        self.assert_refused("127.0.0.1", INTERCEPT_PORT)
        self.assert_refused("::1", INTERCEPT_PORT)
        self.assertEqual(self.weir.stderr().count("redirected connection refused"), 1, "told once a minute")
        self.assertIn("it was not redirected", self.weir.stderr())

    def test_what_was_not_redirected_at_a_wildcard(self):
        self.start({"redirect.listen": f"0.0.0.0:{INTERCEPT_PORT}"})
        self.redirect(8080)
        self.assert_refused(ORIGIN_ADDRESS, INTERCEPT_PORT)
        self.call(self.origin())

    def test_what_leads_to_weir(self):
        self.start()
        self.redirect(PROXY_PORT, self.weir.admin_port, exemption="meta mark 1 return")
        self.assertTrue(self.is_reset("127.0.0.1", PROXY_PORT))
        self.assertTrue(self.is_reset("127.0.0.1", self.weir.admin_port))
        self.namespace.run("nft", "delete", "table", "inet", "intercept")
        self.assertEqual(self.intercepted()["refused"], 2)
        self.assertIn("it was meant for weir itself", self.weir.stderr())

    def test_weirs_own_connections_do_not_go_round(self):
        """Rules without an exemption: everything that weir dials comes back to it."""
        self.start()
        self.origin()
        self.redirect(8080, exemption="meta mark 1 return")
        self.assertTrue(self.is_reset(ORIGIN_ADDRESS, 8080))
        eventually(lambda: self.intercepted()["refused"] == 1, 2, self.intercepted)
        app = self.app(ORIGIN_ADDRESS, 8080).send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assert_refusal(app.read_response(), 502)
        eventually(lambda: self.intercepted() == {"http": 1, "tls": 0, "http2": 0, "raw": 1, "refused": 2}, 2,
                   self.intercepted)
        self.assertIn("it is weir's own", self.weir.stderr())

    def test_without_the_privilege_it_says_so_once_and_goes_on(self):
        weir = self.start(arguments=[], prefix=["setpriv", "--bounding-set=-all", "--inh-caps=-all"])
        told = json.loads(weir.admin("/status").content)["redirect"]
        self.assertEqual((told["mark"], told["listen"]), (0, ["127.0.0.1:3129", "[::1]:3129"]))
        self.assertEqual(weir.stderr().count("weir's own connections carry no mark"), 1)

    def test_what_the_status_says(self):
        weir = self.start()
        told = json.loads(weir.admin("/status").content)["redirect"]
        with open(f"/proc/{weir.process.pid}/cgroup", encoding="ascii") as file:
            group = [line.split("::", 1)[1].strip() for line in file if line.startswith("0::")]
        self.assertEqual(told, {"listen": ["127.0.0.1:3129", "[::1]:3129"], "mark": MARK, "uid": 0,
                                "cgroup": group[0] if group else None, "pid": weir.process.pid})


class InterceptPortTests(InterceptTestCase):
    """weir dials from a port from which an app had dialled the same origin. For a while the connection tracking
    remembers what it did with the app's connection."""

    APP_PORT = 45678

    def start(self):
        # While the app has the one, weir gets the other.
        super().start({"upstream.source_ports": f"{self.APP_PORT}-{self.APP_PORT + 1}"})
        self.redirect(8080)

    def relay(self, source_port=0):
        app = self.app(ORIGIN_ADDRESS, 8080, source_port=source_port).send(REDIS)
        upstream = self.listener.accept()
        self.assertEqual(upstream.receive_exactly(len(REDIS)), REDIS)
        return app, upstream

    def block_the_other_port(self):
        """Takes it towards the origin, by a connection that the rule lets pass like weir's own."""
        sock = self.namespace.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
        sock.bind((ORIGIN_ADDRESS, self.APP_PORT + 1))
        sock.connect((ORIGIN_ADDRESS, 8080))
        self.app_ends.add((self.APP_PORT + 1, 8080))
        self.peers.append(Peer(sock))
        self.listener.accept()

    def test_after_a_reset(self):
        self.start()
        self.listener = self.origin()
        app, upstream = self.relay(self.APP_PORT)
        upstream.reset()
        self.assertEqual(app.wait_for_end(), "rst")
        app.close()
        self.block_the_other_port()
        app, upstream = self.relay()
        self.assertEqual(upstream.socket.getpeername()[1], self.APP_PORT)
        upstream.send(b"+PONG\r\n")
        self.assertEqual(app.receive_exactly(7), b"+PONG\r\n")
        upstream.reset()
        app.wait_for_end()
        # What was taken back is closed, and not counted as refused.
        eventually(lambda: len(self.owned_connections()) == 0, 2, self.owned_connections)
        self.assertEqual(self.intercepted()["refused"], 0)

    def test_after_weirs_own_fin(self):
        self.start()
        self.listener = self.origin()
        app = self.app(ORIGIN_ADDRESS, 8080, source_port=self.APP_PORT)
        app.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        upstream, _ = self.listener.accept_request()
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").close()
        self.assertIn(b"\r\n\r\nok", app.receive_to_end())
        app.close()
        table = sockettable.rows(self.namespace)
        self.assertEqual([(row.local_port, row.peer_port) for row in table if row.state == "TIME-WAIT"
                          and row.peer_port == self.APP_PORT], [(INTERCEPT_PORT, self.APP_PORT)])
        self.block_the_other_port()
        app, upstream = self.relay()
        self.assertEqual(upstream.socket.getpeername()[1], self.APP_PORT)
        upstream.reset()
        app.wait_for_end()
        self.assertEqual(self.intercepted()["refused"], 0)


class InterceptOwnerTests(InterceptTestCase):
    def test_owners_and_unread_answers_are_seen_behind_the_rule(self):
        self.start()
        self.redirect(8080)
        origin = self.origin()
        app = self.app(ORIGIN_ADDRESS, 8080)
        app.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        upstream, _ = origin.accept_request()
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nunread")

        def clients():
            return json.loads(self.weir.admin("/status").content)["clients"]

        # Asked for after a second of lying there.
        eventually(lambda: clients()["unread"] == 1, 5, clients)
        owners = json.loads(self.weir.admin("/leaks").content)["owners"]
        self.assertEqual([(owner["kind"], owner["uid"]) for owner in owners], [("local", os.getuid())])
        self.assertEqual(app.read_response().content, b"unread")


class InterceptTProxyTests(InterceptTestCase):
    """Handed over by tproxy, from an app of this namespace to an origin of another: nothing is translated."""

    HERE, THERE = "10.78.0.1", "10.78.0.2"
    allowed_time_wait = 1

    def setUp(self):
        super().setUp()
        self.far = self.make_namespace()
        self.namespace.connect_to(self.far, self.HERE, self.THERE)
        self.namespace.run("ip", "rule", "add", "fwmark", "1", "lookup", "100")
        self.namespace.run("ip", "route", "add", "local", "default", "dev", "lo", "table", "100")
        self.namespace.nft(
            "table inet handed {\n chain out {\n type route hook output priority mangle;\n"
            f" meta mark != {MARK} tcp dport {{ 8080, 3306 }} meta mark set 1\n }}\n"
            " chain in {\n type filter hook prerouting priority mangle;\n"
            f" meta mark 1 meta l4proto tcp tproxy ip to 127.0.0.1:{INTERCEPT_PORT} accept\n }}\n}}\n")

    def test_http_and_a_server_that_speaks_first(self):
        self.start()
        self.assertIn("tproxy=yes", self.weir.stderr())
        origin = self.origin(namespace=self.far, address=self.THERE)
        _, _, request, answer = self.call(origin, host="a.example")
        self.assertEqual((request.field("Host"), answer.content), ("a.example", b"ok\n"))
        database = self.origin(3306, namespace=self.far, address=self.THERE)
        app = self.app(self.THERE, 3306)
        database.accept().send(b"greeting")
        self.assertEqual(app.receive_exactly(8), b"greeting")
        owners = json.loads(self.weir.admin("/leaks").content)["owners"]
        self.assertEqual([(owner["kind"], owner["uid"]) for owner in owners], [("local", os.getuid())])
        self.assertEqual(self.intercepted()["refused"], 0)


class RedirectedLab(leaklab.Lab):
    """The app knows of no proxy, and all that it dials goes through weir."""

    def __enter__(self):
        super().__enter__()
        self.namespace.nft(redirect_rules(leaklab.ORIGIN_PORTS["http"] + leaklab.ORIGIN_PORTS["https"]))
        return self

    def app_hop(self, scheme):
        return leaklab.ORIGIN_PORTS[scheme]

    def environment(self):
        return dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "")


class LeakInterceptTests(test_leak.LeakTestCase):
    """The founding bug's own code: `&http.Transport{}` for every request, which reads no HTTP_PROXY."""

    def run_redirected(self, scheme, requests=2000, settings=None, **options):
        settings = {"redirect.listen": "on", **(settings or {})}
        with RedirectedLab(True, settings, **options) as lab:
            result = lab.run_go(scheme, requests=requests)
            lab.stop()
        print(result)
        self.assertEqual((result.failures, result.failed), (0, {}), result.first_failure)
        # App and weir dial the same ports here, so both are counted in each.
        self.assertLessEqual(result.left_app_hop, 4)
        return result

    def test_t2_http(self):
        self.assertLessEqual(self.run_redirected("http").origin_connections, 8)

    def test_t2_http_by_default(self):
        """Until the leak is found it holds connections, and requests in flight need some of weir's."""
        self.assertLessEqual(self.run_redirected("http", config_file=None).origin_connections, 32)


class LeakInterceptTLSTests(LeakInterceptTests):
    test_t2_http = test_t2_http_by_default = None

    def test_t1_https(self):
        self.run_redirected("https")


if __name__ == "__main__":
    unittest.main()
