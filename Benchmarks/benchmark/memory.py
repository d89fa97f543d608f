"""User memory (RssAnon) per parked client connection, per quiet tunnel and per idle upstream connection.

Each function returns bytes per connection, or None and the reason."""

import contextlib
import selectors
import socket
import struct
import threading
import time

from .origin import ADDRESSES
from .peers.peer import Can
from .processes import free_port

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
BATCH = 64
SETTLE = 0.5


class Fault(Exception):
    """Why there is no figure."""


def parked(instance, count):
    """Client connections that made one request each and are kept."""
    request = _get(instance.origin)
    with _crowd(instance, count, instance.port) as crowd:
        return crowd.grow(lambda number: request, _whole_response)


@contextlib.contextmanager
def standing_by(instance, count):
    """Parks so many connections for as long as the context lasts."""
    request = _get(instance.origin)
    with _crowd(instance, count, instance.port) as crowd:
        value, reason = crowd.grow(lambda number: request, _whole_response)
        if value is None:
            raise Fault(reason)
        yield


def quiet_tunnels(instance, count):
    """Tunnels through which nothing was sent yet; where the proxy only relays, plain connections."""
    connects = Can.CONNECT in instance.peer.can
    port = instance.port if connects else instance.relay_port

    def request(number):
        target = f"127.0.0.{1 + number % ADDRESSES}:{instance.origin.port}"
        return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode() if connects else b""

    with _crowd(instance, count, port) as crowd:
        return crowd.grow(request, _head if connects else None)


def idle_upstream(instance, holding, count):
    """What `count` idle upstream connections add to as many parked clients: their exchanges were all in flight at
    once, so it includes what that left behind."""
    request = _get(holding)
    with _crowd(instance, count, instance.port) as crowd:
        value, reason = crowd.grow(lambda number: request, _whole_response, batch=count)
        if value is None:
            return None, reason
        if holding.open() < count:
            return None, f"kept {holding.open()} of {count} upstream connections"
        return value, ""


@contextlib.contextmanager
def _crowd(instance, count, port):
    crowd = _Crowd(instance, count, port)
    try:
        yield crowd
    finally:
        for client in crowd.clients:
            # Reset: thousands of TIME_WAIT ports would otherwise weigh on the runs that follow.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            client.close()


class _Crowd:
    """Connections to a proxy, and the memory they add to it."""

    def __init__(self, instance, count, port):
        self.child, self.count, self.port = instance.child, count, port
        self.clients = []

    def grow(self, request, answer, batch=BATCH):
        try:
            before = self.child.memory().anonymous
            while len(self.clients) < self.count:
                # In batches, so that not all of them are busy at once.
                self._batch(min(batch, self.count - len(self.clients)), request, answer)
            time.sleep(SETTLE)
            still = sum(map(_is_open, self.clients))
            if still < self.count:
                return None, f"closed {self.count - still} of {self.count}"
            return (self.child.memory().anonymous - before) * 1024 / self.count, ""
        except (OSError, Fault) as error:
            return None, f"after {len(self.clients)} connections: {error}"

    def _batch(self, size, request, answer):
        first = len(self.clients)
        for _ in range(size):
            self.clients.append(socket.create_connection(("127.0.0.1", self.port), timeout=5))
        for number, client in enumerate(self.clients[first:], first):
            client.sendall(request(number))
        if answer:
            for client in self.clients[first:]:
                answer(client)


def _get(origin):
    return f"GET {origin.uri} HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n".encode()


def _head(client):
    """Reads the head of a response, and whatever came with it."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = client.recv(4096)
        if not piece:
            raise Fault(f"answered {received[:40] or 'nothing'}")
        received += piece
    status = received.split(b"\r\n")[0].decode(errors="replace")
    if " 200 " not in status + " ":
        raise Fault(f"answered {status}")
    return received


def _whole_response(client):
    head, _, body = _head(client).partition(b"\r\n\r\n")
    first, _, fields = head.lower().partition(b"\r\n")
    if b"connection: close" in fields or first.startswith(b"http/1.0"):
        raise Fault("keeps no connection")
    length = next(int(line[15:]) for line in fields.split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        piece = client.recv(4096)
        if not piece:
            raise Fault("closed amid a response")
        body += piece


def _is_open(client):
    client.setblocking(False)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


class HoldingOrigin:
    """An origin that answers at once, but for every request to /get after `hold` was called: those are answered
    together, when so many are there."""

    RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nweir"

    def __init__(self):
        self.port = free_port()
        self.authority = f"127.0.0.1:{self.port}"
        self.uri = f"http://{self.authority}/get"
        self._wanted, self._waiting, self._open = 0, [], set()
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=4096)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def hold(self, count):
        self._wanted = count

    def open(self):
        return len(self._open)

    def stop(self):
        self._stopping.set()
        self._thread.join()
        for connection in self._open:
            connection.close()
        self._listener.close()

    def _serve(self):
        while not self._stopping.is_set():
            for key, _ in self._selector.select(0.1):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._read(key.fileobj)

    def _accept(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = self._listener.accept()
                self._open.add(connection)
                self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection):
        try:
            received = connection.recv(65536)
        except OSError:
            received = b""
        if not received:
            self._selector.unregister(connection)
            self._open.discard(connection)
            connection.close()
            return
        self._waiting.append(connection)
        if len(self._waiting) >= self._wanted:
            for waiting in self._waiting:
                with contextlib.suppress(OSError):
                    waiting.sendall(self.RESPONSE)
            self._waiting = []
