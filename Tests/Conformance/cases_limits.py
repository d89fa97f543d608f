"""Limits and what weir says of its own accord. The sizes and times are weir's; that a limit is told is the RFC's."""

import time

from case import GET, HARDENING, MUST, SHOULD, forwarded, head, post, refused, reply, script, unusable
from checks import content, dated, has, lacks, matches, on_weir, own_answer, present, proxy_status, target
from steps import (OK, answers, ends, gets, gets_bad_gateway, is_refused, never_complete, nothing_else, origin_closes,
                   origin_gets, origin_gets_head, origin_stops_listening, quiet, send, upstream_ends)
from wire import Failure

URL = "http://{o}/"
CHUNKED = "Transfer-Encoding: chunked"


def limit(identifier, section, severity, title, request, status, **options):
    return refused(identifier, section, severity, title, request, weir=(status,), weir_only=True, **options)


SIZES = [
    limit("limit-target", "9112 §3", MUST, "a target that is too long: 414", head(URL + "a" * 20_000), 414),
    limit("limit-target-endless", "9112 §3", MUST, "one without an end: 414", "GET http://{o}/" + "a" * 200_000, 414),
    limit("limit-field", "9110 §5.4", MUST, "a field that is too large: 431", head(URL, "X-A: " + "a" * 70_000), 431),
    limit("limit-fields", "9110 §5.4", MUST, "too many fields: 431", head(URL, *["X-A: 1"] * 200), 431),
    limit("limit-head-endless", "9110 §5.4", MUST, "a head without an end: 431",
          "GET http://{o}/ HTTP/1.1\r\nHost: {o}\r\n" + "X-A: 1\r\n" * 30_000, 431),
    limit("limit-small-target", "9112 §3", HARDENING, "limits.uri_size counts", head(URL + "a" * 300), 414,
          group="small-heads"),
    limit("limit-small-fields", "9110 §5.4", HARDENING, "limits.fields counts", head(URL, *["X-A: 1"] * 10), 431,
          group="small-heads"),
    limit("limit-small-head", "9110 §5.4", HARDENING, "limits.head_size counts", head(URL, "X-A: " + "a" * 2100), 431,
          group="small-heads"),
    forwarded("limit-fields-below", "9110 §5.4", SHOULD, "a hundred fields are no matter",
              head(URL, *["X-A: 1"] * 100), has("X-A", ", ".join(["1"] * 100)), weir_only=True),
    forwarded("limit-head-below", "9110 §5.4", SHOULD, "a head of 60 KiB is no matter",
              head(URL, *[f"X-{number}: " + "a" * 6000 for number in range(10)]), has("X-9", "a" * 6000),
              weir_only=True),
    script("limit-trailers", "9110 §5.4", SHOULD, "trailers that are too large: 431",
           send(post(CHUNKED, content="1\r\nx\r\n0\r\n" + "X-A: " + "a" * 70_000 + "\r\n\r\n")),
           is_refused((431,), partly=True), never_complete, weir_only=True),
    script("limit-trailer-fields", "9110 §5.4", SHOULD, "too many trailers: 431",
           send(post(CHUNKED, content="1\r\nx\r\n0\r\n" + "X-A: 1\r\n" * 200 + "\r\n")),
           is_refused((431,), partly=True), never_complete, weir_only=True),
    script("limit-chunk-extension", "9112 §7.1.1", HARDENING, "an extension without an end is refused",
           send(post(CHUNKED, content="1;" + "a" * 70_000 + "\r\nx\r\n0\r\n\r\n")), is_refused((400,), partly=True),
           never_complete, weir_only=True),
    script("limit-chunk-extensions", "9112 §7.1.1", HARDENING, "many small extensions count together",
           send(post(CHUNKED, content=("1;" + "a" * 200 + "\r\nx\r\n") * 200 + "0\r\n\r\n")),
           is_refused((400,), partly=True), never_complete, weir_only=True),
    forwarded("limit-chunk-extensions-below", "9112 §7.1.1", HARDENING, "a few kilobytes of them are no matter",
              post(CHUNKED, content=("1;" + "a" * 200 + "\r\nx\r\n") * 20 + "0\r\n\r\n"), content(b"x" * 20),
              weir_only=True),
    unusable("limit-response-head", "9110 §5.4", HARDENING, "a response head that is too large: 502",
             reply("X-A: " + "a" * 70_000, "Content-Length: 0"), errors=("http_response_header_section_size",),
             weir_only=True),
    unusable("limit-response-fields", "9110 §5.4", HARDENING, "a response with too many fields: 502",
             reply(*["X-A: 1"] * 200, "Content-Length: 0"), errors=("http_response_header_section_size",),
             weir_only=True),
    unusable("limit-response-endless", "9110 §5.4", HARDENING, "a response head without an end: 502",
             "HTTP/1.1 200 OK\r\n" + "X-A: 1\r\n" * 30_000, errors=("http_response_header_section_size",),
             weir_only=True),
]


def drips(piece, interval=0.03):
    """`piece` over and over, one each `interval`, until the proxy says something."""
    def step(world):
        due = time.monotonic()
        while not (world.client().buffer or world.client().ended):
            if time.monotonic() > world.deadline:
                raise Failure(f"expected a limit to the time taken; {world.describe()}")
            if time.monotonic() >= due:
                send(piece)(world)
                due = time.monotonic() + interval
            world.pump(due - time.monotonic())
            if world.upstream:
                world.upstream.buffer = b""
    return step


def timed(identifier, section, severity, title, *steps):
    return script(identifier, section, severity, title, *steps, weir_only=True, group="impatient")


TIMES = [
    timed("timeout-head", "9110 §15.5.9", SHOULD, "half a head and silence: 408",
          send("GET http://{o}/ HTTP/1.1\r\nHo"),
          is_refused((408,)), nothing_else),
    timed("timeout-head-slowly", "9110 §15.5.9", HARDENING, "a head that drips in: 408",
          send("GET http://{o}/ HTTP/1.1\r\nHost: {o}\r\n"), drips("X-A: 1\r\n"),
          is_refused((408,)), nothing_else),
    timed("timeout-silent", "9112 §9.5", SHOULD, "a connection with no byte on it is closed", send(""), ends()),
    timed("timeout-content", "9110 §15.5.9", SHOULD, "content that stands still: 408",
          send(post("Content-Length: 100", content="abc")), origin_gets_head(), is_refused((408,), partly=True),
          upstream_ends, never_complete),
    timed("timeout-content-chunked", "9110 §15.5.9", SHOULD, "chunks that stand still: 408",
          send(post(CHUNKED, content="3\r\nabc\r\n")), origin_gets_head(), is_refused((408,), partly=True),
          upstream_ends, never_complete),
    timed("timeout-content-slowly", "9110 §15.5.9", HARDENING, "content that drips in below client.min_progress: 408",
          send(post("Content-Length: 100000", content="abc")), origin_gets_head(), drips("x"),
          is_refused((408,), partly=True), never_complete),
    timed("timeout-response", "9110 §15.6.5", SHOULD, "an origin that does not answer: 504", send(GET), origin_gets(),
          gets(504, own_answer, proxy_status("http_response_timeout", "connection_read_timeout")), upstream_ends),
]


def status_of(status):
    def check(message, _):
        if message.status != status:
            raise Failure(f"expected {status}; got {message!r}")
    return check


def nobody(*fields, method="GET", checks=(own_answer, proxy_status("connection_refused"))):
    """A request to where nobody listens."""
    def step(world):
        origin_stops_listening(world)
        port = world.clients["reserved"].socket.getsockname()[1]
        send(head(f"http://{{h}}:{port}/", *fields, method=method, host=f"{{h}}:{port}"))(world)
        gets(range(500, 600), on_weir(status_of(502)), *checks, method=method)(world)
    return (send(""), step)


def without_body(message, _):
    if message.content:
        raise Failure(f"expected no content; got {message.content!r}")


def own(identifier, title, *steps, section="9209 §2", severity=SHOULD, **options):
    return script(identifier, section, severity, title, *steps, weir_only=True, **options)


def no_more(world):
    if world.client().buffer:
        raise Failure(f"expected no content behind an error for HEAD; got {world.client().buffer[:100]!r}")


def next_hop(world):
    origin_stops_listening(world)
    port = world.clients["reserved"].socket.getsockname()[1]
    send(head(f"http://{{h}}:{port}/", host=f"{{h}}:{port}"))(world)
    gets({502, 503}, matches("Proxy-Status", rf'next-hop="?{{h}}:{port}"?'))(world)


def one_head(world):
    client = world.client()
    world.wait(lambda: client.ended, "the end of the cut response")
    if client.received.count(b"HTTP/1.1 ") != 1:
        raise Failure(f"expected one head; got {client.received!r}")


JSON = matches("Content-Type", "^application/json")
TEXT = matches("Content-Type", "^text/plain; charset=utf-8$")
OWN = [
    script("error-nobody-listens", "9110 §15.6.3", SHOULD, "a request to where nobody listens is answered with a 5xx",
           *nobody(checks=())),
    script("error-has-date", "9110 §6.6.1", HARDENING, "an answer of the proxy itself has a Date",
           *nobody(checks=(dated,)), weir_only=True),
    script("error-head", "9112 §6.3", MUST, "an error for HEAD has no content",
           *nobody(method="HEAD", checks=()), quiet, no_more),
    own("error-form", "an error says what, by whom, and when", *nobody()),
    own("error-next-hop", "an error about the origin names it",
        send(""), next_hop),
    own("error-not-of-origin", "an error of the origin itself has no Proxy-Status of weir", send(GET), origin_gets(),
        answers(reply("Content-Length: 2", status="502 Bad Gateway", content="no")),
        gets(502, content(b"no"), lacks("Proxy-Status"))),
    own("error-json", "a client that takes JSON alone gets JSON",
        *nobody("Accept: application/json", checks=(JSON, dated, present("Content-Length"), proxy_status()))),
    own("error-json-problem", "a client that takes JSON with a weight gets JSON",
        *nobody("Accept: application/json;q=0.9", checks=(JSON, proxy_status()))),
    own("error-text-for-all", "a client that takes anything gets text", *nobody("Accept: */*", checks=(TEXT,))),
    own("error-text-preferred", "a client that takes both gets text",
        *nobody("Accept: text/plain, application/json", checks=(TEXT,))),
    own("error-head-length", "an error for HEAD has all fields",
        *nobody(method="HEAD", checks=(proxy_status(), dated))),
    own("error-400-type", "an unreadable request is http_request_error", send(head("/")),
        is_refused((400,), (proxy_status("http_request_error"),))),
    own("error-502-protocol", "a response that is none is http_protocol_error", send(GET), origin_gets(),
        answers("garbage\r\n\r\n"), gets_bad_gateway((502,), ("http_protocol_error",)), upstream_ends),
    own("error-502-incomplete", "an origin that ends within its head is told so", send(GET), origin_gets(),
        answers("HTTP/1.1 200 OK\r\nX-"), origin_closes,
        gets_bad_gateway((502,), ("http_response_incomplete", "connection_terminated"))),
    own("error-502-reset", "an origin that resets is connection_terminated", send(GET), origin_gets(),
        lambda world: world.upstream.reset(), gets_bad_gateway((502,), ("connection_terminated",
                                                                        "http_response_incomplete"))),
    own("error-502-coding", "a coding of the response is http_response_transfer_coding", send(GET), origin_gets(),
        answers(reply("Transfer-Encoding: gzip", content="x")), gets_bad_gateway((502,),
                                                                                ("http_response_transfer_coding",))),
    own("error-then-next", "behind an error about the origin the connection goes on",
        *nobody(), send(head("http://{o2}/", host="{o2}")), origin_gets(target("/")), answers(OK), gets()),
    own("error-options-own", "OPTIONS * says it is the proxy's answer", send(head("*", method="OPTIONS")),
        gets(200, proxy_status("proxy_internal_response"), dated, has("Content-Length", "0"))),
    own("error-cut-says-nothing", "a response cut under way has no second head in it", send(GET), origin_gets(),
        answers(reply("Content-Length: 100", content="abc")), origin_closes, one_head,
        section="9112 §8", severity=MUST),
]


CASES = SIZES + TIMES + OWN
