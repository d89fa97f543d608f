"""What happens to fields on their way: hop-by-hop ones, Via, Date, and all those that must pass untouched."""

from case import HARDENING, MUST, SHOULD, answered, either, forwarded, head, post, refused, reply
from checks import (content, dated, has, has_each, lacks, matches, member, no_member, on_weir, proxy_status,
                    via_begins_with, via_ends_with)

URL = "http://{o}/"


def sent(identifier, section, severity, title, fields, *checks, **options):
    """A GET with `fields` is forwarded so that `checks` hold."""
    return forwarded(identifier, section, severity, title, head(URL, *fields), *checks, **options)


def given(identifier, section, severity, title, fields, *checks, **options):
    """A response with `fields` comes out so that `checks` hold."""
    return answered(identifier, section, severity, title, reply(*fields, "Content-Length: 2", content="ok"),
                    content(b"ok"), *checks, **options)


NOMINATED = [
    sent("connection-nominated", "9110 §7.6.1", MUST, "a field that Connection names is not forwarded",
         ("Connection: X-Hop", "X-Hop: 1", "X-End: 2"), lacks("X-Hop"), has("X-End", "2")),
    sent("connection-nominated-before", "9110 §7.6.1", MUST, "a nominated field goes where it precedes Connection",
         ("X-Hop: 1", "Connection: X-Hop"), lacks("X-Hop")),
    sent("connection-nominated-case", "9110 §7.6.1", MUST, "names in Connection are compared without case",
         ("Connection: x-HOP", "X-hop: 1"), lacks("X-Hop")),
    sent("connection-nominated-several", "9110 §7.6.1", MUST, "every member of the list counts",
         ("Connection: X-One, keep-alive , X-Two", "X-One: 1", "X-Two: 2"), lacks("X-One", "X-Two")),
    sent("connection-nominated-two-lines", "9110 §7.6.1", MUST, "every Connection line counts",
         ("Connection: X-One", "X-One: 1", "Connection: X-Two", "X-Two: 2"), lacks("X-One", "X-Two")),
    sent("connection-nominated-empty-members", "9110 §5.6.1.2", MUST, "empty members of Connection are ignored",
         ("Connection: , ,X-Hop,,", "X-Hop: 1"), lacks("X-Hop")),
    sent("connection-nominated-tabs", "9110 §5.6.3", MUST, "tabs around members are white space",
         ("Connection: close\t,\tX-Hop", "X-Hop: 1"), lacks("X-Hop")),
    sent("connection-nominated-every-line", "9110 §7.6.1", MUST, "all lines of a nominated field go",
         ("Connection: X-Hop", "X-Hop: 1", "X-Other: 2", "X-Hop: 3"), lacks("X-Hop"), has("X-Other", "2")),
    sent("connection-not-forwarded", "9110 §7.6.1", MUST, "Connection itself is removed or the proxy's own",
         ("Connection: X-Hop, X-Gone", "X-Hop: 1"), no_member("Connection", "x-hop", "x-gone")),
    sent("connection-names-host", "9112 §3.2.2", MUST, "Host cannot be nominated away",
         ("Connection: Host",), has("Host", "{o}")),
    forwarded("connection-names-content-length", "9112 §6.3", MUST, "nominated or not, Content-Length frames",
              post("Connection: Content-Length", "Content-Length: 5", content="12345"), content(b"12345")),
    forwarded("connection-names-transfer-encoding", "9112 §6.3", MUST, "chunked content likewise",
              post("Connection: Transfer-Encoding", "Transfer-Encoding: chunked",
                   content="5\r\n12345\r\n0\r\n\r\n"), content(b"12345")),
    sent("connection-names-via", "9110 §7.6.3", MUST, "Via is sent even if Connection names it",
         ("Connection: Via",), via_ends_with("1.1")),
    given("connection-nominated-response", "9110 §7.6.1", MUST, "nominated fields of a response are not forwarded",
          ("Connection: X-Hop", "X-Hop: 1", "X-End: 2"), lacks("X-Hop"), has("X-End", "2")),
    given("connection-nominated-response-case", "9110 §7.6.1", MUST, "names in Connection of a response have no case",
          ("connection: x-hop", "X-HOP: 1"), lacks("X-Hop"), no_member("Connection", "x-hop")),
    given("connection-nominated-response-lines", "9110 §7.6.1", MUST, "every Connection line of a response counts",
          ("Connection: X-One", "Connection: X-Two", "X-One: 1", "X-Two: 2"), lacks("X-One", "X-Two")),
    given("connection-response-names-date", "9110 §6.6.1", MUST, "a response has a Date even if Connection names it",
          ("Connection: Date", "Date: Tue, 15 Nov 1994 08:12:31 GMT"), dated),
]
NOMINATED += [
    sent(f"connection-keeps-{name.lower()}", "9110 §7.6.1", HARDENING,
         f"{name}, for all recipients, cannot be nominated",
         (f"Connection: {name}", f"{name}: {value}"), has(name, value), weir_only=True)
    for name, value in (("Authorization", "Basic Zm9v"), ("Cookie", "a=b"), ("Cache-Control", "no-store"))]

HOP_BY_HOP = [
    sent("hop-keep-alive", "9110 §7.6.1", SHOULD, "Keep-Alive is removed even if nobody names it",
         ("Keep-Alive: timeout=5",), lacks("Keep-Alive")),
    sent("hop-proxy-connection", "9110 §7.6.1", SHOULD, "Proxy-Connection is removed",
         ("Proxy-Connection: keep-alive",), lacks("Proxy-Connection")),
    sent("hop-te", "9110 §10.1.4", SHOULD, "TE that Connection does not name is removed", ("TE: gzip",), lacks("TE")),
    sent("hop-te-nominated", "9110 §10.1.4", MUST, "TE of the client is not passed on as it is",
         ("TE: gzip;q=0.5, trailers", "Connection: TE"), no_member("TE", "gzip;q=0.5")),
    sent("hop-te-trailers", "9110 §6.5.1", SHOULD, "TE: trailers is passed on, with its Connection option",
         ("TE: trailers", "Connection: TE"), has("TE", "trailers"), member("Connection", "te"), weir_only=True),
    sent("hop-te-connection-option", "9110 §10.1.4", MUST, "a TE that is sent comes with its Connection option",
         ("TE: trailers", "Connection: TE"), lambda message, world: message.all("TE")
         and member("Connection", "te")(message, world)),
    sent("hop-upgrade-alone", "9110 §7.6.1", SHOULD, "Upgrade that Connection does not name is removed",
         ("Upgrade: websocket",), lacks("Upgrade")),
    sent("hop-http2-settings", "9113 §3.1", HARDENING, "HTTP2-Settings is removed",
         ("HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA",), lacks("HTTP2-Settings"), weir_only=True),
    sent("hop-proxy-authorization", "9110 §11.7.2", HARDENING, "credentials for the proxy do not reach the origin",
         ("Proxy-Authorization: Basic Zm9v",), lacks("Proxy-Authorization"), weir_only=True),
    given("hop-response-keep-alive", "9110 §7.6.1", SHOULD, "the origin's Keep-Alive is not passed",
          ("Keep-Alive: timeout=4321",), no_member("Keep-Alive", "timeout=4321")),
    given("hop-response-proxy-connection", "9110 §7.6.1", SHOULD, "the origin's Proxy-Connection is not passed",
          ("Proxy-Connection: close, x-odd",), no_member("Proxy-Connection", "x-odd")),
    given("hop-response-upgrade", "9110 §7.6.1", SHOULD, "Upgrade in a 200 is not passed",
          ("Upgrade: h2c", "Connection: Upgrade"), lacks("Upgrade")),
    given("hop-response-proxy-authenticate", "9110 §11.7.1", HARDENING, "Proxy-Authenticate of an origin is removed",
          ("Proxy-Authenticate: Basic realm=x",), lacks("Proxy-Authenticate"), weir_only=True),
    given("hop-response-connection-close", "9112 §9.6", MUST, "the origin's close says nothing of the client's side",
          ("Connection: close",), on_weir(no_member("Connection", "close"))),
]

VIA = [
    sent("via-request", "9110 §7.6.3", MUST, "a request is forwarded with Via", (), via_ends_with("1.1")),
    sent("via-request-appended", "9110 §7.6.3", MUST, "Via goes behind what is there", ("Via: 1.1 first",),
         via_begins_with("1.1 first"), via_ends_with("1.1")),
    sent("via-request-two-lines", "9110 §7.6.3", MUST, "two Via lines keep their order",
         ("Via: 1.0 first", "Accept: */*", "Via: 1.1 second"), via_begins_with("1.0 first", "1.1 second")),
    forwarded("via-request-1-0", "9110 §7.6.3", MUST, "Via tells the version that was received",
              head(URL, version="1.0"), via_ends_with("1.0")),
    given("via-response", "9110 §7.6.3", MUST, "a response is forwarded with Via", (), via_ends_with("1.1")),
    given("via-response-appended", "9110 §7.6.3", MUST, "Via of a response goes behind what is there",
          ("Via: 1.1 first",), via_begins_with("1.1 first"), via_ends_with("1.1")),
    answered("via-response-1-0", "9110 §7.6.3", MUST, "Via of a response tells the version that was received",
             reply("Content-Length: 2", content="ok", version="1.0"), via_ends_with("1.0")),
    refused("via-loop", "9110 §7.6.3", SHOULD, "a request that has been here before is refused",
            head(URL, "Via: 1.1 {me}"), weir=(508,), checks=(proxy_status("proxy_loop_detected"), dated), close=False,
            weir_only=True),
    refused("via-loop-between", "9110 §7.6.3", SHOULD, "a loop over other proxies is found",
            head(URL, "Via: 1.0 fred, 1.1 {me} (comment), HTTP/1.1 last"), weir=(508,),
            checks=(proxy_status("proxy_loop_detected"),), close=False, weir_only=True),
    refused("via-loop-second-line", "9110 §7.6.3", SHOULD, "a loop told on a second Via line is found",
            head(URL, "Via: 1.0 fred", "Via: 1.1 {me}"), weir=(508,), checks=(proxy_status("proxy_loop_detected"),),
            close=False, weir_only=True),
    forwarded("via-no-loop", "9110 §7.6.3", SHOULD, "a longer name that begins like ours is no loop",
              head(URL, "Via: 1.1 {me}x, 1.1 x{me}"), via_ends_with("1.1"), weir_only=True),
    forwarded("via-no-loop-comment", "9110 §7.6.3", SHOULD, "our name in a comment is no loop",
              head(URL, "Via: 1.1 fred ({me})"), via_ends_with("1.1"), weir_only=True),
    sent("via-pseudonym-setting", "9110 §7.6.3", SHOULD, "the pseudonym can be set", (), has("Via", "1.1 edge-7"),
         weir_only=True, group="named"),
    sent("via-pseudonym-random", "9110 §7.6.3", HARDENING, "the pseudonym tells nothing of the host", (),
         matches("Via", "^1.1 weir-[0-9a-f]{8}$"), weir_only=True),
]

DATE = [
    given("date-added", "9110 §6.6.1", MUST, "a response without a Date gets one", (), dated),
    given("date-kept", "9110 §6.6.1", SHOULD, "the origin's Date is kept", ("Date: Tue, 15 Nov 1994 08:12:31 GMT",),
          has("Date", "Tue, 15 Nov 1994 08:12:31 GMT")),
    answered("date-added-304", "9110 §6.6.1", MUST, "a 304 without a Date gets one",
             reply('ETag: "x"', status="304 Not Modified"), dated, status=304,
             request=head(URL, 'If-None-Match: "x"')),
]

#: End-to-end request fields that arrive as they were sent.
PASSED = [
    ("unknown", "9110 §5.1", MUST, "X-Unheard-Of", "it passes; and:so=does/this"),
    ("authorization", "9110 §11.6.2", MUST, "Authorization", "Basic dXNlcjpwYXNz"),
    ("cookie", "6265 §5.4", SHOULD, "Cookie", "a=b; c=\"d e\""),
    ("if-none-match", "9110 §13.1", MUST, "If-None-Match", '"abc", W/"def"'),
    ("if-match", "9110 §13.1", MUST, "If-Match", '"abc"'),
    ("accept-encoding", "9110 §12.5.3", SHOULD, "Accept-Encoding", "gzip;q=0.5, br, identity;q=0"),
    ("user-agent", "9110 §7.7", SHOULD, "User-Agent", "test/1.0 (a; b)"),
    ("referer", "9110 §10.1.3", SHOULD, "Referer", "http://example.com/a?b"),
    ("inner-spaces", "9110 §5.5", SHOULD, "X-Text", "a  b\tc   d"),
    ("obs-text", "9110 §5.5", SHOULD, "X-Text", "caf\xe9 \xff\x80"),
    ("odd-name", "9110 §5.6.2", MUST, "!#$%&'*+-.^_`|~1z", "x"),
    ("underscore-name", "9110 §5.1", MUST, "X_Under_Score", "x"),
    ("long-value", "9110 §5.4", SHOULD, "X-Long", "a" * 4000),
]
PASS = [sent(f"field-passes-{name}", section, severity, f"{field} ({name}) passes as it is", (f"{field}: {value}",),
             has(field, value))
        for name, section, severity, field, value in PASSED]
PASS += [
    sent("field-passes-trailer", "9110 §6.6.2", SHOULD, "Trailer passes as it is", ("Trailer: X-Sum",),
         has("Trailer", "X-Sum"), weir_only=True),
    sent("field-passes-range", "9110 §14.2", SHOULD, "Range passes as it is", ("Range: bytes=0-1,-5",),
         has("Range", "bytes=0-1,-5"), status={200, 206}),
    sent("field-empty-value", "9110 §5.5", MUST, "a field with an empty value passes", ("X-Empty:",),
         has("X-Empty", "")),
    sent("field-order", "9110 §5.3", MUST, "lines of one field keep their order",
         ("X-List: 1", "X-Other: z", "X-List: 2, 3", "x-list: 4"), has("X-List", "1, 2, 3, 4")),
    sent("field-white-space-around", "9112 §5.1", MUST, "white space around a value is no part of it",
         ("X-Text: \t  v \t ",), has("X-Text", "v")),
    sent("field-no-white-space", "9112 §5.1", MUST, "white space before a value is optional", ("X-Text:v",),
         has("X-Text", "v")),
    sent("field-colon-in-value", "9112 §5.1", MUST, "the first colon ends the name", ("X-Text: a:b: c",),
         has("X-Text", "a:b: c")),
    given("field-response-unknown", "9110 §5.1", MUST, "an unknown response field passes", ("X-Unheard-Of: a;b=c",),
          has("X-Unheard-Of", "a;b=c")),
    given("field-response-set-cookie", "9110 §5.3", SHOULD, "Set-Cookie lines are not combined",
          ("Set-Cookie: a=1; Expires=Wed, 09 Jun 2032 10:18:14 GMT", "Set-Cookie: b=2"),
          has_each("Set-Cookie", "a=1; Expires=Wed, 09 Jun 2032 10:18:14 GMT", "b=2")),
    given("field-response-order", "9110 §5.3", MUST, "lines of one response field keep their order",
          ("X-List: 1", "Server: x", "X-List: 2"), has("X-List", "1, 2")),
    given("field-response-www-authenticate", "9110 §11.6.1", MUST, "WWW-Authenticate passes as it is",
          ('WWW-Authenticate: Basic realm="a, b", Digest nonce="c"',),
          has("WWW-Authenticate", 'Basic realm="a, b", Digest nonce="c"')),
    given("field-response-allow", "9110 §10.2.1", MUST, "Allow passes as it is", ("Allow: GET, BREW",),
          has("Allow", "GET, BREW")),
    given("field-response-server", "9110 §7.7", SHOULD, "Server of the origin passes", ("Server: origin/9 (x)",),
          has("Server", "origin/9 (x)")),
    given("field-response-validators", "9110 §7.7", MUST, "validators pass as they are",
          ('ETag: W/"a"', "Last-Modified: Tue, 15 Nov 1994 12:45:26 GMT"), has("ETag", 'W/"a"'),
          has("Last-Modified", "Tue, 15 Nov 1994 12:45:26 GMT")),
    given("field-response-no-transform", "9110 §7.7", MUST, "content under no-transform is not transformed",
          ("Cache-Control: no-transform", "Content-Type: text/html", "Content-Encoding: x-own"),
          has("Content-Encoding", "x-own"), has("Content-Type", "text/html")),
    given("field-response-proxy-status", "9209 §2", SHOULD, "Proxy-Status of proxies nearer to the origin is kept",
          ("Proxy-Status: FrontDoor; error=dns_error",),
          matches("Proxy-Status", "^FrontDoor")),
    given("field-response-obs-text", "9110 §5.5", SHOULD, "bytes beyond ASCII pass in a response",
          ("X-Text: \xe9\xfe",),
          has("X-Text", "\xe9\xfe")),
    either("field-content-type-kept", "9110 §8.3", SHOULD, "Content-Type passes, also an odd one",
           post("Content-Type: a/b; c=\"d;e\"", "Content-Length: 1", content="x"),
           has("Content-Type", 'a/b; c="d;e"'), weir="forward"),
]


CASES = NOMINATED + HOP_BY_HOP + VIA + DATE + PASS
