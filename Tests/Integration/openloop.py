"""An open-loop client and its origin, as programs: so many requests a second whatever becomes of them.

    openloop.py origin ADDRESS PORT
    openloop.py client PROXY-PORT ORIGIN-URL RATE

The client goes on until its standard input ends and then prints one JSON object. It never repeats a request. A
failure is whatever a client without retries would suffer: a connection refused or reset, an answer cut off, another
status or content than expected, none within ten seconds. A connection that it finds closed when it is about to use
it is no failure, as every client looks; those are counted as `closed_idle`.
"""

import asyncio
import collections
import itertools
import json
import sys
import time

PATIENCE = 10.0
#: Connections that are used by themselves, with these pauses: from busier to quieter than a last call is long.
PAUSES = [0.2 + 0.15 * step for step in range(20)]


class Origin(asyncio.Protocol):
    """Answers each request with its target, and content with its length."""

    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""

    def data_received(self, data):
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, rest = self.buffer.split(b"\r\n\r\n", 1)
            length = 0
            for line in head.split(b"\r\n")[1:]:
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            content = head.split(b" ")[1] + b" %d" % length
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content))


class Connection(asyncio.Protocol):
    """One connection to the proxy; `exchange` is for one request at a time."""

    def __init__(self):
        self.buffer, self.waiter, self.is_closed, self.is_last = b"", None, False, False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        self._wake()

    def eof_received(self):
        self.is_closed = True
        self._wake()

    def connection_lost(self, exc):
        self.is_closed = True
        self._wake()

    def _wake(self):
        if self.waiter and not self.waiter.done():
            self.waiter.set_result(None)

    async def exchange(self, data, expected):
        """None, or what went wrong."""
        self.transport.write(data)
        while True:
            head, separator, content = self.buffer.partition(b"\r\n\r\n")
            if separator:
                fields = head.lower().split(b"\r\n")
                length = next((int(line[15:]) for line in fields if line.startswith(b"content-length:")), None)
                if length is None or not head.startswith(b"HTTP/1.1 200 "):
                    return f"answered {head[:60]!r}"
                if len(content) >= length:
                    self.buffer = b""
                    self.is_last = b"connection: close" in fields
                    return None if content == expected else f"content {content[:60]!r} for {expected!r}"
            if self.is_closed:
                return f"closed after {len(self.buffer)} bytes"
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter

    def close(self):
        self.transport.close()


class Client:
    def __init__(self, port, url, rate):
        self.port, self.url, self.rate = port, url, rate
        self.idle = collections.deque()
        self.numbers = itertools.count()
        self.results = collections.Counter()
        self.failures = []
        self.slowest = 0.0
        self.is_over = False

    async def open(self):
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self.port)
        return connection

    def request(self, is_last):
        number = next(self.numbers)
        content = b"x" * 100 if number % 5 == 0 else b""
        method = b"POST" if content else b"GET"
        data = b"%s %s/%d HTTP/1.1\r\nHost: o\r\n" % (method, self.url, number)
        if content:
            data += b"Content-Length: %d\r\n" % len(content)
        if is_last:
            data += b"Connection: close\r\n"
        return data + b"\r\n" + content, b"/%d %d" % (number, len(content))

    async def run(self, connection, kind):
        """One exchange, on a connection of its own where none is given. The connection if it lives on."""
        began = time.monotonic()
        problem = None
        try:
            async with asyncio.timeout(PATIENCE):
                if connection is None:
                    connection = await self.open()
                problem = await connection.exchange(*self.request(kind == "one-shot"))
        except TimeoutError:
            problem = "no answer in time"
        except OSError as error:
            problem = f"{type(error).__name__}: {error}"
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.results[kind] += 1
        if problem:
            self.failures.append(f"{kind}: {problem}")
        if connection and (problem or connection.is_last or connection.is_closed or kind == "one-shot"):
            self.results["announced"] += connection.is_last and kind != "one-shot"
            connection.close()
            return None
        return connection

    def usable(self, connection):
        if connection is None or not connection.is_closed:
            return connection
        self.results["closed_idle"] += 1
        connection.close()
        return None

    async def pooled(self):
        connection = None
        # The longest idle first, so that all are in use.
        while self.idle and connection is None:
            connection = self.usable(self.idle.popleft())
        connection = await self.run(connection, "pooled")
        if connection:
            self.idle.append(connection)

    async def slow(self, pause):
        connection = None
        while not self.is_over:
            connection = await self.run(self.usable(connection), "slow")
            await asyncio.sleep(pause)
        if connection:
            connection.close()

    async def main(self):
        loop = asyncio.get_running_loop()
        ended = loop.create_future()

        def end():
            loop.remove_reader(sys.stdin)
            ended.set_result(None)
        loop.add_reader(sys.stdin, end)
        tasks = {loop.create_task(self.slow(pause)) for pause in PAUSES}
        began = time.monotonic()
        sent = 0
        while not ended.done():
            # Whatever is late is sent all the same: the rate holds.
            while sent < (time.monotonic() - began) * self.rate:
                sent += 1
                work = self.pooled() if sent % 2 else self.run(None, "one-shot")
                task = loop.create_task(work)
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.sleep(0.001)
        seconds = time.monotonic() - began
        self.is_over = True
        if tasks:
            await asyncio.wait(tasks)
        for connection in self.idle:
            connection.close()
        print(json.dumps({"requests": sent, "seconds": round(seconds, 1), "rate": round(sent / seconds),
                          "failed": len(self.failures), "failures": self.failures[:10],
                          "slowest": round(self.slowest, 3), **self.results}))


async def serve(address, port):
    server = await asyncio.get_running_loop().create_server(Origin, address, int(port), backlog=1024)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "origin":
        asyncio.run(serve(sys.argv[2], sys.argv[3]))
    else:
        asyncio.run(Client(int(sys.argv[2]), sys.argv[3].encode(), float(sys.argv[4])).main())
