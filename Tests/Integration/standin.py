"""A program that stands in for weir where only what redirection needs of it is tested: it listens for
redirected connections, says so at an admin address, and tells each client where it wanted to go.

As a module it starts such a program; run as one it is that program. Arguments: JSON of `listen`, `mark`,
`uid`, `cgroup`.
"""

import json
import os
import socket
import struct
import subprocess
import sys
import threading

SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST = 80, 80
BOTH = ["127.0.0.1:3129", "[::1]:3129"]


def original_destination(connection):
    """Where the client wanted to go; None where nobody redirected it."""
    try:
        if connection.family == socket.AF_INET:
            raw = connection.getsockopt(socket.IPPROTO_IP, SO_ORIGINAL_DST, 16)
            address, port = socket.inet_ntop(socket.AF_INET, raw[4:8]), struct.unpack(">H", raw[2:4])[0]
        else:
            raw = connection.getsockopt(socket.IPPROTO_IPV6, IP6T_SO_ORIGINAL_DST, 28)
            address, port = socket.inet_ntop(socket.AF_INET6, raw[8:24]), struct.unpack(">H", raw[2:4])[0]
    except OSError:
        return None
    own = connection.getsockname()
    return None if (address, port) == own[:2] else [address, port]


def _serve(listener, answer):
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def _listen(text, answer):
    host, port = text.rsplit(":", 1)
    host = host.strip("[]")
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, int(port)))
    listener.listen(512)
    threading.Thread(target=_serve, args=(listener, answer), daemon=True).start()


def _tell(connection):
    """One line, and then an echo."""
    with connection:
        try:
            target = original_destination(connection)
            connection.sendall(json.dumps({"via": "weir", "to": target}).encode() + b"\n")
            while data := connection.recv(65536):
                if data.startswith(b'"reset"'):
                    # Linger 0: close(2) sends RST.
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                connection.sendall(data)
        except OSError:
            pass


def main():
    options = json.loads(sys.argv[1])
    status = {"redirect": {"listen": options["listen"], "mark": options["mark"], "uid": os.getuid(),
                           "cgroup": options["cgroup"], "pid": os.getpid()}}
    if options.get("ancient"):
        status = {}

    def admin(connection):
        with connection:
            connection.recv(65536)
            page = json.dumps(status).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(page) + page)

    for text in options["listening"]:
        _listen(text, _tell)
    _listen("127.0.0.1:9128", admin)
    print("ready", flush=True)
    # A stand-in that is to stop listening and live on is told so.
    sys.stdin.readline()
    os._exit(0)


class StandIn:
    """`listen` is what it says, `listening` what it does."""

    def __init__(self, namespace, listen=None, listening=None, mark=0, cgroup=None, group=None, uid=None,
                 ancient=False):
        listen = BOTH if listen is None else listen
        options = {"listen": listen, "listening": listen if listening is None else listening, "mark": mark,
                   "cgroup": cgroup, "ancient": ancient}
        argv = [sys.executable, os.path.abspath(__file__), json.dumps(options)]
        if uid is not None:
            argv = ["setpriv", f"--reuid={uid}", "--clear-groups", "--", *argv]
        command = namespace.command(*argv)
        self.process = subprocess.Popen(group.command(*command) if group else command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise AssertionError(f"the stand-in ended with {self.process.wait()}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def close(self):
        if self.process.poll() is None:
            self.kill()


if __name__ == "__main__":
    main()
