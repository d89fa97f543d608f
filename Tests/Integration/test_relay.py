"""Content and tunnels that pass within the kernel: the same bytes and the same ends as if they had been read,
and pipes only while something is in them."""

import hashlib
import os
import pathlib
import threading
import unittest

from harness import Truncated, WeirTestCase, eventually, request

MIB = 1 << 20
SIZE = 50 * MIB


def kernel_limit(name):
    """Most bytes that the kernel keeps for one direction of a socket (tcp(7))."""
    return int(pathlib.Path(f"/proc/sys/net/ipv4/{name}").read_text().split()[2])


#: What the kernels between origin and client hold of one flow that nobody reads: two sockets' worth on either side of
#: weir, and what weir's pipe and block hold.
IN_FLIGHT = 2 * (kernel_limit("tcp_rmem") + kernel_limit("tcp_wmem")) + 4 * MIB
#: Two descriptors for each of the pipes that one loop lends at most.
MOST_PIPE_ENDS = 64


def content(size):
    """Bytes of which every MiB is different."""
    base = os.urandom(MIB)
    blocks = [number.to_bytes(8, "big") + base[8:] for number in range(size // MIB)]
    return b"".join(blocks) + base[:size % MIB]


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Sending(threading.Thread):
    """Sends everything from a thread of its own; `done` says what became of it."""

    def __init__(self, peer, data, finishes=False):
        super().__init__(daemon=True)
        self.peer, self.data, self.finishes, self.done = peer, data, finishes, None
        peer.socket.settimeout(60)
        self.start()

    def run(self):
        try:
            self.peer.socket.sendall(self.data)
            if self.finishes:
                self.peer.half_close()
            self.done = "all"
        except OSError as error:
            self.done = error


def head(size, *fields):
    return "".join(f"{line}\r\n" for line in ("HTTP/1.1 200 OK", f"Content-Length: {size}", *fields)) + "\r\n"


class RelayTestCase(WeirTestCase):
    def pipe_ends(self):
        return len([name for name in self.weir.descriptor_names() if name.startswith("pipe:")])

    def start(self, *arguments, **options):
        weir = super().start(*arguments, **options)
        self.pipes_at_start = self.pipe_ends()
        return weir

    def pipes_in_use(self):
        return self.pipe_ends() - self.pipes_at_start

    def fill(self, peer):
        """Sends until nobody between here and a reader that does not read takes any more; returns the bytes."""
        sent = bytearray()
        block = content(MIB)
        while count := peer.send_some(block, timeout=0.5):
            sent += block[:count]
            self.assertLess(len(sent), IN_FLIGHT, "somebody buffers without end")
        return bytes(sent)

    def download(self, size, **options):
        """A GET whose response's head has come: (client, upstream)."""
        client = self.client(**options)
        origin = self.origin()
        client.send(request(origin.url("/")))
        upstream, _ = origin.accept_request()
        upstream.send(head(size))
        client.receive_until(b"\r\n\r\n")
        return client, upstream


class ContentTests(RelayTestCase):
    def test_a_download_arrives_byte_by_byte_and_the_connections_are_kept(self):
        self.start()
        data = content(SIZE + 12345)
        client, upstream = self.download(len(data))
        sending = Sending(upstream, data)
        self.assertEqual(digest(client.receive_exactly(len(data), 60)), digest(data))
        sending.join()
        # Both are used again, and the next response is not mixed up with the first.
        client.send(request(f"http://{self.peers[1].authority}/again"))
        upstream.read_request()
        upstream.send(head(2) + "ok")
        self.assertEqual(client.read_response().content, b"ok")

    def test_an_upload_arrives_byte_by_byte_and_is_answered(self):
        self.start()
        origin, client, data = self.origin(), self.client(), content(SIZE + 12345)
        client.send(f"POST {origin.url('/')} HTTP/1.1\r\nHost: {origin.authority}\r\n"
                    f"Content-Length: {len(data)}\r\n\r\n")
        upstream = origin.accept()
        upstream.read_head()
        sending = Sending(client, data)
        self.assertEqual(digest(upstream.receive_exactly(len(data), 60)), digest(data))
        sending.join()
        upstream.send(head(2) + "ok")
        self.assertEqual(client.read_response().content, b"ok")
        self.assertEqual(self.get_again(client, upstream, origin), b"ok")

    def get_again(self, client, upstream, origin):
        client.send(request(origin.url("/again")))
        upstream.read_request()
        upstream.send(head(2) + "ok")
        return client.read_response().content

    def test_a_reader_that_pauses_gets_everything(self):
        self.start()
        client, upstream = self.download(SIZE, receive_buffer=16384)
        sent = self.fill(upstream)
        self.assertGreaterEqual(self.pipes_in_use(), 2, "what waits is in a pipe")
        rest = content(SIZE)[len(sent):]
        sending = Sending(upstream, rest)
        whole = hashlib.sha256(sent + rest).hexdigest()
        got = hashlib.sha256()
        # Slowly at first: the pipe empties bit by bit.
        for _ in range(200):
            got.update(client.receive_exactly(1000))
        got.update(client.receive_exactly(SIZE - 200_000, 60))
        self.assertEqual(got.hexdigest(), whole)
        sending.join()
        eventually(lambda: self.pipes_in_use() == 0, 10, "the pipes are closed")

    def test_content_that_ends_too_soon_is_seen_to(self):
        for end in ("fin", "rst"):
            with self.subTest(end):
                self.start()
                client, upstream = self.download(SIZE)
                part = content(8 * MIB)
                upstream.socket.settimeout(30)
                sending = Sending(upstream, part)
                received = client.receive_exactly(len(part), 30)
                sending.join()
                self.assertEqual(digest(received), digest(part))
                upstream.half_close() if end == "fin" else upstream.reset()
                self.assertEqual(client.expect_end(), end)
                self.close_peers()
                self.assert_back_to_baseline()
                self.weir.stop()

    def test_a_reset_overtakes_what_waits_but_never_completes_it(self):
        self.start()
        client, upstream = self.download(SIZE, receive_buffer=16384)
        sent = self.fill(upstream)
        upstream.reset()
        client.socket.settimeout(30)
        try:
            received = client.receive_to_end(30)
        except Truncated as end:
            received = getattr(end, "partial", b"")
        self.assertLess(len(received), SIZE)
        self.assertEqual(received, sent[:len(received)])

    def test_bytes_behind_the_content_are_nobodys(self):
        self.start()
        data = content(4 * MIB)
        client, upstream = self.download(len(data))
        sending = Sending(upstream, data + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")
        self.assertEqual(digest(client.receive_exactly(len(data), 30)), digest(data))
        sending.join()
        self.assertEqual(upstream.wait_for_end(), "rst")
        client.expect_silence(0.2)

    def test_a_client_that_goes_takes_the_flow_with_it(self):
        self.start()
        client, upstream = self.download(SIZE, receive_buffer=16384)
        self.fill(upstream)
        client.reset()
        self.assertEqual(upstream.wait_for_end(), "rst")

    def test_a_reader_that_never_reads_is_cut_after_the_write_timeout(self):
        self.start({"client.write_timeout": "1s"})
        client, upstream = self.download(SIZE, receive_buffer=16384)
        self.fill(upstream)
        self.assertEqual(upstream.wait_for_end(10), "rst")
        self.assertEqual(client.wait_for_end(10), "rst")


class TunnelTests(RelayTestCase):
    # The client finishes first.
    allowed_time_wait = 1

    def check_half_close(self, sender, receiver):
        """All that was sent before a FIN comes before it, also where nobody reads for a while."""
        sent = self.fill(sender)
        rest = content(SIZE)
        sending = Sending(sender, rest, finishes=True)
        received = receiver.receive_to_end(60)
        sending.join()
        self.assertEqual(sending.done, "all")
        self.assertEqual(digest(received), digest(sent + rest))
        receiver.send(b"the other way goes on").half_close()
        self.assertEqual(sender.receive_to_end(), b"the other way goes on")

    def test_everything_from_the_origin_comes_before_its_end(self):
        self.start()
        client, upstream = self.tunnel(self.origin())
        client.send(b"ask")
        upstream.receive_exactly(3)
        self.check_half_close(upstream, client)

    def test_everything_from_the_client_comes_before_its_end(self):
        self.start()
        client, upstream = self.tunnel(self.origin())
        self.check_half_close(client, upstream)

    def test_both_ways_at_once(self):
        self.start()
        client, upstream = self.tunnel(self.origin())
        up, down = content(SIZE), content(SIZE)
        threads = [Sending(client, up), Sending(upstream, down)]
        got = {}
        reader = threading.Thread(target=lambda: got.update(up=upstream.receive_exactly(len(up), 60)))
        reader.start()
        got["down"] = client.receive_exactly(len(down), 60)
        for thread in (*threads, reader):
            thread.join()
        self.assertEqual((digest(got["up"]), digest(got["down"])), (digest(up), digest(down)))
        # What is little after much is passed on at once.
        client.send(b"?")
        self.assertEqual(upstream.receive_exactly(1), b"?")
        upstream.send(b"!")
        self.assertEqual(client.receive_exactly(1), b"!")

    def test_a_reset_passes_on(self):
        self.start()
        for gone in ("client", "upstream"):
            with self.subTest(gone):
                client, upstream = self.tunnel(self.origin(8080 if gone == "client" else 8081))
                client.send(b"ask")
                upstream.receive_exactly(3)
                first, left = (client, upstream) if gone == "client" else (upstream, client)
                self.fill(first)
                first.reset()
                self.assertEqual(left.wait_for_end(20), "rst")


class BoundTests(RelayTestCase):
    READERS = 200

    def test_readers_that_stand_still_hold_few_pipes_and_little_memory(self):
        self.start({"client.write_timeout": "60s", "upstream.max_per_destination": "400"})
        origin = self.origin()
        before = self.weir.memory_kib()
        block = content(MIB)
        for _ in range(self.READERS):
            client = self.client(receive_buffer=4096)
            client.send(request(origin.url("/")))
            upstream, _ = origin.accept_request()
            upstream.send(head(SIZE))
            upstream.send_some(block)
        peers = list(origin.accepted)
        for upstream in peers:
            while upstream.send_some(block, timeout=0.02):
                pass
        self.assertLessEqual(self.pipes_in_use(), MOST_PIPE_ENDS)
        self.assertGreater(self.pipes_in_use(), 0)
        growth = self.weir.memory_kib() - before
        # At most one receive block for each that has no pipe, and what any connection costs.
        self.assertLess(growth, self.READERS * 84)
        self.close_peers()
        eventually(lambda: self.pipes_in_use() == 0, 10, "the pipes are closed")


if __name__ == "__main__":
    unittest.main()
