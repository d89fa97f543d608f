"""Where the content of a request ends: Content-Length, Transfer-Encoding, both, and every way to blur them.

A body that ends `SMUGGLED` is a second request for a reader that takes the framing in another way.
"""

from case import HARDENING, MUST, SHOULD, either, forwarded, head, post, refused, script, spoilt
from checks import content, framed, has, lacks, target
from steps import (OK, answers, gets, half_close, is_refused, never_complete, nothing_else, on_weir, origin_gets,
                   origin_gets_head, quiet, reset, send, unless_closed, upstream_ends)

SMUGGLED = "GET http://{o}/smuggled HTTP/1.1\r\nHost: {o}\r\n\r\n"
INNER = "GET http://127.0.0.1/s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"
LAST = "0\r\n\r\n"

GOOD = [
    forwarded("framing-length", "9112 §6.2", MUST, "Content-Length frames the content",
              post("Content-Length: 5", content="12345"), content(b"12345"), framed("length", "chunked")),
    forwarded("framing-chunked", "9112 §7.1", MUST, "chunked frames the content",
              post(CHUNKED, content="5\r\n12345\r\n" + LAST), content(b"12345"), framed("length", "chunked")),
    forwarded("framing-chunked-case", "9112 §7", MUST, "coding names have no case",
              post("Transfer-Encoding: ChUnKeD", content="5\r\n12345\r\n" + LAST), content(b"12345")),
    forwarded("framing-chunked-white-space", "9112 §5.1", MUST, "white space around the coding is no part of it",
              post("Transfer-Encoding: \t chunked \t", content="5\r\n12345\r\n" + LAST), content(b"12345")),
    forwarded("framing-chunked-tab", "9112 §5.1", MUST, "a tab before the coding is white space",
              post("Transfer-Encoding:\tchunked", content="5\r\n12345\r\n" + LAST), content(b"12345")),
    either("framing-no-content", "9112 §6.3", MUST, "a request without framing has no content, or 411",
           post(), content(b""), weir="forward"),
    forwarded("framing-length-binary", "9112 §6.2", MUST, "content is any bytes",
              post("Content-Length: 6", content="\r\n\x00\xff\r\n"), content(b"\r\n\x00\xff\r\n")),
    forwarded("framing-content-looks-like-a-request", "9112 §6.2", MUST,
              "content that looks like a request is content",
              post("Content-Length: 4", content="GET "), content(b"GET ")),
    script("framing-request-behind-content", "9112 §6.3", MUST, "the next request begins where the content ends",
           send(post("Content-Length: 3", content="abc") + head("http://{o}/next")), origin_gets(content(b"abc")),
           answers(OK), gets(), unless_closed, origin_gets(target("/next")), answers(OK), gets(), nothing_else),
    script("framing-request-behind-chunks", "9112 §7.1", MUST, "the next request begins where the trailers end",
           send(post(CHUNKED, content="3\r\nabc\r\n" + LAST) + head("http://{o}/next")),
           origin_gets(content(b"abc")), answers(OK), gets(), unless_closed, origin_gets(target("/next")),
           answers(OK), gets(), nothing_else),
    script("framing-content-in-pieces", "9112 §6.2", MUST, "content in pieces is one content",
           send(post("Content-Length: 6"), "12", "34", "56"), origin_gets(content(b"123456")), answers(OK), gets()),
    forwarded("framing-large", "9112 §6.2", MUST, "a quarter of a megabyte passes",
              post("Content-Length: 262144", content="x" * 262144), content(b"x" * 262144)),
    forwarded("framing-not-both", "9112 §6.2", MUST, "chunked content is not sent with a Content-Length as well",
              post(CHUNKED, content="1\r\nx\r\n" + LAST),
              lambda message, world: lacks("Content-Length")(message,
                                                             world) if message.framing == "chunked" else None),
    either("framing-head-content", "9110 §9.3.2", HARDENING, "content of HEAD is content, or refused",
           head("http://{o}/", "Content-Length: 3", method="HEAD") + "abc", content(b"abc"), method="HEAD",
           reply="HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
    either("framing-get-content-smuggle", "9112 §11.2", MUST, "content of GET is not a request",
           head("http://{o}/", f"Content-Length: {len(INNER)}") + INNER, content(INNER.encode()), weir="forward"),
]

BAD_LENGTHS = [refused(f"length-{name}", "9112 §6.3", MUST, f"Content-Length `{value}` is refused",
                       post(f"Content-Length: {value}", content="abc" + SMUGGLED))
               for name, value in (
                   ("plus", "+3"), ("minus", "-3"), ("hexadecimal", "0x3"), ("inner-space", "3 3"), ("empty", ""),
                   ("fraction", "3.0"), ("exponent", "3e0"), ("letters", "three"), ("parameter", "3;a=b"),
                   ("quoted", '"3"'), ("overflow-64", "18446744073709551619"), ("digits-of-unicode", "\xb3"),
                   ("overflow-far", "9" * 60), ("list-differs", "3, 4"), ("list-junk", "3, x"), ("underscore", "0_3"),
                   ("minus-zero", "-0"))]
LENGTHS = BAD_LENGTHS + [
    refused("length-twice-differs", "9112 §6.3", MUST, "two different Content-Length are refused",
            post("Content-Length: 3", "Content-Length: 4", content="abc" + SMUGGLED)),
    refused("length-twice-first-zero", "9112 §6.3", MUST, "two lengths, 0 and another, are refused",
            post("Content-Length: 0", "Content-Length: 3", content="abc" + SMUGGLED)),
    refused("length-twice-apart", "9112 §6.3", MUST, "two lengths with other fields between them are refused",
            post("Content-Length: 3", "X-A: b", "content-length: 0", content="abc" + SMUGGLED)),
    either("length-twice-same", "9112 §6.3", MUST, "two equal Content-Length are refused or made one",
           post("Content-Length: 3", "Content-Length: 3", content="abc"), content(b"abc"), has("Content-Length", "3"),
           weir=(400,)),
    either("length-list-same", "9112 §6.3", MUST, "a list of equal lengths is refused or made one",
           post("Content-Length: 3, 3", content="abc"), content(b"abc"), has("Content-Length", "3"), weir=(400,)),
    either("length-empty-member", "9110 §5.6.1", HARDENING, "an empty member is refused or left out",
           post("Content-Length: 3,", content="abc"), content(b"abc"), has("Content-Length", "3"), weir=(400,)),
    either("length-leading-zeros", "9110 §8.6", HARDENING, "leading zeros are refused, or decimal and not octal",
           post("Content-Length: 0010", content="0123456789"), content(b"0123456789")),
    refused("length-space-before-colon", "9112 §5.1", MUST, "`Content-Length :` is refused",
            post("Content-Length : 3", content="abc" + SMUGGLED)),
    forwarded("length-other-name", "9112 §6.2", MUST, "Content_Length is another field",
              head("http://{o}/", "Content_Length: 50"), content(b"")),
    script("length-short-half-close", "9112 §6.3", MUST, "content that ends too early is not passed on as complete",
           send(post("Content-Length: 10", content="abc")), half_close(), is_refused((), close=False, partly=True),
           never_complete),
    script("length-short-abort", "9112 §6.3", MUST, "when the client goes in mid-content, so does the upstream side",
           send(post("Content-Length: 10", content="abc")), on_weir(origin_gets_head()), quiet, reset(),
           on_weir(upstream_ends), never_complete),
]


def coding(identifier, severity, title, value, weir=(400,), section="9112 §6.3", strict=True):
    """Transfer-Encoding of `value`, with a Content-Length that a reader may believe instead."""
    shape = refused if strict else either
    checks = () if strict else (content(b""),)
    return shape(f"coding-{identifier}", section, severity, title,
                 post(f"Transfer-Encoding: {value}", content=LAST + SMUGGLED) if strict
                 else post(f"Transfer-Encoding: {value}", content=LAST), *checks, weir=weir)


CODINGS = [
    coding("xchunked", MUST, "`xchunked` is not chunked", "xchunked"),
    coding("chunked-then-other", MUST, "chunked that is not the last coding is refused", "chunked, gzip"),
    coding("chunked-then-identity", MUST, "`chunked, identity` is refused", "chunked, identity"),
    coding("identity", MUST, "`identity` is not chunked", "identity"),
    coding("gzip-alone", MUST, "a coding without chunked is refused", "gzip"),
    coding("gzip-chunked", SHOULD, "a coding nobody here understands is refused", "gzip, chunked", (501,),
           "9112 §6.1"),
    coding("unknown-chunked", SHOULD, "an unknown coding is refused", "cow, chunked", (501,), "9112 §6.1"),
    coding("identity-chunked", SHOULD, "`identity, chunked`: refused", "identity, chunked", (400, 501), "9112 §6.1"),
    coding("chunked-twice", MUST, "chunked twice in a list is refused", "chunked, chunked"),
    coding("vertical-tab", MUST, "a vertical tab is no white space", "\x0bchunked", section="9110 §5.5"),
    coding("form-feed", MUST, "a form feed is no white space", "\x0cchunked", section="9110 §5.5"),
    coding("nul-behind", MUST, "NUL behind the coding is refused", "chunked\x00", section="9110 §5.5"),
    coding("non-ascii-space", MUST, "a no-break space is no white space", "\xa0chunked"),
    coding("quoted", MUST, "a quoted coding is not chunked", '"chunked"'),
    coding("single-quoted", MUST, "a coding in single quotes is not chunked", "'chunked'"),
    coding("space-inside", MUST, "`chun ked` is refused", "chun ked"),
    coding("two-words", MUST, "`chunked x` is refused", "chunked x"),
    coding("semicolon-junk", MUST, "`chunked;` with nothing behind is refused", "chunked; ="),
    coding("slash", MUST, "`chunked/1` is refused", "chunked/1"),
    coding("empty", MUST, "an empty coding is refused", "", section="9112 §6.1"),
    coding("prefix", MUST, "`chunke` is not chunked", "chunke"),
    coding("comma-less-pair", MUST, "`chunked chunked` is refused", "chunked chunked"),
    coding("leading-comma", HARDENING, "an empty member before chunked is refused or left out", ",chunked",
           section="9110 §5.6.1", strict=False),
    coding("trailing-comma", HARDENING, "an empty member behind chunked is refused or left out", "chunked,",
           section="9110 §5.6.1", strict=False),
    coding("parameter", SHOULD, "parameters of chunked are an error", "chunked;a=b", section="9112 §7.1",
           strict=False),
    refused("coding-two-lines", "9112 §6.3", MUST, "chunked on two lines is chunked twice",
            post(CHUNKED, CHUNKED, content=LAST + SMUGGLED)),
    refused("coding-two-lines-identity", "9112 §6.3", MUST, "chunked, then identity on a line of its own, is refused",
            post(CHUNKED, "Transfer-Encoding: identity", content=LAST + SMUGGLED)),
    refused("coding-two-lines-junk", "9112 §6.3", MUST, "chunked, then something like it, is refused",
            post(CHUNKED, "Transfer-encoding: x", content=LAST + SMUGGLED)),
    refused("coding-space-before-colon", "9112 §5.1", MUST, "`Transfer-Encoding :` is refused",
            post("Transfer-Encoding : chunked", content=LAST + SMUGGLED)),
    refused("coding-tab-before-colon", "9112 §5.1", MUST, "a tab before the colon likewise",
            post("Transfer-Encoding\t: chunked", content=LAST + SMUGGLED)),
    either("coding-folded", "9112 §5.2", MUST, "a folded Transfer-Encoding is refused or unfolded",
           post("Transfer-Encoding:\r\n chunked", content=LAST), content(b""), weir=(400,)),
    forwarded("coding-other-name", "9112 §6.1", MUST, "Transfer_Encoding is another field",
              post("Transfer_Encoding: chunked", "Content-Length: 5", content=LAST), content(LAST.encode())),
    forwarded("coding-in-value", "9112 §6.1", MUST, "a value that names Transfer-Encoding is a value",
              post("X-A: Transfer-Encoding: chunked", "Content-Length: 5", content=LAST), content(LAST.encode())),
    either("coding-1-0", "9112 §6.1", MUST, "chunked in HTTP/1.0 is faulty framing",
           head("http://{o}/", CHUNKED, method="POST", version="1.0") + LAST + SMUGGLED, weir=(400,)),
    either("coding-1-0-with-length", "9112 §6.1", MUST, "chunked with a Content-Length in HTTP/1.0 is faulty",
           head("http://{o}/", CHUNKED, "Content-Length: 3", method="POST", version="1.0") + LAST + SMUGGLED,
           weir=(400,)),
    spoilt("coding-short-chunks", "9112 §8", MUST, "chunked content that ends too early is not passed on as complete",
           post(CHUNKED, content="5\r\n12345\r\n"), weir=(), then=(half_close(),)),
    spoilt("coding-short-in-chunk", "9112 §8", MUST, "content cut within a chunk is not passed on as complete",
           post(CHUNKED, content="5\r\n123"), weir=(), then=(half_close(),)),
]

#: Both framings: RFC 9112 lets a proxy refuse, or go by Transfer-Encoding alone; it must close behind the answer.
BOTH = [either(f"both-{name}", "9112 §6.1", MUST, title, post(*fields, content=text),
               content(wanted), lambda message, world: lacks("Content-Length")(message, world)
               if message.framing == "chunked" else None, weir=(400,))
        for name, title, fields, text, wanted in (
            ("length-first", "Content-Length, then chunked: refused, or chunked alone",
             ("Content-Length: 5", CHUNKED), LAST + SMUGGLED, b""),
            ("coding-first", "chunked, then Content-Length: refused, or chunked alone",
             (CHUNKED, "Content-Length: 5"), LAST + SMUGGLED, b""),
            ("length-zero", "Content-Length: 0 with chunked: refused, or chunked alone",
             ("Content-Length: 0", CHUNKED), "3\r\nabc\r\n" + LAST, b"abc"),
            ("length-right", "a Content-Length that agrees with chunked: refused, or chunked alone",
             ("Content-Length: 13", CHUNKED), "3\r\nabc\r\n" + LAST, b"abc"),
            ("nominated", "a nominated Content-Length with chunked: refused, or chunked alone",
             ("Connection: Content-Length", "Content-Length: 5", CHUNKED), LAST + SMUGGLED, b""),
            ("length-invalid", "an invalid Content-Length with chunked: refused, or chunked alone",
             ("Content-Length: x", CHUNKED), LAST + SMUGGLED, b""))]
BOTH += [
    refused("both-coding-obscured", "9112 §6.3", MUST, "Content-Length and a coding nobody knows are refused",
            post("Content-Length: 5", "Transfer-Encoding: xchunked", content=LAST + SMUGGLED)),
    refused("both-coding-obscured-tab", "9112 §6.3", MUST, "Content-Length and an obscured coding are refused",
            post("Content-Length: 5", "Transfer-Encoding: \x0bchunked", content=LAST + SMUGGLED)),
    either("both-coding-cr", "9112 §2.2", MUST, "what follows a bare CR is no Transfer-Encoding",
           post("Content-Length: 5", "X-A: b\rTransfer-Encoding: chunked", content=LAST), content(LAST.encode()),
           lacks("Transfer-Encoding"), weir=(400,)),
]

CONNECTS = [
    refused("connect-with-length", "9110 §9.3.6", HARDENING, "CONNECT with content is refused",
            head("{o}", "Content-Length: 3", method="CONNECT") + "abc", weir_only=True),
    refused("connect-with-coding", "9110 §9.3.6", HARDENING, "CONNECT with chunked content is refused",
            head("{o}", CHUNKED, method="CONNECT") + LAST, weir_only=True),
]
CASES = GOOD + LENGTHS + CODINGS + BOTH + CONNECTS
