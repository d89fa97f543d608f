"""HTTP libraries: the same deeds with each, by the programs in `programs/`."""

import dataclasses

import pages
from case import case

BOTH = ("http", "https")
LARGE = 3_000_000
SCENARIOS = {}


@dataclasses.dataclass
class Library:
    """`argv(case)` starts the program; `lacks` names the scenarios that the library cannot do, in one scheme
    or in both."""

    argv: object
    lacks: tuple = ()
    #: It keeps the connection to a proxy for the next request.
    keeps: bool = True
    #: It compares what came with what was announced.
    counts: bool = True


def python(script):
    return lambda c: ["/usr/bin/python3", c.script(script)]


def java(kind):
    # One thread of compiler and collector each: the runs are short and several at a time.
    return lambda c: ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp",
                      c.lab.need("java"), "Main", kind]


LIBRARIES = {
    # Before 2.29 requests sends chunks through no tunnel; before 2.32 it takes what came for the whole.
    "requests": Library(python("requests_client.py"), ("together", "expect", "upload.https"), counts=False),
    "httpx": Library(python("httpx_client.py"), ("together", "expect")),
    "httpx-async": Library(python("httpx_async_client.py"), ("fresh", "post", "expect")),
    # It has a new connection to the proxy for every http request.
    "aiohttp": Library(python("aiohttp_client.py"), keeps=False),
    "node": Library(lambda c: ["node", c.script("client.mjs")]),
    "go": Library(lambda c: [c.lab.need("go") + "/goclient"]),
    "java-http1": Library(java("modern1"), ("fresh",)),
    "java-default": Library(java("modern2"), ("fresh",)),
    "java-urlconnection": Library(java("classic"), ("fresh", "together"), counts=False),
}


def scenario(*schemes):
    def register(function):
        SCENARIOS[function.__name__] = (schemes, function)
        return function
    return register


def call(c, what, url, *rest):
    return c.program(*c.library.argv(c), what, url, *rest)


def check_results(c, said, count, size):
    results = said.get("results", [])
    c.equal(len(results), count, f"results ({said})")
    for result in results:
        c.equal(result["status"], 200, "status")
        c.same_digest(result, size)
    c.equal(len(c.arrivals()), count, "requests at the origin")


def origin_connections(c):
    return len({arrival.connection for arrival in c.arrivals()})


@scenario(*BOTH)
def fetch(c):
    said = call(c, "fetch", c.url(f"/bytes/{LARGE}"))
    c.equal(said.get("status"), 200, f"status ({said})")
    c.same_digest(said, LARGE)
    c.sole_arrival("GET")


@scenario(*BOTH)
def reuse(c):
    """Five requests in turn over one connection to weir, and one to the origin."""
    said = call(c, "reuse", c.url("/chunked/50000"))
    check_results(c, said, 5, 50000)
    # Go says it too.
    reused = [result["reused"] for result in said["results"] if "reused" in result]
    c.equal(reused in ([], [False, True, True, True, True]), True, f"reuse as the client sees it ({said})")
    c.equal(origin_connections(c), 1, "connections to the origin")
    records = c.records(5 if c.scheme == "http" else 1)
    c.equal(len({record["client"] for record in records}), 1 if c.library.keeps else len(records),
            "connections to weir")


@scenario(*BOTH)
def fresh(c):
    """A new client for each of five requests: weir still needs one connection to the origin, for http."""
    check_results(c, call(c, "fresh", c.url("/bytes/20000")), 5, 20000)
    c.equal(len({record["client"] for record in c.records(5)}), 5, "connections to weir")
    c.equal(origin_connections(c), 1 if c.scheme == "http" else 5, "connections to the origin")


@scenario(*BOTH)
def together(c):
    check_results(c, call(c, "together", c.url("/chunked/100000")), 20, 100000)


def send(c, what, framing):
    path = c.write("content", pages.blob(LARGE))
    said = call(c, what, c.url("/echo"), path)
    c.same_digest(said, LARGE)
    arrival = c.sole_arrival("POST")
    c.equal(bool(arrival.first("Content-Length")), framing == "length", "Content-Length at the origin")
    c.equal(arrival.all("Transfer-Encoding"), ["chunked"] if framing == "chunked" else [],
            "Transfer-Encoding at the origin")
    return arrival


@scenario(*BOTH)
def post(c):
    send(c, "post", "length")


@scenario(*BOTH)
def upload(c):
    """Of a length that is not known beforehand."""
    send(c, "upload", "chunked")


@scenario(*BOTH)
def expect(c):
    path = c.write("content", pages.blob(LARGE))
    c.same_digest(call(c, "expect", c.url("/echo"), path), LARGE)
    arrival = c.sole_arrival("POST")
    # Java writes it with a capital.
    c.equal((arrival.first("Expect").lower(), arrival.invited), ("100-continue", True), "Expect at the origin")


@scenario(*BOTH)
def gate(c):
    """The second half of the response is sent after the first has been read."""
    c.equal(call(c, "gate", c.url("")), {"first": "first half\n", "rest": "second half\n"}, "halves")


def check_error(c, said, error):
    if c.scheme == "http":
        c.equal(said.get("status"), 502, f"status ({said})")
        c.matches(said["proxy_status"] or "", f"error={error}", "Proxy-Status")
    else:
        c.matches(said.get("error", ""), "502|Bad Gateway", f"error ({said})")


@scenario(*BOTH)
def origin_refuses(c):
    check_error(c, call(c, "fetch", c.refused()), "connection_refused")


@scenario(*BOTH)
def unknown_host(c):
    check_error(c, call(c, "fetch", c.unknown()), "dns_error")


@scenario(*BOTH)
def cut_in_content(c):
    check_cut(c, "/cut/100000")


@scenario("http")
def cut_in_chunks(c):
    check_cut(c, "/cut/100000?chunked")


@scenario("http")
def reset_in_content(c):
    """weir passes an origin's reset on, which is an error even to a client that does not count."""
    check_cut(c, "/cut/100000?reset", counts=True)


def check_cut(c, path, counts=False):
    """An error, never a short success; to a client that does not count, at least the length is told."""
    said = call(c, "fetch", c.url(path))
    if not counts and not c.library.counts and said.get("announced", -1) > said.get("length", 0):
        return
    c.equal(sorted(said), ["error"], f"an error and nothing else ({said})")


def register_all():
    for name, library in LIBRARIES.items():
        for deed, (schemes, function) in SCENARIOS.items():
            for scheme in schemes:
                full = f"{deed}.{scheme}"
                if deed not in library.lacks and full not in library.lacks:
                    case(scheme, group=name, name=full, library=library)(function)


register_all()
