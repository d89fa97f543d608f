"""A strict little HTTP/1.1 reader for tests: it knows when a message is complete and when it is not."""

import re


class MessageError(AssertionError):
    """What arrived is not HTTP as the tests expect it."""


class Truncated(MessageError):
    """The connection ended before the message did; `partial` is what had arrived."""

    def __init__(self, text, partial=None, reset=False):
        super().__init__(text)
        self.partial = partial
        self.reset = reset


class Message:
    """A request or a response. `fields` is a list of (name, value) in order; `trailers` alike."""

    def __init__(self, start_line, fields):
        self.start_line = start_line
        self.fields = fields
        self.content = b""
        self.trailers = []
        self.framing = "none"
        self.interim = []

    def __repr__(self):
        return f"<{self.start_line!r} {self.framing} {len(self.content)} bytes {self.fields!r}>"

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def field(self, name):
        """The value of field `name`, several joined by a comma, None when absent."""
        values = self.all(name)
        return ", ".join(values) if values else None

    def tokens(self, name):
        """The comma-separated members of a list field, lower case."""
        value = self.field(name)
        return [part.strip().lower() for part in value.split(",")] if value else []

    @property
    def status(self):
        return int(self.start_line.split(" ")[1])

    @property
    def method(self):
        return self.start_line.split(" ")[0]

    @property
    def target(self):
        return self.start_line.split(" ")[1]


def parse_head(block):
    """`block` is a head without its final empty line."""
    lines = block.decode("latin-1").split("\r\n")
    fields = []
    for line in lines[1:]:
        name, separator, value = line.partition(":")
        if not separator or not re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", name):
            raise MessageError(f"not a field line: {line!r}")
        fields.append((name, value.strip(" \t")))
    return Message(lines[0], fields)


def read_head(peer, timeout=None):
    block = peer.receive_until(b"\r\n\r\n", timeout)
    return parse_head(block[:-4])


def read_request(peer, timeout=None):
    """The next request with its whole content."""
    message = read_head(peer, timeout)
    if not re.fullmatch(r"\S+ \S+ HTTP/1\.[01]", message.start_line):
        raise MessageError(f"not a request line: {message.start_line!r}")
    read_content(peer, message, timeout, until_close=False)
    return message


def read_response(peer, method="GET", timeout=None):
    """The next final response with its whole content; interim ones are in `interim`.

    Raises Truncated when the connection ends first, by FIN or by RST.
    """
    interim = []
    while True:
        message = read_response_head(peer, timeout)
        if message.status >= 200 or message.status == 101:
            break
        interim.append(message)
    message.interim = interim
    opens_tunnel = method == "CONNECT" and message.status < 300
    if method == "HEAD" or message.status in (101, 204, 304) or opens_tunnel:
        return message
    try:
        read_content(peer, message, timeout, until_close=True)
    except Truncated as error:
        error.partial = message
        raise
    return message


def read_response_head(peer, timeout=None):
    """The next response head, interim ones too, nothing of the content."""
    message = read_head(peer, timeout)
    if not re.fullmatch(r"HTTP/1\.[01] \d{3}( .*)?", message.start_line):
        raise MessageError(f"not a status line: {message.start_line!r}")
    return message


def read_content(peer, message, timeout, until_close):
    codings, lengths = message.tokens("Transfer-Encoding"), message.all("Content-Length")
    if codings and lengths:
        raise MessageError(f"both framings in one message: {message!r}")
    if codings:
        if codings != ["chunked"]:
            raise MessageError(f"transfer codings {codings}")
        message.framing = "chunked"
        read_chunked(peer, message, timeout)
    elif lengths:
        if len(lengths) != 1 or not lengths[0].isdigit():
            raise MessageError(f"Content-Length {lengths}")
        message.framing = "length"
        read_exactly(peer, message, int(lengths[0]), timeout)
    elif until_close:
        message.framing = "close"
        message.content = peer.receive_to_end(timeout)


def read_exactly(peer, message, count, timeout):
    try:
        message.content += peer.receive_exactly(count, timeout)
    except Truncated as error:
        message.content += error.partial or b""
        raise


def read_chunked(peer, message, timeout):
    while True:
        line = peer.receive_until(b"\r\n", timeout)[:-2]
        size = line.split(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]+", size):
            raise MessageError(f"not a chunk size: {line!r}")
        if int(size, 16) == 0:
            break
        read_exactly(peer, message, int(size, 16), timeout)
        if peer.receive_exactly(2, timeout) != b"\r\n":
            raise MessageError("no CRLF after a chunk")
    while True:
        line = peer.receive_until(b"\r\n", timeout)[:-2]
        if not line:
            return
        name, _, value = line.decode("latin-1").partition(":")
        message.trailers.append((name, value.strip(" \t")))


def response(content=b"ok\n", status="200 OK", fields=()):
    """The bytes of a response with a Content-Length."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *fields]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + content


def request(target, method="GET", fields=(), content=None, version="1.1", host=None):
    """The bytes of a request in absolute form; Host is taken from `target` unless given."""
    if host is None:
        host = target.split("//", 1)[-1].split("/")[0].split("?")[0]
    head = [f"{method} {target} HTTP/{version}", f"Host: {host}", *fields]
    if content is not None:
        head.append(f"Content-Length: {len(content)}")
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + (content or b"")
