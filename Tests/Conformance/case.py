"""What a case is, and the shapes most of them have."""

from dataclasses import dataclass

import steps as do

MUST, SHOULD, HARDENING = "must", "should", "hardening"


@dataclass(frozen=True)
class Case:
    """`section` names the RFC. `weir_only`: an expectation that no RFC holds other proxies to. `group` is the name
    of the settings weir needs for it (proxies.GROUPS)."""
    id: str
    section: str
    severity: str
    title: str
    steps: tuple
    weir_only: bool = False
    group: str = "default"
    timeout: float = 5.0
    needs_ipv6: bool = False


def script(identifier, section, severity, title, *steps, **options):
    """A case in its own words."""
    return Case(identifier, section, severity, title, steps, **options)


def forwarded(identifier, section, severity, title, request, *checks, reply=do.OK, status=200, method="GET",
              client=(), **options):
    """`request` reaches the origin so that `checks` hold, once; the client gets the answer."""
    return Case(identifier, section, severity, title, (
        do.send(request), do.origin_gets(*checks), do.answers(reply),
        do.gets(status, *client, method=method), do.nothing_else), **options)


def refused(identifier, section, severity, title, request, weir=(400,), checks=(), method="GET", close=True,
            **options):
    """`request` is answered with an error, and nothing at all of it, or behind it, reaches the origin."""
    return Case(identifier, section, severity, title, (
        do.send(request), do.is_refused(weir, checks, method, close), do.nothing_else), **options)


def spoilt(identifier, section, severity, title, request, weir=(400,), then=(), **options):
    """The content of `request` goes bad under way: an error, and the origin never holds a whole request."""
    return Case(identifier, section, severity, title, (
        do.send(request), *then, do.is_refused(weir, close=bool(weir), partly=True), do.never_complete), **options)


def either(identifier, section, severity, title, request, *checks, weir=None, **options):
    """`request` is refused, or forwarded so that `checks` hold; in any case nothing else reaches the origin."""
    keys = ("reply", "status", "method", "client")
    how = {key: options.pop(key) for key in keys if key in options}
    return Case(identifier, section, severity, title, (
        do.send(request), do.forwards_or_refuses(*checks, weir=weir, **how), do.nothing_else), **options)


GET = "GET http://{o}/ HTTP/1.1\r\nHost: {o}\r\n\r\n"


def answered(identifier, section, severity, title, reply, *checks, status=200, method="GET", request=None,
             ends=False, then=(), **options):
    """The origin answers with `reply`, and closes if `ends`; the client gets it so that `checks` hold."""
    request = request or GET.replace("GET", method, 1)
    closing = (do.origin_closes,) if ends else ()
    return Case(identifier, section, severity, title, (
        do.send(request), do.origin_gets(), do.answers(reply), *closing,
        do.gets(status, *checks, method=method), *then, do.nothing_else), **options)


def unusable(identifier, section, severity, title, reply, weir=(502,), errors=(), ends=False, method="GET",
             **options):
    """The origin's `reply` must not be passed on as a good response, and its connection is not used again."""
    return Case(identifier, section, severity, title, (
        do.send(GET.replace("GET", method, 1)), do.origin_gets(), do.answers_always(reply, ends),
        do.gets_bad_gateway(weir, errors, method), do.upstream_ends), **options)


def cut(identifier, section, severity, title, reply, *checks, by=do.origin_closes, method="GET", request=GET,
        **options):
    """The origin's `reply` ends too early; the client can tell."""
    return Case(identifier, section, severity, title, (
        do.send(request), do.origin_gets(), do.answers(reply), by, do.gets_cut(*checks, method=method)), **options)


def head(target="http://{o}/", *fields, method="GET", version="1.1", host="{o}"):
    """The bytes of a request head; `host` None leaves Host out."""
    lines = [f"{method} {target} HTTP/{version}", *([] if host is None else [f"Host: {host}"]), *fields]
    return "\r\n".join(lines) + "\r\n\r\n"


def post(*fields, content=""):
    """A POST with these fields, and `content` behind them as it stands."""
    return head("http://{o}/", *fields, method="POST") + content


def reply(*fields, status="200 OK", content="", version="1.1"):
    """The bytes of a response with exactly these fields."""
    return "\r\n".join([f"HTTP/{version} {status}", *fields]) + "\r\n\r\n" + content
