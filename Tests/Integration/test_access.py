"""Access control: who may use the proxy, and for what, judged on the address that is really dialled."""

import re
import signal

from harness import ORIGIN_ADDRESS, eventually, request, response
from interception import InterceptTestCase
from nameserver import NameServer

CONFIG = "access:\n  deny: [{deny}]\nlog:\n  access: on\n"


class AccessTests(InterceptTestCase):
    def start(self, settings=None, **options):
        return super(InterceptTestCase, self).start({"log.access": "on", **(settings or {})}, **options)

    def ask(self, url, client=None):
        client = client or self.client()
        client.send(request(url))
        return client

    def assert_denied(self, answer, error):
        self.assert_refusal(answer, 403)
        self.assertRegex(answer.field("Proxy-Status"), rf"^weir; error={error}$")

    def outcomes(self):
        text = self.weir.admin("/metrics").content.decode("ascii")
        found = re.findall(r'^weir_exchanges_total\{outcome="(\w+)"\} (\d+)$', text, re.MULTILINE)
        return {name: int(count) for name, count in found if count != "0"}

    def test_names_addresses_and_ports_for_requests_and_tunnels(self):
        NameServer(self.namespace, {"inside.test": ["10.9.9.9"], "good.test": [ORIGIN_ADDRESS]})
        self.start({"access.deny": "bad.test,10.9.0.0/16", "access.allowed_ports": "8080"})
        origin = self.origin()
        client = self.client()
        for host, error in (("bad.test", "http_request_denied"), ("a.bad.test", "http_request_denied"),
                            ("10.9.1.1", "destination_ip_prohibited"),
                            ("[::ffff:10.9.1.1]", "destination_ip_prohibited"),
                            ("[64:ff9b::a09:101]", "destination_ip_prohibited"),
                            ("[2002:a09:101::1]", "destination_ip_prohibited"),
                            ("inside.test", "destination_ip_prohibited")):
            with self.subTest(host):
                # One connection all the time: a denied request is no reason to end it.
                self.assert_denied(self.ask(f"http://{host}:8080/", client).read_response(), error)
                client.send(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}\r\n\r\n")
                self.assert_denied(client.read_response("CONNECT"), error)
        self.assert_denied(self.ask("http://good.test:22/", client).read_response(), "http_request_denied")
        self.ask("http://good.test:8080/", client)
        upstream, _ = origin.accept_request()
        upstream.send(response(b"allowed"))
        self.assertEqual(client.read_response().content, b"allowed")
        self.assertEqual(self.outcomes(), {"completed": 1, "denied": 1, "host_denied": 4, "address_denied": 10})
        self.assertIn('weir_dials_total{outcome="address_denied"} 2',
                      self.weir.admin("/metrics").content.decode("ascii"))
        log = self.weir.stderr(20_000)
        self.assertRegex(log, r'request="CONNECT a\.bad\.test:443".* status=403 .*host_denied')

    def test_of_several_addresses_only_the_allowed_one_is_dialled(self):
        NameServer(self.namespace, {"both.test": ["127.0.0.5", ORIGIN_ADDRESS]})
        self.start({"access.deny": "127.0.0.0/8"})
        denied, origin = self.origin(address="127.0.0.5"), self.origin()
        for _ in range(5):
            client = self.client()
            client.send("CONNECT both.test:8080 HTTP/1.1\r\nHost: both.test\r\n\r\n")
            self.assertEqual(client.read_response("CONNECT").status, 200)
            origin.accept().close()
            client.close()
        denied.expect_no_connection()

    def test_presets(self):
        NameServer(self.namespace, {"rebound.test": ["169.254.169.254"]})
        self.start({"access.deny_metadata": "on"})
        for host, error in (("169.254.169.254", "destination_ip_prohibited"),
                            ("rebound.test", "destination_ip_prohibited"),
                            ("[fd00:ec2::254]", "destination_ip_prohibited"),
                            ("metadata.google.internal", "http_request_denied")):
            with self.subTest(host):
                self.assert_denied(self.ask(f"http://{host}/latest/").read_response(), error)
        self.get(self.origin())

    def test_private_addresses_and_an_exception(self):
        self.start({"access.deny_private": "on", "access.allow": f"any,{ORIGIN_ADDRESS}"})
        self.get(self.origin())
        for host in ("127.0.0.1", "localhost", "10.77.0.2", "[::1]"):
            with self.subTest(host):
                answer = self.ask(f"http://{host}:8081/").read_response()
                self.assert_denied(answer, "destination_ip_prohibited")

    def test_clients(self):
        self.start({"access.deny_clients": "127.0.0.1"})
        client = self.ask(f"http://{ORIGIN_ADDRESS}:8080/")
        answer = client.read_response()
        self.assert_denied(answer, "http_request_denied")
        self.assertIn("close", answer.tokens("Connection"))
        client.wait_for_end()
        self.assertEqual(self.outcomes(), {"client_denied": 1})

    def test_a_reload_closes_idle_connections_to_what_it_denies(self):
        self.start(config=CONFIG.format(deny="192.0.2.1"))
        origin = self.origin()
        client, upstream, _ = self.get(origin)
        self.weir.write_config(CONFIG.format(deny=f"{ORIGIN_ADDRESS}"))
        self.weir.signal(signal.SIGHUP)
        self.assertEqual(upstream.wait_for_end(), "rst")
        self.assert_denied(self.ask(origin.url(), client).read_response(), "destination_ip_prohibited")
        origin.expect_no_connection()
        eventually(lambda: "from=192.0.2.1 key=access.deny" in self.weir.stderr(20_000), 5, "the log tells it")

    def test_intercepted_connections(self):
        super().start({"access.deny": f"bad.test,{ORIGIN_ADDRESS}:8081"})
        self.redirect(8080, 8081)
        origin, denied = self.origin(), self.origin(8081)
        _, _, _, answer = self.call(origin, host="good.test")
        self.assertEqual(answer.content, b"ok\n")
        app = self.app(ORIGIN_ADDRESS, 8080).send(b"GET / HTTP/1.1\r\nHost: bad.test\r\n\r\n")
        self.assert_denied(app.read_response(), "http_request_denied")
        app = self.app(ORIGIN_ADDRESS, 8081).send(b"GET / HTTP/1.1\r\nHost: good.test\r\n\r\n")
        self.assert_denied(app.read_response(), "destination_ip_prohibited")
        app = self.app(ORIGIN_ADDRESS, 8081).send(b"*1\r\n$4\r\nPING\r\n")
        self.assertEqual(app.expect_end(), "rst")
        denied.expect_no_connection()
        eventually(lambda: self.outcomes().get("address_denied") == 2, 5, "both are counted")
