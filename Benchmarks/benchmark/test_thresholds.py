"""The comparer can fail, and the committed thresholds are each able to."""

import pathlib
import unittest

from benchmark import check, thresholds

COMMITTED = pathlib.Path(__file__).resolve().parent.parent / "thresholds.toml"
TEXT = """
"a" = { most = 4, unit = "calls" }
"b" = { most = 0.1, unit = "calls" }
"""


class Comparer(unittest.TestCase):
    def setUp(self):
        self.thresholds = thresholds.read(TEXT)

    def test_what_holds_says_nothing(self):
        self.assertEqual(thresholds.broken(self.thresholds, {"a": 4, "b": 0}), [])

    def test_each_broken_one_is_a_line(self):
        lines = thresholds.broken(self.thresholds, {"a": 4.001, "b": 0.2})
        self.assertEqual(lines, ["a: 4.001 calls, at most 4.000 are allowed",
                                 "b: 0.200 calls, at most 0.100 are allowed"])

    def test_what_is_not_measured_does_not_hold(self):
        self.assertEqual(thresholds.broken(self.thresholds, {"a": 4}), ["b: not measured (calls)"])

    def test_a_figure_without_a_threshold_is_told(self):
        self.assertEqual(thresholds.broken(self.thresholds, {"a": 1, "b": 0, "c": 1}), ["c: has no threshold"])


class Committed(unittest.TestCase):
    def test_each_can_break(self):
        committed = thresholds.read(COMMITTED.read_text())
        at_most = {threshold.key: threshold.most for threshold in committed}
        self.assertEqual(thresholds.broken(committed, at_most), [])
        for key, most in at_most.items():
            lines = thresholds.broken(committed, at_most | {key: most * 1.01 + 0.001})
            self.assertEqual([line.split(":")[0] for line in lines], [key])

    def test_each_is_measured_and_each_figure_has_one(self):
        committed = {threshold.key for threshold in thresholds.read(COMMITTED.read_text())}
        self.assertEqual(committed, set(check.FIGURES))


if __name__ == "__main__":
    unittest.main()
