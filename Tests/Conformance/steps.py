"""The steps of a case: what the client and the origin do, and what each must get.

A step takes the `World`. Texts are Latin-1 and have place holders: {o} is the origin's authority, {h} its
address, {p} its port, {o2} and {p2} those of a second origin, {o6} of one on the IPv6 loopback address,
{me} weir's pseudonym in Via.
"""

from checks import own_answer, proxy_status
from wire import REQUEST_LINE, STATUS_LINE, Failure, Satisfied, take_head

OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def _verify(message, checks, world):
    for check in checks:
        check(message, world)
    return message


def _statuses(status):
    return {status} if isinstance(status, int) else set(status)


def _told(statuses):
    """A range by its ends, a set in full."""
    ordered = sorted(statuses)
    return f"{ordered[0]}-{ordered[-1]}" if len(ordered) > 9 else " or ".join(map(str, ordered))


# The client


def send(*pieces, on="a"):
    """Each piece is a write of its own."""
    def step(world):
        for piece in pieces:
            world.client(on).write(world.fill(piece))
            world.pump()
    return step


def send_bytewise(text, on="a"):
    """Every byte is a write of its own, and so usually a segment."""
    def step(world):
        for byte in world.fill(text):
            world.client(on).write(bytes([byte]))
            world.pump()
    return step


def send_next(*pieces, on="a"):
    """A further request. Persistence is a proxy's choice: where the client's connection was closed behind the last
    response, it goes on a new one. weir keeps it."""
    def step(world):
        if not world.weir:
            world.wait_quiet()
            client = world.client(on)
            if client.ended and not client.buffer:
                world.clients.pop(on).close()
        send(*pieces, on=on)(world)
    return step


def unless_closed(world):
    """A proxy may close behind any response; what was pipelined then goes unanswered, and that is the end of it."""
    if not world.weir:
        client = world.client()
        world.wait(lambda: client.ended or client.buffer or world.asked(), "the next request at the origin")
        if client.ended and not client.buffer and not world.asked():
            raise Satisfied


def half_close(on="a"):
    return lambda world: world.client(on).half_close()


def close(on="a"):
    return lambda world: world.client(on).close()


def reset(on="a"):
    return lambda world: world.client(on).reset()


def gets(status=200, *checks, method="GET", on="a"):
    """The client's next final response, complete."""
    wanted = _statuses(status)

    def step(world):
        response = world.wait(lambda: answer(world, on, method), f"a response {_told(wanted)}")
        if response is True:
            raise Failure(f"expected a response {_told(wanted)}; the connection was closed; {world.describe()}")
        if not response.complete:
            raise Failure(f"expected a complete response {_told(wanted)}; got {response!r}")
        if response.status not in wanted:
            raise Failure(f"expected {_told(wanted)}; got {response!r}")
        _verify(response, checks, world)
    return step


def answer(world, on="a", method="GET"):
    """The response, True when the connection ended without one, None while neither."""
    if world.reply_again and world.next_request():
        world.reply_again()
    response = world.next_response(on, method)
    return True if response is False else response


def gets_interim(status, *checks, on="a"):
    """The client's very next response is this interim one."""
    def step(world):
        def interim():
            head, rest = take_head(world.client(on).buffer, STATUS_LINE)
            if head:
                world.client(on).buffer = rest
            return head or bool(world.client(on).ended)
        head = world.wait(interim, f"an interim {status}")
        if head is True or head.status != status:
            raise Failure(f"expected an interim {status}; got {head!r}")
        head.complete = True
        _verify(head, checks, world)
    return step


def gets_bytes(data, on="a"):
    """The client's next bytes, as through a tunnel."""
    def step(world):
        wanted = world.fill(data)
        client = world.client(on)
        world.wait(lambda: len(client.buffer) >= len(wanted) or client.ended, f"{wanted[:60]!r} at the client")
        if not client.buffer.startswith(wanted):
            raise Failure(f"expected {wanted[:80]!r} at the client; got {client.buffer[:80]!r}")
        client.buffer = client.buffer[len(wanted):]
    return step


def ends(on="a"):
    """The proxy closes the client's connection, with nothing more on it."""
    def step(world):
        client = world.client(on)
        world.wait(lambda: client.ended or client.buffer, "the client's connection to be closed")
        if client.buffer:
            raise Failure(f"expected the client's connection to be closed; got {client.buffer[:200]!r}")
    return step


def stays_open(on="a"):
    """The proxy keeps the client's connection."""
    def step(world):
        world.wait_quiet()
        if world.client(on).ended or world.client(on).buffer:
            raise Failure(f"expected the client's connection to stay open and quiet; {world.describe()}")
    return step


def is_refused(weir=(400,), checks=(), method="GET", close=True, partly=False, on="a"):
    """The client gets an error or its connection is closed. weir answers one of `weir` of its own, and closes
    after it if `close`; without any `weir` it may close as well. Nothing has reached the origin, unless `partly`:
    content that turns out bad under way."""
    def step(world):
        def outcome():
            if world.asked() and not partly:
                raise Failure(f"expected a refusal; the origin got {_first_bytes(world)!r}")
            return answer(world, on, method)
        response = world.wait(outcome, "a refusal")
        if response is True:
            if world.weir and weir:
                raise Failure(f"expected a refusal {_told(weir)}; the connection was closed without one")
            return
        _verify_refusal(world, response, weir, method, checks, close, on)
    return step


def _first_bytes(world):
    return next(connection.buffer for connection in world.upstreams if connection.buffer)[:200]


def _verify_refusal(world, response, weir, method, checks, close, on):
    if not response.complete:
        # Some answer what they cannot read with a body alone, as HTTP/0.9 had it.
        if not world.weir and not response.fields:
            return
        raise Failure(f"expected a complete refusal; got {response!r}")
    if response.status < 400:
        raise Failure(f"expected a refusal; got {response!r}")
    if not world.weir:
        return
    if weir and response.status not in weir:
        raise Failure(f"expected {_told(weir)} of weir; got {response!r}")
    if not checks:
        checks = (proxy_status() if method == "HEAD" else own_answer,)
    _verify(response, checks, world)
    if close:
        if "close" not in response.members("Connection"):
            raise Failure(f"expected the refusal to announce Connection: close; got {response!r}")
        ends(on)(world)


# The origin


def origin_gets(*checks, at=None, same_connection=False):
    """The next whole request at an origin (`at` names which). `same_connection`: on the connection of before."""
    def step(world):
        before = world.upstream
        request = world.wait(lambda: world.next_request() or _early_answer(world), "the request at the origin")
        if not request.complete:
            raise Failure(f"expected a complete request at the origin; got {request!r}")
        if same_connection and world.upstream is not before:
            raise Failure("expected the request on the same upstream connection; it came on a new one")
        if at and world.upstream.accepted_by != at:
            raise Failure(f"expected the request at {at}; it came to {world.upstream.accepted_by}")
        _verify(request, checks, world)
    return step


def _early_answer(world):
    """Fails where a client is answered though its request should have been forwarded."""
    for name, client in world.clients.items():
        if name != "reserved" and client.ended and not client.buffer and client.open:
            raise Failure(f"expected the request at the origin; {client.name} was closed")
        if name != "reserved" and client.buffer:
            head, _ = take_head(client.buffer, STATUS_LINE)
            if head and head.status >= 200:
                raise Failure(f"expected the request at the origin; {client.name} got {head!r}")


def origin_gets_head(*checks):
    """The head of a request whose content is still to come; what follows it stays to be read."""
    def step(world):
        def head():
            for connection in world.upstreams:
                message, rest = take_head(connection.buffer, REQUEST_LINE)
                if message:
                    connection.buffer = rest
                    world.upstream = connection
                    connection.claimed = True
                    return message
            return _early_answer(world)
        _verify(world.wait(head, "the head of the request at the origin"), checks, world)
    return step


def origin_gets_bytes(data):
    """The next bytes on the upstream connection, as through a tunnel."""
    def step(world):
        wanted = world.fill(data)
        upstream = world.upstream
        world.wait(lambda: len(upstream.buffer) >= len(wanted) or upstream.ended, f"{wanted[:60]!r} at the origin")
        if not upstream.buffer.startswith(wanted):
            raise Failure(f"expected {wanted[:80]!r} at the origin; got {upstream.buffer[:80]!r}")
        upstream.buffer = upstream.buffer[len(wanted):]
    return step


def origin_accepts(world):
    """A connection from the proxy that no step has had yet, for a tunnel."""
    def fresh():
        return next((one for one in world.upstreams if not one.claimed), None) or _early_answer(world)
    world.upstream = world.wait(fresh, "a connection to the origin")
    world.upstream.claimed = True


def answers(*pieces):
    """The origin sends on the connection of the last request."""
    def step(world):
        for piece in pieces:
            world.upstream.write(world.fill(piece))
            world.pump()
    return step


def answers_always(reply, ends=False):
    """The same, and to a proxy that tries again the same once more. weir is not to try again."""
    def step(world):
        def again():
            answers(reply)(world)
            if ends:
                origin_closes(world)
        again()
        world.reply_again = None if world.weir else again
    return step


def origin_closes(world):
    """FIN once everything is sent; what the proxy still sends is not refused."""
    world.upstream.half_close()


def origin_resets(world):
    """RST. The client side has caught up before, or the kernel would throw away what is on its way."""
    world.wait_quiet()
    world.upstream.reset()


def origin_stops_listening(world):
    world.stop_listening("o")


def upstream_ends(world):
    """The proxy closes the upstream connection of the last request."""
    upstream = world.upstream
    world.wait(lambda: upstream.ended or not upstream.open, "the upstream connection to be closed")


def nothing_else(world):
    """Nothing more reaches any origin: no request behind the expected one, no second copy of it."""
    world.wait_quiet()
    for connection in world.upstreams:
        if connection.buffer:
            raise Failure(f"expected nothing more at the origin; it got {connection.buffer[:200]!r}")


def quiet(world):
    """Bounded wait until nobody has anything more to say."""
    world.wait_quiet(0.1)


def never_complete(world):
    """No origin ever holds a whole request, though it may have been given the beginning of one."""
    world.wait_quiet()
    request = world.next_request()
    while request:
        if request.complete:
            raise Failure(f"expected no complete request at the origin; got {request!r}")
        request = world.next_request()


def origin_was_asked(times):
    """How many requests the origin saw in all, so far read or not."""
    def step(world):
        world.wait_quiet(0.1)
        while world.next_request():
            pass
        count = sum(connection.requests for connection in world.upstreams)
        if count not in (times if isinstance(times, (set, range)) else {times}):
            raise Failure(f"expected {times} request(s) at the origin; it got {count}")
    return step


# Either way


def forwards_or_refuses(*checks, weir=None, reply=OK, status=200, method="GET", client=()):
    """The request is refused, or forwarded in a form that holds `checks` and then answered with `reply`.

    `weir` is what weir chooses: statuses of a refusal, or "forward"; None leaves it the choice.
    """
    def step(world):
        def outcome():
            request = world.next_request()
            return ("forwarded", request) if request else _refusal(world, method)
        kind, message = world.wait(outcome, "a refusal, or the request at the origin")
        if kind == "refused":
            if world.weir and weir == "forward":
                raise Failure(f"expected weir to forward the request; the client got {message!r}")
            if message is not True:
                _verify_refusal(world, message, weir or range(400, 600), method, (), bool(weir), "a")
            return
        if world.weir and weir not in (None, "forward"):
            raise Failure(f"expected weir to refuse with {_told(weir)}; the origin got {message!r}")
        if not message.complete:
            raise Failure(f"expected a complete request or none at the origin; got {message!r}")
        _verify(message, checks, world)
        answers(reply)(world)
        gets(status, *client, method=method)(world)
    return step


def _refusal(world, method):
    response = answer(world, "a", method)
    return ("refused", response) if response else None


def gets_bad_gateway(weir=(502,), errors=(), method="GET"):
    """The response could not be made sense of: an error, or a connection that is closed before a complete message.
    weir answers one of `weir` with a Proxy-Status of `errors`."""
    def step(world):
        response = world.wait(lambda: answer(world, method=method), "an error response, or the end")
        if response is not True and response.complete and response.status < 500:
            raise Failure(f"expected an error or an incomplete response; got {response!r}")
        if not world.weir:
            return
        if response is True or not response.complete or response.status not in weir:
            raise Failure(f"expected {_told(weir)} of weir; got {response!r}")
        own_answer(response, world)
        proxy_status(*errors)(response, world)
    return step


def gets_cut(*checks, method="GET"):
    """The client can tell that the response is incomplete, or gets an error instead of it."""
    def step(world):
        response = world.wait(lambda: answer(world, method=method), "an incomplete response")
        if response is True or response.complete and response.status >= 500:
            return
        if response.complete:
            raise Failure(f"expected a response that is visibly incomplete; got {response!r}")
        _verify(response, checks, world)
    return step


def on_weir(*steps):
    """Steps for weir alone."""
    def step(world):
        for one in steps if world.weir else ():
            one(world)
    return step
