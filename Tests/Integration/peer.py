"""Raw peers, one call per operation, so that a test plays any client or origin, well-behaved or broken:
accept, send, receive until, wait for an event, half-close, close, reset."""

import errno
import select
import socket
import struct
import time

import message
from eventually import eventually
from message import Truncated

PATIENCE = 5.0


def ready(sock, events, timeout):
    """poll, because select cannot watch descriptors beyond 1023."""
    poller = select.poll()
    poller.register(sock, events)
    return bool(poller.poll(max(0, timeout) * 1000))


class Peer:
    """One TCP connection under a test's control. Timeouts are seconds for the whole call."""

    def __init__(self, sock):
        self.socket = sock
        self.buffer = b""
        sock.settimeout(PATIENCE)

    # Sending

    def send(self, *pieces):
        for piece in pieces:
            self.socket.settimeout(PATIENCE)
            self.socket.sendall(piece.encode("latin-1") if isinstance(piece, str) else piece)
        return self

    def send_some(self, data, timeout=0.0):
        """What the kernel takes within `timeout`; 0 when it takes nothing."""
        if not ready(self.socket, select.POLLOUT, timeout):
            return 0
        return self.socket.send(data, socket.MSG_DONTWAIT)

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def close(self):
        self.socket.close()

    def reset(self):
        """Close by RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # Receiving

    def readable(self, timeout=0.0):
        """Whether bytes, FIN or RST are there within `timeout`."""
        return bool(self.buffer) or ready(self.socket, select.POLLIN, timeout)

    def receive_some(self, timeout=PATIENCE, size=65536):
        """At least one byte; b'' at the peer's FIN; raises at RST and on expiry."""
        if self.buffer:
            data, self.buffer = self.buffer, b""
            return data
        if not ready(self.socket, select.POLLIN, timeout):
            raise AssertionError(f"nothing received within {timeout:g} s")
        return self.socket.recv(size)

    def _fill(self, deadline, what):
        """Appends to the buffer; raises Truncated at the end of the stream."""
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not ready(self.socket, select.POLLIN, remaining):
            raise AssertionError(f"timed out in {what}; so far {self.buffer[-200:]!r}")
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError as error:
            raise Truncated(f"reset in {what}; so far {self.buffer[-200:]!r}", self.buffer, True) from error
        if not data:
            raise Truncated(f"closed in {what}; so far {self.buffer[-200:]!r}", self.buffer)
        self.buffer += data

    def receive_until(self, marker, timeout=None):
        deadline = time.monotonic() + (timeout or PATIENCE)
        while marker not in self.buffer:
            self._fill(deadline, f"waiting for {marker!r}")
        end = self.buffer.index(marker) + len(marker)
        data, self.buffer = self.buffer[:end], self.buffer[end:]
        return data

    def receive_exactly(self, count, timeout=None):
        deadline = time.monotonic() + (timeout or PATIENCE)
        pieces, missing = [], count
        while missing:
            if not self.buffer:
                try:
                    self._fill(deadline, f"waiting for {missing} more bytes")
                except Truncated as error:
                    error.partial = b"".join(pieces)
                    raise
            pieces.append(self.buffer[:missing])
            self.buffer = self.buffer[missing:]
            missing -= len(pieces[-1])
        return b"".join(pieces)

    def receive_to_end(self, timeout=None):
        """Everything up to a clean FIN; an RST is Truncated."""
        deadline = time.monotonic() + (timeout or PATIENCE)
        pieces = []
        while True:
            pieces.append(self.buffer)
            self.buffer = b""
            try:
                self._fill(deadline, "waiting for the end")
            except Truncated as error:
                if error.reset:
                    error.partial = b"".join(pieces)
                    raise
                return b"".join(pieces)

    def wait_for_end(self, timeout=None):
        """Discards bytes until the other side is gone; returns 'fin' or 'rst'."""
        try:
            self.receive_to_end(timeout)
            return "fin"
        except Truncated:
            return "rst"

    def expect_end(self, timeout=None):
        """The other side closes, by FIN or RST, without sending another byte."""
        try:
            data = self.receive_some(timeout or PATIENCE)
        except ConnectionResetError:
            return "rst"
        if data:
            raise AssertionError(f"expected the end, got {data[:200]!r}")
        return "fin"

    def expect_silence(self, seconds):
        """Nothing at all arrives for `seconds`."""
        if self.readable(seconds):
            try:
                got = self.receive_some(0)
            except ConnectionResetError:
                got = "RST"
            raise AssertionError(f"expected silence, got {got[:200] or 'FIN'!r}")

    # HTTP

    def read_request(self, timeout=None):
        return message.read_request(self, timeout)

    def read_response(self, method="GET", timeout=None):
        return message.read_response(self, method, timeout)

    def read_head(self, timeout=None):
        return message.read_head(self, timeout)

    def exchange(self, data, method="GET", timeout=None):
        return self.send(data).read_response(method, timeout)


def connect(namespace, address, port, source=None, timeout=PATIENCE, receive_buffer=None):
    """A client connection made inside `namespace`."""
    sock = namespace.socket()
    try:
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source:
            # 24 = IP_BIND_ADDRESS_NO_PORT: the port is chosen at connect, per destination.
            sock.setsockopt(socket.IPPROTO_IP, 24, 1)
            sock.bind((source, 0))
        sock.settimeout(timeout)
        sock.connect((address, port))
    except BaseException:
        sock.close()
        raise
    return Peer(sock)


class Listener:
    """An origin under a test's control: it answers nothing by itself."""

    def __init__(self, namespace, address, port, backlog=4096):
        self.socket = namespace.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))
        self.socket.listen(backlog)
        self.address, self.port = address, port
        self.accepted = []

    @property
    def authority(self):
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    def url(self, path="/"):
        return f"http://{self.authority}{path}"

    def pending(self, timeout=0.0):
        """Whether a connection waits to be accepted."""
        return ready(self.socket, select.POLLIN, timeout)

    def accept(self, timeout=PATIENCE):
        if not self.pending(timeout):
            raise AssertionError(f"no connection to {self.authority} within {timeout:g} s")
        sock, _ = self.socket.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = Peer(sock)
        self.accepted.append(peer)
        return peer

    def accept_request(self, timeout=PATIENCE):
        """A new connection and its first request."""
        peer = self.accept(timeout)
        return peer, peer.read_request(timeout)

    def next_request(self, timeout=PATIENCE):
        """The next request on whichever connection it comes, old or new: (peer, request)."""
        return eventually(self._request_that_came, timeout, f"a request at {self.authority}")

    def _request_that_came(self):
        while self.pending():
            self.accept()
        for peer in list(self.accepted):
            if not peer.readable():
                continue
            try:
                peer.buffer = peer.receive_some(0)
            except ConnectionResetError:
                peer.buffer = b""
            if peer.buffer:
                return peer, peer.read_request()
            # Ended, not asked anything.
            self.accepted.remove(peer)
            peer.close()
        return None

    def expect_no_connection(self, seconds=0.0):
        if self.pending(seconds):
            raise AssertionError(f"unexpected connection to {self.authority}")

    def close(self):
        self.socket.close()
        for peer in self.accepted:
            peer.close()


def refuses(namespace, address, port):
    """Whether a connect is refused."""
    try:
        connect(namespace, address, port, timeout=1).close()
    except OSError as error:
        return error.errno == errno.ECONNREFUSED
    return False
