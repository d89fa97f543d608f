"""1 GiB each way, through HTTP and through CONNECT: the same bytes come out, and weir does not grow."""

import hashlib
import os
import threading
import unittest

from harness import Stopwatch, WeirTestCase, eventually, observe, request

GIB = 1 << 30
BLOCK = 1 << 20
ALLOWED_GROWTH_KIB = 4096


def pattern():
    """Blocks whose every MiB is different, cheap to make."""
    base = os.urandom(BLOCK)
    for number in range(GIB // BLOCK):
        yield number.to_bytes(8, "big") + base[8:]


class Sender(threading.Thread):
    """Sends 1 GiB and keeps its SHA-256."""

    def __init__(self, peer):
        super().__init__(daemon=True)
        self.peer, self.digest, self.error = peer, hashlib.sha256(), None
        peer.socket.settimeout(60)
        self.start()

    def run(self):
        try:
            for block in pattern():
                self.peer.socket.sendall(block)
                self.digest.update(block)
        except OSError as error:
            self.error = error


def receive(peer, count):
    """The SHA-256 of the next `count` bytes."""
    digest = hashlib.sha256(peer.buffer[:count])
    missing, peer.buffer = count - len(peer.buffer[:count]), peer.buffer[count:]
    block = memoryview(bytearray(BLOCK))
    peer.socket.settimeout(60)
    while missing:
        got = peer.socket.recv_into(block, min(BLOCK, missing))
        if got == 0:
            raise AssertionError(f"{missing} bytes are missing")
        digest.update(block[:got])
        missing -= got
    return digest


class StreamingTests(WeirTestCase):
    def setUp(self):
        super().setUp()
        self.start()
        self.listener = self.origin()
        # One small exchange first: what any first connection costs is not growth.
        client, upstream, _ = self.get(self.listener)
        client.close()
        upstream.reset()
        self.listener.accepted.remove(upstream)
        self.memory = self.weir.memory_kib()

    def stream(self, source, sink):
        """Pumps 1 GiB from one peer to the other while weir's memory is watched."""
        watch, sender = Stopwatch(), Sender(source)
        peak, done = [0], threading.Event()

        def look():
            while not done.wait(0.05):
                peak[0] = max(peak[0], self.weir.memory_kib())
        watcher = threading.Thread(target=look, daemon=True)
        watcher.start()
        try:
            received = receive(sink, GIB)
        finally:
            done.set()
            watcher.join()
        sender.join(10)
        self.assertIsNone(sender.error)
        self.assertEqual(received.hexdigest(), sender.digest.hexdigest())
        growth = max(peak[0], self.weir.memory_kib()) - self.memory
        print(f"{GIB / watch.seconds / 1e6:.0f} MB/s, resident +{growth} KiB")
        self.assertLess(growth, ALLOWED_GROWTH_KIB)

    def exchange(self, method, fields):
        client = self.client()
        url = self.listener.url()
        client.send(f"{method} {url} HTTP/1.1\r\nHost: {self.listener.authority}\r\n{fields}\r\n")
        upstream = self.listener.accept()
        upstream.read_head()
        return client, upstream

    def test_down_through_http(self):
        client, upstream = self.exchange("GET", "")
        upstream.send(f"HTTP/1.1 200 OK\r\nContent-Length: {GIB}\r\n\r\n")
        client.read_head()
        self.stream(upstream, client)

    def test_up_through_http(self):
        client, upstream = self.exchange("POST", f"Content-Length: {GIB}\r\n")
        self.stream(client, upstream)
        upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(client.read_response().status, 200)

    def test_down_through_connect(self):
        client, upstream = self.tunnel(self.listener)
        self.stream(upstream, client)

    def test_up_through_connect(self):
        client, upstream = self.tunnel(self.listener)
        self.stream(client, upstream)


class BackpressureTests(WeirTestCase):
    """A peer that does not read stops the other one instead of filling weir."""

    def stall(self, source, baseline):
        """Sends until nothing moves any more; returns how much went in."""
        sent, block = 0, b"x" * 65536
        while True:
            taken = source.send_some(block, 0.5)
            sent += taken
            self.assertLess(sent, 64 << 20, "the reader sleeps, and still everything is taken")
            if not taken:
                break
        growth = self.weir.memory_kib() - baseline
        self.assertLess(growth, ALLOWED_GROWTH_KIB)
        before = self.weir.cpu_seconds()
        observe(0.5)
        self.assertLess(self.weir.cpu_seconds() - before, 0.1, "busy while nothing can move")
        return sent

    def drain(self, sink, count):
        received = 0
        while received < count:
            received += len(sink.receive_some(10, 1 << 20))
        self.assertEqual(received, count)

    def warm(self):
        self.start()
        origin = self.origin()
        client, upstream, _ = self.get(origin)
        return origin, client, upstream, self.weir.memory_kib()

    def test_a_client_that_does_not_read(self):
        origin, client, upstream, baseline = self.warm()
        client.send(request(origin.url("/big")))
        upstream.read_request()
        upstream.send(f"HTTP/1.1 200 OK\r\nContent-Length: {GIB}\r\n\r\n")
        client.read_head()
        sent = self.stall(upstream, baseline)
        self.drain(client, sent)

    def test_an_origin_that_does_not_read(self):
        origin, client, upstream, baseline = self.warm()
        client.send(f"PUT {origin.url()} HTTP/1.1\r\nHost: x\r\nContent-Length: {GIB}\r\n\r\n")
        eventually(lambda: upstream.readable() or origin.pending(), 5)
        upstream = upstream if upstream.readable() else origin.accept()
        upstream.read_head()
        sent = self.stall(client, baseline)
        self.drain(upstream, sent)

    def test_both_ends_of_a_tunnel(self):
        origin, _, _, baseline = self.warm()
        for direction in ("down", "up"):
            with self.subTest(direction):
                client, upstream = self.tunnel(origin)
                source, sink = (upstream, client) if direction == "down" else (client, upstream)
                sent = self.stall(source, baseline)
                self.drain(sink, sent)


if __name__ == "__main__":
    unittest.main()
