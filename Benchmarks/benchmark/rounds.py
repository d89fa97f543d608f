"""What is done with each proxy in a round."""

import time
from typing import NamedTuple

from . import load, parked, syscalls
from .proxies import Instance


def _kinds(proxy):
    """Loads that make sense for a proxy: figures by prefix, and what they are called."""
    one_shot = {"one_shot": "one-shot"}
    return {"keep_alive": "keep-alive", **one_shot} if proxy.persistent else one_shot


class Plan(NamedTuple):
    """How long and how much is measured."""

    rounds: int
    seconds: int
    warm_up: int
    traced_seconds: int
    parked: int


class Bench:
    """The parts that every measurement needs."""

    def __init__(self, plan, tools, origin, cores, directory, descriptors, results):
        self.plan = plan
        self.tools = tools
        self.origin = origin
        self.cores = cores
        self.directory = directory
        self.descriptors = descriptors
        self.results = results

    def round(self, proxies, tell):
        for proxy in proxies:
            tell(proxy.name)
            self._with_instance(proxy, self._memory)
            self._with_instance(proxy, self._load)

    def trace(self, proxies, tell):
        for proxy in proxies:
            tell(f"{proxy.name} under strace")
            self._with_instance(proxy, self._syscalls)

    def _with_instance(self, proxy, work):
        """A fresh process each time, so that no measurement sees the memory of another."""
        try:
            instance = Instance(proxy, self.cores.proxy, self.origin, self.directory, self.descriptors)
        except RuntimeError as error:
            self.results.fail(proxy.name, "start", error)
            return
        try:
            work(proxy, instance)
        finally:
            instance.stop()

    def _memory(self, proxy, instance):
        time.sleep(0.3)
        memory = instance.child.memory()
        self.results.add(proxy.name, {
            "start": instance.start_to_answer,
            "idle.resident": memory.resident / 1024,
            "idle.anonymous": memory.anonymous / 1024,
        })
        if not proxy.persistent:
            return
        value, reason = parked.bytes_per_connection(instance, self.origin, self.plan.parked)
        if value is None:
            self.results.fail(proxy.name, "parked connections", reason)
        else:
            self.results.add(proxy.name, {"parked.bytes": value})

    def _load(self, proxy, instance):
        for kind, title in _kinds(proxy).items():
            values, faults = load.measure(
                self.tools["wrk"], instance, self.origin, self.plan, one_shot=kind == "one_shot")
            if faults:
                self.results.fail(proxy.name, title, "; ".join(faults))
            self.results.add(proxy.name, values)

    def _syscalls(self, proxy, instance):
        for kind, title in _kinds(proxy).items():
            value, text = syscalls.per_request(
                self.tools["strace"], self.tools["wrk"], instance, self.origin, self.cores.load,
                self.directory, self.plan.traced_seconds, one_shot=kind == "one_shot")
            if value is None:
                self.results.remark(proxy.name, f"system calls of {title}", text)
            else:
                self.results.add(proxy.name, {f"{kind}.syscalls": value})
                self.results.remark(proxy.name, f"system calls of {title}", text)
