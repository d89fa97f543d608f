"""Basic proxy authentication with hashes of the usual tools."""

import base64
import crypt
import os
import signal
import tempfile
import warnings

from harness import WeirTestCase, eventually, request, response

warnings.simplefilter("ignore", DeprecationWarning)


def basic(user, password):
    return "Proxy-Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class AuthenticationTests(WeirTestCase):
    def start(self, settings=None, users=None, **options):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.users = os.path.join(directory.name, "users")
        self.write_users(users or {"ada": crypt.crypt("pa:ss", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)),
                                   "bob": crypt.crypt("b", crypt.mksalt(crypt.METHOD_SHA512, rounds=1000))})
        return super().start({"access.users_file": self.users, "log.access": "on", **(settings or {})}, **options)

    def write_users(self, users):
        with open(self.users, "w", encoding="utf-8") as file:
            file.writelines(f"{name}:{value}\n" for name, value in users.items())

    def ask(self, origin, *fields, client=None):
        client = client or self.client()
        return client.send(request(origin.url(), fields=fields))

    def test_basic(self):
        self.start()
        origin, client = self.origin(), self.client()
        for fields in ((), (basic("ada", "wrong"),), (basic("eve", "pa:ss"),), (basic("ada", ""),)):
            with self.subTest(fields):
                answer = self.ask(origin, *fields, client=client).read_response()
                self.assert_refusal(answer, 407)
                self.assertEqual(answer.field("Proxy-Authenticate"), 'Basic realm="weir", charset="UTF-8"')
        for user, password in (("ada", "pa:ss"), ("bob", "b"), ("ada", "pa:ss")):
            with self.subTest(user):
                self.ask(origin, basic(user, password), client=client)
                upstream, seen = origin.next_request()
                self.assertEqual(seen.all("Proxy-Authorization"), [])
                upstream.send(response(user.encode()))
                self.assertEqual(client.read_response().content, user.encode())
        for text in (self.weir.stderr(50_000), self.weir.admin("/status").content.decode()):
            self.assertNotIn("pa:ss", text)
            self.assertNotIn("$2", text)

    def test_a_tunnel_whose_client_does_not_wait(self):
        self.start()
        origin, client = self.origin(), self.client()
        client.send(f"CONNECT {origin.authority} HTTP/1.1\r\nHost: a\r\n{basic('bob', 'b')}\r\n\r\nhello")
        upstream = origin.accept()
        self.assertEqual(upstream.receive_exactly(5), b"hello")
        self.assertEqual(client.read_response("CONNECT").status, 200)
        other = self.client().send(f"CONNECT {origin.authority} HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(other.read_response("CONNECT").status, 407)

    def test_guessing_is_bounded_and_does_not_hold_up_others(self):
        self.start(users={"ada": crypt.crypt("right", crypt.mksalt(crypt.METHOD_SHA512, rounds=300_000))})
        origin = self.origin()
        self.ask(origin, basic("ada", "right"))
        first, _ = origin.accept_request(20)
        first.send(response())
        guesses = [self.ask(origin, basic("ada", f"guess {number}")) for number in range(100)]
        busy = [client for client in guesses if client.readable(0.2) and client.read_response().status == 503]
        self.assertGreaterEqual(len(busy), 30)
        # Whoever was known before need not wait for the guesses.
        known = self.ask(origin, basic("ada", "right"))
        upstream, _ = origin.next_request()
        upstream.send(response(b"known"))
        self.assertEqual(known.read_response().content, b"known")
        for client in guesses:
            client.close()

    def test_users_are_read_again(self):
        self.start()
        origin = self.origin()
        self.ask(origin, basic("bob", "b"))
        upstream, _ = origin.accept_request()
        upstream.send(response())
        self.write_users({"bob": "plain"})
        self.weir.signal(signal.SIGHUP)
        eventually(lambda: f"{self.users}:1:1: 'bob' has no hash" in self.weir.stderr(50_000), 5, "it is told")
        client = self.ask(origin, basic("bob", "b"))
        upstream.read_request()
        upstream.send(response())
        self.assertEqual(client.read_response().status, 200)
        self.write_users({"bob": crypt.crypt("new", crypt.mksalt(crypt.METHOD_SHA512, rounds=1000))})
        self.weir.signal(signal.SIGHUP)
        eventually(lambda: "settings reloaded" in self.weir.stderr(50_000), 5, "the settings are reloaded")
        self.assertEqual(self.ask(origin, basic("bob", "b")).read_response().status, 407)
        self.ask(origin, basic("bob", "new"))
        upstream.read_request()
        upstream.send(response())
