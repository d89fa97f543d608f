"""Request targets in all four forms, Host, user information, ports and IPv6 literals."""

from case import GET, HARDENING, MUST, SHOULD, either, forwarded, head, refused, script
from checks import has, lacks, line, own_answer, present, proxy_status, target
from steps import OK, answers, ends, gets, is_refused, nothing_else, origin_gets, send, send_next
from wire import Failure


def connect(authority, *fields, host="{o}"):
    return head(authority, *fields, method="CONNECT", host=host)


def refused_or_tls(world):
    """A proxy may speak TLS to the origin itself, which this one does not know."""
    if world.weir:
        is_refused((501,))(world)
    else:
        world.wait_quiet()
    for upstream in world.upstreams:
        if upstream.received and not upstream.received.startswith(b"\x16\x03"):
            raise Failure(f"expected a refusal, or TLS; the origin got {upstream.received[:200]!r}")


FORMS = [
    forwarded("target-absolute-becomes-origin", "9112 §3.2.1", MUST, "absolute-form is forwarded in origin-form",
              head("http://{o}/a/b?c=d"), line(r"GET /a/b\?c=d HTTP/1\.[01]"), has("Host", "{o}")),
    forwarded("target-empty-path", "9112 §3.2.1", MUST, "an empty path is forwarded as /", head("http://{o}"),
              target("/")),
    forwarded("target-empty-path-query", "9112 §3.2.1", MUST, "a query without a path gets the path /",
              head("http://{o}?q=1"), target("/?q=1")),
    forwarded("target-options-empty-path", "9112 §3.2.4", MUST, "OPTIONS without a path is forwarded as OPTIONS *",
              head("http://{o}", method="OPTIONS"), line(r"OPTIONS \* HTTP/1\.[01]"), method="OPTIONS"),
    forwarded("target-options-slash", "9112 §3.2.4", MUST, "OPTIONS with the path / keeps it",
              head("http://{o}/", method="OPTIONS"), target("/"), method="OPTIONS"),
    forwarded("target-options-empty-path-query", "9112 §3.2.4", MUST, "OPTIONS with a query alone is not *",
              head("http://{o}?x", method="OPTIONS"), target("/?x"), method="OPTIONS"),
    script("target-options-asterisk", "9110 §9.3.7", SHOULD, "OPTIONS * is answered by the proxy itself",
           send(head("*", method="OPTIONS")), gets(200, present("Allow", "Date"), has("Content-Length", "0"),
                                                  proxy_status("proxy_internal_response")), nothing_else,
           weir_only=True),
    refused("target-origin-form", "9112 §3.2.1", SHOULD, "origin-form at a forward proxy is refused", head("/"),
            weir_only=True),
    refused("target-asterisk-get", "9112 §3.2.4", SHOULD, "asterisk-form is for OPTIONS alone", head("*")),
    refused("target-authority-get", "9112 §3.2.3", SHOULD, "authority-form is for CONNECT alone", head("{o}")),
    refused("target-relative", "9112 §3.2", SHOULD, "a target in none of the four forms is refused",
            head("index.html")),
    refused("target-scheme-unknown", "9110 §7.1", SHOULD, "a scheme the proxy cannot speak is refused",
            head("gopher2://{o}/"), weir=(501,)),
    script("target-scheme-https", "9110 §4.2.2", MUST, "https is never forwarded over a connection without TLS",
           send(head("https://{o}/")), refused_or_tls),
    refused("target-scheme-alone", "9112 §3.2.2", SHOULD, "a scheme without an authority is refused",
            head("http:/"), weir=(400,)),
    refused("target-scheme-empty", "9112 §3.2.2", SHOULD, "an empty scheme is refused", head("://{o}/")),
    forwarded("target-scheme-upper-case", "9110 §4.2.3", SHOULD, "the scheme is compared without case",
              head("HTTP://{o}/x"), target("/x"), has("Host", "{o}")),
    either("target-fragment", "9112 §3.2.2", SHOULD, "a fragment is refused or left out", head("http://{o}/a#b"),
           target("/a"), weir=(400,)),
    refused("target-space", "9112 §3.2", SHOULD, "a space in the target is not put right",
            head("http://{o}/a b")),
    either("target-non-ascii", "9112 §3.2", HARDENING, "a byte beyond ASCII is refused or passed as it is",
           head("http://{o}/\xe9"), target("/\xe9"), weir=(400,)),
    refused("target-control", "9112 §3.2", HARDENING, "a control character in the target is refused",
            head("http://{o}/a\x01b")),
    refused("target-delete", "9112 §3.2", HARDENING, "DEL in the target is refused", head("http://{o}/a\x7fb")),
    refused("target-tab", "9112 §3.2", HARDENING, "a tab in the target is refused", head("http://{o}/a\tb")),
    refused("target-backslash-host", "9110 §4.2.4", HARDENING, "a backslash in the authority is refused",
            head("http://{o}\\@example.invalid/")),
    script("target-long-enough", "9112 §3", SHOULD, "a request line of 8000 octets is taken",
           send(head("http://{o}/" + "a" * 7900)), origin_gets(target("/" + "a" * 7900)), answers(OK), gets()),
]

#: Path and query as they must arrive, and the id of the case.
UNTOUCHED = [
    ("escapes", "/%7euser%2Fx%2e"), ("escape-case", "/%aA%Aa"), ("double-slash", "//a//b"),
    ("dot-segments", "/a/./b/../c"), ("parameters", "/a;b=1;c/d"), ("empty-query", "/a?"),
    ("query-marks", "/?a=1&&b=%00?c/d??"), ("sub-delims", "/!$&'()*+,=:@-._~"),
    ("odd-visible", "/a|b^c`d{e}\"f<g>[h]"), ("url-in-path", "/http://example.com/?u=http://x/"),
]
FORMS += [
    forwarded(f"target-untouched-{name}", "9110 §7.7", MUST, f"path and query pass byte for byte: {path}",
              head("http://{o}" + path), target(path))
    for name, path in UNTOUCHED if name != "odd-visible"]
FORMS.append(either("target-untouched-odd-visible", "9110 §7.7", HARDENING,
                    "visible characters that no URI has are refused or pass as they are",
                    head("http://{o}" + UNTOUCHED[8][1]), target(UNTOUCHED[8][1]), weir="forward"))

HOST = [
    forwarded("host-replaced", "9112 §3.2.2", MUST, "Host is generated from the target, not forwarded",
              head("http://{o}/", host="example.invalid"), has("Host", "{o}")),
    forwarded("host-replaced-1-0", "9112 §3.2.2", MUST, "Host of a 1.0 request is replaced too",
              head("http://{o}/", host="example.invalid", version="1.0"), has("Host", "{o}")),
    forwarded("host-generated-1-0", "9112 §3.2", MUST, "a 1.0 request without Host is forwarded with one",
              head("http://{o}/", host=None, version="1.0"), has("Host", "{o}")),
    refused("host-missing", "9112 §3.2", MUST, "a 1.1 request without Host is refused",
            head("http://{o}/", host=None)),
    refused("host-missing-connect", "9112 §3.2", MUST, "CONNECT without Host is refused", connect("{o}", host=None)),
    refused("host-twice", "9112 §3.2", MUST, "two different Hosts are refused",
            head("http://{o}/", "Host: example.invalid")),
    refused("host-twice-same", "9112 §3.2", MUST, "two equal Hosts are refused", head("http://{o}/", "host: {o}")),
    refused("host-twice-1-0", "9112 §3.2", MUST, "two Hosts in a 1.0 request are refused",
            head("http://{o}/", "Host: example.invalid", version="1.0")),
    refused("host-twice-apart", "9112 §3.2", MUST, "two Hosts with fields between them are refused",
            head("http://{o}/", "Accept: */*", "HOST: {o}")),
    either("host-empty", "9112 §3.2.2", SHOULD, "an empty Host beside an absolute target is refused or replaced",
           head("http://{o}/", host=""), has("Host", "{o}")),
]
#: §3.2 has an invalid Host refused, §3.2.2 has a proxy ignore Host beside an absolute target: either will do.
HOST += [either(f"host-invalid-{name}", "9112 §3.2", SHOULD, f"the Host `{value}` is refused or replaced",
                head("http://{o}/", host=value), has("Host", "{o}"), weir=(400,))
         for name, value in (
             ("space", "exa mple"), ("comma", "{o}, example.invalid"), ("userinfo", "me@{o}"),
             ("path", "{o}/x"), ("url", "http://{o}"), ("port-letters", "127.0.0.1:http"),
             ("two-ports", "{o}:80"), ("bracket", "[::1"), ("quoted", '"{o}"'))]

#: Authorities that no http URI has, with what an origin would be reached by if they were put right.
BAD_AUTHORITIES = [
    ("empty-host", MUST, "9110 §4.2.1", "http:///x", "an empty host is refused"),
    ("empty-host-https", MUST, "9110 §4.2.2", "https:///x", "an empty host of https is refused"),
    ("empty-host-port", MUST, "9110 §4.2.1", "http://:{p}/", "a port without a host is refused"),
    ("port-zero", HARDENING, "9110 §4.2.1", "http://127.0.0.1:0/", "port 0 is refused"),
    ("port-too-large", SHOULD, "9112 §3.2", "http://127.0.0.1:65536/", "port 65536 is refused"),
    ("port-wraps", HARDENING, "9112 §3.2", "http://127.0.0.1:4295032831/", "a port beyond 2^32 is refused"),
    ("port-letters", SHOULD, "9112 §3.2", "http://{h}:{p}x/", "a port with a letter is refused"),
    ("port-sign", SHOULD, "9112 §3.2", "http://{h}:+{p}/", "a port with a sign is refused"),
    ("two-ports", SHOULD, "9112 §3.2", "http://{h}:{p}:{p}/", "two ports are refused"),
    ("ipv6-unclosed", SHOULD, "9112 §3.2", "http://[::1/", "an unclosed bracket is refused"),
    ("ipv6-bare", SHOULD, "9112 §3.2", "http://::1:{p}/", "an IPv6 literal without brackets is refused"),
    ("ipv6-empty", SHOULD, "9112 §3.2", "http://[]:{p}/", "empty brackets are refused"),
    ("ipv6-junk", SHOULD, "9112 §3.2", "http://[::g]:{p}/", "a letter that is no hexadecimal digit is refused"),
    ("ipv6-two-gaps", SHOULD, "9112 §3.2", "http://[1::2::3]:{p}/", "two gaps are refused"),
    ("ipv6-of-ipv4", SHOULD, "9112 §3.2", "http://[127.0.0.1]:{p}/", "an IPv4 address in brackets is refused"),
    ("ipv6-tail", SHOULD, "9112 §3.2", "http://[::1]x:{p}/", "text behind the bracket is refused"),
    ("ipv6-zone", HARDENING, "9110 §4.2.1", "http://[fe80::1%25lo]:{p}/", "a zone of the proxy's host is refused"),
    ("ipv6-zone-raw", SHOULD, "9112 §3.2", "http://[fe80::1%lo]:{p}/", "a zone without its escape is refused"),
]
AUTHORITIES = [refused(f"authority-{name}", section, severity, title, head(url))
               for name, severity, section, url, title in BAD_AUTHORITIES]
AUTHORITIES += [
    script("authority-empty-port", "9110 §4.2.1", SHOULD, "an empty port is the default one",
           # Nobody listens there: that it is dialled at all shows how it was read.
           send(head("http://127.83.77.9:/", host="127.83.77.9:")),
           gets(range(500, 600))),
    forwarded("authority-ipv6", "9110 §4.2.1", MUST, "an IPv6 literal is dialled, and named with its brackets",
              head("http://{o6}/v6", host="{o6}"), target("/v6"), has("Host", "{o6}"), needs_ipv6=True),
    forwarded("authority-ipv6-long", "9110 §4.2.1", SHOULD, "an IPv6 literal written in full is dialled",
              head("http://[0:0:0:0:0:0:0:1]:{p6}/", host="[0:0:0:0:0:0:0:1]:{p6}"), target("/"), needs_ipv6=True),
    forwarded("authority-host-port-kept", "9112 §3.2.2", MUST, "the port is passed on in Host",
              head("http://{h}:{p}/"), has("Host", "{h}:{p}")),
]
AUTHORITIES += [either(f"userinfo-{name}", "9110 §4.2.4", SHOULD, f"user information ({name}) is refused or left out",
                       head(f"http://{text}{{o}}/"), has("Host", "{o}"), lacks("Authorization"), weir=(400,))
                for name, text in (("name", "me@"), ("password", "me:secret@"), ("empty", "@"), ("host", "{o}@"))]

CONNECT_TARGETS = [
    refused(f"connect-target-{name}", section, severity, title, connect(authority))
    for name, section, severity, authority, title in (
        ("no-port", "9110 §9.3.6", MUST, "127.0.0.1", "CONNECT without a port is refused"),
        ("empty-port", "9110 §9.3.6", MUST, "127.0.0.1:", "CONNECT with an empty port is refused"),
        ("port-zero", "9110 §9.3.6", MUST, "127.0.0.1:0", "CONNECT to port 0 is refused"),
        ("port-too-large", "9110 §9.3.6", MUST, "127.0.0.1:65536", "CONNECT to port 65536 is refused"),
        ("port-letters", "9110 §9.3.6", MUST, "127.0.0.1:http", "CONNECT to a port in letters is refused"),
        ("port-sign", "9110 §9.3.6", MUST, "127.0.0.1:-1", "CONNECT to a negative port is refused"),
        ("empty-host", "9112 §3.2.3", SHOULD, ":{p}", "CONNECT without a host is refused"),
        ("path", "9112 §3.2.3", SHOULD, "/", "CONNECT to a path is refused"),
        ("trailing-path", "9112 §3.2.3", SHOULD, "{o}/x", "CONNECT to an authority with a path is refused"),
        ("absolute", "9112 §3.2.3", SHOULD, "http://{o}/", "CONNECT to a URL is refused"),
        ("userinfo", "9112 §3.2.3", SHOULD, "me@{o}", "CONNECT with user information is refused"),
        ("asterisk", "9112 §3.2.3", SHOULD, "*", "CONNECT to * is refused"),
        ("ipv6-bare", "9112 §3.2.3", HARDENING, "::1:{p}", "CONNECT to IPv6 without brackets is refused"))]

OTHER = [
    script("target-refusal-closes", "9112 §3", HARDENING,
           "what is pipelined behind an unreadable request is not served",
           send(head("http://{o}/a b") + GET), is_refused((400,), (own_answer,)), nothing_else, weir_only=True),
    script("target-two-origins", "9112 §3.2.2", MUST, "each request of a connection goes where its target says",
           send(head("http://{o}/1")), origin_gets(target("/1"), has("Host", "{o}"), at="o"), answers(OK), gets(),
           send_next(head("http://{o2}/2", host="{o2}")), origin_gets(target("/2"), has("Host", "{o2}"), at="o2"),
           answers(OK), gets(), nothing_else),
    script("connect-target-refusal-form", "9110 §9.3.6", HARDENING,
           "a refused CONNECT closes with an error of the proxy",
           send(connect("127.0.0.1")), is_refused((400,), (proxy_status("http_request_error"),)), ends(),
           weir_only=True),
]

CASES = FORMS + HOST + AUTHORITIES + CONNECT_TARGETS + OTHER
