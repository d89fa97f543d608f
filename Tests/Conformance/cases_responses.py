"""Where a response ends, which statuses have content, and what must not be passed on as a response."""

from case import GET, HARDENING, MUST, SHOULD, Case, answered, cut, head, reply, script, unusable
from checks import content, framed, has, lacks, line, matches
from steps import (OK, answer, answers, answers_always, gets, gets_bad_gateway, gets_cut, nothing_else, origin_closes,
                   origin_gets, origin_resets, quiet, send, send_next, upstream_ends)

ONE_0 = head("http://{o}/", version="1.0")
CHUNKED = "Transfer-Encoding: chunked"


def with_line(text):
    return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + text + "\r\n\r\nok"


def cleaned(*checks):
    """A response in which the proxy puts right what it must, or an error in its place."""
    def step(world):
        response = world.wait(lambda: answer(world), "a response, or an error")
        if response is True or not response.complete or response.status >= 500:
            return
        for check in checks:
            check(response, world)
    return step


def one_length(world):
    """Exactly "ok" by one framing, or an error; weir chooses the error."""
    if world.weir:
        gets_bad_gateway((502,), ("http_protocol_error",))(world)
    else:
        cleaned(content(b"ok"))(world)


def cleans(identifier, section, severity, title, text, *checks):
    return Case(identifier, section, severity, title, (
        send(GET), origin_gets(), answers_always(with_line(text)), cleaned(*checks)))


GOOD = [
    answered("response-length", "9112 §6.3", MUST, "Content-Length frames a response",
             reply("Content-Length: 5", content="12345"), content(b"12345"), framed("length", "chunked")),
    answered("response-length-zero", "9112 §6.3", MUST, "Content-Length: 0 is no content",
             reply("Content-Length: 0"), content(b""), framed("length", "chunked")),
    answered("response-until-close", "9112 §6.3", MUST, "content up to the close arrives whole",
             reply(content="until the end"), content(b"until the end"), ends=True),
    answered("response-until-close-chunked", "9112 §6.3", SHOULD,
             "the end of content up to the close can be told from a cut",
             reply(content="until the end"), content(b"until the end"), framed("chunked", "length"), ends=True),
    answered("response-until-close-1-0-client", "9112 §6.3", MUST, "a 1.0 client gets it up to the close",
             reply(content="until the end"), content(b"until the end"), framed("close", "length"), ends=True,
             request=ONE_0),
    answered("response-until-close-empty", "9112 §6.3", MUST, "no byte before the close is empty content", reply(),
             content(b""), ends=True),
    answered("response-1-0-origin", "9112 §9.3", MUST, "a 1.0 origin that closes is understood",
             reply(content="old", version="1.0"), content(b"old"), ends=True),
    answered("response-1-0-origin-length", "9112 §6.3", MUST, "a 1.0 origin with a Content-Length is understood",
             reply("Content-Length: 3", content="old", version="1.0"), content(b"old")),
    answered("response-large", "9112 §6.3", MUST, "a megabyte arrives whole",
             reply("Content-Length: 1048576", content="z" * 1048576), content(b"z" * 1048576)),
    answered("response-no-reason", "9112 §4", MUST, "an empty reason phrase is fine",
             "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", content(b"ok")),
    answered("response-no-reason-space", "9112 §4", HARDENING, "a missing space behind the status is no matter",
             "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", content(b"ok")),
    answered("response-reason-space", "9112 §4", MUST, "the space before a missing reason phrase is written",
             "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", line(r"HTTP/1\.1 200 .*")),
    answered("response-unknown-status", "9110 §15", MUST, "a status nobody knows passes",
             reply("Content-Length: 2", status="299 Fine", content="ok"), content(b"ok"), status=299),
    answered("response-unknown-error", "9110 §15", MUST, "an error nobody knows passes",
             reply("Content-Length: 2", status="499 Odd", content="ok"), content(b"ok"), status=499),
    answered("response-status-beyond", "9110 §15", SHOULD, "a status beyond the five classes is framed like a 5xx",
             reply("Content-Length: 2", status="777 Odd", content="ok"), content(b"ok"), status=777),
    answered("response-redirect", "9110 §15.4", MUST, "a redirect is for the client to follow",
             reply("Location: http://{o}/else", "Content-Length: 0", status="302 Found"),
             has("Location", "http://{o}/else"), status=302),
    answered("response-404", "9110 §15.5", MUST, "an error of the origin passes with its content",
             reply("Content-Length: 4", status="404 Not Found", content="none"), content(b"none"), status=404),
    answered("response-500", "9110 §15.6", MUST, "a 5xx of the origin passes with its content",
             reply("Content-Length: 4", status="503 Busy", content="busy"), content(b"busy"), status=503),
    script("response-in-pieces", "9112 §2.2", MUST, "a response in pieces is one response",
           send(GET), origin_gets(), answers("HTTP/1.", "1 200 O", "K\r\nContent-Le", "ngth: 2\r\n\r", "\no", "k"),
           gets(200, content(b"ok"))),
]

#: No content whatever the fields say.
BARE = [
    answered("bare-head", "9112 §6.3", MUST, "the response to HEAD has no content",
             reply("Content-Length: 100"), has("Content-Length", "100"), method="HEAD"),
    answered("bare-head-no-framing", "9112 §6.3", MUST, "a response to HEAD without framing has no content", reply(),
             method="HEAD"),
    answered("bare-head-chunked", "9112 §6.3", MUST, "a response to HEAD that says chunked has no content",
             reply(CHUNKED), method="HEAD"),
    script("bare-head-connection", "9112 §6.3", MUST, "the connection goes on behind a response to HEAD",
           send(head("http://{o}/", method="HEAD")), origin_gets(), answers(reply("Content-Length: 100")),
           gets(200, method="HEAD"), send_next(GET), origin_gets(), answers(OK), gets(200, content(b"ok"))),
    answered("bare-head-chunked-1-0", "9112 §6.1", MUST, "to a 1.0 client HEAD says nothing of chunked",
             reply(CHUNKED), lacks("Transfer-Encoding"), method="HEAD",
             request=head("http://{o}/", method="HEAD", version="1.0")),
    answered("bare-204", "9112 §6.3", MUST, "204 has no content", reply(status="204 No Content"), status=204),
    answered("bare-204-length", "9110 §8.6", MUST, "204 loses its Content-Length",
             reply("Content-Length: 0", status="204 No Content"), lacks("Content-Length"), status=204),
    answered("bare-204-length-lies", "9110 §8.6", MUST, "204 loses a Content-Length above 0",
             reply("Content-Length: 5", status="204 No Content"), lacks("Content-Length"), status=204),
    answered("bare-204-chunked", "9112 §6.1", MUST, "204 loses its Transfer-Encoding",
             reply(CHUNKED, status="204 No Content"), lacks("Transfer-Encoding"), status=204),
    answered("bare-304", "9112 §6.3", MUST, "304 has no content",
             reply('ETag: "a"', status="304 Not Modified"), status=304, request=head("http://{o}/",
                                                                                   'If-None-Match: "a"')),
    answered("bare-304-length", "9110 §8.6", MUST, "304 may tell the length of what it does not send",
             reply('ETag: "a"', "Content-Length: 500", status="304 Not Modified"), status=304,
             request=head("http://{o}/", 'If-None-Match: "a"')),
    answered("bare-304-chunked", "9112 §6.3", MUST, "304 has no chunks",
             reply(CHUNKED, 'ETag: "a"', status="304 Not Modified"), status=304,
             request=head("http://{o}/", 'If-None-Match: "a"')),
    script("bare-304-connection", "9112 §6.3", MUST, "the connection goes on behind a 304 with a length",
           send(head("http://{o}/", 'If-None-Match: "a"')), origin_gets(),
           answers(reply('ETag: "a"', "Content-Length: 500", status="304 Not Modified")), gets(304),
           send_next(GET), origin_gets(), answers(OK), gets(200, content(b"ok"))),
    answered("bare-205", "9110 §15.3.6", MUST, "205 ends where it says", reply("Content-Length: 0",
             status="205 Reset Content"), content(b""), status=205),
    script("bare-204-extra-bytes", "9112 §6.3", MUST, "bytes behind a 204 are no response to anything",
           send(GET), origin_gets(), answers(reply(status="204 No Content") + reply("Content-Length: 4",
                                                                                  content="evil")),
           gets(204), quiet, send_next(GET), origin_gets(), answers(OK), gets(200, content(b"ok"))),
    script("bare-head-extra-bytes", "9112 §6.3", MUST, "bytes behind a response to HEAD are no response",
           send(head("http://{o}/", method="HEAD")), origin_gets(),
           answers(reply("Content-Length: 5") + "12345"), gets(200, method="HEAD"), quiet,
           send_next(GET), origin_gets(), answers(OK), gets(200, content(b"ok"))),
]

BAD_LENGTHS = [unusable(f"response-length-{name}", "9112 §6.3", MUST, f"Content-Length `{value}` in a response: 502",
                        reply(f"Content-Length: {value}", content="abc"), errors=("http_protocol_error",), ends=True)
               for name, value in (("plus", "+3"), ("minus", "-3"), ("hexadecimal", "0x3"), ("letters", "abc"),
                                   ("empty", ""), ("overflow", "18446744073709551619"), ("space", "3 3"),
                                   ("list-differs", "3, 4"))]
FRAMING = BAD_LENGTHS + [
    unusable("response-length-twice-differs", "9112 §6.3", MUST, "two different lengths in a response: 502",
             reply("Content-Length: 3", "Content-Length: 4", content="abcd"), errors=("http_protocol_error",),
             ends=True),
    Case("response-length-twice-same", "9112 §6.3", HARDENING, "two equal lengths: one, or an error", (
        send(GET), origin_gets(), answers_always(reply("Content-Length: 2", "Content-Length: 2", content="ok")),
        one_length)),
    Case("response-both-framings", "9112 §6.3", MUST, "both framings: an error, or chunked alone", (
        send(GET), origin_gets(), answers_always(reply("Content-Length: 5", CHUNKED, content="2\r\nok\r\n0\r\n\r\n")),
        one_length)),
    Case("response-both-framings-coding-first", "9112 §6.3", MUST,
         "chunked, then a length: an error, or chunked alone", (
        send(GET), origin_gets(), answers_always(reply(CHUNKED, "Content-Length: 5", content="2\r\nok\r\n0\r\n\r\n")),
        one_length)),
    unusable("response-coding-unknown", "9112 §6.1", HARDENING, "a coding nobody here understands: 502",
             reply("Transfer-Encoding: xchunked", content="abc"), ends=True, weir_only=True),
    unusable("response-coding-gzip-chunked", "9112 §6.1", HARDENING, "gzip, chunked: 502",
             reply("Transfer-Encoding: gzip, chunked", content="2\r\nok\r\n0\r\n\r\n"),
             errors=("http_response_transfer_coding",), weir_only=True),
    unusable("response-coding-chunked-twice", "9112 §7.1", HARDENING, "chunked twice: 502",
             reply(CHUNKED, CHUNKED, content="2\r\nok\r\n0\r\n\r\n"), weir_only=True),
    unusable("response-coding-vertical-tab", "9112 §6.1", HARDENING, "a vertical tab before chunked: 502",
             reply("Transfer-Encoding: \x0bchunked", content="2\r\nok\r\n0\r\n\r\n"), weir_only=True),
    unusable("response-coding-1-0", "9112 §6.1", HARDENING, "chunked in an HTTP/1.0 response is faulty framing",
             reply(CHUNKED, content="2\r\nok\r\n0\r\n\r\n", version="1.0"), weir_only=True),
]

#: Heads that are none: (id, severity, section, title, bytes).
BAD_HEADS = [
    ("garbage", MUST, "9112 §4", "something that is not HTTP", "220 mail.example ESMTP\r\n\r\n"),
    ("status-two-digits", SHOULD, "9112 §4", "a status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"),
    ("status-four-digits", SHOULD, "9112 §4", "a status of four digits",
     "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"),
    ("status-letters", SHOULD, "9112 §4", "a status of letters", "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n"),
    ("status-sign", SHOULD, "9112 §4", "a status with a sign", "HTTP/1.1 -20 OK\r\nContent-Length: 0\r\n\r\n"),
    ("status-below-100", SHOULD, "9110 §15", "a status below 100", "HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n"),
    ("version-2", SHOULD, "9112 §4", "HTTP/2.0 on this wire", "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    ("name", SHOULD, "9112 §4", "another protocol's name", "RTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    ("no-status", SHOULD, "9112 §4", "a line without a status", "HTTP/1.1\r\nContent-Length: 2\r\n\r\nok"),
    ("empty", MUST, "9112 §4", "no byte at all", ""),
    ("half-line", MUST, "9112 §4", "half a status line", "HTTP/1.1 2"),
    ("half-head", MUST, "9112 §8", "half a head", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: "),
]
HEADS = [unusable(f"response-head-{name}", section, severity, f"{title}: 502", text, ends=True)
         for name, severity, section, title, text in BAD_HEADS]


LINES = [
    cleans("response-field-space-before-colon", "9112 §5.1", MUST, "white space before a colon is not passed on",
           "X-A : b", has("X-A", "b"), content(b"ok")),
    cleans("response-field-tab-before-colon", "9112 §5.1", MUST, "a tab before a colon is not passed on", "X-A\t: b",
           has("X-A", "b"), content(b"ok")),
    answered("response-field-space-removed", "9112 §5.1", MUST, "the white space is removed, the response passed on",
             with_line("X-A \t: b"), has("X-A", "b"), content(b"ok"), weir_only=True),
    cleans("response-field-fold", "9112 §5.2", MUST, "a fold in a response is replaced, or an error",
           "X-A: a\r\n b", matches("X-A", "^a +b$")),
    cleans("response-field-fold-hides-field", "9112 §5.2", MUST, "a folded line of a response is no field",
           "X-A: a\r\n X-B: c", lacks("X-B")),
    cleans("response-field-nul", "9110 §5.5", MUST, "NUL in a response is replaced, or an error", "X-A: a\x00b",
           has("X-A", "a b")),
    cleans("response-field-bare-cr", "9112 §2.2", MUST, "a bare CR in a response is replaced, or an error",
           "X-A: a\rb", has("X-A", "a b")),
    cleans("response-field-control", "9110 §5.5", HARDENING, "a control character is replaced, or an error",
           "X-A: a\x01b"),
    cleans("response-field-no-colon", "9112 §5", HARDENING, "a line without a colon is left out, or an error", "X-A"),
    cleans("response-field-no-name", "9112 §5", HARDENING, "a line without a name is left out, or an error", ": a"),
    cleans("response-field-bad-name", "9110 §5.6.2", HARDENING, "a name with a space is left out, or an error",
           "X A: b"),
    cleans("response-field-lf", "9112 §2.2", HARDENING, "LF ends a line for everybody, or is an error",
           "X-A: b\nX-B: c"),
    Case("response-reason-nul", "9112 §4", HARDENING, "NUL in a reason phrase is replaced, or an error", (
        send(GET), origin_gets(), answers_always("HTTP/1.1 200 O\x00K\r\nContent-Length: 2\r\n\r\nok"), cleaned())),
    Case("response-reason-bare-cr", "9112 §2.2", MUST, "a bare CR in a reason phrase is replaced, or an error", (
        send(GET), origin_gets(), answers_always("HTTP/1.1 200 O\rK\r\nContent-Length: 2\r\n\r\nok"), cleaned())),
]

CUTS = [
    cut("cut-length-fin", "9112 §8", MUST, "content short of its length is seen as cut",
        reply("Content-Length: 10", content="short")),
    cut("cut-length-rst", "9112 §8", MUST, "content short of its length by a reset is seen as cut",
        reply("Content-Length: 10", content="short"), by=origin_resets),
    cut("cut-length-no-byte", "9112 §8", MUST, "a response whose content never came is seen as cut",
        reply("Content-Length: 10")),
    cut("cut-chunked-rst", "9112 §8", MUST, "chunked content that is reset is seen as cut",
        reply(CHUNKED, content="3\r\nabc\r\n"), by=origin_resets),
    cut("cut-until-close-rst", "9112 §8", SHOULD, "content up to the close that is reset is seen as cut",
        reply(content="until"), by=origin_resets),
    cut("cut-until-close-rst-1-0-client", "9112 §8", HARDENING,
        "a reset within content up to the close is seen by a 1.0 client", reply(content="until"),
        by=origin_resets, request=ONE_0),
    cut("cut-chunked-to-1-0-client", "9112 §8", HARDENING, "cut chunks are seen as cut by a 1.0 client",
        reply(CHUNKED, content="3\r\nabc\r\n"), request=ONE_0),
    cut("cut-length-connection-close", "9112 §8", MUST, "Connection: close excuses no cut",
        reply("Content-Length: 10", "Connection: close", content="short")),
    script("cut-ends-connection", "9112 §8", MUST, "behind a cut response there is no other on that connection",
           send(GET + GET), origin_gets(), answers(reply("Content-Length: 10", content="short")), origin_closes,
           gets_cut()),
]

EXTRA = [
    script("extra-bytes-behind-length", "9112 §6.3", MUST, "bytes behind the content are no part of it",
           send(GET), origin_gets(), answers(reply("Content-Length: 2", content="okEXTRA")), gets(200, content(b"ok")),
           nothing_else),
    script("extra-response-behind-length", "9112 §6.3", MUST, "a second response answers no second request",
           send(GET), origin_gets(), answers(OK + reply("Content-Length: 4", content="evil")),
           gets(200, content(b"ok")), quiet, send_next(head("http://{o}/2")), origin_gets(),
           answers(reply("Content-Length: 4", content="good")), gets(200, content(b"good"))),
    script("extra-response-behind-chunks", "9112 §6.3", MUST,
           "a second response behind chunks answers no second request",
           send(GET), origin_gets(), answers(reply(CHUNKED, content="2\r\nok\r\n0\r\n\r\n")
                                             + reply("Content-Length: 4", content="evil")),
           gets(200, content(b"ok")), quiet, send_next(head("http://{o}/2")), origin_gets(),
           answers(reply("Content-Length: 4", content="good")), gets(200, content(b"good"))),
    script("extra-upstream-closed", "9112 §9.2", SHOULD, "a connection with bytes too many is closed",
           send(GET), origin_gets(), answers(OK + "EXTRA"), gets(200, content(b"ok")), upstream_ends),
]

CASES = GOOD + BARE + FRAMING + HEADS + LINES + CUTS + EXTRA
