"""What the origin answers, by the first word of the path."""

import email.utils
import functools
import gzip
import json
import mimetypes
import os
import random
import socket
import struct
import time

import githost
import websocket

PAGES = {}
#: Last-Modified of all that is made up.
LONG_AGO = 1_000_000_000
PIECE = 65536


def page(name):
    def register(function):
        PAGES[name] = function
        return function
    return register


@functools.lru_cache(maxsize=32)
def blob(size):
    """Bytes that follow from their number and do not repeat."""
    return random.Random(size).randbytes(size)


def pieces(data, size=PIECE):
    for start in range(0, len(data), size):
        yield data[start:start + size]


def drain(handler):
    for _ in handler.content():
        pass


def serve(handler, data, modified=LONG_AGO, kind="application/octet-stream"):
    """GET and HEAD with validators and one range."""
    drain(handler)
    tag = f'"{len(data)}-{int(modified)}"'
    fields = {"ETag": tag, "Last-Modified": email.utils.formatdate(modified, usegmt=True),
              "Accept-Ranges": "bytes", "Content-Type": kind}
    since = handler.headers.get("If-Modified-Since")
    if since and email.utils.parsedate_to_datetime(since).timestamp() >= int(modified):
        return handler.head(304, fields)
    wanted = handler.headers.get("Range")
    if not wanted or handler.headers.get("If-Range", tag) not in (tag, fields["Last-Modified"]):
        return handler.respond(200, data, fields)
    first, last = wanted.removeprefix("bytes=").split("-", 1)
    first, last = int(first), min(int(last or len(data)), len(data) - 1)
    if first >= len(data):
        return handler.respond(416, b"", {"Content-Range": f"bytes */{len(data)}"})
    fields["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
    return handler.respond(206, data[first:last + 1], fields)


@page("bytes")
def whole(handler, words, _):
    serve(handler, blob(int(words[0])))


@page("chunked")
def chunked(handler, words, query):
    """Chunks of uneven sizes; with `?trailers` a sum comes after them."""
    drain(handler)
    names = {"Trailer": "X-Sum"} if "trailers" in query else {}
    handler.head(200, {"Transfer-Encoding": "chunked", **names})
    data = blob(int(words[0]))
    for piece in pieces(data, 10007):
        handler.chunk(piece)
    handler.end_chunks([("X-Sum", "all of it")] if names else [])


def abort(handler):
    """The connection ends by RST, not FIN."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.server.abrupt.add(handler.request)


@page("until-close")
def until_close(handler, words, query):
    """Neither length nor chunks: the content ends with the connection; with `?reset` it does not end well."""
    drain(handler)
    handler.close_connection = True
    handler.head(200, {"Connection": "close"})
    for piece in pieces(blob(int(words[0]))):
        handler.wfile.write(piece)
    if "reset" in query:
        abort(handler)


@page("echo")
def echo(handler, _, query):
    """Reads the content, at the speed of `?pause` milliseconds a piece, and says what it was."""
    for _ in handler.content():
        time.sleep(int(query.get("pause", 0)) / 1000)
    arrival = handler.arrival
    handler.respond(200, json.dumps({"method": arrival.method, "length": arrival.length,
                                     "sha256": arrival.sha256, "trailers": arrival.trailers}).encode())


@page("reject")
def reject(handler, *_):
    """An answer before the content, which is not wanted; what comes all the same is swallowed for a while,
    because closing on unread content would reset the answer away."""
    handler.close_connection = True
    handler.respond(413, b"too much\n", {"Connection": "close"})
    if handler.invites:
        return
    if handler.server.tls is None:
        handler.connection.shutdown(socket.SHUT_WR)
    handler.connection.settimeout(2)
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline and handler.connection.recv(PIECE):
        pass


@page("compressed")
def compressed(handler, words, _):
    drain(handler)
    handler.respond(200, gzip.compress(blob(int(words[0]))), {"Content-Encoding": "gzip"})


@page("moved")
def moved(handler, words, _):
    drain(handler)
    handler.respond(302, b"over there\n", {"Location": "/" + "/".join(words)})


@page("nothing")
def nothing(handler, *_):
    drain(handler)
    handler.head(204)


@page("interim")
def interim(handler, *_):
    """103 Early Hints before the response."""
    drain(handler)
    handler.send_response_only(103, "Early Hints")
    handler.send_header("Link", "</style.css>; rel=preload")
    handler.end_headers()
    handler.respond(200, b"after the hints\n")


@page("cut")
def cut(handler, words, query):
    """Half of what was announced, then the end: by FIN, or with `?reset` by RST. With `?once` the next
    time goes well."""
    data = blob(int(words[0]))
    served = handler.headers.get("Range") or len(
        [a for a in handler.server.origin.arrivals[handler.headers["Host"]] if a.target == handler.path]) > 1
    if "once" in query and served:
        return serve(handler, data)
    drain(handler)
    handler.close_connection = True
    if "chunked" in query:
        handler.head(200, {"Transfer-Encoding": "chunked"})
        handler.chunk(data[:len(data) // 2])
    else:
        handler.head(200, {"Content-Length": len(data), "Accept-Ranges": "bytes"})
        handler.wfile.write(data[:len(data) // 2])
    handler.server.abrupt.add(handler.request)
    if "reset" in query:
        abort(handler)
    return None


@page("gate")
def gate(handler, words, _):
    """The first half at once, the second when `/open/KEY` is asked for: what buffers never gets there."""
    drain(handler)
    handler.head(200, {"Transfer-Encoding": "chunked"})
    handler.chunk(b"first half\n")
    opened = handler.server.origin.gate(handler.headers["Host"] + "/".join(words)).wait(10)
    handler.chunk(b"second half\n" if opened else b"nobody came\n")
    handler.end_chunks()


@page("open")
def open_gate(handler, words, _):
    drain(handler)
    handler.server.origin.gate(handler.headers["Host"] + "/".join(words)).set()
    handler.respond(200, b"opened\n")


@page("endless")
def endless(handler, *_):
    """Until the client leaves; that is then seen as `cut`."""
    drain(handler)
    handler.head(200, {"Transfer-Encoding": "chunked"})
    while True:
        handler.chunk(blob(1000))
        time.sleep(0.01)


@page("file")
def file(handler, words, _):
    """The files of the lab; a folder is its index."""
    path = os.path.join(handler.server.origin.files, *words)
    if os.path.isdir(path):
        path = os.path.join(path, "index.html")
    if not os.path.isfile(path):
        drain(handler)
        return handler.respond(404, b"no such file\n")
    with open(path, "rb") as source:
        return serve(handler, source.read(), os.path.getmtime(path),
                     mimetypes.guess_type(path)[0] or "application/octet-stream")


@page("git")
def git(handler, words, query):
    githost.answer(handler, words, query)


@page("ws")
def ws(handler, *_):
    websocket.answer(handler)
