"""User memory per parked client connection: thousands of them, each of which made one request."""

import socket
import struct
import time

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
BATCH = 64


def bytes_per_connection(instance, origin, count):
    """Bytes of anonymous memory that each of `count` parked connections adds, or None and the reason."""
    request = f"GET {origin.uri} HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n".encode()
    before = instance.child.memory().anonymous
    clients = []
    try:
        while len(clients) < count:
            # In batches, so that not all of them are busy at once: a parked one has done its exchange.
            batch = [_connected(instance.port) for _ in range(min(BATCH, count - len(clients)))]
            clients.extend(batch)
            for client in batch:
                client.sendall(request)
            for client in batch:
                reason = _fault(_answer(client))
                if reason:
                    return None, reason
        time.sleep(0.5)
        still = sum(_is_open(client) for client in clients)
        if still < count:
            return None, f"closed {count - still} of {count} parked connections"
        return (instance.child.memory().anonymous - before) * 1024 / count, ""
    except OSError as error:
        return None, f"after {len(clients)} connections: {error}"
    finally:
        for client in clients:
            # Reset: thousands of TIME_WAIT ports would otherwise weigh on the runs that follow.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            client.close()


def _connected(port):
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def _answer(client):
    received = b""
    while True:
        head, separator, body = received.partition(b"\r\n\r\n")
        if separator:
            length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            if length and len(body) >= int(length[0].split(b":")[1]):
                return head
        piece = client.recv(4096)
        if not piece:
            return head
        received += piece


def _fault(head):
    status = head.split(b"\r\n")[0].decode(errors="replace")
    if " 200 " not in status + " ":
        return f"answered {status or 'nothing'}"
    first, _, fields = head.lower().partition(b"\r\n")
    if b"connection: close" in fields or first.startswith(b"http/1.0"):
        return "keeps no connection"
    return ""


def _is_open(client):
    client.setblocking(False)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
