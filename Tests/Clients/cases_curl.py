"""curl."""

import json
import os

import pages
from case import case
from lab import PROXY

BOTH = ("http", "https")
LARGE = 6_000_000


def curl(c, *argv, **options):
    return c.run("curl", "-sS", "--noproxy", "", "--proxy", PROXY, "--cacert", c.lab.authority, *argv, **options)


def said(c, *argv, **options):
    """The echo page's JSON."""
    return json.loads(curl(c, *argv, **options))


@case(*BOTH)
def get(c):
    c.same_blob(curl(c, "--fail", c.url("/bytes/100000")), 100000)
    c.sole_arrival("GET")


@case(*BOTH)
def large_download(c):
    c.same_blob(curl(c, "--fail", c.url(f"/bytes/{LARGE}")), LARGE)


@case(*BOTH)
def chunked_download(c):
    c.same_blob(curl(c, "--fail", c.url("/chunked/300000?trailers")), 300000)


@case(*BOTH)
def until_close(c):
    c.same_blob(curl(c, "--fail", c.url("/until-close/200000")), 200000)


@case(*BOTH)
def head(c):
    text = curl(c, "--fail", "--head", c.url("/bytes/12345")).decode()
    c.matches(text, r"(?i)\nContent-Length: 12345\r", "head")
    c.sole_arrival("HEAD")


@case(*BOTH)
def expect_continue(c):
    """The origin invites the content; it arrives once."""
    body = c.write("body", pages.blob(LARGE))
    c.same_digest(said(c, "-H", "Expect: 100-continue", "--data-binary", "@" + body, c.url("/echo")), LARGE)
    arrival = c.sole_arrival("POST")
    c.equal((arrival.first("Expect"), arrival.invited), ("100-continue", True), "Expect at the origin")


@case(*BOTH)
def expect_rejected(c):
    """The origin does not invite it: the answer is shown, the content never sent."""
    body = c.write("body", pages.blob(LARGE))
    shown = curl(c, "-H", "Expect: 100-continue", "--expect100-timeout", "10", "--data-binary", "@" + body,
                 "-w", "%{http_code} %{size_upload}", c.url("/reject"))
    c.equal(shown.decode(), "too much\n413 0", "answer")
    c.sole_arrival("POST")


@case(*BOTH)
def early_answer(c):
    """The origin answers 413 in mid-upload and hangs up; the client sees the answer."""
    body = c.write("body", pages.blob(LARGE))
    shown = curl(c, "-H", "Expect:", "--data-binary", "@" + body, "-w", "%{http_code}", c.url("/reject"),
                 status=None)
    c.equal(shown.decode(), "too much\n413", "answer")
    c.sole_arrival("POST")


@case(*BOTH)
def upload_slow_origin(c):
    """An origin slower than the client: nothing is lost on the way."""
    body = c.write("body", pages.blob(LARGE))
    c.same_digest(said(c, "-T", body, c.url("/echo?pause=5")), LARGE)
    c.sole_arrival("PUT")


@case(*BOTH)
def chunked_upload(c):
    """From standard input, whose length nobody knows."""
    c.same_digest(said(c, "-T", "-", c.url("/echo"), content=pages.blob(LARGE)), LARGE)
    c.equal(c.sole_arrival("PUT").all("Transfer-Encoding"), ["chunked"], "framing at the origin")


@case(*BOTH)
def one_range(c):
    got = curl(c, "--fail", "-r", "1000-1999", "-w", "%{http_code}", c.url("/bytes/5000"))
    c.equal(got, pages.blob(5000)[1000:2000] + b"206", "range")


@case(*BOTH)
def resume(c):
    c.write("part", pages.blob(200000)[:70000])
    curl(c, "--fail", "-C", "-", "-o", "part", c.url("/bytes/200000"))
    c.same_blob(c.read("part"), 200000)
    c.equal(c.sole_arrival().first("Range"), "bytes=70000-", "Range at the origin")


@case()
def http10(c):
    """An HTTP/1.0 client gets a chunked response without chunks."""
    got = curl(c, "--http1.0", "-D", "head", "--fail", c.url("/chunked/300000"))
    c.same_blob(got, 300000)
    fields = c.read("head").decode().lower()
    c.equal("transfer-encoding" in fields, False, "Transfer-Encoding to an HTTP/1.0 client")
    c.matches(c.sole_arrival().first("Via"), r"^1\.0 ", "Via")


@case()
def http10_post(c):
    body = c.write("body", pages.blob(50000))
    c.same_digest(said(c, "--http1.0", "--data-binary", "@" + body, c.url("/echo")), 50000)
    c.sole_arrival("POST")


@case(*BOTH)
def keep_alive(c):
    """Two URLs, one connection to weir."""
    shown = curl(c, "--fail", "-w", "%{num_connects}\n", "-o", "first", "-o", "second",
                 c.url("/bytes/1000"), c.url("/chunked/2000"))
    c.equal(shown.decode().split(), ["1", "0"], "connections made for each")
    c.same_blob(c.read("first"), 1000)
    c.same_blob(c.read("second"), 2000)
    if c.scheme == "http":
        c.equal(len({record["client"] for record in c.records(2)}), 1, "connections to weir")
    c.equal(len({arrival.connection for arrival in c.arrivals()}), 1, "connections to the origin")


@case()
def parallel(c):
    """Twelve at a time."""
    names = [f"out{number}" for number in range(12)]
    argv = [word for name in names for word in ("-o", name, c.url("/chunked/150000"))]
    curl(c, "--fail", "--parallel", "--parallel-max", "12", *argv)
    for name in names:
        c.same_blob(c.read(name), 150000)


@case(tunnelled=True)
def proxytunnel(c):
    """http through CONNECT."""
    c.same_blob(curl(c, "--fail", "--proxytunnel", c.url("/bytes/100000")), 100000)
    c.equal(c.records(1)[0]["kind"], "tunnel", "kind")


@case()
def hop_by_hop(c):
    """Credentials for the proxy and nominated fields stay on their hop."""
    curl(c, "--fail", "--proxy-user", "me:secret", "-H", "Connection: X-Hop, close", "-H", "X-Hop: 1",
         "-H", "Keep-Alive: timeout=5", "-H", "X-End: 2", c.url("/bytes/10"))
    arrival = c.sole_arrival()
    c.equal((arrival.all("X-Hop"), arrival.all("X-End")), ([], ["2"]), "fields at the origin")


@case(*BOTH)
def redirect(c):
    c.same_blob(curl(c, "--fail", "-L", c.url("/moved/bytes/3000")), 3000)
    c.equal(len(c.arrivals()), 2, "requests at the origin")


@case()
def compressed(c):
    c.same_blob(curl(c, "--fail", "--compressed", c.url("/compressed/50000")), 50000)


@case()
def no_content(c):
    shown = curl(c, "-w", "%{http_code} %{num_connects}\n", c.url("/nothing"), c.url("/nothing"))
    c.equal(shown.decode().split(), ["204", "1", "204", "0"], "statuses and connections")


@case()
def interim(c):
    shown = curl(c, "--fail", "-i", c.url("/interim")).decode()
    c.matches(shown, r"(?s)^HTTP/1.1 103 .*preload.*HTTP/1.1 200 .*after the hints\n$", "103, then 200")


@case()
def h2c_offer(c):
    """curl offers to go on in HTTP/2; the offer's settings stay on their hop, the answer is HTTP/1.1."""
    shown = curl(c, "--fail", "--http2", "-o", "got", "-w", "%{http_version}", c.url("/bytes/100000"))
    c.equal(shown.decode(), "1.1", "version")
    c.same_blob(c.read("got"), 100000)
    c.sole_arrival("GET")


@case()
def websocket_upgrade(c):
    """The handshake by hand; the origin's first frame comes right behind the 101."""
    shown = curl(c, "-i", "--no-buffer", "--max-time", "2",
                 "-H", "Connection: Upgrade", "-H", "Upgrade: websocket",
                 "-H", "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                 c.url("/ws"), status=28)
    c.matches(shown.decode("latin-1"),
              r"(?s)^HTTP/1.1 101 .*Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=.*\r\n\r\n\x81\x07welcome$",
              "upgrade")


@case()
def ftp_refused(c):
    """Not a scheme of weir's: an answer that says so, not a hang or a reset."""
    url = f"ftp://{c.host}/file"
    shown = curl(c, "-w", "%{http_code}", "-D", "head", url, status=None).decode()
    c.matches(shown, r"501$", "status")
    c.matches(c.read("head").decode(), r"(?i)proxy-status: weir", "head")
    c.equal(c.arrivals(), [], "requests at the origin")


@case(*BOTH)
def origin_refuses(c):
    error_case(c, c.refused(), "connection_refused")


@case(*BOTH)
def unknown_host(c):
    error_case(c, c.unknown(), "dns_error")


def error_case(c, url, error):
    tunnel = c.scheme == "https"
    curl(c, "-D", "head", "-o", "body", "-w", "%{http_code} %{http_connect}", url, status=56 if tunnel else 0)
    text = c.read("head").decode()
    c.matches(text, r"^HTTP/1.1 502 ", "status")
    c.matches(text, rf"(?i)\nproxy-status: weir; error={error}", "Proxy-Status")
    if not tunnel:
        c.matches(c.read("body").decode(), r"^[^\n]+\n$", "one line of text")


def cut_case(c, path, statuses, *argv):
    """An error, never a short success. The status is what curl says of this kind of end."""
    curl(c, *argv, "--fail", "-o", "got", c.url(path), status=None)
    if c.status not in statuses:
        raise AssertionError(f"curl ended with {c.status} after a cut response, expected one of {statuses}")
    size = os.path.getsize(c.path("got"))
    c.equal(c.read("got"), pages.blob(100000)[:size], "what came before the cut")


@case(*BOTH)
def cut_in_content(c):
    cut_case(c, "/cut/100000", (18, 56))


@case(*BOTH)
def cut_in_chunks(c):
    cut_case(c, "/cut/100000?chunked", (18, 56))


@case(*BOTH)
def reset_in_content(c):
    cut_case(c, "/cut/100000?reset", (18, 56))


@case(*BOTH)
def reset_until_close(c):
    """Where the end of the connection is the end of the content, an RST must not become a FIN."""
    cut_case(c, "/until-close/100000?reset", (18, 56))


@case()
def http10_reset_until_close(c):
    cut_case(c, "/until-close/100000?reset", (56,), "--http1.0")


@case()
def http10_cut_in_chunks(c):
    cut_case(c, "/cut/100000?chunked", (56,), "--http1.0")
