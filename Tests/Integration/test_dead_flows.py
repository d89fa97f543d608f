"""Flows that the network silently forgot, told apart from peers that are merely slow.

Clients and origins live in one namespace, weir in another, a veth pair between them: what is dropped
there vanishes without FIN, RST or ICMP.
"""

import socket
import unittest

from harness import Namespace, Stopwatch, WeirTestCase, eventually, observe, request, response
from netns import PacketDropper
from peer import connect

WEIR_ADDRESS, FAR_ADDRESS = "10.78.0.1", "10.78.0.2"


class DeadFlowTestCase(WeirTestCase):
    def setUp(self):
        super().setUp()
        self.far = Namespace()
        self.addCleanup(self.far.close)
        self.namespace.connect_to(self.far, WEIR_ADDRESS, FAR_ADDRESS)
        self.dropper = PacketDropper(self.far)

    def start(self, settings=None, **options):
        return super().start(settings, address=WEIR_ADDRESS, **options)

    def origin(self, port=8080, namespace=None, address=FAR_ADDRESS):
        return super().origin(port, namespace or self.far, address)

    def far_client(self):
        peer = connect(self.far, WEIR_ADDRESS, self.weir.port)
        self.peers.append(peer)
        return peer

    def forget(self, upstream):
        """The network loses the connection that `upstream` is the origin's end of."""
        self.dropper.forget_ports([upstream.socket.getpeername()[1]])


class DeadFlowTests(DeadFlowTestCase):
    def test_the_next_get_on_a_dead_pooled_connection(self):
        self.start()
        origin = self.origin()
        client, dead, _ = self.get(origin)
        self.forget(dead)
        watch = Stopwatch()
        client.send(request(origin.url("/next")))
        fresh, seen = origin.accept_request(7)
        self.assertEqual(seen.target, "/next")
        fresh.send(response(b"alive"))
        self.assertEqual(client.read_response().content, b"alive")
        self.assertLess(watch.seconds, 6)
        print(f"GET answered after {watch.seconds:.1f} s")

    def test_the_next_post_on_a_dead_pooled_connection(self):
        self.start()
        origin = self.origin()
        client, dead, _ = self.get(origin)
        self.forget(dead)
        watch = Stopwatch()
        client.send(request(origin.url("/pay"), "POST", content=b"money"))
        if origin.pending(0.5):
            # It went over a fresh connection at once: right as well, and the only copy.
            upstream, seen = origin.accept_request()
            self.assertEqual(seen.content, b"money")
            upstream.send(response())
            self.assertEqual(client.read_response().status, 200)
        else:
            self.assert_refusal(client.read_response(timeout=7), 502, 504)
            self.assertLess(watch.seconds, 6)
        origin.expect_no_connection(0.3)
        dead.expect_silence(0.05)

    def test_a_slow_origin_on_a_reused_connection_is_not_dead(self):
        self.start()
        origin = self.origin()
        client, upstream, _ = self.get(origin)
        client.send(request(origin.url("/slow")))
        upstream.read_request()
        observe(8)
        upstream.send(response(b"slow but sure"))
        self.assertEqual(client.read_response().content, b"slow but sure")
        origin.expect_no_connection()

    def test_a_paused_upload_is_not_dead(self):
        self.start()
        origin = self.origin()
        client, upstream, _ = self.get(origin)
        size = 32 << 20
        client.send(f"PUT {origin.url()} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n")
        eventually(lambda: upstream.readable() or origin.pending(), 5)
        upstream = upstream if upstream.readable() else origin.accept()
        upstream.read_head()
        sent = 0
        # The origin holds its window at zero for longer than an unacknowledged request may wait.
        while taken := client.send_some(b"x" * min(65536, size - sent), 0.5):
            sent += taken
        observe(8)
        received = 0
        while received < size:
            if sent < size:
                sent += client.send_some(b"x" * min(65536, size - sent))
            if upstream.readable(0.01):
                data = upstream.receive_some(0, 1 << 20)
                self.assertTrue(data, "the upload was cut")
                received += len(data)
        upstream.send(response(b"all of it"))
        self.assertEqual(client.read_response().content, b"all of it")


class DeadFlowMinuteTests(DeadFlowTestCase):
    """What takes a minute, all at once: silence that must be noticed and silence that must not."""

    def test_dead_tunnels_are_noticed_within_a_minute_and_a_slow_origin_is_untouched(self):
        self.start({"tunnel.idle_timeout": "300s"})
        origin = self.origin()
        cut_upstream = self.open_tunnel(origin)
        cut_client = self.open_tunnel(origin)
        whole = self.open_tunnel(origin)
        slow = self.client_with_slow_request(origin)
        watch = Stopwatch()
        self.forget(cut_upstream[1])
        self.dropper.forget_ports([cut_client[0].socket.getsockname()[1]])

        # Each half that is still connected learns of the other's death.
        cut_upstream[0].wait_for_end(60)
        cut_client[1].wait_for_end(max(1, 60 - watch.seconds))
        self.assertLess(watch.seconds, 60)
        print(f"dead tunnels noticed after {watch.seconds:.1f} s")
        observe(max(0, 61 - watch.seconds))
        slow[1].send(response(b"after a minute"))
        self.assertEqual(slow[0].read_response().content, b"after a minute")
        whole[0].send(b"still")
        self.assertEqual(whole[1].receive_exactly(5), b"still")

    def open_tunnel(self, origin):
        client = self.far_client()
        client.send(f"CONNECT {origin.authority} HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n")
        upstream = origin.accept()
        self.assertEqual(client.read_response("CONNECT").status, 200)
        for source, sink in ((client, upstream), (upstream, client)):
            source.send(b"x")
            sink.receive_exactly(1)
            # Acknowledge now: a delayed ACK that is lost too would make this an unacknowledged
            # flow, which ends by retransmission, not the idle one that is meant.
            sink.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return client, upstream

    def client_with_slow_request(self, origin):
        client = self.far_client()
        client.send(request(origin.url("/slow")))
        upstream, _ = origin.accept_request()
        return client, upstream


if __name__ == "__main__":
    unittest.main()
