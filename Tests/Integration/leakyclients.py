"""The apps that leak, by name, and the command lines that run them in a lab."""

import dataclasses
import os

from weirprocess import REPOSITORY

SOURCES = os.path.join(REPOSITORY, "Tests", "Leak")
PROGRAMS = os.environ.get("WEIR_LEAK_BUILD") or os.path.join(REPOSITORY, ".build", "leak")
#: A short answer, and one that the app drops before it has all come.
SMALL, LONG = "/", "/bytes?n=1048576"


@dataclasses.dataclass(frozen=True)
class Kind:
    """`body` is what the app does with an answer: read, leak or partial. `greedy` apps take a core and more."""

    language: str
    scheme: str
    body: str = "read"
    origins: int = 1
    requests: int = 2000
    greedy: bool = False

    @property
    def path(self):
        return LONG if self.body == "partial" else SMALL

    def command(self, urls, requests, rate):
        options = {"go": self._go, "python": self._python, "node": self._node, "java": self._java}
        return options[self.language](urls, str(requests), str(rate))

    def _go(self, urls, requests, rate):
        return [os.path.join(PROGRAMS, "leaky"), "-url", ",".join(urls), "-body", self.body,
                "-n", requests, "-rate", rate, "-hold"]

    def _python(self, urls, requests, rate):
        # Debian's, for which Debian's requests is.
        return ["/usr/bin/python3", os.path.join(SOURCES, "requests_client.py"), "--url", urls[0],
                "-n", requests, "--rate", rate]

    def _node(self, urls, requests, rate):
        return ["node", os.path.join(SOURCES, "node", "leaky.mjs"), urls[0], requests, rate]

    def _java(self, urls, requests, rate):
        # Small stacks and no second compiler: every HttpClient brings threads of its own.
        return ["java", "-Xss256k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
                os.path.join(PROGRAMS, "java"), "Leaky", urls[0], requests, rate]


KINDS = {
    "go-http": Kind("go", "http"),
    "go-https": Kind("go", "https"),
    "go-leaked-body-http": Kind("go", "http", body="leak"),
    "go-leaked-body-https": Kind("go", "https", body="leak"),
    "go-midway-http": Kind("go", "http", body="partial", greedy=True),
    "go-midway-https": Kind("go", "https", body="partial", greedy=True),
    "go-four-origins-http": Kind("go", "http", origins=4),
    "go-four-origins-https": Kind("go", "https", origins=4),
    "requests-http": Kind("python", "http", requests=700),
    "requests-https": Kind("python", "https", requests=700),
    "node-http": Kind("node", "http", requests=700),
    "node-https": Kind("node", "https", requests=700, greedy=True),
    "java-http": Kind("java", "http", requests=700, greedy=True),
    "java-https": Kind("java", "https", requests=700, greedy=True),
}
