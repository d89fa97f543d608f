"""`weirctl reap` beside leaky apps that no proxy stands before: ports last, and nobody else in the same control
group is cut, though they talk to the very same destination.

The neighbours are those of the collateral tests: answers that take 60 s, an event stream with gaps of 30 s, a
client that speaks every 20 s; without WEIR_TEST_LONG=1 all of it divided by 6.
"""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import unittest

import leaklab
import sockettable
from cgroups import Cgroup
from eventually import Stopwatch, eventually
from weirctl import Weirctl, run
from weirprocess import NotifySocket

LONG = os.environ.get("WEIR_TEST_LONG") == "1"
SCALE = 1 if LONG else 6
THINGS = ("slow", "events", "keepalive")
LEAKER, NOBODY = 61001, 61004
#: How many idle connections are kept by owner and destination.
BUDGET = 8


class ReapTestCase(unittest.TestCase):
    def setUp(self):
        leaklab.build()

    @contextlib.contextmanager
    def running(self, ports=leaklab.PORTS):
        """A lab without weir, and a control group of the app's."""
        with Cgroup("payments.service") as group, leaklab.Lab(False, ports=ports) as lab:
            yield lab, group
            lab.stop()

    def reaper(self, lab, *arguments, **options):
        reaper = Weirctl(lab.namespace, "reap", *arguments, **options)
        self.addCleanup(reaper.destroy)
        reaper.wait_for("watching")
        return reaper

    def healthy(self, lab, group, scheme, things=THINGS):
        """The neighbours, each of which has its connection when this returns."""
        command = [os.path.join(leaklab.PROGRAMS, "healthy"), "-origins", leaklab.url(scheme, ""),
                   "-things", ",".join(things), "-scale", str(SCALE)]
        process = lab.spawn(command, lab.environment(), group)
        eventually(lambda: lab.counters()[scheme]["connections"] >= len(things), 10, "the neighbours are there")
        return process

    def leak(self, lab, group, scheme, count=2000, rate=200):
        """What the unchanged app says of its requests; it keeps what it holds."""
        command = [os.path.join(leaklab.PROGRAMS, "leaky"), "-url", leaklab.url(scheme), "-n", str(count),
                   "-rate", str(rate), "-hold"]
        return lab.spawn(command, lab.environment(), group)

    def held(self, lab, scheme):
        """Connections that the apps hold."""
        port = leaklab.ORIGIN_PORTS[scheme][0]
        return [row for row in sockettable.toward(sockettable.rows(lab.namespace), port)
                if row.state != "TIME-WAIT"]

    def assert_neighbours(self, process, things=THINGS):
        found = [json.loads(line) for line in process.stdout]
        self.assertEqual(process.wait(), 0)
        for item in found:
            print(item)
        self.assertEqual([item for item in found if item["error"]], [])
        self.assertEqual(len(found), len(things))
        for item in found:
            if item["thing"] in ("slow", "keepalive"):
                self.assertEqual(item["counts"]["opened"], 1, "its connection was cut")


class ReapScenarioTestCase(ReapTestCase):
    def assert_cured(self, scheme, choice):
        with self.running() as (lab, group):
            reaper = self.reaper(lab, "--enforce", *choice(group))
            watch, before = Stopwatch(), reaper.cpu_seconds()
            healthy = self.healthy(lab, group, scheme)
            leaky = self.leak(lab, group, scheme)
            said = json.loads(leaky.stdout.readline())
            print(said)
            self.assertEqual((said["ok"], said["failed"]), (2000, {}), said["first_failure"])
            eventually(lambda: len(self.held(lab, scheme)) <= BUDGET + len(THINGS), 10,
                       lambda: f"drained: {len(self.held(lab, scheme))} held")
            # It goes on while the neighbours do.
            more = self.leak(lab, group, scheme, count=1_000_000, rate=20)
            self.assert_neighbours(healthy)
            share = (reaper.cpu_seconds() - before) / watch.seconds
            more.kill()
            self.assertEqual(reaper.stop(), 0, reaper.lines)
            print("\n".join(reaper.lines), f"\nCPU {share:.2%}")
            self.assertTrue(any(line.startswith("leaking: ") for line in reaper.lines), reaper.lines)


class ReapHTTPTests(ReapScenarioTestCase):
    def test_t2_by_control_group(self):
        self.assert_cured("http", lambda group: ["--cgroup", group.path])


class ReapHTTPSTests(ReapScenarioTestCase):
    def test_t1_by_unit(self):
        self.assert_cured("https", lambda group: ["--unit", os.path.basename(group.path)])


class ReapTicketTests(ReapTestCase):
    """An origin on OpenSSL: session tickets come behind the handshake, so that a connection whose answer is
    awaited has received bytes last, as one that leaks."""

    PORT, AT_A_TIME = 8944, 20

    def origin(self, lab):
        directory = self.enterContext(tempfile.TemporaryDirectory(prefix="weir-test-"))
        key, certificate = os.path.join(directory, "key"), os.path.join(directory, "certificate")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=origin",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        pem = os.path.join(directory, "both")
        with open(pem, "wb") as both:
            for name in (key, certificate):
                with open(name, "rb") as part:
                    both.write(part.read())
        script = os.path.join(leaklab.SOURCES, "tickets_origin.py")
        process = lab.spawn(["/usr/bin/python3", script, leaklab.ORIGIN_ADDRESS, str(self.PORT), pem])
        self.assertTrue(process.stdout.readline())
        return f"https://{leaklab.ORIGIN_ADDRESS}:{self.PORT}"

    def test_awaited_answers_are_told_from_leaked_connections(self):
        with self.running() as (lab, group):
            origin = self.origin(lab)
            reaper = self.reaper(lab, "--enforce", "--verbose", "--cgroup", group.path)
            leaky = lab.spawn([os.path.join(leaklab.PROGRAMS, "leaky"), "-url", origin + "/", "-n", "1000000",
                               "-rate", "60", "-until-end"], lab.environment(), group)
            # What it has reaped tells what others have received less than.
            reaper.wait_for("closed ")
            # Four answers after 6 s each, far more of them at a time than the budget keeps.
            slow = lab.spawn([os.path.join(leaklab.PROGRAMS, "healthy"), "-origins",
                              ",".join([origin] * self.AT_A_TIME), "-things", "slow", "-scale", "10"],
                             lab.environment(), group)
            self.assert_neighbours(slow, ["slow"] * self.AT_A_TIME)
            leaky.stdin.close()
            said = json.loads(leaky.stdout.readline())
            self.assertEqual(said["failed"], {})
            self.assertGreater(said["requests"], 1000)
            self.assertEqual(reaper.stop(), 0)
            closed = int(reaper.lines[-1].split()[1].rstrip(";"))
            self.assertGreater(closed, said["requests"] - 200, reaper.lines)


class ReapCommandTests(ReapTestCase):
    def test_a_dry_run_closes_nothing_and_needs_no_privilege(self):
        with self.running() as (lab, group):
            reaper = self.reaper(lab, "--cgroup", group.path, user=NOBODY)
            leaky = self.leak(lab, group, "http", count=300)
            said = json.loads(leaky.stdout.readline())
            self.assertEqual((said["ok"], said["failed"]), (300, {}))
            eventually(lambda: self.told(reaper) == 300 - BUDGET, 10, lambda: f"all are told: {self.told(reaper)}")
            self.assertEqual(len(self.held(lab, "http")), 300)
            self.assertEqual(reaper.stop(signal.SIGINT), 0)
            self.assertEqual(reaper.lines[-1], "would have closed 292")

    @staticmethod
    def told(reaper):
        """How many connections it would close: a line for each, and for those beyond some a number."""
        lines = list(reaper.lines)
        more = [int(line.split()[2]) for line in lines if line.startswith("… and ")]
        return sum(line.startswith("would close ") for line in lines) + sum(more)

    def test_once(self):
        with self.running() as (lab, group):
            leaky = self.leak(lab, group, "http", count=30)
            leaky.stdout.readline()
            choice = ("--once", "--idle-timeout", "200ms", "--cgroup", group.path)

            def told():
                done = run(lab.namespace, "reap", *choice)
                return done.returncode == 3 and done.stdout.count("would close ") == 22

            eventually(told, 5, "it finds all but the budget")
            self.assertEqual(len(self.held(lab, "http")), 30)
            done = run(lab.namespace, "reap", "--enforce", *choice)
            self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
            self.assertEqual(len(self.held(lab, "http")), BUDGET)
            self.assertEqual(run(lab.namespace, "reap", *choice).returncode, 0)

    def test_only_the_chosen_are_touched(self):
        with self.running() as (lab, group), Cgroup("other") as other:
            apps = [self.leak(lab, chosen, "http", count=30) for chosen in (group, other)]
            for app in apps:
                app.stdout.readline()
            eventually(lambda: run(lab.namespace, "reap", "--enforce", "--once", "--idle-timeout", "200ms",
                                   "--cgroup", group.path).returncode == 0
                       and len(self.held(lab, "http")) == 30 + BUDGET, 5, "22 of one are closed", interval=0.3)
            lab.stop()

    def test_a_user_is_chosen_and_one_capability_is_enough(self):
        """As weir-reap@.service runs it: another user, with CAP_NET_ADMIN and nothing else."""
        with self.running() as (lab, group):
            command = [os.path.join(leaklab.PROGRAMS, "leaky"), "-url", leaklab.url("http"), "-n", "30",
                       "-rate", "200", "-hold", "-uid", str(LEAKER)]
            for argv in (command, [*command[:-1], str(LEAKER + 1)]):
                lab.spawn(argv, lab.environment(), group).stdout.readline()

            def closed():
                done = run(lab.namespace, "reap", "--enforce", "--once", "--idle-timeout", "200ms", "--uid",
                           str(LEAKER), user=NOBODY, capability="net_admin")
                self.assertEqual((done.returncode, done.stderr), (0, ""), done)
                return len(self.held(lab, "http")) == 30 + BUDGET

            eventually(closed, 5, "22 of one user's are closed")

    def test_a_unit_that_does_not_run_is_waited_for(self):
        with leaklab.Lab(False) as lab:
            reaper = self.reaper(lab, "--enforce", "--max-idle", "0", "--leak-idle-timeout", "200ms",
                                 "--idle-timeout", "1s", "--unit", f"weir-test-{os.getpid()}-late.service")
            reaper.wait_for("waiting for")
            group = Cgroup("late.service")
            group.path = f"/weir-test-{os.getpid()}-late.service"
            group.directory = os.path.dirname(group.directory) + group.path
            with group:
                leaky = self.leak(lab, group, "http", count=5)
                leaky.stdout.readline()
                eventually(lambda: not self.held(lab, "http"), 10, "all are closed")
                lab.stop()
            self.assertEqual(reaper.stop(), 0)

    def test_readiness_is_told(self):
        with self.running() as (lab, group), contextlib.ExitStack() as stack:
            notify = NotifySocket(stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-test-")))
            stack.callback(notify.close)
            reaper = self.reaper(lab, "--cgroup", group.path,
                                 environment=dict(os.environ, NOTIFY_SOCKET=notify.path))
            notify.wait_for("READY=1")
            self.assertEqual(reaper.stop(), 0)
            notify.wait_for("STOPPING=1")

    def test_bad_input_is_told_in_a_line(self):
        with self.running() as (lab, group):
            for arguments, status, text in [
                    ((), 64, "--unit, --uid or --cgroup, or --all"),
                    (("--all", "--uid", "0"), 64, "--all takes no"),
                    (("--uid", "no-such-user"), 1, "there is no user 'no-such-user'"),
                    (("--cgroup", "relative"), 64, "/system.slice/payments.service"),
                    (("--unit", "a/b.service"), 64, "no unit's name"),
                    (("--all", "--max-idle", "-1"), 64, "max-idle"),
                    (("--all", "--idle-timeout", "soon"), 64, "soon"),
                    (("--all", "--interval", "1ms"), 64, "50ms and more")]:
                done = run(lab.namespace, "reap", *arguments)
                self.assertEqual(done.returncode, status, done)
                self.assertIn(text, done.stderr)
                self.assertEqual(done.stdout, "")
            done = run(lab.namespace, "reap", "--enforce", "--cgroup", group.path, user=NOBODY)
            self.assertEqual(done.returncode, 1, done)
            self.assertRegex(done.stderr, r"^weirctl: [^\n]*CAP_NET_ADMIN[^\n]*\n$")


if __name__ == "__main__":
    unittest.main()
