"""One case's sockets: its clients, its origins and the connections the proxy made to them.

One thread polls them all, so that a step can wait for "the client is answered or the origin is asked, whichever
comes first": what a proxy does with a doubtful request is its choice, and no step may hang on the other one.
"""

import os
import select
import socket
import struct
import time

from wire import Failure, take_request, take_response

#: An address of this process: on 127.0.0.1 the port of a case may have been somebody else's, whose clients still come.
ORIGIN_ADDRESS = f"127.{64 + os.getpid() // 250 % 190}.{1 + os.getpid() % 250}.1"
#: How long nothing may come before that counts as silence.
QUIET = 0.04


class Connection:
    """A TCP connection under the case's control. `received` is all bytes so far, `buffer` those not yet read."""

    def __init__(self, sock, name, accepted_by=None):
        self.socket = sock
        self.name = name
        self.accepted_by = accepted_by
        self.received = b""
        self.buffer = b""
        self.ended = None
        self.requests = 0
        self.claimed = False
        self._pieces = []
        self._half_close = False
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def open(self):
        return self.socket.fileno() >= 0

    def events(self):
        """What to poll for."""
        wanted = 0 if self.ended else select.POLLIN
        return wanted | (select.POLLOUT if self._pieces or self._half_close else 0)

    def write(self, data):
        self._pieces.append(data)
        self.flush()

    def half_close(self):
        self._half_close = True
        self.flush()

    def flush(self):
        """Sends what the kernel takes. A peer that is gone shows up when it is read from, not here."""
        try:
            while self._pieces:
                sent = self.socket.send(self._pieces[0])
                self._pieces[0] = self._pieces[0][sent:]
                if not self._pieces[0]:
                    self._pieces.pop(0)
            if self._half_close:
                self._half_close = False
                self.socket.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:
            self._pieces, self._half_close = [], False

    def drain(self):
        """Takes over what the kernel has."""
        try:
            while not self.ended:
                data = self.socket.recv(1 << 18)
                if not data:
                    self.ended = "fin"
                self.received += data
                self.buffer += data
        except BlockingIOError:
            pass
        except OSError:
            self.ended = "rst"

    def close(self):
        self.socket.close()

    def reset(self):
        """Close by RST."""
        if self.open:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.socket.close()


class World:
    """What a case runs in. `proxy` is the proxy under test, `deadline` bounds the whole case."""

    def __init__(self, proxy, timeout):
        self.proxy = proxy
        self.deadline = time.monotonic() + timeout
        self.listeners = {}
        self.clients = {}
        self.upstreams = []
        self.upstream = None
        self.reply_again = None

    @property
    def weir(self):
        return self.proxy.is_weir

    # Addresses

    def listener(self, name):
        """The origin `name`, made at its first mention: "o", "o2", or "o6" on the IPv6 loopback address."""
        if name not in self.listeners:
            family, address = (socket.AF_INET6, "::1") if name == "o6" else (socket.AF_INET, ORIGIN_ADDRESS)
            sock = socket.socket(family)
            self.listeners[name] = sock
            sock.bind((address, 0))
            sock.listen(16)
            sock.setblocking(False)
        return self.listeners[name]

    def stop_listening(self, name):
        """Connections to it are refused from now on; the port stays reserved for the case."""
        port = self.listener(name).getsockname()[1]
        self.listeners.pop(name).close()
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((ORIGIN_ADDRESS, port))
        self.clients["reserved"] = Connection(sock, "reserved port")
        self.clients["reserved"].ended = "fin"
        return port

    def port(self, name):
        return self.listener(name).getsockname()[1]

    def authority(self, name):
        return f"[::1]:{self.port(name)}" if name == "o6" else f"{ORIGIN_ADDRESS}:{self.port(name)}"

    def fill(self, text):
        """`text` with its place holders filled in, as bytes."""
        if isinstance(text, bytes):
            return text
        for name in ("o", "o2", "o6"):
            if f"{{{name}}}" in text:
                text = text.replace(f"{{{name}}}", self.authority(name))
            if f"{{p{name[1:]}}}" in text:
                text = text.replace(f"{{p{name[1:]}}}", str(self.port(name)))
        text = text.replace("{h}", ORIGIN_ADDRESS)
        if "{me}" in text:
            text = text.replace("{me}", self.proxy.pseudonym())
        return text.encode("latin-1")

    # Sockets

    def client(self, name="a"):
        """The client connection `name`, made at its first mention."""
        if name not in self.clients:
            # An origin that nobody mentions must still be there to notice what should not reach it.
            self.listener("o")
            sock = socket.create_connection(self.proxy.address, timeout=2)
            self.clients[name] = Connection(sock, f"client {name}")
        return self.clients[name]

    def pump(self, seconds=0.0):
        """Lets bytes, connections and ends come in, for at most `seconds` or until something did."""
        poller, by_descriptor = select.poll(), {}
        for name, sock in self.listeners.items():
            by_descriptor[sock.fileno()] = name
            poller.register(sock, select.POLLIN)
        for connection in [*self.clients.values(), *self.upstreams]:
            if connection.open and connection.events():
                by_descriptor[connection.socket.fileno()] = connection
                poller.register(connection.socket, connection.events())
        happened = poller.poll(max(0, seconds) * 1000)
        for descriptor, _ in happened:
            entry = by_descriptor[descriptor]
            if isinstance(entry, str):
                self._accept(entry)
            else:
                entry.flush()
                entry.drain()
        return bool(happened)

    def _accept(self, name):
        try:
            sock, _ = self.listeners[name].accept()
        except OSError:
            return
        self.upstreams.append(Connection(sock, f"upstream {len(self.upstreams) + 1}", name))

    def wait(self, condition, what):
        """Until `condition` returns something true, which is returned."""
        while True:
            value = condition()
            if value:
                return value
            remaining = self.deadline - time.monotonic()
            if remaining <= 0:
                raise Failure(f"expected {what}; got nothing in time; {self.describe()}")
            self.pump(min(remaining, 0.5))

    def wait_quiet(self, seconds=QUIET):
        """Until nothing has happened for `seconds`."""
        while time.monotonic() < self.deadline and self.pump(seconds):
            pass

    def describe(self):
        """What has not been read yet, and what has ended."""
        parts = []
        for connection in [*self.clients.values(), *self.upstreams]:
            if connection.buffer:
                parts.append(f"{connection.name} has {connection.buffer[:160]!r}")
            if connection.ended and connection.name != "reserved port":
                parts.append(f"{connection.name} ended by {connection.ended}")
        return ", ".join(parts) or "nothing is under way"

    def close(self):
        for connection in [*self.clients.values(), *self.upstreams]:
            connection.reset()
        for sock in self.listeners.values():
            sock.close()

    # Messages

    def next_request(self):
        """The next whole request on any upstream connection, or None; its connection becomes `upstream`."""
        for connection in self.upstreams:
            request, connection.buffer = take_request(connection.buffer, connection.ended)
            if request:
                connection.requests += 1
                connection.claimed = True
                self.upstream = connection
                return request
        return None

    def next_response(self, name="a", method="GET", interim=False):
        """The next response at a client, or None. Interim ones are collected, or returned with `interim`.

        A connection that ended before any byte of it gives False.
        """
        client = self.client(name)
        data, passed = client.buffer, []
        while True:
            response, data = take_response(data, client.ended, method)
            if response is None:
                return False if client.ended else None
            is_final = not response.complete or response.status >= 200 or response.status == 101
            if not is_final and not interim:
                passed.append(response)
                continue
            response.interim = passed
            client.buffer = data
            return response

    def asked(self):
        """Whether any byte of a request has reached an origin that no step has read."""
        return any(connection.buffer for connection in self.upstreams)
