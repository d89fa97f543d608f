"""Nothing is lost while weir is reloaded, restarted under socket activation, and upgraded: an open-loop client at
1,000 requests a second that repeats nothing. WEIR_TEST_LONG=1 runs the full count."""

import json
import os
import subprocess
import sys
import unittest

from harness import ORIGIN_ADDRESS, PROXY_PORT, Namespace, observe
from supervisor import Supervisor

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "openloop.py")
IS_LONG = bool(os.environ.get("WEIR_TEST_LONG"))
RATE = 1000
#: Load before, between and after.
PAUSE = 1.0 if IS_LONG else 0.4


def listening(namespace, address="127.0.0.1", port=PROXY_PORT):
    sock = namespace.socket()
    sock.setsockopt(1, 2, 1)
    sock.bind((address, port))
    sock.listen(4096)
    return sock


class GreedyContinuityTests(unittest.TestCase):
    def setUp(self):
        self.namespace = Namespace()
        self.addCleanup(self.namespace.close)
        self.programs = []
        origin = self.spawn("origin", ORIGIN_ADDRESS, "8080")
        self.assertEqual(origin.stdout.readline(), "ready\n")

    def spawn(self, *arguments):
        process = subprocess.Popen(self.namespace.command(sys.executable, PROGRAM, *arguments), text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)

        def end():
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        self.addCleanup(end)
        return process

    def supervise(self, sockets, **options):
        supervisor = Supervisor(self.namespace, sockets, **options)
        self.addCleanup(supervisor.close)
        return supervisor.start()

    def load(self):
        return self.spawn("client", str(PROXY_PORT), f"http://{ORIGIN_ADDRESS}:8080", str(RATE))

    def assert_nothing_lost(self, client, supervisor):
        client.stdin.close()
        result = json.loads(client.stdout.readline())
        print(json.dumps(result), file=sys.stderr)
        self.assertEqual((result["failed"], result["failures"]), (0, []), f"{result}\n{supervisor.text()}")
        self.assertGreater(result["rate"], 0.9 * RATE, result)
        self.assertGreater(result["one-shot"], 0, result)
        self.assertGreater(result["pooled"], 0, result)
        self.assertEqual(supervisor.unheard, [], "said by a process that is not the main one")
        return result

    def test_reloads_and_restarts_under_socket_activation(self):
        supervisor = self.supervise([("weir.socket", listening(self.namespace))])
        client = self.load()
        observe(PAUSE)
        for number in range(20 if IS_LONG else 6):
            # Another listener comes and goes, and a setting of the engine changes.
            other = number % 2 == 0
            supervisor.write_config(f"listen: [127.0.0.1:{PROXY_PORT}{', 127.0.0.1:3138' if other else ''}]\n"
                                    f"upstream: {{max_idle: {100 + number}}}\n")
            supervisor.reload()
            observe(PAUSE / 4)
        for _ in range(5 if IS_LONG else 2):
            self.assertEqual(supervisor.restart(), 0)
            observe(PAUSE)
        result = self.assert_nothing_lost(client, supervisor)
        self.assertGreater(result["announced"], 0, "a restart announces the close of what is kept")

    def test_upgrades(self):
        supervisor = self.supervise([], config="drain_timeout: 10s\n")
        client = self.load()
        observe(PAUSE)
        for _ in range(3 if IS_LONG else 2):
            former = supervisor.upgrade()
            self.assertNotEqual(former, supervisor.main)
            observe(PAUSE)
            self.assertEqual(supervisor.reap(former), 0)
        result = self.assert_nothing_lost(client, supervisor)
        self.assertGreater(result["announced"], 0, "the former process announces the close of what is kept")
        # Who leaves keeps what it announced: nothing is closed without a word.
        self.assertEqual(result.get("closed_idle", 0), 0, result)


if __name__ == "__main__":
    unittest.main()
