"""Upgrade and CONNECT: when a connection becomes a tunnel, and that the bytes pass as they are."""

from case import GET, HARDENING, MUST, SHOULD, head, refused, reply, script
from checks import content, has, lacks, member, no_member, on_weir, proxy_status, via_ends_with
from steps import (OK, answers, ends, gets, gets_bad_gateway, gets_bytes, half_close, nothing_else, origin_accepts,
                   origin_closes, origin_gets, origin_gets_bytes, origin_resets, origin_stops_listening, reset, send,
                   send_next, upstream_ends)
from wire import Failure

SWITCH = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {}\r\n\r\n"
SOCKET = SWITCH.format("websocket")


def upgrade(token="websocket", *fields, method="GET", version="1.1"):
    return head("http://{o}/chat", "Connection: Upgrade", f"Upgrade: {token}", *fields, method=method, version=version)


def plain(identifier, severity, title, request, *checks, section="9110 §7.8", **options):
    """The request is forwarded without its Upgrade, and answered like any other."""
    return script(identifier, section, severity, title, send(request),
                  origin_gets(lacks("Upgrade"), no_member("Connection", "upgrade"), *checks), answers(OK),
                  gets(200, content(b"ok")), nothing_else, **options)


def relayed(identifier, severity, title, *steps, request=None, answer=SOCKET, **options):
    """An Upgrade that the origin accepts; then `steps`. That Upgrade is passed on at all is weir's choice."""
    return script(identifier, "9110 §7.8", severity, title, send(request or upgrade()),
                  origin_gets(member("Connection", "upgrade")), answers(answer), *steps, weir_only=True, **options)


SWITCHED = gets(101, has("Upgrade", "websocket"), member("Connection", "upgrade"))
FRAME = b"\x81\x85\x01\x02\x03\x04abcde\x00\r\n\r\n"


def one_interim(message, _):
    if [one.status for one in message.interim] != [103]:
        raise Failure(f"expected an interim 103; got {message.interim}")


UPGRADES = [
    relayed("upgrade-websocket", SHOULD, "a WebSocket handshake passes and bytes go both ways", SWITCHED, send(FRAME),
            origin_gets_bytes(FRAME), answers(b"\x81\x05hello"), gets_bytes(b"\x81\x05hello"),
            request=upgrade("websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13")),
    relayed("upgrade-key-passes", SHOULD, "the accept key passes",
            gets(101, has("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), has("Upgrade", "websocket")),
            answer=SOCKET[:-2] + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
    relayed("upgrade-bytes-with-101", SHOULD, "bytes right behind the 101 are the new protocol's", SWITCHED,
            gets_bytes("hello at once"), answer=SOCKET + "hello at once"),
    relayed("upgrade-client-bytes-early", HARDENING, "bytes sent before the 101 reach the origin only behind it",
            SWITCHED, origin_gets_bytes("early"), request=upgrade() + "early"),
    relayed("upgrade-client-ends", SHOULD, "the client's end reaches the origin", SWITCHED, send("bye"), half_close(),
            origin_gets_bytes("bye"), upstream_ends),
    relayed("upgrade-origin-ends", SHOULD, "the origin's last bytes reach the client, then its end", SWITCHED,
            answers("bye"), origin_closes, gets_bytes("bye"), ends()),
    relayed("upgrade-origin-resets", SHOULD, "behind a 101 an origin's reset ends both sides", SWITCHED, origin_resets,
            ends()),
    relayed("upgrade-http-in-tunnel", SHOULD, "HTTP within the new protocol is bytes", SWITCHED, send(GET),
            origin_gets_bytes(GET), answers(OK), gets_bytes(OK)),
    relayed("upgrade-other-token", SHOULD, "another protocol's name passes",
            gets(101, has("Upgrade", "x-own/2")), send("x"), origin_gets_bytes("x"), request=upgrade("x-own/2"),
            answer=SWITCH.format("x-own/2")),
    relayed("upgrade-one-of-two", SHOULD, "the origin may choose one of several",
            gets(101, has("Upgrade", "websocket")), request=upgrade("x-own, websocket")),
    relayed("upgrade-token-case", HARDENING, "names of protocols are compared without case",
            gets(101, has("Upgrade", "WebSocket")), answer=SWITCH.format("WebSocket")),
    relayed("upgrade-other-fields", SHOULD, "what else Connection names is removed",
            gets(101), request=head("http://{o}/", "Connection: X-Hop, Upgrade", "X-Hop: 1", "Upgrade: websocket")),
    relayed("upgrade-via", MUST, "a 101 is forwarded with Via", gets(101, via_ends_with("1.1"))),
    relayed("upgrade-large", SHOULD, "a quarter of a megabyte passes each way", SWITCHED, send(b"u" * 262144),
            origin_gets_bytes(b"u" * 262144), answers(b"d" * 262144), gets_bytes(b"d" * 262144)),
    relayed("upgrade-refused", MUST, "a refused upgrade is an ordinary response", gets(200, content(b"ok")),
            send(GET), origin_gets(lacks("Upgrade")), answers(OK), gets(200, content(b"ok")), answer=OK),
    relayed("upgrade-interim-first", SHOULD, "an interim response may come before the 101",
            gets(101, one_interim),
            answer="HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + SOCKET),
    relayed("upgrade-not-offered", HARDENING, "a 101 for a protocol that was not offered: 502",
            gets_bad_gateway((502,), ("http_upgrade_failed",)), upstream_ends, answer=SWITCH.format("x-other")),
    relayed("upgrade-101-without-name", HARDENING, "a 101 that names no protocol: 502",
            gets_bad_gateway((502,), ("http_upgrade_failed",)), upstream_ends,
            answer="HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n"),
    script("upgrade-426", "9110 §15.5.22", MUST, "426 keeps the Upgrade it needs", send(GET), origin_gets(),
           answers(reply("Upgrade: websocket", "Connection: Upgrade", "Content-Length: 2",
                         status="426 Upgrade Required", content="ws")),
           gets(426, has("Upgrade", "websocket"), member("Connection", "upgrade"), content(b"ws")), weir_only=True),
    plain("upgrade-not-named", MUST, "Upgrade that Connection does not name is not passed on",
          head("http://{o}/", "Upgrade: websocket")),
    plain("upgrade-1-0", MUST, "Upgrade of a 1.0 client is ignored", upgrade(version="1.0")),
    plain("upgrade-h2c", HARDENING, "h2c is not passed on", head("http://{o}/", "Connection: Upgrade, HTTP2-Settings",
          "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"), lacks("HTTP2-Settings"), weir_only=True),
    plain("upgrade-h2", HARDENING, "h2 is not passed on", upgrade("h2"), weir_only=True),
    plain("upgrade-http-2", HARDENING, "HTTP/2.0 is not passed on as an Upgrade", upgrade("HTTP/2.0"), weir_only=True),
    plain("upgrade-tls", HARDENING, "TLS/1.2 is not passed on as an Upgrade", upgrade("TLS/1.2"), weir_only=True),
    script("upgrade-h2c-among-others", "9110 §7.8", HARDENING, "h2c is taken out of a list",
           send(upgrade("h2c, websocket")), origin_gets(has("Upgrade", "websocket")), answers(SOCKET), gets(101),
           weir_only=True),
]


CONNECT = head("{o}", method="CONNECT")
OPEN = (send(CONNECT), origin_accepts, gets(200, lacks("Content-Length", "Transfer-Encoding"), method="CONNECT"))


def connect_to_nobody(world):
    port = world.clients["reserved"].socket.getsockname()[1]
    send(f"CONNECT {{h}}:{port} HTTP/1.1\r\nHost: {{h}}:{port}\r\n\r\n")(world)
    gets(range(500, 600), on_weir(proxy_status("connection_refused")), method="CONNECT")(world)


def two_connections(world):
    if len(world.upstreams) < 2 or world.upstreams[0].received:
        raise Failure("expected the request on another connection than the tunnel's")


CONNECTS = [
    script("connect-opens", "9110 §9.3.6", MUST, "CONNECT is answered with 2xx, without framing", *OPEN),
    script("connect-both-ways", "9110 §9.3.6", MUST, "bytes pass both ways as they are", *OPEN, send(FRAME),
           origin_gets_bytes(FRAME), answers(b"\x00\xff\r\n"), gets_bytes(b"\x00\xff\r\n")),
    script("connect-http-inside", "9110 §9.3.6", MUST, "HTTP inside is bytes", *OPEN, send("GET / HTTP/1.1\r\n\r\n"),
           origin_gets_bytes("GET / HTTP/1.1\r\n\r\n"), answers("HTTP/1.1 999 x\n\n"),
           gets_bytes("HTTP/1.1 999 x\n\n")),
    script("connect-origin-first", "9110 §9.3.6", MUST, "an origin that speaks first is heard", send(CONNECT),
           origin_accepts, answers("220 hello\r\n"), gets(200, method="CONNECT"), gets_bytes("220 hello\r\n")),
    script("connect-early-data", "9110 §9.3.6", SHOULD, "bytes that come with the CONNECT head reach the origin",
           send(CONNECT + "early data"), origin_accepts, gets(200, method="CONNECT"),
           origin_gets_bytes("early data")),
    script("connect-early-data-then-more", "9110 §9.3.6", SHOULD,
           "bytes with the CONNECT head come before the later ones",
           send(CONNECT + "one "), origin_accepts, gets(200, method="CONNECT"), send("two"),
           origin_gets_bytes("one two")),
    script("connect-large", "9110 §9.3.6", MUST, "half a megabyte passes each way", *OPEN, send(b"u" * 524288),
           origin_gets_bytes(b"u" * 524288), answers(b"d" * 524288), gets_bytes(b"d" * 524288)),
    script("connect-client-ends", "9110 §9.3.6", MUST, "what a client sent before its end arrives", *OPEN,
           send("last words"), half_close(), origin_gets_bytes("last words"), upstream_ends),
    script("connect-client-half-closes", "9110 §9.3.6", HARDENING, "an answer behind the client's half-close arrives",
           *OPEN, send("request"), half_close(), origin_gets_bytes("request"), answers("answer"),
           gets_bytes("answer"), weir_only=True),
    script("connect-origin-ends", "9110 §9.3.6", MUST, "what an origin sent before its end arrives, then the end",
           *OPEN,
           answers("last words"), origin_closes, gets_bytes("last words"), ends()),
    script("connect-origin-resets", "9110 §9.3.6", MUST, "an origin's reset ends the client's side", *OPEN,
           origin_resets, ends()),
    script("connect-client-resets", "9110 §9.3.6", MUST, "a client's reset ends the origin's side", *OPEN, reset(),
           upstream_ends),
    script("connect-1-0", "9110 §9.3.6", SHOULD, "CONNECT of a 1.0 client works",
           send(head("{o}", method="CONNECT", version="1.0", host=None)), origin_accepts,
           gets(200, method="CONNECT"), send("x"), origin_gets_bytes("x"), answers("y"), gets_bytes("y")),
    script("connect-ipv6", "9110 §9.3.6", SHOULD, "CONNECT to an IPv6 literal works",
           send(head("{o6}", method="CONNECT", host="{o6}")), origin_accepts, gets(200, method="CONNECT"), send("x"),
           origin_gets_bytes("x"), needs_ipv6=True),
    script("connect-host-differs", "9110 §9.3.6", HARDENING, "the target counts, not Host",
           send(head("{o}", method="CONNECT", host="example.invalid:1")), origin_accepts, gets(200, method="CONNECT"),
           send("x"), origin_gets_bytes("x"), weir_only=True),
    script("connect-behind-get", "9112 §9.3", SHOULD, "CONNECT may follow a request on a connection", send(GET),
           origin_gets(), answers(OK), gets(), send_next(CONNECT), origin_accepts, gets(200, method="CONNECT"),
           send("x"),
           origin_gets_bytes("x")),
    script("connect-pipelined-behind-get", "9112 §9.3.2", HARDENING, "CONNECT may be pipelined, with early data",
           send(GET + CONNECT + "early"), origin_gets(), answers(OK), gets(), origin_accepts,
           gets(200, method="CONNECT"), origin_gets_bytes("early"), weir_only=True),
    script("connect-unreachable", "9110 §9.3.6", MUST, "a CONNECT to where nobody listens is an error", send(""),
           origin_stops_listening, connect_to_nobody),
    script("connect-unreachable-goes-on", "9110 §9.3.6", HARDENING,
           "behind a failed CONNECT the connection is no tunnel", send(""),
           origin_stops_listening, connect_to_nobody,
           send(head("http://{o2}/after", host="{o2}")), origin_gets(), answers(OK), gets(200, content(b"ok")),
           weir_only=True),
    refused("connect-port-not-allowed", "9110 §9.3.6", SHOULD, "CONNECT to a port that is not allowed is refused",
            CONNECT, weir=(403,), checks=(proxy_status("http_request_denied"),), close=False, weir_only=True,
            group="tunnels-443"),
    script("connect-not-pooled", "9110 §9.3.6", MUST, "a tunnel's connection carries no later request", *OPEN,
           send(GET, on="b"), origin_gets(), answers(OK), gets(on="b"), two_connections),
]


CASES = UPGRADES + CONNECTS
