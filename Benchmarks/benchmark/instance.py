"""One running proxy."""

import contextlib
import socket
import time

from .peers.peer import Values
from .processes import Child, free_port


class NotStarted(Exception):
    """The proxy does not answer; the reason is the text."""


class Instance:
    """A proxy that answers, since `start_to_answer` milliseconds after it was started."""

    def __init__(self, bench, peer, roomy=False, wrapper=(), origin=None, patience=10):
        self.peer = peer
        self.origin = origin or bench.origin
        self.port, self.relay_port = free_port(), free_port()
        values = Values(self.port, self.relay_port, self.origin.authority, bench.directory, bench.descriptors, roomy)
        program = bench.programs[peer.name]
        command = [*wrapper, program, *peer.command(values)]
        start = time.perf_counter()
        self.child = Child(command, bench.cores.proxy, bench.directory / f"{peer.name}.log", peer.environment(values))
        try:
            self._await_answer(patience)
        except NotStarted:
            self.child.stop()
            raise
        self.start_to_answer = (time.perf_counter() - start) * 1000

    def _await_answer(self, patience):
        origin = self.origin
        request = f"GET {origin.uri} HTTP/1.1\r\nHost: {origin.authority}\r\nConnection: close\r\n\r\n".encode()
        deadline = time.monotonic() + patience
        answer = b""
        while time.monotonic() < deadline and self.child.alive():
            with contextlib.suppress(OSError):
                with socket.create_connection(("127.0.0.1", self.port), timeout=patience) as client:
                    client.sendall(request)
                    answer = client.recv(4096)
                    if answer.split(b" ", 2)[1:2] == [b"200"]:
                        return
            time.sleep(0.0005)
        reason = answer.split(b"\r\n")[0].decode(errors="replace") or self.child.last_words()
        raise NotStarted(f"does not answer: {reason}")

    def stop(self):
        self.child.stop()
