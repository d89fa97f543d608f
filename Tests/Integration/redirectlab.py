"""A namespace with origins, apps of chosen users and groups, and weirctl redirect."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

import weirprocess
from cgroups import Cgroup
from eventually import eventually
from netns import ORIGIN_ADDRESS, Namespace
from standin import StandIn, _serve

HERE = os.path.dirname(os.path.abspath(__file__))
ORIGIN_ADDRESS_6 = "fd77::1"
DIRECT = {"via": "origin"}


def weirctl():
    return os.path.join(os.path.dirname(weirprocess.binary()), "weirctl")


def via_weir(address=ORIGIN_ADDRESS, port=80):
    return {"via": "weir", "to": [address, port]}


class App:
    """A process that connects when it is told to."""

    def __init__(self, namespace, uid=0, gid=0, group=None):
        argv = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--",
                sys.executable, os.path.join(HERE, "redirect_client.py")]
        command = namespace.command(*argv)
        self.process = subprocess.Popen(group.command(*command) if group else command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)

    def order(self, **order):
        self.process.stdin.write(json.dumps(order) + "\n")
        return json.loads(self.process.stdout.readline())

    def visit(self, address=ORIGIN_ADDRESS, port=80):
        return self.order(visit=[address, port])

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class RedirectTestCase(unittest.TestCase):
    """Origins at port 80, 443 and 8080 of both families say {"via": "origin"} and then echo."""

    maxDiff = 4000

    def setUp(self):
        self.namespace = Namespace(host_files=True)
        self.addCleanup(self.namespace.close)
        self.namespace.run("ip", "address", "add", f"{ORIGIN_ADDRESS_6}/128", "dev", "lo", "nodad")
        self.addCleanup(self.end_keepers)
        for address in (ORIGIN_ADDRESS, ORIGIN_ADDRESS_6, "127.0.0.1"):
            for port in (80, 443, 8080):
                self.origin(address, port)

    def origin(self, address, port):
        listener = self.namespace.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(512)
        self.addCleanup(listener.close)
        # A thread that waits in accept(2) would not see the socket closed.
        self.addCleanup(listener.shutdown, socket.SHUT_RDWR)
        threading.Thread(target=_serve, args=(listener, self._answer), daemon=True).start()

    @staticmethod
    def _answer(connection):
        with connection:
            try:
                connection.sendall(json.dumps(DIRECT).encode() + b"\n")
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                pass

    def stand_in(self, **options):
        weir = StandIn(self.namespace, **options)
        self.addCleanup(weir.close)
        return weir

    def app(self, **options):
        app = App(self.namespace, **options)
        self.addCleanup(app.close)
        return app

    def group(self, name):
        group = Cgroup(name)
        self.addCleanup(group.__exit__)
        return group.__enter__()

    # The command

    def redirect(self, *arguments, status=0, prefix=()):
        """What `weirctl redirect` printed."""
        done = subprocess.run(self.namespace.command(*prefix, weirctl(), "redirect", *arguments),
                              capture_output=True, text=True, timeout=40, check=False)
        self.assertEqual(done.returncode, status, f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout if status == 0 else done.stderr

    def up(self, *arguments, **options):
        return self.redirect("up", *arguments, **options)

    def watch(self, *arguments):
        """`weirctl redirect watch` as a process, once it keeps the rules."""
        process = subprocess.Popen(self.namespace.command(weirctl(), "redirect", "watch", *arguments),
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(self._end, process)
        line = process.stderr.readline()
        self.assertIn("redirecting", line)
        return process

    @staticmethod
    def _end(process):
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stderr.close()

    def show(self):
        """The redirections by name."""
        page = json.loads(self.redirect("show", "--json"))
        return {one["name"]: one for one in page["redirections"]}

    def keepers(self):
        """The processes that keep tables of the namespace."""
        here = os.stat(f"/run/netns/{self.namespace.name}").st_ino
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/comm", encoding="ascii") as file:
                    is_weirctl = file.read() == "weirctl\n"
                if is_weirctl and os.stat(f"/proc/{entry}/ns/net").st_ino == here:
                    found.append(int(entry))
            except OSError:
                continue
        return found

    def end_keepers(self):
        for pid in self.keepers():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not self.keepers(), 5, "no keeper is left")

    def tables(self):
        return sorted(self.namespace.run("nft", "list", "tables").split("\n")[:-1])

    def until_direct(self, app, deadline=5.0):
        """Seconds until a connection of the app goes directly, and what others did before."""
        began = time.monotonic()
        before = []
        while time.monotonic() < began + deadline:
            answer = app.visit()
            if answer == DIRECT:
                return time.monotonic() - began, before
            before.append(answer)
        raise AssertionError(f"not direct within {deadline} s: {before[-3:]}")
