"""The origin's side of a WebSocket (RFC 6455): it echoes every message until it is told to close."""

import base64
import hashlib
import struct

_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CLOSE, PING, PONG = 8, 9, 10


def accept_key(key):
    return base64.b64encode(hashlib.sha1((key + _MAGIC).encode("ascii")).digest()).decode("ascii")


def read_frame(stream):
    """(first byte, payload), unmasked; None at the end."""
    start = stream.read(2)
    if len(start) < 2:
        return None
    length = start[1] & 127
    if length == 126:
        length, = struct.unpack("!H", stream.read(2))
    elif length == 127:
        length, = struct.unpack("!Q", stream.read(8))
    mask = stream.read(4) if start[1] & 128 else bytes(4)
    payload = stream.read(length)
    key = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
    return start[0], (int.from_bytes(payload, "big") ^ key).to_bytes(length, "big")


def frame(first, payload):
    if len(payload) < 126:
        return bytes([first, len(payload)]) + payload
    if len(payload) < 65536:
        return struct.pack("!BBH", first, 126, len(payload)) + payload
    return struct.pack("!BBQ", first, 127, len(payload)) + payload


def answer(handler):
    key = handler.headers.get("Sec-WebSocket-Key")
    if (handler.headers.get("Upgrade") or "").lower() != "websocket" or not key:
        handler.respond(426, b"only WebSockets here\n", {"Upgrade": "websocket", "Connection": "Upgrade"})
        return
    handler.close_connection = True
    handler.head(101, {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept_key(key)})
    # A first word from the origin, unasked.
    handler.wfile.write(frame(0x81, b"welcome"))
    while (received := read_frame(handler.rfile)):
        first, payload = received
        if first & 15 == PING:
            handler.wfile.write(frame(0x80 | PONG, payload))
            continue
        handler.wfile.write(frame(first, payload))
        if first & 15 == CLOSE:
            return
