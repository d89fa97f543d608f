"""Start, drain, reload, readiness, and shortage of descriptors and ports."""

import json
import signal
import tempfile
import unittest

from harness import (ADMIN_PORT, ORIGIN_ADDRESS, PROXY_PORT, Stopwatch, Weir, WeirTestCase, eventually,
                     observe, request, response)
from peer import connect, refuses
from weirprocess import NotifySocket

RELOADABLE = """client:
  keep_alive: {keep_alive}
"""


class DrainTests(WeirTestCase):
    def refuses_connections(self):
        return refuses(self.namespace, "127.0.0.1", PROXY_PORT)

    def test_idle_it_ends_at_once(self):
        self.start()
        watch = Stopwatch()
        self.weir.stop(2)
        self.assertLess(watch.seconds, 1)

    def test_sigint_drains_too(self):
        self.start()
        self.weir.signal(signal.SIGINT)
        self.assertEqual(self.weir.wait(2), 0)

    def test_an_exchange_in_flight_is_finished(self):
        self.start({"drain_timeout": "10s"})
        origin, client = self.origin(), self.client()
        client.send(request(origin.url()))
        upstream, _ = origin.accept_request()
        self.weir.signal(signal.SIGTERM)
        eventually(self.refuses_connections, 3, "new connections are refused")
        upstream.send(response(b"finished"))
        got = client.read_response()
        self.assertEqual(got.content, b"finished")
        self.assertIn("close", got.tokens("Connection"))
        self.assertEqual(client.expect_end(), "fin")
        client.close()
        self.assertEqual(self.weir.wait(5), 0)

    def test_parked_connections_are_closed_in_steps(self):
        self.start({"client.close_grace": "500ms"})
        client, _, _ = self.get(self.origin())
        self.weir.signal(signal.SIGTERM)
        self.assertEqual(client.expect_end(), "fin")
        # The client keeps its end open: the grace bounds that.
        self.assertEqual(self.weir.wait(5), 0)

    def test_a_tunnel_lives_until_drain_timeout(self):
        self.start({"drain_timeout": "1500ms"})
        client, upstream = self.tunnel(self.origin())
        self.weir.signal(signal.SIGTERM)
        eventually(self.refuses_connections, 3)
        client.send(b"still here")
        self.assertEqual(upstream.receive_exactly(10), b"still here")
        watch = Stopwatch()
        client.wait_for_end(5)
        self.assertLess(watch.seconds, 3)
        self.assertEqual(self.weir.wait(5), 0)

    def test_a_stuck_exchange_ends_with_drain_timeout(self):
        self.start({"drain_timeout": "1s"})
        origin, client = self.origin(), self.client()
        client.send(request(origin.url()))
        origin.accept_request()
        self.weir.signal(signal.SIGTERM)
        self.assertEqual(self.weir.wait(4), 0)


class ReloadTests(WeirTestCase):
    def test_sighup_changes_settings_and_drops_nothing(self):
        self.start(config=RELOADABLE.format(keep_alive="on"))
        origin = self.origin()
        client, upstream, got = self.get(origin)
        self.assertNotIn("close", got.tokens("Connection"))
        tunnel_client, tunnel_upstream = self.tunnel(self.origin(8081))
        waiting = self.client()
        waiting.send(request(origin.url("/during")))
        upstream.read_request()

        self.weir.write_config(RELOADABLE.format(keep_alive="off"))
        self.weir.signal(signal.SIGHUP)
        eventually(self.reloaded(origin, upstream, waiting), 5, "keep_alive: off is in force", interval=0.05)

        client.send(request(origin.url("/after")))
        origin.next_request()[0].send(response())
        self.assertEqual(client.read_response().status, 200)
        tunnel_client.send(b"alive")
        self.assertEqual(tunnel_upstream.receive_exactly(5), b"alive")

    def reloaded(self, origin, upstream, waiting):
        """The exchange that was in flight is answered, then one fresh client after the other is asked."""
        upstream.send(response(b"during"))
        self.assertEqual(waiting.read_response().content, b"during")

        def check():
            probe = self.client()
            probe.send(request(origin.url("/probe")))
            origin.next_request()[0].send(response())
            got = probe.read_response()
            probe.close()
            return "close" in got.tokens("Connection")
        return check

    def test_a_bad_file_is_refused_and_the_old_settings_stay(self):
        self.start(config=RELOADABLE.format(keep_alive="on"))
        client, upstream, _ = self.get(self.origin())
        before = len(self.weir.stderr())
        self.weir.write_config("client:\n  no_such_setting: 1\n")
        self.weir.signal(signal.SIGHUP)
        eventually(lambda: "no_such_setting" in self.weir.stderr()[before:], 5, "the error is logged")
        self.assertIn("weir.yaml:2:3", self.weir.stderr()[before:])
        client.send(request("http://10.77.0.1:8080/after"))
        upstream.read_request()
        upstream.send(response())
        self.assertNotIn("close", client.read_response().tokens("Connection"))


    def test_a_lowered_head_size_meets_a_longer_unfinished_head(self):
        self.start(config="limits:\n  head_size: 1MiB\n")
        client = self.client()
        sent = b"GET http://10.77.0.1:8080/ HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"x" * 500_000
        client.send(sent)
        # Nothing is left for weir to read, so all of it is kept as an unfinished head.
        eventually(lambda: self.namespace_queue(client) == 0, 5, "the head is read")
        self.weir.write_config("limits:\n  head_size: 32KiB\n")
        before = len(self.weir.stderr())
        self.weir.signal(signal.SIGHUP)
        eventually(lambda: "settings reloaded" in self.weir.stderr()[before:], 5, "the settings are reloaded")
        client.send(b"x")
        self.assertEqual(client.read_response().status, 431)

    def namespace_queue(self, client):
        """Bytes of the client's that weir's kernel has not handed over, or not acknowledged."""
        port = client.socket.getsockname()[1]
        listing = self.namespace.run("ss", "-Htan", f"( sport = :{port} or dport = :{port} )")
        rows = [line.split() for line in listing.splitlines()]
        return sum(int(row[1]) + int(row[2]) for row in rows) if len(rows) == 2 else None


class NotifyTests(WeirTestCase):
    def test_ready_reloading_stopping(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        notify = NotifySocket(directory.name)
        self.addCleanup(notify.close)
        self.start(config=RELOADABLE.format(keep_alive="on"), environment={"NOTIFY_SOCKET": notify.path})
        notify.wait_for("READY=1")
        # READY is said when a client can connect, not before.
        self.client()
        notify.lines.clear()
        self.weir.signal(signal.SIGHUP)
        notify.wait_for("RELOADING=1")
        notify.wait_for("READY=1")
        self.assertTrue(any(line.startswith("MONOTONIC_USEC=") for line in notify.lines), notify.lines)
        self.close_peers()
        self.weir.stop()
        notify.wait_for("STOPPING=1")


class StartTests(WeirTestCase):
    def failed_start(self, **options):
        weir = Weir(self.namespace, **options)
        self.addCleanup(weir.destroy)
        weir.launch()
        self.assertNotEqual(weir.wait(5), 0)
        return weir.stderr()

    def test_settings_that_are_wrong_refuse_the_start(self):
        cases = [("client:\n  idle_timeout: 60\n", "weir.yaml:2:17"),
                 ("client:\n  idle_tmeout: 60s\n", "weir.yaml:2:3"),
                 ("client:\n  idle_timeout: 1s\n  idle_timeout: 2s\n", "weir.yaml:3:3"),
                 ("nonsense: 1\n", "weir.yaml:1:1"), ("client: [\n", "weir.yaml:")]
        for text, position in cases:
            with self.subTest(text):
                self.assertIn(position, self.failed_start(config=text))

    def test_a_setting_on_the_command_line_that_is_wrong(self):
        self.assertIn("client.idle_timeout", self.failed_start(settings={"client.idle_timeout": "60"}))

    def test_an_address_in_use_refuses_the_start(self):
        self.start()
        self.assertRegex(self.failed_start(), rf"127\.0\.0\.1:({PROXY_PORT}|{ADMIN_PORT}).*in use")

    def test_the_admin_pages(self):
        self.start()
        self.get(self.origin())
        self.assertEqual(self.weir.admin("/healthz").status, 200)
        metrics = self.weir.admin("/metrics")
        self.assertEqual(metrics.status, 200)
        self.assertRegex(metrics.content.decode(), r"(?m)^# TYPE weir_\w+ (counter|gauge|histogram)$")
        status = json.loads(self.weir.admin("/status").content)
        self.assertIn(f"{ORIGIN_ADDRESS}:8080", json.dumps(status))
        self.assertEqual(self.weir.admin("/nothing").status, 404)
        self.assertTrue(refuses(self.namespace, ORIGIN_ADDRESS, ADMIN_PORT))


class ShortageTests(WeirTestCase):
    def test_emfile_is_survived_without_spinning(self):
        self.start()
        origin = self.origin()
        parked, upstream, _ = self.get(origin)
        self.weir.limit_descriptors(len(self.weir.descriptor_names()) + 2)
        clients = [self.client() for _ in range(20)]
        for number, client in enumerate(clients):
            client.send(request(origin.url(f"/{number}")))
        before = self.weir.cpu_seconds()
        observe(1.0)
        self.assertLess(self.weir.cpu_seconds() - before, 0.3, "busy while it cannot accept")
        self.assertTrue(self.weir.running)
        self.weir.limit_descriptors(1000)
        for _ in clients:
            origin.next_request(10)[0].send(response())
        for client in clients:
            self.assertEqual(client.read_response(timeout=10).status, 200)

    def occupied(self, origin, count):
        """`count` connections of our own that leave weir no port towards the origin."""
        self.namespace.set_port_range(30000, 30000 + count - 1)
        holders = []
        for _ in range(count):
            holders.append(connect(self.namespace, origin.address, origin.port))
            self.peers.append(holders[-1])
            origin.accept()
        with self.assertRaises(OSError):
            connect(self.namespace, origin.address, origin.port)
        return holders

    def test_no_port_left_means_waiting_not_failing(self):
        self.start({"upstream.queue_timeout": "10s"})
        origin = self.origin()
        holders = self.occupied(origin, 4)
        client = self.client()
        client.send(request(origin.url("/patient")))
        before = self.weir.cpu_seconds()
        client.expect_silence(1.0)
        self.assertLess(self.weir.cpu_seconds() - before, 0.3, "busy while it has no port")
        holders[0].reset()
        upstream, seen = origin.accept_request(8)
        self.assertEqual(seen.target, "/patient")
        upstream.send(response(b"at last"))
        self.assertEqual(client.read_response().content, b"at last")

    def test_no_port_within_queue_timeout_is_503(self):
        self.start({"upstream.queue_timeout": "1s"})
        origin = self.origin()
        self.occupied(origin, 4)
        client = self.client()
        client.send(request(origin.url()))
        answer = client.read_response(timeout=4)
        self.assert_refusal(answer, 503)
        self.assertTrue(answer.field("Retry-After"))


if __name__ == "__main__":
    unittest.main()
