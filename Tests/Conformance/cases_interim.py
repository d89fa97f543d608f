"""Interim responses, Expect, and final responses that come before the request is whole."""

from case import GET, HARDENING, MUST, SHOULD, head, post, reply, script
from checks import content, has, lacks, via_ends_with
from steps import (OK, answers, gets, gets_bad_gateway, gets_interim, nothing_else, origin_closes, origin_gets,
                   origin_gets_bytes, origin_gets_head, quiet, send, unless_closed, upstream_ends)
from wire import Failure

HINTS = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n"


def without_interim(message, _):
    if message.interim:
        raise Failure(f"expected no interim response; got {message.interim}")


def interims(*statuses):
    def check(message, _):
        got = [one.status for one in message.interim]
        if got != list(statuses):
            raise Failure(f"expected the interim responses {list(statuses)}; got {got}")
    return check


def asked_and_answered(identifier, section, severity, title, text, *checks, request=GET, **options):
    return script(identifier, section, severity, title, send(request), origin_gets(), answers(text),
                  gets(200, content(b"ok"), *checks), nothing_else, **options)


INTERIM = [
    asked_and_answered("interim-103", "9110 §15.2", MUST, "103 passes before the final response", HINTS + OK,
                       interims(103)),
    asked_and_answered("interim-102", "9110 §15.2", MUST, "102 passes", "HTTP/1.1 102 Processing\r\n\r\n" + OK,
                       interims(102)),
    asked_and_answered("interim-unknown", "9110 §15.2", MUST, "an interim status nobody knows passes",
                       "HTTP/1.1 177 Whatever\r\nX-A: b\r\n\r\n" + OK, interims(177)),
    asked_and_answered("interim-several", "9110 §15.2", MUST, "several pass, in order",
                       "HTTP/1.1 102 Processing\r\n\r\n" + HINTS + HINTS + OK, interims(102, 103, 103)),
    asked_and_answered("interim-100-unasked", "9110 §15.2", MUST, "100 that nobody asked for is understood",
                       CONTINUE + OK),
    script("interim-103-at-once", "9110 §15.2", SHOULD, "103 passes before the final response is there", send(GET),
           origin_gets(), answers(HINTS), gets_interim(103, has("Link", "</a.css>; rel=preload")), answers(OK),
           gets()),
    script("interim-via", "9110 §7.6.3", MUST, "an interim response is forwarded with Via", send(GET), origin_gets(),
           answers(HINTS), gets_interim(103, via_ends_with("1.1")), answers(OK), gets()),
    script("interim-nominated", "9110 §7.6.1", MUST, "what Connection names in an interim response is not forwarded",
           send(GET), origin_gets(), answers("HTTP/1.1 103 Early Hints\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n"),
           gets_interim(103, lacks("X-Hop")), answers(OK), gets()),
    script("interim-length", "9110 §8.6", MUST, "an interim response loses its Content-Length", send(GET),
           origin_gets(), answers("HTTP/1.1 103 Early Hints\r\nContent-Length: 2\r\n\r\n" + OK),
           gets_interim(103, lacks("Content-Length")), gets(200, content(b"ok")), weir_only=True),
    asked_and_answered("interim-chunked", "9112 §6.3", MUST, "an interim response has no content whatever it says",
                       "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n" + OK),
    script("interim-1-0-client", "9110 §15.2", MUST, "a 1.0 client gets no interim response",
           send(head("http://{o}/", version="1.0")), origin_gets(), answers(HINTS + CONTINUE + OK),
           gets(200, content(b"ok"), without_interim)),
    script("interim-then-end", "9112 §8", MUST, "an end behind an interim response is an error", send(GET),
           origin_gets(), answers(HINTS), origin_closes, gets_bad_gateway()),
    script("interim-head", "9110 §15.2", MUST, "an interim response to HEAD passes", send(head(method="HEAD")),
           origin_gets(), answers(HINTS + reply("Content-Length: 9")), gets(200, interims(103), method="HEAD")),
    script("interim-pipelined", "9112 §9.2", MUST, "an interim response belongs to the request it came for",
           send(head("http://{o}/1") + head("http://{o}/2")), origin_gets(), answers(OK), gets(200, without_interim),
           unless_closed, origin_gets(), answers(HINTS + OK), gets(200, interims(103))),
    asked_and_answered("interim-not-final", "9110 §15.2", HARDENING, "twenty interim responses are understood",
                       HINTS * 20 + OK, interims(*[103] * 20)),
]

EXPECT = head("http://{o}/", "Expect: 100-continue", "Content-Length: 5", method="POST")


def expecting(version="1.1", *fields):
    return head("http://{o}/", "Expect: 100-continue", *fields, "Content-Length: 5", method="POST", version=version)


def forwarded_or_417(world):
    def outcome():
        return world.next_request() or world.next_response() or None
    message = world.wait(outcome, "the request at the origin, or 417")
    if message.start_line.startswith("GET"):
        if message.field("Expect") != "the-unexpected":
            raise Failure(f"expected Expect to be forwarded; got {message!r}")
    elif message.status != 417:
        raise Failure(f"expected 417; got {message!r}")


def next_or_closed(world):
    """Either the proxy closes, since the content may still come, or it takes the next request as a request."""
    quiet(world)
    if world.client().ended:
        return
    send("GET http://{o}/next HTTP/1.1\r\nHost: {o}\r\n\r\n")(world)
    quiet(world)
    request = world.next_request()
    if request and (request.method, request.target) != ("GET", "/next"):
        raise Failure(f"expected the next request as it is; the origin got {request!r}")


def no_request(target):
    def step(world):
        world.wait_quiet()
        for upstream in world.upstreams:
            if f"GET {target} ".encode() in upstream.received:
                raise Failure(f"expected no request for {target}; the origin got {upstream.received[-200:]!r}")
    return step


EXPECTATIONS = [
    script("expect-forwarded", "9110 §10.1.1", MUST, "the head is forwarded before the content", send(EXPECT),
           origin_gets_head(), answers(CONTINUE), gets_interim(100), send("12345"), origin_gets_bytes("12345"),
           answers(OK), gets()),
    script("expect-field-forwarded", "9110 §10.1.1", SHOULD, "Expect is forwarded", send(EXPECT),
           origin_gets_head(has("Expect", "100-continue")), answers(CONTINUE), gets_interim(100), send("12345"),
           origin_gets_bytes("12345"), answers(OK), gets()),
    script("expect-case", "9110 §10.1.1", SHOULD, "expectations have no case",
           send(EXPECT.replace("100-continue", "100-Continue")), origin_gets_head(), answers(CONTINUE),
           gets_interim(100), send("12345"), origin_gets_bytes("12345"), answers(OK), gets()),
    script("expect-chunked", "9110 §10.1.1", MUST, "chunked content may be expected too",
           send(head("http://{o}/", "Expect: 100-continue", "Transfer-Encoding: chunked", method="POST")),
           origin_gets_head(), answers(CONTINUE), gets_interim(100), send("2\r\nab\r\n0\r\n\r\n"),
           lambda world: world.wait(lambda: b"ab" in world.upstream.buffer, "the content at the origin"), answers(OK),
           gets()),
    script("expect-refused-417", "9110 §15.5.18", SHOULD, "417 reaches the client, and no content the origin",
           send(EXPECT), origin_gets_head(), answers(reply("Content-Length: 0", status="417 Expectation Failed")),
           gets(417), nothing_else),
    script("expect-refused-401", "9110 §10.1.1", SHOULD, "a final response instead of 100 reaches the client",
           send(EXPECT), origin_gets_head(), answers(reply("Content-Length: 2", status="401 No", content="no")),
           gets(401, content(b"no"), without_interim)),
    script("expect-accepted-without-100", "9110 §10.1.1", SHOULD, "content may be sent without waiting for 100",
           send(EXPECT + "12345"), origin_gets(content(b"12345")), answers(OK), gets(200, content(b"ok"))),
    script("expect-late-100", "9110 §10.1.1", SHOULD, "100 that comes behind the content does no harm",
           send(EXPECT + "12345"), origin_gets(content(b"12345")), answers(CONTINUE + OK), gets(200, content(b"ok"))),
    script("expect-silent-origin", "9110 §10.1.1", SHOULD, "a silent origin does not hold the content up for ever",
           send(EXPECT), origin_gets_head(), gets_interim(100), send("12345"), origin_gets_bytes("12345"), answers(OK),
           gets(200, content(b"ok")), weir_only=True, group="brief-expect"),
    script("expect-silent-then-100", "9110 §10.1.1", SHOULD, "100 of the origin behind the proxy's own passes too",
           send(EXPECT), origin_gets_head(), gets_interim(100), send("12345"), origin_gets_bytes("12345"),
           answers(CONTINUE + OK), gets(200, content(b"ok"), interims(100)), weir_only=True, group="brief-expect"),
    script("expect-silent-then-refused", "9110 §10.1.1", HARDENING, "an origin may refuse behind the proxy's 100",
           send(EXPECT), origin_gets_head(), gets_interim(100),
           answers(reply("Content-Length: 2", "Connection: close", status="413 Too Large", content="no")),
           gets(413, content(b"no")), weir_only=True, group="brief-expect"),
    script("expect-1-0-client", "9110 §10.1.1", MUST, "Expect of a 1.0 client is ignored: no 100 for it",
           send(expecting("1.0") + "12345"), origin_gets_head(), answers(CONTINUE + OK),
           gets(200, content(b"ok"), without_interim)),
    script("expect-1-0-client-not-forwarded", "9110 §10.1.1", HARDENING, "Expect of a 1.0 client is not forwarded",
           send(expecting("1.0") + "12345"), origin_gets(lacks("Expect"), content(b"12345")), answers(OK), gets(),
           weir_only=True),
    script("expect-no-content", "9110 §10.1.1", HARDENING, "Expect without content holds nothing up",
           send(head("http://{o}/", "Expect: 100-continue")), origin_gets(), answers(OK), gets(200, content(b"ok"))),
    script("expect-unknown", "9110 §10.1.1", SHOULD, "another expectation is for the origin to refuse, or 417",
           send(head("http://{o}/", "Expect: the-unexpected")), forwarded_or_417),
    script("expect-then-next", "9110 §10.1.1", MUST, "behind a refused expectation the connection is not misread",
           send(EXPECT), origin_gets_head(), answers(reply("Content-Length: 0", status="417 Expectation Failed")),
           gets(range(400, 600)), next_or_closed),
]


#: More than a proxy that first collects the content may hold back.
MUCH = "x" * 70_000
EARLY = [
    script("early-final-passes", "9112 §9.5", SHOULD,
           "a final response before the content is whole reaches the client",
           send(post("Content-Length: 200000", content=MUCH)), origin_gets_head(),
           answers(reply("Content-Length: 2", "Connection: close", status="413 Too Large", content="no")),
           gets(413, content(b"no"))),
    script("early-final-closes", "9112 §9.3", MUST,
           "behind an early final response nothing is taken for a request that may be content",
           send(post("Content-Length: 200000", content=MUCH)), origin_gets_head(),
           answers(reply("Content-Length: 2", "Connection: close", status="413 Too Large", content="no")),
           origin_closes, quiet, send(head("http://{o}/smuggled")), no_request("/smuggled")),
    script("early-final-whole-content", "9112 §9.3", HARDENING, "content that is completed behind it spoils nothing",
           send(post("Content-Length: 70010", content=MUCH)), origin_gets_head(),
           answers(reply("Content-Length: 2", content="ok")), gets(200, content(b"ok")), send("x" * 10),
           next_or_closed),
    script("early-final-chunked", "9112 §9.3", SHOULD, "a final response amid chunks reaches the client",
           send(post("Transfer-Encoding: chunked", content="11170\r\n" + MUCH + "\r\n")), origin_gets_head(),
           answers(reply("Content-Length: 2", "Connection: close", status="403 No", content="no")), origin_closes,
           gets(403, content(b"no"))),
    script("early-close-in-content", "9112 §9.6", SHOULD, "an origin that goes amid the content is an error",
           send(post("Content-Length: 100000", content="x" * 10)), origin_gets_head(),
           lambda world: world.upstream.close(), gets_bad_gateway((502,), ()), weir_only=True),
]


SWITCHING = [
    script("interim-101-unasked", "9110 §15.2.2", HARDENING, "101 that nobody asked for is not passed on", send(GET),
           origin_gets(), answers("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nx"),
           gets_bad_gateway((502,), ("http_upgrade_failed",)), upstream_ends),
    script("interim-101-unasked-1-0", "9110 §15.2", MUST, "a 1.0 client gets no 101",
           send(head("http://{o}/", "Connection: upgrade", "Upgrade: websocket", version="1.0")), origin_gets(),
           answers("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
           gets_bad_gateway((502,), ("http_upgrade_failed",))),
]
CASES = INTERIM + EXPECTATIONS + EARLY + SWITCHING
