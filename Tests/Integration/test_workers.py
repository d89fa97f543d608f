"""Several workers in one process: what one serves the others bound, reload, hand over, drain and report along with it."""

import ctypes
import json
import os
import re
import signal
import socket
import threading
import unittest

import leaklab
import weirctl
from eventually import Stopwatch, eventually
from harness import MessageError, ORIGIN_ADDRESS, PROXY_PORT, WeirTestCase, request, response
from peer import connect
from supervisor import Supervisor
from test_continuity import listening


class Census:
    """The most connections that stood at once, over some origins. Counted whenever one was accepted: those that are
    established then have all been so at that moment, as what weir resets is gone at once on this host."""

    def __init__(self):
        self.lock = threading.Lock()
        self.peers, self.most = [], 0

    def accept(self, listener):
        with self.lock:
            peer = listener.accept()
            self.peers = [other for other in self.peers + [peer] if self._stands(other)]
            self.most = max(self.most, len(self.peers))
            return peer

    @staticmethod
    def _stands(peer):
        try:
            return peer.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == 1
        except OSError:
            return False


class Counting:
    """An origin that answers by itself and counts its connections."""

    def __init__(self, listener, delay=0.0, census=None):
        self.listener, self.delay = listener, delay
        self.census = census or Census()
        self.lock = threading.Lock()
        self.open, self.requests, self.accepted = 0, 0, 0
        self.over = threading.Event()
        self.acceptor = threading.Thread(target=self._accept, daemon=True)
        self.acceptor.start()

    def _accept(self):
        while not self.over.is_set():
            if not self.listener.pending(0.1):
                continue
            peer = self.census.accept(self.listener)
            with self.lock:
                self.open += 1
                self.accepted += 1
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        try:
            while True:
                peer.read_request(60)
                if self.delay:
                    self.over.wait(self.delay)
                with self.lock:
                    self.requests += 1
                peer.send(response(b"ok\n"))
        except (OSError, AssertionError, MessageError):
            pass
        finally:
            with self.lock:
                self.open -= 1
            peer.close()

    def close(self):
        """Ends the connections; their threads close them."""
        self.over.set()
        self.acceptor.join()
        for peer in self.listener.accepted:
            try:
                peer.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        eventually(lambda: self.open == 0, 5, "the origin's connections are closed")


class WorkersTestCase(WeirTestCase):
    def setUp(self):
        super().setUp()
        self.countings = []

    def start(self, settings=None, **options):
        return super().start({"workers": "2", **(settings or {})}, **options)

    def counting(self, delay=0.0, port=8080, census=None):
        origin = Counting(self.origin(port), delay, census)
        self.countings.append(origin)
        return origin

    def close_peers(self):
        for origin in self.countings:
            origin.close()
        super().close_peers()

    def status(self):
        return json.loads(self.weir.admin("/status").content)

    def metrics(self):
        values = {}
        for line in self.weir.admin("/metrics").content.decode().splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values

    def loads(self):
        return self.status()["workers"]

    def clients_of_both(self, origin, count=16):
        """Clients that have had one answer each, so many that both workers have some."""
        clients = [self.client() for _ in range(count)]
        for client in clients:
            answer = client.exchange(request(origin.listener.url("/")))
            self.assertEqual(answer.status, 200)
        served = [load["requests"] for load in self.loads()]
        self.assertEqual(len(served), 2)
        self.assertTrue(all(served), f"one worker has served all: {served}")
        return clients

    def burst(self, origin, clients, rounds):
        """So many clients at once, each asking one after the other; returns what went wrong."""
        wrong = []

        def ask():
            try:
                peer = connect(self.namespace, "127.0.0.1", PROXY_PORT, timeout=30)
                for _ in range(rounds):
                    answer = peer.exchange(request(origin.listener.url("/")), timeout=30)
                    if answer.status != 200 or answer.content != b"ok\n":
                        wrong.append(answer)
                peer.close()
            except Exception as error:
                wrong.append(error)

        threads = [threading.Thread(target=ask) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return wrong


class ServingTests(WorkersTestCase):
    def test_both_serve_and_the_figures_are_those_of_both(self):
        self.start()
        origin = self.counting()
        clients = self.clients_of_both(origin)
        status, metrics = self.status(), self.metrics()
        loads = status["workers"]
        self.assertEqual(sum(load["requests"] for load in loads), len(clients))
        self.assertEqual(sum(load["clients"] for load in loads), len(clients))
        self.assertEqual(status["clients"]["total"], len(clients))
        self.assertEqual(status["clients"]["parked"], len(clients))
        self.assertEqual(status["clients"]["owners"], 1)
        self.assertEqual(status["counters"]["requests"], len(clients))
        self.assertEqual(status["counters"]["outcomes"]["completed"], len(clients))
        self.assertEqual(status["pool"]["origins"], 1)
        self.assertEqual(status["pool"]["by_origin"][0]["idle"], origin.open)
        self.assertEqual(metrics["weir_requests_total"], len(clients))
        self.assertEqual(metrics["weir_exchange_duration_seconds_count"], len(clients))
        for index, load in enumerate(loads):
            self.assertEqual(metrics[f'weir_worker_requests_total{{worker="{index}"}}'], load["requests"])
            self.assertEqual(metrics[f'weir_worker_client_connections{{worker="{index}"}}'], load["clients"])
        overview = json.loads(self.weir.admin("/overview").content)
        self.assertEqual([owner["held"] for owner in overview["owners"]], [len(clients)])
        leaks = json.loads(self.weir.admin("/leaks").content)
        self.assertEqual([owner["opened"] for owner in leaks["owners"]], [len(clients)])
        history = json.loads(self.weir.admin("/history").content)
        requests = history["columns"].index("requests")

        def counted():
            rows = json.loads(self.weir.admin("/history").content)["fine"]["entries"]
            return max((row[history["columns"].index("clients")] for row in rows), default=0) == len(clients)
        self.assertGreater(requests, 0)
        eventually(counted, 5, "the history shows the clients of both")

    def test_tunnels_and_large_content_pass_through_either(self):
        self.start()
        origin = self.origin()
        content = os.urandom(1 << 20)
        for _ in range(8):
            client, upstream = self.tunnel(origin)
            client.send(content[:100000])
            self.assertEqual(upstream.receive_exactly(100000), content[:100000])
            upstream.send(content[:100000])
            self.assertEqual(client.receive_exactly(100000), content[:100000])
            client.reset()
            upstream.wait_for_end()
        loads = self.loads()
        self.assertEqual(sum(load["requests"] for load in loads), 8)

    def test_orders_reach_both(self):
        self.start()
        origin = self.counting()
        clients = self.clients_of_both(origin)
        closed = weirctl.run(self.namespace, "close-idle", f"{ORIGIN_ADDRESS}:8080")
        self.assertIn(f"{origin.accepted} idle connections", closed.stdout)
        eventually(lambda: origin.open == 0, 5, "no upstream connection is left")
        weirctl.run(self.namespace, "drain")
        for client in clients:
            answer = client.exchange(request(origin.listener.url("/")))
            self.assertEqual(answer.field("Connection"), "close")
        weirctl.run(self.namespace, "resume")
        self.assertEqual(self.weir.admin("/healthz").status, 200)

    def test_a_second_weir_on_the_same_address_is_refused(self):
        self.start()
        other = type(self.weir)(self.namespace, {"workers": "2"})
        self.addCleanup(other.destroy)
        other.launch()
        self.assertEqual(other.wait(10), 1)
        self.assertIn("Address already in use", other.stderr())

    def test_the_access_log_has_a_line_for_each_request(self):
        self.start({"log.access": "on"})
        origin = self.counting()
        clients = self.clients_of_both(origin)
        lines = re.compile(rf"GET http://{re.escape(origin.listener.authority)}/")
        eventually(lambda: len(lines.findall(self.weir.stderr(100000))) == len(clients), 5,
                   lambda: self.weir.stderr(100000))


class BoundTests(WorkersTestCase):
    def test_connections_to_one_origin_are_bounded_over_both(self):
        self.start({"upstream.max_per_destination": "3", "upstream.queue_timeout": "30s"})
        origin = self.counting(delay=0.005)
        self.assertEqual(self.burst(origin, 24, 10), [])
        self.assertEqual(origin.requests, 240)
        self.assertEqual(origin.census.most, 3)
        self.assertGreater(min(load["requests"] for load in self.loads()), 0)
        self.assertLessEqual(self.metrics()["weir_upstream_connections_peak"], 3)

    def test_all_connections_are_bounded_over_both(self):
        self.start({"upstream.max_connections": "5", "upstream.queue_timeout": "30s"})
        census = Census()
        origins = [self.counting(0.005, 8080 + index, census) for index in range(3)]
        wrong = []
        threads = [threading.Thread(target=lambda origin=origin: wrong.extend(self.burst(origin, 8, 10)))
                   for origin in origins]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(sum(origin.requests for origin in origins), 240)
        self.assertGreater(census.most, 3)
        self.assertLessEqual(census.most, 5)

    def test_idle_connections_are_not_multiplied(self):
        self.start({"upstream.max_idle_per_destination": "4", "upstream.surplus_timeout": "unlimited"})
        origin = self.counting(delay=0.02)
        self.assertEqual(self.burst(origin, 32, 2), [])
        eventually(lambda: origin.open <= 4, 5, lambda: f"{origin.open} connections are left")
        self.assertEqual(self.status()["pool"]["idle"], origin.open)

    def test_clients_are_bounded_over_both(self):
        self.start({"client.max_connections": "8"})
        origin = self.counting(delay=0.05)
        most, over = 0, threading.Event()

        def watch():
            nonlocal most
            while not over.is_set():
                most = max(most, self.status()["clients"]["total"])
        watcher = threading.Thread(target=watch)
        watcher.start()
        wrong = self.burst(origin, 40, 1)
        over.set()
        watcher.join()
        self.assertEqual(wrong, [])
        self.assertGreater(most, 2)
        self.assertLessEqual(most, 8)


class LifeTests(WorkersTestCase):
    def test_a_reload_reaches_both(self):
        weir = self.start(config="client:\n  keep_alive: on\n")
        origin = self.counting()
        clients = self.clients_of_both(origin)
        weir.write_config("client:\n  keep_alive: off\n")
        weir.signal(signal.SIGHUP)
        eventually(lambda: self.status()["process"]["reloads"] == 1, 5, weir.stderr)
        for client in clients:
            answer = client.exchange(request(origin.listener.url("/")))
            self.assertEqual((answer.status, answer.field("Connection")), (200, "close"))

    def test_the_number_needs_a_restart(self):
        weir = super(WorkersTestCase, self).start(config="workers: 2\n")
        weir.write_config("workers: 3\n")
        weir.signal(signal.SIGHUP)
        eventually(lambda: self.status()["lifecycle"]["needs_restart"] == ["workers"], 5, weir.stderr)
        self.assertEqual(len(self.loads()), 2)

    def test_nothing_is_lost_at_a_stop(self):
        weir = self.start()
        origin = self.origin()
        clients = [self.client() for _ in range(16)]
        for client in clients:
            client.send(request(origin.url("/")))
        upstreams = [origin.accept_request()[0] for _ in clients]
        weir.signal(signal.SIGTERM)
        eventually(lambda: "accepting nothing more" in weir.stderr(), 5, weir.stderr)
        for upstream in upstreams:
            upstream.send(response(b"late\n"))
        for client in clients:
            answer = client.read_response()
            self.assertEqual((answer.status, answer.content), (200, b"late\n"))
            self.assertEqual(answer.field("Connection"), "close")
        self.assertEqual(weir.wait(10), 0)

    def test_a_worker_that_is_cut_tells_of_its_exchanges(self):
        weir = self.start({"drain_timeout": "1s", "log.access": "on"})
        origin = self.origin()
        clients = [self.client() for _ in range(16)]
        for client in clients:
            client.send(request(origin.url("/stuck")))
        for _ in clients:
            origin.accept_request()
        weir.signal(signal.SIGTERM)
        self.assertEqual(weir.wait(10), 0)
        self.assertEqual(len(re.findall(r"GET http://\S+/stuck.*stopped", weir.stderr(100000))), 16, weir.stderr())


class UpgradeTests(unittest.TestCase):
    """Under a supervisor, with sockets of weir's own or one of the service manager's."""

    def setUp(self):
        self.namespace = WeirTestCase.make_namespace(self)
        self.peers = []
        self.addCleanup(lambda: [peer.close() for peer in self.peers])

    def supervise(self, sockets=(), **options):
        supervisor = Supervisor(self.namespace, list(sockets), **options)
        self.addCleanup(supervisor.close)
        return supervisor

    def ask(self, origin, count):
        """New clients, one request each."""
        for _ in range(count):
            peer = connect(self.namespace, "127.0.0.1", PROXY_PORT, timeout=10)
            answer = peer.exchange(request(origin.listener.url("/")))
            self.assertEqual(answer.status, 200)
            peer.close()

    def loads(self):
        peer = connect(self.namespace, "127.0.0.1", 9128)
        answer = peer.exchange("GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        peer.close()
        return [load["requests"] for load in json.loads(answer.content)["workers"]]

    def origin(self):
        listener = WeirTestCase.origin(self._holder())
        self.peers.append(listener)
        origin = Counting(listener)
        self.addCleanup(origin.close)
        return origin

    def _holder(self):
        holder = WeirTestCase()
        holder.namespace, holder.peers, holder.origin_ports = self.namespace, [], set()
        return holder

    def test_an_upgrade_hands_over_every_socket_and_loses_nobody(self):
        supervisor = self.supervise(config="workers: 2\n").start()
        origin = self.origin()
        self.ask(origin, 16)
        failures, over, asked = [], threading.Event(), 0

        def load():
            nonlocal asked
            while not over.is_set():
                try:
                    self.ask(origin, 1)
                    asked += 1
                except Exception as error:
                    failures.append(error)
        threads = [threading.Thread(target=load) for _ in range(8)]
        for thread in threads:
            thread.start()
        for workers in (2, 3, 1, 2):
            supervisor.write_config(f"workers: {workers}\n")
            former = supervisor.upgrade()
            self.assertEqual(supervisor.reap(former), 0)
            self.assertEqual(len(self.loads()), workers)
        seen = asked
        eventually(lambda: asked > seen + 50, 10, "clients are served on")
        over.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertTrue(all(self.loads()), self.loads())
        self.assertEqual(supervisor.stop(), 0)

    def test_workers_share_a_socket_of_the_service_managers(self):
        supervisor = self.supervise([("weir.socket", listening(self.namespace))], config="workers: 2\n").start()
        origin = self.origin()
        watch = Stopwatch()
        while not all(self.loads()) and watch.seconds < 20:
            self.ask(origin, 20)
        self.assertTrue(all(self.loads()), self.loads())
        self.assertEqual(supervisor.stop(), 0)
        waiting = connect(self.namespace, "127.0.0.1", PROXY_PORT)
        self.peers.append(waiting)
        waiting.send(request(origin.listener.url("/")))
        supervisor.start()
        self.assertEqual(waiting.read_response().status, 200)
        self.assertEqual(supervisor.stop(), 0)

    def test_a_worker_that_hangs_is_noticed_by_the_watchdog(self):
        # Pinged each 3 s, it runs out 3 to 6 s after the last answer: behind that of /status, which waits for 2 s.
        supervisor = self.supervise(config="workers: 2\n", watchdog=6.0).start()
        watch = Stopwatch()
        eventually(lambda: watch.seconds > 8, 15)
        self.assertEqual(supervisor.killed, 0, supervisor.messages)
        former = supervisor.main
        thread = hang(former, "worker-1")
        # The first one goes on, and says what it cannot know.
        peer = connect(self.namespace, "127.0.0.1", 9128)
        answer = peer.exchange("GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        peer.close()
        self.assertEqual((answer.status, answer.content), (503, b"not all workers answer\n"))
        eventually(lambda: supervisor.killed == 1, 20, "the watchdog ran out")
        os.waitpid(thread, _WALL)
        self.assertLess(supervisor.reap(former), 0)


class LeakTests(unittest.TestCase):
    def test_a_leaky_app_is_cured_by_both(self):
        leaklab.build()
        with leaklab.Lab(True, {"workers": "2"}, config_file=None) as lab:
            result = lab.run_kind("go-http")
            requests = [load["requests"] for load in json.loads(lab.weir.admin("/status").content)["workers"]]
            leaks = json.loads(lab.weir.admin("/leaks").content)
            lab.stop()
        self.assertEqual((result.ok, result.failed), (2000, {}), result)
        self.assertGreater(min(requests), 500)
        self.assertEqual([owner["verdict"] for owner in leaks["owners"]], ["leaking"])
        self.assertLess(result.peak_held_app_hop, 250, result)
        # Two probes of each worker's.
        self.assertLessEqual(result.left_held_app_hop, 4, result)


_PTRACE_SEIZE, _PTRACE_INTERRUPT, _WALL = 0x4206, 0x4207, 0x40000000


def hang(process, name):
    """Stops one thread of a process, until it is killed; returns its number."""
    for thread in os.listdir(f"/proc/{process}/task"):
        with open(f"/proc/{process}/task/{thread}/comm", encoding="ascii") as file:
            if file.read().strip() != name:
                continue
        ptrace = ctypes.CDLL(None, use_errno=True).ptrace
        for request_number in (_PTRACE_SEIZE, _PTRACE_INTERRUPT):
            if ptrace(request_number, int(thread), None, None) != 0:
                raise OSError(ctypes.get_errno(), "ptrace")
        return int(thread)
    raise AssertionError(f"there is no thread {name}")
