"""The characters of a request head: line ends, bare CR, NUL, folds, white space where none belongs."""

from case import GET, HARDENING, MUST, SHOULD, either, head, post, refused, script
from checks import content, has, lacks, line, target
from steps import OK, answers, gets, nothing_else, origin_gets, send, send_bytewise, stays_open, unless_closed
from wire import Failure

LINE = "GET http://{o}/ HTTP/1.1\r\nHost: {o}\r\n"


def unfolded(message, _):
    value = message.field("X-A")
    if value is None or value.split() != ["a", "b"]:
        raise Failure(f"expected X-A: a b; got {value!r}")


def field(text):
    """A GET with the line `text` in it."""
    return LINE + text + "\r\n\r\n"


REFUSED = [
    ("space-before-colon", "9112 §5.1", MUST, "a space before the colon", "X-A : 1"),
    ("tab-before-colon", "9112 §5.1", MUST, "a tab before the colon", "X-A\t: 1"),
    ("no-colon", "9112 §5", SHOULD, "a line without a colon", "X-A"),
    ("no-name", "9112 §5", SHOULD, "a line without a name", ": 1"),
    ("name-space", "9112 §5", MUST, "a space within a name", "X A: 1"),
    ("name-parenthesis", "9110 §5.6.2", SHOULD, "a parenthesis in a name", "X(A): 1"),
    ("name-quote", "9110 §5.6.2", SHOULD, "a quote in a name", 'X"A: 1'),
    ("name-slash", "9110 §5.6.2", SHOULD, "a slash in a name", "X/A: 1"),
    ("name-non-ascii", "9110 §5.6.2", SHOULD, "a byte beyond ASCII in a name", "X-\xc4: 1"),
    ("name-nul", "9110 §5.6.2", SHOULD, "NUL in a name", "X\x00A: 1"),
    ("name-control", "9110 §5.6.2", SHOULD, "a control character in a name", "X\x01A: 1"),
    ("name-bare-cr", "9112 §2.2", MUST, "a bare CR in a name", "X\rA: 1"),
]
NAMES = [refused(f"syntax-{name}", section, severity, f"{title} is refused", field(text))
         for name, section, severity, title, text in REFUSED]

#: RFC 9110 §5.5: refuse, or put a space in the place of the character.
VALUES = [
    either("syntax-value-nul", "9110 §5.5", MUST, "NUL in a value is refused or replaced", field("X-A: a\x00b"),
           has("X-A", "a b"), weir=(400,)),
    either("syntax-value-bare-cr", "9112 §2.2", MUST, "a bare CR in a value is refused or replaced",
           field("X-A: a\rb"), has("X-A", "a b"), weir=(400,)),
    either("syntax-value-bare-cr-hides-field", "9112 §2.2", MUST, "what follows a bare CR is no field",
           field("X-A: a\rX-B: c"), lacks("X-B"), weir=(400,)),
    either("syntax-value-control", "9110 §5.5", HARDENING, "a control character in a value is refused or replaced",
           field("X-A: a\x01b"), weir=(400,)),
    either("syntax-value-delete", "9110 §5.5", HARDENING, "DEL in a value is refused or replaced",
           field("X-A: a\x7fb"), weir=(400,)),
    either("syntax-value-escape", "9110 §5.5", HARDENING, "ESC in a value is refused or replaced",
           field("X-A: \x1b[2J"), weir=(400,)),
    either("syntax-fold-space", "9112 §5.2", MUST, "a folded value is refused or unfolded", field("X-A: a\r\n b"),
           unfolded, weir=(400,)),
    either("syntax-fold-tab", "9112 §5.2", MUST, "a value folded with a tab is refused or unfolded",
           field("X-A: a\r\n\tb"), unfolded, weir=(400,)),
    either("syntax-fold-empty", "9112 §5.2", MUST, "a fold of white space alone is refused or unfolded",
           field("X-A: a\r\n \r\nX-B: c"), has("X-B", "c"), weir=(400,)),
    either("syntax-fold-hides-field", "9112 §5.2", MUST, "a folded line is no field of its own",
           field("X-A: a\r\n X-B: c"), lacks("X-B"), weir=(400,)),
    either("syntax-leading-space", "9112 §2.2", MUST,
           "white space before the first field: refused, or the line ignored",
           "GET http://{o}/ HTTP/1.1\r\n X-A: b\r\nHost: {o}\r\n\r\n", lacks("X-A"), weir=(400,)),
    either("syntax-leading-space-host", "9112 §2.2", MUST, "a Host so hidden does not count",
           "GET http://{o}/ HTTP/1.1\r\n Host: example.invalid\r\nHost: {o}\r\n\r\n", has("Host", "{o}"),
           weir=(400,)),
]


LINE_ENDS = [
    either("syntax-lf-lines", "9112 §2.2", HARDENING, "LF alone ends lines, or is refused",
           "GET http://{o}/ HTTP/1.1\nHost: {o}\n\n", line(r"GET / HTTP/1\.[01]"), weir=(400,)),
    either("syntax-lf-request-line", "9112 §2.2", HARDENING, "LF ends the request line, or is refused",
           "GET http://{o}/ HTTP/1.1\nHost: {o}\r\n\r\n", line(r"GET / HTTP/1\.[01]"), weir=(400,)),
    either("syntax-lf-field", "9112 §2.2", HARDENING, "LF ends a field line, or is refused", LINE + "X-A: b\n\r\n",
           has("X-A", "b"), weir=(400,)),
    either("syntax-lf-in-value", "9112 §2.2", HARDENING, "what follows LF is a field, or all is refused",
           field("X-A: a\nX-B: c"), has("X-A", "a"), has("X-B", "c"), weir=(400,)),
    either("syntax-lf-cr", "9112 §2.2", HARDENING, "LF CR is no line end", field("X-A: a\n\rX-B: c"), weir=(400,)),
    either("syntax-cr-cr-lf", "9112 §2.2", MUST, "CR CR LF has a bare CR", LINE + "X-A: b\r\r\n\r\n",
           has("X-A", "b"), weir=(400,)),
    refused("syntax-cr-only", "9112 §2.2", MUST, "CR alone ends no line",
            "GET http://{o}/ HTTP/1.1\rHost: {o}\r\r", weir=(400,), weir_only=True),
    either("syntax-request-line-cr", "9112 §2.2", MUST, "a bare CR in the request line is refused",
           "GET http://{o}/\rx HTTP/1.1\r\nHost: {o}\r\n\r\n", weir=(400,)),
    refused("syntax-lf-second-request", "9112 §2.2", HARDENING, "LF LF within a head does not begin a second request",
            LINE + "X-A: b\n\n" + GET, weir_only=True),
    either("syntax-empty-line-before", "9112 §2.2", SHOULD, "an empty line before the request line is skipped",
           "\r\n" + GET, line(r"GET / HTTP/1\.[01]"), weir="forward"),
    either("syntax-empty-lines-before", "9112 §2.2", HARDENING,
           "two empty lines before the request line are skipped or refused", "\r\n\r\n" + GET,
           line(r"GET / HTTP/1\.[01]"), weir="forward"),
    refused("syntax-empty-lines-many", "9112 §2.2", HARDENING, "a hundred of them are refused", "\r\n" * 100 + GET,
            weir_only=True),
    script("syntax-empty-line-between", "9112 §2.2", SHOULD, "CRLF behind the content of a POST is skipped",
           send(post("Content-Length: 3", content="abc") + "\r\n" + head("http://{o}/next")),
           origin_gets(content(b"abc")), answers(OK), gets(), unless_closed, origin_gets(target("/next")),
           answers(OK), gets(), nothing_else),
    script("syntax-bytewise", "9112 §2.2", MUST, "a head that comes byte by byte is one head",
           send_bytewise("POST http://{o}/ HTTP/1.1\r\nHost: {o}\r\nContent-Length: 3\r\n\r\nabc"),
           origin_gets(content(b"abc")), answers(OK), gets()),
    script("syntax-split-in-crlf", "9112 §2.2", MUST, "a CRLF may come in two pieces",
           send("GET http://{o}/ HTTP/1.1\r", "\nHost: {o}\r\n\r", "\n"), origin_gets(), answers(OK), gets()),
    script("syntax-nothing-sent", "9112 §9.5", SHOULD, "a connection with nothing on it is let be",
           send(""), stays_open()),
]

CASES = NAMES + VALUES + LINE_ENDS
