#!/usr/bin/python3
"""Opens connections to a proxy, gets one answer on each, and keeps them until its standard input ends.

Usage: UID PROXY COUNT URL [PAUSE]; PAUSE is seconds between two connections, none by default; PROXY is a port of 127.0.0.1 or the path of a Unix socket. It becomes the user first: to the kernel a socket belongs to whoever made
it. One JSON line says how many answers were 200.
"""

import json
import os
import socket
import sys
import time
import urllib.parse


def answered(sock, request):
    """The whole head, and content of the length that it tells."""
    sock.sendall(request)
    heard = b""
    while b"\r\n\r\n" not in heard:
        piece = sock.recv(65536)
        if not piece:
            return False
        heard += piece
    head, content = heard.split(b"\r\n\r\n", 1)
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(content) < length:
        piece = sock.recv(65536)
        if not piece:
            return False
        content += piece
    return head.startswith(b"HTTP/1.1 200 ")


def connected(proxy):
    if not proxy.startswith("/"):
        return socket.create_connection(("127.0.0.1", int(proxy)), timeout=10)
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(10)
    sock.connect(proxy)
    return sock


def main():
    user, proxy, count, url = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    pause = float(sys.argv[5]) if len(sys.argv) > 5 else 0
    host = urllib.parse.urlsplit(url).netloc
    request = f"GET {url} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("ascii")
    kept, ok = [], 0
    for _ in range(count):
        sock = connected(proxy)
        kept.append(sock)
        ok += answered(sock, request)
        time.sleep(pause)
    print(json.dumps({"ok": ok, "pid": os.getpid()}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
