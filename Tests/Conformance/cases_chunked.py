"""The chunked coding and trailers, in requests and in responses."""

from case import (GET, HARDENING, MUST, SHOULD, Case, answered, cut, either, forwarded, head, post, reply, script,
                  spoilt)
from checks import content, framed, lacks, no_extensions, no_trailer, on_weir, trailer
from steps import (OK, answers, gets, gets_cut, half_close, nothing_else, origin_closes, origin_gets, send,
                   send_bytewise)
from wire import Failure

CHUNKED = "Transfer-Encoding: chunked"
LAST = "0\r\n\r\n"
SMUGGLED = "GET http://{o}/smuggled HTTP/1.1\r\nHost: {o}\r\n\r\n"


def chunks(text, *fields):
    return post(CHUNKED, *fields, content=text)


def taken(identifier, section, severity, title, text, wanted, *checks, **options):
    """A request whose chunks are good."""
    return forwarded(identifier, section, severity, title, chunks(text), content(wanted), *checks, **options)


def settle(world):
    """A refusal, or a whole request that holds only what was sent, and no second one."""
    def outcome():
        request = world.next_request()
        return request if request and request.complete else _refused(world)
    found = world.wait(outcome, "a refusal, or the request at the origin")
    if found != "refused":
        if world.weir:
            raise Failure(f"expected a refusal 400 of weir; the origin got {found!r}")
        answers(OK)(world)
        gets(range(200, 600))(world)
    nothing_smuggled(world)


def _refused(world):
    response = world.next_response()
    if response is None:
        return None
    if response is not False and (not response.complete or response.status < 400):
        raise Failure(f"expected a refusal; got {response!r}")
    if world.weir and (response is False or response.status != 400):
        raise Failure(f"expected a refusal 400 of weir; got {response!r}")
    return "refused"


def nothing_smuggled(world):
    world.wait_quiet()
    for upstream in world.upstreams:
        if b"GET /smuggled" in upstream.received:
            raise Failure(f"expected no second request; the origin got {upstream.received[-200:]!r}")


def not_merged(name, value):
    """The header section has no such field; one of the proxy's own with another value is its affair."""
    def check(message, _):
        if value in message.all(name) and name not in ("Transfer-Encoding", "Trailer"):
            raise Failure(f"expected the trailer {name} not to be merged; got {message!r}")
    return check


GOOD = [
    taken("chunks-several", "9112 §7.1", MUST, "several chunks are one content",
          "1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n" + LAST, b"abcdef"),
    taken("chunks-hexadecimal", "9112 §7.1", MUST, "sizes are hexadecimal, in either case",
          "a\r\n0123456789\r\nB\r\n0123456789a\r\n" + LAST, b"01234567890123456789a"),
    taken("chunks-leading-zeros", "9112 §7.1", MUST, "sizes may have leading zeros",
          "0003\r\nabc\r\n" + LAST, b"abc"),
    taken("chunks-last-zeros", "9112 §7.1", MUST, "the last chunk is any number of zeros", "3\r\nabc\r\n000\r\n\r\n",
          b"abc"),
    taken("chunks-none", "9112 §7.1", MUST, "no chunk but the last is empty content", LAST, b""),
    taken("chunks-crlf-content", "9112 §7.1", MUST, "CRLF in a chunk is content", "7\r\na\r\n0\r\n\r\r\n" + LAST,
          b"a\r\n0\r\n\r"),
    taken("chunks-large", "9112 §7.1", MUST, "a chunk of 64 KiB and a byte",
          "10001\r\n" + "x" * 65537 + "\r\n" + LAST, b"x" * 65537),
    taken("chunks-many", "9112 §7.1", MUST, "two thousand chunks of one byte", "1\r\nx\r\n" * 2000 + LAST,
          b"x" * 2000),
    taken("chunks-extension", "9112 §7.1.1", MUST, "an unknown extension is ignored", "3;a=b\r\nabc\r\n" + LAST,
          b"abc",
          on_weir(no_extensions)),
    taken("chunks-extension-flag", "9112 §7.1.1", MUST, "an extension without a value is ignored",
          "3;flag\r\nabc\r\n" + LAST, b"abc", on_weir(no_extensions)),
    taken("chunks-extension-quoted", "9112 §7.1.1", MUST, "a quoted value is part of the extension",
          '3;a="b;c=d"\r\nabc\r\n' + LAST, b"abc", on_weir(no_extensions)),
    taken("chunks-extension-several", "9112 §7.1.1", MUST, "several extensions are ignored",
          "3;a=1;b=2;c\r\nabc\r\n" + LAST, b"abc", on_weir(no_extensions)),
    taken("chunks-extension-last", "9112 §7.1.1", MUST, "the last chunk may have an extension",
          "3\r\nabc\r\n0;a=b\r\n\r\n", b"abc", on_weir(no_extensions)),
    either("chunks-extension-white-space", "9112 §7.1.1", HARDENING,
           "bad white space around `;` is refused or ignored",
           chunks("3 ; a = b\r\nabc\r\n" + LAST), content(b"abc")),
    script("chunks-bytewise", "9112 §7.1", MUST, "chunks that come byte by byte",
           send(chunks("")), send_bytewise("3;x\r\nabc\r\n0\r\nX-T: y\r\n\r\n"), origin_gets(content(b"abc")),
           answers(OK), gets(), nothing_else),
    script("chunks-streamed", "9112 §7.1", SHOULD, "chunked content is passed on before its end",
           send(chunks("3\r\nabc\r\n")), lambda world: world.wait(
               lambda: any(b"abc" in upstream.received for upstream in world.upstreams), "content at the origin"),
           send(LAST), origin_gets(content(b"abc")), answers(OK), gets(), weir_only=True),
]

#: What a chunk must not look like. Some may be passed on by a lenient proxy, if it puts it right.
BAD = [
    ("size-letters", MUST, "letters for a size", "xyz\r\nabc\r\n"),
    ("size-empty", MUST, "no size at all", "\r\nabc\r\n"),
    ("size-minus", MUST, "a negative size", "-3\r\nabc\r\n"),
    ("size-plus", MUST, "a size with a sign", "+3\r\nabc\r\n"),
    ("size-0x", MUST, "a size with 0x", "0x3\r\nabc\r\n"),
    ("size-underscore", MUST, "a size with an underscore", "0_3\r\nabc\r\n"),
    ("size-overflow-64", MUST, "a size of 2^64 and 3", "10000000000000003\r\nabc\r\n"),
    ("size-overflow-far", MUST, "a size of 40 digits", "f" * 40 + "\r\nabc\r\n"),
    ("size-negative-64", MUST, "a size of 2^64 - 1", "f" * 16 + "\r\nabc\r\n"),
    ("size-nul", MUST, "NUL behind a size", "3\x00\r\nabc\r\n"),
    ("size-comma", MUST, "a comma behind a size", "3,4\r\nabc\r\n"),
    ("size-two", MUST, "two sizes on a line", "3 4\r\nabc\r\n"),
    ("data-longer", MUST, "more bytes than the size says", "3\r\nabcdef\r\n"),
    ("data-no-end", MUST, "no CRLF behind the bytes", "3\r\nabc3\r\ndef\r\n"),
    ("data-end-junk", MUST, "other bytes in the place of CRLF", "3\r\nabcXX3\r\ndef\r\n"),
    ("data-end-cr-junk", MUST, "CR and another byte behind the bytes", "3\r\nabc\rX3\r\ndef\r\n"),
]
SPOILT = [spoilt(f"chunks-{name}", "9112 §7.1", severity, f"{title}: refused", chunks(text + LAST + SMUGGLED))
          for name, severity, title, text in BAD]

#: What lenient readers put right. Whoever forwards must send chunks that all readers take alike.
DOUBTFUL = [
    ("size-leading-space", "a space before a size", " 3\r\nabc\r\n"),
    ("size-trailing-space", "a space behind a size", "3 \r\nabc\r\n"),
    ("size-tab", "a tab behind a size", "3\t\r\nabc\r\n"),
    ("size-lf", "LF alone behind a size", "3\nabc\r\n"),
    ("data-lf", "LF alone behind the bytes", "3\r\nabc\n"),
    ("size-cr", "CR CR LF behind a size", "3\r\r\nabc\r\n"),
    ("extension-bare-cr", "a bare CR in an extension", "3;a\rb\r\nabc\r\n"),
    ("extension-nul", "NUL in an extension", "3;a\x00b\r\nabc\r\n"),
    ("extension-lf-quoted", "LF in a quoted extension", '3;a="\n"\r\nabc\r\n'),
]
LENIENT = [Case(f"chunks-{name}", "9112 §7.1", HARDENING, f"{title}: refused, or put right", (
    send(chunks(text + LAST)), settle))
    for name, title, text in DOUBTFUL]
LENIENT += [
    Case("chunks-extension-lf", "9112 §7.1.1", HARDENING, "LF ends an extension for nobody, or for everybody", (
        send(chunks("2;\nxx\r\n4c\r\n0\r\n\r\nGET http://{o}/smuggled HTTP/1.1\r\nHost: {o}\r\n\r\n" + LAST)),
        settle)),
    Case("chunks-last-lf", "9112 §7.1", HARDENING, "LF LF behind the last chunk is refused or put right", (
        send(chunks("3\r\nabc\r\n0\n\n")), half_close(), settle)),
    Case("chunks-last-missing-crlf", "9112 §7.1", HARDENING, "a request line among the trailers is no request", (
        send(chunks("3\r\nabc\r\n0\r\nGET http://{o}/smuggled HTTP/1.1\r\nHost: {o}\r\n\r\n")), settle)),
]


def trailers(identifier, severity, title, lines, *checks, **options):
    return either(identifier, "9110 §6.5.1", severity, title, chunks("3\r\nabc\r\n0\r\n" + lines + "\r\n"),
                  content(b"abc"), *checks, **options)


FORBIDDEN = [("Content-Length", "5"), ("Transfer-Encoding", "chunked"), ("Host", "example.invalid"),
             ("Authorization", "Basic Zm9v"), ("Content-Encoding", "gzip"), ("Content-Type", "a/b"),
             ("Connection", "x-trailer"), ("Cookie", "a=b"), ("Trailer", "X-T")]
TRAILERS = [trailers(f"trailer-forbidden-{name.lower()}",
                     MUST if name in ("Content-Length", "Transfer-Encoding", "Host")
                     else SHOULD, f"{name} in a trailer is not merged into the head",
                     f"{name}: {value}\r\n", on_weir(no_trailer(name)), not_merged(name, value),
                     weir="forward")
            for name, value in FORBIDDEN]
TRAILERS += [
    trailers("trailer-passes", SHOULD, "a trailer passes", "X-Sum: 1\r\n", trailer("X-Sum", "1"), weir_only=True),
    trailers("trailer-two", SHOULD, "two trailers pass in order", "X-A: 1\r\nX-B: 2\r\n", trailer("X-A", "1"),
             trailer("X-B", "2"), weir_only=True),
    trailers("trailer-not-merged", MUST, "an unknown trailer does not become a header field", "X-Sum: 1\r\n",
             lacks("X-Sum"), weir="forward"),
    trailers("trailer-nominated", MUST, "a trailer that Connection could name does no harm", "Keep-Alive: 5\r\n",
             on_weir(no_trailer("Keep-Alive")), lacks("Keep-Alive"), weir="forward"),
]
TRAILERS += [Case(f"trailer-syntax-{name}", section, severity, f"{title} in a trailer is refused, or not passed on", (
    send(chunks("3\r\nabc\r\n0\r\n" + line + "\r\n\r\n")), settle))
    for name, section, severity, title, line in (
        ("space-before-colon", "9112 §5.1", HARDENING, "a space before the colon", "X-A : 1"),
        ("no-colon", "9112 §5", HARDENING, "a line without a colon", "X-A"),
        ("fold", "9112 §5.2", HARDENING, "a fold", "X-A: 1\r\n 2"),
        ("nul", "9110 §5.5", HARDENING, "NUL", "X-A: a\x00b"),
        ("bare-cr", "9112 §2.2", HARDENING, "a bare CR", "X-A: a\rb"),
        ("bare-lf", "9112 §2.2", HARDENING, "LF alone", "X-A: a\nX-B: c"))]


def chunked_reply(text, *fields):
    return reply(CHUNKED, *fields, content=text)


WITH_TE = head("http://{o}/", "TE: trailers", "Connection: TE")
RESPONSES = [
    answered("chunked-response", "9112 §7.1", MUST, "chunked content of a response arrives whole",
             chunked_reply("3\r\nabc\r\n2\r\nde\r\n" + LAST), content(b"abcde")),
    answered("chunked-response-case", "9112 §7", MUST, "coding names have no case in responses",
             reply("Transfer-Encoding: Chunked", content="3\r\nabc\r\n" + LAST), content(b"abc")),
    answered("chunked-response-extensions", "9112 §7.1.1", MUST, "extensions in a response are ignored",
             chunked_reply('3;a=b;c="d;e"\r\nabc\r\n0;f\r\n\r\n'), content(b"abc"), on_weir(no_extensions)),
    answered("chunked-response-leading-zeros", "9112 §7.1", MUST, "leading zeros in a response",
             chunked_reply("00003\r\nabc\r\n00\r\n\r\n"), content(b"abc")),
    answered("chunked-response-empty", "9112 §7.1", MUST, "empty chunked content", chunked_reply(LAST), content(b"")),
    answered("chunked-response-large", "9112 §7.1", MUST, "a chunk of 128 KiB in a response",
             chunked_reply("20000\r\n" + "y" * 131072 + "\r\n" + LAST), content(b"y" * 131072)),
    answered("chunked-response-trailers", "9110 §6.5.1", SHOULD, "trailers of a response pass if they are welcome",
             chunked_reply("3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", "Trailer: X-Sum"), content(b"abc"),
             trailer("X-Sum", "1"), request=WITH_TE, weir_only=True),
    answered("chunked-response-trailers-not-merged", "9110 §6.5.1", MUST, "trailers of a response are not merged",
             chunked_reply("3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"), content(b"abc"), lacks("X-Sum"),
             request=WITH_TE),
    answered("chunked-response-trailers-forbidden", "9110 §6.5.1", MUST,
             "framing in a trailer of a response counts for nothing",
             chunked_reply("3\r\nabc\r\n0\r\nContent-Length: 99\r\nTransfer-Encoding: x\r\n\r\n"), content(b"abc"),
             not_merged("Content-Length", "99"), on_weir(no_trailer("Content-Length", "Transfer-Encoding")),
             request=WITH_TE),
    answered("chunked-response-to-1-0", "9112 §6.1", MUST, "a 1.0 client gets no chunks",
             chunked_reply("3\r\nabc\r\n2\r\nde\r\n" + LAST), content(b"abcde"), framed("length", "close"),
             request=head("http://{o}/", version="1.0")),
    answered("chunked-response-to-1-0-trailers", "9112 §7.1.2", MUST, "a 1.0 client gets no trailers as content",
             chunked_reply("3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"), content(b"abc"), framed("length", "close"),
             request=head("http://{o}/", version="1.0")),
    cut("chunked-response-no-last", "9112 §8", MUST, "chunked content without its last chunk is seen as cut",
        chunked_reply("3\r\nabc\r\n")),
    cut("chunked-response-in-chunk", "9112 §8", MUST, "a response cut within a chunk is seen as cut",
        chunked_reply("9\r\nabc")),
    cut("chunked-response-in-size", "9112 §8", MUST, "a response cut within a chunk size is seen as cut",
        chunked_reply("3\r\nabc\r\n1")),
    cut("chunked-response-in-trailers", "9112 §8", HARDENING, "a response cut within its trailers is seen as cut",
        chunked_reply("3\r\nabc\r\n0\r\nX-Su")),
]
RESPONSES += [Case(f"chunked-response-{name}", "9112 §7.1", MUST, f"{title} in a response is seen as an error", (
    send(GET), origin_gets(), answers(chunked_reply(text)), origin_closes, gets_cut()))
    for name, title, text in (
        ("size-letters", "letters for a size", "3\r\nabc\r\nxyz\r\n" + LAST),
        ("size-minus", "a negative size", "3\r\nabc\r\n-1\r\n" + LAST),
        ("size-overflow", "a size beyond all integers", "3\r\nabc\r\n" + "f" * 20 + "\r\n" + LAST),
        ("size-0x", "a size with 0x", "3\r\nabc\r\n0x2\r\nde\r\n" + LAST),
        ("data-longer", "more than the size says", "3\r\nabcdef\r\n" + LAST),
        ("data-no-end", "no CRLF behind a chunk", "3\r\nabc2\r\nde\r\n" + LAST))]


CASES = GOOD + SPOILT + LENIENT + TRAILERS + RESPONSES
