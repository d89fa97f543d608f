"""What a received message must look like. A check takes (message, world) and raises Failure; values may hold the
place holders of `World.fill`."""

import re

from wire import Failure


def _text(value, world):
    return world.fill(value).decode("latin-1")


def has(name, value):
    """The field is there, exactly so; several of one name are joined by a comma."""
    def check(message, world):
        wanted, got = _text(value, world), message.field(name)
        if got != wanted:
            raise Failure(f"expected {name}: {wanted}; got {got!r} in {message!r}")
    return check


def has_each(name, *values):
    """The field lines of that name, in order and not combined."""
    def check(message, _):
        if message.all(name) != list(values):
            raise Failure(f"expected {name} to be {list(values)}; got {message.all(name)}")
    return check


def lacks(*names):
    """None of these fields is there."""
    def check(message, _):
        for name in names:
            if message.all(name):
                raise Failure(f"expected no {name}; got {message.field(name)!r} in {message!r}")
    return check


def present(*names):
    def check(message, _):
        for name in names:
            if not message.all(name):
                raise Failure(f"expected a {name} field; got {message!r}")
    return check


def member(name, value):
    """A list field has this member."""
    def check(message, world):
        if _text(value, world).lower() not in message.members(name):
            raise Failure(f"expected {value} in {name}; got {message.field(name)!r}")
    return check


def no_member(name, *values):
    def check(message, _):
        for value in values:
            if value in message.members(name):
                raise Failure(f"expected no {value} in {name}; got {message.field(name)!r}")
    return check


def matches(name, pattern):
    def check(message, world):
        value = message.field(name) or ""
        if not re.search(_text(pattern, world), value):
            raise Failure(f"expected {name} to match {pattern}; got {value!r}")
    return check


def line(pattern):
    """The whole start line matches."""
    def check(message, world):
        wanted = _text(pattern, world)
        if not re.fullmatch(wanted, message.start_line):
            raise Failure(f"expected the start line {wanted}; got {message.start_line!r}")
    return check


def target(value):
    def check(message, world):
        wanted = _text(value, world)
        if message.target != wanted:
            raise Failure(f"expected the target {wanted}; got {message.target}")
    return check


def method(value):
    def check(message, _):
        if message.method != value:
            raise Failure(f"expected the method {value}; got {message.method}")
    return check


def content(value):
    def check(message, _):
        if message.content != value:
            raise Failure(f"expected the content {value[:80]!r} ({len(value)} bytes); got "
                          f"{message.content[:80]!r} ({len(message.content)} bytes)")
    return check


def framed(*kinds):
    """How the end of the content is told: "length", "chunked", "close", "none"."""
    def check(message, _):
        if message.framing not in kinds:
            raise Failure(f"expected the framing {' or '.join(kinds)}; got {message!r}")
    return check


def trailer(name, value):
    def check(message, _):
        if (name.lower(), value) not in [(key.lower(), text) for key, text in message.trailers]:
            raise Failure(f"expected the trailer {name}: {value}; got {message.trailers}")
    return check


def no_trailer(*names):
    def check(message, _):
        for name, _ in message.trailers:
            if name.lower() in [other.lower() for other in names]:
                raise Failure(f"expected no trailer {name}; got {message.trailers}")
    return check


def no_trailers(message, _):
    if message.trailers:
        raise Failure(f"expected no trailers; got {message.trailers}")


def no_extensions(message, _):
    if message.chunk_extensions:
        raise Failure(f"expected no chunk extensions; got {message.chunk_extensions}")


def via_ends_with(version):
    """The last Via member is the proxy's: its protocol version, then a name."""
    def check(message, _):
        last = (message.field("Via") or "").split(",")[-1].strip()
        if not re.fullmatch(rf"(?:[Hh][Tt]{{2}}[Pp]/)?{re.escape(version)} \S+( \(.*\))?", last):
            raise Failure(f"expected Via to end with `{version} <name>`; got {message.field('Via')!r}")
    return check


def via_begins_with(*members):
    """Earlier Via members come first, in order, and another one follows."""
    def check(message, _):
        got = [part.strip() for part in (message.field("Via") or "").split(",")]
        if got[:len(members)] != list(members) or len(got) <= len(members):
            raise Failure(f"expected Via {', '.join(members)} and one more; got {message.field('Via')!r}")
    return check


IMF_FIXDATE = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z][a-z] \d{4} \d\d:\d\d:\d\d GMT"


def dated(message, _):
    """Exactly one Date, as an IMF-fixdate."""
    dates = message.all("Date")
    if len(dates) != 1 or not re.fullmatch(IMF_FIXDATE, dates[0]):
        raise Failure(f"expected one Date as an IMF-fixdate; got {dates}")


#: The error types of RFC 9209 §2.3, and weir's own answer without an error among them.
ERROR_TYPES = set("""dns_timeout dns_error destination_not_found destination_unavailable destination_ip_prohibited
destination_ip_unroutable connection_refused connection_terminated connection_timeout connection_read_timeout
connection_write_timeout connection_limit_reached tls_protocol_error tls_certificate_error tls_alert_received
http_request_error http_request_denied http_response_incomplete http_response_header_section_size
http_response_header_size http_response_body_size http_response_trailer_section_size http_response_trailer_size
http_response_transfer_coding http_response_content_coding http_response_timeout http_upgrade_failed
http_protocol_error proxy_internal_response proxy_internal_error proxy_configuration_error
proxy_loop_detected""".split())
_VALUE = r'(?:"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"|[A-Za-z*][\w!#$%&\'*+.^`|~:/-]*|-?\d{1,15}|\?[01])'
_MEMBER = re.compile(rf"[A-Za-z*][\w!#$%&'*+.^`|~:/-]*((?:; *[a-z*][a-z0-9_.*-]*(?:={_VALUE})?)*)")
_PARAMETER = re.compile(rf"; *([a-z*][a-z0-9_.*-]*)(?:=({_VALUE}))?")


def proxy_status_of(message):
    """The parameters of the one member, by a strict reading as a structured field."""
    value = message.field("Proxy-Status") or ""
    matched = _MEMBER.fullmatch(value)
    if not matched:
        raise Failure(f"expected Proxy-Status with one member; got {value!r} in {message!r}")
    return dict(_PARAMETER.findall(matched[1]))


def proxy_status(*errors, **parameters):
    """weir names itself, and one of `errors`, all of them registered; `parameters` (next_hop for next-hop) too."""
    def check(message, world):
        found = proxy_status_of(message)
        if not message.field("Proxy-Status").startswith("weir"):
            raise Failure(f"expected Proxy-Status of weir; got {message.field('Proxy-Status')!r}")
        if found.get("error") not in ERROR_TYPES or errors and found["error"] not in errors:
            raise Failure(f"expected Proxy-Status error={' or '.join(errors)}; got {message.field('Proxy-Status')!r}")
        for name, value in parameters.items():
            wanted = _text(value, world)
            if found.get(name.replace("_", "-")) != wanted:
                raise Failure(f"expected {name}={wanted}; got {message.field('Proxy-Status')!r}")
    return check


def own_answer(message, world):
    """What weir says of its own accord: Proxy-Status, Date, Content-Length, Content-Type, one line."""
    proxy_status()(message, world)
    dated(message, world)
    present("Content-Length")(message, world)
    matches("Content-Type", r"^text/plain; charset=utf-8$")(message, world)
    text = message.content.decode("utf-8").rstrip("\n")
    if not text or "\n" in text:
        raise Failure(f"expected a body of one line; got {message.content!r}")


def on_weir(*checks):
    """Only weir promises this; elsewhere nothing is checked."""
    def check(message, world):
        for one in checks if world.weir else ():
            one(message, world)
    return check
