"""The values over the rounds."""

import statistics


class Results:
    """Values by proxy and figure, and remarks on what could not be measured."""

    def __init__(self):
        self._values = {}
        self.remarks = []
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
        values = self._values.get((proxy, key))
        return statistics.median(values) if values else None

    def spread(self, proxy, key):
        """Lowest and highest value, or None."""
        values = self._values.get((proxy, key))
        return (min(values), max(values)) if values else None

    def measured(self, key):
        """Names of the proxies that have a value."""
        return [proxy for proxy, known in self._values if known == key]
