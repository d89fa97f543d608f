"""Thresholds of counts: reading them, and what of a measurement breaks them."""

import tomllib
from typing import NamedTuple


class Threshold(NamedTuple):
    """The most that a figure may be."""

    key: str
    most: float
    unit: str

    def text(self, value):
        """A value with as many decimals as the threshold asks for."""
        decimals = 0 if self.most >= 1000 else 1 if self.most >= 100 else 3
        return f"{value:,.{decimals}f}"


def read(text):
    """The thresholds of a file, in its order."""
    return [Threshold(key, entry["most"], entry["unit"]) for key, entry in tomllib.loads(text).items()]


def broken(thresholds, values):
    """A line for each threshold that does not hold or was not measured, and for each figure that has none."""
    lines = []
    for threshold in thresholds:
        value = values.get(threshold.key)
        if value is None:
            lines.append(f"{threshold.key}: not measured ({threshold.unit})")
        elif value > threshold.most:
            lines.append(f"{threshold.key}: {threshold.text(value)} {threshold.unit}, at most"
                         f" {threshold.text(threshold.most)} are allowed")
    known = {threshold.key for threshold in thresholds}
    return lines + [f"{key}: has no threshold" for key in values if key not in known]
