"""What a case is: a name, a host of its own at the origin, a folder, and a client that is run."""

import hashlib
import json
import os
import re
import signal
import subprocess
import threading

import pages
from eventually import eventually
from lab import CLOSED_PORT, DOMAIN, PROGRAMS, PROXY

CASES = {}
#: Seconds for one run of a client.
PATIENCE = 25
#: Fields that concern one connection only, and must not reach the origin.
HOP_BY_HOP = ("Proxy-Connection", "Keep-Alive", "Proxy-Authorization", "Proxy-Authenticate", "HTTP2-Settings")


def case(*schemes, name=None, group=None, **given):
    """Registers `function(case)` once for each scheme; `given` become attributes of the case."""
    def register(function):
        first = group or function.__module__.removeprefix("cases_")
        for scheme in schemes or ("http",):
            words = [first, name or function.__name__] + ([scheme] if len(schemes) > 1 else [])
            full = ".".join(words).replace("_", "-")
            if full in CASES:
                raise ValueError(f"two cases are called {full}")
            CASES[full] = lambda lab, full=full, scheme=scheme: Case(lab, full, scheme, function, given)
        return function
    return register


class Case:
    """One client doing one thing. Checks raise AssertionError."""

    def __init__(self, lab, name, scheme, function, given):
        self.lab, self.name, self.scheme, self.function = lab, name, scheme, function
        self.host = f"{name.replace('.', '-')}.{DOMAIN}"
        self.said = ""
        #: Whether the request goes through a tunnel, so that weir adds nothing to it.
        self.tunnelled = scheme == "https"
        vars(self).update(given)

    def perform(self):
        self.directory = self.lab.folder(self.name)
        self.function(self)
        for arrival in self.arrivals():
            self.check_hop(arrival)

    def check_hop(self, arrival):
        """A proxied request has Via and none of the hop's own fields; a tunnelled one is untouched."""
        self.equal(len(arrival.all("Via")), 0 if self.tunnelled else 1, f"Via by weir at {arrival.target}")
        if not self.tunnelled:
            self.equal(arrival.version, "HTTP/1.1", "version at the origin")
            left = [name for name, _ in arrival.fields if name.title() in (n.title() for n in HOP_BY_HOP)]
            self.equal(left, [], f"hop-by-hop fields at {arrival.target}")
            self.equal(arrival.all("Host"), [self.host], "Host at the origin")

    # Places

    def url(self, path, host=None):
        return f"{self.scheme}://{host or self.host}{path}"

    def refused(self):
        return f"{self.scheme}://{self.host}:{CLOSED_PORT}/"

    def unknown(self):
        return f"{self.scheme}://nobody-{self.host}/"

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    # The client

    def environment(self, extra=()):
        inherited = {name: value for name, value in os.environ.items()
                     if name in ("PATH", "GOCACHE") or name.startswith("LC_")}
        return {**inherited, "HOME": self.directory, "LANG": "C.UTF-8", "PROXY": PROXY,
                "CA_FILE": self.lab.authority, "PYTHONDONTWRITEBYTECODE": "1", **dict(extra)}

    def run(self, *argv, status=0, content=None, extra=()):
        """Runs the client inside the namespace; `status` is what it must exit with, None for anything.
        Returns what it wrote, as bytes."""
        with self.lab.namespace.entered():
            process = subprocess.Popen(argv, cwd=self.directory, env=self.environment(extra),
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, start_new_session=True)
        overdue = threading.Timer(PATIENCE, os.killpg, (process.pid, signal.SIGKILL))
        overdue.start()
        try:
            output, errors = process.communicate(content)
        finally:
            overdue.cancel()
        self.complaint = errors.decode("utf-8", "replace")
        self.said += f"$ {' '.join(argv)}\n{self.complaint[-3000:]}\n"
        if len(output) < 2000:
            self.said += output.decode("utf-8", "replace") + "\n"
        if process.returncode == -signal.SIGKILL:
            raise AssertionError(f"{argv[0]} took more than {PATIENCE} s")
        self.status = process.returncode
        if status is not None:
            self.equal(process.returncode, status, f"exit status of {argv[0]}")
        return output

    def program(self, *argv):
        """The last line that one of our own client programs wrote, as JSON."""
        lines = self.run(*argv).decode("utf-8").strip().splitlines()
        return json.loads(lines[-1])

    def script(self, name):
        return os.path.join(PROGRAMS, name)

    # What the origin and weir saw

    def arrivals(self):
        return list(self.lab.origin.arrivals.get(self.host, ()))

    def sole_arrival(self, method=None):
        """The one and only request."""
        arrivals = self.arrivals()
        self.equal(len(arrivals), 1, f"requests at the origin: {[a.target for a in arrivals]}")
        if method:
            self.equal(arrivals[0].method, method, "method at the origin")
        return arrivals[0]

    def records(self, count=None):
        """weir's access records of this case; waits for `count` of them."""
        def mine():
            found = [record for record in self.lab.log() if self.host in record["target"]]
            return found if count is None or len(found) >= count else None
        found = eventually(mine, 5, lambda: f"{count} access records of {self.host}") if count else mine()
        if count is not None:
            self.equal(len(found), count, "access records")
        return found

    # Checks

    def equal(self, got, wanted, what):
        if got != wanted:
            shown = [text if len(text) < 300 else text[:300] + "…" for text in (repr(got), repr(wanted))]
            raise AssertionError(f"{what}: {shown[0]}, expected {shown[1]}")

    def matches(self, text, pattern, what):
        if not re.search(pattern, text):
            raise AssertionError(f"{what}: {text[-500:]!r} does not match {pattern!r}")

    def same_blob(self, data, size):
        self.equal((len(data), hashlib.sha256(data).hexdigest()),
                   (size, hashlib.sha256(pages.blob(size)).hexdigest()), "content")

    def same_digest(self, said, size):
        """For clients that say `length` and `sha256` themselves."""
        self.equal((said.get("length"), said.get("sha256")),
                   (size, hashlib.sha256(pages.blob(size)).hexdigest()), f"content ({said})")
