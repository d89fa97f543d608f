"""The origin: an HTTP and HTTPS server that says what reached it.

It runs as threads of the test process; its listening sockets stay in the namespace in which they were
made. What it answers is in `pages`.
"""

import dataclasses
import hashlib
import http.server
import itertools
import socket
import socketserver
import threading
import traceback
import urllib.parse

import pages

PATIENCE = 15.0
_connections = itertools.count(1)


@dataclasses.dataclass
class Arrival:
    """One request as the origin saw it; `sha256` and `length` are those of its content."""

    scheme: str
    connection: int
    method: str
    target: str
    version: str
    fields: list
    length: int = 0
    sha256: str = hashlib.sha256().hexdigest()
    trailers: dict = dataclasses.field(default_factory=dict)
    invited: bool = False
    whole: bool = False
    cut: bool = False

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def first(self, name):
        return (self.all(name) or [None])[0]


class ContentCut(Exception):
    """The client left before its content was complete."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Reads requests with Content-Length, chunks and trailers; answers with the page that is asked for."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = PATIENCE

    def setup(self):
        super().setup()
        self.number = next(_connections)
        self.arrival = None

    def handle_expect_100(self):
        # The page decides: it invites the content when it reads it.
        self.invites = True
        return True

    def parse_request(self):
        self.invites = False
        return super().parse_request()

    def answer(self):
        self.arrival = Arrival(self.server.scheme, self.number, self.command, self.path,
                               self.request_version, list(self.headers.items()))
        host = (self.headers.get("Host") or "").rsplit(":", 1)[0]
        self.server.origin.arrived(host, self.arrival)
        split = urllib.parse.urlsplit(self.path)
        name, *words = split.path.strip("/").split("/")
        query = dict(urllib.parse.parse_qsl(split.query, keep_blank_values=True))
        page = pages.PAGES.get(name)
        try:
            if page is None:
                self.respond(404, b"no such page\n")
            else:
                page(self, words, query)
        except (ContentCut, OSError):
            self.arrival.cut = True
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_OPTIONS = do_DELETE = answer

    # What came

    def content(self):
        """The request's content in pieces, the way it is framed."""
        if self.invites:
            self.arrival.invited = True
            self.send_response_only(100)
            self.end_headers()
        digest = hashlib.sha256()
        chunked = (self.headers.get("Transfer-Encoding") or "").lower() == "chunked"
        for piece in self.chunks() if chunked else self.counted(int(self.headers.get("Content-Length") or 0)):
            digest.update(piece)
            self.arrival.length += len(piece)
            yield piece
        self.arrival.sha256 = digest.hexdigest()
        self.arrival.whole = True

    def counted(self, left):
        while left:
            piece = self.rfile.read(min(left, 65536))
            if not piece:
                raise ContentCut
            left -= len(piece)
            yield piece

    def chunks(self):
        while True:
            line = self.rfile.readline(1000)
            if not line.endswith(b"\n"):
                raise ContentCut
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            yield from self.counted(size)
            self.rfile.readline(1000)
        while (line := self.rfile.readline(10000).strip()):
            name, value = line.decode("latin-1").split(":", 1)
            self.arrival.trailers[name] = value.strip()

    # What goes

    def head(self, status, fields=()):
        self.send_response(status)
        for name, value in dict(fields).items():
            self.send_header(name, str(value))
        self.end_headers()

    def respond(self, status, content, fields=()):
        """A whole response; the content stays away from HEAD."""
        self.head(status, {"Content-Length": len(content), **dict(fields)})
        if self.command != "HEAD":
            self.wfile.write(content)

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end_chunks(self, trailers=()):
        lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
        self.wfile.write(f"0\r\n{lines}\r\n".encode("latin-1"))

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """One listening socket; TLS handshakes happen in the connection's own thread."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, origin, address, scheme, tls=None):
        self.origin, self.scheme, self.tls = origin, scheme, tls
        self.abrupt = set()
        super().__init__(address, Handler)

    def finish_request(self, request, client_address):
        request.settimeout(PATIENCE)
        try:
            if self.tls:
                request = self.tls.wrap_socket(request, server_side=True)
        except OSError:
            return
        self.origin.live.add(request)
        try:
            super().finish_request(request, client_address)
        except OSError:
            pass
        finally:
            self.origin.live.discard(request)
            self.end(request)

    def end(self, request):
        """With close_notify: a TLS client takes an end without one for a cut."""
        try:
            if self.tls and request not in self.abrupt:
                request.settimeout(1)
                request.unwrap()
        except (OSError, ValueError):
            pass
        self.abrupt.discard(request)
        request.close()

    def handle_error(self, request, client_address):
        self.origin.troubles.append(traceback.format_exc())


class Origin:
    """Both servers and what reached them, by the host that was asked for."""

    def __init__(self, namespace, address, tls, files):
        self.files = files
        self.arrivals, self.troubles, self.gates = {}, [], {}
        self.live, self.lock = set(), threading.Lock()
        with namespace.entered():
            self.servers = [Server(self, (address, 80), "http"), Server(self, (address, 443), "https", tls)]
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def arrived(self, host, arrival):
        with self.lock:
            self.arrivals.setdefault(host, []).append(arrival)

    def gate(self, key):
        """An event that one request waits for and another one sets."""
        with self.lock:
            return self.gates.setdefault(key, threading.Event())

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()
        for live in list(self.live):
            try:
                live.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
