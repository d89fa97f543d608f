#!/usr/bin/python3
"""Apps that open many connections and leak none.

Usage: workers PROXY_PORT COUNT SECONDS URL: COUNT processes, each with a connection of its own that it uses
every eight seconds or so. Or readers PROXY_PORT RATE SECONDS URL: one process with a pool that starts RATE
requests a second and reads each answer when it has lain there for 1.2 s.

One JSON line says what happened: requests, those with 200, connections opened, and those found closed.
"""

import json
import os
import random
import select
import socket
import sys
import time
import urllib.parse

READ_AFTER = 1.2
MEAN_GAP = 8.0


class Client:
    """Connections to the proxy, each of which is used again."""

    def __init__(self, port, url):
        self.port = port
        host = urllib.parse.urlsplit(url).netloc
        self.request = f"GET {url} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("ascii")
        self.idle = []
        self.counts = {"requests": 0, "ok": 0, "opened": 0, "closed": 0}

    def ask(self):
        """The connection on which an answer is awaited."""
        self.counts["requests"] += 1
        while self.idle:
            sock = self.idle.pop()
            if not select.select([sock], [], [], 0)[0]:
                sock.sendall(self.request)
                return sock
            self.counts["closed"] += 1
            sock.close()
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self.counts["opened"] += 1
        sock.sendall(self.request)
        return sock

    def read(self, sock):
        heard = b""
        while b"\r\n\r\n" not in heard:
            heard += self.piece(sock)
        head, content = heard.split(b"\r\n\r\n", 1)
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(content) < length:
            content += self.piece(sock)
        self.counts["ok"] += head.startswith(b"HTTP/1.1 200 ")
        if b"\r\nconnection: close" in head.lower():
            self.counts["closed"] += 1
            sock.close()
        else:
            self.idle.append(sock)

    def piece(self, sock):
        piece = sock.recv(65536)
        if not piece:
            raise ConnectionError("the answer stopped short")
        return piece


def worker(port, url, seconds, seed):
    draw = random.Random(seed)
    client = Client(port, url)
    end = time.monotonic() + seconds
    at = time.monotonic() + draw.uniform(0, MEAN_GAP)
    while at < end:
        time.sleep(max(0, at - time.monotonic()))
        client.read(client.ask())
        at += draw.expovariate(1 / MEAN_GAP)
    time.sleep(max(0, end - time.monotonic()))
    return client.counts


def workers(port, count, seconds, url):
    pipes = []
    for seed in range(count):
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.close(reader)
            os.write(writer, json.dumps(worker(port, url, seconds, seed)).encode("ascii"))
            os._exit(0)
        os.close(writer)
        pipes.append(reader)
    total = {"requests": 0, "ok": 0, "opened": 0, "closed": 0}
    for reader in pipes:
        said = os.read(reader, 4096)
        for key, value in json.loads(said or '{"requests": 1}').items():
            total[key] += value
        os.wait()
    return total


def readers(port, rate, seconds, url):
    client = Client(port, url)
    awaited = []
    start = time.monotonic()
    for number in range(rate * seconds):
        at = start + number / rate
        while awaited and awaited[0][0] <= at:
            due, sock = awaited.pop(0)
            time.sleep(max(0, due - time.monotonic()))
            client.read(sock)
        time.sleep(max(0, at - time.monotonic()))
        awaited.append((at + READ_AFTER, client.ask()))
    for due, sock in awaited:
        time.sleep(max(0, due - time.monotonic()))
        client.read(sock)
    return client.counts


def main():
    kind, port, count, seconds, url = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
    found = {"workers": workers, "readers": readers}[kind](port, count, seconds, url)
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
