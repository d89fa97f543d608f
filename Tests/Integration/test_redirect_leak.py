"""The founding leak as it is, an app that knows of no proxy, 500 ports: redirected by user, control group and
unit, as an operator would do it."""

import json
import os
import subprocess
import time
import unittest

import leaklab
import sockettable
from cgroups import Cgroup
from eventually import eventually, observe
from redirectlab import weirctl

USER = 61301
INTERCEPT_PORT = 3129
#: What an app that was told of no proxy has.
NO_PROXY = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "no_proxy"), "")


class RedirectedLab(leaklab.Lab):
    """weir listens for redirected connections, and the origins' ports are redirected."""

    def __init__(self, via_weir=True):
        super().__init__(via_weir, settings={"redirect.listen": "on"}, config_file=None)

    def redirect(self, *arguments):
        done = subprocess.run(self.namespace.command(weirctl(), "redirect", *arguments), capture_output=True,
                              text=True, timeout=30, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{arguments}: {done.stderr}")
        return done.stdout

    def held_by_app(self):
        """Connections that weir has from the app, whatever their state but TIME-WAIT."""
        return len([row for row in sockettable.rows(self.namespace)
                    if row.local_port == INTERCEPT_PORT and row.state != "TIME-WAIT"])

    def run_leaky(self, scheme, user=-1, cgroup=None, requests=2000):
        argv = [os.path.join(leaklab.PROGRAMS, "leaky"), "-url", leaklab.url(scheme), "-n", str(requests),
                "-rate", "200", "-hold", "-uid", str(user)]
        app = self.spawn(argv, NO_PROXY, cgroup=cgroup)
        said = json.loads(app.stdout.readline())
        ended = time.monotonic()
        observe(max(0, ended + leaklab.AFTERWARDS - time.monotonic()))
        return app, said

    def end(self, app):
        app.kill()
        app.wait()


class RedirectLeakTestCase(unittest.TestCase):
    def setUp(self):
        leaklab.build()

    def assert_delivered(self, lab, said, scheme):
        print({key: said[key] for key in ("requests", "ok", "failed", "slowest_ms") if key in said},
              f"held {lab.held_by_app()}, origin {lab.counters()[scheme]['connections']}")
        self.assertEqual((said["requests"], said["ok"], said["failed"]), (2000, 2000, {}), said["first_failure"])
        self.assertLessEqual(lab.held_by_app(), 2)
        if scheme == "http":
            self.assertLessEqual(lab.counters()[scheme]["connections"], 8)

    def deliver(self, scheme, select, user=-1, cgroup=None):
        with RedirectedLab() as lab:
            ports = ",".join(str(port) for port in leaklab.ORIGIN_PORTS[scheme])
            try:
                lab.redirect("up", *select, "--ports", ports)
                app, said = lab.run_leaky(scheme, user, cgroup)
                self.assert_delivered(lab, said, scheme)
                shown = json.loads(lab.redirect("show", "--json"))["redirections"][0]
                counted = shown["rules"][0]["connections"]
                print(f"{counted} connections redirected")
                # A connection between the ports of one that was just reset is led as that was, and not counted.
                self.assertGreater(counted, 500)
                lab.end(app)
            finally:
                lab.redirect("down")
            # The keeper may stay for what was open.
            eventually(lambda: lab.redirect("down") and "weir" not in lab.namespace.run("nft", "list", "tables"), 10,
                       "nothing is left")

    def deliver_from(self, name, scheme, option):
        with Cgroup(name) as group:
            value = os.path.basename(group.path) if option == "--unit" else group.path
            self.deliver(scheme, (option, value), cgroup=group)


class RedirectLeakBaselineTests(RedirectLeakTestCase):
    def test_without_rules_the_ports_run_out(self):
        """weir is there, and nobody leads the app to it."""
        with RedirectedLab() as lab:
            _, said = lab.run_leaky("http", USER, requests=800)
        self.assertEqual((said["ok"], said["failed"]), (500, {"EADDRNOTAVAIL": 300}))


class RedirectLeakUserTests(RedirectLeakTestCase):
    def test_t1_https_by_user(self):
        self.deliver("https", ("--uid", str(USER)), USER)

    def test_t2_http_by_user(self):
        self.deliver("http", ("--uid", str(USER)), USER)


class RedirectLeakGroupTests(RedirectLeakTestCase):
    def test_t1_https_by_control_group(self):
        self.deliver_from("leaky", "https", "--cgroup")

    def test_t2_http_by_control_group(self):
        self.deliver_from("leaky", "http", "--cgroup")


class RedirectLeakUnitTests(RedirectLeakTestCase):
    def test_t1_https_by_unit(self):
        self.deliver_from("leaky.service", "https", "--unit")

    def test_t2_http_by_unit(self):
        self.deliver_from("leaky.service", "http", "--unit")


class RedirectKillTests(RedirectLeakTestCase):
    def test_weir_is_killed_under_load(self):
        """New connections of the app go directly within a second of the kill."""
        with RedirectedLab() as lab:
            try:
                lab.redirect("up", "--uid", str(USER), "--ports", str(leaklab.ORIGIN_PORTS["http"][0]))
                argv = [os.path.join(leaklab.PROGRAMS, "leaky"), "-url", leaklab.url("http"), "-remedy", "no-keep-alive",
                        "-n", "1200", "-rate", "200", "-uid", str(USER)]
                app = lab.spawn(argv, NO_PROXY)
                eventually(lambda: lab.counters()["http"]["requests"] > 400, 10, "the load is on")
                lab.weir.process.kill()
                lab.weir.process.wait()
                said = json.loads(app.stdout.readline())
                print({key: said[key] for key in ("requests", "ok", "failed")})
                failed = sum(said["failed"].values())
                # A second at this rate is 200 requests.
                self.assertLess(failed, 200)
                self.assertGreater(said["ok"], 1000)
                lab.weir.exit_code = -9
            finally:
                lab.redirect("down")


if __name__ == "__main__":
    unittest.main()
