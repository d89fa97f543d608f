"""Methods, protocol versions, Max-Forwards with TRACE and OPTIONS."""

from case import GET, HARDENING, MUST, SHOULD, Case, either, forwarded, head, refused, script
from checks import content, dated, has, lacks, line, matches, method, on_weir, present, via_ends_with
from steps import forwards_or_refuses, gets, nothing_else, send
from wire import Failure

METHODS = [
    forwarded("method-get", "9110 §9.3.1", MUST, "GET passes", GET, line(r"GET / HTTP/1\.[01]")),
    forwarded("method-head", "9110 §9.3.2", MUST, "HEAD passes as HEAD", head(method="HEAD"), method("HEAD"),
              method="HEAD", reply="HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
    forwarded("method-put-content", "9110 §9.3.4", MUST, "PUT passes with its content",
              head("http://{o}/", "Content-Length: 5", method="PUT") + "12345", method("PUT"), content(b"12345")),
    forwarded("method-delete", "9110 §9.3.5", MUST, "DELETE passes", head(method="DELETE"), method("DELETE")),
    either("method-delete-content", "9110 §9.3.5", SHOULD, "content of DELETE passes as such, or is refused",
           head("http://{o}/", "Content-Length: 3", method="DELETE") + "abc", method("DELETE"), content(b"abc"),
           weir="forward"),
    forwarded("method-patch", "9110 §9.1", SHOULD, "PATCH passes with its content",
              head("http://{o}/", "Content-Length: 3", method="PATCH") + "abc", method("PATCH"), content(b"abc")),
    either("method-get-content", "9110 §9.3.1", SHOULD, "content of GET passes as such, or is refused",
           head("http://{o}/", "Content-Length: 3") + "abc", method("GET"), content(b"abc"), weir="forward"),
    forwarded("method-options-content", "9110 §9.3.7", SHOULD, "content of OPTIONS passes",
              head("http://{o}/x", "Content-Type: text/plain", "Content-Length: 3", method="OPTIONS") + "abc",
              method("OPTIONS"), content(b"abc")),
    forwarded("method-post-empty", "9110 §8.6", SHOULD, "POST with Content-Length: 0 keeps saying so",
              head("http://{o}/", "Content-Length: 0", method="POST"), has("Content-Length", "0"), content(b"")),
    either("method-unknown", "9110 §9.1", SHOULD, "a method nobody knows passes",
           head(method="BREW"), method("BREW"), weir="forward"),
    either("method-extension", "9110 §9.1", SHOULD, "a registered method of an extension passes",
           head(method="PROPFIND"), method("PROPFIND"), weir="forward"),
    either("method-all-token-characters", "9110 §9.1", SHOULD, "a method of every kind of token character",
           head(method="!#$%&'*+-.^_`|~09Az"), method("!#$%&'*+-.^_`|~09Az"), weir="forward"),
    either("method-lower-case", "9110 §9.1", MUST, "methods are case-sensitive: get is not GET",
           head(method="get"), method("get"), weir="forward"),
    either("method-lower-case-head", "9110 §9.1", MUST, "head is not HEAD: its response has content",
           head(method="head"), method("head"), weir="forward", client=(content(b"ok"),)),
    either("method-lower-case-connect", "9110 §9.1", MUST, "connect is not CONNECT",
           head("http://{o}/", method="connect"), method("connect"), weir="forward"),
]
METHODS += [refused(f"method-invalid-{name}", "9112 §3.1", SHOULD, f"a method with {title} is refused",
                    head(method=text))
            for name, text, title in (("parenthesis", "GE(T", "a parenthesis"), ("nul", "GE\x00T", "NUL"),
                                      ("tab", "GE\tT", "a tab"), ("colon", "GET:", "a colon"),
                                      ("non-ascii", "G\xcbT", "a byte beyond ASCII"), ("empty", "", "no character"))]


def request_line(text):
    return text + "\r\nHost: {o}\r\n\r\n"


VERSIONS = [
    forwarded("version-1-2", "9110 §2.5", SHOULD, "HTTP/1.2 is taken as the highest minor version known",
              head(version="1.2"), line(r"GET / HTTP/1\.[01]")),
    forwarded("version-1-0-response", "9112 §2.3", MUST, "the proxy's own version is in the response",
              GET, reply="HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", client=(line(r"HTTP/1\.1 200.*"),)),
    forwarded("version-1-0-request", "9112 §2.3", MUST, "a 1.0 request is forwarded in the proxy's own version",
              head(version="1.0"), line(r"GET / HTTP/1\.1")),
    refused("version-2-0", "9110 §15.6.6", HARDENING, "HTTP/2.0 is refused", head(version="2.0"), weir=(400, 505)),
    refused("version-3-0", "9110 §15.6.6", HARDENING, "HTTP/3.0 is refused", head(version="3.0"), weir=(400, 505)),
    refused("version-0-9", "9112 §2.3", SHOULD, "HTTP/0.9 in so many words is refused", head(version="0.9"),
            weir=(400, 505)),
    refused("version-none", "9112 §3", SHOULD, "a request line without a version is refused",
            request_line("GET http://{o}/")),
    refused("version-two-digits", "9112 §2.3", SHOULD, "HTTP/1.10 is refused", head(version="1.10"), weir=(400, 505)),
    refused("version-leading-zero", "9112 §2.3", SHOULD, "HTTP/01.1 is refused", head(version="01.1"),
            weir=(400, 505)),
    refused("version-no-minor", "9112 §2.3", SHOULD, "HTTP/1 is refused", head(version="1"), weir=(400, 505)),
    refused("version-comma", "9112 §2.3", SHOULD, "HTTP/1,1 is refused", head(version="1,1"), weir=(400, 505)),
    refused("version-lower-case", "9112 §2.3", SHOULD, "the name HTTP is case-sensitive",
            request_line("GET http://{o}/ http/1.1"), weir=(400, 505)),
    refused("version-other-name", "9112 §2.3", SHOULD, "another protocol's name is refused",
            request_line("GET http://{o}/ RTSP/1.0"), weir=(400, 505)),
    refused("version-text-behind", "9112 §3", SHOULD, "text behind the version is refused",
            request_line("GET http://{o}/ HTTP/1.1 x")),
    either("version-space-behind", "9112 §3", HARDENING, "a space behind the version is refused or left out",
           request_line("GET http://{o}/ HTTP/1.1 "), line(r"GET / HTTP/1\.[01]"), weir=(400,)),
    refused("version-h2-preface", "9112 §9.7", HARDENING, "the preface of HTTP/2 is refused",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", weir=(400, 505)),
    either("request-line-two-spaces", "9112 §3", HARDENING, "two spaces in the request line are refused or made one",
           request_line("GET  http://{o}/ HTTP/1.1"), line(r"GET / HTTP/1\.[01]"), weir=(400,)),
    either("request-line-tab", "9112 §3", HARDENING, "a tab as a delimiter is refused or made a space",
           request_line("GET\thttp://{o}/ HTTP/1.1"), line(r"GET / HTTP/1\.[01]"), weir=(400,)),
    either("request-line-leading-space", "9112 §3", HARDENING, "a space before the method is refused or left out",
           request_line(" GET http://{o}/ HTTP/1.1"), line(r"GET / HTTP/1\.[01]"), weir=(400,)),
    refused("request-line-method-alone", "9112 §3", SHOULD, "a request line of one word is refused",
            request_line("GET")),
    refused("request-line-tls-hello", "9112 §2.1", HARDENING, "a TLS hello is refused",
            "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
]


def echoes(wanted):
    def check(message, world):
        if world.fill(wanted) not in message.content:
            raise Failure(f"expected {wanted!r} in the content; got {message.content[:300]!r}")
    return check


def hides(unwanted):
    def check(message, _):
        if unwanted in message.content:
            raise Failure(f"expected no {unwanted!r} in the content; got {message.content[:300]!r}")
    return check


def smaller(message, _):
    value = message.field("Max-Forwards") or ""
    if not value.isdigit() or int(value) >= 99999999999999999999999:
        raise Failure(f"expected a smaller Max-Forwards; got {value!r}")


def trace(*fields, name="TRACE", path="http://{o}/"):
    return head(path, *fields, method=name)


ECHO = (matches("Content-Type", "^message/http"), dated)
OWN_OPTIONS = (present("Allow"), dated, has("Content-Length", "0"))
FORWARDS = [
    script("max-forwards-zero-trace", "9110 §7.6.2", MUST, "TRACE with 0 is answered, not forwarded",
           send(trace("Max-Forwards: 0", "X-Mark: here")), gets(range(200, 600), on_weir(*ECHO)), nothing_else),
    script("max-forwards-zero-options", "9110 §7.6.2", MUST, "OPTIONS with 0 is answered, not forwarded",
           send(trace("Max-Forwards: 0", name="OPTIONS")), gets(range(200, 600), on_weir(*OWN_OPTIONS)),
           nothing_else),
    script("max-forwards-zero-options-asterisk", "9110 §7.6.2", MUST, "OPTIONS for a whole server with 0 is answered",
           send(trace("Max-Forwards: 0", name="OPTIONS", path="http://{o}")),
           gets(range(200, 600), on_weir(*OWN_OPTIONS)), nothing_else),
    script("max-forwards-zeroes", "9110 §7.6.2", MUST, "00 is zero too",
           send(trace("Max-Forwards: 00")), gets(range(200, 600)), nothing_else),
    script("trace-echo", "9110 §9.3.8", SHOULD, "the answer to TRACE is the head that was received",
           send(trace("Max-Forwards: 0", "X-Mark: here")),
           gets(200, *ECHO, echoes("X-Mark: here")), nothing_else,
           weir_only=True),
    script("trace-echo-start-line", "9110 §9.3.8", SHOULD, "the answer to TRACE begins with the request line",
           send(trace("Max-Forwards: 0", path="http://{o}/abc")),
           gets(200, echoes("TRACE http://{o}/abc HTTP/1.1")),
           weir_only=True),
    script("trace-echo-without-secrets", "9110 §9.3.8", SHOULD, "the answer to TRACE leaves credentials out",
           send(trace("Max-Forwards: 0", "Authorization: Basic c2VjcmV0", "Cookie: id=c2VjcmV0",
                      "Proxy-Authorization: Basic c2VjcmV0")),
           gets(range(200, 600), hides(b"c2VjcmV0")), nothing_else),
    Case("max-forwards-counts-trace", "9110 §7.6.2", MUST, "TRACE with 5 is forwarded with 4", (
        send(trace("Max-Forwards: 5")), forwards_or_refuses(has("Max-Forwards", "4"), weir="forward"), nothing_else)),
    Case("max-forwards-counts-options", "9110 §7.6.2", MUST, "OPTIONS with 1 is forwarded with 0", (
        send(trace("Max-Forwards: 1", name="OPTIONS")), forwards_or_refuses(has("Max-Forwards", "0"), weir="forward"),
        nothing_else)),
    forwarded("max-forwards-get", "9110 §7.6.2", SHOULD, "Max-Forwards means nothing to GET", head("http://{o}/",
              "Max-Forwards: 0"), has("Max-Forwards", "0"), weir_only=True),
    forwarded("max-forwards-not-generated", "9110 §9.3.7", MUST, "the proxy makes up no Max-Forwards",
              trace(name="OPTIONS"), lacks("Max-Forwards")),
    either("max-forwards-huge", "9110 §7.6.2", SHOULD, "a number beyond all integers does not pass as it is",
           trace("Max-Forwards: 99999999999999999999999", name="OPTIONS"), smaller),
    either("trace-forwarded", "9110 §9.3.8", SHOULD, "TRACE without Max-Forwards passes", trace(), method("TRACE"),
           via_ends_with("1.1"), weir="forward"),
    refused("trace-content", "9110 §9.3.8", HARDENING, "TRACE with content is refused",
            trace("Content-Length: 3") + "abc", weir_only=True),
    refused("trace-content-chunked", "9110 §9.3.8", HARDENING, "TRACE with chunked content is refused",
            trace("Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n", weir_only=True),
]
FORWARDS += [refused(f"max-forwards-invalid-{name}", "9110 §7.6.2", HARDENING, f"Max-Forwards `{text}` is refused",
                     trace(f"Max-Forwards: {text}", name="OPTIONS"), weir_only=True)
             for name, text in (("letters", "abc"), ("negative", "-1"), ("empty", ""), ("list", "1, 1"),
                                ("sign", "+1"))]
FORWARDS.append(refused("max-forwards-invalid-twice", "9110 §7.6.2", HARDENING, "two Max-Forwards are refused",
                        trace("Max-Forwards: 3", "Max-Forwards: 3"), weir_only=True))


CASES = METHODS + VERSIONS + FORWARDS
