"""Connections on both sides: how long they last, pipelining, half-closed and vanished clients, retries, and what an
idle connection of the origin may say."""

from case import GET, HARDENING, MUST, SHOULD, head, post, reply, script
from checks import content, lacks, member, no_member, target
from steps import (OK, answers, ends, gets, gets_bad_gateway, half_close, is_refused, nothing_else, origin_closes,
                   origin_gets, origin_resets, origin_was_asked, quiet, reset, send, send_next, unless_closed,
                   upstream_ends)
from wire import Failure


def path(name, *fields, **options):
    return head(f"http://{{o}}/{name}", *fields, **options)


def said(text, *fields):
    return reply(f"Content-Length: {len(text)}", *fields, content=text)


CLIENT_SIDE = [
    script("persist-1-1", "9112 §9.3", SHOULD, "a 1.1 connection lasts", send(path("1")), origin_gets(), answers(OK),
           gets(200, no_member("Connection", "close")), send(path("2")), origin_gets(target("/2")), answers(OK),
           gets()),
    script("persist-1-1-close", "9112 §9.6", MUST, "Connection: close ends it behind the response",
           send(path("1", "Connection: close")), origin_gets(), answers(OK), gets(), ends()),
    script("persist-1-1-close-said", "9112 §9.6", SHOULD, "a response that ends the connection says so",
           send(path("1", "Connection: close")), origin_gets(), answers(OK), gets(200, member("Connection", "close"))),
    script("persist-1-1-close-list", "9112 §9.6", MUST, "close counts as a member of a list, in any case",
           send(path("1", "Connection: x-a, CLOSE")), origin_gets(), answers(OK), gets(), ends()),
    script("persist-close-pipelined", "9112 §9.6", MUST, "nothing behind a request with close is served",
           send(path("1", "Connection: close") + path("2")), origin_gets(target("/1")), answers(OK), gets(),
           nothing_else, ends()),
    script("persist-1-0", "9112 §9.3", MUST, "a 1.0 connection ends behind the response",
           send(path("1", version="1.0")), origin_gets(), answers(OK), gets(), ends()),
    script("persist-1-0-keep-alive", "9112 §9.3", MUST,
           "a proxy keeps no connection of a 1.0 client, keep-alive or not",
           send(path("1", "Connection: keep-alive", version="1.0")), origin_gets(), answers(OK), gets(), ends()),
    script("persist-1-0-proxy-keep-alive", "9112 §9.3", MUST, "Proxy-Connection keeps no connection of a 1.0 client",
           send(path("1", "Proxy-Connection: keep-alive", version="1.0")), origin_gets(), answers(OK), gets(), ends()),
    script("persist-proxy-connection-close", "9112 §9.3", HARDENING, "Proxy-Connection: close harms no 1.1 request",
           send(path("1", "Proxy-Connection: close")), origin_gets(lacks("Proxy-Connection")), answers(OK), gets()),
    script("persist-origin-close", "9112 §9.6", SHOULD, "an origin that closes does not close the client's side",
           send(path("1")), origin_gets(), answers(said("one", "Connection: close")), origin_closes,
           gets(200, content(b"one")), send(path("2")), origin_gets(target("/2")), answers(OK), gets()),
    script("persist-origin-until-close", "9112 §9.3", SHOULD,
           "content up to the close does not close the client's side",
           send(path("1")), origin_gets(), answers(reply(content="one")), origin_closes, gets(200, content(b"one")),
           send(path("2")), origin_gets(target("/2")), answers(OK), gets()),
    script("persist-max-requests", "9112 §9.6", SHOULD, "the last response of a connection announces its end",
           send(path("1")), origin_gets(), answers(OK), gets(), send(path("2")), origin_gets(), answers(OK),
           gets(200, member("Connection", "close")), ends(), weir_only=True, group="one-request"),
]

PIPELINED = [
    script("pipeline-two", "9112 §9.3.2", MUST, "two pipelined requests are answered in order",
           send(path("1") + path("2")), origin_gets(target("/1")), answers(said("one")), gets(200, content(b"one")),
           unless_closed, origin_gets(target("/2")), answers(said("two")), gets(200, content(b"two"))),
    script("pipeline-ten", "9112 §9.3.2", MUST, "ten pipelined requests are answered in order",
           send("".join(path(str(number)) for number in range(10))),
           *[step for number in range(10) for step in (
               origin_gets(target(f"/{number}")), answers(said(f"body {number}")),
               gets(200, content(b"body %d" % number)), *([unless_closed] if number < 9 else []))],
           nothing_else),
    script("pipeline-two-origins", "9112 §9.3.2", MUST, "requests to two origins are answered in the client's order",
           send(path("1") + head("http://{o2}/2", host="{o2}")), origin_gets(target("/1")), answers(said("one")),
           gets(200, content(b"one")), unless_closed, origin_gets(target("/2"), at="o2"), answers(said("two")),
           gets(200, content(b"two"))),
    script("pipeline-post-get", "9112 §9.3.2", MUST, "content between pipelined requests stays with its own",
           send(post("Content-Length: 3", content="abc") + path("2")), origin_gets(content(b"abc")),
           answers(said("one")), gets(200, content(b"one")), unless_closed, origin_gets(target("/2"), content(b"")),
           answers(said("two")), gets(200, content(b"two"))),
    script("pipeline-head-get", "9112 §9.3.2", MUST, "a response to HEAD takes nothing of the next",
           send(path("1", method="HEAD") + path("2")), origin_gets(target("/1")), answers(reply("Content-Length: 9")),
           gets(200, method="HEAD"), unless_closed, origin_gets(target("/2")), answers(said("two")),
           gets(200, content(b"two"))),
    script("pipeline-bad-second", "9112 §9.3.2", MUST, "a bad request behind a good one does not spoil the first",
           send(path("1") + post("Content-Length: -1") + path("3")), origin_gets(target("/1")),
           answers(said("one")), gets(200, content(b"one")), unless_closed, is_refused((400,)), nothing_else),
    script("pipeline-half-closed", "9112 §9.6", SHOULD, "a client that sends two and half-closes gets both answers",
           send(path("1") + path("2")), half_close(), origin_gets(target("/1")), answers(said("one")),
           gets(200, content(b"one")), origin_gets(target("/2")), answers(said("two")), gets(200, content(b"two")),
           weir_only=True),
]

CLIENT_ENDS = [
    script("half-close-answered", "9112 §9.5", HARDENING,
           "a client that half-closes behind its request gets the answer",
           send(path("1")), half_close(), origin_gets(), answers(OK), gets(200, content(b"ok")), ends()),
    script("half-close-post-answered", "9112 §9.5", HARDENING,
           "a client that half-closes behind content gets the answer",
           send(post("Content-Length: 3", content="abc")), half_close(), origin_gets(content(b"abc")), answers(OK),
           gets(200, content(b"ok")), ends()),
    script("half-close-in-head", "9112 §8", MUST, "half a head and a half-close is no request",
           send("GET http://{o}/ HTTP/1.1\r\nHost: {o}\r\nX-A: "), half_close(), quiet, nothing_else),
    script("abort-before-answer", "9112 §9.5", SHOULD, "a client that is gone does not keep the origin busy",
           send(path("1")), origin_gets(), reset(), upstream_ends, weir_only=True),
    script("abort-in-response", "9112 §9.5", SHOULD,
           "a client that goes within the response does not keep the origin busy",
           send(path("1")), origin_gets(), answers(reply("Content-Length: 100", content="abc")), quiet, reset(),
           upstream_ends, weir_only=True),
    script("abort-response-not-mixed-up", "9112 §9.2", MUST, "an answer to a client that is gone goes to no other",
           send(path("1"), on="b"), origin_gets(), reset(on="b"), quiet, answers(said("evil")), quiet,
           send(path("2")), origin_gets(target("/2")), answers(said("good")), gets(200, content(b"good"))),
]


def primed(*fields):
    """An exchange that leaves an idle connection to the origin behind, if the proxy keeps any."""
    return (send(path("prime")), origin_gets(), answers(said("prime", *fields)), gets(200, content(b"prime")))


def on_new_connection(world):
    """The next request comes on another upstream connection than the last."""
    before = world.upstream
    origin_gets()(world)
    if world.upstream is before:
        raise Failure("expected the request on a new connection; it came on the one that was to be closed")


def goes_stale(by_reset=False):
    """The request arrives and its connection ends without a byte of response, as if it had been closed meanwhile.
    A proxy that reuses no connection has nothing to lose here: it is answered plainly and asked once more."""
    def step(world):
        before = world.upstream
        origin_gets(target("/next"))(world)
        if world.upstream is before:
            (world.upstream.reset if by_reset else world.upstream.close)()
            return
        answers(said("good"))(world)
        gets(200, content(b"good"))(world)
        send_next(path("next"))(world)
    return step


def no_interim(message, _):
    if message.interim:
        raise Failure(f"expected no interim response; got {message.interim}")


def crossing_408(world):
    """408 instead of an answer, right when a request has been sent on a reused connection."""
    before = world.upstream
    origin_gets(target("/next"))(world)
    reused = world.upstream is before
    answers(reply("Connection: close", "Content-Length: 0", status="408 Request Timeout"))(world)
    origin_closes(world)

    def outcome():
        return world.next_request() or world.next_response() or None
    message = world.wait(outcome, "the request once more, or the 408")
    if message.start_line.startswith("GET") and reused:
        answers(said("good"))(world)
        gets(200, content(b"good"))(world)
    elif message.start_line.startswith("GET"):
        raise Failure("expected no second try of a request on a new connection")


NEXT = (send_next(path("next")), origin_gets(target("/next")), answers(said("good")), gets(200, content(b"good")))
IDLE = [
    script("pool-reused", "9112 §9.3", SHOULD, "an idle connection to the origin is used again", *primed(),
           send(path("next")), origin_gets(target("/next"), same_connection=True), answers(OK), gets()),
    script("pool-shared", "9112 §9.3", SHOULD, "an idle connection to the origin serves another client", *primed(),
           send(path("next"), on="b"), origin_gets(target("/next"), same_connection=True), answers(OK), gets(on="b"),
           weir_only=True),
    script("pool-not-after-close", "9112 §9.6", MUST, "no reuse behind Connection: close",
           *primed("Connection: close"), send_next(path("next")), on_new_connection, answers(OK), gets()),
    script("pool-not-after-1-0", "9112 §9.3", MUST, "no reuse behind a 1.0 response without keep-alive",
           send(path("prime")), origin_gets(), answers(reply("Content-Length: 2", content="ok", version="1.0")),
           gets(),
           send_next(path("next")), on_new_connection, answers(OK), gets()),
    script("pool-closed-by-origin", "9112 §9.5", SHOULD, "one that the origin closed is replaced", *primed(),
           origin_closes, quiet, *NEXT),
    script("pool-reset-by-origin", "9112 §9.5", SHOULD, "one that the origin reset is replaced", *primed(),
           origin_resets, quiet, *NEXT),
    script("pool-race-get", "9110 §9.2.2", HARDENING, "a GET on a connection that closes just then is sent again",
           *primed(),
           send_next(path("next")), goes_stale(), origin_gets(target("/next")),
           answers(said("good")), gets(200, content(b"good"))),
    script("pool-race-reset-get", "9110 §9.2.2", HARDENING,
           "a GET on a connection that is reset just then is sent again", *primed(), send_next(path("next")),
           goes_stale(by_reset=True), origin_gets(target("/next")), answers(said("good")),
           gets(200, content(b"good"))),
    script("pool-unsolicited-response", "9112 §9.2", MUST, "a response nobody asked for answers no later request",
           *primed(), answers(said("evil")), quiet, *NEXT),
    script("pool-unsolicited-at-once", "9112 §9.2", MUST, "a response right behind the asked one answers nothing",
           send(path("prime")), origin_gets(), answers(said("prime") + said("evil")), gets(200, content(b"prime")),
           *NEXT),
    script("pool-unsolicited-closes", "9112 §9.2", SHOULD, "an unasked response closes its connection", *primed(),
           answers(said("evil")), upstream_ends),
    script("pool-unsolicited-interim", "9112 §9.2", MUST, "an interim response nobody asked for goes nowhere",
           *primed(),
           answers("HTTP/1.1 103 Early Hints\r\nLink: <evil>\r\n\r\n"), quiet, send_next(path("next")),
           origin_gets(target("/next")), answers(said("good")),
           gets(200, content(b"good"), no_interim)),
    script("pool-408-idle", "9110 §15.5.9", MUST, "408 on an idle connection is no answer to the next request",
           *primed(),
           answers(reply("Connection: close", "Content-Length: 0", status="408 Request Timeout")), origin_closes,
           quiet,
           *NEXT),
    script("pool-408-race", "9110 §15.5.9", HARDENING, "408 that crosses a GET: the GET is sent again, or 408 passes",
           *primed(), send_next(path("next")), crossing_408),
    script("pool-crlf-idle", "9112 §9.2", MUST, "CRLF on an idle connection does no harm", *primed(), answers("\r\n"),
           quiet, *NEXT),
]


def dropped(method, fields=(), text="", primes=True, by_reset=False):
    """The origin takes the request and ends the connection without an answer, every time."""
    def drop_all(world):
        def outcome():
            request = world.next_request()
            if request:
                (world.upstream.reset if by_reset else world.upstream.close)()
                return None
            response = world.next_response()
            return True if response is False else response
        response = world.wait(outcome, "an error response, or the end")
        if response is not True and response.complete and response.status < 500:
            raise Failure(f"expected an error; got {response!r}")
    before = primed() if primes else ()
    return (*before, send_next(head("http://{o}/x", *fields, method=method) + text), drop_all)


def retries(identifier, severity, title, steps, times, section="9110 §9.2.2", **options):
    return script(identifier, section, severity, title, *steps, origin_was_asked(times), **options)


#: One request primes the pool, and counts.
RETRIES = [
    retries("retry-post-never", MUST, "POST on a connection that drops is never sent twice",
            dropped("POST", ("Content-Length: 3",), "abc"), 2),
    retries("retry-post-reset", MUST, "POST is not sent again if the connection is reset",
            dropped("POST", ("Content-Length: 3",), "abc", by_reset=True), 2),
    retries("retry-post-empty", MUST, "POST without content is not sent again",
            dropped("POST", ("Content-Length: 0",)), 2),
    retries("retry-post-chunked", MUST, "chunked POST is not sent again",
            dropped("POST", ("Transfer-Encoding: chunked",), "3\r\nabc\r\n0\r\n\r\n"), 2),
    retries("retry-post-new-connection", MUST, "POST on a new connection is not sent again",
            dropped("POST", ("Content-Length: 3",), "abc", primes=False), 1),
    retries("retry-patch-never", MUST, "PATCH is not sent again", dropped("PATCH", ("Content-Length: 3",), "abc"), 2),
    retries("retry-unknown-never", MUST, "a method nobody knows is not sent again", dropped("BREW"), {1, 2}),
    retries("retry-get-bounded", HARDENING, "GET is sent again a few times at most", dropped("GET"), range(2, 7)),
    retries("retry-get-new-connection", HARDENING, "a GET that an origin always drops is given up",
            dropped("GET", primes=False), range(1, 5)),
    retries("retry-get-error", SHOULD, "a GET whose origin ends the connection is answered with 502", (
        send(GET), origin_gets(), lambda world: world.upstream.close(),
        gets_bad_gateway((502,), ("http_response_incomplete", "connection_terminated"))), 1, "9110 §15.6.3",
            weir_only=True),
    retries("retry-not-after-head", MUST, "a request whose response had begun is not sent again", (
        *primed(), send_next(GET), origin_gets(), answers("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
        origin_closes, lambda world: world.wait(lambda: world.client().ended, "the end of the cut response")), 2),
    retries("retry-not-after-interim", HARDENING, "a request that had an interim response is not sent again", (
        *primed(), send(GET), origin_gets(), answers("HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"), quiet,
        origin_closes, lambda world: world.wait(lambda: world.client().ended or b" 50" in world.client().received,
                                                "an error")), 2, weir_only=True),
    retries("retry-once-answered", MUST, "an answered POST is over", (
        send(post("Content-Length: 3", content="abc")), origin_gets(), answers(OK), origin_closes, gets()), 1),
]

CASES = CLIENT_SIDE + PIPELINED + CLIENT_ENDS + IDLE + RETRIES
