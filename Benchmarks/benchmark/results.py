"""The values over the rounds."""

import statistics

# The name under which the load without a proxy is recorded.
DIRECT = "direct"


class Results:
    """Values by proxy and figure, and remarks on what could not be measured."""

    def __init__(self):
        self._values = {}
        self.remarks = []
        self.system_calls = []  # proxy, kind of exchange, calls by name
        self.failed = set()

    def add(self, proxy, values):
        for key, value in values.items():
            if value is not None:
                self._values.setdefault((proxy, key), []).append(value)

    def remark(self, proxy, what, reason):
        text = f"{proxy}, {what}: {reason}"
        if text not in self.remarks:
            self.remarks.append(text)

    def fail(self, proxy, what, reason):
        """A failed exchange: the values of that run are left out and the proxy is marked."""
        self.failed.add(proxy)
        self.remark(proxy, what, reason)

    def median(self, proxy, key):
        """The median; KEY.added is what the proxy adds to the same figure of the load without one."""
        if key.endswith(".added"):
            whole, without = (self.median(name, key.removesuffix(".added")) for name in (proxy, DIRECT))
            return None if whole is None or without is None or proxy == DIRECT else whole - without
        values = self._values.get((proxy, key))
        return statistics.median(values) if values else None

    def spread(self, proxy, key):
        """Lowest and highest value, or None."""
        values = self._values.get((proxy, key))
        return (min(values), max(values)) if values else None
