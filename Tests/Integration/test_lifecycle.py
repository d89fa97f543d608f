"""Socket activation, the watchdog, listeners that change at run time, and upgrades, one promise each; that no request
is lost on the way is test_continuity.py."""

import json
import os
import re
import signal
import socket
import stat
import tempfile
import unittest

import weirctl
from harness import ADMIN_PORT, ORIGIN_ADDRESS, PROXY_PORT, Stopwatch, WeirTestCase, eventually, request, response
from peer import Listener, Peer, connect, refuses
from redirectlab import DIRECT, RedirectTestCase
from supervisor import Supervisor
from test_continuity import listening


class SupervisedTestCase(unittest.TestCase):
    """weir under `Supervisor`; its clients and origins are raw peers."""

    def setUp(self):
        self.namespace = WeirTestCase.make_namespace(self)
        self.peers = []
        self.addCleanup(lambda: [peer.close() for peer in self.peers])
        self.directory = tempfile.TemporaryDirectory(prefix="weir-lifecycle-")
        os.chmod(self.directory.name, 0o755)
        self.addCleanup(self.directory.cleanup)
        self.path = os.path.join(self.directory.name, "proxy.sock")

    def supervise(self, sockets=(), **options):
        supervisor = Supervisor(self.namespace, list(sockets), **options)
        self.addCleanup(supervisor.close)
        return supervisor

    def origin(self):
        listener = Listener(self.namespace, ORIGIN_ADDRESS, 8080)
        self.peers.append(listener)
        return listener

    def client(self, port=PROXY_PORT, path=None):
        if path is None:
            peer = connect(self.namespace, "127.0.0.1", port)
        else:
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(path)
            peer = Peer(sock)
        self.peers.append(peer)
        return peer

    def get(self, client, origin):
        client.send(request(origin.url("/")))
        origin.next_request()[0].send(response(b"ok\n"))
        return client.read_response()

    def status(self, port=ADMIN_PORT, path=None):
        peer = self.client(port, path)
        return json.loads(peer.exchange("GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").content)

    def unix_listener(self, name="proxy.sock"):
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(os.path.join(self.directory.name, name))
        sock.listen(64)
        return sock

    def ctl(self, *arguments):
        return weirctl.run(self.namespace, *arguments)


class ActivationTests(SupervisedTestCase):
    def test_inherited_sockets_serve_what_their_names_say(self):
        sockets = [("weir.socket", listening(self.namespace)), ("weir.socket", self.unix_listener()),
                   ("admin", self.unix_listener("admin.sock"))]
        supervisor = self.supervise(sockets, config="admin: off\n").start()
        origin = self.origin()
        self.assertEqual(self.get(self.client(), origin).content, b"ok\n")
        self.assertEqual(self.get(self.client(path=self.path), origin).content, b"ok\n")
        status = self.status(path=os.path.join(self.directory.name, "admin.sock"))
        self.assertEqual(status["listen"], [f"127.0.0.1:{PROXY_PORT}", f"unix:{self.path}"])
        self.assertRegex(supervisor.text(), r"info serving .*inherited=\"127\.0\.0\.1:3128, unix:/.*admin\.sock")

    def test_what_waits_in_the_backlog_is_served_by_the_next_process(self):
        supervisor = self.supervise([("weir.socket", listening(self.namespace)),
                                     ("weir.socket", self.unix_listener())]).start()
        origin = self.origin()
        self.assertEqual(self.get(self.client(), origin).status, 200)
        self.assertEqual(supervisor.stop(), 0)
        waiting = [self.client(), self.client(path=self.path)]
        for client in waiting:
            client.send(request(origin.url("/")))
        supervisor.start()
        for client in waiting:
            origin.next_request()[0].send(response(b"late\n"))
        self.assertEqual([client.read_response().content for client in waiting], [b"late\n", b"late\n"])

    def test_other_listeners_of_the_settings_are_opened_as_well(self):
        supervisor = self.supervise([("weir.socket", listening(self.namespace))],
                                    config="listen: [127.0.0.1:3138]\n").start()
        self.assertEqual(self.status()["listen"], ["127.0.0.1:3138", f"127.0.0.1:{PROXY_PORT}"])
        origin = self.origin()
        for port in (PROXY_PORT, 3138):
            self.assertEqual(self.get(self.client(port), origin).status, 200)
        # What the service manager opened stays, whatever the settings say.
        supervisor.write_config("listen: [127.0.0.1:3139]\n")
        supervisor.reload()
        self.assertEqual(self.status()["listen"], ["127.0.0.1:3139", f"127.0.0.1:{PROXY_PORT}"])

    def test_a_socket_of_the_wrong_kind_is_refused_by_name(self):
        connected, other = socket.socketpair()
        self.addCleanup(other.close)
        for sock, expected in [(self.namespace.socket(kind=socket.SOCK_DGRAM), "is no stream socket"),
                               (connected, "does not listen")]:
            with self.subTest(expected):
                supervisor = self.supervise([("odd.socket", sock)])
                with self.assertRaises(AssertionError):
                    supervisor.start(0.5)
                self.assertIn(f"descriptor 3 (odd.socket) of LISTEN_FDS {expected}", supervisor.text())


class ServiceTests(SupervisedTestCase):
    def test_a_loop_that_hangs_is_killed_by_the_watchdog(self):
        supervisor = self.supervise([("weir.socket", listening(self.namespace))], watchdog=1.0).start()
        watch = Stopwatch()
        # Alive for several of its intervals.
        eventually(lambda: watch.seconds > 2.5, 5)
        self.assertEqual(supervisor.killed, 0, supervisor.messages)
        former = supervisor.main
        supervisor.signal(signal.SIGSTOP)
        eventually(lambda: supervisor.killed == 1, 5, "the watchdog ran out")
        self.assertLess(supervisor.reap(former), 0)
        waiting = self.client()
        supervisor.start()
        self.assertEqual(self.get(waiting, self.origin()).content, b"ok\n")

    def test_the_status_shows_live_figures_only_when_they_change(self):
        supervisor = self.supervise().start()
        client = self.client()
        self.assertEqual(self.get(client, self.origin()).status, 200)
        expected = "STATUS=serving on 127.0.0.1:3128: 1 clients, 1 upstream connections (1 idle), 0 tunnels"
        eventually(lambda: any(line.startswith(expected) for _, line in supervisor.messages), 8,
                   lambda: f"{expected}: {supervisor.messages}")
        lines = [line for _, line in supervisor.messages if line.startswith("STATUS=")]
        self.assertEqual(len(lines), len(set(lines)), lines)
        self.assertLessEqual(len(lines), 3)

    def test_a_refused_reload_is_told(self):
        supervisor = self.supervise().start()
        supervisor.write_config("nonsense: 1\n")
        supervisor.reload()
        self.assertTrue(any("settings not reloaded: " in line and "nonsense" in line
                            for _, line in supervisor.messages), supervisor.messages)


class ReloadTests(SupervisedTestCase):
    def start(self, config):
        self.supervisor = self.supervise(config=config).start()
        return self.supervisor

    def reload(self, config, *options):
        self.supervisor.write_config(config)
        return self.ctl("reload", *options)

    def refused(self, port):
        return refuses(self.namespace, "127.0.0.1", port)

    def test_listeners_come_and_go_and_connections_stay(self):
        self.start("listen: [127.0.0.1:3128, 127.0.0.1:3138]\n")
        origin = self.origin()
        kept, moved = self.client(), self.client(3138)
        self.assertEqual(self.get(moved, origin).status, 200)
        done = self.reload(f"listen: [127.0.0.1:3139, 127.0.0.1:3128, 'unix:{self.path}']\n")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "settings reloaded: 1 change\n", ""))
        self.assertEqual(self.status()["listen"], ["127.0.0.1:3139", "127.0.0.1:3128", f"unix:{self.path}"])
        self.assertTrue(self.refused(3138))
        for client in (kept, moved, self.client(3139), self.client(path=self.path)):
            self.assertEqual(self.get(client, origin).status, 200)
        done = self.reload("listen: 127.0.0.1:3128\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(os.path.lexists(self.path))

    def test_an_address_may_take_the_place_of_one_that_covers_it(self):
        self.start("listen: 127.0.0.1:3128\n")
        for address in ("0.0.0.0:3128", "127.0.0.1:3128"):
            done = self.reload(f"listen: {address}\n")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.status()["listen"], [address])
        self.assertEqual(self.get(self.client(), self.origin()).status, 200)
        # Nobody else gets the address afterwards.
        with self.assertRaises(OSError):
            listening(self.namespace)

    def test_all_or_nothing(self):
        self.start(f"listen: [127.0.0.1:3128, 'unix:{self.path}']\n")
        taken = listening(self.namespace, port=3140)
        self.addCleanup(taken.close)
        before = self.status()
        done = self.reload(f"listen: [127.0.0.1:3139, 127.0.0.1:3140, 'unix:{self.path}']\nlisten_mode: 0600\n"
                           "client: {idle_timeout: 10s}\nadmin: 127.0.0.1:9129\n")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^weirctl: listen on 127\.0\.0\.1:3140: Address already in use")
        after = self.status()
        self.assertEqual((after["listen"], after["limits"]), (before["listen"], before["limits"]))
        self.assertRegex(after["lifecycle"]["reload_error"], "3140")
        self.assertEqual(after["process"]["reloads_refused"], 1)
        self.assertTrue(self.refused(3139) and self.refused(9129))
        self.assertEqual(stat.S_IMODE(os.lstat(self.path).st_mode), 0o666)
        self.assertFalse(self.refused(3128))

    def test_the_admin_server_moves(self):
        self.start("admin: 127.0.0.1:9128\n")
        done = self.reload("admin: 127.0.0.1:9129\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("settings reloaded", done.stdout)
        self.assertIsNone(self.status(9129)["lifecycle"]["reload_error"])
        self.assertTrue(self.refused(9128))
        done = self.reload("admin: 127.0.0.1:9129\nlog: {format: json}\n", "--admin", "127.0.0.1:9129")
        self.assertEqual((done.returncode, done.stdout), (0, "settings reloaded: 1 change\n"))

    def test_redirected_connections_are_taken_from_a_reload_on(self):
        self.start("")
        self.assertEqual(self.reload("redirect: {listen: 127.0.0.1:3129}\n").returncode, 0)
        status = self.status()
        self.assertEqual(status["redirect"]["listen"], ["127.0.0.1:3129"])
        # The mark is that of the start.
        self.assertEqual(status["lifecycle"]["needs_restart"], ["redirect.mark"])
        self.client(3129).wait_for_end(5)
        self.assertEqual(self.reload("").returncode, 0)
        self.assertEqual(self.status()["redirect"]["listen"], [])
        self.assertTrue(self.refused(3129))

    def test_permissions_of_a_socket_file_change(self):
        self.start(f"listen: 'unix:{self.path}'\nlisten_mode: 0660\n")
        self.assertEqual(self.reload(f"listen: 'unix:{self.path}'\nlisten_mode: 0600\n").returncode, 0)
        self.assertEqual(stat.S_IMODE(os.lstat(self.path).st_mode), 0o600)

    def test_weirctl_tells_what_is_wrong(self):
        self.start("")
        done = self.reload("client: {idle_timeout: 60}\n")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"weir\.yaml:1:24.*idle_timeout")
        done = self.ctl("reload", "--admin", "127.0.0.1:9999")
        self.assertEqual(done.returncode, 1)
        self.assertIn("nobody listens there", done.stderr)


class UpgradeTests(SupervisedTestCase):
    def test_a_tunnel_lives_on_in_the_former_process(self):
        supervisor = self.supervise(config="drain_timeout: 60s\n").start()
        origin, client = self.origin(), self.client()
        client.send(f"CONNECT {origin.authority} HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n")
        far = origin.accept()
        self.assertEqual(client.read_response("CONNECT").status, 200)
        former = supervisor.main
        done = self.ctl("upgrade")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, rf"^upgraded: process \d+ serves \(generation 2\), process {former} finishes\n$")
        status = self.status()
        self.assertEqual((status["pid"], status["lifecycle"]["generation"]), (supervisor.main, 2))
        self.assertNotEqual(status["pid"], former)
        self.assertEqual(status["clients"]["total"], 0)
        client.send(b"still here")
        self.assertEqual(far.receive_exactly(10), b"still here")
        self.assertEqual(self.get(self.client(), origin).status, 200)
        client.close()
        far.close()
        self.assertEqual(supervisor.reap(former, 10), 0)
        # Not a descriptor too many: it could be upgraded for ever.
        before = len(os.listdir(f"/proc/{supervisor.main}/fd"))
        self.assertEqual(self.ctl("upgrade").returncode, 0)
        self.assertLessEqual(len(os.listdir(f"/proc/{supervisor.main}/fd")), before)

    def test_the_bound_of_the_former_process(self):
        supervisor = self.supervise(config="drain_timeout: 1s\n").start()
        origin, client = self.origin(), self.client()
        client.send(f"CONNECT {origin.authority} HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n")
        origin.accept()
        self.assertEqual(client.read_response("CONNECT").status, 200)
        former = supervisor.upgrade()
        watch = Stopwatch()
        self.assertEqual(supervisor.reap(former, 5), 0)
        self.assertLess(watch.seconds, 3)
        client.wait_for_end(1)

    def test_a_parked_connection_is_served_by_the_former_process(self):
        supervisor = self.supervise().start()
        origin, client = self.origin(), self.client()
        self.assertNotIn("close", self.get(client, origin).tokens("Connection"))
        former = supervisor.upgrade()
        self.assertIn("close", self.get(client, origin).tokens("Connection"))
        self.assertEqual(client.expect_end(), "fin")
        client.close()
        self.assertEqual(supervisor.reap(former, 10), 0)

    def test_every_listener_is_handed_over(self):
        config = f"listen: [127.0.0.1:0, 'unix:{self.path}']\nredirect: {{listen: 127.0.0.1:3129}}\n"
        supervisor = self.supervise(config=config).start()
        before = self.status()
        former = supervisor.upgrade()
        self.assertEqual(supervisor.reap(former, 10), 0)
        after = self.status()
        self.assertEqual((after["listen"], after["redirect"]["listen"]), (before["listen"], before["redirect"]["listen"]))
        self.assertEqual(self.get(self.client(path=self.path), self.origin()).status, 200)
        # The file is the new process's now, which removes it.
        self.assertEqual(supervisor.stop(), 0)
        self.assertFalse(os.path.lexists(self.path))

    def test_inherited_sockets_stay_the_service_managers(self):
        supervisor = self.supervise([("weir.socket", listening(self.namespace)),
                                     ("weir.socket", self.unix_listener())]).start()
        supervisor.reap(supervisor.upgrade(), 10)
        self.assertEqual(supervisor.stop(), 0)
        self.assertTrue(os.path.lexists(self.path))
        waiting = self.client()
        supervisor.start()
        self.assertEqual(self.get(waiting, self.origin()).status, 200)

    def test_new_settings_take_effect_and_what_they_lack_is_closed(self):
        supervisor = self.supervise(config="listen: [127.0.0.1:3128, 127.0.0.1:3138]\n").start()
        supervisor.write_config("listen: [127.0.0.1:3128, 127.0.0.1:3139]\n")
        supervisor.reap(supervisor.upgrade(), 10)
        self.assertEqual(self.status()["listen"], ["127.0.0.1:3128", "127.0.0.1:3139"])
        self.assertTrue(refuses(self.namespace, "127.0.0.1", 3138))

    def assert_goes_on(self, supervisor, pid, expected):
        done = self.ctl("upgrade")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, expected)
        status = self.status()
        self.assertEqual((status["pid"], status["state"], supervisor.main), (pid, "running", pid))
        self.assertRegex(status["lifecycle"]["upgrade_error"], expected)
        self.assertIn("not upgraded; this process goes on", supervisor.text())

    def test_the_former_process_goes_on_where_the_new_one_cannot_start(self):
        supervisor = self.supervise(config=f"listen: [127.0.0.1:3128, 'unix:{self.path}']\n").start()
        pid, origin = supervisor.main, self.origin()
        supervisor.write_config("nonsense: 1\n")
        self.assert_goes_on(supervisor, pid, r"weir\.yaml:1:1: nonsense")
        taken = listening(self.namespace, port=3140)
        self.addCleanup(taken.close)
        supervisor.write_config("listen: [127.0.0.1:3128, 127.0.0.1:3140]\n")
        self.assert_goes_on(supervisor, pid, "listen on 127.0.0.1:3140: Address already in use")
        for client in (self.client(), self.client(path=self.path)):
            self.assertEqual(self.get(client, origin).status, 200)
        # And it can be upgraded yet.
        supervisor.write_config("")
        supervisor.upgrade()
        self.assertEqual(self.get(self.client(), origin).status, 200)

    def test_a_program_that_is_no_weir_takes_over_nothing(self):
        program = os.path.join(self.directory.name, "weir")
        os.symlink(weirctl.binary(), program)
        supervisor = self.supervise(program=program).start()
        os.unlink(program)
        os.symlink("/bin/false", program)
        self.assert_goes_on(supervisor, supervisor.main, "it ended before it was ready")
        os.unlink(program)
        self.assert_goes_on(supervisor, supervisor.main, "not where it was started from")

    def test_told_to_end_while_the_new_process_starts(self):
        program = os.path.join(self.directory.name, "weir")
        os.symlink(weirctl.binary(), program)
        supervisor = self.supervise(program=program).start()
        os.unlink(program)
        with open(program, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\nexec sleep 1000\n")
        os.chmod(program, 0o755)
        supervisor.signal(signal.SIGUSR2)
        eventually(lambda: self.status()["lifecycle"]["upgrading"], 5, "an upgrade is under way")
        # Settings are not reloaded meanwhile.
        self.assertRegex(self.ctl("reload").stderr, "an upgrade is under way")
        self.assertEqual(supervisor.stop(5), 0)

    def test_a_variable_alone_hands_over_nothing(self):
        supervisor = self.supervise()
        os.environ["WEIR_HANDOVER"] = "1:1:2:"
        self.addCleanup(os.environ.pop, "WEIR_HANDOVER", None)
        with self.assertRaises(AssertionError):
            supervisor.start(0.5, keeping=["WEIR_HANDOVER"])
        self.assertTrue(re.search("WEIR_HANDOVER is set, but no process hands over", supervisor.text()))


class RedirectUpgradeTests(RedirectTestCase):
    USER = 61101

    def test_a_redirection_follows_the_new_process(self):
        supervisor = Supervisor(self.namespace, [], config="redirect: {listen: [127.0.0.1:3129, '[::1]:3129']}\n")
        self.addCleanup(supervisor.close)
        supervisor.start()
        keeper = self.watch("--uid", str(self.USER), "--ports", "8080")
        early, late = self.app(uid=self.USER), self.app(uid=self.USER)
        self.assertEqual(early.order(open=[ORIGIN_ADDRESS, 8080]), DIRECT)
        former = supervisor.upgrade()
        self.assertEqual(late.order(open=[ORIGIN_ADDRESS, 8080]), DIRECT)
        self.assertEqual(early.order(say="by the old one"), "by the old one")
        early.order(close=True)
        self.assertEqual(supervisor.reap(former, 10), 0)
        self.assertIn(f"weir goes on as process {supervisor.main}", keeper.stderr.readline())
        # What the new process has is not forgotten, and new connections come to it.
        self.assertEqual(late.order(say="by the new one"), "by the new one")
        self.assertEqual(early.visit(port=8080), DIRECT)
        status = connect(self.namespace, "127.0.0.1", ADMIN_PORT)
        self.addCleanup(status.close)
        page = json.loads(status.exchange("GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").content)
        self.assertEqual(page["counters"]["clients_accepted"], 2)
        self.assertEqual(set(self.show()), {"weir"})


if __name__ == "__main__":
    unittest.main()
