"""A strict HTTP/1.1 reader over bytes in hand: it tells a complete message from one under way and from a cut one.

It is as strict as a careful recipient ought to be. What it refuses, an origin or a client behind the proxy might
read in another way than the proxy did, and that is how requests are smuggled.
"""

import re

from message import Message as PlainMessage

TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
REQUEST_LINE = re.compile(rf"({TOKEN}) ([\x21-\x7e\x80-\xff]+) HTTP/1\.[01]")
STATUS_LINE = re.compile(r"HTTP/1\.[01] ([1-9]\d\d)( [\t\x20-\x7e\x80-\xff]*)?")
FIELD_LINE = re.compile(rf"({TOKEN}):([\t\x20-\x7e\x80-\xff]*)")


class Failure(AssertionError):
    """An expectation of a case that did not hold."""


class Satisfied(Exception):
    """The case need not go on: the proxy took a way out that the RFC leaves it."""


class Malformed(Failure):
    """What arrived is not HTTP/1.x."""


class Message(PlainMessage):
    """A request or a response; `complete` is false where the connection ended first."""

    def __init__(self, start_line="", fields=()):
        super().__init__(start_line, list(fields))
        self.chunk_extensions = []
        self.complete = False

    def __repr__(self):
        fields = "; ".join(f"{name}: {value}" for name, value in self.fields)
        cut = "" if self.complete else ", cut"
        return f"«{self.start_line} | {fields[:300]} | {self.framing}, {self.content[:60]!r}{cut}»"

    def members(self, name):
        """The members of a list field that are not empty, lower case."""
        return [member for member in self.tokens(name) if member]


def parse_field_lines(lines):
    fields = []
    for line in lines:
        matched = FIELD_LINE.fullmatch(line)
        if not matched:
            raise Malformed(f"not a field line: {line[:200]!r}")
        fields.append((matched[1], matched[2].strip(" \t")))
    return fields


def parse_head(block, start_line):
    """`block` is a head with its empty line; `start_line` the pattern of its first line."""
    lines = block[:-4].decode("latin-1").split("\r\n")
    if not start_line.fullmatch(lines[0]):
        raise Malformed(f"not a start line: {lines[0][:200]!r}")
    return Message(lines[0], parse_field_lines(lines[1:]))


def take_request(data, ended):
    """(request, rest), or (None, data) while more bytes are needed. `ended`: None, "fin" or "rst"."""
    return _take(data, ended, REQUEST_LINE, lambda message: False)


def take_response(data, ended, method="GET"):
    """The same for one response, interim ones included."""
    return _take(data, ended, STATUS_LINE, lambda message: _is_bare(message, method))


def take_head(data, start_line):
    """The head alone."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None, data
    return parse_head(data[:end + 4], start_line), data[end + 4:]


def _is_bare(message, method):
    """Whether a response has no content whatever its fields say (RFC 9112 §6.3)."""
    if method == "CONNECT" and 200 <= message.status < 300:
        return True
    return method == "HEAD" or message.status < 200 or message.status in (204, 304)


def _take(data, ended, start_line, is_bare):
    message, rest = take_head(data, start_line)
    if message is None:
        if ended and data:
            cut = Message("(cut in the head)")
            cut.content = data
            return cut, b""
        return None, data
    taken = rest
    if is_bare(message):
        message.complete = True
    else:
        taken = _take_content(message, rest, ended, until_close=start_line is STATUS_LINE)
    if message.complete:
        return message, taken
    return (message, b"") if ended else (None, data)


def _take_content(message, rest, ended, until_close):
    codings, lengths = message.members("Transfer-Encoding"), message.all("Content-Length")
    if codings and lengths:
        raise Malformed(f"both framings in one message: {message!r}")
    if codings:
        if codings != ["chunked"]:
            raise Malformed(f"Transfer-Encoding is not exactly chunked: {message!r}")
        message.framing = "chunked"
        return _take_chunked(message, rest)
    if lengths:
        if len(lengths) != 1 or not re.fullmatch("[0-9]+", lengths[0]):
            raise Malformed(f"not one valid Content-Length: {message!r}")
        message.framing = "length"
        size = int(lengths[0])
        message.content = rest[:size]
        message.complete = len(rest) >= size
        return rest[size:]
    if not until_close:
        message.complete = True
        return rest
    message.framing = "close"
    message.content = rest
    message.complete = ended == "fin"
    return b""


def _take_line(data):
    """(line, rest), line None while it is not whole; only CRLF ends one."""
    end = data.find(b"\r\n")
    return (None, data) if end < 0 else (data[:end].decode("latin-1"), data[end + 2:])


def _take_chunked(message, data):
    while True:
        line, data = _take_line(data)
        if line is None:
            return data
        matched = re.fullmatch(r"([0-9A-Fa-f]+)([\t ]*;[\t\x20-\x7e\x80-\xff]*)?", line)
        if not matched:
            raise Malformed(f"not a chunk size: {line[:100]!r}")
        if matched[2]:
            message.chunk_extensions.append(matched[2])
        size = int(matched[1], 16)
        if size == 0:
            return _take_trailers(message, data)
        message.content += data[:size]
        if len(data) < size + 2:
            return data
        if data[size:size + 2] != b"\r\n":
            raise Malformed(f"no CRLF behind a chunk: {data[size:size + 20]!r}")
        data = data[size + 2:]


def _take_trailers(message, data):
    lines = []
    while True:
        line, data = _take_line(data)
        if line is None:
            return data
        if not line:
            message.trailers = parse_field_lines(lines)
            message.complete = True
            return data
        lines.append(line)
