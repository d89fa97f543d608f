"""Fourteen apps that leak, 500 ports, and weir as it comes: no settings file, no setting.

Each app is a class, so that the runner overlaps them; those that take whole cores are named for it.
"""

import unittest

import leaklab
from leakyclients import KINDS

RATE = 200
PORT_COUNT = leaklab.PORTS[1] - leaklab.PORTS[0] + 1
#: Connections that may be left on a hop 5 s after the load.
MOST_LEFT = 2


class VerdictTestCase(unittest.TestCase):
    def check(self, name):
        leaklab.build(java=KINDS[name].language == "java")
        with leaklab.Lab(True, config_file=None) as lab:
            result = lab.run_kind(name, rate=RATE)
            lab.stop()
        print(name, result)
        problems = list(self.problems(result))
        self.assertEqual(problems, [], result)

    def problems(self, result):
        """All of them, because the first says little of the others."""
        if result.failures:
            yield f"{result.failures} requests failed: {result.failed}, first {result.first_failure}"
        hops = [("app", result.peak_held_app_hop, result.left_held_app_hop, result.left_states),
                ("upstream", result.peak_held_upstream_hop, result.left_held_upstream_hop,
                 result.left_upstream_states)]
        for hop, peak, left, states in hops:
            if peak >= PORT_COUNT / 2:
                yield f"{hop} hop: {peak} ports held at the peak"
            if left > MOST_LEFT:
                yield f"{hop} hop: {states} left after {leaklab.AFTERWARDS} s"


def _class_for(name):
    class VerdictTests(VerdictTestCase):
        def test_stops_the_leak(self):
            self.check(name)
    words = "".join(word.title() for word in name.split("-"))
    VerdictTests.__name__ = f"LeakVerdict{words}{'Greedy' if KINDS[name].greedy else ''}Tests"
    VerdictTests.__qualname__ = VerdictTests.__name__
    return VerdictTests


for _name in KINDS:
    _made = _class_for(_name)
    globals()[_made.__name__] = _made
del _made


if __name__ == "__main__":
    unittest.main()
