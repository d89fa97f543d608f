"""Apps that look like a leak from afar, and are none: many processes with a connection each, and a reader who
fetches much at once and reads it late. weir has its default settings."""

import json
import os
import unittest

import leaklab
from cgroups import Cgroup
from weirprocess import PROXY_PORT

#: More than the evidence of a verdict (26), and half a minute of their rare requests.
WORKERS, WORKER_SECONDS = 48, 20
#: New requests a second and for how long: sixty answers lie unread at any time.
READER_RATE, READER_SECONDS = 50, 6


class HealthyOwnersTestCase(unittest.TestCase):
    def setUp(self):
        leaklab.build()

    def check(self, kind, count, seconds):
        """What the app says and what weir says of it; nothing was lost and nobody is called leaking."""
        script = os.path.join(leaklab.SOURCES, "worker_client.py")
        with Cgroup(kind) as group, leaklab.Lab(True, config_file=None) as lab:
            argv = ["/usr/bin/python3", script, kind, str(PROXY_PORT), str(count), str(seconds), leaklab.url("http")]
            line = lab.spawn(argv, cgroup=group).stdout.readline()
            self.assertTrue(line, "the app ended early")
            said = json.loads(line)
            owners = json.loads(lab.weir.admin("/leaks").content)["owners"]
            log = lab.weir.stderr()
            lab.stop()
        print(kind, said)
        self.assertEqual(said["ok"], said["requests"])
        self.assertEqual(said["closed"], 0, "connections were taken from it")
        self.assertEqual([(owner["verdict"], owner["reaped"]) for owner in owners], [("healthy", 0)])
        self.assertNotIn("leaks", log)
        return said


class ManyWorkersTests(HealthyOwnersTestCase):
    def test_many_processes_are_no_leak(self):
        said = self.check("workers", WORKERS, WORKER_SECONDS)
        self.assertGreater(said["opened"], 32, "too few to be mistaken for a leak")
        self.assertLessEqual(said["opened"], WORKERS)


class LateReadersTests(HealthyOwnersTestCase):
    def test_unread_answers_are_no_leak(self):
        said = self.check("readers", READER_RATE, READER_SECONDS)
        self.assertGreater(said["opened"], 42, "too few to be mistaken for a leak")
        self.assertLess(said["opened"], 2 * READER_RATE, "it does use them again")


if __name__ == "__main__":
    unittest.main()
