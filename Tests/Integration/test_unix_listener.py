"""Clients over a Unix socket: served like others, known by who they are, holding no ports; and its file."""

import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import unittest

import leaklab
from cgroups import Cgroup
from harness import WeirTestCase, eventually, request, response
from peer import Peer
from weirprocess import binary

#: Connections of a leaking owner that are kept to see whether it still leaks.
MOST_LEFT = 2
#: weir takes every WEIR_* variable for a setting.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}
INTERPRETER = os.path.realpath("/usr/bin/python3")


class Directory:
    """A directory that every user may reach."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="weir-unix-")
        os.chmod(self.path, 0o755)
        self.socket = os.path.join(self.path, "proxy.sock")

    def remove(self):
        shutil.rmtree(self.path)


def connect(path):
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return Peer(sock)


class UnixListenerTests(WeirTestCase):
    def setUp(self):
        super().setUp()
        self.directory = Directory()
        self.addCleanup(self.directory.remove)
        self.path = self.directory.socket

    def start_unix(self, settings=None, **options):
        return self.start(settings, arguments=["--listen", f"unix:{self.path}"], **options)

    def client(self, **options):
        peer = connect(self.path)
        self.peers.append(peer)
        return peer

    def status(self):
        return json.loads(self.weir.admin("/status").content)

    def refused(self):
        """What another weir says that is to serve at the same path."""
        command = [binary(), "run", "--listen", f"unix:{self.path}", "--admin", "off"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False, env=ENVIRONMENT)
        self.assertNotEqual(ended.returncode, 0)
        return ended.stderr

    def test_exchanges_and_a_tunnel(self):
        weir = self.start_unix({"log.access": "on"})
        origin = self.origin()
        client, upstream, answer = self.get(origin, "/one")
        self.assertEqual((answer.status, answer.content), (200, b"ok\n"))
        client.send(request(origin.url("/two"), "POST", content=b"x" * 100_000))
        asked = upstream.read_request()
        self.assertEqual((asked.target, len(asked.content)), ("/two", 100_000))
        upstream.send(response(b"y" * 3_000_000))
        self.assertEqual(len(client.read_response().content), 3_000_000)
        through, far = self.tunnel(origin)
        through.send(b"ping")
        self.assertEqual(far.receive_exactly(4), b"ping")
        far.send(b"pong").half_close()
        self.assertEqual(through.receive_exactly(4), b"pong")
        self.assertEqual(through.expect_end(), "fin")
        through.close()
        # The process that connected is this one.
        expected = f"client=unix:uid={os.getuid()},pid={os.getpid()} kind=exchange"
        eventually(lambda: expected in weir.stderr(), 5, lambda: f"{expected} in {weir.stderr()}")
        self.assertNotIn("warning", weir.stderr())

    def test_clients_hold_no_ports(self):
        self.start_unix()
        origin = self.origin()
        self.get(origin)
        status = self.status()
        self.assertEqual(status["listen"], ["127.0.0.1:3128", f"unix:{self.path}"])
        self.assertEqual((status["clients"]["total"], status["ports"]["client"]["used"]), (1, 0))
        peer = self.weir.connect()
        self.peers.append(peer)
        eventually(lambda: self.status()["ports"]["client"]["used"] == 1, 5, "the one over TCP has one")
        self.close_peers()
        eventually(lambda: self.status()["clients"]["total"] == 0, 5, "all are gone")
        self.assertEqual(self.status()["ports"]["client"]["used"], 0)

    def test_an_unread_answer_is_not_idle(self):
        self.start_unix({"client.idle_timeout": "500ms", "client.close_grace": "500ms"})
        origin = self.origin()
        client = self.client()
        client.send(request(origin.url("/")))
        upstream, _ = origin.accept_request()
        upstream.send(response(b"later\n"))
        # The grace is over, and the kernel says that the answer lies unread: it is not cut.
        eventually(lambda: self.status()["clients"]["stalled"] == 1, 5, lambda: f"a stall: {self.status()['clients']}")
        self.assertEqual(self.status()["clients"]["total"], 1)
        self.assertEqual(client.read_response().content, b"later\n")
        # Read to the end it is idle, and its client does not look: it is ended all the same.
        eventually(lambda: self.status()["clients"]["total"] == 0, 10, lambda: f"the end: {self.status()['clients']}")
        self.assertEqual(client.expect_end(), "fin")

    def test_permissions(self):
        self.start_unix({"listen_mode": "0620"})
        self.assertEqual(stat.S_IMODE(os.lstat(self.path).st_mode), 0o620)

    def test_a_stale_file_is_taken_over(self):
        with socket.socket(socket.AF_UNIX) as former:
            former.bind(self.path)
        self.start_unix()
        self.get(self.origin())

    def test_a_live_socket_is_left_alone(self):
        self.start_unix()
        self.assertIn(f"listen on unix:{self.path}, where another process serves", self.refused())
        self.get(self.origin())

    def test_a_file_that_is_no_socket_is_left_alone(self):
        with open(self.path, "w", encoding="ascii") as file:
            file.write("precious")
        self.assertIn("where a file lies that is no socket", self.refused())
        with open(self.path, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")

    def test_a_stop_removes_the_file_at_once_and_drains(self):
        weir = self.start_unix()
        origin = self.origin()
        client = self.client()
        client.send(request(origin.url("/")))
        upstream, _ = origin.accept_request()
        weir.signal(signal.SIGTERM)
        eventually(lambda: not os.path.lexists(self.path), 5, "the file is gone")
        upstream.send(response(b"last\n"))
        self.assertEqual(client.read_response().content, b"last\n")
        self.assertEqual(weir.wait(), 0)

    def test_many_starts_at_once_leave_one_server(self):
        with socket.socket(socket.AF_UNIX) as former:
            former.bind(self.path)
        command = [binary(), "run", "--listen", f"unix:{self.path}", "--admin", "off"]
        started = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, env=ENVIRONMENT) for _ in range(6)]
        try:
            eventually(lambda: sum(process.poll() is None for process in started) == 1, 10, "one is left")
            connect(self.path).close()
        finally:
            for process in started:
                if process.poll() is None:
                    process.terminate()
                process.wait(10)
        self.assertFalse(os.path.lexists(self.path))

    def test_a_reload_keeps_the_listener_and_changes_its_file(self):
        weir = self.start_unix(config="listen_mode: 0660\n")
        weir.write_config("listen_mode: 0600\n")
        weir.signal(signal.SIGHUP)
        eventually(lambda: "settings reloaded" in weir.stderr(), 5, "the settings are reloaded")
        self.assertEqual(stat.S_IMODE(os.lstat(self.path).st_mode), 0o600)
        self.get(self.origin())


class UnixOwnersTests(unittest.TestCase):
    def setUp(self):
        leaklab.build()
        self.directory = Directory()
        self.addCleanup(self.directory.remove)

    def owners(self, lab):
        """(uid, group): owner, of /leaks."""
        answer = json.loads(lab.weir.admin("/leaks").content)
        self.assertIsNone(answer["unseen"])
        return {(owner["uid"], owner["cgroup"]): owner for owner in answer["owners"]}

    def park(self, lab, user, group, count, pause):
        script = os.path.join(leaklab.SOURCES, "parking_client.py")
        argv = ["/usr/bin/python3", script, str(user), self.directory.socket, str(count), leaklab.url("http"), str(pause)]
        return lab.spawn(argv, cgroup=group)

    def test_a_leaker_is_named_and_cured_and_its_neighbour_is_not(self):
        with contextlib.ExitStack() as stack:
            groups = [stack.enter_context(Cgroup(name)) for name in ("leaker", "neighbour")]
            settings = {"listen": f"unix:{self.directory.socket}"}
            lab = stack.enter_context(leaklab.Lab(True, settings, config_file=None, ports=None))
            # The leak goes on for four seconds: what comes all at once might be a burst.
            few, many = 10, 200
            neighbour = self.park(lab, 61102, groups[1], few, 0)
            leaker = self.park(lab, 61101, groups[0], many, 0.02)
            pids = {}
            for process, count in ((leaker, many), (neighbour, few)):
                said = json.loads(process.stdout.readline())
                self.assertEqual(said["ok"], count)
                pids[process] = said["pid"]
            keys = ((61101, groups[0].path), (61102, groups[1].path))
            eventually(lambda: set(self.owners(lab)) == set(keys), 5, lambda: f"both owners: {self.owners(lab)}")
            eventually(lambda: self.owners(lab)[keys[0]]["verdict"] == "leaking"
                       and all(owner["processes"] for owner in self.owners(lab).values()), 10,
                       lambda: f"the verdict and the processes: {self.owners(lab)}")
            eventually(lambda: self.owners(lab)[keys[0]]["held"] <= MOST_LEFT, 20, lambda: f"a cure: {self.owners(lab)}")
            owners = self.owners(lab)
            for key, process, count in zip(keys, (leaker, neighbour), (many, few)):
                owner = owners[key]
                self.assertEqual((owner["opened"], owner["ports"]), (count, 0), owner)
                self.assertEqual([(entry["pid"], entry["executable"]) for entry in owner["processes"]],
                                 [(pids[process], INTERPRETER)])
            self.assertEqual((owners[keys[1]]["verdict"], owners[keys[1]]["held"]), ("healthy", few))
            lab.stop()


if __name__ == "__main__":
    unittest.main()
