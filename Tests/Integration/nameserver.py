"""A name server for tests: a few names, NXDOMAIN for the rest, and two kinds of trouble."""

import select
import socket
import struct
import threading

TYPES = {1: socket.AF_INET, 28: socket.AF_INET6}
NXDOMAIN = 3


class NameServer:
    """Listens on 127.0.0.1:53 of a namespace, UDP and TCP, and makes that the namespace's resolver.

    `answers` maps lower-case names to lists of addresses. Names that begin with `silent` get no reply;
    those that begin with `truncated` get a truncated one over UDP and the whole one over TCP only.
    `queries` collects (transport, name, type).
    """

    def __init__(self, namespace, answers=None):
        namespace.write_etc("resolv.conf", "nameserver 127.0.0.1\n")
        self.answers = answers or {}
        self.queries = []
        self.datagrams = namespace.socket(kind=socket.SOCK_DGRAM)
        self.datagrams.bind(("127.0.0.1", 53))
        self.streams = namespace.socket()
        self.streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.streams.bind(("127.0.0.1", 53))
        self.streams.listen()
        self.waker, self.stopper = socket.socketpair()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            ready, _, _ = select.select([self.datagrams, self.streams, self.waker], [], [])
            if self.waker in ready:
                return
            if self.datagrams in ready:
                query, client = self.datagrams.recvfrom(2048)
                answer = self.answer(query, "udp")
                if answer:
                    self.datagrams.sendto(answer, client)
            if self.streams in ready:
                self._serve_stream(self.streams.accept()[0])

    def _serve_stream(self, stream):
        with stream:
            stream.settimeout(2)
            try:
                while True:
                    size = stream.recv(2, socket.MSG_WAITALL)
                    if len(size) < 2:
                        return
                    query = stream.recv(struct.unpack("!H", size)[0], socket.MSG_WAITALL)
                    answer = self.answer(query, "tcp")
                    if answer:
                        stream.sendall(struct.pack("!H", len(answer)) + answer)
            except OSError:
                return

    def answer(self, query, transport):
        """The reply to one query; None for silence."""
        labels, position = [], 12
        while query[position]:
            length = query[position]
            labels.append(query[position + 1:position + 1 + length])
            position += 1 + length
        name = b".".join(labels).decode("ascii").lower()
        end = position + 5
        kind = struct.unpack("!H", query[position + 1:position + 3])[0]
        self.queries.append((transport, name, kind))
        if name.startswith("silent"):
            return None
        known = self.answers.get(name)
        records = []
        for text in known or []:
            family = socket.AF_INET6 if ":" in text else socket.AF_INET
            if TYPES.get(kind) == family:
                packed = socket.inet_pton(family, text)
                # 0xC00C points back at the name of the question; class IN, 60 s.
                records.append(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(packed)) + packed)
        # QR, RD, RA and the result.
        flags = 0x8180 | (0 if known else NXDOMAIN)
        if transport == "udp" and name.startswith("truncated"):
            flags, records = flags | 0x0200, []
        header = query[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0)
        return header + query[12:end] + b"".join(records)

    def close(self):
        self.stopper.send(b"x")
        self.thread.join()
        for sock in (self.datagrams, self.streams, self.waker, self.stopper):
            sock.close()
