"""What a leak must not cost others: apps in order, of all the kinds that short timeouts punish, beside a leaker.

The leaker makes a connection for each request, HTTP and HTTPS in turn (T1 and T2). Its neighbour is another
user, or another control group, or lives in the leaker's own process and talks to another destination. weir has
its default settings; only the POSTs that meet client.idle_timeout have it lowered, as 10,000 of them would
take hours.

The full lengths are answers that take 60 s, gaps of 30 s, pauses of 60 s, a word every 20 s, silence of four
minutes; WEIR_TEST_LONG=1 has them, in five minutes for the whole file. Without it all of these are divided by
6, still three times leak_idle_timeout (2 s) where they are longer, and nothing of weir's is; of the POSTs at
exactly 2 s there are a fifth, and client.idle_timeout is 400 ms instead of 1 s.
"""

import json
import os
import unittest

import leaklab
from cgroups import Cgroup

LONG = os.environ.get("WEIR_TEST_LONG") == "1"
SCALE = 1 if LONG else 6
#: New connections a second, HTTP and HTTPS together.
RATE = 110
LEAKING_USER, HEALTHY_USER = 61001, 61002
#: Which origin the healthy things of a leaking process talk to; the leak goes to the first.
OTHER_ORIGIN = 3
THINGS = ("slow", "events", "pause", "keepalive", "websocket")
#: Room for a hundred connections with POSTs beside the leak; elsewhere 500 ports must do.
MORE_PORTS = (20000, 21499)
#: leak_idle_timeout, and so many POSTs on each connection.
LEAK_IDLE, LEAK_IDLE_POSTS = "2s", 100 if LONG else 20
CLIENT_IDLE, CLIENT_IDLE_POSTS = "1s" if LONG else "400ms", 100


def origins(number):
    return ",".join(leaklab.url(scheme, "", number) for scheme in ("http", "https"))


class CollateralTestCase(unittest.TestCase):
    def setUp(self):
        leaklab.build()

    def lab(self, settings=None, ports=leaklab.PORTS):
        return leaklab.Lab(True, settings, config_file=None, ports=ports)

    def healthy(self, lab, things, arguments, origin=0, cgroup=None):
        """The process with the healthy things; -scale does not shorten POSTs."""
        command = [os.path.join(leaklab.PROGRAMS, "healthy"), "-origins", origins(origin),
                   "-things", ",".join(things), "-scale", str(SCALE), *arguments]
        return lab.spawn(command, lab.environment(), cgroup)

    def leaker(self, lab, user=0, cgroup=None):
        """Leaks to the first origins until its standard input ends."""
        urls = ",".join(leaklab.url(scheme) for scheme in ("https", "http"))
        command = [os.path.join(leaklab.PROGRAMS, "leaky"), "-url", urls, "-rate", str(RATE),
                   "-n", "1000000", "-until-end", "-uid", str(user)]
        return lab.spawn(command, lab.environment(), cgroup)

    def findings(self, lab, process, leaker=None):
        """What the healthy process says, one by one, and then the leaker."""
        found = [json.loads(line) for line in process.stdout]
        self.assertEqual(process.wait(), 0)
        if leaker:
            leaker.stdin.close()
            said = json.loads(leaker.stdout.readline())
            found.append({"thing": "leak", "error": f"{said['failed']}, first {said['first_failure']}"
                          if said["failed"] else "", "counts": {"requests": said["requests"], "ok": said["ok"]}})
        found.append(self.arrivals(lab, found))
        return found

    def arrivals(self, lab, found):
        """Every POST that was sent must have come, once."""
        sent = sum(item["counts"]["sent"] for item in found if item["thing"] == "posts" and item["counts"])
        came = lab.control("/arrivals?prefix=post-")
        problem = ""
        if came["repeated"] or came["distinct"] != sent:
            problem = f"{sent} POSTs sent, {came['distinct']} came, more than once {came['repeated']}"
        return {"thing": "arrivals", "error": problem, "counts": {"sent": sent, "came": came["distinct"]}}

    def finish(self, lab, found, expected):
        for item in found:
            print(item)
        self.assertEqual(len(found), expected)
        self.assertEqual([item for item in found if item["error"]], [])
        lab.stop()


class CollateralUserTests(CollateralTestCase):
    """Another user, same origins. POSTs come when a leak's connections would be reaped."""

    def test_neighbour_is_another_user(self):
        with self.lab(ports=MORE_PORTS) as lab:
            leaker = self.leaker(lab, LEAKING_USER)
            process = self.healthy(lab, (*THINGS, "posts"), [
                "-uid", str(HEALTHY_USER), "-posts-spacing", LEAK_IDLE, "-posts-each", str(LEAK_IDLE_POSTS)])
            self.finish(lab, self.findings(lab, process, leaker), 2 * len(THINGS) + 4)


class CollateralCgroupTests(CollateralTestCase):
    """Another control group of the same user, same origins, in 500 ports."""

    def test_neighbour_is_another_cgroup(self):
        with Cgroup("leaker") as leaking, Cgroup("healthy") as healthy, self.lab() as lab:
            leaker = self.leaker(lab, cgroup=leaking)
            process = self.healthy(lab, THINGS, [], cgroup=healthy)
            self.finish(lab, self.findings(lab, process, leaker), 2 * len(THINGS) + 2)


class CollateralProcessTests(CollateralTestCase):
    """The leaker's own process, other origins."""

    def test_neighbour_is_the_leaker_itself(self):
        with self.lab(ports=MORE_PORTS) as lab:
            process = self.healthy(lab, (*THINGS, "posts"), [
                "-leak", ",".join(leaklab.url(scheme) for scheme in ("https", "http")),
                "-leak-rate", str(RATE), "-posts-spacing", LEAK_IDLE, "-posts-each", str(LEAK_IDLE_POSTS)],
                origin=OTHER_ORIGIN)
            self.finish(lab, self.findings(lab, process), 2 * len(THINGS) + 4)


class CollateralIdleTests(CollateralTestCase):
    """10,000 POSTs of a neighbour, each when weir's ordinary idle limit passes."""

    def test_posts_meet_the_idle_timeout(self):
        with self.lab({"client.idle_timeout": CLIENT_IDLE}, MORE_PORTS) as lab:
            leaker = self.leaker(lab, LEAKING_USER)
            process = self.healthy(lab, ("posts",), [
                "-uid", str(HEALTHY_USER), "-posts-spacing", CLIENT_IDLE,
                "-posts-each", str(CLIENT_IDLE_POSTS)])
            self.finish(lab, self.findings(lab, process, leaker), 4)


if __name__ == "__main__":
    unittest.main()
