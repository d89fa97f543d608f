"""Requests that must not be repeated, against an origin that counts and goes at the worst moments."""

import collections
import random
import threading

from harness import Truncated, WeirTestCase, request


class CountingOrigin(threading.Thread):
    """Answers each request by its number, and ends its connections in every way there is."""

    ENDS = ("keep", "keep", "keep", "fin after", "rst after", "fin instead", "rst instead", "cut")

    def __init__(self, listener, seed):
        super().__init__(daemon=True)
        self.listener, self.random = listener, random.Random(seed)
        self.arrivals = collections.Counter()
        self.fates = {}
        self.stopping = threading.Event()

    def run(self):
        threads = []
        while not self.stopping.is_set():
            try:
                peer = self.listener.accept(0.2)
            except AssertionError:
                continue
            threads.append(threading.Thread(target=self.serve, args=(peer,), daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def serve(self, peer):
        while not self.stopping.is_set():
            try:
                if not peer.readable(0.2):
                    continue
                seen = peer.read_request()
            except (OSError, Truncated):
                break
            self.arrivals[seen.target] += 1
            end = self.random.choice(self.ENDS)
            self.fates[seen.target] = end
            content = seen.target.encode()
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content)
            if "instead" not in end:
                peer.send(answer[:-1] if end == "cut" else answer)
            if end.startswith("rst"):
                # An RST right behind the answer would destroy it: that is the origin's fault and no case here.
                if "after" in end:
                    peer.half_close()
                else:
                    peer.reset()
                break
            if end != "keep":
                peer.close()
                break


class OnceTests(WeirTestCase):
    #: The origin closes first, but both ends may be closing at once.
    allowed_time_wait = 400

    def test_a_post_never_arrives_twice_and_a_get_at_most_twice(self):
        self.start({"upstream.unsafe_reuse_window": "60s"})
        listener = self.origin()
        origin = CountingOrigin(listener, seed=77)
        origin.start()
        wrong, clients = [], [self.client() for _ in range(4)]
        for index in range(600):
            method = "POST" if index % 2 else "GET"
            target = f"/{index}"
            content = b"x" * 10 if method == "POST" else None
            client = clients[index % len(clients)]
            try:
                got = client.exchange(request(listener.url(target), method, content=content))
            except (Truncated, ConnectionResetError):
                # Only an answer that was cut may look so.
                if origin.fates[target] != "cut":
                    wrong.append((target, "no answer", origin.fates[target]))
                client.close()
                clients[index % len(clients)] = self.client()
                continue
            if got.status == 200 and got.content != target.encode():
                wrong.append((target, got))
            if got.status == 502 and "instead" not in origin.fates.get(target, ""):
                # A POST that never arrived was not sent because its connection was found dead too late.
                if method == "GET" or origin.arrivals[target]:
                    wrong.append((target, got, origin.fates.get(target)))
            if "close" in got.tokens("Connection"):
                client.close()
                clients[index % len(clients)] = self.client()
        origin.stopping.set()
        origin.join()
        posts = [count for target, count in origin.arrivals.items() if int(target[1:]) % 2]
        self.assertEqual(wrong, [])
        self.assertEqual(max(posts), 1, "a POST arrived twice")
        self.assertLessEqual(max(origin.arrivals.values()), 2)
        self.assertGreater(len(posts), 250, "most POSTs arrive")
