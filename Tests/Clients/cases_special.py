"""What only some of the libraries can do."""

import pages
from case import case
from cases_libraries import LIBRARIES, call
from eventually import eventually

HEARD = ["welcome", "one", "two" * 30000, "00ff" * 100]


def special(group, *schemes, **given):
    return case(*schemes, group=group, library=LIBRARIES.get(group), **given)


@special("aiohttp", "http", "https")
def websocket(c):
    """An upgrade through the proxy, of which the app need not know."""
    c.equal(call(c, "websocket", c.url("/ws")), {"heard": HEARD, "code": 1000}, "what was heard")
    c.equal(c.records(1)[0]["kind"], "tunnel", "kind")


@special("aiohttp", "http")
def websocket_ws_scheme(c):
    """With `ws` in the URL it asks the proxy for `ws://...`."""
    said = call(c, "websocket", c.url("/ws").replace("http:", "ws:"))
    c.equal(said, {"heard": HEARD, "code": 1000}, "what was heard")
    c.equal(c.records(1)[0]["kind"], "tunnel", "kind")


@case("ws", "wss", group="websockets", tunnelled=True)
def messages(c):
    said = c.program("/usr/bin/python3", c.script("websockets_client.py"), c.url("/ws"))
    c.equal(said, {"heard": HEARD, "code": 1000}, "what was heard")
    c.equal(c.records(1)[0]["kind"], "tunnel", "kind")


@special("node", "http", "https")
def upgrade(c):
    c.equal(call(c, "upgrade", c.url("/ws")),
            {"status": 101, "accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "heard": "welcome"}, "upgrade")


def interim_case(c):
    """103 before the response."""
    c.equal(call(c, "interim", c.url("/interim")), {"text": "after the hints\n", "interim": [103]}, "responses")


def trailers_up_case(c, value):
    """Trailers of the request reach the origin."""
    path = c.write("content", pages.blob(50000))
    said = call(c, "trailers", c.url("/echo"), path)
    c.same_digest(said, 50000)
    c.equal(said["trailers"], {"X-Up": value}, "trailers at the origin")


def trailers_down_case(c):
    """Trailers of the response reach the client."""
    said = call(c, "fetch", c.url("/chunked/50000?trailers"))
    c.same_digest(said, 50000)
    found = {name.lower(): value for name, value in said["trailers"].items()}
    c.equal(found.get("x-sum") in ("all of it", ["all of it"]), True, f"trailers ({said})")


for group in ("go", "node"):
    special(group, "http", "https", name="interim")(interim_case)
    special(group, "http", "https", name="trailers-down")(trailers_down_case)


@special("go", "http", "https", name="trailers-up")
def go_trailers_up(c):
    trailers_up_case(c, "from go")


@special("node", "http", "https", name="trailers-up")
def node_trailers_up(c):
    trailers_up_case(c, "from node")


@special("go", "http", "https")
def cancel(c):
    """Cancelled in the middle of a response: the origin sees the end, the same client goes on."""
    said = call(c, "cancel", c.url(""))
    c.equal(said.get("status"), 200, f"status ({said})")
    c.same_digest(said, 3000)
    eventually(lambda: c.arrivals()[0].cut, 5, "the origin sees that the client left")


@special("go", "http", "https")
def rejected(c):
    """413 instead of 100 Continue."""
    path = c.write("content", pages.blob(100000))
    c.equal(call(c, "expect", c.url("/reject"), path), {"status": 413, "text": "too much\n"}, "answer")
    c.equal(c.sole_arrival("POST").length, 0, "content at the origin")
