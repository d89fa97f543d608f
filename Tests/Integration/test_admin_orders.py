"""The admin server's orders and whom it takes them from; its Unix socket; the tool's commands for them."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

import weirctl
from harness import ADMIN_PORT, WeirTestCase, eventually, request, response
from peer import Peer, connect
from weirprocess import Weir, binary


class AdminOrderTests(WeirTestCase):
    def ask(self, method, target, *fields, host="127.0.0.1:9128"):
        """The answer to one request of the admin server."""
        peer = connect(self.namespace, "127.0.0.1", ADMIN_PORT, timeout=5)
        try:
            lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *fields, "Connection: close", "", ""]
            return peer.exchange("\r\n".join(lines), method)
        finally:
            peer.close()

    def status(self):
        return json.loads(self.ask("GET", "/status").content)

    def test_drain_serves_everybody_and_sends_them_away(self):
        self.start()
        origin = self.origin()
        parked, upstream, _ = self.get(origin)
        self.assertEqual(self.ask("POST", "/drain").status, 200)
        self.assertEqual(self.ask("GET", "/healthz").status, 503)
        self.assertEqual(self.status()["state"], "draining")
        self.assertTrue(parked.wait_for_end(5), "a parked connection is ended")
        for _ in range(2):
            newcomer = self.client()
            newcomer.send(request(origin.url("/")))
            upstream.read_request()
            upstream.send(response(b"served"))
            answer = newcomer.read_response()
            self.assertEqual((answer.status, answer.content), (200, b"served"))
            self.assertEqual(answer.field("Connection"), "close")
            self.assertTrue(newcomer.wait_for_end(5))
        self.assertEqual(self.ask("POST", "/resume").status, 200)
        self.assertEqual(self.ask("GET", "/healthz").status, 200)
        kept = self.client()
        kept.send(request(origin.url("/")))
        upstream.read_request()
        upstream.send(response(b"kept"))
        self.assertNotEqual(kept.read_response().field("Connection"), "close")

    def test_the_log_level_changes_until_a_reload(self):
        weir = self.start()
        self.assertEqual(self.ask("POST", "/log-level?level=error").status, 200)
        self.assertEqual(self.ask("POST", "/drain").status, 200)
        self.assertNotIn("draining by order", weir.stderr())
        reloads = self.status()["process"]["reloads"]
        weir.signal(signal.SIGHUP)
        eventually(lambda: self.status()["process"]["reloads"] > reloads, 5, "settings read again")
        self.assertEqual(self.ask("POST", "/resume").status, 200)
        eventually(lambda: "no longer draining" in weir.stderr(), 5, "an order is logged")

    def test_an_origins_idle_connections_are_closed(self):
        self.start()
        origin = self.origin()
        client, upstream, _ = self.get(origin)
        answer = self.ask("POST", f"/origins/close-idle?origin={origin.authority}")
        self.assertEqual((answer.status, answer.content),
                         (200, f"1 idle connection to {origin.authority} closed\n".encode()))
        self.assertTrue(upstream.wait_for_end(5))
        self.assertEqual(self.status()["pool"]["connections"], 0)
        self.assertEqual(self.ask("POST", "/origins/close-idle?origin=nowhere.test:80").status, 404)
        self.get(origin, client=client)

    def test_other_pages_and_names_give_no_orders_and_read_nothing(self):
        self.start()
        for target in ("/", "/status", "/metrics", "/healthz", "/overview"):
            self.assertEqual(self.ask("GET", target, host="attacker.test:9128").status, 421)
        self.assertEqual(self.ask("POST", "/drain", host="attacker.test").status, 421)
        for field in ("Origin: http://attacker.test", "Sec-Fetch-Site: cross-site", "Origin: null"):
            self.assertEqual(self.ask("POST", "/drain", field).status, 403)
        self.assertEqual(self.ask("GET", "/drain").field("Allow"), "POST")
        preflight = self.ask("OPTIONS", "/drain", "Origin: http://attacker.test",
                             "Access-Control-Request-Method: POST")
        self.assertEqual(preflight.status, 405)
        self.assertFalse([name for name, _ in preflight.fields if name.lower().startswith("access-control")])
        self.assertEqual(self.status()["state"], "running")

    def test_nobody_gives_orders_through_weir_itself(self):
        self.start()
        client = self.client()
        target = f"http://127.0.0.1:{ADMIN_PORT}/drain"
        client.send(request(target, "POST", fields=["Content-Length: 0"]))
        self.assertEqual(client.read_response().status, 403)
        self.assertEqual(self.status()["state"], "running")

    def test_read_only_where_orders_are_off(self):
        self.start({"admin_orders": "off", "admin_hosts": "weir.test"})
        self.assertEqual(self.ask("POST", "/drain").status, 403)
        self.assertEqual(self.ask("GET", "/healthz", host="weir.test").status, 200)

    def test_an_address_that_others_reach_is_refused(self):
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        path = os.path.join(directory, "weir.yaml")
        with open(path, "w", encoding="ascii") as file:
            file.write("# ours\nadmin: 0.0.0.0:9128\n")
        ended = subprocess.run([binary(), "run", "--config", path], capture_output=True, text=True, timeout=10,
                               check=False)
        self.assertEqual(ended.returncode, 1)
        self.assertRegex(ended.stderr, r"weir\.yaml:2:8: admin: 0\.0\.0\.0:9128 can be reached from other hosts")

    def test_the_tool_gives_orders(self):
        self.start()
        origin = self.origin()
        self.get(origin)
        for arguments, text in ((["drain"], "draining"), (["resume"], "serving as before"),
                                (["log-level", "debug"], "debug"),
                                (["close-idle", origin.authority], "1 idle connection")):
            done = weirctl.run(self.namespace, *arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn(text, done.stdout)
        refused = weirctl.run(self.namespace, "close-idle", "nowhere.test:1")
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(refused.stderr, "answered 404: no connection to nowhere.test:1")


class AdminSocketTests(WeirTestCase):
    """The admin server at a path."""

    def setUp(self):
        super().setUp()
        self.directory = tempfile.mkdtemp(prefix="weir-admin-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.path = os.path.join(self.directory, "admin.sock")

    def launch(self, settings=None):
        weir = Weir(self.namespace, settings, admin=f"unix:{self.path}")
        self.addCleanup(weir.destroy)
        weir.launch()
        eventually(lambda: os.path.exists(self.path) and self.answer() is not None, 10,
                   lambda: f"weir at its path\n{weir.stderr()}")
        return weir

    def answer(self, target="/healthz"):
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(self.path)
        except OSError:
            sock.close()
            return None
        peer = Peer(sock)
        try:
            return peer.exchange(f"GET {target} HTTP/1.1\r\nHost: weir\r\n\r\n")
        finally:
            peer.close()

    def test_pages_and_orders_by_path(self):
        weir = self.launch({"admin_mode": "0600"})
        self.assertEqual(self.answer().status, 200)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        place = f"unix:{self.path}"
        for command in (["status"], ["leaks"], ["drain"], ["resume"]):
            done = weirctl.run(self.namespace, *command, "--admin", place)
            self.assertEqual((done.returncode, done.stderr), (0, ""), command)
        refused = weirctl.run(self.namespace, "status", "--admin", place, user=65534)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("Permission denied", refused.stderr)
        self.assertTrue(re.search(f"admin={re.escape(place)}", weir.stderr()), weir.stderr())
        weir.stop()
        self.assertFalse(os.path.exists(self.path), "the file goes with the process")
